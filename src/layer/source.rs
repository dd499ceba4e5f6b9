//! The content of a file while it is packed, watched for changes.

use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{LayerError, Source};

/// A file's bytes, of a size that is known before they are read.
pub(super) enum Content {
    Bytes(Cursor<Arc<[u8]>>),
    File {
        path: PathBuf,
        file: File,
        before: Metadata,
    },
}

impl Content {
    pub(super) fn open(source: &Source) -> Result<Self, LayerError> {
        let path = match source {
            Source::Bytes(bytes) => return Ok(Self::Bytes(Cursor::new(Arc::clone(bytes)))),
            Source::Path(path) => path,
        };
        let unreadable = |source| LayerError::Unreadable {
            path: path.clone(),
            source,
        };
        let file = opened(path).map_err(unreadable)?;
        let before = file.metadata().map_err(unreadable)?;
        if let Some(what) = special(&before).or(before.is_dir().then_some("a directory")) {
            return Err(LayerError::Special {
                path: path.clone(),
                what,
            });
        }
        Ok(Self::File {
            path: path.clone(),
            file,
            before,
        })
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.get_ref().len() as u64,
            Self::File { before, .. } => before.len(),
        }
    }

    /// The error for a file that could not be read to its announced end.
    pub(super) fn unreadable(&self, source: io::Error) -> LayerError {
        match self {
            Self::File { path, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
                LayerError::Changed { path: path.clone() }
            }
            Self::File { path, .. } => LayerError::Unreadable {
                path: path.clone(),
                source,
            },
            Self::Bytes(_) => LayerError::Unreadable {
                path: PathBuf::new(),
                source,
            },
        }
    }

    /// That the file is now what it was when it was opened, and still the one of that name.
    pub(super) fn finish(mut self) -> Result<(), LayerError> {
        let more = self.read(&mut [0]).map_err(|error| self.unreadable(error))?;
        let Self::File { path, file, before } = &self else {
            return Ok(());
        };
        let after = file.metadata().map_err(|error| self.unreadable(error))?;
        // A file that is gone by now was changed as well.
        let named = fs::metadata(path).ok();
        let same = more == 0
            && state(before) == state(&after)
            && named.is_some_and(|named| state(before) == state(&named));
        if same {
            Ok(())
        } else {
            Err(LayerError::Changed { path: path.clone() })
        }
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => bytes.read(buffer),
            Self::File { file, .. } => file.read(buffer),
        }
    }
}

/// What cannot be packed at all.
#[cfg(unix)]
pub(super) fn special(metadata: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    [
        (kind.is_fifo(), "a named pipe"),
        (kind.is_socket(), "a socket"),
        (kind.is_block_device() || kind.is_char_device(), "a device"),
    ]
    .into_iter()
    .find_map(|(is, what)| is.then_some(what))
}

#[cfg(not(unix))]
pub(super) fn special(_: &Metadata) -> Option<&'static str> {
    None
}

/// Opened for reading, without waiting for the other end of a named pipe.
#[cfg(unix)]
fn opened(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn opened(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// What changes when a file does.
#[cfg(unix)]
fn state(metadata: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt;
    (
        (metadata.dev(), metadata.ino(), metadata.size()),
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
    )
}

#[cfg(not(unix))]
fn state(metadata: &Metadata) -> impl PartialEq + use<> {
    (metadata.len(), metadata.modified().ok(), metadata.created().ok())
}
