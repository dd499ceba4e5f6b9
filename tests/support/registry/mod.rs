//! An OCI registry within the test process: in memory, strict about the protocol, and misbehaving on request.
//!
//! It keeps to the distribution specification where that says "must", and refuses what real registries refuse: a
//! manifest whose blobs are missing, a content type that differs from the media type within, a blob whose digest
//! is not its own. A [`Fault`] script makes it fail; [`Registry::log`] tells what it was asked.

mod auth;
mod body;
mod delete;
mod endpoints;
mod fault;
mod habits;
mod store;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use auth::{Auth, Bearer};
pub use fault::{Act, Fault, kind};
pub use habits::{Challenge, Habits, Missing, Mount, PROFILES, TagDelete, profile};
pub use store::{Repository, Store};

/// A running registry; it ends with the value.
pub struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Arc<Notify>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// How a registry is set up.
#[derive(Clone, Default)]
pub struct Setup {
    /// Who may come in.
    pub auth: Auth,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// How the Location of an upload is written.
    pub location: Location,
    /// Where blobs are read from instead: the beginning of an address.
    pub redirect_blobs: Option<String>,
    /// What it does in its own way.
    pub habits: Habits,
    /// Repositories must be in the store before anything is pushed.
    pub fixed_repositories: bool,
}

/// The forms of an upload's Location.
#[derive(Clone, Default)]
pub enum Location {
    /// `/v2/...`
    #[default]
    Relative,
    /// `http://host/v2/...`
    Absolute,
    /// `/v2/...?_state=...`
    Query,
    /// At another host: the beginning of an address.
    Elsewhere(String),
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// GET, HEAD, ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status answered; none if the connection was dropped or is kept waiting.
    pub status: Option<u16>,
    /// Bytes of body that came.
    pub body: usize,
    /// The Authorization header.
    pub authorization: Option<String>,
}

struct Shared {
    setup: Setup,
    address: SocketAddr,
    state: Mutex<State>,
    reached: Notify,
}

#[derive(Default)]
struct State {
    store: Store,
    log: Vec<Asked>,
    faults: Vec<Fault>,
    tokens: auth::Issued,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Starts a registry on a free port of this machine.
    pub fn start(setup: Setup) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket");
        let state = State {
            faults: setup.faults.clone(),
            ..State::default()
        };
        let shared = Arc::new(Shared {
            setup,
            address,
            state: Mutex::new(state),
            reached: Notify::new(),
        });
        let stop = Arc::new(Notify::new());
        let (served, stopped) = (shared.clone(), stop.clone());
        let thread = std::thread::spawn(move || wire::serve(listener, served, stopped));
        Self {
            address,
            shared,
            stop,
            thread: Some(thread),
        }
    }

    /// A registry without faults or authorization.
    pub fn plain() -> Self {
        Self::start(Setup::default())
    }

    /// A registry with these faults.
    pub fn failing(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self::start(Setup {
            faults: faults.into_iter().collect(),
            ..Setup::default()
        })
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Every request so far, without those to the API's root and the token endpoint.
    pub fn log(&self) -> Vec<Asked> {
        let apart = |asked: &Asked| asked.path == "/v2/" || asked.path.starts_with("/token");
        self.whole_log()
            .into_iter()
            .filter(|asked| !apart(asked))
            .collect()
    }

    /// Every request so far.
    pub fn whole_log(&self) -> Vec<Asked> {
        self.shared.state().log.clone()
    }

    /// The log as `METHOD kind`, for comparing.
    pub fn kinds(&self) -> Vec<String> {
        let kind = |asked: &Asked| format!("{} {}", asked.method, fault::kind(&asked.path));
        self.log().iter().map(kind).collect()
    }

    /// Forgets the log.
    pub fn clear_log(&self) {
        self.shared.state().log.clear();
    }

    /// Looks at, or changes, what is stored.
    pub fn store<T>(&self, look: impl FnOnce(&mut Store) -> T) -> T {
        look(&mut self.shared.state().store)
    }

    /// Puts a blob into a repository, which it makes.
    pub fn hold(&self, repository: &str, bytes: &[u8]) {
        self.store(|store| {
            let repository = store.repositories.entry(repository.to_owned()).or_default();
            repository.blobs.insert(store::sha256(bytes), bytes.to_vec());
        });
    }

    /// Bytes of bodies that came with requests for uploads.
    pub fn uploaded(&self) -> usize {
        let log = self.log();
        let uploads = log.iter().filter(|asked| fault::kind(&asked.path) == "upload");
        uploads.map(|asked| asked.body).sum()
    }

    /// Adds faults.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().faults.extend(faults);
    }

    /// Makes every token handed out so far worthless.
    pub fn revoke_tokens(&self) {
        self.shared.state().tokens.revoke();
    }

    /// A registry with the habits of one that is known, and with the account `me`, `hunter2` where it wants one.
    pub fn of_profile(habits: &Habits) -> Self {
        let account = ("me", "hunter2");
        let bearer = Bearer {
            account: Some(account),
            life: Some(habits.token_life),
            strict: habits.strict_scopes,
            ..Bearer::default()
        };
        let auth = match habits.challenge {
            Challenge::None => Auth::None,
            Challenge::Basic => Auth::Basic(account.0, account.1),
            Challenge::Bearer => Auth::Bearer(bearer),
            Challenge::Identity => Auth::Bearer(Bearer {
                account: None,
                identity: Some("refresh"),
                ..bearer
            }),
            Challenge::Silent => Auth::Bearer(Bearer {
                silent: true,
                ..bearer
            }),
        };
        Self::start(Setup {
            auth,
            habits: habits.clone(),
            ..Setup::default()
        })
    }

    /// Returns when a request was kept waiting by [`Act::Hang`], [`Act::HangAfter`] or [`Act::Wait`].
    pub async fn hung(&self) {
        self.shared.reached.notified().await;
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
