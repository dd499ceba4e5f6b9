//! Where a workspace's images are made: its store, and the lock that keeps other builds away meanwhile.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::prepare::Prepared;
use super::{Error, Gantry, blocking};
use crate::blob::BlobStore;
use crate::event::Stage;
use crate::project::Project;
use crate::spec::Digest;

/// The place of one build; others wait until it is dropped.
pub(super) struct Workplace {
    pub store: BlobStore,
    _lock: File,
}

impl Workplace {
    /// Opens the place where a plan is carried out, away from the threads that serve the network.
    pub(super) async fn of(gantry: &Gantry, prepared: &Arc<Prepared>) -> Result<Self, Error> {
        let (gantry, prepared) = (gantry.clone(), Arc::clone(prepared));
        blocking(move || Self::open(&gantry, &prepared.project)).await
    }

    fn open(gantry: &Gantry, project: &Project) -> Result<Self, Error> {
        let root = store(project);
        let lock = lock(gantry, &shared(project))?;
        if !project.is_cargo() {
            ignored(&root)?;
        }
        let store = match &gantry.faults {
            Some(faults) => BlobStore::with_faults(&root, faults.clone())?,
            None => BlobStore::open(&root)?,
        };
        Ok(Self { store, _lock: lock })
    }
}

/// Where a workspace's images lie, and what is made on the way to them. In a cargo project `<target-dir>/gantry`, with
/// the workspace's name and a hash of its path below it where other workspaces may use the same target directory; else
/// `.gantry`.
pub(super) fn store(project: &Project) -> PathBuf {
    let gantry = shared(project);
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

fn shared(project: &Project) -> PathBuf {
    match project.is_cargo() {
        true => project.target_directory.join("gantry"),
        false => project.target_directory.clone(),
    }
}

/// Keeps a folder of ours out of the user's repository.
fn ignored(root: &Path) -> Result<(), Error> {
    let path = root.join(".gitignore");
    if path.exists() {
        return Ok(());
    }
    std::fs::write(&path, "*\n").map_err(|source| Error::Store { path, source })
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
            let _span = gantry.span(Stage::Wait, "another build in this target directory");
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
