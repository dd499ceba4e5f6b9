//! What can go wrong with a release.

use std::sync::Arc;

use super::{DigestsError, MergeError, ReadError};
use crate::registry::{self, Answer, RegistryError};
use crate::spec::Digest;

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
    /// There is no such repository.
    #[error("there is no repository `{repository}`, or it is hidden")]
    #[diagnostic(
        code(gantry::release::no_repository),
        help("registries say so, too, where the right to read is missing: sign in, or correct the name")
    )]
    NoRepository {
        /// The repository.
        repository: String,
    },
    /// What a tag that stays leads to cannot be read, so nobody can know what it needs.
    #[error(
        "tag `{tag}` stays, but what it leads to cannot be read{}",
        through_text(through)
    )]
    #[diagnostic(
        code(gantry::release::unreadable),
        help("nothing was deleted for it; publish the tag anew, or prune it as well")
    )]
    Unreadable {
        /// The tag.
        tag: String,
        /// The digest that cannot be read; empty where it is the tag.
        through: String,
        /// Why not.
        #[source]
        source: Arc<RegistryError>,
    },
    /// A repository leads to more than we are ready to hold.
    #[error("the tags of `{repository}` lead to more than {limit} manifests")]
    #[diagnostic(code(gantry::release::too_many))]
    TooMany {
        /// The repository.
        repository: String,
        /// The bound.
        limit: usize,
    },
    /// A pattern for tags cannot be understood.
    #[error("`{pattern}` is no pattern for tags")]
    #[diagnostic(
        code(gantry::release::pattern),
        help(
            "`*` stands for anything, `?` for one character, `[0-9]` for one of some, `{{a,b}}` for a or b"
        )
    )]
    Pattern {
        /// The text.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: globset::Error,
    },
    /// The registry has no way to delete this.
    #[error("the registry of `{repository}` deletes no {what}")]
    #[diagnostic(
        code(gantry::release::cannot_delete),
        help(
            "its operator may allow it (docker-registry: `storage.delete.enabled`), and hosted registries have rules of \
             their own for it; every tag that was not deleted names what it did before"
        )
    )]
    CannotDelete {
        /// The repository.
        repository: String,
        /// Tags, or manifests.
        what: &'static str,
        /// What it answered.
        #[source]
        source: Box<Answer>,
    },
    /// The registry refuses to let go of one tag.
    #[error("the registry keeps tag `{tag}`")]
    #[diagnostic(
        code(gantry::release::tag_kept),
        help("a rule of the repository may protect it: immutable tags, or retention")
    )]
    TagKept {
        /// The tag.
        tag: String,
        /// What it answered.
        #[source]
        source: RegistryError,
    },
    /// The registry refuses to let go of one manifest.
    #[error("the registry keeps manifest {digest}")]
    #[diagnostic(
        code(gantry::release::manifest_kept),
        help("something that no tag leads to may need it")
    )]
    ManifestKept {
        /// The manifest.
        digest: Digest,
        /// What it answered.
        #[source]
        source: Box<RegistryError>,
    },
    /// A vendor's own API did not delete a tag.
    #[error("tag `{tag}` was not deleted by its vendor's own API")]
    #[diagnostic(code(gantry::release::vendor))]
    Vendor {
        /// The tag.
        tag: String,
        /// What kind of failure it is.
        kind: Kind,
        /// What the vendor wants.
        #[help]
        help: Option<String>,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A tag was pointed at a placeholder, which could then neither be deleted nor replaced.
    #[error("`{reference}` names a placeholder that could not be deleted; before, it named {before}")]
    #[diagnostic(
        code(gantry::release::stranded),
        help("the next `prune` of the repository finishes it; `tag` sets it back")
    )]
    Stranded {
        /// The tag.
        reference: String,
        /// What it named.
        before: Digest,
        /// Why it could not be put back.
        #[source]
        source: RegistryError,
    },
}

fn through_text(digest: &str) -> String {
    match digest {
        "" => String::new(),
        digest => format!(": {digest}"),
    }
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
            Self::Digests(error) if error.is_disk() => Kind::Registry(registry::Kind::Local),
            Self::Merge(MergeError::NoAnnotations | MergeError::NoPlatform { .. }) => Kind::Usage,
            Self::Merge(_) => Kind::Refused,
            Self::Read(error) => of_read(error),
            Self::Digests(_) | Self::Tag { .. } | Self::Pattern { .. } => Kind::Usage,
            Self::NoRepository { .. } => Kind::Registry(registry::Kind::Denied),
            Self::Unreadable { source, .. } => Kind::Registry(source.kind()),
            Self::TooMany { .. } => Kind::Registry(registry::Kind::Protocol),
            Self::CannotDelete { .. } | Self::TagKept { .. } | Self::ManifestKept { .. } => Kind::Refused,
            Self::Vendor { kind, .. } => *kind,
            Self::Stranded { source, .. } => Kind::Registry(source.kind()),
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
