//! Where docker's own command would find its daemon.
//!
//! `DOCKER_HOST` goes first, then `DOCKER_CONTEXT`, then the context that `docker context use` chose, then the usual
//! socket. <https://docs.docker.com/engine/manage-resources/contexts/>

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::DaemonError;
use crate::spec::Digest;
use crate::tool::Tools;

/// The usual socket.
const SOCKET: &str = "/var/run/docker.sock";

/// The most of a settings file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// `config.json`, as far as it says which context is meant.
#[derive(Default, Deserialize)]
struct Settings {
    #[serde(rename = "currentContext")]
    current: Option<String>,
}

/// `contexts/meta/DIGEST/meta.json`.
#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host")]
    host: String,
}

/// The daemon's socket.
pub(super) fn socket(tools: &Tools) -> Result<PathBuf, DaemonError> {
    let environment = tools.environment();
    if let Some(host) = environment.non_empty("DOCKER_HOST") {
        return path(host, "DOCKER_HOST");
    }
    let folder = match environment.non_empty("DOCKER_CONFIG") {
        Some(folder) => Some(environment.directory().join(folder)),
        None => environment.home().map(|home| home.join(".docker")),
    };
    let Some(folder) = folder else {
        return Ok(PathBuf::from(SOCKET));
    };
    let chosen = environment.non_empty("DOCKER_CONTEXT").map(str::to_owned);
    // Settings that cannot be read are docker's affair; here they choose nothing.
    let chosen = chosen.or_else(|| {
        let settings: Settings = serde_json::from_slice(&small(&folder.join("config.json")).ok()?).ok()?;
        settings.current
    });
    match chosen.filter(|context| !context.is_empty() && context != "default") {
        None => Ok(PathBuf::from(SOCKET)),
        Some(context) => path(&host(&folder, &context)?, &format!("context `{context}`")),
    }
}

/// The host of a context, which lies in a folder named by the digest of its name.
/// <https://github.com/docker/cli/blob/v27.5.1/cli/context/store/metadatastore.go>
fn host(folder: &Path, context: &str) -> Result<String, DaemonError> {
    let wrong = |why: String| DaemonError::Context {
        context: context.to_owned(),
        why,
    };
    let name = Digest::of(context.as_bytes()).hex();
    let file = folder.join("contexts/meta").join(name).join("meta.json");
    let bytes = small(&file).map_err(|error| wrong(format!("`{}`: {error}", file.display())))?;
    let meta: Meta = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok(meta.endpoints.docker.host)
}

fn small(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn path(host: &str, named: &str) -> Result<PathBuf, DaemonError> {
    match host.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => Err(DaemonError::Remote {
            named: named.to_owned(),
            host: without_login(host),
        }),
    }
}

/// The host without what may be a password.
fn without_login(host: &str) -> String {
    match (host.split_once("://"), host.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    #[test]
    fn the_socket_is_the_one_that_docker_would_use() {
        let home = tempfile::tempdir().unwrap();
        let meta = |context: &str, host: &str| {
            let folder = home.path().join(".docker/contexts/meta");
            let folder = folder.join(Digest::of(context.as_bytes()).hex());
            std::fs::create_dir_all(&folder).unwrap();
            let text = format!(r#"{{"Name":"{context}","Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
            std::fs::write(folder.join("meta.json"), text).unwrap();
        };
        meta("colima", "unix:///colima.sock");
        meta("far", "ssh://me:secret@far");
        std::fs::write(
            home.path().join(".docker/config.json"),
            r#"{"currentContext":"colima"}"#,
        )
        .unwrap();
        let there = Environment::empty("/w").with_home(home.path());
        for (environment, expected) in [
            (Environment::empty("/w"), "/var/run/docker.sock"),
            (there.clone(), "/colima.sock"),
            (
                there.clone().with("DOCKER_CONTEXT", "default"),
                "/var/run/docker.sock",
            ),
            (there.clone().with("DOCKER_HOST", "unix:///my.sock"), "/my.sock"),
            (
                there.clone().with("DOCKER_HOST", "tcp://h:2375"),
                "DOCKER_HOST names docker at `tcp://h:2375`",
            ),
            (
                there.clone().with("DOCKER_CONTEXT", "far"),
                "context `far` names docker at `ssh://far`",
            ),
            (
                there.clone().with("DOCKER_CONTEXT", "gone"),
                "docker's context `gone` cannot be used",
            ),
            (there.with("DOCKER_CONFIG", "/nowhere"), "/var/run/docker.sock"),
        ] {
            let found = match socket(&Tools::new(environment)) {
                Ok(path) => path.display().to_string(),
                Err(error) => error.to_string(),
            };
            assert!(found.starts_with(expected), "{expected}: {found}");
        }
    }
}
