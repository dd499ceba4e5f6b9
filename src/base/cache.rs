//! [`Cache`]: what was read of bases, kept for the next project: below the user's cache directory.
//!
//! In: checked manifests, configs and layers, and merged trees. Out: the same, checked again. It may be emptied at
//! any time: what is missing or damaged is read anew. Several processes may share it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::BaseError;
use crate::blob::{BlobError, BlobStore, Collected, MANIFEST_LIMIT, Unfinished, summed, sweep};
use crate::environment::Environment;
use crate::spec::Digest;

/// Below the user's cache directory.
const FOLDER: &str = "cargo-gantry";
/// Beside the blobs: one file per tree.
const TREES: &str = "trees";

/// The user's cache. Clones are the same cache.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    blobs: BlobStore,
    trees: PathBuf,
    /// Where the user has no cache directory: gone with the value.
    _temporary: Option<tempfile::TempDir>,
}

/// A file in the cache.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Cached {
    /// What it is.
    pub kind: CachedKind,
    /// Its digest; a tree has that of its image's manifest.
    pub digest: Digest,
    /// Bytes on disk.
    pub size: u64,
    /// When it was written or last needed.
    pub last_used: SystemTime,
}

/// What is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CachedKind {
    /// An index, a manifest or a config.
    Manifest,
    /// A layer.
    Layer,
    /// The merged tree of an image, without the contents of its files.
    Tree,
}

impl Cache {
    /// The cache of the user whose environment this is. Where there is no cache directory, or none that can be
    /// written to, a temporary one that ends with the value.
    ///
    /// # Errors
    /// When no directory can be made.
    pub fn open(environment: &Environment) -> Result<Self, BaseError> {
        if let Some(folder) = environment.cache_dir() {
            match Self::at(folder.join(FOLDER), None) {
                Err(BaseError::Blob(BlobError::Io { source, .. })) if is_closed(&source) => {}
                opened => return opened,
            }
        }
        let folder = ["TMPDIR", "TEMP", "TMP"]
            .into_iter()
            .find_map(|name| environment.non_empty(name))
            .map_or_else(
                || PathBuf::from(if cfg!(windows) { "." } else { "/tmp" }),
                PathBuf::from,
            );
        let made = tempfile::Builder::new().prefix(FOLDER).tempdir_in(&folder);
        let temporary = made.map_err(|error| BlobError::from_io(error, &folder))?;
        Self::at(temporary.path().to_owned(), Some(temporary))
    }

    fn at(root: PathBuf, temporary: Option<tempfile::TempDir>) -> Result<Self, BaseError> {
        let blobs = BlobStore::open(root)?;
        let trees = blobs.root().join(TREES);
        fs::create_dir_all(&trees).map_err(|error| BlobError::from_io(error, &trees))?;
        sweep(&blobs, &trees)?;
        Ok(Self(Arc::new(Inner {
            blobs,
            trees,
            _temporary: temporary,
        })))
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        self.0.blobs.root()
    }

    /// Everything that is cached, by kind and digest.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self) -> Result<Vec<Cached>, BaseError> {
        let mut found = Vec::new();
        let blobs = self.root().join("blobs").join("sha256");
        for (path, metadata) in files(&blobs)? {
            let kind = || kind(&path, metadata.len());
            found.extend(cached(&metadata, &file_name(&path), kind));
        }
        for (path, metadata) in files(&self.0.trees)? {
            let name = file_name(&path);
            let hex = name.split('-').next().unwrap_or_default();
            found.extend(cached(&metadata, hex, || CachedKind::Tree));
        }
        found.sort();
        Ok(found)
    }

    /// Removes what was not needed for `older_than`; all of it if that is none. What another process reads at the
    /// moment is read to its end.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clean(&self, older_than: Option<Duration>) -> Result<Collected, BaseError> {
        let age = older_than.unwrap_or_default();
        let mut collected = self.0.blobs.collect_garbage(age)?;
        for (path, metadata) in files(&self.0.trees)? {
            let elapsed = metadata.modified().ok().and_then(|time| time.elapsed().ok());
            let unfinished = file_name(&path).starts_with('.');
            if unfinished || elapsed.is_none_or(|elapsed| elapsed < age) {
                continue;
            }
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(BlobError::from_io(error, &path).into());
                }
                _ => {
                    collected.blobs += 1;
                    collected.bytes += metadata.len();
                }
            }
        }
        Ok(collected)
    }

    /// Where blobs lie.
    pub(super) fn blobs(&self) -> &BlobStore {
        &self.0.blobs
    }

    /// A small blob, compared with its digest; none where it is missing, damaged or larger than `limit`.
    pub(super) fn small(&self, digest: &Digest, limit: u64) -> Option<Vec<u8>> {
        self.0.blobs.find(digest)?;
        self.0.blobs.read(digest, limit).ok()
    }

    /// Whether something is kept under `name` beside the blobs.
    pub(super) fn has_tree(&self, name: &str) -> bool {
        self.0.trees.join(name).is_file()
    }

    /// The bytes kept under `name` beside the blobs; none where they are missing or damaged.
    pub(super) fn tree(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.0.trees.join(name);
        let mut bytes = fs::read(&path).ok()?;
        let begin = bytes.len() - summed::checked(&bytes)?.len();
        bytes.drain(..begin);
        // Fails where the cache may only be read: then nobody cleans it either.
        let options = File::options().write(true).open(&path);
        let _ = options.and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Keeps what `write` writes under `name`, with its sum in front.
    pub(super) fn put_tree(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), BaseError> {
        let unfinished = Unfinished::new(&self.0.trees)?;
        summed::fill(&unfinished, write)?;
        unfinished.publish(&self.0.blobs, "tree", &self.0.trees.join(name))?;
        Ok(())
    }
}

