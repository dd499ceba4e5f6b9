//! The HTTP clients below: TLS and proxies come from the captured environment and the user's settings of a registry;
//! no client follows a redirect.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Method, NoProxy, Proxy, RequestBuilder, Response};
use rustls::RootCertStore;
use tokio::sync::OnceCell;
use url::Url;

use super::host::Host;
use super::repository::{api_host, loopback_url};
use super::retry::Fault;
use super::trust::Trust;
use super::{Client, Patience, RegistryError};
use crate::environment::Environment;

/// Hosts that no proxy is asked for, whatever NO_PROXY says.
const NEVER_PROXIED: &str = "localhost,127.0.0.0/8,::1";

/// One HTTP client for each way of trusting, made when it is needed: certificates are hundreds of files.
pub(super) struct Transports {
    /// For plain http to this machine: it trusts nobody and knows no proxy.
    near: OnceCell<Transport>,
    /// Trusts whom the system trusts.
    usual: OnceCell<Transport>,
    others: Mutex<HashMap<Trust, Transport>>,
}

/// An HTTP client, and whether somebody asked who we are.
#[derive(Clone)]
pub(super) struct Transport {
    client: reqwest::Client,
    asked: Arc<AtomicBool>,
}

impl Transport {
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// What became of a request to `url`. Who asks for a certificate and closes the connection, and has never answered
    /// before, does not let us in: that is no matter of trying again.
    pub(super) fn judge(
        &self,
        host: &Host,
        url: &Url,
        what: &str,
        result: Result<Response, Fault>,
    ) -> Result<Response, Fault> {
        let asked = self.asked.swap(false, Ordering::Relaxed);
        match result {
            Ok(response) => {
                // An answer in plain http says nothing about certificates.
                if url.scheme() == "https" {
                    host.welcomed.store(true, Ordering::Relaxed);
                }
                Ok(response)
            }
            Err(Fault::Again { cause, .. }) if asked && !host.welcomed.load(Ordering::Relaxed) => {
                Err(Fault::Final(RegistryError::ClientCertificate {
                    what: what.to_owned(),
                    host: url.host_str().unwrap_or_default().to_owned(),
                    source: cause,
                }))
            }
            Err(fault) => Err(fault),
        }
    }
}

impl Transports {
    /// Looks at the proxies that the environment names; certificates wait until somebody is to be trusted.
    pub(super) fn new(environment: &Environment) -> Result<Self, RegistryError> {
        proxies(environment)?;
        Ok(Self {
            near: OnceCell::new(),
            usual: OnceCell::new(),
            others: Mutex::default(),
        })
    }
}

impl Client {
    /// The HTTP client for a request to `url`, where work with `host` has led.
    pub(super) async fn http(&self, host: &Host, url: &Url) -> Result<Transport, RegistryError> {
        let transports = &self.0.http;
        if url.scheme() == "http" && loopback_url(url) {
            let patience = self.0.settings.patience;
            let near = transports.near.get_or_try_init(|| async { near(patience) });
            return near.await.cloned();
        }
        let trust = self.trust_for(host, url);
        if trust == Trust::default() {
            let usual = transports.usual.get_or_try_init(|| self.made(trust));
            return usual.await.cloned();
        }
        let known = |found: &mut HashMap<Trust, Transport>| found.get(&trust).cloned();
        let others = || transports.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known(&mut others()) {
            return Ok(client);
        }
        let made = self.made(trust.clone()).await?;
        Ok(others().entry(trust).or_insert(made).clone())
    }

    /// Reads files, and hundreds of the system's certificates.
    async fn made(&self, trust: Trust) -> Result<Transport, RegistryError> {
        let shared = Arc::clone(&self.0);
        let settings = move || client(&shared.settings.environment, shared.settings.patience, &trust);
        let made = tokio::task::spawn_blocking(settings).await;
        made.map_err(|error| RegistryError::Setup {
            what: "the HTTP client".to_owned(),
            source: error.into(),
        })?
    }

