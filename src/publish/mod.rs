//! [`Shipment`] and [`to_registry`]: everything of one image index, brought to a place in an order that shows
//! nothing half-made.
//!
//! In: blobs in files or in other repositories, manifests as bytes, tags. Out: [`Published`]: what is there now and what had to be sent.
//! Blobs go first, then manifests by digest, the index by digest, and tags last of all, so that a tag never names
//! something incomplete. It can be killed at any request and run again; what is there already is not sent again.
//! It must never move a tag that its rule fixes, and decides this before the first byte is sent.

mod destination;
mod error;
mod registry;

pub use destination::Destination;
pub use error::{Kind, PublishError};
pub use registry::to_registry;

pub use crate::registry::{BlobContent, BlobSource};
use crate::spec::{Digest, Reference};

/// Everything of one image index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    /// The manifests that the index lists.
    pub manifests: Vec<ManifestBytes>,
    /// The index; or a manifest that stands alone.
    pub index: ManifestBytes,
    /// Configs and layers of all manifests, each once.
    pub blobs: Vec<BlobSource>,
    /// The tags that will name the index, in the order in which they are set.
    pub tags: Vec<Tag>,
}

/// A manifest or index, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestBytes {
    digest: Digest,
    media_type: String,
    bytes: Vec<u8>,
}

impl ManifestBytes {
    /// The manifest of these bytes; `media_type` is the one that they state.
    pub fn new(media_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: Digest::of(&bytes),
            media_type: media_type.into(),
            bytes,
        }
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The media type.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A tag and its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    name: String,
    moves: Moves,
}

/// Whether a tag may come to name something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moves {
    /// Once set, it stays.
    Never,
    /// It names what was published last.
    Always,
}

impl Tag {
    /// The tag `name`.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>
    ///
    /// # Errors
    /// When `name` does not have the form of a tag.
    pub fn new(name: impl Into<String>, moves: Moves) -> Result<Self, PublishError> {
        let name = name.into();
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let first = name.bytes().next().is_some_and(word);
        if !first || name.len() > 128 || !name.bytes().all(|b| word(b) || b == b'.' || b == b'-') {
            return Err(PublishError::Tag { tag: name });
        }
        Ok(Self { name, moves })
    }

    /// The tag itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rule.
    pub fn moves(&self) -> Moves {
        self.moves
    }
}

/// How to publish.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Moves tags that never move, too.
    pub replace: bool,
}

impl Options {
    /// The same options, with tags replaced that never move.
    #[must_use]
    pub fn replacing(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }
}

/// What is at the registry now, and what that took.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The index by digest: `registry/repository@sha256:...`.
    pub reference: Reference,
    /// The digest of the index.
    pub digest: Digest,
    /// The tags that name the index now.
    pub tags: Vec<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_a_form() {
        for (name, good) in [
            ("v1.2.3-rc.1", true),
            ("_x", true),
            ("1.0.0+build", false),
            ("", false),
            (".x", false),
            ("-x", false),
            ("a b", false),
            ("é", false),
        ] {
            assert_eq!(Tag::new(name, Moves::Never).is_ok(), good, "{name}");
        }
        assert!(Tag::new("x".repeat(128), Moves::Always).is_ok());
        assert!(Tag::new("x".repeat(129), Moves::Always).is_err());
    }
}
