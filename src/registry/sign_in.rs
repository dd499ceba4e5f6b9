//! Signing in: from a challenge and the credentials found to the Authorization header of a request.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Response};
use url::Url;

use super::challenge::Challenge;
use super::credential::{Credential, Login};
use super::error::Answer;
use super::host::Host;
use super::realm::{realm_fault, shown};
use super::retry::Fault;
use super::token::{Access, Granted, Token, basic, bearer, scopes};
use super::transmit::{body_start, failure, read_bounded};
use super::{Client, RegistryError, Repository, Secret, credential};

/// Bound on a realm's answer.
const ANSWER_BYTES: u64 = 64 << 10;

/// What a request needs to be authorized for.
#[derive(Clone, Copy)]
pub(super) struct Purpose<'a> {
    pub(super) repository: &'a Repository,
    pub(super) access: Access,
    /// A repository of the same registry that is read in the same request: where a blob is mounted from.
    pub(super) from: Option<&'a Repository>,
    /// For messages.
    pub(super) what: &'a str,
    /// How long the request may take, by its size.
    pub(super) needed: Duration,
}

impl<'a> Purpose<'a> {
    /// `access` to `repository`, for a request without a body to speak of.
    pub(super) fn new(repository: &'a Repository, access: Access, what: &'a str) -> Self {
        Self {
            repository,
            access,
            from: None,
            what,
            needed: Duration::ZERO,
        }
    }

    /// Reads `base` as well. It must be of the same registry. Where the realm gives no token for both, one for
    /// the repository alone is used: the mount may then be refused, and the blob is uploaded.
    pub(super) fn mounting(self, base: &'a Repository) -> Self {
        Self {
            from: Some(base).filter(|base| base.registry() == self.repository.registry()),
            ..self
        }
    }

    fn scopes(&self, challenged: Option<&str>) -> Vec<String> {
        scopes(
            self.repository.name(),
            self.access,
            self.from.map(Repository::name),
            challenged,
        )
    }
}

impl Client {
    /// The header for a request to `host` itself; none while the host has not asked for one, or when there is
    /// nothing to offer. `rejected` is the header that the host just refused, asking for `scope`.
    pub(super) async fn authorization(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        rejected: Option<&HeaderValue>,
        scope: Option<&str>,
    ) -> Result<Option<HeaderValue>, Fault> {
        let Some(challenge) = host.challenge() else {
            return Ok(None);
        };
        let login = self.login(purpose.repository).await?;
        match (&login.credential, challenge) {
            (Some(Credential::Bearer(token)), _) => Ok(bearer(token)),
            (Some(Credential::Basic { username, password }), Challenge::Basic) => {
                Ok(basic(username, password))
            }
            (_, Challenge::Basic) => Ok(None),
            (_, Challenge::Bearer { realm, service, .. }) => {
                let name = purpose.repository.name();
                let from = purpose.from.map(Repository::name);
                let wider = || host.tokens.wider(name, purpose.needed, rejected);
                if let Some(header) = Some(purpose.access)
                    .filter(|a| *a == Access::Pull)
                    .and_then(|_| wider())
                {
                    return Ok(Some(header));
                }
                let mut turn = host.tokens.turn(name, purpose.access, from).await;
                if let Some(header) = turn.usable(purpose.needed, rejected) {
                    return Ok(Some(header));
                }
                let mut exchange = Exchange {
                    host,
                    login: &login,
                    realm: safe_realm(self, host, &realm)?,
                    service: service.as_deref(),
                    scopes: purpose.scopes(scope),
                    what: purpose.what,
                };
                let token = match exchange.token(self, purpose.repository).await {
                    // Some realms refuse all of it for a second repository that is not theirs or not ours.
                    Err(Fault::Final(RegistryError::Unauthorized { .. })) if from.is_some() => {
                        exchange.scopes = Purpose {
                            from: None,
                            ..purpose
                        }
                        .scopes(None);
                        exchange.token(self, purpose.repository).await?
                    }
                    token => token?,
                };
                Ok(Some(turn.keep(token)))
            }
        }
    }

    /// The credentials for a repository, looked for once.
    pub(super) async fn login(&self, repository: &Repository) -> Result<Arc<Login>, RegistryError> {
        let cell = {
            let mut logins = self.0.logins.lock().unwrap_or_else(PoisonError::into_inner);
            logins.entry(repository.clone()).or_default().clone()
        };
        let login = cell.get_or_try_init(|| async {
            let (shared, wanted) = (self.0.clone(), repository.clone());
            let search = move || credential::find(&shared.settings, &shared.helpers, &wanted);
            let found = tokio::task::spawn_blocking(search).await;
            let found = found.map_err(|error| RegistryError::Setup {
                what: "the search for credentials".to_owned(),
                source: error.into(),
            })?;
            found.map(Arc::new)
        });
        login.await.cloned()
    }

