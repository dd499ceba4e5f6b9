//! [`Memory`]: what was made of one image's platform before, where nothing that it depends on has changed since.
//!
//! In: a place in the plan with its programs, and the files that go in beside them. Out: what [`Line::make`] gave then, told
//! from a look at each file and the reading of one record: no program is opened, no tree of a base is needed, nothing is
//! checked again. It must never answer for what it cannot see: where something is started, or a program is worked on by
//! outside tools, everything is gone through, and only layers are found again.
//!
//! [`Line::make`]: super::build

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::compile::Spot;
use super::examine::crates;
use super::lay::Placed;
use super::prepare::Prepared;
use super::sizes::{ProgramSizes, Weighed};
use super::{Error, build::Made};
use crate::blob::{Blob, BlobStore, FileIdentity, Records, Sighting};
use crate::fit::Finding;
use crate::image::LayerPart;
use crate::layer::{Entry, Kind, Source};
use crate::plan::{Finish, Maker, PlannedBinary, PlannedImage, PlannedPlatform};
use crate::spec::{Digest, Hashing};

/// Changes whenever [`Remembered`] means something else.
const FORMAT: u32 = 1;

/// What is remembered of a workspace's images.
pub(super) struct Memory<'a> {
    store: &'a BlobStore,
    records: Records,
    /// Tells this very program from every other: what it decides, and how it compresses, is part of what it made. None
    /// where nothing tells it.
    ourselves: Option<FileIdentity>,
}

/// One image's platform, as its files were seen before any of them was read.
pub(super) struct Moment {
    key: Digest,
    files: Vec<(PathBuf, Sighting)>,
}

/// What a record holds.
#[derive(Serialize, Deserialize)]
struct Remembered {
    /// The files as they were, in the order of [`Moment::files`].
    files: Vec<FileIdentity>,
    layers: Vec<LayerPart>,
    programs: Vec<RememberedProgram>,
    layer: u64,
    disk: u64,
    said: BTreeMap<String, String>,
    found: Vec<Finding>,
}

/// Of [`ProgramSizes`], what the plan does not say.
#[derive(Serialize, Deserialize)]
struct RememberedProgram {
    made: Option<u64>,
    stripped: Option<u64>,
    entry: Vec<u8>,
}

impl<'a> Memory<'a> {
    pub(super) fn of(store: &'a BlobStore) -> Self {
        Self {
            store,
            records: store.records("platforms"),
            // Of Linux, as everything that identities are trusted for.
            ourselves: FileIdentity::of(Path::new("/proc/self/exe")),
        }
    }

    /// Looks at the files of one image's platform; none where it is not remembered at all. `collected` is what goes in
    /// beside the programs.
    pub(super) fn look(
        &self,
        prepared: &Prepared,
        (image, platform): Spot,
        programs: &[Placed],
        collected: &[Entry],
    ) -> Result<Option<Moment>, Error> {
        let image = &prepared.plan.images[image];
        let platform = &image.platforms[platform];
        let worked_on = |binary: &PlannedBinary| {
            let Finish {
                comes_stripped: _,
                debuginfo,
                strip,
                upx,
            } = &binary.finish;
            *debuginfo || strip.is_some() || upx.is_some()
        };
        let Some(ourselves) = &self.ourselves else {
            return Ok(None);
        };
        if image.smoke.is_some() || platform.binaries.iter().any(worked_on) {
            return Ok(None);
        }
        // What cannot be seen is an error, and whoever reads it tells of it best.
        let mut files = Vec::with_capacity(programs.len() + collected.len());
        let paths = programs.iter().map(|program| program.path.as_path());
        let paths = paths.chain(collected.iter().filter_map(|entry| match &entry.kind {
            Kind::File(Source::Path(path)) => Some(path.as_path()),
            _ => None,
        }));
        for path in paths {
            let Ok(seen) = Sighting::of(path) else {
                return Ok(None);
            };
            files.push((path.to_owned(), seen));
        }
        let target = prepared.catalog.triple(&platform.triple)?;
        // Never all of it in memory: there may be very many files.
        let mut text = Hashing::new(std::io::sink());
        let written = write!(
            text,
            "{FORMAT} {} {ourselves:?} {:?} {:?} {programs:?} {collected:?} {:?} {target:?}",
            env!("CARGO_PKG_VERSION"),
            of_image(image),
            of_platform(platform),
            crates(prepared, platform),
        );
        written.expect("nothing is written anywhere");
        Ok(Some(Moment {
            key: text.into_parts().1.digest(),
            files,
        }))
    }

