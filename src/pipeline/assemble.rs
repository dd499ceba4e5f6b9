//! Layers become images, images an index, all of it in the store.

use std::collections::BTreeMap;

use super::build::{BuiltImage, Made};
use super::prepare::Prepared;
use super::sizes::PlatformSizes;
use super::stand::Ground;
use super::{Error, Gantry, convert, said};
use crate::base::Origin;
use crate::blob::{Blob, BlobStore};
use crate::event::{Event, Span, Stage};
use crate::image::{self, Image};
use crate::index;
use crate::matrix::IndexRule;
use crate::plan::{PlannedImage, PlannedPlatform};
use crate::registry::{BlobContent, BlobSource, Repository};
use crate::spec::Digest;

/// One platform's image in the store, and where its blobs lie.
pub(super) struct Put {
    pub image: Image,
    pub blobs: BTreeMap<Digest, BlobSource>,
    said: BTreeMap<String, String>,
    sizes: PlatformSizes,
}

/// Puts together what was packed for one platform.
pub(super) fn platform(
    prepared: &Prepared,
    store: &BlobStore,
    (planned, platform): (&PlannedImage, &PlannedPlatform),
    ground: &Ground,
    made: &Made,
) -> Result<Put, Error> {
    let base = ground.image.as_ref();
    let mut parts = convert::parts(planned, platform, base, made.layers.clone());
    said::add(&mut parts.settings.labels, &made.said);
    said::add(&mut parts.annotations, &made.said);
    let image = image::assemble(parts)?;
    store.put(image.config())?;
    store.put(image.manifest())?;
    let config = Digest::of(image.config());
    let size = image.config().len() as u64;
    let mut blobs = BTreeMap::from([(config, BlobSource::file(config, size, store.path(&config)))]);
    // The base's layers lie lowest.
    let of_base = base.map_or(0, |base| base.layers.len());
    for (position, layer) in image.layers().iter().enumerate() {
        let digest = Digest::try_from(layer.digest()).expect("a digest that was read or made before");
        let origin = base.map(|base| &base.origin).filter(|_| position < of_base);
        blobs.insert(
            digest,
            source(prepared, store, planned, Blob::new(digest, layer.size()), origin),
        );
    }
    Ok(Put {
        sizes: made.weighed.clone().of(&image),
        said: made.said.clone(),
        image,
        blobs,
    })
}

/// Joins the platforms of an image, in the order of the plan.
pub(super) fn join(
    gantry: &Gantry,
    store: &BlobStore,
    planned: &PlannedImage,
    platforms: Vec<Put>,
) -> Result<BuiltImage, Error> {
    let of = (Some(planned.name.as_str()), None);
    let _span = Span::begin(&gantry.observer, Stage::Assemble, of, "index");
    let (mut images, mut sizes) = (Vec::new(), Vec::new());
    let mut blobs = BTreeMap::new();
    // What the programs of all platforms say alike.
    let mut common: Option<BTreeMap<String, String>> = None;
    for (platform, put) in planned.platforms.iter().zip(platforms) {
        if !put.image.dropped().is_empty() {
            gantry.notice(&format!(
                "{}: left out {} of base `{}`, which is for its own program",
                planned.name,
                put.image.dropped().join(" and "),
                platform.base
            ));
        }
        gantry.observer.event(&Event::Packed {
            image: &planned.name,
            platform: &platform.platform,
            size: put.image.size(),
            digest: &put.image.digest(),
        });
        common = match common {
            None => Some(put.said),
            Some(mut common) => {
                common.retain(|key, value| put.said.get(key) == Some(value));
                Some(common)
            }
        };
        blobs.extend(put.blobs);
        sizes.push(put.sizes);
        images.push(put.image);
    }
    let index = match planned.index {
        IndexRule::Never => None,
        IndexRule::Always => {
            let every: Vec<&Image> = images.iter().collect();
            let mut annotations = planned.annotations.clone();
            if planned.format.has_annotations() {
                said::add(&mut annotations, &common.unwrap_or_default());
            }
            let index = index::assemble(&every, annotations, planned.format)?;
            store.put(index.bytes())?;
            Some(index)
        }
    };
    Ok(BuiltImage {
        name: planned.name.clone(),
        version: planned.version.clone(),
        index,
        images,
        sizes,
        repositories: planned.repositories.clone(),
        tags: planned.tags.clone(),
        partial: planned.platforms.len() < planned.declared_platforms,
        whole: blobs
            .values()
            .all(|blob| blob.content == BlobContent::File(store.path(&blob.digest))),
        blobs: blobs.into_values().collect(),
    })
}

/// Where a layer lies: in the store, in the user's cache, or only where the base was found. A registry that has the base
/// itself mounts it; for another one a file here is taken, if it is still what it should be.
fn source(
    prepared: &Prepared,
    store: &BlobStore,
    planned: &PlannedImage,
    layer: Blob,
    origin: Option<&Origin>,
) -> BlobSource {
    let Blob { digest, size, .. } = layer;
    let Some(Origin::Registry(repository)) = origin else {
        return BlobSource::file(digest, size, store.path(&digest));
    };
    let remote = BlobSource::remote(digest, size, repository.clone());
    let elsewhere = |name: &String| {
        let reference = crate::spec::reference(name);
        reference.is_ok_and(|reference| Repository::from(&reference).registry() != repository.registry())
    };
    let here = |path| BlobSource::file(digest, size, path).also_in(repository.clone());
    let in_store = store.contains(&layer);
    if !prepared.request.to_publish && in_store {
        return here(store.path(&digest));
    }
    if !planned.repositories.iter().any(elsewhere) {
        return remote;
    }
    if in_store && store.verify(&layer).is_ok() {
        return here(store.path(&digest));
    }
    let cached = prepared.bases.as_ref().and_then(|bases| bases.cached(&layer));
    cached.map_or(remote, here)
}
