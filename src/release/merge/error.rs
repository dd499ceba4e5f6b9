//! Why images cannot be one.

use crate::spec::Platform;

/// Why images cannot be one.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum MergeError {
    /// Two images are for one platform.
    #[error("`{first}` and `{second}` both have an image for {platform}")]
    #[diagnostic(code(gantry::release::twice))]
    Twice {
        /// The platform.
        platform: Platform,
        /// Where one is.
        first: String,
        /// Where the other is.
        second: String,
        /// Their digests.
        #[help]
        help: String,
    },
    /// They are of different software, or different states of it.
    #[error("`{first}` and `{second}` are not parts of one image: {what} is `{one}` and `{two}`")]
    #[diagnostic(
        code(gantry::release::differ),
        help("merge what one commit gave; an image of several versions cannot be told apart by anybody")
    )]
    Differ {
        /// What differs.
        what: String,
        /// One of them.
        first: String,
        /// What it says.
        one: String,
        /// The other.
        second: String,
        /// What that says.
        two: String,
    },
    /// OCI's media types, and Docker's.
    #[error("`{first}` and `{second}` have different formats, of OCI and of Docker")]
    #[diagnostic(
        code(gantry::release::mixed),
        help(
            "registries refuse an index that mixes them: make all parts with the same `format` (Docker's is `{docker}`)"
        )
    )]
    Mixed {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// Which is Docker's.
        docker: String,
    },
    /// Nothing in it is for a platform.
    #[error("`{names}` holds no image for any platform")]
    #[diagnostic(code(gantry::release::no_image))]
    NoImage {
        /// What was to be merged.
        names: String,
    },
    /// There is no image for a platform that was asked for.
    #[error("`{name}` has no image for {platform}")]
    #[diagnostic(code(gantry::release::no_platform))]
    NoPlatform {
        /// The image.
        name: String,
        /// The platform.
        platform: Platform,
        /// What there is.
        #[help]
        help: String,
    },
    /// Docker's lists have no annotations.
    #[error("an index of Docker's format has no annotations")]
    #[diagnostic(
        code(gantry::release::no_annotations),
        help("leave --annotation out, or make the images with `format = \"oci\"`")
    )]
    NoAnnotations,
}
