//! What can go wrong with layouts and archives.

use std::io;
use std::path::{Path, PathBuf};

use crate::blob::BlobError;
use crate::spec::Digest;

/// A layout or archive could not be written or read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ArchiveError {
    /// A store, ours or the layout that is written, is at fault.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] BlobError),
    /// Neither a layout's directory nor a tar of one.
    #[error("`{}` is no OCI image layout", path.display())]
    #[diagnostic(
        code(gantry::archive::no_layout),
        help("expected a directory, or an uncompressed tar, that holds `oci-layout` and `index.json`")
    )]
    NoLayout {
        /// What was opened.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::archive::read))]
    Read {
        /// What was opened.
        path: PathBuf,
        /// What the system or the tar reader said.
        #[source]
        source: io::Error,
    },
    /// Its `index.json` is none.
    #[error("the index of `{}` cannot be read", path.display())]
    #[diagnostic(code(gantry::archive::index))]
    Index {
        /// What was opened.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A blob that something points to is not there.
    #[error("blob `{digest}` is not in `{}`", path.display())]
    #[diagnostic(code(gantry::archive::missing))]
    Missing {
        /// The blob.
        digest: Digest,
        /// What was opened.
        path: PathBuf,
    },
    /// A blob's bytes are not those that its name promises.
    #[error("blob `{digest}` in `{}` does not match its digest", path.display())]
    #[diagnostic(code(gantry::archive::altered))]
    Altered {
        /// The blob.
        digest: Digest,
        /// What was opened.
        path: PathBuf,
    },
    /// More than the caller takes.
    #[error("`{what}` in `{}` is larger than {limit}", path.display())]
    #[diagnostic(code(gantry::archive::too_large))]
    TooLarge {
        /// A blob, or the whole.
        what: String,
        /// What was opened.
        path: PathBuf,
        /// The bound, with its unit.
        limit: String,
    },
}

impl ArchiveError {
    /// Whether the disk that is written to is at fault (exit code 7).
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_disk())
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}
