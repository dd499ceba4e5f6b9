//! <https://docs.github.com/rest/packages/packages>
//!
//! A version is a digest with all its tags.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{ACCOUNT, Call, Done, Right, State, decoded};

pub(super) fn answer(state: &mut State, call: &Call, parts: &[&str], address: SocketAddr) -> Done {
    if call.bearer() != Some(ACCOUNT.1) {
        return Done::json(401, json!({"message": "Bad credentials", "status": "401"}));
    }
    if call.header("x-github-api-version").is_none() {
        return Done::json(400, json!({"message": "no version"}));
    }
    let missing = || Done::json(404, json!({"message": "Package not found.", "status": "404"}));
    let [kind, owner, "packages", "container", name, "versions", rest @ ..] = parts else {
        return missing();
    };
    if (*kind == "users") != state.users.contains(*owner) {
        return missing();
    }
    let right = state.right;
    let Some(listed) = state.repositories.get_mut(&format!("{owner}/{}", decoded(name))) else {
        return missing();
    };
    let mut versions: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for (tag, digest) in &listed.tags {
        versions.entry(digest).or_default().push(tag);
    }
    let versions: Vec<Value> = versions
        .into_iter()
        .map(|(digest, tags)| {
            json!({"id": id(digest), "name": digest,
                "metadata": {"package_type": "container", "container": {"tags": tags}}})
        })
        .collect();
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            let (page, link) = call.page(&versions, &format!("http://{address}"));
            Done::json(200, page.into()).header("link", link)
        }
        ("DELETE", [_]) if right == Right::Read => Done::json(
            403,
            json!({"message": "You need at least delete:packages scope to delete a package version."}),
        ),
        ("DELETE", [id]) => {
            let version = versions
                .iter()
                .find(|version| version["id"].as_u64() == id.parse().ok());
            let Some(digest) = version.and_then(|version| version["name"].as_str()) else {
                return missing();
            };
            if versions.len() == 1 {
                let message = "You cannot delete the last tagged version of a package. You must delete the package instead.";
                return Done::json(400, json!({"message": message}));
            }
            listed.tags.retain(|_, at| at != digest);
            Done::empty(204)
        }
        _ => missing(),
    }
}

/// The same for a digest as long as it is there.
fn id(digest: &str) -> u64 {
    let hex = digest.trim_start_matches("sha256:");
    u64::from_str_radix(&hex[..8], 16).expect("a digest")
}
