//! [`Client`]: reads from and writes to OCI registries.
//!
//! In: references, and blobs as files. Out: manifests and blobs that were checked against their digests, or a
//! registry that holds what it was given. Every request is tried again when load or network got in its way.
//! It must never send credentials anywhere but to the registry's own origin and the realm that this names, follow
//! an answer out of TLS, hold a blob in memory, or hand out bytes that were not checked.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

mod auth_file;
mod challenge;
mod ci_credential;
mod credential;
mod credential_helper;
mod delete;
mod download;
mod error;
mod exchange;
mod feed;
mod host;
mod host_settings;
mod link;
mod manifest;
mod mirror;
mod parts;
mod probe;
mod pull;
mod push;
mod realm;
mod redact;
mod refer;
mod referrers;
mod repository;
mod retry;
mod secret;
mod send;
mod session;
mod sign_in;
mod site;
mod small_file;
mod source;
mod tags;
mod token;
mod transmit;
mod transport;
mod trust;
mod upload;
mod vendor;
mod warning;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

pub use credential::Account;
pub use delete::Deleted;
pub(crate) use download::Told;
pub use error::{Answer, Kind, RegistryError};
pub use host_settings::{HostSettings, Mirror, user_settings};
pub(crate) use manifest::Condition;
pub use manifest::{Fetched, Found};
pub(crate) use push::Asking;
pub use push::Pushed;
pub use refer::Referred;
pub use repository::Repository;
pub use retry::Patience;
pub use secret::Secret;
pub(crate) use site::{Call, Proof, Reply, Site};
pub use source::{BlobContent, BlobSource};
pub(crate) use token::Access;
pub use vendor::{Vendor, VendorApi};

use crate::environment::Environment;
use crate::event::{Observer, Span, Stage};
use crate::tool::Tools;
use credential::Login;
use credential_helper::Helpers;
use host::Host;
use realm::PlainHosts;
use redact::Shown;
use repository::canonical;
use tokio::sync::OnceCell;
use transport::Transports;

/// How a client reaches registries.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Where proxies, certificates and credential files are looked up.
    pub environment: Environment,
    /// Runs credential helpers.
    pub tools: Tools,
    /// Registries (`host` or `host:port`) that are spoken to in plain http. This machine need not be named.
    pub plain_http: Vec<String>,
    /// What the user says of single registries (`host` or `host:port`), as [`user_settings`] reads it.
    pub hosts: BTreeMap<String, HostSettings>,
    /// User name and password for one registry, before anything stored.
    pub account: Option<Account>,
    /// How patient to be.
    pub patience: Patience,
}

impl Settings {
    /// The usual settings within the environment of `tools`.
    pub fn new(tools: Tools) -> Self {
        Self {
            environment: tools.environment().clone(),
            tools,
            plain_http: Vec::new(),
            hosts: BTreeMap::new(),
            account: None,
            patience: Patience::default(),
        }
    }
}

/// Leaves the environment out: its variables may be secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("plain_http", &self.plain_http)
            .field("hosts", &self.hosts)
            .field("account", &self.account)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// A client for any number of registries. Clones are cheap and share connections, tokens and back-off.
#[derive(Clone)]
pub struct Client(Arc<Shared>, Route);

/// Where a client reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    /// At the registry itself.
    Origin,
    /// At its mirrors first.
    Mirrors,
    /// At a mirror: there is somebody else to ask.
    Mirror,
}

impl Route {
    fn patience(self, usual: Patience) -> Patience {
        match self {
            Self::Origin | Self::Mirrors => usual,
            Self::Mirror => Patience {
                tries: usual.tries.min(2),
                longest_pause: usual.first_pause,
                longest_asked: usual.first_pause,
                ..usual
            },
        }
    }
}

struct Shared {
    http: Transports,
    plain: PlainHosts,
    settings: Settings,
    observer: Arc<dyn Observer>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    helpers: Helpers,
    /// What no message may repeat.
    shown: Shown,
    /// Mirrors, and repositories of mirrors, that were of no use.
    passed_over: Mutex<BTreeSet<String>>,
    logins: Mutex<HashMap<Repository, Arc<OnceCell<Arc<Login>>>>>,
    /// Whose lists of referrers are being rewritten.
    subjects: refer::Subjects,
}

impl Client {
    /// Sets up a client. No connection is made, and no credentials are looked for, before they are needed. Its
    /// verbs must be called within a tokio runtime with time and IO.
    ///
    /// # Errors
    /// When the proxies that the environment names cannot be used. Certificates that cannot be are an error of the first
    /// request that needs them.
    pub fn new(mut settings: Settings, observer: Arc<dyn Observer>) -> Result<Self, RegistryError> {
        let hosts = std::mem::take(&mut settings.hosts).into_iter();
        settings.hosts = hosts
            .map(|(name, host)| (canonical(&name).to_owned(), host))
            .collect();
        let plain = settings.hosts.iter().filter(|(_, host)| host.plain_http);
        let plain = settings.plain_http.iter().chain(plain.map(|(name, _)| name));
        let shared = Shared {
            http: Transports::new(&settings.environment)?,
            plain: PlainHosts(plain.cloned().collect()),
            settings,
            observer,
            hosts: Mutex::default(),
            helpers: Helpers::default(),
            shown: Shown::default(),
            passed_over: Mutex::default(),
            logins: Mutex::default(),
            subjects: refer::Subjects::default(),
        };
        Ok(Self(Arc::new(shared), Route::Origin))
    }

    /// What the user says of `registry`, if anything.
    pub fn host_settings(&self, registry: &str) -> Option<&HostSettings> {
        self.0.settings.hosts.get(canonical(registry))
    }

    /// Says that work of `stage` goes on for as long as the value lives.
    pub(crate) fn span(&self, stage: Stage, what: &str) -> Span {
        Span::begin(&self.0.observer, stage, (None, None), what)
    }

    /// Who is told what happens.
    pub(crate) fn observer(&self) -> &dyn Observer {
        self.0.observer.as_ref()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
