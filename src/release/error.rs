//! What can go wrong with a release.

use super::{DigestsError, MergeError, ReadError};
use crate::registry::{self, RegistryError};

/// A release cannot be made, or must not.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The registry could not be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] RegistryError),
    /// A file of digests cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Digests(#[from] DigestsError),
    /// Images cannot be one.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Merge(#[from] MergeError),
    /// An image cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Read(#[from] ReadError),
    /// A text that is no tag.
    #[error("`{tag}` is no tag")]
    #[diagnostic(
        code(gantry::release::tag),
        help("a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two")
    )]
    Tag {
        /// The text.
        tag: String,
    },
}

/// The kinds of failure that need different answers of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Our rules forbid it.
    Refused,
    /// What was asked for makes no sense.
    Usage,
    /// The registry, by its own kinds.
    Registry(registry::Kind),
}

impl ReleaseError {
    /// Which kind of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Registry(error) => Kind::Registry(error.kind()),
            Self::Digests(DigestsError::Differs { .. }) => Kind::Refused,
            Self::Digests(DigestsError::Read { .. }) => Kind::Registry(registry::Kind::Local),
            Self::Merge(MergeError::NoAnnotations | MergeError::NoPlatform { .. }) => Kind::Usage,
            Self::Merge(_) => Kind::Refused,
            Self::Read(error) => of_read(error),
            Self::Digests(_) | Self::Tag { .. } => Kind::Usage,
        }
    }
}

fn of_read(error: &ReadError) -> Kind {
    match error {
        // Registries say so, too, where there is no right to read.
        ReadError::NotFound { .. } => Kind::Registry(registry::Kind::Denied),
        ReadError::Archive(error) if error.is_disk() => Kind::Registry(registry::Kind::Local),
        _ => Kind::Usage,
    }
}
