//! What can go wrong with the places that `build` writes to.

use crate::matrix::TemplateError;

/// What was built cannot be written where it should be.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum OutputError {
    /// Two images would be written to one path.
    #[error("images `{first}` and `{second}` would both be written to `{output}`")]
    #[diagnostic(
        code(gantry::pipeline::same_output),
        help(
            "put `{{image}}`, for files per platform also `{{platform}}`, into the path, or choose one with --image"
        )
    )]
    Same {
        /// An image.
        first: String,
        /// Another one.
        second: String,
        /// The path.
        output: String,
    },
    /// One image would be written to one path twice.
    #[error("image `{image}` would be written to `{output}` twice")]
    #[diagnostic(
        code(gantry::pipeline::output_twice),
        help("leave one of the two `--output` out, or give it another path")
    )]
    Twice {
        /// The image.
        image: String,
        /// The path.
        output: String,
    },
    /// A layout was asked to be a registry, or the reverse.
    #[error("`{output}` is not a place that `build` writes to")]
    #[diagnostic(
        code(gantry::pipeline::output),
        help(
            "write `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME]`, with `{{image}}`, \
             `{{version}}` and `{{platform}}` filled in; `publish` pushes to registries"
        )
    )]
    Place {
        /// What was given.
        output: String,
    },
    /// A path's variables cannot be filled in.
    #[error("`{output}` cannot be filled in")]
    #[diagnostic(
        code(gantry::pipeline::output_template),
        help(
            "there are `{{image}}`, `{{version}}`, `{{major}}`, `{{minor}}`, `{{patch}}`, `{{env.NAME}}`, and for a file \
             per platform `{{platform}}`, `{{platform-full}}`, `{{platform-path}}`, `{{os}}`, `{{arch}}`, `{{variant}}`"
        )
    )]
    Template {
        /// What was given.
        output: String,
        /// What is wrong with it.
        #[source]
        source: TemplateError,
    },
    /// A docker archive was asked to hold more than one platform.
    #[error("`{output}` can hold one platform, and image `{image}` is for {}", platforms.join(", "))]
    #[diagnostic(
        code(gantry::pipeline::several_platforms),
        help(
            "put `{{platform}}` or `{{arch}}` into the path for a file per platform, or choose one with --platform"
        )
    )]
    SeveralPlatforms {
        /// The image.
        image: String,
        /// Its platforms.
        platforms: Vec<String>,
        /// The path.
        output: String,
    },
}