    /// The registry itself is shown our certificate. Where it leads to, a realm or a store of blobs, is not, even if
    /// the user has one for that place: a registry must not make us act there. It is trusted as the user says, else as
    /// the registry is.
    fn trust_for(&self, host: &Host, url: &Url) -> Trust {
        match self.settled(host, url) {
            Some(other) => self.trust(&other).anonymous(),
            None if is_of(url, host.name()) => host.trust(|| self.trust(host.name())).clone(),
            None => host.trust(|| self.trust(host.name())).anonymous(),
        }
    }

    fn trust(&self, registry: &str) -> Trust {
        Trust::of(
            registry,
            self.host_settings(registry),
            &self.0.settings.environment,
        )
    }

    /// The name of the registry at `url`, if that is another than `host` and the user says something of it.
    fn settled(&self, host: &Host, url: &Url) -> Option<String> {
        let hosts = self.0.settings.hosts.keys();
        let mut others = hosts.filter(|name| *name != host.name() && is_of(url, name));
        others.next().cloned()
    }
}

/// Whether the API of `registry` is where `url` leads.
fn is_of(url: &Url, registry: &str) -> bool {
    let own = Url::parse(&format!("{}://{}/", url.scheme(), api_host(registry)));
    own.is_ok_and(|own| {
        own.host() == url.host() && own.port_or_known_default() == url.port_or_known_default()
    })
}

/// A client for registries within `environment`.
fn client(environment: &Environment, patience: Patience, trust: &Trust) -> Result<Transport, RegistryError> {
    transport(patience, trust, roots(environment)?, proxies(environment)?)
}

/// A client for plain http on this machine.
fn near(patience: Patience) -> Result<Transport, RegistryError> {
    transport(patience, &Trust::default(), RootCertStore::empty(), Vec::new())
}

fn transport(
    patience: Patience,
    trust: &Trust,
    roots: RootCertStore,
    proxies: Vec<Proxy>,
) -> Result<Transport, RegistryError> {
    let asked = Arc::default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("cargo-gantry/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(trust.tls(roots, &asked)?)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(patience.connect)
        .no_proxy();
    // Else Linux gives up a peer that reads nothing after half a minute, whatever is patiently waited for above.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    {
        builder = builder.tcp_user_timeout(patience.stall);
    }
    for proxy in proxies {
        builder = builder.proxy(proxy);
    }
    let client = builder.build().map_err(|source| RegistryError::Setup {
        what: "the HTTP client".to_owned(),
        source: source.into(),
    })?;
    Ok(Transport { client, asked })
}

