//! Where credentials come from: what the caller gave, else docker's and podman's files and their helpers.
//!
//! Only read, never written: `docker login` and `podman login` stay the tools that store them.
//! <https://docs.docker.com/reference/cli/docker/login/#credential-stores>,
//! <https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md>

use std::io::ErrorKind;
use std::path::PathBuf;

use super::auth_file::{AuthFile, Entry};
use super::{RegistryError, Repository, Secret, credential_helper};
use crate::environment::Environment;
use crate::tool::Tools;

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
}

/// Looks for the credentials of a repository. Reads files and may run a helper: not for an async thread.
pub(super) fn find(
    environment: &Environment,
    tools: &Tools,
    account: Option<&Account>,
    repository: &Repository,
) -> Result<Login, RegistryError> {
    let registry = repository.registry();
    if let Some(account) =
        account.filter(|account| super::repository::canonical(&account.registry) == registry)
    {
        return Ok(Login {
            credential: Some(Credential::Basic {
                username: account.username.clone(),
                password: account.password.clone(),
            }),
            origin: format!("the given password of `{}`", account.username),
        });
    }
    let mut looked = Vec::new();
    for path in files(environment) {
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(source) => return Err(RegistryError::File { path, source }),
        };
        let shown = path.display().to_string();
        let wrong = |problem: String, source| RegistryError::Credentials {
            registry: registry.to_owned(),
            origin: format!("`{shown}`"),
            problem,
            source,
        };
        let file = AuthFile::parse(&text).map_err(|problem| wrong(problem, None))?;
        let entry = file.entry(repository).map_err(|problem| wrong(problem, None))?;
        let found = match entry {
            Some(Entry::Stored(credential)) => Some((credential, format!("the credentials in `{shown}`"))),
            Some(Entry::Helper(name)) => {
                let credential = credential_helper::get(tools, &name, registry)?;
                credential.map(|found| {
                    (
                        found,
                        format!("the credentials of `docker-credential-{name}` (`{shown}`)"),
                    )
                })
            }
            None => None,
        };
        if let Some((credential, origin)) = found {
            return Ok(Login {
                credential: Some(credential),
                origin,
            });
        }
        looked.push(format!("`{shown}`"));
    }
    let origin = match looked.as_slice() {
        [] => "no credentials (there is no credential file)".to_owned(),
        looked => format!("no credentials (none found in {})", looked.join(", ")),
    };
    Ok(Login {
        credential: None,
        origin,
    })
}

/// The files to look into, in order; REGISTRY_AUTH_FILE stands alone.
fn files(environment: &Environment) -> Vec<PathBuf> {
    let below = |path: &str| environment.directory().join(path);
    if let Some(file) = environment.non_empty("REGISTRY_AUTH_FILE") {
        return vec![below(file)];
    }
    let docker = environment.non_empty("DOCKER_CONFIG").map(below);
    let docker = docker.or_else(|| environment.home().map(|home| home.join(".docker")));
    let runtime = environment.non_empty("XDG_RUNTIME_DIR").map(below);
    let config = environment.config_dir();
    let podman = [runtime, config]
        .into_iter()
        .flatten()
        .map(|folder| folder.join("containers/auth.json"));
    docker
        .map(|folder| folder.join("config.json"))
        .into_iter()
        .chain(podman)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_looked_into_in_order() {
        let environment = Environment::empty("/w")
            .with_home("/h")
            .with("XDG_RUNTIME_DIR", "/run/u");
        let shown = |environment: &Environment| {
            let files = files(environment);
            files
                .iter()
                .map(|file| file.to_string_lossy().replace('\\', "/"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&environment),
            [
                "/h/.docker/config.json",
                "/run/u/containers/auth.json",
                "/h/.config/containers/auth.json"
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
        let environment = Environment::empty("/nowhere");
        let tools = Tools::new(environment.clone());
        let account = Account {
            registry: "index.docker.io".to_owned(),
            username: "me".to_owned(),
            password: Secret::new("hunter2"),
        };
        let look = |registry| {
            find(
                &environment,
                &tools,
                Some(&account),
                &Repository::new(registry, "a/b"),
            )
            .unwrap()
        };
        assert!(matches!(
            look("docker.io").credential,
            Some(Credential::Basic { .. })
        ));
        assert_eq!(look("ghcr.io").credential, None);
        assert!(!format!("{:?} {account:?}", look("docker.io")).contains("hunter2"));
    }
}
