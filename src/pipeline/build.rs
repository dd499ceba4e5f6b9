//! The second half: cargo, then layers as artifacts arrive, then images and indexes into the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::pack::{Packer, Placed};
use super::prepare::Prepared;
use super::{Error, Gantry, convert};
use crate::binary::Facts;
use crate::blob::BlobStore;
use crate::build::{self, Artifact, BuildError, link};
use crate::event::Event;
use crate::image::{self, BaseParts, Image, LayerPart, Parts, Settings};
use crate::index::{self, Index};
use crate::plan::{BuildUnit, Plan, PlannedImage, PlannedPlatform, PlannedTag};
use crate::project::Project;
use crate::spec::Digest;

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
    /// Its version.
    pub version: String,
    /// The index.
    pub index: Index,
    /// An image for each platform, in the order of the matrix.
    pub images: Vec<Image>,
    /// Where it is published to.
    pub repositories: Vec<String>,
    /// Tags to set there.
    pub tags: Vec<PlannedTag>,
    /// Fewer platforms than the matrix declares.
    pub partial: bool,
}

/// How long blobs that no image of the store needs any more are kept: far longer than any build runs.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// A place in the plan: image and platform.
type Spot = (usize, usize);

pub(super) fn build(gantry: &Gantry, prepared: Prepared) -> Result<Built, Error> {
    let root = store_root(&prepared.project);
    let _lock = lock(gantry, &prepared.project.target_directory.join("gantry"))?;
    let store = match &gantry.faults {
        Some(faults) => BlobStore::with_faults(&root, faults.clone())?,
        None => BlobStore::open(&root)?,
    };
    let layers = compile_and_pack(gantry, &prepared, &store)?;
    let mut images = Vec::new();
    for (position, planned) in prepared.plan.images.iter().enumerate() {
        images.push(assemble(gantry, &store, planned, position, &layers)?);
    }
    for image in &images {
        store.add_entry(&image.name, image.index.descriptor())?;
    }
    store.collect_garbage(KEPT)?;
    Ok(Built { store, images })
}

/// `<target-dir>/gantry`; with the workspace's name and a hash of its path below it where other workspaces may use
/// the same target directory.
fn store_root(project: &Project) -> PathBuf {
    let gantry = project.target_directory.join("gantry");
    // Cargo gives `target-dir = "../shared"` as `<root>/../shared`.
    let inside = |rest: &Path| !rest.components().any(|part| part == Component::ParentDir);
    if project
        .target_directory
        .strip_prefix(&project.root)
        .is_ok_and(inside)
    {
        return gantry;
    }
    let hash = Digest::of(project.root.to_string_lossy().as_bytes()).hex();
    gantry.join(format!("{}-{}", project.name, &hash[..12]))
}

/// Two builds in one target directory, be it of one workspace or of two with a binary of the same name, would replace
/// each other's executables while they are packed: one waits.
fn lock(gantry: &Gantry, root: &Path) -> Result<File, Error> {
    let failed = |source| Error::Store {
        path: root.to_owned(),
        source,
    };
    std::fs::create_dir_all(root).map_err(failed)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(root.join("build.lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            gantry.notice("waiting for another build in this target directory");
            file.lock().map_err(failed)?;
        }
        // A file system without locks: then it is the user's affair that one build runs at a time.
        Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
            return Err(failed(error));
        }
        _ => {}
    }
    Ok(file)
}

fn compile_and_pack(
    gantry: &Gantry,
    prepared: &Prepared,
    store: &BlobStore,
) -> Result<BTreeMap<Spot, Vec<LayerPart>>, Error> {
    let plan = &prepared.plan;
    let packer = Packer::new(gantry, store, &prepared.directory);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = mpsc::channel::<(Spot, Vec<Placed>)>();
    let receiver = Mutex::new(receiver);
    let packed = Mutex::new(Ok(BTreeMap::new()));
    let work = || {
        loop {
            let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((spot, binaries)) = next else { return };
            let layers = pack_one(prepared, &packer, spot, &binaries);
            let mut all = packed.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *all, layers) {
                (Ok(map), Ok(layers)) => drop(map.insert(spot, layers)),
                (Ok(_), Err(error)) => *all = Err(error),
                (Err(_), _) => {}
            }
        }
    };
    let compiled = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
        let mut arrivals = Arrivals::new(plan);
        let done = compile(gantry, prepared, &mut |unit, artifact| {
            for ready in arrivals.take(plan, unit, artifact) {
                // The workers only go when the sender does.
                let _ = sender.send(ready);
            }
        });
        drop(sender);
        done.and_then(|()| arrivals.complete(plan))
    });
    compiled?;
    packed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn compile(gantry: &Gantry, prepared: &Prepared, each: &mut dyn FnMut(usize, Artifact)) -> Result<(), Error> {
    for (position, unit) in prepared.plan.units.iter().enumerate() {
        let call = convert::unit(gantry, prepared, unit)?;
        let result = build::cargo(&gantry.tools, gantry.observer.as_ref(), &call, &mut |artifact| {
            each(position, artifact);
        });
        result.map_err(|error| failure(error, prepared, unit))?;
    }
    Ok(())
}

