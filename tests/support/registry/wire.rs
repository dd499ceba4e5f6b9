//! HTTP: the endpoints of the distribution specification, the log and the faults.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, RANGE,
};
use hyper::{Request, Response};
use tokio::sync::Notify;

use super::super::http;
use super::body::{Answer, Broken};
use super::endpoints::{broken_off, handle, too_large};
use super::fault::Act;
use super::{Asked, Shared};

pub(super) fn serve(listener: std::net::TcpListener, shared: Arc<Shared>, stop: Arc<Notify>) {
    http::serve(listener, &stop, move |request| answer(shared.clone(), request));
}

/// A request whose body was read.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
    pub(super) authorization: Option<String>,
    pub(super) content_type: String,
    pub(super) range: Option<String>,
    pub(super) content_range: Option<String>,
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
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
        content_range: header(CONTENT_RANGE).map(str::to_owned),
        if_match: header(IF_MATCH).map(str::to_owned),
        if_none_match: header(IF_NONE_MATCH).map(str::to_owned),
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
    let announced = request.body().size_hint().exact().unwrap_or_default();
    if let Some(done) = too_large(&shared, &call, announced) {
        log(&call, Some(done.status));
        if !shared.setup.habits.hangs_up_on_413 {
            // The answer is heard only if what is on its way is taken in.
            tokio::spawn(async move {
                let mut body = request.into_body();
                while let Some(Ok(_)) = body.frame().await {}
            });
        }
        return Ok(done.respond(false, None));
    }
    let most = match &act {
        Some(Act::CutBody(most)) => *most,
        _ => usize::MAX,
    };
    let mut body = request.into_body();
    let cut = loop {
        match body.frame().await {
            Some(Ok(frame)) => call
                .body
                .extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(_)) => break true,
            None => break false,
        }
        if call.body.len() >= most {
            break true;
        }
    };
    if cut {
        broken_off(&shared, &call);
        log(&call, None);
        return Err(Broken);
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
    if let Some(Act::Wait(told)) = &act {
        shared.reached.notify_one();
        told.notified().await;
    }
    if let Some(Act::Delay(pause)) = &act {
        tokio::time::sleep(*pause).await;
    }
    if matches!(act, Some(Act::Revoke)) {
        shared.state().tokens.revoke();
    }
    let Some(mut done) = handle(&shared, &call) else {
        log(&call, None);
        return Err(Broken);
    };
    if let Some(Act::Header(name, value)) = &act {
        done.headers.retain(|(known, _)| known != name);
        done.headers.extend(value.clone().map(|value| (*name, value)));
    }
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
pub(super) struct Done {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Done {
    pub(super) fn new(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self {
            status,
            headers,
            body,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
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
            Some(Act::Stall(after)) => Answer::stalled(self.body, after),
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
