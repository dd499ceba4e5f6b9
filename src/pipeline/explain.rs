//! What the programs of an image would weigh in other layers, and how long they take to start.
//!
//! In: what was built. Out: an [`Alternative`] for each way to store the programs, the one in use among them. Sizes are
//! counted, not guessed: the stored layer is read and written again, to nowhere. What was built stays as it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::build::{Built, BuiltImage};
use super::sizes::PlatformSizes;
use super::{Error, Gantry, convert, finish, pack, tried};
use crate::binary::{UpxLevel, Workshop};
use crate::blob::BlobError;
use crate::codec::entries::{Entries, EntryKind};
use crate::codec::tar::{Attributes, FileError, TarWriter};
use crate::codec::{self, Compression};
use crate::image::Image;
use crate::plan::{PlannedImage, PlannedPlatform};
use crate::spec::{Descriptor, Digest, Hashing, Platform};
use crate::target::Target;
use crate::tool::ToolError;
use crate::trial::{LayerFile, Limits, Scene, Stage, Verdict};

/// One way to store the programs of one image on one platform.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Alternative {
    /// The image.
    pub image: String,
    /// The platform.
    pub platform: Platform,
    /// How UPX packs the programs; none if they are not packed.
    pub upx: Option<UpxLevel>,
    /// How the layer with the programs is compressed.
    pub compression: Compression,
    /// Whether the image is built this way.
    pub in_use: bool,
    /// The layer with the programs, in bytes, as it is stored and pulled; none if they cannot be packed this way.
    pub layer: Option<u64>,
    /// How long the image's program takes; none if it was not started. The compression does not matter to it.
    pub start: Option<Start>,
    /// What the user should know: above all why something is missing.
    pub why: Vec<String>,
}

/// How long an image's program takes with the arguments of its `smoke`, in its own root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Start {
    /// The median of the wall times, each from before the root is entered until the program has ended.
    pub median: Duration,
    /// How often it was started for that.
    pub starts: usize,
    /// By an emulator: this says little of the machine that the image is for.
    pub emulated: bool,
}

/// A program is started so often, but no more once [`ENOUGH`] time went by and there are [`FEWEST`] starts.
const STARTS: usize = 15;
const FEWEST: usize = 3;
const ENOUGH: Duration = Duration::from_secs(4);

/// Compressions to compare for programs that are not packed.
const COMPRESSIONS: [Compression; 5] = [
    Compression::Gzip(1),
    Compression::Gzip(6),
    Compression::Gzip(9),
    Compression::Zstd(3),
    Compression::Zstd(19),
];

/// How programs and their layer are made small.
type Way = (Option<UpxLevel>, Compression);

/// Files in place of those in the stored layer, by their paths in it.
type Others = BTreeMap<Vec<u8>, PathBuf>;

pub(super) fn explain(gantry: &Gantry, built: &Built) -> Result<Vec<Alternative>, Error> {
    let workshop = finish::workshop(gantry, &built.prepared);
    let mut found = Vec::new();
    for (planned, image) in built.prepared.plan.images.iter().zip(&built.images) {
        for (position, platform) in planned.platforms.iter().enumerate() {
            let subject = Subject {
                gantry,
                built,
                workshop: &workshop,
                image,
                planned: (planned, platform),
                target: built.prepared.catalog.triple(&platform.triple)?,
                made: &image.images[position],
                sizes: &image.sizes[position],
            };
            found.extend(subject.alternatives()?);
        }
    }
    Ok(found)
}

/// One image on one platform.
struct Subject<'a> {
    gantry: &'a Gantry,
    built: &'a Built,
    workshop: &'a Workshop,
    image: &'a BuiltImage,
    planned: (&'a PlannedImage, &'a PlannedPlatform),
    target: &'a Target,
    made: &'a Image,
    sizes: &'a PlatformSizes,
}

