//! [`BlobSource`]: a blob that a registry shall hold, and where its bytes come from.

use std::path::PathBuf;

use super::Repository;
use crate::spec::Digest;

/// A blob by its digest and size, and where it can be read as often as needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSource {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where its bytes are.
    pub content: BlobContent,
    /// A repository that has it, for a registry that can mount it from there: that is tried before its bytes are sent.
    pub mount: Option<Repository>,
}

/// Where a blob's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobContent {
    /// In a file that stays as it is until the upload is over.
    File(PathBuf),
    /// In a stretch of a file, as long as the blob: a member of an archive, say.
    Within {
        /// The file, which stays as it is until the upload is over.
        path: PathBuf,
        /// Where in it the blob begins.
        offset: u64,
    },
    /// In another repository, to be streamed from there.
    Remote(Repository),
}

impl BlobSource {
    /// A blob in a file.
    pub fn file(digest: Digest, size: u64, path: impl Into<PathBuf>) -> Self {
        Self::here(digest, size, BlobContent::File(path.into()))
    }

    /// A blob that is the `size` bytes of a file from `offset` on.
    pub fn within(digest: Digest, size: u64, path: impl Into<PathBuf>, offset: u64) -> Self {
        let path = path.into();
        Self::here(digest, size, BlobContent::Within { path, offset })
    }

    fn here(digest: Digest, size: u64, content: BlobContent) -> Self {
        Self {
            digest,
            size,
            content,
            mount: None,
        }
    }

    /// The same, which `repository` has as well.
    #[must_use]
    pub fn also_in(self, repository: Repository) -> Self {
        Self {
            mount: Some(repository),
            ..self
        }
    }

    /// A blob that lies in `repository`.
    pub fn remote(digest: Digest, size: u64, repository: Repository) -> Self {
        Self {
            digest,
            size,
            content: BlobContent::Remote(repository.clone()),
            mount: Some(repository),
        }
    }
}
