//! One image's platform: what was laid over its base becomes layers in the store.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::lay::Laid;
use super::{Error, Gantry, convert};
use crate::blob::BlobStore;
use crate::event::{Event, Stage};
use crate::image::LayerPart;
use crate::layer::{Attributes, Entry, Kind, LayerCache, Looked, Packing, Source};
use crate::plan::{PlannedImage, PlannedPlatform};
use crate::rootfs::{self, Tree};

/// Packs layers for one workspace, each once.
pub(super) struct Packer<'a> {
    pub gantry: &'a Gantry,
    pub store: &'a BlobStore,
    cache: LayerCache<'a>,
    /// The built-in base's layers that were packed already: images and platforms share them.
    bases: Mutex<BTreeMap<String, LayerPart>>,
}

/// Directories that lie below a layer.
pub(super) type Below = BTreeMap<Vec<u8>, Attributes>;

/// The time of everything but `files`, in Unix seconds: the same program is the same layer in every commit.
pub(super) const TIME: i64 = 0;

/// One layer that is wanted.
struct Wanted<'e> {
    /// What is in it, in a word.
    what: String,
    entries: &'e [Entry],
    below: Below,
    /// The time of everything in it, in Unix seconds.
    time: i64,
}

impl<'a> Packer<'a> {
    pub(super) fn new(gantry: &'a Gantry, store: &'a BlobStore) -> Self {
        Self {
            gantry,
            store,
            cache: LayerCache::new(store),
            bases: Mutex::default(),
        }
    }

    /// The layers of one platform over `tree`, lowest first; the programs' is the last.
    pub(super) fn pack(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        laid: &Laid,
        tree: &Tree,
    ) -> Result<Vec<LayerPart>, Error> {
        let names: Vec<&str> = platform
            .binaries
            .iter()
            .map(|binary| binary.dest.as_str())
            .collect();
        self.layers(image, platform, laid, tree, Some(names.join(" ")))
    }

    /// The layers that programs lie on.
    pub(super) fn below_programs(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        laid: &Laid,
        tree: &Tree,
    ) -> Result<Vec<LayerPart>, Error> {
        self.layers(image, platform, laid, tree, None)
    }

    /// All layers, lowest first; that of the programs only where somebody says what they are.
    fn layers(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        laid: &Laid,
        tree: &Tree,
        programs: Option<String>,
    ) -> Result<Vec<LayerPart>, Error> {
        let mut below = directories(tree);
        let mut wanted = |what: &str, entries, time| {
            let over = add(entries, &below);
            let below = std::mem::replace(&mut below, over);
            Wanted {
                what: what.to_owned(),
                entries,
                below,
                time,
            }
        };
        // Web servers tell versions of a file by its time and size.
        let commit = image.created_seconds;
        let base = (!laid.base.is_empty()).then(|| wanted("base", &laid.base, TIME));
        let files = (!laid.files.is_empty()).then(|| wanted("files", &laid.files, commit));
        let programs = programs.map(|names| wanted(&names, &laid.programs, TIME));
        let above: Vec<Wanted<'_>> = files.into_iter().chain(programs).collect();
        let one = One {
            packer: self,
            image,
            platform,
            started: Cell::default(),
        };
        let looked = above
            .iter()
            .map(|wanted| one.look(wanted))
            .collect::<Result<Vec<_>, _>>()?;
        let unpacked = above.iter().zip(&looked);
        let unpacked = unpacked.filter(|(_, looked)| matches!(looked, Looked::New(_)));
        let left: Vec<u64> = unpacked.map(|(wanted, _)| wanted.bytes()).collect();
        let mut layers = Vec::new();
        if let Some(base) = base {
            layers.push(one.base_layer(&base, left.iter().sum())?);
        }
        if !left.is_empty() {
            one.started(left.iter().sum());
        }
        for (wanted, looked) in above.iter().zip(looked) {
            layers.push(one.layer(wanted, looked)?);
        }
        Ok(layers)
    }
}

/// The packing of one image's platform.
struct One<'p> {
    packer: &'p Packer<'p>,
    image: &'p PlannedImage,
    platform: &'p PlannedPlatform,
    /// Whether it was told that it begins.
    started: Cell<bool>,
}

impl Wanted<'_> {
    fn bytes(&self) -> u64 {
        self.entries.iter().map(bytes).sum()
    }
}

