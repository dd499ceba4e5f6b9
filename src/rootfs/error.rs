//! What can go wrong when layers are merged.

/// Layers cannot be merged.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum RootfsError {
    /// The tar is damaged, or its stream ends with an error.
    #[error("the layer cannot be read")]
    #[diagnostic(code(gantry::rootfs::tar))]
    Tar(#[source] std::io::Error),
    /// More than any image has, or than we would hold.
    #[error("the merged layers have more than {0}")]
    #[diagnostic(
        code(gantry::rootfs::too_large),
        help("such an image is damaged, or made to do damage")
    )]
    TooLarge(&'static str),
    /// No file system has such a path.
    #[error("the layer has the path `{0}`, which no tree can have")]
    #[diagnostic(code(gantry::rootfs::path))]
    Path(String),
    /// Something lies below what is no directory, or below links that go in a circle.
    #[error("the layer puts `{path}` below `{parent}`, which is no directory")]
    #[diagnostic(
        code(gantry::rootfs::parent),
        help("container runtimes cannot unpack such an image either")
    )]
    Parent {
        /// What should lie there.
        path: String,
        /// Where it cannot lie.
        parent: String,
    },
    /// A hard link to nothing, or to a directory.
    #[error("the layer's hard link `{path}` leads to `{target}`, which is no file")]
    #[diagnostic(
        code(gantry::rootfs::hard_link),
        help("container runtimes cannot unpack such an image either")
    )]
    HardLink {
        /// The link.
        path: String,
        /// What it should be another name of.
        target: String,
    },
    /// A large program is looked at through a temporary file, and there is no place for it.
    #[error("cannot write a temporary file")]
    #[diagnostic(
        code(gantry::rootfs::temporary),
        help("free some space, or set TMPDIR to a folder on a larger disk")
    )]
    Temporary(#[source] std::io::Error),
}
