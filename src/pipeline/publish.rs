//! The last step: what the store holds goes to registries. Also looking at what lies there.

use std::sync::Arc;

use super::remote::repositories;
use super::{Built, BuiltImage, Error, Gantry};
use crate::archive::Layout;
use crate::event::Event;
use crate::inspect::{self, Report};
use crate::publish::{self, Content, Destination, KeptTag, ManifestBytes, Options, Shipment, Tag};
use crate::registry::{Account, Client, Secret, Settings, user_settings};
use crate::spec::{Digest, Platform, Reference};

/// How registries are spoken to.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Hosts that speak plain http, beside loopback.
    pub plain_http: Vec<String>,
    /// User name and password for the destination's registry.
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

pub(super) async fn publish(
    gantry: &Gantry,
    built: &Built,
    access: &Access,
    terms: &Terms,
) -> Result<Vec<PublishedImage>, Error> {
    for image in &built.images {
        repositories(&image.name, &image.repositories)?;
    }
    let mut published = Vec::new();
    match all(gantry, built, access, terms, &mut published).await {
        Ok(held_back) if held_back.is_empty() => Ok(published),
        Ok(images) => Err(Error::Partial { images, published }),
        Err(cause) if published.is_empty() => Err(cause),
        Err(cause) => Err(Error::Halfway {
            cause: Box::new(cause),
            published,
        }),
    }
}

/// Publishes one after the other, and gives the images whose tags were held back.
async fn all(
    gantry: &Gantry,
    built: &Built,
    access: &Access,
    terms: &Terms,
    published: &mut Vec<PublishedImage>,
) -> Result<Vec<String>, Error> {
    let mut held_back = Vec::new();
    for image in &built.images {
        let partial = image.partial && !terms.allow_partial;
        let shipment = shipment(image, partial)?;
        for reference in repositories(&image.name, &image.repositories)? {
            let client = client(gantry, access, Some(&reference))?;
            let done = publish::to_registry(&client, &reference, &shipment, Options::from(*terms)).await?;
            published.push(PublishedImage {
                image: image.name.clone(),
                reference: done.reference.to_string(),
                digest: image.digest(),
                tags: done.tags.clone(),
                kept: done.kept.clone(),
                platforms: image
                    .images
                    .iter()
                    .map(|image| (image.platform().clone(), image.digest()))
                    .collect(),
                blobs_sent: done.blobs_sent,
                blobs_mounted: done.blobs_mounted,
                bytes_sent: done.bytes_sent,
                manifests_sent: done.manifests_sent,
                unchanged: done.unchanged,
            });
        }
        if partial && image.tags.iter().any(|tag| tag.platform.is_none()) {
            held_back.push(image.name.clone());
        }
    }
    Ok(held_back)
}

pub(super) fn shipment(image: &BuiltImage, partial: bool) -> Result<Shipment, Error> {
    let manifest = |descriptor: &crate::spec::Descriptor, bytes: &[u8]| {
        ManifestBytes::new(descriptor.media_type().to_string(), bytes)
    };
    let mut manifests: Vec<ManifestBytes> = image
        .images
        .iter()
        .map(|image| manifest(image.descriptor(), image.manifest()))
        .collect();
    let root = match &image.index {
        Some(index) => manifest(index.descriptor(), index.bytes()),
        None => manifests.remove(0),
    };
    let mut tags = Vec::new();
    for planned in &image.tags {
        let tag = Tag::new(&planned.name, planned.moves.into()).map_err(publish::PublishError::from)?;
        let of = |platform| image.images.iter().find(|image| image.platform() == platform);
        match &planned.platform {
            Some(platform) => tags.extend(of(platform).map(|image| tag.of_manifest(image.digest()))),
            None if partial => {}
            None => tags.push(tag),
        }
    }
    Ok(Shipment {
        content: Content {
            root,
            manifests,
            blobs: image.blobs.clone(),
        },
        version: image.version.clone(),
        tags,
    })
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

pub(super) async fn inspect(gantry: &Gantry, name: &str, access: &Access) -> Result<Report, Error> {
    match name.parse::<Destination>()? {
        Destination::Layout(path, tag) | Destination::Archive(path, tag) => {
            let layout = Layout::open(gantry.absolute(&path))?;
            Ok(inspect::layout(&layout, name, tag.as_deref())?)
        }
        Destination::DockerArchive(..) => Err(publish::PublishError::Transport {
            text: name.to_owned(),
            transport: "docker-archive".to_owned(),
        }
        .into()),
        Destination::Registry(reference) => {
            let client = client(gantry, access, Some(&reference))?;
            Ok(inspect::registry(&client, &reference).await?)
        }
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
