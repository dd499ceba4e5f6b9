//! <https://docs.gitlab.com/api/container_registry/>
//!
//! A project has a path of two parts; its repositories of images are those below it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{ACCOUNT, Call, Done, Right, State, decoded};

pub(super) fn answer(state: &mut State, call: &Call, parts: &[&str], address: SocketAddr) -> Done {
    let token = call.header("private-token").or_else(|| call.header("job-token"));
    if token != Some(ACCOUNT.1) {
        return Done::json(401, json!({"message": "401 Unauthorized"}));
    }
    let ["projects", project, "registry", "repositories", rest @ ..] = parts else {
        return Done::json(404, json!({"error": "404 Not Found"}));
    };
    let project = decoded(project);
    let below = |name: &&String| **name == project || name.starts_with(&format!("{project}/"));
    let names: Vec<String> = state.repositories.keys().filter(below).cloned().collect();
    if project.split('/').count() != 2 || names.is_empty() {
        return Done::json(404, json!({"message": "404 Project Not Found"}));
    }
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            let (page, link) = call.page(&names, &format!("http://{address}"));
            let id = |name: &String| names.iter().position(|known| known == name).map(|at| at + 7);
            let entry =
                |name: &String| json!({"id": id(name), "path": name, "location": format!("r/{name}")});
            let page: Vec<Value> = page.iter().map(entry).collect();
            Done::json(200, page.into()).header("link", link)
        }
        ("DELETE", [_, "tags", _]) if state.right == Right::Read => {
            Done::json(403, json!({"message": "403 Forbidden"}))
        }
        ("DELETE", [id, "tags", tag]) => {
            let at = id.parse::<usize>().ok().and_then(|id| id.checked_sub(7));
            let listed = at.and_then(|at| state.repositories.get_mut(names.get(at)?));
            match listed.and_then(|listed| listed.tags.remove(*tag)) {
                Some(_) => Done::json(200, json!(200)),
                None => Done::json(404, json!({"message": "404 Tag Not Found"})),
            }
        }
        _ => Done::json(405, json!({"error": "405 Not Allowed"})),
    }
}
