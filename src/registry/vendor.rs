//! [`Vendor`]: whose product a registry is, and where the API is that the vendor gives it beside the standard one.
//!
//! In: a registry's name, and what the user's own settings say of it. Out: the one origin that may see the registry's
//! credentials beside the registry itself. It must never come from a project or from an answer.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use url::Url;

use super::repository::{canonical, loopback_url};
use super::{Client, Repository};

/// Whose product a registry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum Vendor {
    /// Docker Hub.
    DockerHub,
    /// GitHub's container registry.
    Ghcr,
    /// GitLab's container registry.
    Gitlab,
    /// Harbor.
    Harbor,
    /// Quay.
    Quay,
}

/// All of them, by the names that users write.
const NAMES: [(&str, Vendor); 5] = [
    ("docker-hub", Vendor::DockerHub),
    ("ghcr", Vendor::Ghcr),
    ("gitlab", Vendor::Gitlab),
    ("harbor", Vendor::Harbor),
    ("quay", Vendor::Quay),
];

/// The registries whose vendor is known, and where their API is. Credentials of these registries go there, so nobody but
/// us adds a line.
const TABLE: [(&str, Vendor, &str); 4] = [
    ("docker.io", Vendor::DockerHub, "https://hub.docker.com/"),
    ("ghcr.io", Vendor::Ghcr, "https://api.github.com/"),
    ("registry.gitlab.com", Vendor::Gitlab, "https://gitlab.com/"),
    ("quay.io", Vendor::Quay, "https://quay.io/"),
];

impl Vendor {
    /// The vendor of a registry that is known to everybody.
    pub fn of(registry: &str) -> Option<Self> {
        known(registry).map(|(vendor, _)| vendor)
    }

    /// Its name, as it is written in settings.
    pub fn name(self) -> &'static str {
        let mut names = NAMES.iter().filter(|(_, vendor)| *vendor == self);
        names.next().map_or("", |(name, _)| name)
    }

    /// The names of all vendors.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Where the API of this vendor is for `registry`, if that is not at the registry itself.
    pub(super) fn api(self, registry: &str) -> Option<Url> {
        let (_, api) = known(registry).filter(|(vendor, _)| *vendor == self)?;
        Some(Url::parse(api).expect("the table holds addresses"))
    }
}

impl Client {
    /// The vendor of a repository's registry: by the user's settings, else the one that everybody knows; none if it is
    /// nobody's.
    pub fn vendor(&self, repository: &Repository) -> Option<Vendor> {
        let settings = self.host_settings(repository.registry());
        settings
            .and_then(|settings| settings.vendor)
            .or_else(|| Vendor::of(repository.registry()))
    }

    /// Whether an index may be there without the manifests that it lists. GitHub deletes versions without a tag, one by
    /// one, and children of indexes are such: that is what clean-up actions do.
    /// <https://docs.github.com/en/packages/learn-github-packages/deleting-and-restoring-a-package>
    pub(crate) fn may_lose_children(&self, repository: &Repository) -> bool {
        self.vendor(repository) == Some(Vendor::Ghcr)
    }
}

/// Whether a registry opens a session whatever it is asked to mount, so that its answer says nothing of the blob. Amazon's
/// private registries mount only where their owner has turned that on.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html>
pub(super) fn ignores_mounts(registry: &str) -> bool {
    let host = registry.split_once(':').map_or(registry, |(host, _)| host);
    let amazon = [".amazonaws.com", ".amazonaws.com.cn", ".on.aws"];
    host.contains(".dkr") && amazon.iter().any(|end| host.ends_with(end))
}

fn known(registry: &str) -> Option<(Vendor, &'static str)> {
    let registry = canonical(registry);
    let mut lines = TABLE.iter().filter(|(name, ..)| *name == registry);
    lines.next().map(|(_, vendor, api)| (*vendor, *api))
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Vendor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut found = NAMES.iter().filter(|(name, _)| *name == text);
        found.next().map(|(_, vendor)| *vendor).ok_or_else(|| {
            let names: Vec<&str> = Self::names().collect();
            format!(
                "`{text}` is no vendor that is known: they are {}",
                names.join(", ")
            )
        })
    }
}

impl TryFrom<String> for Vendor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Where the user's own settings say that a vendor's API is: with TLS, or on this machine. A path may stand before those
/// of the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct VendorApi(Url);

impl VendorApi {
    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<String> for VendorApi {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no place for a vendor's API: {why}");
        let mut url = Url::parse(&text).map_err(|_| wrong("it is no address"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "the place of a vendor's API holds a user name: credentials are stored for the registry"
                    .to_owned(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query or fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if loopback_url(&url) => {}
            "http" => return Err(wrong("plain http is for this machine only")),
            _ => return Err(wrong("write `https://...`")),
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registries_of_the_table_have_an_api_elsewhere() {
        for (registry, vendor, api) in [
            (
                "docker.io",
                Some(Vendor::DockerHub),
                Some("https://hub.docker.com/"),
            ),
            (
                "index.docker.io",
                Some(Vendor::DockerHub),
                Some("https://hub.docker.com/"),
            ),
            ("ghcr.io", Some(Vendor::Ghcr), Some("https://api.github.com/")),
            (
                "registry.gitlab.com",
                Some(Vendor::Gitlab),
                Some("https://gitlab.com/"),
            ),
            ("quay.io", Some(Vendor::Quay), Some("https://quay.io/")),
            ("ghcr.io:8443", None, None),
            ("ghcr.io.evil.example", None, None),
            ("registry.gitlab.example", None, None),
        ] {
            assert_eq!(Vendor::of(registry), vendor, "{registry}");
            for (_, any) in NAMES {
                let expected = api.filter(|_| Some(any) == vendor);
                assert_eq!(
                    any.api(registry).as_ref().map(Url::as_str),
                    expected,
                    "{registry} {any}"
                );
            }
        }
    }

    #[test]
    fn vendors_have_names() {
        for (name, vendor) in NAMES {
            assert_eq!((vendor.name(), name.parse()), (name, Ok(vendor)));
        }
        assert!("Docker".parse::<Vendor>().unwrap_err().contains("docker-hub"));
    }

    #[test]
    fn a_place_has_tls_or_is_here() {
        for (text, url) in [
            ("https://gitlab.example", Some("https://gitlab.example/")),
            (
                "https://ghes.example/api/v3",
                Some("https://ghes.example/api/v3/"),
            ),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080/")),
            ("http://localhost:80/", Some("http://localhost/")),
            ("http://10.0.0.1/", None),
            ("http://localhost.evil.example/", None),
            ("ftp://localhost/", None),
            ("https://me:hunter2@hub.example/", None),
            ("https://hub.example/?a=b", None),
            ("hub.example", None),
        ] {
            let place = VendorApi::try_from(text.to_owned());
            assert_eq!(place.as_ref().ok().map(|place| place.0.as_str()), url, "{text}");
            assert!(!format!("{place:?}").contains("hunter2"));
        }
    }
}
