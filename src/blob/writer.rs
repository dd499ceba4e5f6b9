//! Writing files that appear under their final name whole, or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::unfinished::Unfinished;
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
        let unfinished = Unfinished::new(&store.unfinished())?;
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
        let path = store.path(&digest);
        unfinished.publish(&store, "write", &path)?;
        store.ours.keep(&path, &digest);
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

    /// A temporary file, removed when dropped or, after a kill, by whoever opens the store next.
    pub(crate) fn scratch(&self) -> Result<Unfinished, BlobError> {
        Unfinished::new(&self.unfinished())
    }

    /// Removes the folder of temporary files, unless somebody has one there: for a layout that leaves our hands.
    pub(crate) fn tidy(&self) {
        drop(fs::remove_dir(self.unfinished()));
    }

    fn written(&self, event: &str, bytes: &[u8]) -> Result<Unfinished, BlobError> {
        self.fault(&format!("{event}.create"));
        let unfinished = Unfinished::new(&self.unfinished())?;
        self.fault(&format!("{event}.created"));
        let written = unfinished.handle()?.write_all(bytes);
        written.map_err(|error| BlobError::from_io(error, unfinished.path()))?;
        Ok(unfinished)
    }
}
