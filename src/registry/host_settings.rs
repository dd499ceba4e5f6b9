//! [`HostSettings`]: what the user says of single registries, in `gantry/config.toml` of the configuration directory.
//!
//! In: that file. Out: settings by registry. They are facts of a machine and its network: they must never be read
//! from a project, or a change to the project could weaken TLS or lead credentials elsewhere.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::Error as _;
use url::Url;

use super::parts::SMALLEST;
use super::repository::canonical;
use super::{RegistryError, Repository, Vendor, VendorApi, small_file};
use crate::environment::Environment;

/// Bound on the file's size in bytes.
const LIMIT: u64 = 1 << 20;
/// The most requests at once to one host that may be set: more helps nobody.
const CONCURRENCY: usize = 64;

/// What the user's `config.toml` says of one registry: the table `[registry."host"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct HostSettings {
    /// Where bases of this registry are looked for first, in this order.
    pub mirrors: Vec<Mirror>,
    /// Authorities in PEM that are trusted for this registry, beside the system's.
    pub ca: Option<PathBuf>,
    /// Our certificate in PEM, with its chain.
    pub client_certificate: Option<PathBuf>,
    /// The key of `client_certificate` in PEM.
    pub client_key: Option<PathBuf>,
    /// The registry is spoken to in plain http.
    pub plain_http: bool,
    /// Blobs larger than this many bytes are sent in pieces of this size.
    #[serde(deserialize_with = "size")]
    pub chunk_size: Option<u64>,
    /// How many blobs are sent at once.
    #[serde(deserialize_with = "concurrency")]
    pub concurrency: Option<NonZeroUsize>,
    /// Whose product it is: `docker-hub`, `ghcr`, `gitlab`, `harbor` or `quay`. Known for registries that everybody uses.
    pub vendor: Option<Vendor>,
    /// Where the vendor's own API is, if not at the registry itself; it gets the registry's credentials.
    pub vendor_api: Option<VendorApi>,
}

/// Another registry that may have what a registry has: `host[:port]`, or `host[:port]/prefix` of the names there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mirror {
    registry: String,
    prefix: String,
}

impl Mirror {
    /// The same repository at the mirror: its name follows the prefix.
    pub fn repository(&self, repository: &Repository) -> Repository {
        let (prefix, name) = (&self.prefix, repository.name());
        if prefix.is_empty() {
            Repository::new(&self.registry, name)
        } else {
            Repository::new(&self.registry, &format!("{prefix}/{name}"))
        }
    }
}

impl TryFrom<String> for Mirror {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (host, prefix) = text.split_once('/').unwrap_or((&text, ""));
        let prefix = prefix.trim_end_matches('/');
        let part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && !part.starts_with('.')
        };
        if !prefix.is_empty() && !prefix.split('/').all(part) {
            return Err(format!(
                "`{text}` is no mirror: write `host` or `host/prefix`, in lower case"
            ));
        }
        Ok(Self {
            registry: registry_name(host).map_err(|why| format!("`{text}` is no mirror: {why}"))?,
            prefix: prefix.to_owned(),
        })
    }
}

/// Reads the user's settings of registries, by their names (`host` or `host:port`; Docker Hub is `docker.io`). None
/// if there is no such file. Relative paths in it are relative to its folder.
///
/// # Errors
/// When the file cannot be read, holds a key that is not known, or a value that cannot be meant.
pub fn user_settings(environment: &Environment) -> Result<BTreeMap<String, HostSettings>, RegistryError> {
    let Some(folder) = environment.config_dir().map(|folder| folder.join("gantry")) else {
        return Ok(BTreeMap::new());
    };
    let path = folder.join("config.toml");
    let Some(bytes) = small_file::read(&path, LIMIT)? else {
        return Ok(BTreeMap::new());
    };
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned());
    let all = text.and_then(|text| parse(&text, &folder));
    all.map_err(|problem| RegistryError::UserSettings { path, problem })
}

/// The whole file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ConfigFile {
    registry: BTreeMap<String, toml::Spanned<HostSettings>>,
}

fn parse(text: &str, folder: &Path) -> Result<BTreeMap<String, HostSettings>, String> {
    let line = |at: usize| {
        text.get(..at)
            .map_or(1, |before| before.matches('\n').count() + 1)
    };
    let file: ConfigFile = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        format!("line {}: {}", line(at), error.message().trim_end())
    })?;
    let mut all = BTreeMap::new();
    for (key, settings) in file.registry {
        let at = line(settings.span().start);
        let wrong = |why: String| format!("line {at}: [registry.\"{key}\"]: {why}");
        let name = registry_name(&key).map_err(wrong)?;
        let mut settings = settings.into_inner();
        if settings.client_certificate.is_some() != settings.client_key.is_some() {
            return Err(wrong(
                "`client-certificate` and `client-key` belong together".to_owned(),
            ));
        }
        for path in [
            &mut settings.ca,
            &mut settings.client_certificate,
            &mut settings.client_key,
        ]
        .into_iter()
        .flatten()
        {
            *path = folder.join(&path);
        }
        if all.insert(name.clone(), settings).is_some() {
            return Err(wrong(format!("`{name}` is set twice, by two of its names")));
        }
    }
    Ok(all)
}

/// One name for a registry that a user wrote, as references have it.
pub(super) fn registry_name(text: &str) -> Result<String, String> {
    let name = canonical(text).to_ascii_lowercase();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    let url = Url::parse(&format!("https://{name}/")).ok();
    if name.is_empty() || !name.bytes().all(allowed) || url.is_none_or(|url| url.path() != "/") {
        return Err("a registry is written `host` or `host:port`, without `https://` and path".to_owned());
    }
    Ok(canonical(&name).to_owned())
}

