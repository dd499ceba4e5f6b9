//! <https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/>

use serde_json::{Value, json};

use super::{ACCOUNT, Call, Done, Right, State};

pub(super) fn answer(state: &mut State, call: &Call, parts: &[&str]) -> Done {
    if call.bearer() != Some(ACCOUNT.1) {
        return Done::json(401, error(401, "invalid_token", "Requires authentication"));
    }
    let ["repository", namespace, name, rest @ ..] = parts else {
        return Done::json(404, error(404, "not_found", "Not Found"));
    };
    let right = state.right;
    let Some(listed) = state.repositories.get_mut(&format!("{namespace}/{name}")) else {
        return Done::json(404, error(404, "not_found", "Not Found"));
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => Done::json(
            200,
            json!({"name": name, "description": listed.text, "is_public": true}),
        ),
        ("PUT" | "DELETE", _) if right == Right::Read => {
            Done::json(403, error(403, "insufficient_scope", "Unauthorized"))
        }
        ("PUT", []) => {
            listed.text = call.body["description"].as_str().unwrap_or_default().to_owned();
            Done::json(200, json!({"success": true}))
        }
        ("DELETE", ["tag", tag]) => match listed.tags.remove(*tag) {
            Some(_) => Done::empty(204),
            None => Done::json(404, error(404, "not_found", "Not Found")),
        },
        _ => Done::json(405, error(405, "invalid_method", "no")),
    }
}

fn error(status: u16, kind: &str, detail: &str) -> Value {
    json!({"detail": detail, "error_message": detail, "error_type": kind, "title": kind, "status": status})
}
