//! <https://docs.docker.com/reference/api/hub/latest/>

use serde_json::json;

use super::{ACCOUNT, Call, Done, Right, State};

pub(super) fn answer(state: &mut State, call: &Call, parts: &[&str]) -> Done {
    match (call.method.as_str(), parts) {
        ("POST", ["auth", "token"]) => sign_in(state, call),
        (_, ["repositories", namespace, name, rest @ ..]) => {
            // As many servers have it: the path with a slash is the right one.
            if !call.path.ends_with('/') {
                return Done::empty(301).header("location", Some(format!("{}/", call.path)));
            }
            if !call.bearer().is_some_and(|token| state.tokens.contains(token)) {
                return Done::json(
                    401,
                    json!({"detail": "Authentication credentials were not provided."}),
                );
            }
            repository(state, call, &format!("{namespace}/{name}"), rest)
        }
        _ => Done::json(404, json!({"message": "404 page not found"})),
    }
}

fn sign_in(state: &mut State, call: &Call) -> Done {
    let sent = (call.body["identifier"].as_str(), call.body["secret"].as_str());
    if sent != (Some(ACCOUNT.0), Some(ACCOUNT.1)) {
        return Done::json(
            401,
            json!({"detail": "Incorrect authentication credentials", "message": "unauthorized"}),
        );
    }
    state.issued += 1;
    let token = format!("session-{}", state.issued);
    state.tokens.insert(token.clone());
    Done::json(200, json!({"access_token": token}))
}

fn repository(state: &mut State, call: &Call, name: &str, rest: &[&str]) -> Done {
    let right = state.right;
    let Some(listed) = state.repositories.get_mut(name) else {
        return Done::json(
            404,
            json!({"message": "object not found", "errinfo": {"repository": name}}),
        );
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => Done::json(
            200,
            json!({"full_description": listed.text, "description": listed.summary}),
        ),
        ("PATCH", []) if right == Right::Read => Done::json(
            403,
            json!({"message": "access to the resource is forbidden with personal access token"}),
        ),
        ("PATCH", []) => {
            let text = call.body["full_description"].as_str();
            let summary = call.body["description"].as_str();
            let long = |text: Option<&str>, most| text.is_some_and(|text| text.len() > most);
            if long(text, 25_000) || long(summary, 100) {
                return Done::json(
                    400,
                    json!({"message": "Ensure this field has no more characters."}),
                );
            }
            listed.text = text.map_or(listed.text.clone(), str::to_owned);
            listed.summary = summary.map_or(listed.summary.clone(), str::to_owned);
            Done::json(200, json!({"full_description": listed.text}))
        }
        ("DELETE", ["tags", _]) if right == Right::Read => Done::json(
            500,
            json!({"message": "unexpected status from backend: 401 Unauthorized"}),
        ),
        ("DELETE", ["tags", tag]) => match listed.tags.remove(*tag) {
            Some(_) => Done::empty(204),
            None => Done::json(404, json!({"message": "tag not found"})),
        },
        _ => Done::json(405, json!({"message": "method not allowed"})),
    }
}
