//! Credential helpers: `docker-credential-NAME get`, as docker runs them, with a limit on time and output.
//!
//! A helper is asked once for each registry, whatever it answers: one that hangs does not hang again.
//! <https://github.com/docker/docker-credential-helpers>

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::credential::Credential;
use super::repository::credential_key;
use super::{RegistryError, Secret};
use crate::tool::{Call, Ended, ToolError, Tools};

/// How much of a helper's output is kept, in bytes; a credential is much shorter.
const OUTPUT: usize = 256 << 10;
/// How much of what a failed helper says is shown, in characters.
const SHOWN: usize = 300;
/// What helpers say when they have nothing.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The helpers that were asked, and what they answered.
#[derive(Default)]
pub(super) struct Helpers(Mutex<HashMap<(String, String), Slot>>);

type Slot = Arc<Mutex<Option<Result<Option<Credential>, String>>>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl Helpers {
    /// What the helper `name` has for `registry`; none if it has nothing. It may take `limit`.
    pub(super) fn get(
        &self,
        tools: &Tools,
        limit: Duration,
        name: &str,
        registry: &str,
    ) -> Result<Option<Credential>, RegistryError> {
        let key = (name.to_owned(), registry.to_owned());
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(key).or_default().clone()
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = |problem: String, source| RegistryError::Credentials {
            registry: registry.to_owned(),
            origin: format!("`{}`", program(name)),
            problem,
            source,
        };
        if let Some(answered) = &*slot {
            return answered.clone().map_err(|problem| wrong(problem, None));
        }
        let answer = ask(tools, limit, name, registry);
        let kept = answer.as_ref().map_err(|(problem, _)| problem.clone());
        *slot = Some(kept.cloned());
        answer.map_err(|(problem, source)| wrong(problem, source.map(Into::into)))
    }
}

fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Runs a helper. Errors are the problem, and what is below it.
fn ask(
    tools: &Tools,
    limit: Duration,
    name: &str,
    registry: &str,
) -> Result<Option<Credential>, (String, Option<ToolError>)> {
    let wrong = |problem: &str| (problem.to_owned(), None);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(wrong("this is no name of a helper"));
    }
    let call = Call::new(program(name))
        .arg("get")
        .input(credential_key(registry))
        .keep(OUTPUT)
        .limit(limit);
    let output = tools.output(&call).map_err(|error| match error {
        ToolError::Limit { .. } => (
            format!("it gave no answer within {} seconds", limit.as_secs_f32()),
            None,
        ),
        error => ("it cannot be run".to_owned(), Some(error)),
    })?;
    let (stdout, stderr) = (output.text(), String::from_utf8_lossy(&output.stderr));
    if output.ended != Ended::Code(0) {
        if stdout.contains(NOT_FOUND) || stderr.contains(NOT_FOUND) {
            return Ok(None);
        }
        // A failed helper's standard output is its message, unless it looks like an answer after all.
        let said = if stdout.is_empty() || stdout.starts_with('{') {
            stderr.trim()
        } else {
            &stdout
        };
        let line = said.lines().next().unwrap_or("it said nothing");
        let line: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        return Err(wrong(&format!("it ended with {}: {line}", output.ended)));
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| wrong("its answer is not the JSON of a credential"))?;
    if answer.secret.is_empty() {
        return Ok(None);
    }
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::environment::Environment;

    /// Another process writes it: a file that is open for writing anywhere, as in a child that another test is just
    /// starting, cannot be run.
    fn helper(folder: &Path, name: &str, script: &str) {
        let write = Call::new("sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(folder.join(program(name)))
            .input(format!("#!/bin/sh\n{script}\n"));
        tools(folder).run(&write).unwrap();
    }

    fn tools(folder: &Path) -> Tools {
        let path = format!("{}:/usr/bin:/bin", folder.display());
        Tools::new(Environment::empty(folder).with("PATH", path))
    }

    /// Long enough for a script on a busy machine.
    const PLENTY: Duration = Duration::from_secs(60);

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
            ("empty", r#"echo '{"ServerURL":"x","Username":"","Secret":""}'"#),
            ("none", "echo credentials not found in native keychain; exit 1"),
            (
                "nobody",
                "echo credentials not found in native keychain >&2; exit 1",
            ),
        ] {
            helper(folder.path(), name, script);
        }
        let tools = tools(folder.path());
        let get = |name, registry| Helpers::default().get(&tools, PLENTY, name, registry).unwrap();
        let basic = |username: &str| Credential::Basic {
            username: username.to_owned(),
            password: Secret::new("p"),
        };
        assert_eq!(get("good", "ghcr.io"), Some(basic("ghcr.io")));
        assert_eq!(
            get("good", "docker.io"),
            Some(basic("https://index.docker.io/v1/"))
        );
        assert_eq!(get("token", "a.io"), Some(Credential::Identity(Secret::new("t"))));
        for name in ["none", "nobody", "empty"] {
            assert_eq!(get(name, "a.io"), None, "{name}");
        }
    }

    #[test]
    fn helpers_that_fail_are_named_without_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in [
            ("broken", "echo keychain is locked; exit 2"),
            ("babble", "echo hello hunter2"),
            ("half", r#"echo '{"Username":"me"}'"#),
            ("dying", "kill -SEGV $$"),
            (
                "leaky",
                r#"echo '{"Username":"me","Secret":"hunter2"}'; echo oops >&2; exit 3"#,
            ),
            ("huge", r#"head -c 3000000 /dev/zero | tr '\0' x"#),
        ] {
            helper(folder.path(), name, script);
        }
        for (name, part) in [
            ("broken", "exit code 2: keychain is locked"),
            ("babble", "not the JSON"),
            ("half", "not the JSON"),
            ("dying", "signal 11"),
            ("leaky", "exit code 3: oops"),
            ("huge", "not the JSON"),
            ("missing", "cannot be run"),
            ("../evil", "no name of a helper"),
            ("a b", "no name of a helper"),
            ("", "no name of a helper"),
        ] {
            let error = Helpers::default()
                .get(&tools(folder.path()), PLENTY, name, "a.io")
                .unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(
                error.to_string().contains(part) && !text.contains("hunter2"),
                "{name}: {error}"
            );
        }
    }

    #[test]
    fn a_helper_that_hangs_is_ended_and_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        helper(
            folder.path(),
            "hangs",
            "echo once >> calls; sleep 1000 & sleep 1000",
        );
        helper(
            folder.path(),
            "endless",
            "echo once >> calls; while :; do echo y; done",
        );
        let (tools, helpers) = (tools(folder.path()), Helpers::default());
        for name in ["hangs", "endless"] {
            for _ in 0..2 {
                let error = helpers
                    .get(&tools, Duration::from_millis(500), name, "a.io")
                    .unwrap_err();
                assert!(
                    error.to_string().contains("no answer within 0.5 seconds"),
                    "{error}"
                );
            }
            assert_eq!(
                std::fs::read_to_string(folder.path().join("calls")).unwrap(),
                "once\n",
                "{name}"
            );
            std::fs::remove_file(folder.path().join("calls")).unwrap();
        }
    }
}
