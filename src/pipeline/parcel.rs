//! [`Parcel`]: one image with the names that it shall have, ready to be sent; whether it was built here or elsewhere.

use std::sync::Arc;

use super::ahead::{self, Ahead};
use super::publish::{PublishedImage, Terms};
use super::scratch::Scratch;
use super::{Access, Built, BuiltImage, Error, Gantry};
use crate::blob::{BlobStore, MANIFEST_LIMIT};
use crate::plan::PlannedTag;
use crate::publish::{Content, Known, ManifestBytes, Nothing, PublishError, Shipment, Tag};
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
    /// Where manifests of earlier builds lie.
    pub(super) store: Option<BlobStore>,
}

/// Manifests that lie in a store.
pub(super) fn known(store: Option<&BlobStore>) -> Arc<dyn Known> {
    match store.cloned() {
        Some(store) => Arc::new(move |digest: &Digest| store.read(digest, MANIFEST_LIMIT).ok()),
        None => Arc::new(Nothing),
    }
}

impl Parcel {
    /// What was built here.
    pub(super) fn of_built(image: &BuiltImage, store: &BlobStore) -> Self {
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
            store: Some(store.clone()),
        }
    }

    /// The same for [`crate::publish`]: without tags that name more platforms than there are, unless `terms` allow it.
    pub(super) fn shipment(&self, terms: &Terms) -> Result<Shipment, Error> {
        let mut set = Vec::new();
        for (planned, tag) in named(&self.tags, self.partial, terms)? {
            let of = |platform| self.platforms.iter().find(|(known, _)| known == platform);
            match &planned.platform {
                Some(platform) => set.extend(of(platform).map(|(_, digest)| tag.of_manifest(*digest))),
                None => set.push(tag),
            }
        }
        Ok(Shipment {
            content: self.content.clone(),
            version: self.version.clone(),
            tags: set,
        })
    }

    /// Whether tags of it are held back.
    pub(super) fn is_held_back(&self, terms: &Terms) -> bool {
        self.partial && !terms.allow_partial && self.tags.iter().any(|tag| tag.platform.is_none())
    }
}

pub(super) fn of_built(built: &Built) -> Vec<Parcel> {
    let parcel = |image| Parcel::of_built(image, &built.store);
    built.images.iter().map(parcel).collect()
}

/// The tags that are set, whatever they will name.
pub(super) fn tags(planned: &[PlannedTag], partial: bool, terms: &Terms) -> Result<Vec<Tag>, Error> {
    let named = named(planned, partial, terms)?;
    Ok(named.into_iter().map(|(_, tag)| tag).collect())
}

fn named<'t>(
    planned: &'t [PlannedTag],
    partial: bool,
    terms: &Terms,
) -> Result<Vec<(&'t PlannedTag, Tag)>, Error> {
    let set = |tag: &&PlannedTag| tag.platform.is_some() || !partial || terms.allow_partial;
    let named = planned.iter().filter(set).map(|planned| {
        let tag = Tag::new(&planned.name, planned.moves.into()).map_err(PublishError::from)?;
        Ok((planned, tag))
    });
    named.collect()
}

/// Publishes one after the other. What is wrong with any of them is said before the first byte is sent, as far as that can
/// be known.
pub(super) async fn send(
    gantry: &Gantry,
    parcels: &[Parcel],
    access: &Access,
    terms: &Terms,
) -> Result<Vec<PublishedImage>, Error> {
    Ahead::of_parcels(gantry, parcels, access, terms)?
        .complete(parcels)
        .await
}

/// Where everything goes; an error where the names are wrong, or the login would be for several registries.
pub(super) fn destinations(parcels: &[Parcel], access: &Access) -> Result<(), Error> {
    let places = parcels
        .iter()
        .map(|parcel| (parcel.image.as_str(), parcel.repositories.as_slice()));
    ahead::destinations(places, access)
}
