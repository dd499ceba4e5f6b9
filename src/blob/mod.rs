//! [`BlobStore`]: bytes kept under their digest, in a directory that is itself an OCI image layout.
//!
//! In: bytes, through a [`BlobWriter`]. Out: [`Blob`]s, files named by what they hold, and the named entries of
//! the layout's `index.json`. Nothing stands under its final name before it is whole and handed to the disk, so a
//! killed process leaves nothing but a temporary file, which the next one sweeps. Several processes may share a
//! store: short locks on the layout's own `oci-layout` file order them. It must never wait for the network, and
//! never trust a file's name for its content when that content leaves the store.

mod entries;
mod error;
mod garbage;
mod identity;
mod ours;
mod reach;
mod record;
pub(crate) mod summed;
#[cfg(test)]
mod tests;
mod unfinished;
mod writer;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use entries::Entry;
pub(crate) use entries::bytes as index_bytes;
pub use error::BlobError;
pub use garbage::Collected;
pub use identity::{FileIdentity, Sighting};
use ours::Ours;
#[cfg(test)]
use reach::DEPTH;
pub use reach::{MANIFEST_LIMIT, reach};
pub use record::Records;
use unfinished::is_abandoned;
pub(crate) use unfinished::{Unfinished, sweep};
pub use writer::BlobWriter;

use crate::spec::{Descriptor, Digest, Hasher, MediaType};

/// The content of a layout's `oci-layout` file.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#oci-layout-file>
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Below the store's root: files that are being written. Emptied by the next [`BlobStore::open`].
const UNFINISHED: &str = ".unfinished";

/// Stored bytes: what they hash to, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Blob {
    /// The sha256 of the bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
}

impl Blob {
    /// A blob of that digest and that many bytes.
    pub fn new(digest: Digest, size: u64) -> Self {
        Self { digest, size }
    }

    /// The blob that holds `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(Digest::of(bytes), bytes.len() as u64)
    }

    /// The blob that `descriptor` points to.
    ///
    /// # Errors
    /// When its digest is no sha256.
    pub fn described(descriptor: &Descriptor) -> Result<Self, BlobError> {
        Ok(Self::new(descriptor.digest().try_into()?, descriptor.size()))
    }

    /// A descriptor of this blob.
    pub fn descriptor(&self, media_type: MediaType) -> Descriptor {
        Descriptor::new(media_type, self.size, self.digest)
    }
}

/// Called with the name of each event that changes what is on disk; see [`BlobStore::with_faults`].
pub type Faults = Arc<dyn Fn(&str) + Send + Sync>;

/// A directory of blobs and named entries. Clones are the same store.
#[derive(Clone)]
pub struct BlobStore {
    root: PathBuf,
    faults: Option<Faults>,
    ours: Ours,
}

impl fmt::Debug for BlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStore").field("root", &self.root).finish()
    }
}