impl Subject<'_> {
    fn alternatives(&self) -> Result<Vec<Alternative>, Error> {
        let now = (self.upx(), convert::compression(self.planned.0.compression));
        let mut found = Vec::new();
        for (upx, compressions) in ways(now) {
            let mut why = Vec::new();
            let others = match upx == now.0 {
                true => Some(Others::new()),
                false => self.others(upx, &mut why)?,
            };
            let start = match &others {
                Some(others) => self.start(others, &mut why)?,
                None => None,
            };
            for compression in compressions {
                let in_use = (upx, compression) == now;
                let layer = match &others {
                    Some(_) if in_use => Some(self.sizes.layer),
                    Some(others) => Some(self.weigh(others, compression)?),
                    None => None,
                };
                found.push(Alternative {
                    image: self.image.name.clone(),
                    platform: self.sizes.platform.clone(),
                    upx,
                    compression,
                    in_use,
                    layer,
                    start,
                    why: why.clone(),
                });
            }
        }
        Ok(found)
    }

    /// How the programs are packed now.
    fn upx(&self) -> Option<UpxLevel> {
        let mut binaries = self.planned.1.binaries.iter();
        let wish = binaries.find_map(|binary| binary.finish.upx.as_ref())?;
        let packed = self.sizes.programs.iter().any(|program| program.packed.is_some());
        packed.then_some(UpxLevel {
            level: wish.level,
            lzma: wish.lzma,
        })
    }

    /// The programs packed this way, or not packed; none if no program can be.
    fn others(&self, upx: Option<UpxLevel>, why: &mut Vec<String>) -> Result<Option<Others>, Error> {
        let mut others = Others::new();
        let mut packed = false;
        for program in &self.sizes.programs {
            let mut file = program.unpacked.clone();
            if let Some(upx) = upx {
                let ways = self.workshop.alternatives(&file, self.target)?;
                match ways.into_iter().find(|way| way.upx == upx).map(|way| way.file) {
                    Some(Ok(smaller)) => (file, packed) = (smaller, true),
                    Some(Err(refused)) => why.push(format!("`{}` is not packed: {refused}", program.path)),
                    None => {
                        why.push("not packed: UPX is not installed".to_owned());
                        return Ok(None);
                    }
                }
            }
            others.insert(program.entry.clone(), file);
        }
        Ok((packed || upx.is_none()).then_some(others))
    }

    /// Bytes of the layer with these programs.
    fn weigh(&self, others: &Others, compression: Compression) -> Result<u64, Error> {
        if self.gantry.tools.cancelled() {
            let command = "explaining sizes".to_owned();
            return Err(ToolError::Cancelled { command }.into());
        }
        let counted = self.repacked(others, compression, Hashing::new(io::sink()))?;
        Ok(counted.count())
    }

    /// Writes the stored layer once more, with other programs and another compression.
    fn repacked<W: Write>(&self, others: &Others, compression: Compression, to: W) -> Result<W, Error> {
        let store = &self.built.store;
        let failed = |error| Error::Blob(BlobError::from_io(error, store.root()));
        let layer = self
            .made
            .layers()
            .last()
            .expect("the programs' layer is the last");
        let digest = digest(layer);
        let path = store.path(&digest);
        let tar = codec::decoder(layer.media_type(), store.file(&digest)?, u64::MAX)?;
        let mut entries = Entries::new(tar);
        let mut tar = TarWriter::new(compression.encoder(to)?, pack::TIME);
        while let Some(entry) = entries.next().map_err(unreadable(&path))? {
            let attributes = Attributes {
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
            };
            let written = match (entry.kind, others.get(&entry.path)) {
                (EntryKind::Directory, _) => {
                    let name = entry.path.strip_suffix(b"/").unwrap_or(&entry.path);
                    tar.directory(name, attributes).map_err(FileError::Write)
                }
                (_, None) => tar.file(
                    &entry.path,
                    attributes,
                    entry.size,
                    &mut entries.content(),
                    &|_| (),
                ),
                (_, Some(other)) => {
                    let mut file = File::open(other).map_err(unreadable(other))?;
                    let size = file.metadata().map_err(unreadable(other))?.len();
                    tar.file(&entry.path, attributes, size, &mut file, &|_| ())
                }
            };
            written.map_err(|error| match error {
                FileError::Read(error) => unreadable(others.get(&entry.path).unwrap_or(&path))(error),
                FileError::Write(error) => failed(error),
            })?;
        }
        let encoder = tar.finish().map_err(failed)?;
        encoder.finish().map_err(failed)
    }

    /// Starts the image with these programs, again and again.
    fn start(&self, others: &Others, why: &mut Vec<String>) -> Result<Option<Start>, Error> {
        let Some(smoke) = &self.planned.0.smoke else {
            why.push("not started: the image has no `smoke` with arguments for it".to_owned());
            return Ok(None);
        };
        if !self.image.whole {
            why.push("not started: the layers of its base are not in the store".to_owned());
            return Ok(None);
        }
        let store = &self.built.store;
        let stored = self.made.layers().iter().map(|layer| LayerFile {
            path: store.path(&digest(layer)),
            media_type: layer.media_type().clone(),
        });
        let mut layers: Vec<LayerFile> = stored.collect();
        let unfinished = match others.is_empty() {
            true => None,
            // Never finished: it gets no name in the store, and goes with its writer.
            false => {
                let mut writer = self.repacked(others, Compression::None, store.writer()?)?;
                let flushed = writer.flush();
                flushed.map_err(|error| BlobError::from_io(error, writer.path()))?;
                layers.pop();
                layers.push(LayerFile {
                    path: writer.path().to_owned(),
                    media_type: Compression::None.media_type(),
                });
                Some(writer)
            }
        };
        let config = serde_json::from_slice(self.made.config()).expect("it was written just now");
        let scene = Scene {
            layers,
            platform: self.made.platform(),
            config: &config,
            target: Some(self.target),
        };
        let set = Stage::set(&self.gantry.tools, &tried::folder(&self.built.prepared), &scene)?;
        drop(unfinished);
        let stage = match set {
            Ok(stage) => stage,
            Err(reason) => {
                why.push(format!("not started: {}", reason.why));
                return Ok(None);
            }
        };
        match timed(|| Ok(stage.smoke(&smoke.args, &Limits::default())?))? {
            Ok(times) => Ok(Some(Start {
                median: median(&times),
                starts: times.len(),
                emulated: stage.is_emulated(),
            })),
            Err(how) => {
                why.push(how);
                Ok(None)
            }
        }
    }
}

