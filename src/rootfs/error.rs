//! What can go wrong when layers are merged.

/// Layers cannot be merged.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum RootfsError {
    /// The tar is damaged.
    #[error("the layer cannot be read")]
    #[diagnostic(code(gantry::rootfs::tar))]
    Tar(#[source] std::io::Error),
}
