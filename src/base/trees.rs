//! The merged tree of a base: kept in the user's cache, so that it is made once.

use std::io::{self, BufWriter, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::background::blocking;
use super::reader::Reader;
use super::{BaseError, BaseImage, Cache};
use crate::codec::{self, Compression};
use crate::rootfs::Tree;
use crate::spec::Digest;

/// Counted up whenever a tree of the same layers would be another one, or be written in another way.
const VERSION: u32 = 4;

/// The fast one that takes least memory: builds of many platforms read and write several trees beside everything else.
const COMPRESSION: Compression = Compression::Gzip(1);
/// About how much smaller trees become, for the room that they are read into.
const RATIO: usize = 10;
/// Most bytes of room that are taken before it is known how many there are.
const ROOM: usize = 64 << 20;
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
    format!("{}-v{VERSION}.json.gz", manifest.hex())
}

/// None where it is missing, damaged, or of another release.
fn load(cache: &Cache, manifest: &Digest) -> Option<Tree> {
    let compressed = cache.tree(&name(manifest))?;
    let mut decoder = codec::decoder(&COMPRESSION.media_type(), compressed.as_slice(), LIMIT).ok()?;
    let mut bytes = Vec::with_capacity(compressed.len().saturating_mul(RATIO).min(ROOM));
    decoder.read_to_end(&mut bytes).ok()?;
    let stored: Stored<Tree> = serde_json::from_slice(&bytes).ok()?;
    (stored.manifest == *manifest).then_some(stored.tree)
}

fn store(cache: &Cache, manifest: &Digest, tree: &Tree) -> Result<(), BaseError> {
    let stored = Stored {
        manifest: *manifest,
        tree,
    };
    cache.put_tree(&name(manifest), |file| {
        let encoder = COMPRESSION.encoder(file).map_err(io::Error::other)?;
        // Through a buffer: JSON is written in pieces of a few bytes.
        let mut buffered = BufWriter::new(encoder);
        serde_json::to_writer(&mut buffered, &stored)?;
        buffered.into_inner()?.finish().map(drop)
    })
}
