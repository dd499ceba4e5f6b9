//! Files that are being written: locked by their writer for as long as that process lives, so any other process
//! can tell a dead writer's file from a living one's: it gets the lock, whatever became of process numbers.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use super::{BlobError, BlobStore};

const PREFIX: &str = ".gantry-";
const SUFFIX: &str = ".unfinished";

/// Removes the files in `folder` whose writers are dead. What has another name is not looked at.
pub(crate) fn sweep(store: &BlobStore, folder: &Path) -> Result<(), BlobError> {
    let failed = |error| BlobError::from_io(error, folder);
    for file in fs::read_dir(folder).map_err(failed)? {
        let file = file.map_err(failed)?;
        if is_abandoned(&file.path()) {
            store.fault("sweep");
            drop(fs::remove_file(file.path()));
        }
    }
    Ok(())
}

/// Whether it is one of these files, and its writer is dead.
pub(super) fn is_abandoned(path: &Path) -> bool {
    let ours = |name: &str| name.starts_with(PREFIX) && name.ends_with(SUFFIX);
    let name = path.file_name().and_then(|name| name.to_str());
    // Gone meanwhile, or not ours to open: nothing to sweep.
    name.is_some_and(ours) && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// A file under a temporary name, locked; removed when dropped.
#[derive(Debug)]
pub(crate) struct Unfinished {
    file: tempfile::NamedTempFile,
}

impl Unfinished {
    /// A new file in `folder`, which is made if need be.
    pub(crate) fn new(folder: &Path) -> Result<Self, BlobError> {
        let failed = |error| BlobError::from_io(error, folder);
        loop {
            let file = match tempfile_in(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(folder).map_err(failed)?;
                    continue;
                }
                file => file.map_err(failed)?,
            };
            // Between its making and its locking a sweeper may have taken it for a dead writer's. Where the
            // system knows no locks nobody sweeps either.
            let swept = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
            if !swept && file.path().exists() {
                return Ok(Self { file });
            }
        }
    }

    /// Its temporary name.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file, to be written to.
    pub(crate) fn handle(&self) -> Result<File, BlobError> {
        let handle = self.file.as_file().try_clone();
        handle.map_err(|error| BlobError::from_io(error, self.path()))
    }

    /// Gives the file the name `to`. `event` names the step for [`BlobStore::with_faults`]. It
    /// hands the content to the disk, then the name: in this order even a power cut leaves no wrong blob.
    pub(crate) fn publish(self, store: &BlobStore, event: &str, to: &Path) -> Result<(), BlobError> {
        self.sync(store, event)?;
        let persisted = self.file.persist(to);
        persisted.map_err(|error| BlobError::from_io(error.error, to))?;
        store.fault(&format!("{event}.named"));
        sync_folder(to)
    }

    /// The same, unless `to` is there by then.
    pub(super) fn publish_new(self, store: &BlobStore, event: &str, to: &Path) -> Result<(), BlobError> {
        self.sync(store, event)?;
        match self.file.persist_noclobber(to) {
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            persisted => drop(persisted.map_err(|error| BlobError::from_io(error.error, to))?),
        }
        store.fault(&format!("{event}.named"));
        sync_folder(to)
    }

    /// The same without waiting for the disk: for what may be lost, and is checked when it is read.
    pub(super) fn name(self, to: &Path) -> Result<(), BlobError> {
        self.readable()?;
        let persisted = self.file.persist(to);
        persisted
            .map(drop)
            .map_err(|error| BlobError::from_io(error.error, to))
    }

    fn sync(&self, store: &BlobStore, event: &str) -> Result<(), BlobError> {
        store.fault(&format!("{event}.sync"));
        let synced = self.file.as_file().sync_data();
        synced.map_err(|error| BlobError::from_io(error, self.path()))?;
        self.readable()?;
        store.fault(&format!("{event}.name"));
        Ok(())
    }

    fn readable(&self) -> Result<(), BlobError> {
        if cfg!(windows) {
            // There a lock keeps others from reading; nobody sweeps between here and the new name but one
            // that then finds the file gone.
            let unlocked = self.file.as_file().unlock();
            unlocked.map_err(|error| BlobError::from_io(error, self.path()))?;
        }
        Ok(())
    }
}

fn tempfile_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file: the user's umask decides who may read it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Hands a new name in a folder to the disk. Only Unix has folders that can be opened for it.
pub(super) fn sync_folder(path: &Path) -> Result<(), BlobError> {
    if let (true, Some(folder)) = (cfg!(unix), path.parent()) {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| BlobError::from_io(error, folder))?;
    }
    Ok(())
}
