//! The HTTP client below: TLS roots and proxies come from the captured environment, and it follows no redirect.

use std::path::Path;
use std::sync::Arc;

use reqwest::{NoProxy, Proxy};
use rustls::{ClientConfig, RootCertStore};

use super::{Patience, RegistryError};
use crate::environment::Environment;

/// Hosts that no proxy is asked for, whatever NO_PROXY says.
const NEVER_PROXIED: &str = "localhost,127.0.0.0/8,::1";

/// A client for registries within `environment`.
pub(super) fn client(
    environment: &Environment,
    patience: Patience,
) -> Result<reqwest::Client, RegistryError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("cargo-gantry/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls(environment)?)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(patience.connect)
        .no_proxy();
    for proxy in proxies(environment)? {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|source| RegistryError::Setup {
        what: "the HTTP client".to_owned(),
        source: source.into(),
    })
}

/// TLS with the system's roots, else with Mozilla's that are built in.
fn tls(environment: &Environment) -> Result<ClientConfig, RegistryError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| RegistryError::Setup {
            what: "TLS".to_owned(),
            source: source.into(),
        })?;
    let mut config = builder
        .with_root_certificates(roots(environment)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

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

    #[test]
    fn a_named_bundle_is_not_replaced_by_others() {
        let environment = Environment::empty("/").with("SSL_CERT_FILE", "/nowhere/ca.pem");
        let error = client(&environment, Patience::default()).unwrap_err();
        assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
        assert!(client(&Environment::empty("/"), Patience::default()).is_ok());
    }

    #[test]
    fn a_wrong_proxy_is_an_error_without_its_password() {
        let environment = Environment::empty("/").with("HTTPS_PROXY", "http://user:hunter2@[bad");
        let error = client(&environment, Patience::default()).unwrap_err();
        let text = format!("{error:?} {error} {:?}", std::error::Error::source(&error));
        assert!(
            text.contains("HTTPS_PROXY") && !text.contains("hunter2"),
            "{text}"
        );
        let environment = Environment::empty("/").with("all_proxy", "http://user:hunter2@proxy.example:3128");
        assert_eq!(proxies(&environment).unwrap().len(), 1);
    }
}
