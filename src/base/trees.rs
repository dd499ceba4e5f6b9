//! The merged tree of a base: kept in the user's cache, so that it is made once.

use std::io::{Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::background::blocking;
use super::reader::Reader;
use super::{BaseError, BaseImage, Cache};
use crate::blob::BlobError;
use crate::codec::{self, Compression};
use crate::rootfs::Tree;
use crate::spec::Digest;

/// Counted up whenever a tree of the same layers would be another one, or be written in another way.
const VERSION: u32 = 2;

/// Bytes of a tree as JSON at most: far more than an image of a million files has.
const LIMIT: u64 = 2 << 30;

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    /// The image's manifest: a file under another image's name is none.
    manifest: Digest,
    tree: T,
}

impl Reader {
    /// Whether there is a file for the tree; it may be damaged.
    pub(super) fn has_tree(&self, image: &BaseImage) -> bool {
        self.cache.has_tree(&name(&image.facts.manifest))
    }

    /// The tree out of the cache; else made from the layers, and kept. One that is asked for twice is made once.
    pub(super) async fn tree(&self, image: &BaseImage) -> Result<Arc<Tree>, BaseError> {
        let manifest = image.facts.manifest;
        let _gate = self.gates.enter(&manifest).await;
        let cache = self.cache.clone();
        if let Some(tree) = blocking(move || load(&cache, &manifest)).await {
            return Ok(Arc::new(tree));
        }
        let tree = Arc::new(self.merged(image).await?);
        let (cache, kept) = (self.cache.clone(), tree.clone());
        blocking(move || store(&cache, &manifest, &kept)).await?;
        Ok(tree)
    }
}

fn name(manifest: &Digest) -> String {
    format!("{}-v{VERSION}.json.zst", manifest.hex())
}

/// None where it is missing, damaged, or of another release.
fn load(cache: &Cache, manifest: &Digest) -> Option<Tree> {
    let compressed = cache.tree(&name(manifest))?;
    let media_type = Compression::Zstd(3).media_type();
    let mut decoder = codec::decoder(&media_type, compressed.as_slice(), LIMIT).ok()?;
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).ok()?;
    let stored: Stored<Tree> = serde_json::from_slice(&bytes).ok()?;
    (stored.manifest == *manifest).then_some(stored.tree)
}

fn store(cache: &Cache, manifest: &Digest, tree: &Tree) -> Result<(), BaseError> {
    let name = name(manifest);
    let failed = |error| BlobError::from_io(error, &cache.root().join(&name));
    let mut encoder = Compression::Zstd(3).encoder(Vec::new())?;
    let stored = Stored {
        manifest: *manifest,
        tree,
    };
    // Through a buffer: JSON is written in pieces of a few bytes.
    let mut buffered = std::io::BufWriter::new(&mut encoder);
    serde_json::to_writer(&mut buffered, &stored).map_err(|error| failed(error.into()))?;
    buffered.flush().map_err(failed)?;
    drop(buffered);
    let bytes = encoder.finish().map_err(failed)?;
    cache.put_tree(&name, &bytes)
}
