//! [`Layer`]: files packed into one reproducible tar, compressed, stored.
//!
//! In: [`Entry`]s, from [`collect`](collect()) or made up. Out: a blob in the store with both its digests, got in one pass.
//! The bytes depend on the entries, the time and the compression alone: not on order, machine, user, umask or the
//! files' own times. It must never hold a file in memory, never put anything outside the layer's own tree, and
//! never pack a file that changes meanwhile as if nothing had happened. What was packed before is found by [`LayerCache`].

mod cache;
mod collect;
mod entry;
mod error;
mod former;
mod links;
mod order;
mod pack;
mod rules;
mod source;
#[cfg(test)]
mod tests;

pub use crate::codec::tar::Attributes;
pub use cache::{LayerCache, Looked, Unpacked};
pub use collect::{Collect, collect};
pub use entry::{Entry, Kind, Source};
pub use error::LayerError;
pub use pack::{Packing, pack};

use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::spec::{Descriptor, DiffId, Digest, MediaType};

/// A packed layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Layer {
    /// Digest of the stored, compressed bytes.
    pub digest: Digest,
    /// Number of the stored bytes.
    pub size: u64,
    /// Digest of the uncompressed tar, for the config's `rootfs`.
    pub diff_id: DiffId,
    /// What the stored bytes are.
    pub media_type: MediaType,
    /// Number of bytes of the uncompressed tar.
    pub uncompressed: u64,
    /// How many entries it holds, with the parents that were added.
    pub entries: usize,
}

impl Layer {
    /// The stored bytes.
    pub fn blob(&self) -> Blob {
        Blob::new(self.digest, self.size)
    }

    /// As a manifest names it.
    pub fn descriptor(&self) -> Descriptor {
        self.blob().descriptor(self.media_type.clone())
    }
}
