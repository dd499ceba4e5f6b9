//! [`Identity`]: by what the system tells a file from what it was before, without reading it.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// A file or folder as the system describes it. What replaces it, or is written into it, changes this: the change time
/// cannot be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    mode: u32,
    size: u64,
    modified: (i64, i64),
    /// In seconds and nanoseconds since 1970.
    pub(super) changed: (i64, i64),
}

impl Identity {
    /// The identity of what a path leads to; none where nothing is there, an error where that cannot be told.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> std::io::Result<Option<Self>> {
        use std::io::ErrorKind;
        use std::os::unix::fs::MetadataExt;

        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }))
    }

    /// Elsewhere too little is said of a file to tell it from another.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Path) -> std::io::Result<Option<Self>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}
