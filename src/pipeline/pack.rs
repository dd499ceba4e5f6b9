//! One image's platform: its binaries and files become layers in the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Error, Gantry, convert};
use crate::base::builtin;
use crate::blob::BlobStore;
use crate::event::Event;
use crate::image::LayerPart;
use crate::layer::{self, Attributes, Collect, Entry, Kind, Packing, Source};
use crate::matrix::Files;
use crate::plan::{PlannedImage, PlannedPlatform};

/// Packs layers for one workspace.
pub(super) struct Packer<'a> {
    pub gantry: &'a Gantry,
    pub store: &'a BlobStore,
    /// The folder that `files` are relative to.
    pub directory: &'a Path,
    /// The built-in base's layers that were packed already: images and platforms share them.
    bases: Mutex<BTreeMap<String, LayerPart>>,
}

/// A binary and where it goes.
pub(super) struct Placed {
    pub path: PathBuf,
    /// Absolute path in the image.
    pub dest: String,
}

/// The user and group that volumes belong to unless something else is said.
const NONROOT: (u32, u32) = (builtin::NONROOT, builtin::NONROOT);

impl<'a> Packer<'a> {
    pub(super) fn new(gantry: &'a Gantry, store: &'a BlobStore, directory: &'a Path) -> Self {
        Self {
            gantry,
            store,
            directory,
            bases: Mutex::default(),
        }
    }

    /// The layers of one platform, lowest first: the built-in base, files, binaries. What changes most often lies
    /// on top.
    pub(super) fn pack(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        binaries: &[Placed],
    ) -> Result<Vec<LayerPart>, Error> {
        let base = base_entries(platform)?;
        let files = self.file_entries(platform)?;
        let programs: Vec<Entry> = binaries
            .iter()
            .map(|placed| Entry::file(relative(&placed.dest), &placed.path, 0o755))
            .collect();
        let bytes = base.iter().chain(&files).chain(&programs).map(bytes).sum();
        self.gantry.observer.event(&Event::PackStarted {
            image: &image.name,
            platform: &platform.platform,
            bytes,
        });
        let mut below = BTreeMap::new();
        let mut layers = Vec::new();
        if !base.is_empty() {
            lay(&base, &mut below);
            layers.push(self.base_layer(image, platform, base)?);
        }
        if !files.is_empty() {
            lay(&files, &mut below);
            layers.push(self.layer(image, platform, files, &below, "files")?);
        }
        let names: Vec<&str> = binaries.iter().map(|placed| placed.dest.as_str()).collect();
        layers.push(self.layer(image, platform, programs, &below, &names.join(" "))?);
        Ok(layers)
    }

    fn base_layer(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        entries: Vec<Entry>,
    ) -> Result<LayerPart, Error> {
        let key = format!(
            "{:?} {:?} {:?} {}",
            platform.provide, platform.users, image.compression, image.created_seconds
        );
        // Held while packing: the next platform waits for the layer instead of making it again.
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layer) = bases.get(&key) {
            return Ok(layer.clone());
        }
        let layer = self.layer(image, platform, entries, &BTreeMap::new(), "base")?;
        bases.insert(key, layer.clone());
        Ok(layer)
    }

    fn layer(
        &self,
        image: &PlannedImage,
        platform: &PlannedPlatform,
        entries: Vec<Entry>,
        below: &BTreeMap<Vec<u8>, Attributes>,
        what: &str,
    ) -> Result<LayerPart, Error> {
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

    fn file_entries(&self, platform: &PlannedPlatform) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        for volume in &platform.volumes {
            let (uid, gid) = volume
                .owner
                .unwrap_or_else(|| owner(platform.user.as_deref(), &platform.users));
            let directory = Entry::directory(relative(&volume.path), volume.mode.unwrap_or(0o755));
            entries.push(directory.owned_by(uid.into(), gid.into()));
        }
        for files in &platform.files {
            match files {
                Files::Copy {
                    from,
                    to,
                    include,
                    exclude,
                    mode,
                    owner,
                } => {
                    entries.extend(layer::collect(&Collect {
                        root: self.directory,
                        from,
                        to,
                        include,
                        exclude,
                        mode: *mode,
                        owner: (owner.0.into(), owner.1.into()),
                    })?);
                }
                Files::Directory { path, mode, owner } => {
                    let directory = Entry::directory(relative(path), mode.unwrap_or(0o755));
                    entries.push(directory.owned_by(owner.0.into(), owner.1.into()));
                }
                Files::Link { path, target } => {
                    entries.push(Entry::symlink(relative(path), target.as_bytes()));
                }
            }
        }
        Ok(entries)
    }
}

fn base_entries(platform: &PlannedPlatform) -> Result<Vec<Entry>, Error> {
    let parts: Vec<builtin::Part> = platform.provide.iter().copied().map(convert::part).collect();
    let files = builtin::files(&parts, &platform.users)?.into_iter();
    let entries = files.map(|file| {
        let entry = match file.content {
            builtin::Content::Directory => Entry::directory(&file.path, file.mode),
            builtin::Content::File(bytes) => Entry::bytes(&file.path, bytes, file.mode),
        };
        entry.owned_by(file.uid, file.gid)
    });
    Ok(entries.collect())
}

/// Who a volume belongs to: the image's user, where that is a number or a user that the image knows.
fn owner(user: Option<&str>, users: &BTreeMap<String, u32>) -> (u32, u32) {
    let Some(user) = user else {
        return NONROOT;
    };
    let (user, group) = user.split_once(':').unwrap_or((user, user));
    let id = |name: &str| {
        let known = builtin::user(name).or_else(|| users.get(name).copied());
        known.or_else(|| name.parse().ok())
    };
    match (id(user), id(group)) {
        (Some(user), group) => (user, group.unwrap_or(user)),
        (None, _) => NONROOT,
    }
}

/// Adds every directory that these entries are or lie in to those `below`.
fn lay(entries: &[Entry], below: &mut BTreeMap<Vec<u8>, Attributes>) {
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
}

fn bytes(entry: &Entry) -> u64 {
    match &entry.kind {
        Kind::File(Source::Path(path)) => path.metadata().map_or(0, |meta| meta.len()),
        Kind::File(Source::Bytes(bytes)) => bytes.len() as u64,
        _ => 0,
    }
}

/// Layers name paths from the root without saying so.
fn relative(path: &str) -> &str {
    path.trim_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_belongs_to_the_user_that_writes_to_it() {
        let users = BTreeMap::from([("api".to_owned(), 10001)]);
        for (user, expected) in [
            (None, NONROOT),
            (Some("nonroot"), NONROOT),
            (Some("nobody"), (65534, 65534)),
            (Some("root"), (0, 0)),
            (Some("api"), (10001, 10001)),
            (Some("1000"), (1000, 1000)),
            (Some("api:0"), (10001, 0)),
            (Some("1000:nobody"), (1000, 65534)),
        ] {
            assert_eq!(owner(user, &users), expected, "{user:?}");
        }
    }
}
