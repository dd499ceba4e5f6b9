//! A token server as docker-registry wants one: signed tokens for whoever knows the password.
//! <https://distribution.github.io/distribution/spec/auth/jwt/>

use std::convert::Infallible;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;
use url::form_urlencoded;

use super::http;

/// The issuer that its tokens name.
pub const ISSUER: &str = "test-tokens";
/// The service that its tokens are for.
pub const SERVICE: &str = "test-registry";

/// A running server; it ends with the value.
pub struct TokenServer {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl TokenServer {
    /// Starts it. `folder` has `token.key` and `token.pem`; `user` and `password` may do everything, others read.
    pub fn start(folder: &Path, user: &str, password: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket");
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let signer = Arc::new(Signer {
            folder: folder.to_owned(),
            good: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            asked: asked.clone(),
        });
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || serve(listener, &signer, &stopped));
        Self {
            address,
            asked,
            stop,
            thread: Some(thread),
        }
    }

    /// Where it answers.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// The queries so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: std::net::TcpListener, signer: &Arc<Signer>, stop: &Notify) {
    let signer = signer.clone();
    http::serve(listener, stop, move |request| {
        let answer = signer.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
}

struct Signer {
    folder: PathBuf,
    good: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Signer {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let query = request.uri().query().unwrap_or_default();
        self.asked.lock().expect("no panic").push(query.to_owned());
        let header = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
        let known = header == Some(self.good.as_bytes());
        if header.is_some() && !known {
            return response(401, &json!({"details": "wrong password"}));
        }
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let access: Vec<Value> = pairs
            .filter(|(key, _)| key == "scope")
            .filter_map(|(_, scope)| {
                let (kind, rest) = scope.split_once(':')?;
                let (name, actions) = rest.rsplit_once(':')?;
                let actions: Vec<&str> = actions.split(',').filter(|a| known || *a == "pull").collect();
                Some(json!({"type": kind, "name": name, "actions": actions}))
            })
            .collect();
        response(200, &json!({"token": self.token(&access), "expires_in": 300}))
    }

    fn token(&self, access: &[Value]) -> String {
        let pem = std::fs::read_to_string(self.folder.join("token.pem")).expect("a certificate");
        let certificate: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs();
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [certificate]});
        let claims = json!({"iss": ISSUER, "sub": "me", "aud": SERVICE, "exp": now + 300, "nbf": now - 60,
            "iat": now, "jti": "1", "access": access});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = self.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut child = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign", "token.key"])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl has made the key");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(bytes)
            .expect("openssl reads");
        child.wait_with_output().expect("openssl ends").stdout
    }
}

fn response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let body = Full::new(Bytes::from(body.to_string()));
    Response::builder().status(status).body(body).expect("a response")
}
