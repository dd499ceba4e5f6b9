//! Bases, and the repositories that images are published to.

use super::{Check, Need, said};
use crate::registry::{Client, RegistryError, Repository};

/// What became of looking for a base, for one platform.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Base {
    /// The lock file pins it.
    Pinned(String),
    /// It is there, and not pinned yet.
    Unpinned(String),
    /// It cannot be had: why, and the way out.
    Gap(String, Option<String>),
}

/// Whether a base can be had; `locked` forbids to pin it.
pub fn base(name: &str, platform: &str, found: &Base, locked: bool) -> Check {
    let subject = format!("base {name} for {platform}");
    match found {
        Base::Pinned(digest) => Check::found(Need::Base, subject, format!("pinned to {digest}")),
        Base::Unpinned(digest) if locked => {
            let message = format!("{digest} is not pinned, and the lock file must not change");
            Check::missing(Need::Base, subject, message).advise("run `cargo gantry update` without --locked")
        }
        Base::Unpinned(digest) => {
            let message = format!("{digest}; the next build pins it in gantry.lock");
            Check::found(Need::Base, subject, message)
        }
        Base::Gap(why, help) => {
            let check = Check::missing(Need::Base, subject, why);
            match help {
                Some(help) => check.advise(help),
                None => check,
            }
        }
    }
}

/// Whether a repository's registry answers, and which credentials there are for it.
pub async fn repository(client: &Client, repository: &Repository, why: &[String]) -> Vec<Check> {
    let registry = format!("registry {}", repository.registry());
    let wants = match client.reach(repository).await {
        Ok(wants) => wants,
        Err(error) => return vec![refused(&registry, &error).needed_by(why)],
    };
    let says = match wants {
        true => "answers, and wants credentials",
        false => "answers without credentials",
    };
    let reached = Check::found(Need::Registry, registry, says).needed_by(why);
    let subject = format!("credentials for {repository}");
    let credentials = match client.credential_source(repository).await {
        Ok((true, origin)) => Check::found(Need::Registry, subject, origin),
        Ok((false, _)) if !wants => return vec![reached],
        Ok((false, origin)) => Check::warning(Need::Registry, subject, format!("{origin}: nothing can be pushed"))
            .advise(format!(
                "`docker login {0}` or `podman login {0}` stores them; `publish` takes --username and --password-stdin",
                repository.registry()
            )),
        Err(error) => refused(&subject, &error),
    };
    vec![reached, credentials.needed_by(why)]
}

fn refused(subject: &str, error: &RegistryError) -> Check {
    let check = Check::missing(Need::Registry, subject, said(error));
    match miette::Diagnostic::help(error) {
        Some(help) => check.advise(help.to_string()),
        None => check,
    }
}