    /// The error of a 401 that better credentials did not prevent.
    pub(super) async fn unauthorized(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        response: Response,
    ) -> RegistryError {
        let login = match self.login(purpose.repository).await {
            Ok(login) => login,
            Err(error) => return error,
        };
        let scope = match host.challenge() {
            Some(Challenge::Bearer { .. }) => Some(purpose.scopes(None).join(" ")),
            _ => None,
        };
        RegistryError::Unauthorized {
            what: purpose.what.to_owned(),
            registry: purpose.repository.registry().to_owned(),
            credential: login.origin.clone(),
            scope,
            source: Answer::new(401, &body_start(response, self.0.settings.patience.stall).await).into(),
        }
    }
}

fn safe_realm(client: &Client, host: &Host, realm: &str) -> Result<Url, RegistryError> {
    let origin = host.known_origin();
    let wrong = |realm: String, why| RegistryError::Realm {
        registry: host.name().to_owned(),
        realm,
        why,
    };
    let url = match (Url::parse(realm), origin) {
        (Ok(url), _) => url,
        (Err(url::ParseError::RelativeUrlWithoutBase), Some(origin)) => origin
            .join(realm)
            .map_err(|_| wrong("?".to_owned(), "this is no address"))?,
        _ => return Err(wrong("?".to_owned(), "this is no address")),
    };
    let fault = origin.map_or(Some("this is no address"), |origin| {
        realm_fault(&url, origin, &client.0.plain)
    });
    match fault {
        Some(why) => Err(wrong(shown(&url), why)),
        None => Ok(url),
    }
}

/// One exchange of credentials, or of nothing, for a token.
struct Exchange<'a> {
    host: &'a Host,
    login: &'a Login,
    realm: Url,
    service: Option<&'a str>,
    scopes: Vec<String>,
    what: &'a str,
}

impl Exchange<'_> {
    async fn token(&self, client: &Client, repository: &Repository) -> Result<Token, Fault> {
        let response = match &self.login.credential {
            Some(Credential::Identity(stored)) => {
                let identity = self.host.rotated(stored).unwrap_or_else(|| stored.clone());
                let response = self.post(client, &identity).await?;
                match response.status().as_u16() {
                    // Some realms know the older form only, with the token as a password.
                    404 | 405 => self.get(client, basic("<token>", &identity)).await?,
                    _ => response,
                }
            }
            Some(Credential::Basic { username, password }) => {
                self.get(client, basic(username, password)).await?
            }
            _ => self.get(client, None).await?,
        };
        let stall = client.0.settings.patience.stall;
        if matches!(response.status().as_u16(), 400 | 401 | 403) {
            let status = response.status().as_u16();
            return Err(Fault::Final(RegistryError::Unauthorized {
                what: self.what.to_owned(),
                registry: repository.registry().to_owned(),
                credential: self.login.origin.clone(),
                scope: Some(self.scopes.join(" ")),
                source: Answer::new(status, &body_start(response, stall).await).into(),
            }));
        }
        if response.status().as_u16() != 200 {
            let what = format!("signing in at `{}`", shown(&self.realm));
            return Err(failure(response, &what, &self.login.origin, repository, stall).await);
        }
        let what = format!("the answer of `{}`", shown(&self.realm));
        let body = read_bounded(response, &what, ANSWER_BYTES, stall).await?;
        let granted: Option<Granted> = serde_json::from_slice(&body).ok();
        let token = granted.as_ref().and_then(Token::granted);
        let refresh = granted.and_then(|granted| granted.refresh_token);
        if let (Some(Credential::Identity(stored)), Some(refresh)) = (&self.login.credential, refresh)
            && !refresh.is_empty()
        {
            self.host.rotate(stored, Secret::new(refresh));
        }
        token.ok_or_else(|| {
            Fault::Final(RegistryError::Protocol {
                what,
                problem: "there is no token in it".to_owned(),
            })
        })
    }

    async fn get(&self, client: &Client, header: Option<HeaderValue>) -> Result<Response, Fault> {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(self.service.map(|service| ("service", service)));
            query.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        }
        let http = client.http(self.host, &url).await?;
        let request = http.request(Method::GET, url);
        let request = match header {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        };
        client.transmit(request, self.what).await
    }

    async fn post(&self, client: &Client, identity: &Secret) -> Result<Response, Fault> {
        let scope = self.scopes.join(" ");
        let mut form: BTreeMap<&str, &str> = BTreeMap::new();
        form.insert("grant_type", "refresh_token");
        form.insert("refresh_token", identity.reveal());
        form.insert("client_id", "cargo-gantry");
        form.insert("scope", &scope);
        if let Some(service) = self.service {
            form.insert("service", service);
        }
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let http = client.http(self.host, &self.realm).await?;
        let request = http.request(Method::POST, self.realm.clone());
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        client.transmit(request, self.what).await
    }
}
