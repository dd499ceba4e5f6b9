//! What is known of one registry host while we work with it.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, Response};
use tokio::sync::{OnceCell, Semaphore};
use url::Url;

use super::challenge::{Challenge, best};
use super::parts::PART;
use super::realm::{PlainHosts, same_origin};
use super::repository::{api_host, is_loopback};
use super::retry::{Attempts, Fault, Gate};
use super::token::Tokens;
use super::trust::Trust;
use super::{Client, HostSettings, RegistryError, Secret, vendor};

/// How many blobs are uploaded to one host at once, unless the user says otherwise.
const UPLOADS: usize = 4;
/// How many blobs are asked for at once, unless the user says otherwise: that costs a registry little.
const ASKS: usize = 8;

pub(super) struct Host {
    name: String,
    origin: OnceCell<Url>,
    trust: OnceLock<Trust>,
    challenge: Mutex<Option<Challenge>>,
    rotated: Mutex<HashMap<Secret, Secret>>,
    warnings: Mutex<BTreeSet<String>>,
    pub(super) tokens: Tokens,
    pub(super) gate: Gate,
    /// Whether it, or a place where it led, has ever answered over TLS.
    pub(super) welcomed: AtomicBool,
    pub(super) uploads: Semaphore,
    /// Blobs that are asked for, or wait for their turn to be sent.
    pub(super) asks: Semaphore,
    /// It has said that a repository holds a blob when asked to mount that from there.
    answering: AtomicBool,
    ignoring: bool,
    part: Mutex<Option<u64>>,
}

impl Host {
    pub(super) fn new(name: &str, settings: Option<&HostSettings>) -> Self {
        let uploads = settings.and_then(|settings| settings.concurrency);
        Self {
            name: name.to_owned(),
            origin: OnceCell::new(),
            trust: OnceLock::new(),
            challenge: Mutex::default(),
            rotated: Mutex::default(),
            warnings: Mutex::default(),
            tokens: Tokens::default(),
            gate: Gate::default(),
            welcomed: AtomicBool::new(false),
            uploads: Semaphore::new(uploads.map_or(UPLOADS, NonZeroUsize::get)),
            asks: Semaphore::new(uploads.map_or(ASKS, NonZeroUsize::get)),
            answering: AtomicBool::new(false),
            ignoring: vendor::ignores_mounts(name),
            part: Mutex::new(settings.and_then(|settings| settings.chunk_size)),
        }
    }

    /// The registry's name as users write it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Scheme, host and port, once the first request was made.
    pub(super) fn known_origin(&self) -> Option<&Url> {
        self.origin.get()
    }

    /// Whom this registry's certificate may be of, looked for once.
    pub(super) fn trust(&self, find: impl FnOnce() -> Trust) -> &Trust {
        self.trust.get_or_init(find)
    }

