//! HTTP: the log, what goes wrong, and answers.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::sync::Notify;

use super::super::http;
use super::{Act, Asked, Call, Done, Shared, answer};

#[derive(Debug, thiserror::Error)]
#[error("broken on purpose")]
struct Broken;

pub(super) fn serve(listener: std::net::TcpListener, shared: Arc<Shared>, stop: &Notify) {
    http::serve(listener, stop, move |request| respond(shared.clone(), request));
}

async fn respond(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Broken> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let query = head.uri.query().unwrap_or_default();
    let call = Call {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    };
    let shown = ["authorization", "private-token", "job-token"]
        .iter()
        .find_map(|name| call.header(name));
    let act = {
        let mut state = shared.state();
        state.log.push(Asked {
            method: call.method.clone(),
            path: head.uri.to_string(),
            body: call.body.clone(),
            shown: shown.map(str::to_owned),
        });
        let next = state.acts.iter().position(|(method, _)| *method == call.method);
        next.map(|next| state.acts.remove(next).1)
    };
    let done = match act {
        None => answer(&shared, &call),
        Some(Act::Revoke) => {
            shared.state().tokens.clear();
            answer(&shared, &call)
        }
        Some(Act::Answer(status, headers, body)) => Done {
            status,
            headers,
            body,
        },
        Some(Act::Huge(bytes)) => Done {
            body: "x".repeat(bytes),
            ..Done::empty(200)
        },
        Some(Act::Hang) => std::future::pending().await,
        Some(Act::Drop) => return Err(Broken),
        Some(Act::DropAfter) => {
            answer(&shared, &call);
            return Err(Broken);
        }
    };
    let mut response = Response::builder().status(done.status);
    for (name, value) in done.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(done.body.into())).expect("a response"))
}
