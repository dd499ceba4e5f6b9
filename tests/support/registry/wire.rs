//! HTTP: the endpoints of the distribution specification, the log and the faults.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RANGE, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;

use super::auth::{self, Auth};
use super::body::{Answer, Broken};
use super::fault::{Act, kind};
use super::store::{Refusal, sha256};
use super::{Asked, Location, Shared};

pub(super) fn serve(listener: std::net::TcpListener, shared: Arc<Shared>, stop: Arc<Notify>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted.expect("a connection").0,
                () = stop.notified() => return,
            };
            let shared = shared.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(shared.clone(), request));
                let builder = hyper::server::conn::http1::Builder::new();
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

/// A request whose body was read.
struct Call {
    method: String,
    path: String,
    query: String,
    body: Vec<u8>,
    authorization: Option<String>,
    content_type: String,
    range: Option<String>,
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Answer>, Broken> {
    let header = |name| {
        request
            .headers()
            .get(&name)
            .and_then(|v: &hyper::header::HeaderValue| v.to_str().ok())
    };
    let mut call = Call {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        body: Vec::new(),
        authorization: header(AUTHORIZATION).map(str::to_owned),
        content_type: header(CONTENT_TYPE).unwrap_or_default().to_owned(),
        range: header(RANGE).map(str::to_owned),
    };
    let whole_path = request.uri().to_string();
    let act = {
        let mut state = shared.state();
        // Every rule counts every request.
        let acts: Vec<Option<Act>> = state
            .faults
            .iter_mut()
            .map(|fault| fault.strike(&call.method, &whole_path))
            .collect();
        acts.into_iter().flatten().next()
    };
    let log = |call: &Call, status| {
        shared.state().log.push(Asked {
            method: call.method.clone(),
            path: whole_path.clone(),
            status,
            body: call.body.len(),
            authorization: call.authorization.clone(),
        });
    };
    if matches!(act, Some(Act::DropEarly)) {
        log(&call, None);
        return Err(Broken);
    }
    match request.into_body().collect().await {
        Ok(body) => call.body = body.to_bytes().to_vec(),
        Err(_) => {
            log(&call, None);
            return Err(Broken);
        }
    }
    if let Some(Act::Status(status, headers, text)) = &act {
        log(&call, Some(*status));
        let response = headers
            .iter()
            .fold(Response::builder().status(*status), |r, (name, value)| {
                r.header(*name, value)
            });
        return Ok(response
            .body(Answer::whole(text.clone().into_bytes()))
            .expect("a response"));
    }
    if matches!(act, Some(Act::Drop | Act::Hang)) {
        log(&call, None);
        if matches!(act, Some(Act::Hang)) {
            shared.reached.notify_one();
            std::future::pending::<()>().await;
        }
        return Err(Broken);
    }
    let done = handle(&shared, &call);
    if matches!(act, Some(Act::DropAfter | Act::HangAfter)) {
        log(&call, None);
        if matches!(act, Some(Act::HangAfter)) {
            shared.reached.notify_one();
            std::future::pending::<()>().await;
        }
        return Err(Broken);
    }
    log(&call, Some(done.status));
    Ok(done.respond(call.method == "HEAD", act))
}

/// An answer before it is put into HTTP.
struct Done {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Done {
    fn new(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self {
            status,
            headers,
            body,
        }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    fn respond(mut self, head: bool, act: Option<Act>) -> Response<Answer> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        let body = match act {
            _ if head => {
                response = response.header(CONTENT_LENGTH, self.body.len());
                Answer::whole(Vec::new())
            }
            Some(Act::Truncate(after)) => Answer::truncated(self.body, after),
            Some(Act::Flip) => {
                if let Some(byte) = self.body.last_mut() {
                    *byte ^= 1;
                }
                Answer::whole(self.body)
            }
            _ => Answer::whole(self.body),
        };
        response.body(body).expect("a response")
    }
}

fn refused((status, code, message): Refusal) -> Done {
    let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
    Done::new(status)
        .header("content-type", "application/json")
        .body(body.to_string().into_bytes())
}

fn handle(shared: &Shared, call: &Call) -> Done {
    let mut state = shared.state();
    let host = shared.address.to_string();
    let header = call.authorization.as_deref();
    let what = kind(&call.path);
    if what == "token" {
        let Auth::Bearer(bearer) = &shared.setup.auth else {
            return Done::new(404);
        };
        let (status, body) = auth::token(bearer, &mut state.tokens, &call.query, header, &call.body);
        return Done::new(status).body(body.into_bytes());
    }
    let rest = call.path.strip_prefix("/v2/").unwrap_or_default();
    let separator = ["/blobs/uploads/", "/blobs/", "/manifests/", "/tags/list"]
        .into_iter()
        .find(|s| rest.contains(s));
    let (name, item) = separator
        .and_then(|separator| rest.split_once(separator))
        .unwrap_or_default();
    let writes = !matches!(call.method.as_str(), "GET" | "HEAD");
    let scope = (!name.is_empty())
        .then(|| format!("repository:{name}:{}", if writes { "pull,push" } else { "pull" }));
    if let Some(challenge) = auth::refuse(&shared.setup.auth, &state.tokens, &host, header, scope) {
        let done = refused((401, "UNAUTHORIZED", "authentication required".to_owned()));
        return match challenge {
            Some(challenge) => done.header(WWW_AUTHENTICATE.as_str(), challenge),
            None => done,
        };
    }
    if what == "root" {
        return Done::new(200);
    }
    if !state.store.repositories.contains_key(name) {
        if !writes || shared.setup.fixed_repositories {
            return refused((
                404,
                "NAME_UNKNOWN",
                "repository name not known to registry".to_owned(),
            ));
        }
        state.store.repositories.entry(name.to_owned()).or_default();
    }
    match (call.method.as_str(), what) {
        ("POST", "upload") => {
            let id = state.store.open_session();
            Done::new(202).header(LOCATION.as_str(), session(shared, name, id))
        }
        ("PATCH", "upload") => {
            let id: u64 = item.parse().unwrap_or_default();
            let Some(bytes) = state.store.sessions.get_mut(&id) else {
                return refused((404, "BLOB_UPLOAD_UNKNOWN", "no such session".to_owned()));
            };
            bytes.extend_from_slice(&call.body);
            Done::new(202).header(LOCATION.as_str(), session(shared, name, id))
        }
        ("PUT", "upload") => {
            let wanted = url::form_urlencoded::parse(call.query.as_bytes()).into_owned();
            let pairs: Vec<(String, String)> = wanted.collect();
            let value = |key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
            if matches!(shared.setup.location, Location::Query) && value("_state").as_deref() != Some("a b&c")
            {
                return refused((400, "BLOB_UPLOAD_INVALID", "the state is lost".to_owned()));
            }
            let id: u64 = item.parse().unwrap_or_default();
            let Some(mut bytes) = state.store.sessions.remove(&id) else {
                return refused((404, "BLOB_UPLOAD_UNKNOWN", "no such session".to_owned()));
            };
            bytes.extend_from_slice(&call.body);
            let digest = sha256(&bytes);
            if value("digest").as_ref() != Some(&digest) {
                return refused((400, "DIGEST_INVALID", format!("these bytes are {digest}")));
            }
            let repository = state.store.repositories.get_mut(name).expect("made above");
            repository.blobs.insert(digest.clone(), bytes);
            Done::new(201).header("docker-content-digest", digest)
        }
        ("GET" | "HEAD", "blob") => {
            if let Some(elsewhere) = &shared.setup.redirect_blobs {
                return Done::new(307)
                    .header(LOCATION.as_str(), format!("{elsewhere}{}?signature=s", call.path));
            }
            let Some(blob) = state.store.of(name).blobs.get(item) else {
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
        ("GET" | "HEAD", "manifest") => {
            let repository = state.store.of(name);
            let Some(digest) = repository.resolve(item) else {
                return refused((404, "MANIFEST_UNKNOWN", "manifest unknown to registry".to_owned()));
            };
            let (media_type, bytes) = repository.manifests[&digest].clone();
            let done = Done::new(200).header("content-type", media_type).body(bytes);
            if shared.setup.no_digest_header {
                done
            } else {
                done.header("docker-content-digest", digest)
            }
        }
        ("PUT", "manifest") => {
            let repository = state.store.repositories.get_mut(name).expect("made above");
            if shared.setup.immutable_tags && repository.tags.contains_key(item) {
                return refused((400, "TAG_INVALID", "this tag is immutable".to_owned()));
            }
            match repository.put(item, &call.content_type, call.body.clone()) {
                Ok(digest) => Done::new(201).header("docker-content-digest", digest),
                Err(refusal) => refused(refusal),
            }
        }
        ("GET", "tags") => {
            let tags: Vec<&String> = state.store.of(name).tags.keys().collect();
            Done::new(200).body(
                serde_json::json!({"name": name, "tags": tags})
                    .to_string()
                    .into_bytes(),
            )
        }
        _ => Done::new(405),
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
