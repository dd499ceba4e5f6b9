//! [`Scratch`]: a store for what only passes through, gone with the value.
//!
//! A process that is killed leaves its folder behind; the next one that works at the same place removes it. A lock tells the
//! dead from the living.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{Error, Gantry};
use crate::blob::BlobStore;

const PREFIX: &str = ".gantry-scratch-";
/// Within the folder: locked by its owner for as long as that lives.
const ALIVE: &str = "alive";

/// A folder with a store in it.
#[derive(Debug)]
pub(super) struct Scratch {
    store: BlobStore,
    _alive: File,
    _folder: tempfile::TempDir,
}

impl Scratch {
    /// Beside the file that is going to be made.
    pub(super) fn beside(gantry: &Gantry, file: &Path) -> Result<Self, Error> {
        match file.parent() {
            Some(folder) => Self::within(gantry, folder),
            None => Self::within(gantry, file),
        }
    }

    /// Where temporary files are, for what goes to a registry.
    pub(super) fn anywhere(gantry: &Gantry) -> Result<Self, Error> {
        let folder = gantry.tools.environment().non_empty("TMPDIR");
        let usual = if cfg!(windows) { "." } else { "/tmp" };
        Self::within(gantry, &gantry.absolute(Path::new(folder.unwrap_or(usual))))
    }

    /// Its store.
    pub(super) fn store(&self) -> &BlobStore {
        &self.store
    }

    fn within(gantry: &Gantry, parent: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Store {
            path: parent.to_owned(),
            source,
        };
        fs::create_dir_all(parent).map_err(failed)?;
        sweep(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent);
        let folder = folder.map_err(failed)?;
        let alive = File::create(folder.path().join(ALIVE)).map_err(failed)?;
        // Where the system knows no locks nobody sweeps either.
        let _ = alive.try_lock();
        let root: PathBuf = folder.path().join("store");
        let store = match &gantry.faults {
            Some(faults) => BlobStore::with_faults(&root, faults.clone())?,
            None => BlobStore::open(&root)?,
        };
        Ok(Self {
            store,
            _alive: alive,
            _folder: folder,
        })
    }
}

/// Removes what dead processes left. Whatever cannot be removed stays for the next.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = |name: &str| name.starts_with(PREFIX);
        if !entry.file_name().to_str().is_some_and(is_ours) {
            continue;
        }
        if let Ok(alive) = File::open(entry.path().join(ALIVE))
            && alive.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
