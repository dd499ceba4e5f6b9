//! [`Parcel`]: one image with the names that it shall have, ready to be sent; whether it was built here or elsewhere.

use std::sync::Arc;

use super::publish::{PublishedImage, Terms, client};
use super::remote::repositories;
use super::scratch::Scratch;
use super::{Access, Built, BuiltImage, Error, Gantry};
use crate::plan::PlannedTag;
use crate::publish::{self, Content, ManifestBytes, Options, PublishError, Shipment, Tag};
use crate::spec::{Descriptor, Digest, Platform};

/// One image, the repositories that it goes to, and its tags there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parcel {
    /// The image's name.
    pub image: String,
    /// Its version, if something says it.
    pub version: Option<String>,
    /// Where it is published to.
    pub repositories: Vec<String>,
    /// Tags to set there.
    pub tags: Vec<PlannedTag>,
    /// Fewer platforms than the matrix declares.
    pub partial: bool,
    /// All of it.
    pub content: Content,
    /// Its platforms, each with the digest of its manifest.
    pub platforms: Vec<(Platform, Digest)>,
    /// Where some of it lies for as long as it is needed.
    pub(super) scratch: Option<Arc<Scratch>>,
}

impl Parcel {
    /// What was built here.
    pub(super) fn of_built(image: &BuiltImage) -> Self {
        let manifest = |descriptor: &Descriptor, bytes: &[u8]| {
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
        let platforms = image
            .images
            .iter()
            .map(|image| (image.platform().clone(), image.digest()));
        Self {
            image: image.name.clone(),
            version: image.version.clone(),
            repositories: image.repositories.clone(),
            tags: image.tags.clone(),
            partial: image.partial,
            content: Content {
                root,
                manifests,
                blobs: image.blobs.clone(),
            },
            platforms: platforms.collect(),
            scratch: None,
        }
    }

    /// The same for [`crate::publish`]: without tags that name more platforms than there are, unless `terms` allow it.
    pub(super) fn shipment(&self, terms: &Terms) -> Result<Shipment, Error> {
        let mut tags = Vec::new();
        for planned in &self.tags {
            let tag = Tag::new(&planned.name, planned.moves.into()).map_err(PublishError::from)?;
            let of = |platform| self.platforms.iter().find(|(known, _)| known == platform);
            match &planned.platform {
                Some(platform) => tags.extend(of(platform).map(|(_, digest)| tag.of_manifest(*digest))),
                None if self.partial && !terms.allow_partial => {}
                None => tags.push(tag),
            }
        }
        Ok(Shipment {
            content: self.content.clone(),
            version: self.version.clone(),
            tags,
        })
    }

    /// Whether tags of it are held back.
    pub(super) fn is_held_back(&self, terms: &Terms) -> bool {
        self.partial && !terms.allow_partial && self.tags.iter().any(|tag| tag.platform.is_none())
    }
}

pub(super) fn of_built(built: &Built) -> Vec<Parcel> {
    built.images.iter().map(Parcel::of_built).collect()
}

/// Publishes one after the other. What is wrong with any of them is said before the first byte is sent, as far as that can
/// be known.
pub(super) async fn send(
    gantry: &Gantry,
    parcels: &[Parcel],
    access: &Access,
    terms: &Terms,
) -> Result<Vec<PublishedImage>, Error> {
    for parcel in parcels {
        repositories(&parcel.image, &parcel.repositories)?;
    }
    let mut published = Vec::new();
    for parcel in parcels {
        if let Err(cause) = one(gantry, parcel, access, terms, &mut published).await {
            return Err(match published.is_empty() {
                true => cause,
                false => Error::Halfway {
                    cause: Box::new(cause),
                    published,
                },
            });
        }
    }
    let held_back = parcels.iter().filter(|parcel| parcel.is_held_back(terms));
    let images: Vec<String> = held_back.map(|parcel| parcel.image.clone()).collect();
    match images.is_empty() {
        true => Ok(published),
        false => Err(Error::Partial { images, published }),
    }
}

async fn one(
    gantry: &Gantry,
    parcel: &Parcel,
    access: &Access,
    terms: &Terms,
    published: &mut Vec<PublishedImage>,
) -> Result<(), Error> {
    let shipment = parcel.shipment(terms)?;
    for reference in repositories(&parcel.image, &parcel.repositories)? {
        let client = client(gantry, access, Some(&reference))?;
        let done = publish::to_registry(&client, &reference, &shipment, Options::from(*terms)).await?;
        published.push(PublishedImage {
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
        });
    }
    Ok(())
}
