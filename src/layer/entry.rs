//! [`Entry`]: one thing in a layer.

use std::path::PathBuf;
use std::sync::Arc;

use crate::codec::tar::Attributes;

/// One thing in a layer: where it goes, what it is, whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Where it goes, relative to the image's root, without `.`, `..` and empty components. Any bytes but NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A regular file.
    File(Source),
    /// A directory.
    Directory,
    /// A symbolic link with this target, as it is written.
    Symlink(Vec<u8>),
    /// A second name of the file at this path of the same layer.
    Hardlink(Vec<u8>),
}

/// Where a file's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A file on this machine, read while packing.
    Path(PathBuf),
    /// Memory: for small files made up by us.
    Bytes(Arc<[u8]>),
}

impl Entry {
    /// An entry at `path`, owned by root. Slashes at the ends and `.` components are removed from `path`.
    pub fn new(path: impl AsRef<[u8]>, kind: Kind, mode: u32) -> Self {
        Self {
            path: normal(path.as_ref()),
            kind,
            mode,
            uid: 0,
            gid: 0,
        }
    }

    /// A file of this machine.
    pub fn file(path: impl AsRef<[u8]>, source: impl Into<PathBuf>, mode: u32) -> Self {
        Self::new(path, Kind::File(Source::Path(source.into())), mode)
    }

    /// A file of these bytes.
    pub fn bytes(path: impl AsRef<[u8]>, bytes: impl Into<Arc<[u8]>>, mode: u32) -> Self {
        Self::new(path, Kind::File(Source::Bytes(bytes.into())), mode)
    }

    /// A directory.
    pub fn directory(path: impl AsRef<[u8]>, mode: u32) -> Self {
        Self::new(path, Kind::Directory, mode)
    }

    /// A symbolic link.
    pub fn symlink(path: impl AsRef<[u8]>, target: impl Into<Vec<u8>>) -> Self {
        Self::new(path, Kind::Symlink(target.into()), 0o777)
    }

    /// A second name of the file at `target` of the same layer.
    pub fn hardlink(path: impl AsRef<[u8]>, target: impl AsRef<[u8]>, mode: u32) -> Self {
        Self::new(path, Kind::Hardlink(normal(target.as_ref())), mode)
    }

    /// The same entry with another owner.
    #[must_use]
    pub fn owned_by(mut self, uid: u64, gid: u64) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    /// The path for messages.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    /// What the entry is made of, for messages.
    pub(super) fn origin(&self) -> String {
        match &self.kind {
            Kind::File(Source::Path(path)) => format!("the file `{}`", path.display()),
            Kind::File(Source::Bytes(bytes)) => format!("{} made-up bytes", bytes.len()),
            Kind::Directory => format!(
                "a directory of mode {:o} and owner {}:{}",
                self.mode, self.uid, self.gid
            ),
            Kind::Symlink(target) => format!("a link to `{}`", String::from_utf8_lossy(target)),
            Kind::Hardlink(target) => format!("another name of `{}`", String::from_utf8_lossy(target)),
        }
    }

    pub(super) fn attributes(&self) -> Attributes {
        Attributes {
            mode: self.mode & 0o7777,
            uid: self.uid,
            gid: self.gid,
        }
    }
}

fn normal(path: &[u8]) -> Vec<u8> {
    let components = path.split(|byte| *byte == b'/');
    let kept: Vec<&[u8]> = components
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    kept.join(&b'/')
}
