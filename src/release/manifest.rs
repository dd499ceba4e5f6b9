//! [`ManifestBytes`]: a manifest or index as it is stored.

use crate::spec::Digest;

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

    /// Whether it is an index, or Docker's list, and no manifest.
    pub fn is_index(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "application/vnd.oci.image.index.v1+json"
                | "application/vnd.docker.distribution.manifest.list.v2+json"
        )
    }
}