    /// How this host wants to be signed in to, as far as it has said so.
    pub(super) fn challenge(&self) -> Option<Challenge> {
        self.challenge
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps the challenge of a 401 and returns it, if it is one that we can meet.
    pub(super) fn challenged(&self, response: &Response) -> Option<Challenge> {
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let found = best(headers.iter().filter_map(|value| value.to_str().ok()))?;
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Some(found)
    }

    /// Whether it is known to open a session whatever it is asked to mount.
    pub(super) fn ignores_mounts(&self) -> bool {
        self.ignoring
    }

    /// Whether a session instead of a mount has turned out to mean that there is no such blob.
    pub(super) fn answers_mounts(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    /// It has mounted a blob where that was.
    pub(super) fn learn_answering(&self) {
        self.answering.store(true, Ordering::Relaxed);
    }

    /// Larger blobs are sent in parts of this size.
    pub(super) fn part_size(&self) -> Option<u64> {
        *self.part.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This host takes large blobs in parts only.
    pub(super) fn learn_part_size(&self) {
        let mut part = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        part.get_or_insert(PART);
    }

    /// Parts of `refused` bytes are too large.
    pub(super) fn halve_part_size(&self, refused: u64) {
        let mut part = self.part.lock().unwrap_or_else(PoisonError::into_inner);
        *part = Some(part.unwrap_or(refused).min(refused / 2));
    }

    /// The warnings that were told.
    pub(super) fn warnings(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The refresh token that the realm gave in place of the stored one.
    pub(super) fn rotated(&self, stored: &Secret) -> Option<Secret> {
        let rotated = self.rotated.lock().unwrap_or_else(PoisonError::into_inner);
        rotated.get(stored).cloned()
    }

    pub(super) fn rotate(&self, stored: &Secret, token: Secret) {
        let mut rotated = self.rotated.lock().unwrap_or_else(PoisonError::into_inner);
        rotated.insert(stored.clone(), token);
    }
}

impl Client {
    /// Where the API of `host` answers. TLS always, except for hosts that the user named, and for this machine:
    /// there, one unauthorized request finds out.
    pub(super) async fn origin<'a>(&self, host: &'a Host) -> Result<&'a Url, RegistryError> {
        host.origin.get_or_try_init(|| self.find_origin(host)).await
    }

    async fn find_origin(&self, host: &Host) -> Result<Url, RegistryError> {
        let authority = api_host(host.name());
        let url = |scheme: &str| {
            Url::parse(&format!("{scheme}://{authority}/")).map_err(|source| RegistryError::Setup {
                what: format!("the address of `{}`", host.name()),
                source: source.into(),
            })
        };
        if self.0.plain.named(host.name()) {
            return url("http");
        }
        if !is_loopback(host.name()) {
            return url("https");
        }
        let what = format!("reaching `{}`", host.name());
        let mut attempts = self.attempts(host, what.clone());
        let (http, https) = (url("http")?, url("https")?);
        loop {
            let plain = self.ping(host, &http, &what).await;
            if matches!(plain, Ok(true)) {
                return Ok(http);
            }
            let fault = match (plain, self.ping(host, &https, &what).await) {
                (_, Ok(true)) => return Ok(https),
                (_, Err(Fault::Final(error))) => return Err(error),
                (Err(fault), _) | (Ok(_), Err(fault)) => fault,
                (Ok(_), Ok(_)) => Fault::again("neither http nor https is spoken there"),
            };
            attempts.pause(fault).await?;
        }
    }

    /// Whether a registry answers there. Learns its challenge on the way.
    pub(super) async fn ping(&self, host: &Host, origin: &Url, what: &str) -> Result<bool, Fault> {
        let url = origin.join("v2/").expect("a constant path joins to every origin");
        let http = self.http(host, &url).await?;
        let result = self.transmit(http.request(Method::GET, url.clone()), what).await;
        let response = http.judge(host, &url, what, result)?;
        let status = response.status();
        let elsewhere = || {
            let location = response.headers().get("location")?.to_str().ok()?;
            Some(!same_origin(&origin.join(location).ok()?, origin))
        };
        // What TLS servers answer to plain http: 400, or a redirect to https.
        if matches!(status.as_u16(), 400 | 426 | 497)
            || (status.is_redirection() && elsewhere() != Some(false))
        {
            return Ok(false);
        }
        if status.as_u16() == 401 {
            host.challenged(&response);
        }
        Ok(true)
    }

    /// Asks the API's root for the challenge that a 401 elsewhere lacked.
    pub(super) async fn ask_challenge(&self, host: &Host, what: &str) -> Result<(), Fault> {
        let origin = self.origin(host).await?;
        self.ping(host, origin, what).await.map(drop)
    }

    pub(super) fn attempts<'a>(&'a self, host: &'a Host, what: String) -> Attempts<'a> {
        Attempts::new(
            self.1.patience(self.0.settings.patience),
            self.0.observer.as_ref(),
            &host.gate,
            what,
        )
    }

    pub(super) fn plain(&self) -> &PlainHosts {
        &self.0.plain
    }
}
