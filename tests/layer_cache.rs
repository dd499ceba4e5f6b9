//! Layers and whole platforms that were made before: found again, and never taken for what they are not.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they counted"
)]

#[path = "layer_cache/blocks.rs"]
mod blocks;
#[path = "layer_cache/changes.rs"]
mod changes;
#[path = "layer_cache/matrix.rs"]
mod matrix;
#[path = "layer_cache/property.rs"]
mod property;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::layer::{Entry, Layer, LayerCache, Looked, Packing, pack};

/// Longer than the tick of any file system that tests are run on, and short enough to be waited for.
const SETTLED: Duration = Duration::from_millis(25);

/// Waits until what was written counts as left alone.
fn settle() {
    std::thread::sleep(SETTLED * 2);
}

/// How a layer was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Found,
    Packed,
}

/// A store with a cache, and beside it one that knows nothing.
struct Place {
    folder: tempfile::TempDir,
    store: BlobStore,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The layer of files, by the cache of a new process.
    fn layer(&self, files: &[PathBuf]) -> (How, Layer) {
        let cache = LayerCache::new(&self.store);
        let (entries, packing) = (entries(files), packing());
        match cache.look(&entries, &packing).unwrap() {
            Looked::Known(layer) => (How::Found, layer),
            Looked::New(unpacked) => (How::Packed, cache.pack(unpacked, &packing).unwrap()),
        }
    }

    /// The same, compared with what packing gives.
    fn right(&self, files: &[PathBuf], when: &str) -> How {
        let (how, layer) = self.layer(files);
        let apart = BlobStore::open(self.path("apart")).unwrap();
        let fresh = pack(&apart, entries(files), &packing()).unwrap();
        assert_eq!(layer, fresh, "{when}");
        self.store.verify(&layer.blob()).unwrap();
        how
    }
}

fn entries(files: &[PathBuf]) -> Vec<Entry> {
    let entry = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        Entry::file(format!("usr/bin/{name}"), path, 0o755)
    };
    files.iter().map(entry).collect()
}

fn packing() -> Packing<'static> {
    Packing::new(Compression::Gzip(1), 7)
}

/// Bytes of one size that are told from others by their number.
fn content(number: u8) -> Vec<u8> {
    vec![number; 10_000]
}

/// Gives a file the times that another, or it before, had.
fn set_times(path: &Path, like: &fs::Metadata) {
    let times = fs::FileTimes::new()
        .set_modified(like.modified().unwrap())
        .set_accessed(like.accessed().unwrap());
    fs::File::open(path).unwrap().set_times(times).unwrap();
}
