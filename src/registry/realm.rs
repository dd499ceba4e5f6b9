//! Which places are safe to send anything to that the registry names: a realm, a redirect, an upload's location.

use url::{Origin, Url};

use super::repository::{internal_url, loopback_url};

/// Who may be spoken to in plain http: this machine, and hosts that the user named.
#[derive(Clone, Debug, Default)]
pub(super) struct PlainHosts(pub(super) Vec<String>);

impl PlainHosts {
    /// Whether the user named this `host[:port]`.
    pub(super) fn named(&self, host: &str) -> bool {
        self.0.iter().any(|named| named == host)
    }

    fn allow(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = url.port().map(|port| format!("{host}:{port}"));
        loopback_url(url) || self.named(host) || with_port.is_some_and(|host| self.named(&host))
    }
}

/// What is wrong with `realm` as the place where `registry` wants credentials sent.
pub(super) fn realm_fault(realm: &Url, registry: &Url, plain: &PlainHosts) -> Option<&'static str> {
    fault(realm, registry, plain)
}

/// What is wrong with `next`, where the answer to a request to `from` leads. It gets no credentials unless it is
/// the registry itself.
pub(super) fn step_fault(next: &Url, from: &Url, registry: &Url, plain: &PlainHosts) -> Option<&'static str> {
    if from.scheme() == "https" && next.scheme() != "https" {
        return Some("it leads from https to plain http");
    }
    fault(next, registry, plain)
}

fn fault(url: &Url, registry: &Url, plain: &PlainHosts) -> Option<&'static str> {
    // It would be sent as a password, beside ours or in its place.
    if !url.username().is_empty() || url.password().is_some() {
        return Some("the address holds a user name");
    }
    let own_host = url.host() == registry.host();
    match url.scheme() {
        "https" => {}
        "http" if registry.scheme() != "http" => return Some("it is plain http, and the registry is not"),
        "http" if own_host || plain.allow(url) => {}
        "http" => return Some("it is plain http at another host"),
        _ => return Some("it is neither https nor http"),
    }
    (internal_url(url) && !own_host).then_some("it is an address inside this network, and not the registry's")
}

/// Whether credentials for `registry` may go along to `url`: the same scheme, host and port.
pub(super) fn same_origin(url: &Url, registry: &Url) -> bool {
    let tuple = |url: &Url| match url.origin() {
        origin @ Origin::Tuple(..) => Some(origin),
        Origin::Opaque(_) => None,
    };
    tuple(url).is_some_and(|origin| Some(origin) == tuple(registry))
}

/// `url` for messages: without user name, password and query, which may be secret.
pub(super) fn shown(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), authority(url), url.path())
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn realms_must_be_safe() {
        let plain = PlainHosts(vec!["reg.lan:5000".to_owned(), "auth.lan".to_owned()]);
        for (registry, realm, safe) in [
            ("https://ghcr.io/", "https://ghcr.io/token", true),
            (
                "https://registry-1.docker.io/",
                "https://auth.docker.io/token",
                true,
            ),
            ("https://ghcr.io/", "http://ghcr.io/token", false),
            ("https://ghcr.io/", "https://user:pw@ghcr.io/token", false),
            ("https://ghcr.io/", "https://127.0.0.1/token", false),
            ("https://ghcr.io/", "https://localhost/token", false),
            ("https://ghcr.io/", "https://169.254.169.254/token", false),
            ("https://ghcr.io/", "https://[::ffff:10.0.0.1]/token", false),
            ("https://ghcr.io/", "file:///etc/passwd", false),
            ("https://10.0.0.1/", "https://10.0.0.1:8443/token", true),
            ("https://10.0.0.1/", "https://10.0.0.2/token", false),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token", true),
            ("http://127.0.0.1:5000/", "http://evil.example/token", false),
            ("http://127.0.0.1:5000/", "https://auth.example/token", true),
            ("http://reg.lan:5000/", "http://reg.lan/token", true),
            ("http://reg.lan:5000/", "http://auth.lan:80/token", true),
        ] {
            let fault = realm_fault(&url(realm), &url(registry), &plain);
            assert_eq!(fault.is_none(), safe, "{registry} {realm} {fault:?}");
        }
    }

    #[test]
    fn steps_never_leave_tls_and_origins_are_whole() {
        let plain = PlainHosts::default();
        let registry = url("https://ghcr.io/");
        let step = |next| step_fault(&url(next), &registry, &registry, &plain).is_none();
        assert!(step("https://cdn.example/blob?sig=1"));
        assert!(!step("http://ghcr.io/blob") && !step("https://192.168.0.1/blob"));
        assert!(!step("https://localhost./blob") && !step("https://me:pw@ghcr.io/blob"));
        for (text, same) in [
            ("https://ghcr.io:443/x", true),
            ("https://ghcr.io:8443/x", false),
            ("http://ghcr.io/x", false),
            ("https://ghcr.io.evil.example/", false),
        ] {
            assert_eq!(same_origin(&url(text), &registry), same, "{text}");
        }
        assert_eq!(shown(&url("https://u:p@a.io:1/b?token=c")), "https://a.io:1/b");
    }
}
