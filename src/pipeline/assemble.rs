//! Layers become images, images an index, all of it in the store.

use std::collections::BTreeMap;

use super::build::{BuiltImage, Made};
use super::ground::Grounds;
use super::prepare::Prepared;
use super::{Error, Gantry, convert, said};
use crate::base::Origin;
use crate::blob::{Blob, BlobStore};
use crate::event::{Event, Span, Stage};
use crate::image::{self, Image};
use crate::index;
use crate::matrix::IndexRule;
use crate::plan::PlannedImage;
use crate::registry::{BlobContent, BlobSource, Repository};
use crate::spec::{Digest, Reference};

/// Puts an image together; `made` gives what was packed for each of its platforms.
pub(super) fn assemble(
    gantry: &Gantry,
    prepared: &Prepared,
    store: &BlobStore,
    planned: &PlannedImage,
    grounds: &Grounds,
    made: &dyn Fn(usize) -> Made,
) -> Result<BuiltImage, Error> {
    let of = (Some(planned.name.as_str()), None);
    let _span = Span::begin(&gantry.observer, Stage::Assemble, of, "manifests and index");
    let (mut images, mut sizes) = (Vec::new(), Vec::new());
    let mut blobs = BTreeMap::new();
    // What the programs of all platforms say alike.
    let mut common: Option<BTreeMap<String, String>> = None;
    for (number, platform) in planned.platforms.iter().enumerate() {
        let base = grounds.of(platform).image.as_ref();
        let made = made(number);
        let mut parts = convert::parts(planned, platform, base, made.layers);
        said::add(&mut parts.settings.labels, &made.said);
        said::add(&mut parts.annotations, &made.said);
        common = match common {
            None => Some(made.said),
            Some(common) => Some(
                common
                    .into_iter()
                    .filter(|(key, value)| made.said.get(key) == Some(value))
                    .collect(),
            ),
        };
        let image = image::assemble(parts)?;
        sizes.push(made.weighed.of(&image));
        store.put(image.config())?;
        store.put(image.manifest())?;
        if !image.dropped().is_empty() {
            gantry.notice(&format!(
                "{}: left out {} of base `{}`, which is for its own program",
                planned.name,
                image.dropped().join(" and "),
                platform.base
            ));
        }
        gantry.observer.event(&Event::Packed {
            image: &planned.name,
            platform: &platform.platform,
            size: image.size(),
            digest: &image.digest(),
        });
        let config = Digest::of(image.config());
        blobs.insert(
            config,
            BlobSource::file(config, image.config().len() as u64, store.path(&config)),
        );
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
        images.push(image);
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
        let reference = name.parse::<Reference>();
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