impl One<'_> {
    /// `left` is what is to be packed beside it, in bytes.
    fn base_layer(&self, wanted: &Wanted<'_>, left: u64) -> Result<LayerPart, Error> {
        let (image, platform) = (self.image, self.platform);
        let manifest = platform.base_facts.as_ref().map(|facts| facts.manifest);
        let key = format!(
            "{manifest:?} {:?} {:?} {:?}",
            platform.provide, platform.users, image.compression
        );
        // Held while packing: the next platform waits for the layer instead of making it again.
        let mut bases = self.packer.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layer) = bases.get(&key) {
            return Ok(layer.clone());
        }
        let looked = self.look(wanted)?;
        if matches!(looked, Looked::New(_)) {
            self.started(wanted.bytes() + left);
        }
        let layer = self.layer(wanted, looked)?;
        bases.insert(key, layer.clone());
        Ok(layer)
    }

    fn look<'e>(&self, wanted: &Wanted<'e>) -> Result<Looked<'e>, Error> {
        let of = (self.image, self.platform);
        let _span = self
            .packer
            .gantry
            .span_of(Stage::Pack, of, &format!("{}: looked for", wanted.what));
        let place = self.place(wanted);
        let packing = self.packing(wanted).at(&place);
        Ok(self.packer.cache.look(wanted.entries, &packing)?)
    }

    fn layer(&self, wanted: &Wanted<'_>, looked: Looked<'_>) -> Result<LayerPart, Error> {
        let observer = &self.packer.gantry.observer;
        let layer = match looked {
            Looked::Known(layer) => layer,
            Looked::New(unpacked) => {
                let of = (self.image, self.platform);
                let _span = self.packer.gantry.span_of(Stage::Pack, of, &wanted.what);
                let progress = |bytes| {
                    observer.event(&Event::PackProgress {
                        image: &self.image.name,
                        platform: &self.platform.platform,
                        bytes,
                    });
                };
                let place = self.place(wanted);
                let packing = self.packing(wanted).at(&place);
                self.packer.cache.pack(unpacked, &packing.watched(&progress))?
            }
        };
        Ok(LayerPart {
            digest: layer.digest,
            size: layer.size,
            diff_id: layer.diff_id,
            media_type: layer.media_type,
            created_by: format!("cargo gantry: {}", wanted.what),
        })
    }

    /// What the layer is, whatever it holds.
    fn place(&self, wanted: &Wanted<'_>) -> String {
        let (image, platform) = (&self.image.name, &self.platform.platform);
        format!("{image} {platform} {}", wanted.what)
    }

    fn packing<'w>(&self, wanted: &'w Wanted<'_>) -> Packing<'w> {
        Packing::new(convert::compression(self.image.compression), wanted.time).on(&wanted.below)
    }

    /// Once: what comes later was counted then.
    fn started(&self, bytes: u64) {
        if self.started.replace(true) {
            return;
        }
        self.packer.gantry.observer.event(&Event::PackStarted {
            image: &self.image.name,
            platform: &self.platform.platform,
            bytes,
        });
    }
}

/// The directories of a base.
fn directories(tree: &Tree) -> Below {
    let directories = tree
        .iter()
        .filter(|(_, node)| node.kind == rootfs::Kind::Directory);
    let attributes = |node: &rootfs::Node| Attributes {
        mode: node.mode,
        uid: node.uid,
        gid: node.gid,
    };
    directories
        .map(|(path, node)| (path.to_vec(), attributes(node)))
        .collect()
}

/// The same with every directory that these entries are or lie in.
fn add(entries: &[Entry], below: &Below) -> Below {
    let mut below = below.clone();
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory) {
        let (mode, uid, gid) = (entry.mode, entry.uid, entry.gid);
        below.insert(entry.path.clone(), Attributes { mode, uid, gid });
    }
    for entry in entries {
        for (at, _) in entry.path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            below
                .entry(entry.path[..at].to_vec())
                .or_insert(Attributes::root(0o755));
        }
    }
    below
}

fn bytes(entry: &Entry) -> u64 {
    match &entry.kind {
        Kind::File(Source::Path(path)) => path.metadata().map_or(0, |meta| meta.len()),
        Kind::File(Source::Bytes(bytes)) => bytes.len() as u64,
        _ => 0,
    }
}
