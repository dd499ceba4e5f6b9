//! One attempt of a request: gate, authorization, redirects. Credentials go to the registry's own origin only.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use url::Url;

use super::challenge::Challenge;
use super::host::Host;
use super::realm::{same_origin, step_fault};
use super::retry::Fault;
use super::sign_in::Purpose;
use super::transmit::{protocol, unsafe_step};
use super::upload::Upload;
use super::{Client, RegistryError, Repository};

/// How many redirects are followed.
const REDIRECTS: usize = 10;

/// What a request carries.
#[derive(Clone)]
pub(super) enum Payload<'a> {
    /// No body, and no length either.
    None,
    /// Bytes, maybe none, with their length.
    Bytes(Vec<u8>),
    /// None, at the end of an upload of so many bytes, over which the registry may take its time.
    End(u64),
    /// A blob or a part of it, opened anew for each attempt.
    Upload(&'a Upload<'a>),
}

/// A request to a registry.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) payload: Payload<'a>,
    pub(super) purpose: Purpose<'a>,
}

impl<'a> Request<'a> {
    pub(super) fn new(method: Method, url: Url, purpose: Purpose<'a>) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::None,
            purpose,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn payload(mut self, payload: Payload<'a>) -> Self {
        self.payload = payload;
        self
    }
}

impl Client {
    /// The state of a repository's host.
    pub(super) fn host(&self, repository: &Repository) -> Arc<Host> {
        let mut hosts = self
            .0
            .hosts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let name = repository.registry();
        hosts
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Host::new(name, self.host_settings(name))))
            .clone()
    }

    /// The address of something in a repository.
    pub(super) async fn address(
        &self,
        host: &Host,
        repository: &Repository,
        rest: &str,
    ) -> Result<Url, RegistryError> {
        let path = format!("v2/{}/{rest}", repository.name());
        let joined = self.likely_origin(host).await?.join(&path);
        joined.map_err(|_| protocol(&repository.to_string(), "this name makes no address"))
    }

    /// One attempt: the answer, whatever its status, unless that is 401 or a redirect.
    pub(super) async fn send(&self, host: &Host, request: &Request<'_>) -> Result<Response, Fault> {
        let purpose = request.purpose;
        host.gate.pass().await;
        let mut turn = host.meet().await;
        let mut first = self.first_answer(host, request).await;
        let origin = self.origin(host).await?;
        let mut url = settled(&request.url, origin);
        let mut header = match first {
            Some(_) => None,
            None => self.authorization(host, purpose, None, None).await?,
        };
        let (mut renewed, mut steps) = (false, 0);
        loop {
            let own = same_origin(&url, origin);
            let response = match first.take() {
                Some(response) => response,
                None => {
                    let header = header.as_ref().filter(|_| own);
                    let answer = self.step(host, request, &url, header).await;
                    // Nobody waits for one who stays silent.
                    if answer.is_err() {
                        host.is_met();
                    }
                    answer?
                }
            };
            if own {
                self.tell_warnings(host, &response);
            }
            if let Some(turn) = turn.take() {
                if response.status().as_u16() == 401 {
                    host.challenged(&response);
                }
                host.is_met();
                drop(turn);
            }
            let status = response.status().as_u16();
            if status == 401 && own {
                if renewed {
                    return Err(self.unauthorized(host, purpose, response).await.into());
                }
                // Without credentials it has only told that it wants some.
                renewed = header.is_some();
                let fresh = self.renew(host, purpose, &response, header.as_ref()).await?;
                if fresh.is_none() || fresh == header {
                    return Err(self.unauthorized(host, purpose, response).await.into());
                }
                if matches!(request.payload, Payload::Upload(_)) {
                    // The session may be gone with the body: begin the blob again.
                    return Err(Fault::Renewed(self.unauthorized(host, purpose, response).await));
                }
                header = fresh;
                continue;
            }
            let Some(next) = redirect(&request.method, &url, &response, purpose.what)? else {
                return Ok(response);
            };
            if let Some(why) = step_fault(&next, &url, origin, self.plain()) {
                return Err(unsafe_step(purpose.what, &next, why).into());
            }
            steps += 1;
            if steps > REDIRECTS {
                return Err(protocol(purpose.what, "too many redirects").into());
            }
            url = next;
        }
    }

    /// As [`Client::send`]; every status but those of `good` is a fault.
    pub(super) async fn expect(
        &self,
        host: &Host,
        request: &Request<'_>,
        good: &[u16],
    ) -> Result<Response, Fault> {
        let response = self.send(host, request).await?;
        if good.contains(&response.status().as_u16()) {
            return Ok(response);
        }
        Err(self.fault_of(host, request.purpose, response).await)
    }

    /// What a bad answer means.
    pub(super) async fn fault_of(&self, host: &Host, purpose: Purpose<'_>, response: Response) -> Fault {
        let credential = self.credential_used(host, purpose.repository).await;
        self.failure(response, purpose.what, &credential, purpose.repository)
            .await
    }

    /// For messages: the credentials that a host was shown.
    pub(super) async fn credential_used(&self, host: &Host, repository: &Repository) -> String {
        if host.challenge().is_none() {
            return "no credentials (the registry asked for none)".to_owned();
        }
        match self.login(repository).await {
            Ok(login) => login.origin.clone(),
            Err(_) => "no credentials (those stored cannot be read)".to_owned(),
        }
    }

    /// The header that answers a 401.
    async fn renew(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        response: &Response,
        rejected: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Fault> {
        let challenge = host.challenged(response);
        if challenge.is_none() && host.challenge().is_none() {
            self.ask_challenge(host, purpose.what).await?;
        }
        let scope = match &challenge {
            Some(Challenge::Bearer { scope, .. }) => scope.as_deref(),
            _ => None,
        };
        self.authorization(host, purpose, rejected, scope).await
    }

    /// One request to one place.
    pub(super) async fn step(
        &self,
        host: &Host,
        request: &Request<'_>,
        url: &Url,
        header: Option<&HeaderValue>,
    ) -> Result<Response, Fault> {
        let http = self.http(host, url).await?;
        let mut builder = http
            .request(request.method.clone(), url.clone())
            .headers(request.headers.clone());
        if let Some(header) = header {
            self.0.shown.header(header);
            builder = builder.header(AUTHORIZATION, header.clone());
        }
        let what = request.purpose.what;
        let result = match &request.payload {
            Payload::None => self.transmit(builder, what).await,
            Payload::Bytes(bytes) => {
                let builder = builder.header("content-length", bytes.len()).body(bytes.clone());
                self.transmit(builder, what).await
            }
            Payload::End(length) => {
                let builder = builder.header("content-length", 0).body(Vec::new());
                self.transmit_within(self.settling(*length), builder, what).await
            }
            Payload::Upload(upload) => upload.transmit(builder, what).await,
        };
        http.judge(host, url, what, result)
    }
}