/// The system's authorities, else Mozilla's that are built in.
fn roots(environment: &Environment) -> Result<RootCertStore, RegistryError> {
    let file = environment.non_empty("SSL_CERT_FILE");
    let dir = environment.non_empty("SSL_CERT_DIR");
    let found = if file.is_some() || dir.is_some() {
        rustls_native_certs::load_certs_from_paths(file.map(Path::new), dir.map(Path::new))
    } else {
        rustls_native_certs::load_native_certs()
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if !store.is_empty() {
        return Ok(store);
    }
    if let Some(named) = file.or(dir) {
        // Somebody decided whom to trust: falling back to others would weaken that.
        let source = found.errors.into_iter().next();
        return Err(RegistryError::Setup {
            what: format!("TLS with the certificates of `{named}`"),
            source: source.map_or_else(|| "no certificate found".into(), Into::into),
        });
    }
    store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    Ok(store)
}

/// The proxies that the environment names, as curl reads it: a variable in lower case wins.
fn proxies(environment: &Environment) -> Result<Vec<Proxy>, RegistryError> {
    let named = |name: &str| {
        let lower = name.to_ascii_lowercase();
        environment
            .non_empty(&lower)
            .or_else(|| environment.non_empty(name))
    };
    let except = format!("{NEVER_PROXIED},{}", named("NO_PROXY").unwrap_or_default());
    let mut proxies = Vec::new();
    type Make = fn(&str) -> reqwest::Result<Proxy>;
    let kinds: [(&str, Make); 3] = [
        ("HTTPS_PROXY", |url| Proxy::https(url)),
        ("HTTP_PROXY", |url| Proxy::http(url)),
        ("ALL_PROXY", |url| Proxy::all(url)),
    ];
    for (name, make) in kinds {
        let Some(url) = named(name) else { continue };
        // The address may hold a password: the message names the variable only.
        let proxy = make(url).map_err(|source| RegistryError::Setup {
            what: format!("the proxy of {name}"),
            source: source.without_url().into(),
        })?;
        proxies.push(proxy.no_proxy(NoProxy::from_string(&except)));
    }
    Ok(proxies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{HostSettings, Repository, Settings};

    #[test]
    fn a_named_bundle_is_not_replaced_by_others() {
        let environment = Environment::empty("/").with("SSL_CERT_FILE", "/nowhere/ca.pem");
        let made = |environment| client(environment, Patience::default(), &Trust::default());
        let error = made(&environment).err().unwrap();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
        assert!(made(&Environment::empty("/")).is_ok());
    }

    #[test]
    fn our_certificate_is_for_the_registry_itself() {
        struct Nobody;
        impl crate::event::Observer for Nobody {
            fn event(&self, _: &crate::event::Event<'_>) {}
        }
        let with = |name: &str| HostSettings {
            ca: Some(format!("/{name}.pem").into()),
            client_certificate: Some(format!("/{name}.cert").into()),
            client_key: Some(format!("/{name}.key").into()),
            ..HostSettings::default()
        };
        let mut settings = Settings::new(crate::tool::Tools::new(Environment::empty("/nowhere")));
        for name in ["a.example", "b.example:5000"] {
            settings.hosts.insert(name.to_owned(), with(name));
        }
        let client = Client::new(settings, Arc::new(Nobody)).unwrap();
        let of = |name: &str| client.trust(name);
        for (registry, url, expected) in [
            ("a.example", "https://a.example/v2/", of("a.example")),
            (
                "a.example",
                "https://a.example:444/token",
                of("a.example").anonymous(),
            ),
            (
                "a.example",
                "https://cdn.example/blob",
                of("a.example").anonymous(),
            ),
            (
                "a.example",
                "https://b.example:5000/v2/",
                of("b.example:5000").anonymous(),
            ),
            (
                "b.example:5000",
                "https://b.example:5000/v2/",
                of("b.example:5000"),
            ),
            ("c.example", "https://a.example/v2/", of("a.example").anonymous()),
            ("c.example", "https://c.example/v2/", Trust::default()),
        ] {
            let host = client.host(&Repository::new(registry, "x"));
            let found = client.trust_for(&host, &Url::parse(url).unwrap());
            assert_eq!(found, expected, "{registry} {url}");
        }
    }

    #[test]
    fn a_registry_is_known_by_host_and_port() {
        for (url, registry, own) in [
            ("https://ghcr.io/v2/", "ghcr.io", true),
            ("https://ghcr.io/v2/", "ghcr.io:443", true),
            ("https://ghcr.io:8443/v2/", "ghcr.io", false),
            ("https://ghcr.io.evil.example/", "ghcr.io", false),
            ("https://registry-1.docker.io/v2/", "docker.io", true),
            ("https://auth.docker.io/token", "docker.io", false),
        ] {
            assert_eq!(
                is_of(&Url::parse(url).unwrap(), registry),
                own,
                "{url} {registry}"
            );
        }
    }

    #[test]
    fn a_wrong_proxy_is_an_error_without_its_password() {
        let environment = Environment::empty("/").with("HTTPS_PROXY", "http://user:hunter2@[bad");
        let error = client(&environment, Patience::default(), &Trust::default())
            .err()
            .unwrap();
        let text = format!("{error:?} {error} {:?}", std::error::Error::source(&error));
        assert!(
            text.contains("HTTPS_PROXY") && !text.contains("hunter2"),
            "{text}"
        );
        let environment = Environment::empty("/").with("all_proxy", "http://user:hunter2@proxy.example:3128");
        assert_eq!(proxies(&environment).unwrap().len(), 1);
    }
}