/// A failed compilation, explained where what it said is a known fault of linking.
fn failure(error: BuildError, prepared: &Prepared, unit: &BuildUnit) -> Error {
    let BuildError::Cargo(failure) = &error else {
        return error.into();
    };
    let explained = prepared.links.iter().find_map(|linked| {
        let used = unit
            .targets
            .iter()
            .any(|target| target.triple == linked.triple && target.link == linked.planned);
        let target = prepared.catalog.by_triple(&linked.triple).filter(|_| used)?;
        link::explain(
            &failure.said,
            target,
            &linked.wanted,
            &linked.choice,
            &prepared.toolchain,
        )
    });
    match explained {
        Some(help) => Error::LinkFailed {
            failure: Box::new(error),
            help,
        },
        None => error.into(),
    }
}

fn pack_one(
    prepared: &Prepared,
    packer: &Packer<'_>,
    (image, platform): Spot,
    binaries: &[Placed],
) -> Result<Vec<LayerPart>, Error> {
    let image = &prepared.plan.images[image];
    let platform = &image.platforms[platform];
    let target = prepared.catalog.triple(&platform.triple)?;
    for binary in binaries {
        Facts::read(&binary.path)?.keeps(target)?;
    }
    packer.pack(image, platform, binaries)
}

/// Which artifacts are there, and which platforms still wait for some.
struct Arrivals {
    /// (unit, triple, package, binary) -> executable
    arrived: BTreeMap<(usize, String, String, String), PathBuf>,
    waiting: BTreeSet<Spot>,
}

impl Arrivals {
    fn new(plan: &Plan) -> Self {
        let spots = |(image, planned): (usize, &PlannedImage)| {
            (0..planned.platforms.len())
                .map(move |platform| (image, platform))
                .collect::<Vec<_>>()
        };
        Self {
            arrived: BTreeMap::new(),
            waiting: plan.images.iter().enumerate().flat_map(spots).collect(),
        }
    }

    /// Takes an artifact in and gives what can be packed now.
    fn take(&mut self, plan: &Plan, unit: usize, artifact: Artifact) -> Vec<(Spot, Vec<Placed>)> {
        let package = artifact.package.unwrap_or_default();
        self.arrived
            .insert((unit, artifact.triple, package, artifact.binary), artifact.path);
        let ready = self
            .waiting
            .iter()
            .filter_map(|&spot| Some((spot, self.placed(plan, spot).ok()?)));
        let ready: Vec<_> = ready.collect();
        for (spot, _) in &ready {
            self.waiting.remove(spot);
        }
        ready
    }

    fn placed(&self, plan: &Plan, (image, platform): Spot) -> Result<Vec<Placed>, Error> {
        let platform = &plan.images[image].platforms[platform];
        let each = platform.binaries.iter().map(|binary| {
            let key = (
                binary.unit,
                platform.triple.clone(),
                binary.package.clone(),
                binary.binary.clone(),
            );
            let path = self.arrived.get(&key).cloned().ok_or_else(|| Error::NoArtifact {
                package: binary.package.clone(),
                binary: binary.binary.clone(),
                triple: platform.triple.clone(),
            })?;
            Ok(Placed {
                path,
                dest: binary.dest.clone(),
            })
        });
        each.collect()
    }

    fn complete(&self, plan: &Plan) -> Result<(), Error> {
        self.waiting
            .first()
            .map_or(Ok(()), |&spot| self.placed(plan, spot).map(drop))
    }
}

fn assemble(
    gantry: &Gantry,
    store: &BlobStore,
    planned: &PlannedImage,
    position: usize,
    layers: &BTreeMap<Spot, Vec<LayerPart>>,
) -> Result<BuiltImage, Error> {
    let mut images = Vec::new();
    for (number, platform) in planned.platforms.iter().enumerate() {
        let layers = layers.get(&(position, number)).cloned().unwrap_or_default();
        let image = image::assemble(parts(planned, platform, layers))?;
        store.put(image.config())?;
        store.put(image.manifest())?;
        gantry.observer.event(&Event::Packed {
            image: &planned.name,
            platform: &platform.platform,
            size: image.size(),
            digest: &image.digest(),
        });
        images.push(image);
    }
    let every: Vec<&Image> = images.iter().collect();
    let index = index::assemble(&every, planned.annotations.clone(), planned.format)?;
    store.put(index.bytes())?;
    Ok(BuiltImage {
        name: planned.name.clone(),
        version: planned.version.clone(),
        index,
        images,
        repositories: planned.repositories.clone(),
        tags: planned.tags.clone(),
        partial: planned.platforms.len() < planned.declared_platforms,
    })
}

fn parts(planned: &PlannedImage, platform: &PlannedPlatform, layers: Vec<LayerPart>) -> Parts {
    let base = convert::base_config(platform);
    Parts {
        platform: platform.platform.clone(),
        base: base.map(|config| BaseParts {
            config,
            layers: Vec::new(),
        }),
        layers,
        settings: Settings {
            entrypoint: platform.entrypoint.clone(),
            cmd: platform.cmd.clone(),
            env: platform.env.clone(),
            user: platform.user.clone(),
            workdir: platform.workdir.clone(),
            ports: platform.ports.clone(),
            volumes: platform
                .volumes
                .iter()
                .map(|volume| volume.path.clone())
                .collect(),
            labels: platform.labels.clone(),
            stop_signal: platform.stop_signal.clone(),
        },
        annotations: platform.annotations.clone(),
        format: planned.format,
        created: planned.created.clone(),
    }
}
