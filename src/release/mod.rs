//! [`Content`]: an image wherever it lies, and what a release does with it.
//!
//! In: an index or manifest with everything that it leads to, from the store, a layout, an archive or a registry; the tags
//! that it shall get, and what a registry has under them already. Out: what is to be written there, and what must stay.
//! Whatever comes from elsewhere was checked against its digest. It must never let a tag name something incomplete, move
//! one against its rule, or delete what something that stays still needs.

mod answers;
mod digests;
mod error;
mod fate;
pub mod listing;
mod manifest;
mod merge;
mod promote;
pub mod prune;
pub mod read;
pub mod referrers;
mod survey;
mod tag;

pub(crate) use answers::{all, next};
pub use digests::{Digests, DigestsError, ImageDigests, PlatformDigest};
pub use error::{Kind, ReleaseError};
pub use fate::{Fate, Judge, Lifted};
pub(crate) use fate::{highest_version, named};
pub use manifest::ManifestBytes;
pub use merge::{MergeError, Merged, annotated, merge, only, said};
pub use promote::{moves_of, shorter, tags_of};
pub use read::{Part, ReadError};
pub use survey::{BlobState, ManifestState, Survey, TagState, Way, blobs, survey};
pub use tag::{Moves, Tag};

pub use crate::registry::{BlobContent, BlobSource};
use crate::spec::Digest;

/// An image wherever it lies: all of its manifests, and where its blobs can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What tags name: an index, or a manifest that stands alone.
    pub root: ManifestBytes,
    /// The manifests and indexes that it lists, each once, children before parents.
    pub manifests: Vec<ManifestBytes>,
    /// Configs and layers of all manifests, each once.
    pub blobs: Vec<BlobSource>,
}

impl Content {
    /// The digest of the root.
    pub fn digest(&self) -> &Digest {
        self.root.digest()
    }

    /// The manifest or index of that digest, the root among them.
    pub fn manifest(&self, digest: &Digest) -> Option<&ManifestBytes> {
        let all = self.manifests.iter().chain([&self.root]);
        all.into_iter().find(|manifest| manifest.digest() == digest)
    }
}