/// What is compared, by how the programs are packed: the usual ways, and the one in use.
fn ways(now: Way) -> Vec<(Option<UpxLevel>, Vec<Compression>)> {
    let upx = |lzma| Some(UpxLevel { level: None, lzma });
    let mut ways = vec![
        (None, COMPRESSIONS.to_vec()),
        (upx(false), vec![Compression::default()]),
        (upx(true), vec![Compression::default()]),
    ];
    match ways.iter_mut().find(|(upx, _)| *upx == now.0) {
        Some((_, compressions)) if compressions.contains(&now.1) => {}
        Some((_, compressions)) => compressions.insert(0, now.1),
        None => ways.insert(0, (now.0, vec![now.1])),
    }
    ways
}

/// How long each start takes, or how one failed.
fn timed(start: impl Fn() -> Result<Verdict, Error>) -> Result<Result<Vec<Duration>, String>, Error> {
    let (mut times, begun) = (Vec::new(), Instant::now());
    // The first start finds nothing in the caches of the system: it does not count.
    for counts in std::iter::once(false).chain([true; STARTS]) {
        let before = Instant::now();
        match start()? {
            Verdict::Passed => {}
            Verdict::Failed { how, .. } => return Ok(Err(format!("a start of it failed: {how}"))),
            Verdict::NotTried { why } => return Ok(Err(format!("not started: {why}"))),
        }
        if counts {
            times.push(before.elapsed());
        }
        if times.len() >= FEWEST && begun.elapsed() > ENOUGH {
            break;
        }
    }
    Ok(Ok(times))
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[times.len() / 2]
}

fn digest(layer: &Descriptor) -> Digest {
    Digest::try_from(layer.digest()).expect("a digest that was read or made before")
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Read {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_way_in_use_is_among_those_compared() {
        let upx = |level, lzma| Some(UpxLevel { level, lzma });
        let (gzip, zstd) = (Compression::Gzip, Compression::Zstd);
        for (now, place, count) in [
            ((None, gzip(6)), (0, 1), 7),
            ((None, gzip(3)), (0, 0), 8),
            ((None, Compression::None), (0, 0), 8),
            ((upx(None, false), gzip(6)), (1, 0), 7),
            ((upx(None, true), zstd(3)), (2, 0), 8),
            ((upx(Some(9), false), gzip(6)), (0, 0), 8),
        ] {
            let ways = ways(now);
            let (upx, compressions) = &ways[place.0];
            assert_eq!((*upx, compressions[place.1]), now);
            assert_eq!(
                ways.iter().map(|(_, all)| all.len()).sum::<usize>(),
                count,
                "{now:?}"
            );
        }
    }

    #[test]
    fn the_first_start_does_not_count_and_a_failure_ends_it() {
        let started = Cell::new(0);
        let passing = || {
            started.set(started.get() + 1);
            Ok(Verdict::Passed)
        };
        assert_eq!(timed(passing).unwrap().unwrap().len(), STARTS);
        assert_eq!(started.get(), STARTS + 1);
        let failing = || {
            let how = "exit code 3".to_owned();
            let output = String::new();
            Ok(Verdict::Failed { how, output })
        };
        assert_eq!(
            timed(failing).unwrap(),
            Err("a start of it failed: exit code 3".to_owned())
        );
        let times = [9, 1, 5].map(Duration::from_millis);
        assert_eq!(median(&times), Duration::from_millis(5));
    }
}
