//! Writing files that appear under their final name whole, or not at all.
//!
//! A temporary file is locked by its writer for as long as that process lives, so any other process can tell a
//! dead writer's file from a living one's: it gets the lock, whatever became of process numbers.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Blob, BlobError, BlobStore};
use crate::spec::{Digest, Hashing};

/// Takes bytes for one blob. Dropped before [`BlobWriter::finish`], it leaves nothing.
pub struct BlobWriter {
    store: BlobStore,
    unfinished: Unfinished,
    bytes: Hashing<BufWriter<File>>,
}

impl BlobWriter {
    pub(super) fn new(store: &BlobStore) -> Result<Self, BlobError> {
        store.fault("write.create");
        let unfinished = Unfinished::new(store)?;
        store.fault("write.created");
        let file = unfinished.handle()?;
        Ok(Self {
            store: store.clone(),
            unfinished,
            bytes: Hashing::new(BufWriter::with_capacity(64 * 1024, file)),
        })
    }

    /// How many bytes were written so far.
    pub fn count(&self) -> u64 {
        self.bytes.count()
    }

    /// The temporary file, for messages.
    pub fn path(&self) -> &Path {
        self.unfinished.path()
    }

    /// Hands the bytes to the disk and gives them their name.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn finish(self) -> Result<Blob, BlobError> {
        let Self {
            store,
            unfinished,
            bytes,
        } = self;
        let (file, hasher) = bytes.into_parts();
        let failed = |error| BlobError::from_io(error, unfinished.path());
        drop(file.into_inner().map_err(|error| failed(error.into_error()))?);
        let size = hasher.count();
        let digest: Digest = hasher.digest();
        unfinished.publish(&store, "write", &store.path(&digest))?;
        Ok(Blob::new(digest, size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.store.fault("write.bytes");
        let written = self.bytes.write(bytes);
        written.map_err(|error| BlobError::from_io(error, self.unfinished.path()).into_io())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.bytes.flush();
        flushed.map_err(|error| BlobError::from_io(error, self.unfinished.path()).into_io())
    }
}

impl BlobStore {
    /// Replaces `path` by a file that holds `bytes`. `event` names the step for [`BlobStore::with_faults`].
    pub(super) fn replace(&self, event: &str, path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
        let unfinished = self.written(event, bytes)?;
        unfinished.publish(self, event, path)
    }

    /// Makes `path` with `bytes`, unless another process was faster.
    pub(super) fn create(&self, event: &str, path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
        let unfinished = self.written(event, bytes)?;
        unfinished.publish_new(self, event, path)
    }

    /// Removes the folder of temporary files, unless somebody has one there: for a layout that leaves our hands.
    pub(crate) fn tidy(&self) {
        drop(fs::remove_dir(self.unfinished()));
    }

    fn written(&self, event: &str, bytes: &[u8]) -> Result<Unfinished, BlobError> {
        self.fault(&format!("{event}.create"));
        let unfinished = Unfinished::new(self)?;
        self.fault(&format!("{event}.created"));
        let written = unfinished.handle()?.write_all(bytes);
        written.map_err(|error| BlobError::from_io(error, unfinished.path()))?;
        Ok(unfinished)
    }

    /// Removes the temporary files whose writers are dead.
    pub(super) fn sweep(&self) -> Result<(), BlobError> {
        let folder = self.unfinished();
        let failed = |error| BlobError::from_io(error, &folder);
        for file in fs::read_dir(&folder).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            // Gone meanwhile, or not ours to open: nothing to sweep.
            let Ok(file) = File::open(&path) else { continue };
            if path != self.lock_file() && file.try_lock().is_ok() {
                self.fault("open.sweep");
                drop(fs::remove_file(&path));
            }
        }
        Ok(())
    }
}

/// A temporary file, locked; removed when dropped.
struct Unfinished {
    file: tempfile::NamedTempFile,
}

impl Unfinished {
    fn new(store: &BlobStore) -> Result<Self, BlobError> {
        let folder = store.unfinished();
        let failed = |error| BlobError::from_io(error, &folder);
        loop {
            let file = match tempfile_in(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // A layout for others is left without the folder.
                    fs::create_dir_all(&folder).map_err(failed)?;
                    continue;
                }
                file => file.map_err(failed)?,
            };
            // Between its making and its locking a sweeper may have taken it for a dead writer's.
            let locked = file.as_file().try_lock().is_ok();
            if locked && file.path().exists() {
                return Ok(Self { file });
            }
        }
    }

    fn path(&self) -> &Path {
        self.file.path()
    }

    fn handle(&self) -> Result<File, BlobError> {
        let handle = self.file.as_file().try_clone();
        handle.map_err(|error| BlobError::from_io(error, self.path()))
    }

    /// Hands the content to the disk, then the name: in this order even a power cut leaves no wrong blob.
    fn publish(self, store: &BlobStore, event: &str, to: &Path) -> Result<(), BlobError> {
        self.sync(store, event)?;
        let persisted = self.file.persist(to);
        persisted.map_err(|error| BlobError::from_io(error.error, to))?;
        store.fault(&format!("{event}.named"));
        sync_folder(to)
    }

    fn publish_new(self, store: &BlobStore, event: &str, to: &Path) -> Result<(), BlobError> {
        self.sync(store, event)?;
        match self.file.persist_noclobber(to) {
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            persisted => drop(persisted.map_err(|error| BlobError::from_io(error.error, to))?),
        }
        store.fault(&format!("{event}.named"));
        sync_folder(to)
    }

    fn sync(&self, store: &BlobStore, event: &str) -> Result<(), BlobError> {
        let failed = |error| BlobError::from_io(error, self.path());
        store.fault(&format!("{event}.sync"));
        self.file.as_file().sync_data().map_err(failed)?;
        if cfg!(windows) {
            // There a lock keeps others from reading; nobody sweeps between here and the new name but one
            // that then finds the file gone.
            self.file.as_file().unlock().map_err(failed)?;
        }
        store.fault(&format!("{event}.name"));
        Ok(())
    }
}

#[cfg(unix)]
fn tempfile_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    // As for any new file: the user's umask decides who may read it.
    let permissions = fs::Permissions::from_mode(0o666);
    tempfile::Builder::new()
        .permissions(permissions)
        .tempfile_in(folder)
}

#[cfg(not(unix))]
fn tempfile_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().tempfile_in(folder)
}

/// Hands a new name in a folder to the disk. Only Unix has folders that can be opened for it.
pub(super) fn sync_folder(path: &Path) -> Result<(), BlobError> {
    if let (true, Some(folder)) = (cfg!(unix), path.parent()) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| BlobError::from_io(error, folder))?;
    }
    Ok(())
}
