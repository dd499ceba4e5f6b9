//! What can go wrong with publishing.

use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::blob::BlobError;
use crate::registry::{self, RegistryError};
use crate::release::{Kind, ReleaseError};
use crate::spec::{Digest, ReferenceError};

/// Something could not be published.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PublishError {
    /// The registry could not be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] RegistryError),
    /// A tag that never moves names something else already.
    #[error("tag `{tag}` of `{repository}` exists and names `{found}`, not `{ours}`")]
    #[diagnostic(
        code(gantry::publish::tag_taken),
        help("{sent}; publish under a new version, let the tag move in the matrix, or give --replace")
    )]
    TagTaken {
        /// The tag.
        tag: String,
        /// The repository.
        repository: String,
        /// What it names.
        found: Digest,
        /// What it should name.
        ours: Digest,
        /// What is there nevertheless.
        sent: &'static str,
    },
    /// Nobody can say whether a tag would move forward or back.
    #[error(
        "nothing tells which version tag `{tag}` of `{repository}` names, so it may not come to name {version}"
    )]
    #[diagnostic(
        code(gantry::publish::tag_unknown),
        help(
            "{sent}. The tag names {found}, which has no annotation `org.opencontainers.image.version`, and no tag of \
             a version names the same. If {version} is newer, say so once with --force-tags: from then on the tag's \
             version is known"
        )
    )]
    TagUnknown {
        /// The tag.
        tag: String,
        /// The repository.
        repository: String,
        /// What it names.
        found: Digest,
        /// The version that is published.
        version: String,
        /// What is there nevertheless.
        sent: &'static str,
    },
    /// Nobody can say whether a tag would move forward or back, as what is published says no version.
    #[error("what is published has no version, so tag `{tag}` of `{repository}` may not come to name it")]
    #[diagnostic(
        code(gantry::publish::no_version),
        help(
            "{sent}. The tag moves forward only, and names {found}. An image has the version that its annotation \
             `org.opencontainers.image.version` says, or a tag of a version that names it; --force-tags moves the tag \
             anyway"
        )
    )]
    NoVersion {
        /// The tag.
        tag: String,
        /// The repository.
        repository: String,
        /// What it names.
        found: Digest,
        /// What is there nevertheless.
        sent: &'static str,
    },
    /// A tag for a manifest that is not published.
    #[error("tag `{tag}` is for manifest {digest}, which is not part of what is published")]
    #[diagnostic(code(gantry::publish::tag_of_nothing))]
    TagOfNothing {
        /// The tag.
        tag: String,
        /// The manifest.
        digest: Digest,
    },
    /// The registry keeps a tag from being moved, by a rule of its own.
    #[error("the registry keeps tag `{tag}` of `{repository}` at `{found}`; it cannot name `{ours}`")]
    #[diagnostic(
        code(gantry::publish::tag_immutable),
        help(
            "the image is there, without this tag and those after it; publish under a new version, or change the rule \
             that makes tags immutable at the registry"
        )
    )]
    TagImmutable {
        /// The tag.
        tag: String,
        /// The repository.
        repository: String,
        /// What it names.
        found: Digest,
        /// What it should name.
        ours: Digest,
        /// The refusal.
        #[source]
        source: Box<RegistryError>,
    },
    /// It cannot be released.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] ReleaseError),
    /// A layout or archive is at fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
    /// A transport that is known but not written yet.
    #[error("destination `{text}`: `{transport}` is not supported yet")]
    #[diagnostic(
        code(gantry::publish::transport),
        help(
            "use `oci:PATH`, `oci-archive:PATH`, `docker-archive:PATH`, or a registry reference; `load` is for daemons"
        )
    )]
    Transport {
        /// The destination as given.
        text: String,
        /// Its transport.
        transport: String,
    },
    /// A transport without a path.
    #[error("destination `{text}` names no path")]
    #[diagnostic(
        code(gantry::publish::path),
        help("write `oci:PATH`, `oci-archive:PATH` or `docker-archive:PATH`")
    )]
    Path {
        /// The destination as given.
        text: String,
    },
    /// Neither a transport nor a reference.
    #[error("`{text}` is no place for images")]
    #[diagnostic(
        code(gantry::publish::destination),
        help(
            "write `oci:PATH`, `oci-archive:PATH`, `docker-archive:PATH`, or a reference as `ghcr.io/acme/app`"
        )
    )]
    Destination {
        /// The destination as given.
        text: String,
        /// Why it is no reference.
        #[source]
        source: ReferenceError,
    },
    /// A blob's file is not as large as it should be.
    #[error("`{}` holds {found} bytes, not {expected}", path.display())]
    #[diagnostic(code(gantry::publish::blob_size))]
    BlobSize {
        /// The file.
        path: PathBuf,
        /// Its size in bytes as described.
        expected: u64,
        /// Its size in bytes.
        found: u64,
    },
}

impl PublishError {
    /// Which kind of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Registry(error) => Kind::Registry(error.kind()),
            Self::Release(error) => error.kind(),
            Self::Archive(error) if error.is_disk() => Kind::Registry(registry::Kind::Local),
            Self::TagTaken { .. }
            | Self::TagUnknown { .. }
            | Self::NoVersion { .. }
            | Self::TagImmutable { .. } => Kind::Refused,
            Self::BlobSize { .. } => Kind::Registry(registry::Kind::Local),
            _ => Kind::Usage,
        }
    }
}

impl From<BlobError> for PublishError {
    fn from(error: BlobError) -> Self {
        Self::Archive(error.into())
    }
}
