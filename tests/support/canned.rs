//! A server that gives fixed answers: for what no registry would say by itself.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::sync::Notify;

use super::http;

/// An answer to one path with its query.
#[derive(Clone)]
pub struct Canned {
    /// Path and query.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Canned {
    /// A good answer.
    pub fn ok(path: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            status: 200,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// With a header more.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A running server; it ends with the value. What it does not know is 404.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Starts it.
    pub fn start(answers: Vec<Canned>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket");
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (log, stopped) = (asked.clone(), stop.clone());
        let thread = std::thread::spawn(move || serve(listener, Arc::new(answers), &log, &stopped));
        Self {
            address,
            asked,
            stop,
            thread: Some(thread),
        }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The paths with their queries so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    listener: std::net::TcpListener,
    answers: Arc<Vec<Canned>>,
    asked: &Arc<Mutex<Vec<String>>>,
    stop: &Notify,
) {
    let asked = asked.clone();
    http::serve(listener, stop, move |request: Request<Incoming>| {
        let path = request.uri().to_string();
        let answer = answers.iter().find(|answer| answer.path == path).cloned();
        asked.lock().expect("no panic").push(path);
        async move { Ok::<_, Infallible>(response(answer)) }
    });
}

fn response(answer: Option<Canned>) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.as_ref().map_or(404, |answer| answer.status));
    for (name, value) in answer.iter().flat_map(|answer| &answer.headers) {
        response = response.header(*name, value);
    }
    let body = answer.map(|answer| answer.body).unwrap_or_default();
    response.body(Full::new(body.into())).expect("a response")
}
