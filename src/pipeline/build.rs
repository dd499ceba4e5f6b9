//! The second half: cargo, then layers as artifacts arrive, then images and indexes into the store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::ahead::Ahead;
use super::assemble::{self, Put};
use super::compile::{Spot, as_they_arrive};
use super::examine::{Found, examine};
use super::lay::{self, Placed};
use super::pack::Packer;
use super::prepare::Prepared;
use super::publish::{Access, PublishedImage, Terms};
use super::remember::Memory;
use super::sizes::{self, PlatformSizes, Weighed};
use super::stand::{Ground, Grounds};
use super::tried::{self, Rehearsal};
use super::workplace::Workplace;
use super::{Error, Gantry, blocking, budget, convert, finish, parcel, said};
use crate::binary::{Facts, Workshop};
use crate::blob::BlobStore;
use crate::event::Stage;
use crate::fit::Finding;
use crate::image::{self, Image, LayerPart};
use crate::index::Index;
use crate::layer::Entry;
use crate::plan::{Maker, PlannedImage, PlannedPlatform, PlannedTag};
use crate::registry::BlobSource;
use crate::spec::{Descriptor, Digest};
use crate::trial::Verdict;

/// What was built, and the store it lies in.
#[non_exhaustive]
pub struct Built {
    /// The workspace's store.
    pub store: BlobStore,
    /// The images, in the order of the plan.
    pub images: Vec<BuiltImage>,
    /// What it was made from.
    pub(super) prepared: Arc<Prepared>,
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Built")
            .field("store", &self.store)
            .field("images", &self.images)
            .finish_non_exhaustive()
    }
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
    /// What each platform weighs, in the order of [`BuiltImage::images`].
    pub sizes: Vec<PlatformSizes>,
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
    build_prepared(gantry, Arc::new(prepared), keep).await
}

pub(super) async fn build_prepared(
    gantry: &Gantry,
    prepared: Arc<Prepared>,
    keep: bool,
) -> Result<Built, Error> {
    let place = Workplace::of(gantry, &prepared).await?;
    let grounds = Grounds::read(gantry, &prepared, &place.store, keep);
    let gantry = gantry.clone();
    blocking(move || make(&gantry, &prepared, place, &grounds, None)).await
}

/// Publishes while it builds: see [`Ahead`].
pub(super) async fn build_and_publish(
    gantry: &Gantry,
    prepared: Prepared,
    access: &Access,
    terms: &Terms,
) -> Result<Vec<PublishedImage>, Error> {
    let prepared = Arc::new(prepared);
    let place = Workplace::of(gantry, &prepared).await?;
    let ahead = Ahead::of_plan(gantry, &prepared, &place.store, access, terms)?;
    let grounds = Grounds::read(gantry, &prepared, &place.store, false);
    let own = gantry.clone();
    let (built, ahead) = blocking(move || {
        let built = make(&own, &prepared, place, &grounds, Some(&ahead))?;
        Ok((built, ahead))
    })
    .await?;
    budget::growth(gantry, &built, access).await?;
    ahead.complete(&parcel::of_built(&built)).await
}

fn make(
    gantry: &Gantry,
    prepared: &Arc<Prepared>,
    place: Workplace,
    grounds: &Grounds,
    ahead: Option<&Ahead>,
) -> Result<Built, Error> {
    let store = &place.store;
    let packer = Packer::new(gantry, store);
    let line = Line {
        gantry,
        prepared,
        packer: &packer,
        grounds,
        workshop: finish::workshop(gantry, prepared),
        memory: Memory::of(store),
    };
    let work = |spot: Spot, programs: &[Placed]| {
        let done = line.work(spot, programs)?;
        if let (Some(ahead), Some(put)) = (ahead, &done.put) {
            ahead.send(spot.0, put.blobs.values().cloned());
        }
        Ok(done)
    };
    let vain = || grounds.failed().or_else(|| ahead?.refused());
    let done = as_they_arrive(gantry, prepared, vain, work)?;
    let found: Vec<Found> = done
        .iter()
        .map(|((image, _), done)| (prepared.plan.images[*image].name.clone(), done.made.found.clone()))
        .collect();
    gantry.judge(&found)?;
    tried::judge(
        gantry,
        prepared,
        done.iter().map(|(spot, done)| (*spot, done.made.tried.as_ref())),
    )?;
    let mut platforms: Vec<Vec<Put>> = prepared.plan.images.iter().map(|_| Vec::new()).collect();
    for ((image, _), done) in done {
        platforms[image].extend(done.put);
    }
    let mut images = Vec::new();
    for (planned, platforms) in prepared.plan.images.iter().zip(platforms) {
        images.push(assemble::join(gantry, store, planned, platforms)?);
    }
    budget::sizes(
        gantry,
        &prepared.plan,
        store,
        &images,
        prepared.request.to_publish,
    )?;
    for image in images.iter().filter(|image| image.whole) {
        store.add_entry(&image.name, image.descriptor())?;
    }
    // What was built is whole: what an old image lacks is no reason to fail.
    if let Err(error) = gantry.traced(Stage::Assemble, "garbage", || store.collect_garbage(KEPT)) {
        gantry.notice(&format!("nothing old was removed from the store: {error}"));
    }
    Ok(Built {
        store: place.store,
        images,
        prepared: Arc::clone(prepared),
    })
}

/// What became of one image's platform: no layers where something was found that denies them.
#[derive(Clone, Default)]
pub(super) struct Made {
    pub layers: Vec<LayerPart>,
    pub weighed: Weighed,
    /// What its programs say of their origin.
    pub said: BTreeMap<String, String>,
    pub found: Vec<Finding>,
    pub tried: Option<Verdict>,
}

