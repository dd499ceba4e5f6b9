//! One credential file, as docker and podman write it.
//!
//! `credHelpers` of the registry comes first, then `auths` with something in it, then `credsStore`: an empty
//! entry in `auths` beside a `credsStore` is what Docker Desktop leaves behind.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::credential::Credential;
use super::repository::canonical;
use super::{Repository, Secret};

#[derive(Default)]
pub(super) struct AuthFile {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

/// A file as it is written, where `null` stands for nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    auths: Option<BTreeMap<String, Option<Auth>>>,
    cred_helpers: Option<BTreeMap<String, Option<String>>>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What a file holds for a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The credential itself.
    Stored(Credential),
    /// The name of the helper that has it.
    Helper(String),
}

impl AuthFile {
    /// Reads a file. The error never shows the file's content: it may hold passwords.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let written: Written = json(text)?;
        let filled = |(key, value): (String, Option<String>)| Some((key, value?));
        Ok(Self {
            auths: entries(written.auths.unwrap_or_default()),
            cred_helpers: written
                .cred_helpers
                .into_iter()
                .flatten()
                .filter_map(filled)
                .collect(),
            creds_store: written.creds_store,
        })
    }

    /// Reads a file of the old kind, which is the table `auths` alone.
    pub(super) fn parse_legacy(text: &[u8]) -> Result<Self, String> {
        Ok(Self {
            auths: entries(json(text)?),
            ..Self::default()
        })
    }

    /// The entry for a repository.
    pub(super) fn entry(&self, repository: &Repository) -> Result<Option<Entry>, String> {
        let registry = repository.registry();
        let helper = self.cred_helpers.iter().find(|(key, _)| normal(key) == registry);
        if let Some((_, name)) = helper.filter(|(_, name)| !name.is_empty()) {
            return Ok(Some(Entry::Helper(name.clone())));
        }
        for key in keys(repository) {
            // An exact key wins over one that only means the same.
            let exact = self.auths.get_key_value(&key);
            let alike = self.auths.iter().filter(|(found, _)| normal(found) == key);
            for (_, auth) in exact.into_iter().chain(alike) {
                if let Some(credential) = auth.credential()? {
                    return Ok(Some(Entry::Stored(credential)));
                }
            }
        }
        let store = self.creds_store.as_ref().filter(|name| !name.is_empty());
        Ok(store.map(|name| Entry::Helper(name.clone())))
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    // Windows' editors begin a file with a mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("it is not the JSON of a credential file (line {line}, column {column})")
    })
}

fn entries(written: BTreeMap<String, Option<Auth>>) -> BTreeMap<String, Auth> {
    written
        .into_iter()
        .filter_map(|(key, auth)| Some((key, auth?)))
        .collect()
}

impl Auth {
    fn credential(&self) -> Result<Option<Credential>, String> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.registrytoken) {
            return Ok(Some(Credential::Bearer(Secret::new(token))));
        }
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Some(Credential::Identity(Secret::new(token))));
        }
        if let Some(auth) = filled(&self.auth) {
            return decode(&auth).map(Some);
        }
        let (username, password) = (filled(&self.username), filled(&self.password));
        Ok(username
            .zip(password)
            .map(|(username, password)| Credential::Basic {
                username,
                password: Secret::new(password),
            }))
    }
}

fn decode(auth: &str) -> Result<Credential, String> {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&STANDARD, lenient).decode(auth.trim()).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = text.as_deref().and_then(|text| text.split_once(':'));
    let (username, password) = pair.ok_or("`auth` is not the base64 of `user:password`")?;
    Ok(Credential::Basic {
        username: username.to_owned(),
        // Old versions of docker padded with zero bytes.
        password: Secret::new(password.trim_end_matches('\0')),
    })
}

/// The keys that stand for a repository, most specific first: podman's paths, then the registry.
fn keys(repository: &Repository) -> Vec<String> {
    let whole = repository.to_string();
    let ends = whole.match_indices('/').map(|(at, _)| at);
    let mut keys: Vec<String> = ends.map(|end| whole[..end].to_owned()).collect();
    keys.push(whole);
    keys.reverse();
    keys
}

