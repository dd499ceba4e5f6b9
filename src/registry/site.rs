//! [`Site`]: the API that a vendor gives to a registry beside the standard one: JSON over HTTP.
//!
//! In: requests, and the registry's credentials, which do not leave this room. Out: answers, of bounded size. Load and
//! network are dealt with as with registries. It must never speak to another origin than that of [`Vendor`]'s table, of
//! the user's own settings, or of the registry itself; an answer that leads elsewhere is an error.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response};
use serde_json::Value;
use url::Url;

use super::credential::{Credential, Login};
use super::error::Cause;
use super::host::Host;
use super::link::Pages;
use super::realm::same_origin;
use super::retry::{Fault, retry_after, temporary};
use super::send::location;
use super::token::{basic, bearer};
use super::transmit::{protocol, read_bounded, unsafe_step};
use super::{Answer, Client, RegistryError, Repository, Secret, Vendor};
use crate::spec::json;

/// Bound on an answer's size in bytes.
const ANSWER: u64 = 8 << 20;
/// How many redirects within the API are followed.
const REDIRECTS: usize = 3;

/// A vendor's API for one repository.
pub(crate) struct Site {
    client: Client,
    host: Arc<Host>,
    login: Arc<Login>,
    base: Url,
}

/// How a request shows who asks.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// User name and password.
    Basic,
    /// The password is a token.
    Bearer,
    /// The password is a token for the header of this name.
    Header(&'static str),
    /// A token that [`Site::session`] gave.
    Session(Secret),
}

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    pub(crate) url: Url,
    pub(crate) proof: &'a Proof,
    pub(crate) headers: &'a [(&'static str, &'static str)],
    pub(crate) body: Option<Value>,
    /// For messages.
    pub(crate) what: &'a str,
    /// Whether an answer that looks as if trying again might help is meant to be the last word.
    pub(crate) settled: fn(&Answer) -> bool,
}

/// What came back.
pub(crate) enum Reply {
    /// 2xx, with the body and the next page of a list.
    Done { body: Vec<u8>, next: Option<Url> },
    /// No.
    Refused(Box<Answer>),
}

impl Client {
    /// The API of `vendor` for `repository`: where the user's settings say, else where the table says, else at the
    /// registry itself.
    pub(crate) async fn site(&self, repository: &Repository, vendor: Vendor) -> Result<Site, RegistryError> {
        let host = self.host(repository);
        let settings = self.host_settings(repository.registry());
        let named = settings.and_then(|settings| settings.vendor_api.as_ref());
        let elsewhere = named.map(|api| api.url().clone());
        let base = match elsewhere.or_else(|| vendor.api(repository.registry())) {
            Some(base) => base,
            None => self.origin(&host).await?.clone(),
        };
        Ok(Site {
            login: self.login(repository).await?,
            client: self.clone(),
            host,
            base,
        })
    }
}

