//! What can go wrong with stored bytes.

use std::io;
use std::path::{Path, PathBuf};

use crate::spec::{Digest, DigestError};

/// A store could not do what it was asked.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum BlobError {
    /// The disk, or the user's share of it, is used up.
    #[error("no space left to write `{}`", path.display())]
    #[diagnostic(
        code(gantry::blob::full),
        help(
            "make room (`cargo gantry cache --clean` empties the cache of bases), or put the directory elsewhere; what was half written is removed by the next run"
        )
    )]
    Full {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system would not read or write a file.
    #[error("cannot access `{}`", path.display())]
    #[diagnostic(code(gantry::blob::access))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A blob that should be there is not.
    #[error("blob `{digest}` is not in `{}`", root.display())]
    #[diagnostic(
        code(gantry::blob::missing),
        help("build again: what is missing is made anew")
    )]
    Missing {
        /// The blob.
        digest: Digest,
        /// The store.
        root: PathBuf,
    },
    /// A blob's bytes are not those that its name promises.
    #[error("`{}` was altered: its content does not match its digest and size", path.display())]
    #[diagnostic(code(gantry::blob::altered), help("remove the file and build again"))]
    Altered {
        /// The blob's file.
        path: PathBuf,
    },
    /// A blob is larger than the caller takes.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    #[diagnostic(code(gantry::blob::too_large))]
    TooLarge {
        /// The blob's file.
        path: PathBuf,
        /// The most that was taken, in bytes.
        limit: u64,
    },
    /// A directory is no image layout that we know.
    #[error("`{}` does not describe an OCI image layout of version 1.0.0", path.display())]
    #[diagnostic(code(gantry::blob::layout), help("remove the directory, or name another one"))]
    Layout {
        /// Its `oci-layout`.
        path: PathBuf,
    },
    /// A layout's `index.json` is not JSON of the expected shape.
    #[error("`{}` is no image index", path.display())]
    #[diagnostic(
        code(gantry::blob::index),
        help("remove the file: the blobs beside it are used again")
    )]
    Index {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A manifest or index is not JSON of the expected shape.
    #[error("manifest `{digest}` cannot be read")]
    #[diagnostic(code(gantry::blob::manifest))]
    Manifest {
        /// The blob.
        digest: Digest,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// More manifests below each other, or more blobs, than any image has.
    #[error("`{digest}` leads to more than {limit}")]
    #[diagnostic(code(gantry::blob::unbounded))]
    Unbounded {
        /// Where the walk began.
        digest: Digest,
        /// The bound, with its unit.
        limit: &'static str,
    },
    /// A descriptor's digest is none that we can check.
    #[error("a descriptor cannot be followed")]
    #[diagnostic(code(gantry::blob::digest))]
    Digest(#[from] DigestError),
}

impl BlobError {
    /// Whether the disk is at fault (exit code 7): full, or not readable or writable.
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Io { .. })
    }

    /// The error of the system while working on `path`. An error that passed through an encoder and was ours
    /// before becomes itself again.
    pub fn from_io(error: io::Error, path: &Path) -> Self {
        let path = path.to_owned();
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(source) if full(source.kind()) => Self::Full { path, source },
            Err(source) => Self::Io { path, source },
        }
    }

    /// As an error that can pass through `io::Write` and come back by [`BlobError::from_io`].
    pub(super) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Full { source, .. } | Self::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }
}

fn full(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(kind, StorageFull | QuotaExceeded | FileTooLarge)
}
