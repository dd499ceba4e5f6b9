//! The vendors' own APIs within the test process, as their vendors publish them: signing in, rights, limits, pages, and
//! each vendor's own words for no. Nothing here was ever compared with the real ones.

mod docker_hub;
mod github;
mod gitlab;
mod harbor;
mod quay;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// The user name that is known, and the password.
pub const ACCOUNT: (&str, &str) = ("me", "hunter2");
/// How many entries a page of a list has, however many are asked for.
const PAGE: usize = 2;

/// A running server; it ends with the value.
pub struct Hub {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What the account may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Right {
    /// See and change.
    #[default]
    Write,
    /// See.
    Read,
}

/// A repository, or what its vendor calls so.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The long text.
    pub text: String,
    /// The short one.
    pub summary: String,
    /// Tags and where they stand.
    pub tags: BTreeMap<String, String>,
}

/// What happens to a request instead of what it is for.
#[derive(Clone, Debug)]
pub enum Act {
    /// This answer.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// A body of so many bytes.
    Huge(usize),
    /// No answer.
    Hang,
    /// The end of the connection.
    Drop,
    /// It is done, and the connection ends instead of an answer.
    DropAfter,
    /// Every token so far becomes worthless, before it is looked at.
    Revoke,
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// GET, PATCH, ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body, if it was JSON.
    pub body: Value,
    /// What was shown: Authorization, or the header of a vendor's own.
    pub shown: Option<String>,
}

/// What a server holds.
#[derive(Default)]
pub struct State {
    /// By name.
    pub repositories: BTreeMap<String, Listed>,
    /// Owners that are users, not organizations.
    pub users: BTreeSet<String>,
    /// What the account may do.
    pub right: Right,
    /// What happens to the requests that come next, of this method.
    pub acts: Vec<(&'static str, Act)>,
    /// Everything that was asked.
    pub log: Vec<Asked>,
    tokens: BTreeSet<String>,
    issued: usize,
}

struct Shared {
    address: SocketAddr,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose body was read.
struct Call {
    method: String,
    /// As it was sent, without the query.
    path: String,
    query: BTreeMap<String, String>,
    body: Value,
    headers: BTreeMap<String, String>,
}

impl Call {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// Whether the account signs it with its password.
    fn is_basic(&self) -> bool {
        let encoded = self
            .header("authorization")
            .and_then(|value| value.strip_prefix("Basic "));
        let pair = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
        pair.as_deref() == Some(format!("{}:{}", ACCOUNT.0, ACCOUNT.1).as_bytes())
    }

    /// The part of a list that is asked for, and the Link to the next.
    fn page<T: Clone>(&self, all: &[T], base: &str) -> (Vec<T>, Option<String>) {
        let page: usize = self
            .query
            .get("page")
            .and_then(|page| page.parse().ok())
            .unwrap_or(1);
        let from = (page - 1) * PAGE;
        let part = all.iter().skip(from).take(PAGE).cloned().collect();
        let more = all.len() > from + PAGE;
        let link = || {
            format!(
                "<{base}{}?page={}>; rel=\"next\", <{base}>; rel=\"first\"",
                self.path,
                page + 1
            )
        };
        (part, more.then(link))
    }
}

/// An answer.
struct Done {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Done {
    fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    fn header(mut self, name: &'static str, value: Option<String>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }
}

impl Hub {
    /// Starts a server on a free port of this machine.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            address,
            state: Mutex::default(),
        });
        let stop = Arc::new(Notify::new());
        let (served, stopped) = (shared.clone(), stop.clone());
        let thread = std::thread::spawn(move || wire::serve(listener, served, &stopped));
        Self {
            address,
            shared,
            stop,
            thread: Some(thread),
        }
    }

    /// A server that has this repository, with these tags.
    pub fn with(repository: &str, tags: &[(&str, &str)]) -> Self {
        let hub = Self::start();
        let tags = tags
            .iter()
            .map(|(tag, digest)| ((*tag).to_owned(), (*digest).to_owned()));
        let listed = Listed {
            tags: tags.collect(),
            ..Listed::default()
        };
        hub.state(|state| state.repositories.insert(repository.to_owned(), listed));
        hub
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at what it holds, or changes it.
    pub fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.shared.state())
    }

    /// Makes something happen to the next request of a method that has nothing happening to it yet.
    pub fn fail(&self, method: &'static str, act: Act) {
        self.state(|state| state.acts.push((method, act)));
    }

    /// A repository as it is now.
    pub fn listed(&self, repository: &str) -> Listed {
        self.state(|state| state.repositories[repository].clone())
    }

    /// What was asked, as `METHOD path`.
    pub fn asked(&self) -> Vec<String> {
        let line = |asked: &Asked| format!("{} {}", asked.method, asked.path);
        self.state(|state| state.log.iter().map(line).collect())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The vendor that a path belongs to answers.
fn answer(shared: &Shared, call: &Call) -> Done {
    let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    let mut state = shared.state();
    match parts.as_slice() {
        // What a registry on this machine is asked first.
        ["v2"] => Done::empty(200),
        ["v2", rest @ ..] => docker_hub::answer(&mut state, call, rest),
        ["api", "v2.0", rest @ ..] => harbor::answer(&mut state, call, rest),
        ["api", "v1", rest @ ..] => quay::answer(&mut state, call, rest),
        ["api", "v4", rest @ ..] => gitlab::answer(&mut state, call, rest, shared.address),
        ["orgs" | "users", ..] => github::answer(&mut state, call, &parts, shared.address),
        _ => Done::json(404, json!({"message": "no such path"})),
    }
}

/// A part of a path as it was meant.
fn decoded(part: &str) -> String {
    let pairs = format!("x={}", part.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(pairs.as_bytes()).next();
    decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
}
