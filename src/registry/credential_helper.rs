//! Credential helpers: `docker-credential-NAME get`, as docker runs them.
//! <https://github.com/docker/docker-credential-helpers>

use std::time::Duration;

use serde::Deserialize;

use super::credential::Credential;
use super::repository::credential_key;
use super::{RegistryError, Secret};
use crate::tool::{Call, Ended, Tools};

/// How long a helper may take.
const LIMIT: Duration = Duration::from_secs(30);
/// What helpers say, on standard output, when they have nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks the helper `name` for the credentials of `registry`.
pub(super) fn get(tools: &Tools, name: &str, registry: &str) -> Result<Option<Credential>, RegistryError> {
    let program = format!("docker-credential-{name}");
    let wrong = |problem: &str, source| RegistryError::Credentials {
        registry: registry.to_owned(),
        origin: format!("`{program}`"),
        problem: problem.to_owned(),
        source,
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(wrong("this is no name of a helper", None));
    }
    let call = Call::new(&program)
        .arg("get")
        .input(credential_key(registry))
        .limit(LIMIT);
    let output = tools
        .output(&call)
        .map_err(|error| wrong("it cannot be run", Some(error.into())))?;
    if output.ended != Ended::Code(0) {
        // A failed helper's standard output is its message, and holds no secret.
        let said = output.text();
        if said.contains(NOT_FOUND) {
            return Ok(None);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = if said.is_empty() { stderr.trim() } else { &said };
        let line = said.lines().next().unwrap_or_default();
        return Err(wrong(&format!("it ended with {}: {line}", output.ended), None));
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| wrong("its answer is not the JSON of a credential", None))?;
    let secret = Secret::new(answer.secret);
    Ok(Some(if answer.username == "<token>" {
        Credential::Identity(secret)
    } else {
        Credential::Basic {
            username: answer.username,
            password: secret,
        }
    }))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::environment::Environment;

    #[test]
    fn helpers_answer_in_their_ways() {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in [
            (
                "good",
                r#"read s; printf '{"ServerURL":"%s","Username":"%s","Secret":"p"}' "$s" "$s""#,
            ),
            (
                "token",
                r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"t"}'"#,
            ),
            ("none", "echo credentials not found in native keychain; exit 1"),
            ("broken", "echo keychain is locked; exit 2"),
            ("babble", "echo hello hunter2"),
        ] {
            let path = folder.path().join(format!("docker-credential-{name}"));
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let tools = Tools::new(Environment::empty(folder.path()).with("PATH", path));
        let basic = |username: &str| Credential::Basic {
            username: username.to_owned(),
            password: Secret::new("p"),
        };
        assert_eq!(get(&tools, "good", "ghcr.io").unwrap(), Some(basic("ghcr.io")));
        assert_eq!(
            get(&tools, "good", "docker.io").unwrap(),
            Some(basic("https://index.docker.io/v1/"))
        );
        assert_eq!(
            get(&tools, "token", "a.io").unwrap(),
            Some(Credential::Identity(Secret::new("t")))
        );
        assert_eq!(get(&tools, "none", "a.io").unwrap(), None);
        for (name, part) in [
            ("broken", "exit code 2: keychain is locked"),
            ("babble", "not the JSON"),
            ("missing", "cannot be run"),
            ("../evil", "no name of a helper"),
            ("", "no name of a helper"),
        ] {
            let error = get(&tools, name, "a.io").unwrap_err().to_string();
            assert!(
                error.contains(part) && !error.contains("hunter2"),
                "{name}: {error}"
            );
        }
    }
}