/// `url`, which was built on plain http before that was known to be right.
pub(super) fn settled(url: &Url, origin: &Url) -> Url {
    let mut url = url.clone();
    if url.scheme() == "http" && origin.scheme() == "https" && url.host() == origin.host() {
        let other = url.clone();
        // Nothing but the scheme is changed, so a port that stands there stays.
        if url.set_scheme("https").is_err() || !same_origin(&url, origin) {
            return other;
        }
    }
    url
}

/// Where an answer leads, if it is a redirect that we may follow.
fn redirect(
    method: &Method,
    url: &Url,
    response: &Response,
    what: &str,
) -> Result<Option<Url>, RegistryError> {
    let reading = matches!(*method, Method::GET | Method::HEAD);
    match response.status().as_u16() {
        307 | 308 => {}
        301..=303 if reading => {}
        _ => return Ok(None),
    }
    location(url, response, what).map(Some)
}

/// The `Location` of an answer to a request to `url`: absolute or relative, with its query as it is.
pub(super) fn location(url: &Url, response: &Response, what: &str) -> Result<Url, RegistryError> {
    let value = response
        .headers()
        .get(LOCATION)
        .ok_or_else(|| protocol(what, "an answer has no Location"))?;
    let joined = value.to_str().ok().and_then(|value| url.join(value).ok());
    joined.ok_or_else(|| protocol(what, "the Location of an answer is no address"))
}

/// How long sending or getting so many bytes takes at a modest speed: 5 MB/s.
pub(super) fn estimate(bytes: u64) -> Duration {
    Duration::from_micros(bytes / 5)
}
