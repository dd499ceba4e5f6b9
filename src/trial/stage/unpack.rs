//! Unpacking layers into a [`Root`], as container runtimes do it.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets>. Devices and pipes are left
//! out, as are extended attributes and times. Owners are set by root only.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use super::super::{LayerFile, TrialError};
use super::root::{Missing, Owned, Root, clean};
use crate::codec;
use crate::codec::entries::{Entries, Entry, EntryKind};

/// More than any image has.
const BYTES: u64 = 64 << 30;
const ENTRIES: usize = 1_000_000;

const WHITEOUT: &[u8] = b".wh.";
/// What begins so is no name of a file that is taken away, but something of AUFS.
const META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What one image may come to.
#[derive(Debug)]
pub(super) struct Left {
    bytes: u64,
    entries: usize,
}

impl Default for Left {
    fn default() -> Self {
        Self {
            bytes: BYTES,
            entries: ENTRIES,
        }
    }
}

/// Why a layer is not in place.
pub(super) enum Fault {
    /// What we cannot do, and a runtime can.
    NotTried(String),
    Error(TrialError),
}

impl From<TrialError> for Fault {
    fn from(error: TrialError) -> Self {
        Self::Error(error)
    }
}

/// Unpacks one layer over what is there. Owners are set if `own`.
pub(super) fn unpack(root: &mut Root, layer: &LayerFile, left: &mut Left, own: bool) -> Result<(), Fault> {
    let damaged = |source| TrialError::Layer {
        path: layer.path.clone(),
        source,
    };
    let file = File::open(&layer.path).map_err(damaged)?;
    let tar = codec::decoder(&layer.media_type, file, left.bytes)
        .map_err(|error| damaged(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let mut counted = Counted { inner: tar, read: 0 };
    let mut entries = Entries::new(&mut counted);
    let mut laying = Laying {
        root,
        layer: &layer.path,
        own,
        put: BTreeSet::new(),
    };
    while let Some(entry) = entries.next().map_err(damaged)? {
        left.entries = left
            .entries
            .checked_sub(1)
            .ok_or_else(|| laying.wrong(&entry, "is one of more than a million"))?;
        if entry.kind == EntryKind::Sparse {
            let name = String::from_utf8_lossy(&entry.path).into_owned();
            let why = format!("a layer stores `{name}` with holes, and such files are not unpacked");
            return Err(Fault::NotTried(why));
        }
        laying.lay(&entry, &mut entries.content())?;
    }
    left.bytes = left.bytes.saturating_sub(counted.read);
    Ok(())
}

/// Sets what was left for the end.
pub(super) fn finish(root: &Root, own: bool) -> Result<(), TrialError> {
    // The inner ones first: afterwards their parents may be closed.
    for (place, owned) in root.directories.iter().rev() {
        set(place, *owned, own).map_err(|source| TrialError::Folder {
            path: place.clone(),
            source,
        })?;
    }
    Ok(())
}

fn set(place: &Path, owned: Owned, own: bool) -> io::Result<()> {
    if own {
        lchown(place, Some(owned.uid), Some(owned.gid))?;
    }
    // After the owner, who takes set-user-id bits along.
    fs::set_permissions(place, fs::Permissions::from_mode(owned.mode))
}

/// A layer while it is unpacked.
struct Laying<'a> {
    root: &'a mut Root,
    layer: &'a Path,
    own: bool,
    /// What this layer has put, which its own whiteouts do not hide.
    put: BTreeSet<PathBuf>,
}

impl Laying<'_> {
    fn lay(&mut self, entry: &Entry, content: &mut impl Read) -> Result<(), TrialError> {
        let parts = clean(&entry.path).ok_or_else(|| self.wrong(entry, "is no path that a tree can have"))?;
        let owned = self.owned(entry)?;
        let Some((name, folder)) = parts.split_last() else {
            if entry.kind == EntryKind::Directory {
                self.root.put_directory(self.root.path().to_owned(), owned);
            }
            return Ok(());
        };
        let folder = self.root.directory(&folder.join(&b'/'), Missing::Made);
        let folder = folder.map_err(|source| match source.kind() {
            io::ErrorKind::NotADirectory => self.wrong(entry, "lies below what is no directory"),
            io::ErrorKind::InvalidInput => self.wrong(entry, "lies below links without an end"),
            _ => self.folder(entry, source),
        })?;
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            return self.white_out(&folder, name, hidden, entry);
        }
        let place = folder.join(OsStr::from_bytes(name));
        let put = self.put_one(&place, entry, owned, content);
        put.map_err(|fault| match fault {
            Put::Disk(source) => TrialError::Folder {
                path: place.clone(),
                source,
            },
            Put::Tar(source) => TrialError::Layer {
                path: self.layer.to_owned(),
                source,
            },
            Put::Wrong(why) => self.wrong(entry, why),
        })?;
        self.put.insert(place);
        Ok(())
    }

    fn put_one(
        &mut self,
        place: &Path,
        entry: &Entry,
        owned: Owned,
        content: &mut impl Read,
    ) -> Result<(), Put> {
        let there = fs::symlink_metadata(place).ok();
        let stays = entry.kind == EntryKind::Directory && there.as_ref().is_some_and(fs::Metadata::is_dir);
        if there.is_some() && !stays {
            self.clear(place)?;
        }
        match entry.kind {
            EntryKind::Directory => {
                if !stays {
                    fs::create_dir(place)?;
                    fs::set_permissions(place, fs::Permissions::from_mode(0o700))?;
                }
                self.root.put_directory(place.to_owned(), owned);
            }
            EntryKind::File => {
                // Never through a link: it must be new.
                let mut options = fs::OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600).open(place)?;
                let mut file = BufWriter::with_capacity(64 << 10, file);
                copy(content, &mut file)?;
                set(place, owned, self.own)?;
            }
            EntryKind::Symlink => {
                symlink(OsStr::from_bytes(&entry.target), place)?;
                if self.own {
                    lchown(place, Some(owned.uid), Some(owned.gid))?;
                }
            }
            EntryKind::HardLink => {
                let target = self
                    .target(entry)
                    .ok_or(Put::Wrong("is a hard link to what is no file"))?;
                fs::hard_link(target, place)?;
            }
            EntryKind::Sparse | EntryKind::Other => {}
        }
        Ok(())
    }

    /// What a hard link is another name of. A link at the end is not followed.
    fn target(&mut self, entry: &Entry) -> Option<PathBuf> {
        let parts = clean(&entry.target)?;
        let (name, folder) = parts.split_last()?;
        let folder = self.root.directory(&folder.join(&b'/'), Missing::Error).ok()?;
        let target = folder.join(OsStr::from_bytes(name));
        let meta = fs::symlink_metadata(&target).ok()?;
        (!meta.is_dir()).then_some(target)
    }

    fn white_out(
        &mut self,
        folder: &Path,
        name: &[u8],
        hidden: &[u8],
        entry: &Entry,
    ) -> Result<(), TrialError> {
        let done = if name == OPAQUE {
            self.hide_below(folder)
        } else if name.starts_with(META) {
            Ok(())
        } else if [b"".as_slice(), b".", b".."].contains(&hidden) {
            return Err(self.wrong(entry, "takes away what has no name"));
        } else {
            self.hide(&folder.join(OsStr::from_bytes(hidden)))
        };
        done.map_err(|source| self.folder(entry, source))
    }

    /// Takes away what lower layers put at a place.
    fn hide(&mut self, place: &Path) -> io::Result<()> {
        if self.put.contains(place) {
            return Ok(());
        }
        let Ok(meta) = fs::symlink_metadata(place) else {
            return Ok(());
        };
        let inner = self.put.range(place.to_owned()..).next();
        if meta.is_dir() && inner.is_some_and(|inner| inner.starts_with(place)) {
            return self.hide_below(place);
        }
        self.clear(place)
    }

    fn hide_below(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            self.hide(&entry?.path())?;
        }
        Ok(())
    }

    /// Removes whatever is at a place, and forgets it.
    fn clear(&mut self, place: &Path) -> io::Result<()> {
        let put = self.put.range(place.to_owned()..);
        let put: Vec<_> = put
            .take_while(|known| known.starts_with(place))
            .cloned()
            .collect();
        for known in put {
            self.put.remove(&known);
        }
        let noted = self.root.directories.range(place.to_owned()..);
        let noted = noted
            .map(|(known, _)| known)
            .take_while(|known| known.starts_with(place));
        for known in noted.cloned().collect::<Vec<_>>() {
            self.root.directories.remove(&known);
        }
        if fs::symlink_metadata(place)?.is_dir() {
            return fs::remove_dir_all(place);
        }
        fs::remove_file(place)
    }

    fn owned(&self, entry: &Entry) -> Result<Owned, TrialError> {
        let id = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        match (id(entry.uid), id(entry.gid)) {
            (Some(uid), Some(gid)) => Ok(Owned {
                uid,
                gid,
                mode: entry.mode,
            }),
            _ => Err(self.wrong(entry, "has an owner that no system has")),
        }
    }

    fn wrong(&self, entry: &Entry, why: &'static str) -> TrialError {
        let path = &entry.path[..entry.path.len().min(200)];
        TrialError::Entry {
            layer: self.layer.to_owned(),
            path: String::from_utf8_lossy(path).into_owned(),
            why,
        }
    }

    fn folder(&self, entry: &Entry, source: io::Error) -> TrialError {
        let name = String::from_utf8_lossy(&entry.path);
        TrialError::Folder {
            path: self.root.path().join(name.trim_start_matches('/')),
            source,
        }
    }
}

/// Which side failed while something was put in its place.
enum Put {
    Disk(io::Error),
    Tar(io::Error),
    Wrong(&'static str),
}

impl From<io::Error> for Put {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

fn copy(from: &mut impl Read, to: &mut impl io::Write) -> Result<(), Put> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(to.flush()?),
            Ok(count) => to.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Put::Tar(error)),
        }
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}