/// A cache that this process may not write to.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    matches!(
        error.kind(),
        PermissionDenied | ReadOnlyFilesystem | NotADirectory
    )
}

fn files(folder: &Path) -> Result<Vec<(PathBuf, fs::Metadata)>, BlobError> {
    let failed = |error| BlobError::from_io(error, folder);
    let mut found = Vec::new();
    for file in fs::read_dir(folder).map_err(failed)? {
        let file = file.map_err(failed)?;
        // Another process may have cleaned meanwhile.
        if let Ok(metadata) = file.metadata()
            && metadata.is_file()
        {
            found.push((file.path(), metadata));
        }
    }
    Ok(found)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn cached(metadata: &fs::Metadata, hex: &str, kind: impl FnOnce() -> CachedKind) -> Option<Cached> {
    Some(Cached {
        digest: format!("sha256:{hex}").parse().ok()?,
        kind: kind(),
        size: metadata.len(),
        last_used: metadata.modified().ok()?,
    })
}

/// Manifests and configs are JSON objects; no tar or compressed tar begins so.
fn kind(path: &Path, size: u64) -> CachedKind {
    let mut first = [0];
    let read = File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut first));
    match (read, first) {
        (Ok(()), [b'{']) if size <= 2 * MANIFEST_LIMIT => CachedKind::Manifest,
        _ => CachedKind::Layer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(folder: &Path) -> Cache {
        Cache::open(&Environment::empty("/").with("XDG_CACHE_HOME", folder)).unwrap()
    }

    #[test]
    fn everything_is_listed_and_cleaned_by_its_age() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let manifest = cache.blobs().put(b"{\"layers\":[]}").unwrap();
        let layer = cache.blobs().put(b"\x1f\x8b..").unwrap();
        let of = Digest::of(b"manifest");
        cache
            .put_tree(&format!("{}-v1.json.gz", of.hex()), |file| {
                file.write_all(b"content")
            })
            .unwrap();
        let listed: Vec<(CachedKind, Digest, u64)> = cache
            .list()
            .unwrap()
            .iter()
            .map(|one| (one.kind, one.digest, one.size))
            .collect();
        let expected = [
            (CachedKind::Manifest, manifest.digest, manifest.size),
            (CachedKind::Layer, layer.digest, layer.size),
            (CachedKind::Tree, of, 65 + 7),
        ];
        assert_eq!(listed, expected);
        let hour = Duration::from_secs(3600);
        assert_eq!(cache.clean(Some(hour)).unwrap(), Collected::default());
        let old = File::open(cache.blobs().path(&layer.digest)).unwrap();
        old.set_modified(SystemTime::now() - 2 * hour).unwrap();
        assert_eq!(cache.clean(Some(hour)).unwrap().bytes, layer.size);
        assert_eq!(cache.clean(None).unwrap().blobs, 2);
        assert_eq!(cache.list().unwrap(), []);
    }

    #[test]
    fn damaged_bytes_count_as_missing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        cache.put_tree("t", |file| file.write_all(b"content")).unwrap();
        assert_eq!(cache.tree("t").as_deref(), Some(&b"content"[..]));
        let path = folder.path().join("cargo-gantry/trees/t");
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        for damaged in [bytes.as_slice(), &bytes[..10], b""] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(cache.tree("t"), None);
        }
        let blob = cache.blobs().put(b"manifest").unwrap();
        fs::write(cache.blobs().path(&blob.digest), b"manifesT").unwrap();
        assert_eq!(cache.small(&blob.digest, 100), None);
        cache.blobs().put(b"manifest").unwrap();
        assert!(cache.small(&blob.digest, 100).is_some());
        assert_eq!(cache.small(&blob.digest, 7), None);
    }

    #[test]
    fn without_a_cache_directory_a_temporary_one_serves() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let nowhere = Environment::empty("/").with("TMPDIR", folder.path());
        let closed = nowhere.clone().with("XDG_CACHE_HOME", folder.path().join("file"));
        for environment in [nowhere, closed] {
            let cache = Cache::open(&environment).unwrap();
            let root = cache.root().to_owned();
            assert!(root.starts_with(folder.path()) && root.is_dir());
            drop(cache);
            assert!(!root.exists());
        }
    }
}