impl BlobStore {
    /// Opens the store at `root`, makes what is missing, and sweeps what dead processes left.
    ///
    /// # Errors
    /// When the directory cannot be made or read, or holds a layout of a version we do not know.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        Self::opened(root.into(), None)
    }

    /// Opens a store that calls `faults` before and after each step that changes what is on disk, with the
    /// step's name. For tests that end the process, or fail, at the n-th call.
    ///
    /// # Errors
    /// As [`BlobStore::open`].
    pub fn with_faults(root: impl Into<PathBuf>, faults: Faults) -> Result<Self, BlobError> {
        Self::opened(root.into(), Some(faults))
    }

    /// Opens another store that reports to the same `faults`.
    pub(crate) fn beside(&self, root: &Path) -> Result<Self, BlobError> {
        Self::opened(root.to_owned(), self.faults.clone())
    }

    /// The directory of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A writer for bytes whose digest is not known yet.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn writer(&self) -> Result<BlobWriter, BlobError> {
        BlobWriter::new(self)
    }

    /// Stores `bytes`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Blob, BlobError> {
        let blob = Blob::of(bytes);
        if self.contains(&blob) && self.read(&blob.digest, blob.size).is_ok() {
            return Ok(blob);
        }
        let mut writer = self.writer()?;
        writer
            .write_all(bytes)
            .map_err(|error| BlobError::from_io(error, writer.path()))?;
        writer.finish()
    }

    /// Where the blob lies, or would lie.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder().join(digest.hex())
    }

    /// Whether the blob is here with its whole size. A blob found is kept from garbage collection for as long
    /// as if it had just been written. Its content is not read: see [`BlobStore::verify`].
    pub fn contains(&self, blob: &Blob) -> bool {
        self.found(blob).unwrap_or(false)
    }

    /// The blob of that digest with the size its file has, if there is one. Its content is not read.
    pub fn find(&self, digest: &Digest) -> Option<Blob> {
        let size = fs::metadata(self.path(digest)).ok()?.len();
        let blob = Blob::new(*digest, size);
        self.contains(&blob).then_some(blob)
    }

    /// Reads the whole blob and compares it with its digest and size.
    ///
    /// # Errors
    /// When it is missing, altered or cannot be read.
    pub fn verify(&self, blob: &Blob) -> Result<(), BlobError> {
        let path = self.path(&blob.digest);
        let failed = |error| BlobError::from_io(error, &path);
        let mut file = self.file(&blob.digest)?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        if hasher.count() == blob.size && hasher.digest() == blob.digest {
            return Ok(());
        }
        Err(BlobError::Altered { path })
    }

    /// The blob's bytes, compared with its digest.
    ///
    /// # Errors
    /// When it is missing, altered, larger than `limit` bytes, or cannot be read.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, BlobError> {
        let path = self.path(digest);
        let mut bytes = Vec::new();
        let file = self.file(digest)?;
        let count = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        if count.map_err(|error| BlobError::from_io(error, &path))? as u64 > limit {
            return Err(BlobError::TooLarge { path, limit });
        }
        if Digest::of(&bytes) != *digest {
            return Err(BlobError::Altered { path });
        }
        Ok(bytes)
    }

    /// The blob's file, opened for reading. What is read from it is not compared with anything.
    ///
    /// # Errors
    /// When it is missing or cannot be opened.
    pub fn file(&self, digest: &Digest) -> Result<File, BlobError> {
        let path = self.path(digest);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BlobError::Missing {
                digest: *digest,
                root: self.root.clone(),
            }),
            opened => opened.map_err(|error| BlobError::from_io(error, &path)),
        }
    }

    /// Brings a blob of another store here: as a second name of the same file where the system can do that,
    /// otherwise as a copy. The content is compared with the digest first, unless that store wrote it in this process and
    /// nobody changed the file since.
    ///
    /// # Errors
    /// When it is missing or altered there, or cannot be written here.
    pub fn adopt(&self, other: &BlobStore, blob: &Blob) -> Result<(), BlobError> {
        if self.contains(blob) && self.verify(blob).is_ok() {
            return Ok(());
        }
        let (from, to) = (other.path(&blob.digest), self.path(&blob.digest));
        let just_written = other.ours.has(&from, blob);
        if !just_written {
            other.verify(blob)?;
        }
        self.fault("adopt.link");
        // A file that is here but wrong is replaced by the copy below.
        if fs::hard_link(&from, &to).is_ok() {
            // The second name is a change of ours.
            if just_written {
                other.ours.keep(&from, &blob.digest);
            }
        } else {
            let mut writer = self.writer()?;
            let mut file = other.file(&blob.digest)?;
            io::copy(&mut file, &mut writer).map_err(|error| BlobError::from_io(error, writer.path()))?;
            let copied = writer.finish()?;
            if copied != *blob {
                return Err(BlobError::Altered { path: from });
            }
        }
        self.fault("adopt.linked");
        unfinished::sync_folder(&to)
    }

    fn opened(root: PathBuf, faults: Option<Faults>) -> Result<Self, BlobError> {
        let store = Self {
            root,
            faults,
            ours: Ours::default(),
        };
        for folder in [store.folder(), store.unfinished()] {
            fs::create_dir_all(&folder).map_err(|error| BlobError::from_io(error, &folder))?;
        }
        store.layout()?;
        sweep(&store, &store.unfinished())?;
        Ok(store)
    }

    /// Makes `oci-layout` and `index.json`, or checks that we know the layout's version.
    fn layout(&self) -> Result<(), BlobError> {
        let path = self.layout_file();
        if self.lock_file() != path {
            let made = File::options().append(true).create(true).open(self.lock_file());
            drop(made.map_err(|error| BlobError::from_io(error, &self.lock_file()))?);
        }
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create("open.layout", &path, LAYOUT)?;
                LAYOUT.to_vec()
            }
            text => text.map_err(|error| BlobError::from_io(error, &path))?,
        };
        let version = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| value.get("imageLayoutVersion")?.as_str().map(str::to_owned));
        if version.as_deref() != Some("1.0.0") {
            return Err(BlobError::Layout { path });
        }
        let index = self.index_file();
        if !index.exists() {
            self.create("open.index", &index, &entries::empty())?;
        }
        Ok(())
    }

    /// Whether the blob is here; if so it counts as new from now on. Ordered against garbage collection.
    fn found(&self, blob: &Blob) -> io::Result<bool> {
        let lock = File::open(self.lock_file())?;
        known(lock.lock_shared())?;
        let path = self.path(&blob.digest);
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() || metadata.len() != blob.size {
            return Ok(false);
        }
        let ours = self.ours.has(&path, blob);
        let touched = || -> io::Result<()> {
            let options = if cfg!(windows) {
                File::options().write(true).open(&path)
            } else {
                File::open(&path)
            };
            options?.set_modified(SystemTime::now())
        };
        // A store that we may only read is not collected by us either.
        touched().or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Ok(()),
            _ => Err(error),
        })?;
        if ours {
            self.ours.keep(&path, &blob.digest);
        }
        Ok(true)
    }

    fn folder(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    fn unfinished(&self) -> PathBuf {
        self.root.join(UNFINISHED)
    }

    fn layout_file(&self) -> PathBuf {
        self.root.join("oci-layout")
    }

    fn index_file(&self) -> PathBuf {
        self.root.join("index.json")
    }

    /// The file that processes lock. `oci-layout` never changes, so no file is needed besides; where a lock
    /// keeps others from reading the file, it is one of its own.
    fn lock_file(&self) -> PathBuf {
        if cfg!(windows) {
            self.unfinished().join("lock")
        } else {
            self.layout_file()
        }
    }

    pub(crate) fn fault(&self, event: &str) {
        if let Some(faults) = &self.faults {
            faults(event);
        }
    }
}

/// Where the system knows no locks, only one process at a time may use the store; nothing we can do checks that.
fn known(locked: io::Result<()>) -> io::Result<()> {
    locked.or_else(|error| {
        if error.kind() == io::ErrorKind::Unsupported {
            Ok(())
        } else {
            Err(error)
        }
    })
}
