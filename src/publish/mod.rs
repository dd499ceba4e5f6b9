//! [`Shipment`] and [`to_registry`]: everything of one image index, brought to a place in an order that shows
//! nothing half-made.
//!
//! In: blobs in files or in other repositories, manifests as bytes, tags. Out: [`Published`]: what is there now and what had to be sent.
//! Blobs go first, then manifests by digest, and the index last of all: by its tags, or by digest where it gets none; so that
//! a tag never names something incomplete. [`Publishing`] may begin before all of it is there. It can be killed at any request and run again; what is there already is not sent again.
//! It must never move a tag that its rule fixes, and decides this before the first byte is sent.

mod courier;
pub mod daemon;
mod delivery;
mod destination;
mod error;
mod known;
mod layout;
mod publishing;
mod registry;
mod source;
mod tagging;

pub use destination::Destination;
pub use error::PublishError;
pub use known::{Known, Nothing};
pub use layout::{Stored, descriptor, into_store, to_layout};
pub use publishing::Publishing;
pub use registry::{allows, rehearse, to_registry};
pub use source::Source;

use crate::registry::Repository;
pub use crate::release::{BlobContent, BlobSource, Content, Kind, Lifted, ManifestBytes, Moves, Tag};
use crate::spec::{Digest, Reference};

/// Everything of one image, and the names that it shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    /// The image.
    pub content: Content,
    /// Its version: tags that move forward compare it with what they name.
    pub version: Option<String>,
    /// The tags that will name it, in the order in which they are set.
    pub tags: Vec<Tag>,
}

/// How to publish.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// The rules of tags that do not hold.
    pub lifted: Lifted,
}

impl Options {
    /// The same options, with tags replaced that never move.
    #[must_use]
    pub fn replacing(mut self, replace: bool) -> Self {
        self.lifted.never = replace;
        self
    }

    /// The same options, with tags moved to any version that move forward only.
    #[must_use]
    pub fn forcing(mut self, force: bool) -> Self {
        self.lifted.forward = force;
        self
    }
}

/// A tag that was left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptTag {
    /// The tag.
    pub name: String,
    /// The version that it names.
    pub version: String,
}

/// What is at the registry now, and what that took.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The index by digest: `registry/repository@sha256:...`.
    pub reference: Reference,
    /// The digest of the index.
    pub digest: Digest,
    /// The tags that name it, or one of its manifests, now.
    pub tags: Vec<String>,
    /// The tags that were left alone, as they name a higher version.
    pub kept: Vec<KeptTag>,
    /// How many blobs were sent.
    pub blobs_sent: u64,
    /// How many blobs the registry took from another of its repositories; nothing of them was sent.
    pub blobs_mounted: u64,
    /// The sum of the sizes in bytes of those that were sent.
    pub bytes_sent: u64,
    /// How many times a manifest, index or tag was written.
    pub manifests_sent: u64,
    /// Everything was there already.
    pub unchanged: bool,
}

impl Published {
    fn of(repository: &Repository, digest: &Digest) -> Self {
        Self {
            reference: repository.at(digest),
            digest: *digest,
            tags: Vec::new(),
            kept: Vec::new(),
            blobs_sent: 0,
            blobs_mounted: 0,
            bytes_sent: 0,
            manifests_sent: 0,
            unchanged: false,
        }
    }
}
