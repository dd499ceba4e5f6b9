//! Where credentials come from: what the caller gave, else docker's and podman's files and their helpers, else the
//! variables of a CI job.
//!
//! Only read, never written: `docker login` and `podman login` stay the tools that store them.
//! <https://docs.docker.com/reference/cli/docker/login/#credential-stores>,
//! <https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md>

use std::path::{Path, PathBuf};

use super::auth_file::{AuthFile, Entry};
use super::credential_helper::Helpers;
use super::repository::canonical;
use super::{RegistryError, Repository, Secret, Settings, ci_credential, small_file};
use crate::environment::Environment;

/// Bound on a credential file's size in bytes.
const LIMIT: u64 = 4 << 20;

/// User name and password that the caller gives for one registry.
#[derive(Clone, Debug)]
pub struct Account {
    /// The registry, `host` or `host:port`. No other gets to see the password.
    pub registry: String,
    /// The user name.
    pub username: String,
    /// The password or personal token.
    pub password: Secret,
}

/// What a registry accepts as proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// User name and password.
    Basic { username: String, password: Secret },
    /// An OAuth refresh token, to be exchanged at the realm.
    Identity(Secret),
    /// A bearer token, to be sent as it is.
    Bearer(Secret),
}

/// What was found for a repository, and where.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) credential: Option<Credential>,
    /// For messages: which credentials, or where none were found.
    pub(super) origin: String,
    /// Nobody stored them for tools like this one: the user is told of it.
    pub(super) surprising: bool,
}

/// Looks for the credentials of a repository. Reads files and may run a helper: not for an async thread.
pub(super) fn find(
    settings: &Settings,
    helpers: &Helpers,
    repository: &Repository,
) -> Result<Login, RegistryError> {
    let registry = repository.registry();
    let given = settings.account.as_ref();
    if let Some(account) = given.filter(|account| canonical(&account.registry) == registry) {
        let credential = Credential::Basic {
            username: account.username.clone(),
            password: account.password.clone(),
        };
        return Ok(Login::found(
            credential,
            format!("the given password of `{}`", account.username),
        ));
    }
    let mut looked = Vec::new();
    for source in files(&settings.environment) {
        let path = source.path();
        let Some(text) = small_file::read(path, LIMIT)? else {
            continue;
        };
        let shown = path.display().to_string();
        let wrong = |problem: String| RegistryError::Credentials {
            registry: registry.to_owned(),
            origin: format!("`{shown}`"),
            problem,
            source: None,
        };
        let file = source.parse(&text).map_err(wrong)?;
        match file.entry(repository).map_err(wrong)? {
            Some(Entry::Stored(credential)) => {
                return Ok(Login::found(credential, format!("the credentials in `{shown}`")));
            }
            Some(Entry::Helper(name)) => {
                let limit = settings.patience.helper;
                if let Some(credential) = helpers.get(&settings.tools, limit, &name, registry)? {
                    let origin = format!("the credentials of `docker-credential-{name}` (`{shown}`)");
                    return Ok(Login::found(credential, origin));
                }
            }
            None => {}
        }
        looked.push(format!("`{shown}`"));
    }
    if let Some((credential, origin)) = ci_credential::find(&settings.environment, registry) {
        return Ok(Login {
            surprising: true,
            ..Login::found(credential, origin)
        });
    }
    let origin = match looked.as_slice() {
        [] => "no credentials (there is no credential file)".to_owned(),
        looked => format!("no credentials (none found in {})", looked.join(", ")),
    };
    Ok(Login {
        credential: None,
        origin,
        surprising: false,
    })
}

impl Login {
    fn found(credential: Credential, origin: String) -> Self {
        Self {
            credential: Some(credential),
            origin,
            surprising: false,
        }
    }
}

/// A file that may hold credentials.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// As docker and podman write it now.
    Current(PathBuf),
    /// As docker wrote it before 1.7.
    Legacy(PathBuf),
}

impl Source {
    fn path(&self) -> &Path {
        match self {
            Self::Current(path) | Self::Legacy(path) => path,
        }
    }

    fn parse(&self, text: &[u8]) -> Result<AuthFile, String> {
        match self {
            Self::Current(_) => AuthFile::parse(text),
            Self::Legacy(_) => AuthFile::parse_legacy(text),
        }
    }
}

/// The files to look into, in order; REGISTRY_AUTH_FILE stands alone.
fn files(environment: &Environment) -> Vec<Source> {
    let below = |path: &str| environment.directory().join(path);
    if let Some(file) = environment.non_empty("REGISTRY_AUTH_FILE") {
        return vec![Source::Current(below(file))];
    }
    let docker = environment.non_empty("DOCKER_CONFIG").map(below);
    let docker = docker.or_else(|| environment.home().map(|home| home.join(".docker")));
    let docker = docker.map(|folder| folder.join("config.json"));
    let runtime = environment.non_empty("XDG_RUNTIME_DIR").map(below);
    let runtime = runtime
        .map(|folder| folder.join("containers"))
        .or_else(|| of_this_user(environment));
    let config = environment.config_dir().map(|folder| folder.join("containers"));
    let podman = runtime
        .into_iter()
        .chain(config)
        .map(|folder| folder.join("auth.json"));
    let legacy = environment.home().map(|home| home.join(".dockercfg"));
    let current = docker.into_iter().chain(podman).map(Source::Current);
    current.chain(legacy.map(Source::Legacy)).collect()
}

/// Where podman keeps what it would keep in XDG_RUNTIME_DIR.
#[cfg(target_os = "linux")]
fn of_this_user(environment: &Environment) -> Option<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    environment
        .home()
        .map(|_| PathBuf::from(format!("/run/containers/{user}")))
}

#[cfg(not(target_os = "linux"))]
fn of_this_user(_: &Environment) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Tools;

    #[test]
    fn files_are_looked_into_in_order() {
        let environment = Environment::empty("/w")
            .with_home("/h")
            .with("XDG_RUNTIME_DIR", "/run/u");
        let shown = |environment: &Environment| {
            let files = files(environment);
            files
                .iter()
                .map(|file| file.path().to_string_lossy().replace('\\', "/"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&environment),
            [
                "/h/.docker/config.json",
                "/run/u/containers/auth.json",
                "/h/.config/containers/auth.json",
                "/h/.dockercfg"
            ]
        );
        let environment = environment.with("DOCKER_CONFIG", "d");
        assert_eq!(shown(&environment)[0], "/w/d/config.json");
        assert_eq!(
            shown(&environment.with("REGISTRY_AUTH_FILE", "a.json")),
            ["/w/a.json"]
        );
    }

    #[test]
    fn a_given_account_is_for_its_registry_only() {
        let mut settings = Settings::new(Tools::new(Environment::empty("/nowhere")));
        let account = Account {
            registry: "index.docker.io".to_owned(),
            username: "me".to_owned(),
            password: Secret::new("hunter2"),
        };
        settings.account = Some(account.clone());
        let look =
            |registry| find(&settings, &Helpers::default(), &Repository::new(registry, "a/b")).unwrap();
        assert!(matches!(
            look("docker.io").credential,
            Some(Credential::Basic { .. })
        ));
        assert_eq!(look("ghcr.io").credential, None);
        assert!(!format!("{:?} {account:?}", look("docker.io")).contains("hunter2"));
    }
}
