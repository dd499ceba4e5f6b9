//! Signing in: from a challenge and the credentials found to the Authorization header of a request.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use reqwest::Response;
use reqwest::header::HeaderValue;

use super::challenge::Challenge;
use super::credential::{Credential, Login};
use super::exchange::{Exchange, Realm};
use super::host::Host;
use super::retry::Fault;
use super::token::{Access, basic, bearer, scopes};
use super::{Client, RegistryError, Repository, credential};
use crate::event::{Event, Stage};

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

    /// Reads `base` as well, unless that is the repository itself. It must be of the same registry. Where the realm gives no token for both, one for
    /// the repository alone is used: the mount may then be refused, and the blob is uploaded.
    pub(super) fn mounting(self, base: &'a Repository) -> Self {
        Self {
            from: Some(base)
                .filter(|base| base.registry() == self.repository.registry() && *base != self.repository),
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
                turn.challenged(scope);
                let _span = self.span(Stage::Token, &purpose.scopes(None).join(" "));
                let mut exchange = Exchange {
                    client: self,
                    host,
                    repository: purpose.repository,
                    login: &login,
                    realm: Realm::safe(self, host, &realm)?,
                    service: service.as_deref(),
                    scopes: purpose.scopes(turn.challenges()),
                    what: purpose.what,
                };
                let token = match exchange.token().await {
                    // Some realms refuse all of it for a second repository that is not theirs or not ours.
                    Err(Fault::Final(RegistryError::Unauthorized { .. })) if from.is_some() => {
                        exchange.scopes = Purpose {
                            from: None,
                            ..purpose
                        }
                        .scopes(None);
                        exchange.token().await?
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
            let login = found?;
            if login.surprising {
                let text = format!("signing in for `{repository}` with {}", login.origin);
                self.0.observer.event(&Event::Notice { text: &text });
            }
            Ok(Arc::new(login))
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
            source: self.answer(response).await.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::Mutex;

    use super::*;
    use crate::environment::Environment;
    use crate::registry::Settings;
    use crate::tool::Tools;

    /// A registry and realm that answers one request a connection; a token for the repository `theirs` is refused.
    fn realm() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, own) = (asked.clone(), host.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                let path = head[0].split(' ').nth(1).unwrap().to_owned();
                let (status, body) = match path.as_str() {
                    "/v2/" => ("401 Unauthorized", String::new()),
                    path if path.contains("theirs") => ("403 Forbidden", String::new()),
                    _ => (
                        "200 OK",
                        format!(r#"{{"token":"t{}"}}"#, log.lock().unwrap().len()),
                    ),
                };
                if path != "/v2/" {
                    log.lock().unwrap().push(path);
                }
                let challenge = format!("www-authenticate: Bearer realm=\"http://{own}/token\"");
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\n{challenge}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (host, asked)
    }

    #[tokio::test]
    async fn a_mount_asks_for_both_repositories_and_does_without_the_second() {
        struct Nobody;
        impl crate::event::Observer for Nobody {
            fn event(&self, _: &crate::event::Event<'_>) {}
        }
        let (registry, asked) = realm();
        let tools = Tools::new(Environment::empty("/nonexistent"));
        let client = Client::new(Settings::new(tools), Arc::new(Nobody)).unwrap();
        let repository = |name| Repository::new(&registry, name);
        let (own, base, theirs) = (repository("z/own"), repository("a/base"), repository("b/theirs"));
        let elsewhere = Repository::new("other.example", "a/base");
        let host = client.host(&own);
        client.origin(&host).await.unwrap();
        let scope = |name: &str, actions: &str| format!("scope=repository%3A{name}%3A{actions}");
        let push = scope("z%2Fown", "pull%2Cpush");
        for (from, expected) in [
            (
                &base,
                vec![format!("/token?{push}&{}", scope("a%2Fbase", "pull"))],
            ),
            (
                &theirs,
                vec![
                    format!("/token?{push}&{}", scope("b%2Ftheirs", "pull")),
                    format!("/token?{push}"),
                ],
            ),
            (&elsewhere, vec![format!("/token?{push}")]),
        ] {
            let purpose = Purpose::new(&own, Access::Push, "a test").mounting(from);
            for _ in 0..2 {
                assert!(
                    client
                        .authorization(&host, purpose, None, None)
                        .await
                        .is_ok_and(|h| h.is_some())
                );
            }
            // The second time, there is a token.
            assert_eq!(std::mem::take(&mut *asked.lock().unwrap()), expected, "{from}");
        }
    }
}