impl Site {
    /// The address of `path`, whose parts are escaped already.
    pub(crate) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let url = Url::parse(&format!("{}{path}", self.base));
        let url = url.ok().filter(|url| same_origin(url, &self.base));
        url.ok_or_else(|| protocol(path, "this makes no address"))
    }

    /// The user name of the credentials, if they are of the kind that has one.
    pub(crate) fn username(&self) -> Option<&str> {
        match &self.login.credential {
            Some(Credential::Basic { username, .. }) => Some(username),
            _ => None,
        }
    }

    /// Whether there is what a request would be signed with.
    pub(crate) fn signs(&self, proof: &Proof) -> bool {
        matches!(self.header(proof, ""), Ok(Some(_)))
    }

    /// For messages: which credentials there are, or where none were found.
    pub(crate) fn credential(&self) -> &str {
        &self.login.origin
    }

    /// Sends a request, again where load or network got in its way.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Reply, RegistryError> {
        let header = self.header(call.proof, call.what)?;
        let body = call.body.as_ref().map(json::to_string);
        self.attempts(call, header.as_ref(), body.as_deref()).await
    }

    /// A token in exchange for user name and password, which are sent in JSON under the first two names; the token comes
    /// under the third.
    pub(crate) async fn session(
        &self,
        path: &str,
        names: [&str; 3],
        what: &str,
    ) -> Result<Result<Secret, Box<Answer>>, RegistryError> {
        let Some(Credential::Basic { username, password }) = &self.login.credential else {
            return Err(self.no_password(what));
        };
        self.client.0.shown.secret(password);
        let [user, secret, token] = names;
        let body = serde_json::json!({ user: username, secret: password.reveal() });
        let call = Call {
            method: "POST",
            url: self.url(path)?,
            proof: &Proof::Basic,
            headers: &[],
            body: None,
            what,
            settled: |_| false,
        };
        match self.attempts(&call, None, Some(&json::to_string(&body))).await? {
            Reply::Refused(answer) => Ok(Err(answer)),
            Reply::Done { body, .. } => {
                let answer: Option<Value> = serde_json::from_slice(&body).ok();
                let found = answer.as_ref().and_then(|answer| answer[token].as_str());
                let found = found.filter(|token| !token.is_empty() && bearer(&Secret::new(*token)).is_some());
                let found = found.ok_or_else(|| protocol(what, "there is no token in the answer"))?;
                Ok(Ok(Secret::new(found)))
            }
        }
    }

    async fn attempts(
        &self,
        call: &Call<'_>,
        header: Option<&(HeaderName, HeaderValue)>,
        body: Option<&str>,
    ) -> Result<Reply, RegistryError> {
        let mut attempts = self.client.attempts(&self.host, call.what.to_owned());
        loop {
            match self.attempt(call, header, body).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        header: Option<&(HeaderName, HeaderValue)>,
        body: Option<&str>,
    ) -> Result<Reply, Fault> {
        self.host.gate.pass().await;
        let (mut url, what) = (call.url.clone(), call.what);
        for _ in 0..=REDIRECTS {
            let response = self.step(call, &url, header, body).await?;
            let status = response.status();
            if matches!(status.as_u16(), 301..=303 | 307 | 308) {
                let next = location(&url, &response, what)?;
                if !same_origin(&next, &self.base) {
                    return Err(unsafe_step(what, &next, "the API does not go on elsewhere").into());
                }
                if call.method != "GET" && !matches!(status.as_u16(), 307 | 308) {
                    return Err(protocol(what, "the API leads to another place, without the request").into());
                }
                url = next;
                continue;
            }
            if status.is_success() {
                let next = Pages::new(what).next(&url, &response)?;
                let stall = self.client.0.settings.patience.stall;
                let body = read_bounded(response, what, ANSWER, stall).await?;
                return Ok(Reply::Done { body, next });
            }
            let after = pause(response.headers(), SystemTime::now());
            // GitHub says 403 as well where a limit is used up.
            let limited = status == 403 && used_up(response.headers());
            let answer = self.client.answer(response).await;
            if (temporary(answer.status) || limited) && !(call.settled)(&answer) {
                let cause = Cause::from(answer);
                return Err(Fault::Again { cause, after });
            }
            return Ok(Reply::Refused(Box::new(answer)));
        }
        Err(protocol(what, "too many redirects").into())
    }

    async fn step(
        &self,
        call: &Call<'_>,
        url: &Url,
        header: Option<&(HeaderName, HeaderValue)>,
        body: Option<&str>,
    ) -> Result<Response, Fault> {
        let http = self.client.http(&self.host, url).await?;
        let method =
            Method::from_bytes(call.method.as_bytes()).map_err(|_| protocol(call.what, "no such method"))?;
        let mut builder = http
            .request(method, url.clone())
            .header(ACCEPT, "application/json");
        let extra = call
            .headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        builder = builder.headers(extra.collect());
        if let Some((name, value)) = header {
            builder = builder.header(name, value);
        }
        if let Some(body) = body {
            builder = builder
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_owned());
        }
        let result = self.client.transmit(builder, call.what).await;
        http.judge(&self.host, url, call.what, result)
    }

    fn header(&self, proof: &Proof, what: &str) -> Result<Option<(HeaderName, HeaderValue)>, RegistryError> {
        let shown = &self.client.0.shown;
        let value = match (proof, &self.login.credential) {
            (Proof::Session(token), _) => bearer(token),
            (Proof::Basic, Some(Credential::Basic { username, password })) => basic(username, password),
            (Proof::Bearer, Some(Credential::Basic { password: token, .. } | Credential::Bearer(token))) => {
                bearer(token)
            }
            (Proof::Header(name), Some(Credential::Basic { password, .. })) => {
                shown.secret(password);
                let value = HeaderValue::from_str(password.reveal()).ok().map(|mut value| {
                    value.set_sensitive(true);
                    value
                });
                return Ok(value.map(|value| (HeaderName::from_static(name), value)));
            }
            _ => return Err(self.no_password(what)),
        };
        if let Some(value) = &value {
            shown.header(value);
        }
        Ok(value.map(|value| (AUTHORIZATION, value)))
    }

    fn no_password(&self, what: &str) -> RegistryError {
        RegistryError::Credentials {
            registry: self.host.name().to_owned(),
            origin: self.credential().to_owned(),
            problem: format!("{what} needs a user name with a password or token"),
            source: None,
        }
    }
}

/// How long an answer asks to wait: `Retry-After`; or Docker Hub's `X-Retry-After` and GitHub's `X-RateLimit-Reset`, which
/// are points in time.
/// <https://docs.docker.com/reference/api/hub/latest/#tag/rate-limiting>,
/// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>
fn pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(after) = text(RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now)) {
        return Some(after);
    }
    let reset = || text("x-ratelimit-reset").filter(|_| used_up(headers));
    let time: u64 = text("x-retry-after").or_else(reset)?.trim().parse().ok()?;
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(time))?;
    Some(time.duration_since(now).unwrap_or_default())
}

fn used_up(headers: &HeaderMap) -> bool {
    headers
        .get("x-ratelimit-remaining")
        .is_some_and(|left| left.as_bytes() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_seconds_or_points_in_time() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (headers, seconds) in [
            (&[("retry-after", "7")][..], Some(7)),
            (&[("x-retry-after", "1000009")], Some(9)),
            (&[("x-retry-after", "999")], Some(0)),
            (&[("x-retry-after", "soon")], None),
            (&[("x-retry-after", "18446744073709551615")], None),
            (
                &[("x-ratelimit-reset", "1000030"), ("x-ratelimit-remaining", "0")],
                Some(30),
            ),
            (
                &[("x-ratelimit-reset", "1000030"), ("x-ratelimit-remaining", "5")],
                None,
            ),
            (&[], None),
        ] {
            let pairs = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            let found = pause(&pairs.collect(), now);
            assert_eq!(found, seconds.map(Duration::from_secs), "{headers:?}");
        }
    }
}
