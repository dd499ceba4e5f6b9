//! One image's platform: what was laid over its base becomes layers in the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::lay::Laid;
use super::{Error, Gantry, convert};
use crate::blob::BlobStore;
use crate::event::{Event, Stage};
use crate::image::LayerPart;
use crate::layer::{self, Attributes, Entry, Kind, Packing, Source};
use crate::plan::{PlannedImage, PlannedPlatform};
use crate::rootfs::{self, Tree};

/// Packs layers for one workspace.
pub(super) struct Packer<'a> {
    pub gantry: &'a Gantry,
    pub store: &'a BlobStore,
    /// The built-in base's layers that were packed already: images and platforms share them.
    bases: Mutex<BTreeMap<String, LayerPart>>,
}

/// Directories that lie below a layer.
pub(super) type Below = BTreeMap<Vec<u8>, Attributes>;

impl<'a> Packer<'a> {
    pub(super) fn new(gantry: &'a Gantry, store: &'a BlobStore) -> Self {
        Self {
            gantry,
            store,
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
        self.gantry.observer.event(&Event::PackStarted {
            image: &image.name,
            platform: &platform.platform,
            bytes: laid.entries().map(bytes).sum(),
        });
        let (mut layers, below) = self.below_programs(image, platform, laid, tree)?;
        let names: Vec<&str> = platform
            .binaries
            .iter()
            .map(|binary| binary.dest.as_str())
            .collect();
        let programs = laid.programs.clone();
        layers.push(self.layer(image, platform, programs, &below, &names.join(" "))?);
        Ok(layers)
    }

    /// The layers that programs lie on, and the directories in them and in `tree`.
    pub(super) fn below_programs(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        laid: &Laid,
        tree: &Tree,
    ) -> Result<(Vec<LayerPart>, Below), Error> {
        let mut below = directories(tree);
        let mut layers = Vec::new();
        if !laid.base.is_empty() {
            let over = add(&laid.base, &below);
            layers.push(self.base_layer(image, platform, laid.base.clone(), &below)?);
            below = over;
        }
        if !laid.files.is_empty() {
            let over = add(&laid.files, &below);
            layers.push(self.layer(image, platform, laid.files.clone(), &below, "files")?);
            below = over;
        }
        Ok((layers, below))
    }

    fn base_layer(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        entries: Vec<Entry>,
        below: &Below,
    ) -> Result<LayerPart, Error> {
        let manifest = platform.base_facts.as_ref().map(|facts| facts.manifest);
        let key = format!(
            "{manifest:?} {:?} {:?} {:?} {}",
            platform.provide, platform.users, image.compression, image.created_seconds
        );
        // Held while packing: the next platform waits for the layer instead of making it again.
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layer) = bases.get(&key) {
            return Ok(layer.clone());
        }
        let layer = self.layer(image, platform, entries, below, "base")?;
        bases.insert(key, layer.clone());
        Ok(layer)
    }

    fn layer(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        entries: Vec<Entry>,
        below: &Below,
        what: &str,
    ) -> Result<LayerPart, Error> {
        let _span = self.gantry.span_of(Stage::Pack, (image, platform), what);
        let progress = |bytes| {
            self.gantry.observer.event(&Event::PackProgress {
                image: &image.name,
                platform: &platform.platform,
                bytes,
            });
        };
        let packing = Packing::new(convert::compression(image.compression), image.created_seconds);
        let layer = layer::pack(self.store, entries, &packing.on(below).watched(&progress))?;
        Ok(LayerPart {
            digest: layer.digest,
            size: layer.size,
            diff_id: layer.diff_id,
            media_type: layer.media_type,
            created_by: format!("cargo gantry: {what}"),
        })
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
