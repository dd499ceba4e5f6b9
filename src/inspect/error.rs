//! Why an image could not be described.

use crate::archive::ArchiveError;
use crate::registry::RegistryError;

/// Why an image could not be described.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum InspectError {
    /// The layout has no such entry.
    #[error("there is no image `{wanted}` in `{name}`")]
    #[diagnostic(code(gantry::inspect::no_entry))]
    NoEntry {
        /// The layout.
        name: String,
        /// The entry's name.
        wanted: String,
        /// What there is.
        #[help]
        help: String,
    },
    /// The layout has several entries and none was named.
    #[error("`{name}` holds several images")]
    #[diagnostic(code(gantry::inspect::several))]
    Several {
        /// The layout.
        name: String,
        /// What there is.
        #[help]
        help: String,
    },
    /// The registry has no such image.
    #[error("there is no image `{reference}`")]
    #[diagnostic(code(gantry::inspect::not_found), help("check the repository and the tag"))]
    NotFound {
        /// The reference.
        reference: String,
    },
    /// A manifest or config is not what its media type says.
    #[error("`{digest}` is not a usable {what}")]
    #[diagnostic(code(gantry::inspect::broken))]
    Broken {
        /// The object.
        digest: String,
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        #[source]
        source: serde_json::Error,
    },
    /// Something that is no image.
    #[error("`{name}` is a `{media_type}`, not an image")]
    #[diagnostic(code(gantry::inspect::not_an_image))]
    NotAnImage {
        /// What was asked for.
        name: String,
        /// What it is.
        media_type: String,
    },
    /// An index of more manifests than any image has.
    #[error("the index `{name}` lists {found} manifests")]
    #[diagnostic(
        code(gantry::inspect::too_many),
        help("no more than {limit} are read: name one of them by its digest")
    )]
    TooMany {
        /// What was asked for.
        name: String,
        /// How many there are.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// A digest of another algorithm.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Digest(#[from] crate::spec::DigestError),
    /// The layout cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
    /// The registry cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] RegistryError),
}
