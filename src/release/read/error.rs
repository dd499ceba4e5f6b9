//! Why an image could not be read.

use std::io;

use crate::archive::ArchiveError;
use crate::spec::{Digest, DigestError};

/// Why an image could not be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ReadError {
    /// The layout has no such entry.
    #[error("there is no image `{wanted}` in `{name}`")]
    #[diagnostic(code(gantry::release::no_entry))]
    NoEntry {
        /// The layout.
        name: String,
        /// The entry's name.
        wanted: String,
        /// What there is.
        #[help]
        help: String,
    },
    /// The layout has several entries, or none, and none was named.
    #[error("`{name}` holds {count} images, and none is named")]
    #[diagnostic(code(gantry::release::which_entry))]
    WhichEntry {
        /// The layout.
        name: String,
        /// How many there are.
        count: usize,
        /// What there is.
        #[help]
        help: String,
    },
    /// The registry has no such image.
    #[error("there is no image `{reference}`")]
    #[diagnostic(code(gantry::release::not_found), help("check the repository and the tag"))]
    NotFound {
        /// The reference.
        reference: String,
    },
    /// A manifest that is listed is not there.
    #[error("manifest `{digest}` of `{name}` is missing")]
    #[diagnostic(
        code(gantry::release::manifest_missing),
        help("the image is not whole: somebody removed a part of it, or copied only some platforms")
    )]
    ManifestMissing {
        /// The image.
        name: String,
        /// The manifest.
        digest: Digest,
    },
    /// A manifest or config is not what its media type says.
    #[error("`{digest}` of `{name}` is not a usable {what}")]
    #[diagnostic(code(gantry::release::broken))]
    Broken {
        /// The image.
        name: String,
        /// The object.
        digest: Digest,
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        #[source]
        source: serde_json::Error,
    },
    /// Something is not as it was described.
    #[error("`{digest}` of `{name}` is {found}, not {described}")]
    #[diagnostic(code(gantry::release::described))]
    Described {
        /// The image.
        name: String,
        /// The object.
        digest: Digest,
        /// What it is: a size, or a media type.
        found: String,
        /// What it should be.
        described: String,
    },
    /// A blob cannot be read, or is not what its digest says.
    #[error("blob `{digest}` of `{name}` cannot be used")]
    #[diagnostic(code(gantry::release::blob))]
    Blob {
        /// The image.
        name: String,
        /// The blob.
        digest: Digest,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Something that is no image.
    #[error("`{digest}` of `{name}` is a `{media_type}`, which no image has")]
    #[diagnostic(
        code(gantry::release::not_an_image),
        help("images are manifests and indexes of OCI, or version 2, schema 2 of Docker")
    )]
    NotAnImage {
        /// What was asked for.
        name: String,
        /// The object.
        digest: Digest,
        /// What it is.
        media_type: String,
    },
    /// More than any image has.
    #[error("`{name}` has more than {limit}")]
    #[diagnostic(
        code(gantry::release::unbounded),
        help("no image needs that many; it is not read")
    )]
    Unbounded {
        /// What was asked for.
        name: String,
        /// The bound.
        limit: &'static str,
    },
    /// A digest of another algorithm.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Digest(#[from] DigestError),
    /// The layout cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
}
