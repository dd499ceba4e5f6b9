//! The nouns of the OCI specifications, spelled as the specifications spell them.
//!
//! In: bytes and strings from elsewhere. Out: checked values and canonical bytes. This room knows no other
//! room, does no input or output, and is the only one that turns JSON into bytes ([`json`]).

mod base;
mod digest;
mod format;
pub mod json;
mod listing;
mod platform;
mod reference;
mod tag;

pub use base::{BaseFacts, BaseLibc};
pub use digest::{DiffId, Digest, DigestError, Hasher, Hashing};
pub use format::ManifestFormat;
pub use listing::{Listing, ListingError};
pub use oci_spec::distribution::{ParseError as ReferenceError, Reference};
pub use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};
pub use platform::{Platform, PlatformError};
pub use reference::reference;
pub use tag::{is_tag, version_of};

/// The label and annotation keys that the image-spec reserves.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys>
pub mod annotation {
    /// Name of an entry in a layout's `index.json`.
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// When the image was made, RFC 3339.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// Who answers for the image.
    pub const AUTHORS: &str = "org.opencontainers.image.authors";
    /// Where to read more.
    pub const URL: &str = "org.opencontainers.image.url";
    /// Where the documentation lies.
    pub const DOCUMENTATION: &str = "org.opencontainers.image.documentation";
    /// Where the source lies.
    pub const SOURCE: &str = "org.opencontainers.image.source";
    /// Version of the packaged software.
    pub const VERSION: &str = "org.opencontainers.image.version";
    /// Commit of the packaged software.
    pub const REVISION: &str = "org.opencontainers.image.revision";
    /// Who distributes the image.
    pub const VENDOR: &str = "org.opencontainers.image.vendor";
    /// SPDX licence expression.
    pub const LICENSES: &str = "org.opencontainers.image.licenses";
    /// Human-readable name.
    pub const TITLE: &str = "org.opencontainers.image.title";
    /// Human-readable description.
    pub const DESCRIPTION: &str = "org.opencontainers.image.description";
    /// Reference of the base image.
    pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
    /// Digest of the base image.
    pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";
}
