//! The last step: what the store holds goes to registries. 

use std::sync::Arc;

use super::{Built, BuiltImage, Error, Gantry};
use crate::event::Event;
use crate::publish::{self, Content, ManifestBytes, Options, Shipment, Tag};
use crate::registry::{Account, Client, Secret, Settings, user_settings};
use crate::spec::{Digest, Reference};

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
    /// Tags that now name it.
    pub tags: Vec<String>,
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
        if image.repositories.is_empty() {
            return Err(Error::NoRepository {
                image: image.name.clone(),
            });
        }
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
        for repository in &image.repositories {
            let reference: Reference = repository.parse().map_err(|source| Error::Reference {
                text: repository.clone(),
                source,
            })?;
            let client = client(gantry, access, Some(&reference))?;
            let options = Options::default().replacing(terms.replace);
            let done = publish::to_registry(&client, &reference, &shipment, options).await?;
            published.push(PublishedImage {
                image: image.name.clone(),
                reference: done.reference.to_string(),
                digest: image.digest(),
                tags: done.tags.clone(),
                blobs_sent: done.blobs_sent,
                blobs_mounted: done.blobs_mounted,
                bytes_sent: done.bytes_sent,
                manifests_sent: done.manifests_sent,
                unchanged: done.unchanged,
            });
        }
        if partial && !image.tags.is_empty() {
            held_back.push(image.name.clone());
        }
    }
    Ok(held_back)
}

fn shipment(image: &BuiltImage, partial: bool) -> Result<Shipment, Error> {
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
    let tags = image
        .tags
        .iter()
        .filter(|_| !partial)
        .map(|tag| Tag::new(&tag.name, tag.moves.into()));
    Ok(Shipment {
        content: Content {
            root,
            manifests,
            blobs: image.blobs.clone(),
        },
        version: image.version.clone(),
        tags: tags
            .collect::<Result<_, _>>()
            .map_err(publish::PublishError::from)?,
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
