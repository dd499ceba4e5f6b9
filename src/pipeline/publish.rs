//! How registries are spoken to, and what became of what was sent there.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Error, Gantry, Parcel};
use crate::event::Event;
use crate::publish::{KeptTag, Options, Published};
use crate::registry::{Account, Client, Secret, Settings, user_settings};
use crate::spec::{Digest, Platform, Reference};

/// How registries are spoken to.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Hosts that speak plain http, beside loopback.
    pub plain_http: Vec<String>,
    /// User name and password for the destination's registry; where there are several, it is an error.
    pub login: Option<(String, Secret)>,
}

/// What a publish may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// Set tags although a declared platform is missing.
    pub allow_partial: bool,
    /// Move tags that never move.
    pub replace: bool,
    /// Move tags that move forward to any version.
    pub force_tags: bool,
}

impl From<Terms> for Options {
    fn from(terms: Terms) -> Self {
        Self::default().replacing(terms.replace).forcing(terms.force_tags)
    }
}

/// One image at one repository.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PublishedImage {
    /// The image's name.
    pub image: String,
    /// Its version, if something says it.
    pub version: Option<String>,
    /// Media type of the index, or of the manifest where there is none.
    pub media_type: String,
    /// `registry/repository@sha256:...`.
    pub reference: String,
    /// Digest of the index.
    pub digest: Digest,
    /// Tags that now name it, or one of its platforms.
    pub tags: Vec<String>,
    /// Tags that were left alone, as they name a higher version.
    pub kept: Vec<KeptTag>,
    /// Its platforms, each with the digest of its manifest.
    pub platforms: Vec<(Platform, Digest)>,
    /// Blobs that were sent.
    pub blobs_sent: u64,
    /// Blobs that the registry took from another of its repositories.
    pub blobs_mounted: u64,
    /// Bytes of them.
    pub bytes_sent: u64,
    /// Manifests that were sent, the index among them.
    pub manifests_sent: u64,
    /// Everything was there before.
    pub unchanged: bool,
}

impl PublishedImage {
    pub(super) fn of(parcel: &Parcel, done: Published) -> Self {
        Self {
            image: parcel.image.clone(),
            version: parcel.version.clone(),
            media_type: parcel.content.root.media_type().to_owned(),
            reference: done.reference.to_string(),
            digest: done.digest,
            tags: done.tags,
            kept: done.kept,
            platforms: parcel.platforms.clone(),
            blobs_sent: done.blobs_sent,
            blobs_mounted: done.blobs_mounted,
            bytes_sent: done.bytes_sent,
            manifests_sent: done.manifests_sent,
            unchanged: done.unchanged,
        }
    }
}

/// A client; the login goes to the host of `to` only.
pub(super) fn client(gantry: &Gantry, access: &Access, to: Option<&Reference>) -> Result<Client, Error> {
    let mut settings = Settings::new(gantry.tools.clone());
    settings.plain_http = access.plain_http.clone();
    settings.hosts = user_settings(&settings.environment)?;
    settings.account = access
        .login
        .clone()
        .zip(to)
        .map(|((username, password), to)| Account {
            registry: to.registry().to_owned(),
            username,
            password,
        });
    Ok(Client::new(settings, Arc::clone(&gantry.observer))?)
}

/// A password is for one registry: no other one may see it. One that is empty is for none.
pub(super) fn one_registry<'r>(
    registries: impl Iterator<Item = &'r str>,
    access: &Access,
) -> Result<(), Error> {
    let Some((_, password)) = &access.login else {
        return Ok(());
    };
    let registries: BTreeSet<String> = registries.map(str::to_owned).collect();
    match (registries.len() > 1, password.is_empty()) {
        (true, _) => Err(Error::SeveralRegistries {
            registries: registries.into_iter().collect(),
        }),
        (false, true) => Err(Error::NoPassword),
        (false, false) => Ok(()),
    }
}

impl Gantry {
    pub(super) fn notice(&self, text: &str) {
        self.observer.event(&Event::Notice { text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_does_not_show_its_password() {
        let access = Access {
            login: Some(("me".to_owned(), Secret::new("hunter2"))),
            ..Access::default()
        };
        let shown = format!("{access:?}");
        assert!(shown.contains("me") && !shown.contains("hunter2"), "{shown}");
    }
}
