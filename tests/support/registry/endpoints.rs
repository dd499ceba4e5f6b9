//! The endpoints of the distribution specification, as a registry with habits of its own answers them.

use hyper::header::{LOCATION, RANGE, WWW_AUTHENTICATE};

use super::auth::{self, Auth};
use super::delete;
use super::fault::kind;
use super::habits::{Missing, Mount};
use super::store::{Refusal, Repository, sha256};
use super::wire::{Call, Done};
use super::{Location, Shared, State};

/// The answer to a request whose body is announced as too large; nothing of it is read.
pub(super) fn too_large(shared: &Shared, call: &Call, announced: u64) -> Option<Done> {
    let habits = &shared.setup.habits;
    let most = match (call.method.as_str(), kind(&call.path)) {
        ("PUT", "upload") => habits.largest_put?,
        ("PATCH", "upload") => habits.largest_part?,
        _ => return None,
    };
    let page = b"<html>413 Request Entity Too Large</html>".to_vec();
    (announced > most as u64).then(|| Done::new(413).body(page))
}

/// The connection of a request ended within its body.
pub(super) fn broken_off(shared: &Shared, call: &Call) {
    let item = call.path.rsplit('/').next().unwrap_or_default();
    let mut state = shared.state();
    if kind(&call.path) != "upload" {
        return;
    }
    if shared.setup.habits.cut_ends_session {
        state.store.sessions.remove(&item.parse().unwrap_or_default());
    } else if let ("PATCH", Some(bytes)) = (
        call.method.as_str(),
        state.store.sessions.get_mut(&item.parse().unwrap_or_default()),
    ) {
        bytes.extend_from_slice(&call.body);
    }
}

/// The answer to a request that was read; none where the connection ends instead.
pub(super) fn handle(shared: &Shared, call: &Call) -> Option<Done> {
    let mut state = shared.state();
    let state = &mut *state;
    let host = shared.address.to_string();
    let header = call.authorization.as_deref();
    let what = kind(&call.path);
    if what == "token" {
        let Auth::Bearer(bearer) = &shared.setup.auth else {
            return Some(Done::new(404));
        };
        let known = |name: &str| state.store.repositories.contains_key(name);
        let (status, body) = auth::token(bearer, &mut state.tokens, &call.query, header, &call.body, known);
        return Some(Done::new(status).body(body.into_bytes()));
    }
    let rest = call.path.strip_prefix("/v2/").unwrap_or_default();
    let separator = [
        "/blobs/uploads/",
        "/blobs/",
        "/manifests/",
        "/referrers/",
        "/tags/list",
    ]
    .into_iter()
    .find(|s| rest.contains(s));
    let (name, item) = separator
        .and_then(|separator| rest.split_once(separator))
        .unwrap_or_default();
    let writes = !matches!(call.method.as_str(), "GET" | "HEAD");
    let actions = match call.method.as_str() {
        "GET" | "HEAD" => "pull",
        "DELETE" => "delete",
        _ => "pull,push",
    };
    let scope = (!name.is_empty()).then(|| format!("repository:{name}:{actions}"));
    if let Some(challenge) = auth::refuse(&shared.setup.auth, &state.tokens, &host, header, scope) {
        let done = refused((401, "UNAUTHORIZED", "authentication required".to_owned()));
        return Some(match challenge {
            Some(challenge) => done.header(WWW_AUTHENTICATE.as_str(), challenge),
            None => done,
        });
    }
    if what == "root" {
        return Some(Done::new(200));
    }
    if !state.store.repositories.contains_key(name) {
        let unknown = (
            404,
            "NAME_UNKNOWN",
            "repository name not known to registry".to_owned(),
        );
        let missing = match shared.setup.habits.missing_repository {
            Missing::Made if shared.setup.fixed_repositories => Missing::Unknown,
            missing => missing,
        };
        match missing {
            _ if !writes => return Some(refused(unknown)),
            Missing::Made => {}
            Missing::Unknown => return Some(refused(unknown)),
            Missing::HangUp => return None,
            Missing::NoLocation => return Some(Done::new(202)),
        }
        state.store.repositories.entry(name.to_owned()).or_default();
    }
    let habits = &shared.setup.habits;
    Some(match (call.method.as_str(), what) {
        ("POST", "upload") => return open(shared, state, call, name),
        ("PATCH", "upload") => part(shared, state, call, name, item),
        ("PUT", "upload") => close(shared, state, call, name, item),
        ("GET", "upload") => match state.store.sessions.get(&item.parse().unwrap_or_default()) {
            Some(bytes) => Done::new(204)
                .header(
                    LOCATION.as_str(),
                    session(shared, name, item.parse().unwrap_or_default()),
                )
                .header(RANGE.as_str(), format!("0-{}", bytes.len().saturating_sub(1))),
            None => refused((404, "BLOB_UPLOAD_INVALID", "no such session".to_owned())),
        },
        ("GET" | "HEAD", "blob") => blob(shared, state.store.of(name), call, item),
        ("GET" | "HEAD", "manifest") => {
            let repository = state.store.of(name);
            let Some(digest) = repository.resolve(item) else {
                return Some(refused((
                    404,
                    "MANIFEST_UNKNOWN",
                    "manifest unknown to registry".to_owned(),
                )));
            };
            let (media_type, bytes) = repository.manifests[&digest].clone();
            let mut done = Done::new(200).header("content-type", media_type).body(bytes);
            if habits.etags {
                done = done.header("etag", format!("\"{digest}\""));
            }
            if habits.digest_header {
                done.header("docker-content-digest", digest)
            } else {
                done
            }
        }
        ("PUT", "manifest") => manifest(shared, state, call, name, item),
        ("DELETE", "manifest") => {
            let repository = state.store.repositories.get_mut(name).expect("made above");
            delete::manifest(habits, repository, item)
        }
        ("GET", "referrers") if habits.referrers => {
            let found = state.store.of(name).referrers(item);
            let index = serde_json::json!({"schemaVersion": 2, "manifests": found,
                "mediaType": "application/vnd.oci.image.index.v1+json"});
            Done::new(200)
                .header("content-type", "application/vnd.oci.image.index.v1+json")
                .body(index.to_string().into_bytes())
        }
        ("GET", "referrers") => Done::new(404),
        ("GET", "tags") => {
            let number = value(call, "n")
                .and_then(|n| n.parse().ok())
                .unwrap_or(usize::MAX);
            let last = value(call, "last").unwrap_or_default();
            let mut tags = state.store.of(name).tags.keys().filter(|tag| **tag > last);
            let page: Vec<&String> = tags.by_ref().take(number).collect();
            let body = serde_json::json!({"name": name, "tags": page}).to_string();
            let done = Done::new(200).body(body.into_bytes());
            match page.last().filter(|_| tags.next().is_some()) {
                Some(last) => done.header(
                    "link",
                    format!("</v2/{name}/tags/list?n={number}&last={last}>; rel=\"next\""),
                ),
                None => done,
            }
        }
        _ => Done::new(405),
    })
}

