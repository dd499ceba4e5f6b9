//! What is known of one registry host while we work with it.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, Response};
use tokio::sync::{Mutex as Turn, MutexGuard as TurnGuard, OnceCell, RwLock, Semaphore};
use url::Url;

use super::challenge::{Challenge, best};
use super::parts::PART;
use super::realm::{PlainHosts, same_origin};
use super::repository::{api_host, is_loopback};
use super::retry::{Attempts, Fault, Gate};
use super::send::{Payload, Request};
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
    /// Whether a first request is over: until then they go one by one, so that the first learns how it is spoken to.
    met: AtomicBool,
    meeting: Turn<()>,
    /// Whether it, or a place where it led, has ever answered over TLS.
    pub(super) welcomed: AtomicBool,
    pub(super) uploads: Semaphore,
    /// Blobs that are asked for, or wait for their turn to be sent.
    pub(super) asks: Semaphore,
    /// It has said that a repository holds a blob when asked to mount that from there.
    answering: AtomicBool,
    /// It has mounted a blob from wherever.
    honouring: AtomicBool,
    /// Held by those who have it mount blobs of other repositories right now.
    pub(super) mounting: RwLock<()>,
    /// It opens a session, or refuses, whatever it is asked to mount.
    ignoring: AtomicBool,
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
            met: AtomicBool::new(false),
            meeting: Turn::default(),
            welcomed: AtomicBool::new(false),
            uploads: Semaphore::new(uploads.map_or(UPLOADS, NonZeroUsize::get)),
            asks: Semaphore::new(uploads.map_or(ASKS, NonZeroUsize::get)),
            answering: AtomicBool::new(false),
            honouring: AtomicBool::new(false),
            mounting: RwLock::default(),
            ignoring: AtomicBool::new(vendor::ignores_mounts(name)),
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

    /// One's turn to be the first who gets an answer; none once somebody has got one.
    pub(super) async fn meet(&self) -> Option<TurnGuard<'_, ()>> {
        if self.met.load(Ordering::Acquire) {
            return None;
        }
        let turn = self.meeting.lock().await;
        (!self.met.load(Ordering::Acquire)).then_some(turn)
    }

    /// It has answered, or did not.
    pub(super) fn is_met(&self) {
        self.met.store(true, Ordering::Release);
    }

    /// Whether asking it to mount a blob says nothing.
    pub(super) fn ignores_mounts(&self) -> bool {
        self.ignoring.load(Ordering::Relaxed)
    }

    /// It has refused to mount a blob from where that would be.
    pub(super) fn learn_ignoring(&self) {
        self.ignoring.store(true, Ordering::Relaxed);
    }

    /// Whether a session instead of a mount has turned out to mean that there is no such blob.
    pub(super) fn answers_mounts(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    /// It has mounted a blob where that was.
    pub(super) fn learn_answering(&self) {
        self.answering.store(true, Ordering::Relaxed);
        self.learn_honouring();
    }

    /// Whether it mounts blobs at all, as far as it has said so; mounts that it is asked for right now are waited for.
    pub(super) async fn honours_mounts(&self) -> bool {
        let honours = || self.honouring.load(Ordering::Relaxed);
        if !honours() {
            drop(self.mounting.write().await);
        }
        honours()
    }

    /// It has mounted a blob.
    pub(super) fn learn_honouring(&self) {
        self.honouring.store(true, Ordering::Relaxed);
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
    /// there, the first request finds out, or one made for that.
    pub(super) async fn origin<'a>(&self, host: &'a Host) -> Result<&'a Url, RegistryError> {
        host.origin.get_or_try_init(|| self.find_origin(host)).await
    }

    /// Where the API of `host` answers, if that was found out; else plain http on this machine, which is tried first.
    pub(super) async fn likely_origin(&self, host: &Host) -> Result<Url, RegistryError> {
        match self.guess(host) {
            Some(guess) => Ok(guess),
            None => self.origin(host).await.cloned(),
        }
    }

    /// Plain http on this machine, as long as nobody knows.
    fn guess(&self, host: &Host) -> Option<Url> {
        let open = host.known_origin().is_none() && !self.0.plain.named(host.name());
        let url = (open && is_loopback(host.name())).then(|| format!("http://{}/", api_host(host.name())));
        Url::parse(&url?).ok()
    }

    /// The answer to a harmless request which finds out, without credentials, whether plain http is spoken. None where that
    /// is known, and where the answer may be that of somebody who speaks TLS.
    pub(super) async fn first_answer(&self, host: &Host, request: &Request<'_>) -> Option<Response> {
        let guess = self.guess(host)?;
        let harmless = matches!(request.method, Method::GET | Method::HEAD);
        if !harmless || !matches!(request.payload, Payload::None) || !same_origin(&request.url, &guess) {
            return None;
        }
        let answer = self.step(host, request, &request.url, None).await.ok()?;
        if wants_tls(&answer, &guess) {
            return None;
        }
        // Whoever was faster has found the same.
        let _ = host.origin.set(guess);
        Some(answer)
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
        if wants_tls(&response, origin) {
            return Ok(false);
        }
        if response.status().as_u16() == 401 {
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

/// What TLS servers answer to plain http: 400, or a redirect to https.
fn wants_tls(response: &Response, origin: &Url) -> bool {
    let status = response.status();
    let elsewhere = || {
        let location = response.headers().get("location")?.to_str().ok()?;
        let next = origin.join(location).ok()?;
        Some(next.scheme() != "http")
    };
    matches!(status.as_u16(), 400 | 426 | 497) || (status.is_redirection() && elsewhere() != Some(false))
}