/// A number of bytes: a number, or a number with its unit, as in `10MB` or `8MiB`.
fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a size, as in `10MB`")]
    enum Written {
        Number(u64),
        Text(String),
    }
    let bytes = match Written::deserialize(deserializer)? {
        Written::Number(number) => Some(number),
        Written::Text(text) => bytes(&text),
    };
    match bytes {
        Some(bytes) if bytes >= SMALLEST => Ok(Some(bytes)),
        Some(_) => Err(D::Error::custom(
            "parts are no smaller than `64KiB`: write `10MB`, for one",
        )),
        None => Err(D::Error::custom(
            "a size is a number of bytes, or has a unit, as in `10MB` or `8MiB`",
        )),
    }
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn concurrency<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroUsize>, D::Error> {
    let number = usize::deserialize(deserializer)?;
    NonZeroUsize::new(number)
        .filter(|number| number.get() <= CONCURRENCY)
        .map(Some)
        .ok_or_else(|| D::Error::custom(format!("the concurrency is between 1 and {CONCURRENCY}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<BTreeMap<String, HostSettings>, String> {
        parse(text, Path::new("/c/gantry"))
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
            [registry."index.docker.io"]
            mirrors = ["mirror.lan:5000/hub", "cache.lan"]
            ca = "lan.pem"
            client-certificate = "/etc/me.pem"
            client-key = "me.key"
            chunk-size = "10MB"
            concurrency = 2
            [registry."Reg.lan:5000"]
            plain-http = true
            chunk-size = 8388608
            vendor = "gitlab"
            vendor-api = "https://gitlab.lan"
        "#;
        let all = settings(text).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["docker.io", "reg.lan:5000"]);
        let hub = &all["docker.io"];
        assert_eq!(hub.ca.as_deref(), Some(Path::new("/c/gantry/lan.pem")));
        assert_eq!(hub.client_certificate.as_deref(), Some(Path::new("/etc/me.pem")));
        assert_eq!(hub.client_key.as_deref(), Some(Path::new("/c/gantry/me.key")));
        assert_eq!(
            (hub.chunk_size, hub.concurrency.map(NonZeroUsize::get)),
            (Some(10_000_000), Some(2))
        );
        let alpine = Repository::new("docker.io", "library/alpine");
        let at: Vec<String> = hub
            .mirrors
            .iter()
            .map(|mirror| mirror.repository(&alpine).to_string())
            .collect();
        assert_eq!(
            at,
            ["mirror.lan:5000/hub/library/alpine", "cache.lan/library/alpine"]
        );
        let other = &all["reg.lan:5000"];
        assert!(other.plain_http && other.chunk_size == Some(8 << 20) && other.concurrency.is_none());
        assert!(other.vendor == Some(Vendor::Gitlab) && other.vendor_api.is_some());
        assert_eq!(settings("").unwrap(), BTreeMap::new());
    }

    #[test]
    fn mistakes_name_line_and_key() {
        for (text, line, part) in [
            ("[registry.\"a.io\"]\nmiror = []", 2, "miror"),
            ("[registries.\"a.io\"]", 1, "registries"),
            ("[registry.\"https://a.io\"]", 1, "https://a.io"),
            ("[registry.\"a.io/team\"]", 1, "host:port"),
            ("\n[registry.\"a.io\"]\nchunk-size = \"10 MB\"", 3, "10MB"),
            ("[registry.\"a.io\"]\nchunk-size = 0", 2, "10MB"),
            ("[registry.\"a.io\"]\nchunk-size = 10", 2, "64KiB"),
            ("[registry.\"a.io\"]\nconcurrency = 0", 2, "between 1"),
            (
                "[registry.\"a.io\"]\nmirrors = [\"https://m.io/x\"]",
                2,
                "no mirror",
            ),
            ("[registry.\"a.io\"]\nmirrors = [\"m.io/../x\"]", 2, "no mirror"),
            ("[registry.\"a.io\"]\nclient-key = \"k\"", 1, "belong together"),
            ("[registry.\"a.io\"]\nvendor = \"nexus\"", 2, "docker-hub"),
            (
                "[registry.\"a.io\"]\nvendor-api = \"http://a.io\"",
                2,
                "plain http",
            ),
            (
                "[registry.\"docker.io\"]\n[registry.\"index.docker.io\"]\n",
                2,
                "set twice",
            ),
            ("[registry", 1, ""),
        ] {
            let problem = settings(text).unwrap_err();
            let found = problem.starts_with(&format!("line {line}: ")) && problem.contains(part);
            assert!(found, "{text}: {problem}");
        }
    }

    #[test]
    fn the_file_lies_in_the_configuration_folder() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::empty("/").with("XDG_CONFIG_HOME", folder.path());
        assert_eq!(user_settings(&environment).unwrap(), BTreeMap::new());
        std::fs::create_dir(folder.path().join("gantry")).unwrap();
        let file = folder.path().join("gantry/config.toml");
        std::fs::write(&file, "[registry.\"a.io\"]\nca = \"x.pem\"\n").unwrap();
        let all = user_settings(&environment).unwrap();
        assert_eq!(all["a.io"].ca, Some(folder.path().join("gantry/x.pem")));
        std::fs::write(&file, "[registry.\"a.io\"]\nplain_http = true\n").unwrap();
        let error = user_settings(&environment).unwrap_err().to_string();
        assert!(
            error.contains("config.toml") && error.contains("plain-http"),
            "{error}"
        );
    }
}
