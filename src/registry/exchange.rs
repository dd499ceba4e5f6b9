//! [`Exchange`]: credentials, or none, for a token, at the realm that a registry names.
//!
//! In: the realm, what is wanted, the credentials found. Out: a token. It must never send credentials to a realm that
//! is not safe, nor along a redirect to another place than that realm.
//! <https://distribution.github.io/distribution/spec/auth/token/>,
//! <https://distribution.github.io/distribution/spec/auth/oauth/>

use std::collections::BTreeMap;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Response};
use url::Url;

use super::credential::{Credential, Login};
use super::host::Host;
use super::realm::{realm_fault, same_origin, shown, step_fault};
use super::retry::Fault;
use super::send::location;
use super::token::{Granted, Token, basic};
use super::transmit::{protocol, read_bounded};
use super::{Client, RegistryError, Repository, Secret};

/// Bound on a realm's answer.
const ANSWER_BYTES: u64 = 64 << 10;
/// How many redirects of a realm are followed.
const REDIRECTS: usize = 5;

/// The address of a realm that credentials may be sent to.
#[derive(Clone, Debug)]
pub(super) struct Realm(Url);

impl Realm {
    /// The realm that `host` names, if it is safe.
    pub(super) fn safe(client: &Client, host: &Host, realm: &str) -> Result<Self, RegistryError> {
        let none = || wrong(host, "?".to_owned(), "this is no address");
        let origin = host.known_origin().ok_or_else(none)?;
        let url = match Url::parse(realm) {
            Err(url::ParseError::RelativeUrlWithoutBase) => origin.join(realm),
            url => url,
        };
        let url = url.map_err(|_| none())?;
        match realm_fault(&url, origin, client.plain()) {
            Some(why) => Err(wrong(host, shown(&url), why)),
            None => Ok(Self(url)),
        }
    }
}

fn wrong(host: &Host, realm: String, why: &'static str) -> RegistryError {
    RegistryError::Realm {
        registry: host.name().to_owned(),
        realm,
        why,
    }
}

/// One exchange of credentials, or of nothing, for a token.
pub(super) struct Exchange<'a> {
    pub(super) client: &'a Client,
    pub(super) host: &'a Host,
    pub(super) repository: &'a Repository,
    pub(super) login: &'a Login,
    pub(super) realm: Realm,
    pub(super) service: Option<&'a str>,
    pub(super) scopes: Vec<String>,
    /// For messages.
    pub(super) what: &'a str,
}

impl Exchange<'_> {
    /// Asks for the token.
    pub(super) async fn token(&self) -> Result<Token, Fault> {
        let response = match &self.login.credential {
            Some(Credential::Identity(stored)) => {
                let identity = self.host.rotated(stored).unwrap_or_else(|| stored.clone());
                let response = self.post(&identity).await?;
                match response.status().as_u16() {
                    // Some realms know the older form only, with the token as a password.
                    404 | 405 => self.get(basic("<token>", &identity)).await?,
                    _ => response,
                }
            }
            Some(Credential::Basic { username, password }) => self.get(basic(username, password)).await?,
            _ => self.get(None).await?,
        };
        let realm = shown(&self.realm.0);
        let (registry, status) = (self.host.name(), response.status().as_u16());
        let stall = self.client.0.settings.patience.stall;
        if matches!(status, 400 | 401 | 403) {
            return Err(Fault::Final(RegistryError::Unauthorized {
                what: self.what.to_owned(),
                registry: registry.to_owned(),
                credential: self.login.origin.clone(),
                scope: Some(self.scopes.join(" ")),
                source: self.client.answer(response).await.into(),
            }));
        }
        if status != 200 {
            let what = format!("signing in at `{realm}`");
            let origin = &self.login.origin;
            return Err(self
                .client
                .failure(response, &what, origin, self.repository)
                .await);
        }
        let what = format!("the answer of `{realm}`");
        let body = read_bounded(response, &what, ANSWER_BYTES, stall).await?;
        let granted: Option<Granted> = serde_json::from_slice(&body).ok();
        let token = granted.as_ref().and_then(Token::granted);
        let refresh = granted.and_then(|granted| granted.refresh_token);
        if let (Some(Credential::Identity(stored)), Some(refresh)) = (&self.login.credential, refresh)
            && !refresh.is_empty()
        {
            self.host.rotate(stored, Secret::new(refresh));
        }
        token.ok_or_else(|| Fault::Final(protocol(&what, "there is no token in it")))
    }

    async fn get(&self, header: Option<HeaderValue>) -> Result<Response, Fault> {
        let mut url = self.realm.0.clone();
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(self.service.map(|service| ("service", service)));
            query.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        }
        for _ in 0..=REDIRECTS {
            let http = self.client.http(self.host, &url).await?;
            let mut request = http.request(Method::GET, url.clone());
            // The password is for the realm itself.
            if let Some(header) = header.as_ref().filter(|_| same_origin(&url, &self.realm.0)) {
                self.client.0.shown.header(header);
                request = request.header(AUTHORIZATION, header);
            }
            let result = self.client.transmit(request, self.what).await;
            let response = http.judge(self.host, &url, self.what, result)?;
            if !matches!(response.status().as_u16(), 301..=303 | 307 | 308) {
                return Ok(response);
            }
            url = self.next(&url, &response)?;
        }
        Err(protocol(self.what, "the realm redirects too often").into())
    }

    /// Where a redirect of the realm leads, if that is as safe as the realm.
    fn next(&self, from: &Url, response: &Response) -> Result<Url, RegistryError> {
        let next = location(from, response, self.what)?;
        let plain = self.client.plain();
        let fault = self
            .host
            .known_origin()
            .map_or(Some("this is no address"), |origin| {
                realm_fault(&next, origin, plain).or_else(|| step_fault(&next, from, origin, plain))
            });
        match fault {
            Some(why) => Err(wrong(self.host, shown(&next), why)),
            None => Ok(next),
        }
    }

    /// A refresh token is worth a password and stands in the body: no redirect is followed with it.
    async fn post(&self, identity: &Secret) -> Result<Response, Fault> {
        self.client.0.shown.secret(identity);
        let scope = self.scopes.join(" ");
        let mut form: BTreeMap<&str, &str> = BTreeMap::new();
        form.insert("grant_type", "refresh_token");
        form.insert("refresh_token", identity.reveal());
        form.insert("client_id", "cargo-gantry");
        form.insert("scope", &scope);
        form.extend(self.service.map(|service| ("service", service)));
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let http = self.client.http(self.host, &self.realm.0).await?;
        let request = http.request(Method::POST, self.realm.0.clone());
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let result = self.client.transmit(request, self.what).await;
        http.judge(self.host, &self.realm.0, self.what, result)
    }
}
