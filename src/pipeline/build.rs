//! The second half: cargo, then layers as artifacts arrive, then images and indexes into the store.

use std::sync::Arc;
use std::time::Duration;

use super::assemble::assemble;
use super::compile::{Spot, as_they_arrive};
use super::examine::{Found, examine};
use super::ground::{self, Grounds};
use super::lay::{self, Placed};
use super::pack::Packer;
use super::prepare::Prepared;
use super::workplace::Workplace;
use super::{Error, Gantry, blocking, convert};
use crate::binary::Facts;
use crate::blob::BlobStore;
use crate::fit::Finding;
use crate::image::{self, Image, LayerPart};
use crate::index::Index;
use crate::plan::PlannedTag;
use crate::registry::BlobSource;
use crate::spec::{Descriptor, Digest};

/// What was built, and the store it lies in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Built {
    /// The workspace's store.
    pub store: BlobStore,
    /// The images, in the order of the plan.
    pub images: Vec<BuiltImage>,
}

/// One image with all its platforms.
#[derive(Debug)]
#[non_exhaustive]
pub struct BuiltImage {
    /// Its name.
    pub name: String,
    /// Its version, if something says it.
    pub version: Option<String>,
    /// The index; none where the matrix says that there never is one.
    pub index: Option<Index>,
    /// An image for each platform, in the order of the matrix.
    pub images: Vec<Image>,
    /// Where it is published to.
    pub repositories: Vec<String>,
    /// Tags to set there.
    pub tags: Vec<PlannedTag>,
    /// Fewer platforms than the matrix declares.
    pub partial: bool,
    /// Configs and layers of all platforms, each once, and where they lie: a base's may lie in its own repository.
    pub blobs: Vec<BlobSource>,
    /// All of it lies in the store.
    pub(super) whole: bool,
}

impl BuiltImage {
    /// What tags name: the index, or the manifest that stands alone.
    pub fn descriptor(&self) -> &Descriptor {
        match &self.index {
            Some(index) => index.descriptor(),
            None => self.images[0].descriptor(),
        }
    }

    /// Its digest.
    pub fn digest(&self) -> Digest {
        match &self.index {
            Some(index) => index.digest(),
            None => self.images[0].digest(),
        }
    }
}

/// How long blobs that no image of the store needs any more are kept: far longer than any build runs.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// With `keep` the layers of bases come into the store, so that it holds whole images; a registry that they are
/// published to takes them from where they lie.
pub(super) async fn build(gantry: &Gantry, prepared: Prepared, keep: bool) -> Result<Built, Error> {
    let prepared = Arc::new(prepared);
    let (place, grounds) = ground::prepare(gantry, &prepared, keep).await?;
    let gantry = gantry.clone();
    blocking(move || make(&gantry, &prepared, place, &grounds)).await
}

fn make(gantry: &Gantry, prepared: &Prepared, place: Workplace, grounds: &Grounds) -> Result<Built, Error> {
    let store = &place.store;
    let packer = Packer::new(gantry, store);
    let made = as_they_arrive(gantry, prepared, |spot, binaries| {
        pack_one(prepared, &packer, grounds, spot, binaries)
    })?;
    let found: Vec<Found> = made
        .iter()
        .map(|((image, _), made)| (prepared.plan.images[*image].name.clone(), made.found.clone()))
        .collect();
    gantry.judge(&found)?;
    let mut images = Vec::new();
    for (position, planned) in prepared.plan.images.iter().enumerate() {
        let layers = |platform| {
            made.get(&(position, platform))
                .map_or_else(Vec::new, |made: &Made| made.layers.clone())
        };
        images.push(assemble(gantry, prepared, store, planned, grounds, &layers)?);
    }
    for image in images.iter().filter(|image| image.whole) {
        store.add_entry(&image.name, image.descriptor())?;
    }
    store.collect_garbage(KEPT)?;
    Ok(Built {
        store: place.store,
        images,
    })
}

/// What became of one image's platform: no layers where something was found that denies them.
struct Made {
    layers: Vec<LayerPart>,
    found: Vec<Finding>,
}

fn pack_one(
    prepared: &Prepared,
    packer: &Packer<'_>,
    grounds: &Grounds,
    spot: Spot,
    binaries: &[Placed],
) -> Result<Made, Error> {
    let image = &prepared.plan.images[spot.0];
    let platform = &image.platforms[spot.1];
    let (laid, found) = inspected(prepared, grounds, spot, binaries)?;
    let layers = match found.iter().any(Finding::is_denied) {
        true => Vec::new(),
        false => packer.pack(image, platform, laid, &grounds.of(platform).tree)?,
    };
    Ok(Made { layers, found })
}

/// What is laid over the base, and what the fit check says of it.
pub(super) fn inspected(
    prepared: &Prepared,
    grounds: &Grounds,
    (image, platform): Spot,
    binaries: &[Placed],
) -> Result<(lay::Laid, Vec<Finding>), Error> {
    let image = &prepared.plan.images[image];
    let platform = &image.platforms[platform];
    let ground = grounds.of(platform);
    let target = prepared.catalog.triple(&platform.triple)?;
    for binary in binaries {
        Facts::read(&binary.path)?.keeps(target)?;
    }
    // The config says who the programs run as; the layers that it lacks yet say nothing of that.
    let bare = image::assemble(convert::parts(image, platform, ground.image.as_ref(), Vec::new()))?;
    let config: serde_json::Value = serde_json::from_slice(bare.config()).expect("it was written just now");
    let user = config["config"]["User"].as_str().unwrap_or_default();
    let laid = lay::lay(platform, binaries, ground, &prepared.directory, user)?;
    let found = examine(prepared, (image, platform), binaries, &laid, &config)?;
    Ok((laid, found))
}