/// What became of one image's platform, and its image where nothing stands against it.
struct Done {
    made: Made,
    put: Option<Put>,
}

/// Where one (image, platform) after the other is made of its programs.
struct Line<'a> {
    gantry: &'a Gantry,
    prepared: &'a Prepared,
    packer: &'a Packer<'a>,
    grounds: &'a Grounds,
    workshop: Workshop,
    memory: Memory<'a>,
}

impl Line<'_> {
    fn work(&self, spot: Spot, programs: &[Placed]) -> Result<Done, Error> {
        let made = self.make(spot, programs)?;
        let image = &self.prepared.plan.images[spot.0];
        let platform = &image.platforms[spot.1];
        let fits = !made.found.iter().any(Finding::is_denied);
        let put = match fits && tried::stands(image, made.tried.as_ref()) {
            true => {
                let ground = self.grounds.of(platform)?;
                let _span = self
                    .gantry
                    .span_of(Stage::Assemble, (image, platform), "manifest");
                let put =
                    assemble::platform(self.prepared, self.packer.store, (image, platform), ground, &made)?;
                Some(put)
            }
            false => None,
        };
        Ok(Done { made, put })
    }

    /// What was made before, where nothing changed.
    fn make(&self, spot: Spot, programs: &[Placed]) -> Result<Made, Error> {
        let prepared = self.prepared;
        let image = &prepared.plan.images[spot.0];
        let platform = &image.platforms[spot.1];
        let looking = self
            .gantry
            .span_of(Stage::Finish, (image, platform), "what was made before");
        let collected = lay::collected(platform, &prepared.directory)?;
        let moment = self.memory.look(prepared, spot, programs, &collected)?;
        drop(looking);
        let Some(moment) = moment else {
            return self.make_anew(spot, programs, collected);
        };
        if let Some(made) = self.memory.recall(&moment, programs) {
            return Ok(made);
        }
        let made = self.make_anew(spot, programs, collected)?;
        if !made.found.iter().any(Finding::is_denied) {
            self.memory.keep(&moment, &made);
        }
        Ok(made)
    }

    fn make_anew(&self, spot: Spot, programs: &[Placed], collected: Vec<Entry>) -> Result<Made, Error> {
        let (gantry, prepared) = (self.gantry, self.prepared);
        let image = &prepared.plan.images[spot.0];
        let platform = &image.platforms[spot.1];
        let ground = self.grounds.of(platform)?;
        let rehearsal = Rehearsal::new(gantry, prepared, self.packer, ground, (image, platform));
        let accept = |packed: &Path, dest: &str| rehearsal.starts(packed, dest);
        let ready = finish::ready(
            gantry,
            prepared,
            &self.workshop,
            (image, platform),
            programs,
            &accept,
        )?;
        let placed: Vec<Placed> = ready.iter().map(|ready| ready.placed.clone()).collect();
        // Held, so that it is read once.
        let tree = ground.tree()?;
        let fit = gantry.span_of(Stage::Fit, (image, platform), &platform.base);
        let (mut laid, found) = inspected(prepared, self.grounds, spot, &placed, collected)?;
        drop(fit);
        if found.iter().any(Finding::is_denied) {
            return Ok(Made {
                found,
                ..Made::default()
            });
        }
        laid.ship(&ready);
        let layers = self.packer.pack(image, platform, &laid, &tree)?;
        let tried = tried::smoke(
            gantry,
            prepared,
            self.packer.store,
            ground,
            (image, platform),
            &layers,
        )?;
        let mut programs: Vec<_> = ready.into_iter().map(|ready| ready.sizes).collect();
        for (program, entry) in programs.iter_mut().zip(&laid.programs) {
            program.entry.clone_from(&entry.path);
        }
        let weighed = Weighed {
            layer: layers.last().map_or(0, |layer| layer.size),
            disk: sizes::disk(&laid, &programs),
            programs,
        };
        Ok(Made {
            layers,
            weighed,
            said: said::annotations(image, platform, &placed)?,
            found,
            tried,
        })
    }
}

/// What is laid over the base, and what the fit check says of it.
pub(super) fn inspected(
    prepared: &Prepared,
    grounds: &Grounds,
    (image, platform): Spot,
    binaries: &[Placed],
    collected: Vec<Entry>,
) -> Result<(lay::Laid, Vec<Finding>), Error> {
    let image = &prepared.plan.images[image];
    let platform = &image.platforms[platform];
    let ground = grounds.of(platform)?;
    let target = prepared.catalog.triple(&platform.triple)?;
    // What others made is for the platform, which the fit check sees to, and not of one of rustc's targets.
    let compiled = platform.binaries.iter().zip(binaries);
    for (_, binary) in compiled.filter(|(planned, _)| matches!(planned.maker, Maker::Cargo { .. })) {
        Facts::read(&binary.path)?.keeps(target)?;
    }
    // The config says who the programs run as; the layers that it lacks yet say nothing of that.
    let config = config(image, platform, ground)?;
    let user = config["config"]["User"].as_str().unwrap_or_default();
    let laid = lay::lay(platform, binaries, ground, collected, user)?;
    let found = examine(prepared, (image, platform), binaries, &laid, &config)?;
    Ok((laid, found))
}

/// The config that an image will have, but for our layers.
pub(super) fn config(
    image: &PlannedImage,
    platform: &PlannedPlatform,
    ground: &Ground,
) -> Result<serde_json::Value, Error> {
    let bare = image::assemble(convert::parts(image, platform, ground.image.as_ref(), Vec::new()))?;
    Ok(serde_json::from_slice(bare.config()).expect("it was written just now"))
}
