//! One request over the wire, and what its answer means.

use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response};
use tokio::time::{Instant, timeout, timeout_at};

use super::error::Cause;
use super::realm::shown;
use super::retry::{Fault, retry_after, temporary};
use super::{Client, RegistryError, Repository};

/// How much of an error's body is read.
const ERROR_BYTES: usize = 16 << 10;
/// Bytes in a second below which a connection stands still.
const SLOWEST: f64 = 1024.0;

/// How fast, in bytes a second, a registry is expected to take in a blob after its last byte came.
const SETTLING: u64 = 10 << 20;

/// Nothing moved for so long.
#[derive(Debug, thiserror::Error)]
#[error("no byte moved for {} seconds", .0.as_secs())]
pub(super) struct Stalled(pub(super) Duration);

/// So little came in so long.
#[derive(Debug, thiserror::Error)]
#[error("no more than {bytes} bytes came in {} seconds", .time.as_secs())]
struct Slow {
    time: Duration,
    bytes: u64,
}

impl Client {
    /// Sends a request whose body is small, and waits for the answer's head.
    pub(super) async fn transmit(&self, request: RequestBuilder, what: &str) -> Result<Response, Fault> {
        let stall = self.0.settings.patience.stall;
        self.transmit_within(stall, request, what).await
    }

    /// The same, for an answer that may come after `limit` only.
    pub(super) async fn transmit_within(
        &self,
        limit: Duration,
        request: RequestBuilder,
        what: &str,
    ) -> Result<Response, Fault> {
        match timeout(limit, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(network_fault(error, what)),
            Err(_) => Err(Fault::again(Stalled(limit))),
        }
    }

    /// How long a registry may take to answer once it has the last of `length` bytes: some copy the whole blob once more.
    pub(super) fn settling(&self, length: u64) -> Duration {
        self.0.settings.patience.stall + Duration::from_secs(length / SETTLING)
    }

    /// What an answer means that is not the hoped for one. 401 is dealt with elsewhere.
    pub(super) async fn failure(
        &self,
        response: Response,
        what: &str,
        credential: &str,
        repository: &Repository,
    ) -> Fault {
        let status = response.status().as_u16();
        let header = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let after = header.and_then(|value| retry_after(value, SystemTime::now()));
        let answer = self.answer(response).await;
        if temporary(status) {
            return Fault::Again {
                cause: Cause::from(answer),
                after: after.filter(|_| matches!(status, 429 | 503)),
            };
        }
        let answer = Box::new(answer);
        let (what, credential) = (what.to_owned(), credential.to_owned());
        Fault::Final(if answer.has("NAME_UNKNOWN") {
            RegistryError::MissingRepository {
                what,
                repository: repository.clone(),
                credential,
                source: answer,
            }
        } else if status == 403 || answer.has("DENIED") {
            RegistryError::Forbidden {
                what,
                credential,
                source: answer,
            }
        } else {
            RegistryError::Refused { what, source: answer }
        })
    }
}

/// What an error below HTTP means: worth another try, unless it is about trust.
pub(super) fn network_fault(error: reqwest::Error, what: &str) -> Fault {
    let host = error
        .url()
        .and_then(|url| url.host_str())
        .unwrap_or_default()
        .to_owned();
    // The address may carry a signature.
    let error = error.without_url();
    if error.is_builder() {
        return Fault::Final(RegistryError::Protocol {
            what: what.to_owned(),
            problem: "this request cannot be built".to_owned(),
        });
    }
    let tls = tls_error(&error);
    if let Some(source @ rustls::Error::InvalidCertificate(_)) = tls {
        return Fault::Final(RegistryError::Certificate {
            what: what.to_owned(),
            host,
            source: source.clone().into(),
        });
    }
    if let Some(source) = tls.filter(|error| about_our_certificate(error)) {
        return Fault::Final(RegistryError::ClientCertificate {
            what: what.to_owned(),
            host,
            source: source.clone().into(),
        });
    }
    Fault::again(error)
}

/// Whether the other side finds our certificate wanting, or wanted one.
fn about_our_certificate(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        error,
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
        )
    )
}

/// The TLS error at the bottom of another. An `io::Error` hides from `source` what it wraps.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    let below = wrapped
        .map(|inner| inner as &(dyn std::error::Error + 'static))
        .or_else(|| error.source());
    error.downcast_ref().or_else(|| tls_error(below?))
}

/// The beginning of a body, as far as it comes soon.
pub(super) async fn body_start(mut response: Response, stall: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    // For all of it: one byte at a time would take days.
    let end = Instant::now() + stall.min(Duration::from_secs(10));
    while body.len() < ERROR_BYTES {
        match timeout_at(end, response.chunk()).await {
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            _ => break,
        }
    }
    body.truncate(ERROR_BYTES);
    body
}

/// A whole body of at most `limit` bytes.
pub(super) async fn read_bounded(
    mut response: Response,
    what: &str,
    limit: u64,
    stall: Duration,
) -> Result<Vec<u8>, Fault> {
    let (mut body, mut pace) = (Vec::new(), Pace::new(stall));
    while let Some(chunk) = pace.next_chunk(&mut response, what).await? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(Fault::Final(RegistryError::TooLarge {
                what: what.to_owned(),
                limit,
            }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How fast a body comes. One that comes so slowly that it might as well stand still is taken for that.
pub(super) struct Pace {
    stall: Duration,
    waited: Duration,
    came: u64,
}

impl Pace {
    /// A body may stand still for `stall`.
    pub(super) fn new(stall: Duration) -> Self {
        Self {
            stall,
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// The next bytes of a body, whole or not at all; none at its end.
    pub(super) async fn next_chunk(
        &mut self,
        response: &mut Response,
        what: &str,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Fault> {
        let before = Instant::now();
        let chunk = match timeout(self.stall, response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => return Err(network_fault(error, what)),
            Err(_) => return Err(Fault::again(Stalled(self.stall))),
        };
        // How long what was read has been worked on does not count.
        self.waited += before.elapsed();
        self.came += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.waited < self.stall || chunk.is_none() {
            return Ok(chunk);
        }
        if (self.came as f64) < SLOWEST * self.waited.as_secs_f64() {
            return Err(Fault::again(Slow {
                time: self.waited,
                bytes: self.came,
            }));
        }
        *self = Self::new(self.stall);
        Ok(chunk)
    }
}

/// An error for an answer that does not fit the protocol.
pub(super) fn protocol(what: &str, problem: impl Into<String>) -> RegistryError {
    RegistryError::Protocol {
        what: what.to_owned(),
        problem: problem.into(),
    }
}

/// The error for an answer that leads to a place which is not safe.
pub(super) fn unsafe_step(what: &str, next: &url::Url, why: &str) -> RegistryError {
    protocol(what, format!("the registry leads to `{}`: {why}", shown(next)))
}
