//! The merged tree of a base: kept in the user's cache, so that it is made once.

use std::sync::Arc;

use super::background::blocking;
use super::reader::Reader;
use super::{BaseError, BaseImage, Cache};
use crate::rootfs::Tree;
use crate::spec::Digest;

/// Counted up whenever a tree of the same layers would be another one, or be written in another way.
const VERSION: u32 = 1;

impl Reader {
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
    cache.tree(&name(manifest)).and(None)
}

fn store(cache: &Cache, manifest: &Digest, _: &Tree) -> Result<(), BaseError> {
    cache.put_tree(&name(manifest), b"")
}
