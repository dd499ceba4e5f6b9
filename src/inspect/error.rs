//! Why an image could not be described.

use crate::archive::ArchiveError;
use crate::registry::RegistryError;
use crate::spec::{DiffId, Digest, ListingError, Platform};

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
    /// The layout has several entries, or none, and none was named.
    #[error("`{name}` holds {count} images, and none is named")]
    #[diagnostic(code(gantry::inspect::which_entry))]
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
    /// More manifests and configs than any image has.
    #[error("the manifests and configs of `{name}` are larger than {limit} bytes")]
    #[diagnostic(code(gantry::inspect::too_large))]
    TooLarge {
        /// What was asked for.
        name: String,
        /// How much is read.
        limit: u64,
    },
    /// More layers than any image has.
    #[error("an image of {found} layers")]
    #[diagnostic(
        code(gantry::inspect::too_many_layers),
        help("no more than {limit} are compared")
    )]
    TooManyLayers {
        /// How many there are.
        found: usize,
        /// How many are compared.
        limit: usize,
    },
    /// A platform that is not there, or none named where there are several.
    #[error("`{name}` is not an image for {wanted}")]
    #[diagnostic(code(gantry::inspect::platform))]
    WhichPlatform {
        /// What was asked for.
        name: String,
        /// What was wanted of it.
        wanted: String,
        /// What there is.
        #[help]
        help: String,
    },
    /// Something is not as large as what names it says.
    #[error("`{digest}` has {found} bytes and should have {expected}")]
    #[diagnostic(code(gantry::inspect::size))]
    Size {
        /// The object.
        digest: String,
        /// As its descriptor says.
        expected: u64,
        /// As it is.
        found: u64,
    },
    /// A layer cannot be read.
    #[error("layer `{digest}` cannot be read")]
    #[diagnostic(code(gantry::inspect::layer))]
    Layer {
        /// The layer.
        digest: Digest,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A layer is not what the config says.
    #[error("layer `{digest}` is the tar `{found}`, and the config says {expected}")]
    #[diagnostic(
        code(gantry::inspect::diff_id),
        help("the image is damaged, and cannot be pulled: build or push it again")
    )]
    DiffId {
        /// The layer.
        digest: Digest,
        /// As the config says.
        expected: String,
        /// As it is.
        found: DiffId,
    },
    /// Two images differ: for a caller that wants that to be an error.
    #[error("`{before}` and `{after}` differ")]
    #[diagnostic(code(gantry::inspect::differs), help("what differs is listed above"))]
    Differs {
        /// The first image.
        before: String,
        /// The second one.
        after: String,
    },
    /// Images hold more than they may.
    #[error("{}", over_budget(*count))]
    #[diagnostic(code(gantry::inspect::over_budget))]
    OverBudget {
        /// How many platforms of images do.
        count: usize,
        /// Which ones, by how much, what is in them, and what makes them smaller.
        #[help]
        help: String,
    },
    /// More in indexes than any image has.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Listing(#[from] ListingError),
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

impl InspectError {
    /// That there is no such platform, or that none was named; `all` are those that there are.
    pub(super) fn platform(name: &str, wanted: Option<&Platform>, all: &[String]) -> Self {
        Self::WhichPlatform {
            name: name.to_owned(),
            wanted: wanted.map_or_else(|| "a single platform".to_owned(), |one| format!("`{one}`")),
            help: match all {
                [] => "it is no image that runs".to_owned(),
                all => format!("choose one with --platform: it has {}", all.join(", ")),
            },
        }
    }
}

fn over_budget(count: usize) -> String {
    match count {
        1 => "an image is larger than it may be".to_owned(),
        count => format!("images are larger than they may be on {count} platforms"),
    }
}
