//! The walk from an index or manifest down to everything it needs.

use std::collections::BTreeMap;

use super::{Blob, BlobError, BlobStore};
use crate::spec::{Descriptor, Digest, MediaType};

/// The largest manifest or index that is read, in bytes: what registries accept.
pub const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// Indexes within indexes, at most.
pub(super) const DEPTH: usize = 8;

/// Blobs of one image, at most.
const COUNT: usize = 50_000;

/// What a manifest or an index points to; both shapes in one, as nothing else of them matters here.
#[derive(serde::Deserialize)]
struct Node {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Every blob reachable from `root`, itself included, children before parents. `read` gives the bytes of a
/// manifest or index and must have checked them.
///
/// # Errors
/// What `read` says; and when a manifest is no JSON, or the walk finds more than any image has.
pub fn reach<E: From<BlobError>>(
    root: &Descriptor,
    read: &mut dyn FnMut(&Blob) -> Result<Vec<u8>, E>,
) -> Result<Vec<Descriptor>, E> {
    let mut walk = Walk {
        origin: Blob::described(root)?.digest,
        seen: BTreeMap::new(),
        order: Vec::new(),
    };
    walk.visit(root, DEPTH, read)?;
    Ok(walk.order)
}

impl BlobStore {
    /// Every blob of this store reachable from `root`, itself included, children before parents.
    ///
    /// # Errors
    /// When a manifest on the way is missing or altered. Whether layers are here is not looked at.
    pub fn reach(&self, root: &Descriptor) -> Result<Vec<Descriptor>, BlobError> {
        reach(root, &mut |blob| self.read(&blob.digest, MANIFEST_LIMIT))
    }
}

struct Walk {
    origin: Digest,
    seen: BTreeMap<Digest, ()>,
    order: Vec<Descriptor>,
}

impl Walk {
    fn visit<E: From<BlobError>>(
        &mut self,
        descriptor: &Descriptor,
        depth: usize,
        read: &mut dyn FnMut(&Blob) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        let blob = Blob::described(descriptor)?;
        if self.seen.insert(blob.digest, ()).is_some() {
            return Ok(());
        }
        let unbounded = |limit| BlobError::Unbounded {
            digest: self.origin,
            limit,
        };
        if self.seen.len() > COUNT {
            return Err(unbounded("50000 blobs").into());
        }
        if is_parent(descriptor.media_type()) {
            if depth == 0 {
                return Err(unbounded("8 indexes below each other").into());
            }
            let bytes = read(&blob)?;
            let node: Node = serde_json::from_slice(&bytes).map_err(|source| BlobError::Manifest {
                digest: blob.digest,
                source,
            })?;
            for child in node.manifests.iter().chain(&node.config).chain(&node.layers) {
                self.visit(child, depth - 1, read)?;
            }
        }
        self.order.push(descriptor.clone());
        Ok(())
    }
}

fn is_parent(media_type: &MediaType) -> bool {
    matches!(
        media_type.as_ref(),
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
            | "application/vnd.docker.distribution.manifest.v2+json"
    )
}
