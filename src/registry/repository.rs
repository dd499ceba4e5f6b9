//! [`Repository`]: a registry's name and a repository's name in it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Url;

use crate::spec::{Digest, Reference};

/// What users call Docker Hub.
const HUB: &str = "docker.io";
/// Other names of Docker Hub, as credential files and references hold them.
const HUB_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// A repository of a registry: what blobs are pushed to, and what a token is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: String,
    name: String,
}

impl Repository {
    /// The repository `name` at `registry` (`host` or `host:port`).
    pub fn new(registry: &str, name: &str) -> Self {
        Self {
            registry: canonical(registry).to_owned(),
            name: name.to_owned(),
        }
    }

    /// The registry as users write it: `docker.io`, `ghcr.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name within the registry, without tag or digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// This repository's `tag`.
    pub fn tagged(&self, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), self.name.clone(), tag.to_owned())
    }

    /// This repository's manifest of `digest`.
    pub fn at(&self, digest: &Digest) -> Reference {
        Reference::with_digest(self.registry.clone(), self.name.clone(), digest.to_string())
    }
}

impl From<&Reference> for Repository {
    fn from(reference: &Reference) -> Self {
        Self::new(reference.registry(), reference.repository())
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

/// One name for each registry: all of Docker Hub's become `docker.io`.
pub(super) fn canonical(registry: &str) -> &str {
    if HUB_ALIASES.contains(&registry) {
        HUB
    } else {
        registry
    }
}

/// The host (and port) that answers the registry's API.
pub(super) fn api_host(registry: &str) -> &str {
    if registry == HUB {
        "registry-1.docker.io"
    } else {
        registry
    }
}

/// The key under which docker keeps the registry's credentials.
pub(super) fn credential_key(registry: &str) -> &str {
    if registry == HUB {
        "https://index.docker.io/v1/"
    } else {
        registry
    }
}

/// Whether `registry` (`host[:port]`) is this machine.
pub(super) fn is_loopback(registry: &str) -> bool {
    Url::parse(&format!("http://{registry}/")).is_ok_and(|url| loopback_url(&url))
}

/// Whether `url` leads to this machine.
pub(super) fn loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => {
            // A dot at the end says only that the name is whole.
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether `url` names, by itself, a place that only insiders reach: this machine or an address that is not
/// routed publicly. Names are not looked up.
pub(super) fn internal_url(url: &Url) -> bool {
    let address: IpAddr = match url.host() {
        Some(url::Host::Ipv4(address)) => address.into(),
        Some(url::Host::Ipv6(address)) => address.into(),
        _ => return loopback_url(url),
    };
    match address.to_canonical() {
        IpAddr::V4(v4) => internal_v4(v4),
        IpAddr::V6(v6) => {
            let site_local = v6.segments()[0] & 0xffc0 == 0xfec0;
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || site_local
                || within(v6).is_some_and(internal_v4)
        }
    }
}

fn internal_v4(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_broadcast() || shared || first == 0
}

/// The IPv4 address to which gateways carry what is sent to an IPv6 address: of NAT64 (RFC 6052), of 6to4 (RFC 3056),
/// and of the old form `::a.b.c.d`.
fn within(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let address = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => Some(address(high, low)),
        [0x2002, high, low, ..] => Some(address(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub_has_one_name() {
        for text in [
            "alpine",
            "docker.io/library/alpine",
            "index.docker.io/library/alpine",
        ] {
            let repository = Repository::from(&crate::spec::reference(text).unwrap());
            assert_eq!(repository.to_string(), "docker.io/library/alpine", "{text}");
            assert_eq!(api_host(repository.registry()), "registry-1.docker.io");
        }
    }

    #[test]
    fn knows_this_machine_and_its_neighbours() {
        for (host, loopback, internal) in [
            ("localhost:5000", true, true),
            ("127.0.0.9", true, true),
            ("[::1]:80", true, true),
            ("[::ffff:127.0.0.1]", true, true),
            ("10.1.2.3", false, true),
            ("169.254.169.254", false, true),
            ("[fe80::1]", false, true),
            ("100.64.0.1", false, true),
            ("localhost.", true, true),
            ("registry.localhost.", true, true),
            ("2130706433", true, true),
            ("0177.0.0.1.", true, true),
            ("0.1.2.3", false, true),
            ("[64:ff9b::a9fe:a9fe]", false, true),
            ("[2002:a00:1::1]", false, true),
            ("[::10.0.0.1]", false, true),
            ("[fec0::1]", false, true),
            ("[64:ff9b::808:808]", false, false),
            ("[2001:4860:4860::8888]", false, false),
            ("localhost.example", false, false),
            ("ghcr.io", false, false),
            ("127.0.0.1.evil.example", false, false),
            ("8.8.8.8:443", false, false),
        ] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert_eq!(
                (is_loopback(host), internal_url(&url)),
                (loopback, internal),
                "{host}"
            );
        }
    }
}