/// A key without what docker decorates it with: scheme, and the path of the API.
fn normal(key: &str) -> &str {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    canonical(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(file: &str, registry: &str, name: &str) -> Option<Entry> {
        let file = AuthFile::parse(file.as_bytes()).unwrap();
        file.entry(&Repository::new(registry, name)).unwrap()
    }

    fn basic(username: &str, password: &str) -> Option<Entry> {
        Some(Entry::Stored(Credential::Basic {
            username: username.to_owned(),
            password: Secret::new(password),
        }))
    }

    #[test]
    fn keys_match_in_all_their_spellings() {
        // "dTpwOnE=" is u:p:q, "dTpwAA" is u:p and a zero byte without padding.
        for (key, registry) in [
            ("ghcr.io", "ghcr.io"),
            ("https://ghcr.io", "ghcr.io"),
            ("https://ghcr.io/v2/", "ghcr.io"),
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "docker.io"),
            ("registry-1.docker.io", "docker.io"),
            ("localhost:5000", "localhost:5000"),
        ] {
            let file = format!(r#"{{"auths":{{"{key}":{{"auth":"dTpwOnE="}}}},"other":[1]}}"#);
            assert_eq!(look(&file, registry, "a/b"), basic("u", "p:q"), "{key}");
            assert_eq!(look(&file, "quay.io", "a/b"), None, "{key}");
        }
        let file = r#"{"auths":{"quay.io":{"auth":"dTpwAA"}}}"#;
        assert_eq!(look(file, "quay.io", "a"), basic("u", "p"));
        assert_eq!(look(file, "quay.io:443", "a"), None);
    }

    #[test]
    fn the_most_specific_path_wins() {
        let file = r#"{"auths":{
            "quay.io": {"username":"all","password":"1"},
            "quay.io/team": {"username":"team","password":"2"},
            "quay.io/team/app": {"username":"app","password":"3"}}}"#;
        assert_eq!(look(file, "quay.io", "team/app"), basic("app", "3"));
        assert_eq!(look(file, "quay.io", "team/web"), basic("team", "2"));
        assert_eq!(look(file, "quay.io", "teams/web"), basic("all", "1"));
    }

    #[test]
    fn helpers_tokens_and_stores_have_their_order() {
        let helper = |name: &str| Some(Entry::Helper(name.to_owned()));
        let file = r#"{"auths":{"a.io":{},"b.io":{"identitytoken":"i","auth":"dTpw"},"c.io":{"registrytoken":"r"},
            "d.io":{"auth":"dTpw"}}, "credHelpers":{"d.io":"ecr"}, "credsStore":"desktop"}"#;
        assert_eq!(look(file, "a.io", "x"), helper("desktop"));
        assert_eq!(look(file, "d.io", "x"), helper("ecr"));
        assert_eq!(look(file, "e.io", "x"), helper("desktop"));
        let secret = Secret::new;
        assert_eq!(
            look(file, "b.io", "x"),
            Some(Entry::Stored(Credential::Identity(secret("i"))))
        );
        assert_eq!(
            look(file, "c.io", "x"),
            Some(Entry::Stored(Credential::Bearer(secret("r"))))
        );
        assert_eq!(look("{}", "c.io", "x"), None);
    }

    #[test]
    fn old_and_odd_files_are_read() {
        let old = br#"{"https://index.docker.io/v1/":{"auth":"dTpw","email":"me@a.io"},"b.io":null}"#;
        let file = AuthFile::parse_legacy(old).unwrap();
        assert_eq!(
            file.entry(&Repository::new("docker.io", "x")).unwrap(),
            basic("u", "p")
        );
        assert_eq!(file.entry(&Repository::new("b.io", "x")).unwrap(), None);
        let odd =
            "\u{feff}{\"auths\":null,\"credHelpers\":{\"a.io\":null,\"b.io\":\"\"},\"credsStore\":null}";
        assert_eq!((look(odd, "a.io", "x"), look(odd, "b.io", "x")), (None, None));
        let null = r#"{"auths":{"a.io":null,"b.io":{"auth":null}}}"#;
        assert_eq!((look(null, "a.io", "x"), look(null, "b.io", "x")), (None, None));
    }

    #[test]
    fn a_broken_file_does_not_show_its_content() {
        let error = AuthFile::parse(br#"{"auths":{"a.io":{"password":["hunter2"]}}}"#)
            .err()
            .unwrap();
        assert!(error.contains("line 1") && !error.contains("hunter2"), "{error}");
        let file = AuthFile::parse(br#"{"auths":{"a.io":{"auth":"aHVudGVyMg=="}}}"#).unwrap();
        let error = file.entry(&Repository::new("a.io", "x")).unwrap_err();
        assert!(error.contains("base64") && !error.contains("hunter2"), "{error}");
    }
}