    /// What was made then, if it is all there.
    pub(super) fn recall(&self, moment: &Moment, programs: &[Placed]) -> Option<Made> {
        let known: Remembered = self.records.read(&moment.key)?;
        let mut pairs = moment.files.iter().zip(&known.files);
        let same = known.files.len() == moment.files.len()
            && known.programs.len() == programs.len()
            && pairs.all(|((_, now), then)| now.is(Some(then)));
        let stored = |layer: &LayerPart| self.store.contains(&Blob::new(layer.digest, layer.size));
        if !same || !known.layers.iter().all(stored) {
            return None;
        }
        let programs = programs.iter().zip(known.programs);
        let programs = programs.map(|(placed, program)| ProgramSizes {
            path: placed.dest.clone(),
            made: program.made,
            stripped: program.stripped,
            packed: None,
            unpacked: placed.path.clone(),
            entry: program.entry,
        });
        Some(Made {
            layers: known.layers,
            weighed: Weighed {
                programs: programs.collect(),
                layer: known.layer,
                disk: known.disk,
            },
            said: known.said,
            found: known.found,
            tried: None,
        })
    }

    /// Remembers what was made, unless a file may have changed meanwhile, or may without being seen. What cannot be written
    /// down is made again the next time, which is all.
    pub(super) fn keep(&self, moment: &Moment, made: &Made) {
        let mut files = Vec::with_capacity(moment.files.len());
        for (path, file) in &moment.files {
            let Some(identity) = file.lasting(path) else {
                return;
            };
            files.push(identity);
        }
        let programs = made.weighed.programs.iter().map(|program| RememberedProgram {
            made: program.made,
            stripped: program.stripped,
            entry: program.entry.clone(),
        });
        let known = Remembered {
            files,
            layers: made.layers.clone(),
            programs: programs.collect(),
            layer: made.weighed.layer,
            disk: made.weighed.disk,
            said: made.said.clone(),
            found: made.found.clone(),
        };
        let _ = self.records.write(&moment.key, &known);
    }
}

/// Everything of an image that what is made of its platforms may depend on. Taken apart field by field: whoever adds one
/// decides here whether it does.
fn of_image(image: &PlannedImage) -> impl std::fmt::Debug + '_ {
    let PlannedImage {
        name,
        version: _,
        repositories: _,
        tags: _,
        created,
        created_seconds,
        // Of the index; the config and the layers have none.
        annotations: _,
        omit_annotations,
        compression,
        format,
        index: _,
        checks,
        // There is none: see [`Memory::look`].
        smoke: _,
        declared_platforms: _,
        platforms: _,
    } = image;
    (
        name,
        created,
        created_seconds,
        omit_annotations,
        compression,
        format,
        checks,
    )
}

/// The same of one platform.
fn of_platform(platform: &PlannedPlatform) -> impl std::fmt::Debug + '_ {
    let PlannedPlatform {
        platform,
        base,
        // With the digest of its manifest: what the base holds, and its config.
        base_facts,
        glibc,
        triple,
        why: _,
        binaries,
        provide,
        users,
        files,
        entrypoint,
        cmd,
        env,
        user,
        workdir,
        ports,
        volumes,
        labels,
        // Of the manifest.
        annotations: _,
        stop_signal,
    } = platform;
    let binaries: Vec<_> = binaries.iter().map(of_binary).collect();
    (
        (platform, base, base_facts, glibc, triple, binaries),
        (provide, users, files, volumes),
        (entrypoint, cmd, env, user, workdir, ports, labels, stop_signal),
    )
}

/// The same of one binary.
fn of_binary(binary: &PlannedBinary) -> impl std::fmt::Debug + '_ {
    let PlannedBinary {
        maker,
        binary,
        dest,
        finish,
    } = binary;
    let package = match maker {
        Maker::Cargo { unit: _, package } => Some(package),
        Maker::Foreign { unit: _ } => None,
    };
    (package, binary, dest, finish)
}
