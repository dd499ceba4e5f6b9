//! <https://github.com/goharbor/harbor/blob/v2.11.0/api/v2.0/swagger.yaml>

use serde_json::{Value, json};

use super::{Call, Done, Right, State, decoded};

pub(super) fn answer(state: &mut State, call: &Call, parts: &[&str]) -> Done {
    if !call.is_basic() {
        return Done::json(401, error("UNAUTHORIZED", "unauthorized"));
    }
    let ["projects", project, "repositories", name, rest @ ..] = parts else {
        return Done::json(
            404,
            error("NOT_FOUND", &format!("path {} was not found", call.path)),
        );
    };
    if call.header("x-is-resource-name") != Some("true") && project.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Done::json(404, error("NOT_FOUND", &format!("project {project} not found")));
    }
    // The server in front takes one layer of escapes away; a slash that shows then is one too many.
    let name = decoded(name);
    if name.contains('/') {
        return Done::json(
            404,
            error("NOT_FOUND", &format!("path {} was not found", call.path)),
        );
    }
    let (right, name) = (state.right, format!("{project}/{}", decoded(&name)));
    let Some(listed) = state.repositories.get_mut(&name) else {
        return Done::json(404, error("NOT_FOUND", &format!("repository {name} not found")));
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => Done::json(
            200,
            json!({"name": name, "description": listed.text, "artifact_count": 1}),
        ),
        ("PUT" | "DELETE", _) if right == Right::Read => Done::json(403, error("FORBIDDEN", "forbidden")),
        ("PUT", []) => {
            listed.text = call.body["description"].as_str().unwrap_or_default().to_owned();
            Done::empty(200)
        }
        ("DELETE", ["artifacts", digest, "tags", tag]) => {
            if listed.tags.get(*tag).is_some_and(|at| at == digest) {
                listed.tags.remove(*tag);
                Done::empty(200)
            } else {
                Done::json(
                    404,
                    error(
                        "NOT_FOUND",
                        &format!("tag {tag} attached to the artifact not found"),
                    ),
                )
            }
        }
        _ => Done::json(405, error("METHOD_NOT_ALLOWED", "no")),
    }
}

fn error(code: &str, message: &str) -> Value {
    json!({"errors": [{"code": code, "message": message}]})
}