pub(super) fn refused((status, code, message): Refusal) -> Done {
    let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
    Done::new(status)
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
}

fn open(shared: &Shared, state: &mut State, call: &Call, name: &str) -> Option<Done> {
    let habits = &shared.setup.habits;
    if let (Some(digest), Some(from)) = (value(call, "mount"), value(call, "from")) {
        let readable = !matches!(shared.setup.auth, Auth::Bearer(_))
            || state
                .tokens
                .cover(call.authorization.as_deref(), &format!("repository:{from}:pull"));
        let source = state.store.repositories.get(&from);
        let found = source.and_then(|source| source.blobs.get(&digest)).cloned();
        let outcome = match found {
            _ if !readable => habits.mount_unread,
            Some(_) => habits.mount,
            None if habits.mount == Mount::Claimed => Mount::Claimed,
            None => Mount::Session,
        };
        match (outcome, &found) {
            (Mount::Claimed, _) | (Mount::Created, Some(_)) => {
                let repository = state.store.repositories.get_mut(name).expect("made before");
                if let Some(bytes) = found {
                    repository.blobs.insert(digest.clone(), bytes);
                }
                let place = format!("/v2/{name}/blobs/{digest}");
                return Some(
                    Done::new(201)
                        .header(LOCATION.as_str(), place)
                        .header("docker-content-digest", digest),
                );
            }
            (Mount::Status(status), _) => {
                return Some(refused((status, "DENIED", "this cannot be mounted".to_owned())));
            }
            (Mount::HangUp, _) => return None,
            _ => {}
        }
    }
    let id = state.store.open_session();
    let done = Done::new(202).header(LOCATION.as_str(), session(shared, name, id));
    Some(match habits.smallest_part {
        Some(smallest) => done.header("oci-chunk-min-length", smallest.to_string()),
        None => done,
    })
}

fn part(shared: &Shared, state: &mut State, call: &Call, name: &str, item: &str) -> Done {
    let habits = &shared.setup.habits;
    if !habits.parts {
        return refused((400, "UNSUPPORTED", "parts are not taken here".to_owned()));
    }
    let id: u64 = item.parse().unwrap_or_default();
    let smallest = habits.smallest_part.unwrap_or_default();
    let Some(bytes) = state.store.sessions.get_mut(&id) else {
        return refused((404, "BLOB_UPLOAD_UNKNOWN", "no such session".to_owned()));
    };
    let have = bytes.len();
    let start = call
        .content_range
        .as_ref()
        .and_then(|range| range.split_once('-')?.0.parse().ok());
    if start.is_some_and(|start: usize| start != have) {
        return refused((416, "BLOB_UPLOAD_INVALID", "another part was expected".to_owned()))
            .header(RANGE.as_str(), format!("0-{}", have.saturating_sub(1)))
            .header(LOCATION.as_str(), session(shared, name, id));
    }
    if !(have as u64).is_multiple_of(smallest.max(1)) {
        return refused((400, "SIZE_INVALID", "the part before was too small".to_owned()));
    }
    bytes.extend_from_slice(&call.body);
    let told = if habits.stale_range && have > 0 {
        0
    } else {
        bytes.len().saturating_sub(1)
    };
    Done::new(habits.part_status)
        .header(LOCATION.as_str(), session(shared, name, id))
        .header(RANGE.as_str(), format!("0-{told}"))
}

