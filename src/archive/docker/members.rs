//! [`Members`]: where the files of a docker archive lie, and which other names they have.
//!
//! In: a tar, as it is or compressed with gzip. Out: its files by name, links followed. A compressed one is unpacked to
//! a temporary file first, as its files are read in an order of their own. It must never follow a link out of the tar.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take, Write};
use std::path::{Path, PathBuf};

use crate::archive::ArchiveError;
use crate::blob::{BlobError, BlobStore, Unfinished};
use crate::codec::entries::{Entries, EntryKind};
use crate::codec::{CodecError, decoder};
use crate::spec::MediaType;

/// Entries of one tar, at most.
const ENTRIES: usize = 200_000;

/// The longest name that is looked at, and how many bytes of names are held.
const NAME: usize = 4096;
const NAMES: usize = 32 << 20;

/// Links that lead to links, at most.
const LINKS: usize = 16;

/// The most bytes that a compressed archive unpacks to.
const UNPACKED: u64 = 256 << 30;

/// First bytes of a gzip stream: <https://www.rfc-editor.org/rfc/rfc1952#page-6>.
pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];

/// The files of one tar.
#[derive(Debug)]
pub(super) struct Members {
    path: PathBuf,
    /// The tar of a compressed archive, removed with this value.
    unpacked: Option<Unfinished>,
    found: BTreeMap<String, Member>,
}

#[derive(Debug)]
enum Member {
    File { offset: u64, size: u64 },
    Link(String),
}

impl Members {
    pub(super) fn of(path: &Path, store: &BlobStore) -> Result<Self, ArchiveError> {
        let failed = |error| ArchiveError::read(path, error);
        // Before it is opened: that may wait for ever, as for somebody who writes to a pipe.
        if !path.metadata().map_err(failed)?.is_file() {
            let message = "it is no file";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let mut members = Self {
            path: path.to_owned(),
            unpacked: unpacked(path, store)?,
            found: BTreeMap::new(),
        };
        members.found = listed(File::open(members.tar()).map_err(failed)?).map_err(failed)?;
        Ok(members)
    }

    /// The archive, as it was named.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Where the bytes of a file begin, which tells apart the files of one archive, and how many they are.
    pub(super) fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = clean("", name)?;
        for _ in 0..=LINKS {
            match self.found.get(&name)? {
                Member::File { offset, size } => return Some((*offset, *size)),
                Member::Link(target) => name.clone_from(target),
            }
        }
        None
    }

    /// The bytes of a file that `by` names.
    pub(super) fn open(&self, name: &str, by: &str) -> Result<(Take<File>, u64), ArchiveError> {
        let (offset, size) = self.find(name).ok_or_else(|| ArchiveError::NoMember {
            name: name.to_owned(),
            by: by.to_owned(),
            path: self.path.clone(),
        })?;
        let failed = |error| ArchiveError::read(&self.path, error);
        let mut file = File::open(self.tar()).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        Ok((file.take(size), size))
    }

    /// A small file, whole.
    pub(super) fn read(&self, name: &str, by: &str, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let (mut file, size) = self.open(name, by)?;
        if size > limit {
            return Err(ArchiveError::TooLarge {
                what: name.to_owned(),
                path: self.path.clone(),
                limit: format!("{limit} bytes"),
            });
        }
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        read.map_err(|error| ArchiveError::read(&self.path, error))?;
        Ok(bytes)
    }

    fn tar(&self) -> &Path {
        self.unpacked.as_ref().map_or(&self.path, Unfinished::path)
    }
}

/// A name within the folder `from`, without `.` and `..`; none where it leads out of the tar.
fn clean(from: &str, name: &str) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    // From the top of the tar where it begins with a slash, as everybody who unpacks them has it.
    let from = if name.starts_with('/') { "" } else { from };
    for word in from.split('/').chain(name.split('/')) {
        match word {
            "" | "." => {}
            ".." => drop(words.pop()?),
            word => words.push(word),
        }
    }
    Some(words.join("/"))
}

/// All files and links of a tar. Of two with one name the later counts, as where tars are unpacked.
fn listed(file: File) -> io::Result<BTreeMap<String, Member>> {
    let mut found = BTreeMap::new();
    let mut held = 0;
    let mut position = Counted {
        inner: BufReader::with_capacity(128 * 1024, file),
        count: 0,
    };
    let mut entries = Entries::new(&mut position);
    for _ in 0..ENTRIES {
        let Some(entry) = entries.next()? else {
            return Ok(found);
        };
        // What has no such name is no part of an image.
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let short = entry.path.len() <= NAME && entry.target.len() <= NAME;
        held += entry.path.len() + entry.target.len();
        if held > NAMES {
            break;
        }
        let name = text(&entry.path).filter(|_| short);
        let (Some(name), Some(target)) = (name.and_then(|name| clean("", &name)), text(&entry.target)) else {
            continue;
        };
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let member = match entry.kind {
            EntryKind::File => Some(Member::File {
                offset: entries.inner().count,
                size: entry.size,
            }),
            EntryKind::Symlink => clean(folder, &target).map(Member::Link),
            EntryKind::HardLink => clean("", &target).map(Member::Link),
            _ => None,
        };
        found.remove(&name);
        found.extend(member.map(|member| (name, member)));
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        CodecError::Entries(ENTRIES),
    ))
}

/// The tar of a compressed archive; none where it is one already.
fn unpacked(path: &Path, store: &BlobStore) -> Result<Option<Unfinished>, ArchiveError> {
    let failed = |error| ArchiveError::read(path, error);
    let mut file = File::open(path).map_err(failed)?;
    if first(&mut file, GZIP.len()).map_err(failed)? != GZIP {
        return Ok(None);
    }
    let mut tar = decoder(&MediaType::ImageLayerGzip, file, UNPACKED)?;
    let unpacked = store.scratch()?;
    copy(&mut tar, &mut unpacked.handle()?).map_err(|side| match side {
        Side::From(error) => failed(error),
        Side::To(error) => BlobError::from_io(error, unpacked.path()).into(),
    })?;
    Ok(Some(unpacked))
}

/// The next bytes of a file, which stands where it stood.
pub(super) fn first(file: &mut File, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(count as u64).read_to_end(&mut bytes)?;
    let back = i64::try_from(bytes.len()).map_err(io::Error::other)?;
    file.seek(SeekFrom::Current(-back))?;
    Ok(bytes)
}

/// Which side of a copy failed.
pub(super) enum Side {
    From(io::Error),
    To(io::Error),
}

pub(super) fn copy(from: &mut dyn Read, to: &mut dyn Write) -> Result<(), Side> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Side::From(error)),
        };
        to.write_all(&buffer[..count]).map_err(Side::To)?;
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_tar() {
        for (from, name, expected) in [
            ("", "./a/b", Some("a/b")),
            ("a", "../b/layer.tar", Some("b/layer.tar")),
            ("a", "/b", Some("b")),
            ("a/b", "c/../d", Some("a/b/d")),
            ("a", "../../b", None),
            ("", "../etc/passwd", None),
        ] {
            assert_eq!(clean(from, name).as_deref(), expected, "{from} {name}");
        }
    }
}
