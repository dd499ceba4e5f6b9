//! Credentials that a CI job finds in its variables: each for the one registry that they are meant for.
//!
//! Looked at last, and not at all where `GANTRY_NO_CI_CREDENTIALS` is set.
//! <https://docs.github.com/actions/reference/workflows-and-actions/variables>,
//! <https://docs.gitlab.com/ci/variables/predefined_variables/>

use super::Secret;
use super::credential::Credential;
use super::repository::canonical;
use crate::environment::Environment;

/// The variable that turns this off.
const OFF: &str = "GANTRY_NO_CI_CREDENTIALS";

/// The credentials of a CI job for `registry`, and what they are called in messages.
pub(super) fn find(environment: &Environment, registry: &str) -> Option<(Credential, String)> {
    if environment.non_empty(OFF).is_some() {
        return None;
    }
    let gitlab = environment.non_empty("CI_REGISTRY");
    let (user, password) = match registry {
        "ghcr.io" => ("GITHUB_ACTOR", "GITHUB_TOKEN"),
        _ if gitlab.is_some_and(|gitlab| canonical(gitlab) == registry) => {
            ("CI_REGISTRY_USER", "CI_REGISTRY_PASSWORD")
        }
        _ => return None,
    };
    let credential = Credential::Basic {
        username: environment.non_empty(user)?.to_owned(),
        password: Secret::new(environment.non_empty(password)?),
    };
    Some((
        credential,
        format!("the variables {user} and {password} ({OFF} turns that off)"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_for_their_own_registry() {
        let github = Environment::empty("/")
            .with("GITHUB_ACTOR", "me")
            .with("GITHUB_TOKEN", "hunter2");
        let both = github
            .clone()
            .with("CI_REGISTRY", "registry.gitlab.example:5050")
            .with("CI_REGISTRY_USER", "job")
            .with("CI_REGISTRY_PASSWORD", "hunter2");
        for (environment, registry, user) in [
            (&github, "ghcr.io", Some("me")),
            (&github, "ghcr.io.evil.example", None),
            (&github, "ghcr.io:8443", None),
            (&github, "docker.io", None),
            (&both, "registry.gitlab.example:5050", Some("job")),
            (&both, "registry.gitlab.example", None),
            (&both, "gitlab.example:5050", None),
            (
                &both.clone().with("CI_REGISTRY", ""),
                "registry.gitlab.example:5050",
                None,
            ),
            (
                &both.clone().without("CI_REGISTRY_USER"),
                "registry.gitlab.example:5050",
                None,
            ),
            (&both.clone().with(OFF, "1"), "ghcr.io", None),
        ] {
            let found = find(environment, registry);
            let text = format!("{found:?}");
            assert_eq!(found.is_some(), user.is_some(), "{registry}");
            assert!(
                text.contains(user.unwrap_or("None")) && !text.contains("hunter2"),
                "{text}"
            );
        }
    }
}