fn close(shared: &Shared, state: &mut State, call: &Call, name: &str, item: &str) -> Done {
    let habits = &shared.setup.habits;
    if matches!(shared.setup.location, Location::Query) && value(call, "_state").as_deref() != Some("a b&c") {
        return refused((400, "BLOB_UPLOAD_INVALID", "the state is lost".to_owned()));
    }
    let id: u64 = item.parse().unwrap_or_default();
    let Some(mut bytes) = state.store.sessions.remove(&id) else {
        return refused((404, "BLOB_UPLOAD_UNKNOWN", "no such session".to_owned()));
    };
    bytes.extend_from_slice(&call.body);
    let digest = sha256(&bytes);
    if value(call, "digest").as_ref() != Some(&digest) {
        return refused((400, "DIGEST_INVALID", format!("these bytes are {digest}")));
    }
    if bytes.is_empty() && !habits.empty_blobs {
        let message = "the upload does not have any parts".to_owned();
        return refused((400, "BLOB_UPLOAD_INVALID", message));
    }
    let repository = state.store.repositories.get_mut(name).expect("made before");
    if habits.one_upload_of_a_blob && repository.blobs.contains_key(&digest) {
        let message = "another upload of this blob was first".to_owned();
        return refused((400, "BLOB_UPLOAD_INVALID", message));
    }
    if habits.keeps_last_part && call.body.is_empty() {
        bytes.drain(..bytes.len() / 2);
    }
    repository.blobs.insert(digest.clone(), bytes);
    Done::new(201).header("docker-content-digest", digest)
}

fn blob(shared: &Shared, repository: &Repository, call: &Call, item: &str) -> Done {
    if let Some(elsewhere) = &shared.setup.redirect_blobs {
        let place = format!("{elsewhere}{}?signature=s", call.path);
        return Done::new(307).header(LOCATION.as_str(), place);
    }
    let Some(blob) = repository.blobs.get(item) else {
        return refused((404, "BLOB_UNKNOWN", "blob unknown to registry".to_owned()));
    };
    let from = call
        .range
        .as_ref()
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    match from {
        Some(from) if from >= blob.len() => Done::new(416),
        Some(from) => Done::new(206).body(blob[from..].to_vec()),
        None => Done::new(200).body(blob.clone()),
    }
}

fn manifest(shared: &Shared, state: &mut State, call: &Call, name: &str, item: &str) -> Done {
    let habits = &shared.setup.habits;
    let repository = state.store.repositories.get_mut(name).expect("made before");
    if let Some((status, code, message)) = habits.immutable_tags
        && repository.tags.contains_key(item)
    {
        return refused((status, code, message.to_owned()));
    }
    if !habits.docker_types && call.content_type.contains("vnd.docker.") {
        return refused((415, "MANIFEST_INVALID", "this media type is not taken".to_owned()));
    }
    let stored = repository.resolve(item).map(|digest| format!("\"{digest}\""));
    let met = call.if_match.is_none() || call.if_match == stored;
    let new = call.if_none_match.as_deref() != Some("*") || stored.is_none();
    if habits.etags && !(met && new) {
        return refused((412, "PRECONDITION", "it has changed".to_owned()));
    }
    match repository.put(
        item,
        &call.content_type,
        call.body.clone(),
        habits.references_first,
    ) {
        Ok(digest) => {
            let mut done = Done::new(201).header("docker-content-digest", digest.clone());
            let manifest: serde_json::Value = serde_json::from_slice(&call.body).unwrap_or_default();
            if let Some(subject) = manifest["subject"]["digest"].as_str()
                && habits.referrers
                && habits.notes_subjects
            {
                done = done.header("oci-subject", subject);
            }
            if habits.manifest_location {
                done.header(LOCATION.as_str(), format!("/v2/{name}/manifests/{digest}"))
            } else {
                done
            }
        }
        Err(refusal) => refused(refusal),
    }
}

fn session(shared: &Shared, name: &str, id: u64) -> String {
    let path = format!("/v2/{name}/blobs/uploads/{id}");
    match &shared.setup.location {
        Location::Relative => path,
        Location::Absolute => format!("http://{}{path}", shared.address),
        Location::Query => format!("{path}?_state=a%20b%26c"),
        Location::Elsewhere(start) => format!("{start}{path}"),
    }
}

fn value(call: &Call, key: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(call.query.as_bytes());
    pairs
        .find(|(found, _)| found == key)
        .map(|(_, value)| value.into_owned())
}
