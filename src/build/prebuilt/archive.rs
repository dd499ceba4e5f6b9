//! [`unpack`]: one member of an archive, written to a file.
//!
//! In: an archive that anybody may have made, and a path in it. Out: the file's bytes, or what the archive holds
//! instead. It must not write under a name that the archive chose, hold more than some megabytes, or write more than
//! [`PROGRAM`] bytes.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;

use zip::ZipArchive;
use zip::result::ZipError;

use crate::codec::entries::{Entries, EntryKind};
use crate::codec::{CodecError, decoder};
use crate::spec::MediaType;

/// No program is larger.
const PROGRAM: u64 = 4 << 30;
/// What an archive may come to when it is unpacked.
const UNPACKED: u64 = 16 << 30;
/// What the list of a zip's files may come to.
const LIST: u64 = 32 << 20;
/// How many names of other members are kept, for messages.
const NAMES: usize = 12;

/// Kinds of files, as their first bytes tell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A tar, compressed or not.
    Tar(Compressed),
    /// A zip.
    Zip,
    /// Something that is not read, and its name.
    Other(&'static str),
}

/// How a tar is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compressed {
    Not,
    Gzip,
    Zstd,
}

/// What became of a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was written.
    File,
    /// It is something else, and what.
    Other(String),
    /// It is not there; some names of what is, those that end alike first, and how many there are besides.
    Nothing(Vec<String>, usize),
}

impl Format {
    /// What a file is; it is read from its beginning.
    pub(super) fn of(file: &mut File) -> io::Result<Self> {
        // As far as the magic of a tar.
        let mut head = Vec::new();
        file.rewind()?;
        file.take(262).read_to_end(&mut head)?;
        file.rewind()?;
        Ok(Self::told_by(&head))
    }

    fn told_by(head: &[u8]) -> Self {
        let begins = |magic: &[u8]| head.starts_with(magic);
        match head {
            _ if begins(b"\x1f\x8b") => Self::Tar(Compressed::Gzip),
            _ if begins(b"\x28\xb5\x2f\xfd") => Self::Tar(Compressed::Zstd),
            _ if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") => Self::Zip,
            _ if begins(b"\xfd7zXZ\0") => Self::Other("compressed with xz"),
            _ if begins(b"BZh") => Self::Other("compressed with bzip2"),
            _ if begins(b"7z\xbc\xaf\x27\x1c") => Self::Other("a 7-Zip archive"),
            _ if begins(b"!<arch>\n") => Self::Other("an ar archive (or a package of Debian)"),
            _ if begins(b"\x7fELF") => Self::Other("a program"),
            _ if head.get(257..262) == Some(b"ustar") => Self::Tar(Compressed::Not),
            _ => Self::Other("no archive"),
        }
    }
}

/// Writes the member `wanted` of an archive to `out`. The whole archive is read, so that a damaged one is seen; of two
/// members of one name the last counts, as it does for `tar` and `unzip`.
pub(super) fn unpack(archive: File, format: Format, wanted: &str, out: &mut File) -> io::Result<Found> {
    match format {
        Format::Tar(compressed) => from_tar(archive, compressed, wanted, out),
        Format::Zip => from_zip(archive, wanted, out).map_err(zip_error),
        Format::Other(what) => Err(io::Error::new(io::ErrorKind::Unsupported, what)),
    }
}

fn from_tar(archive: File, compressed: Compressed, wanted: &str, out: &mut File) -> io::Result<Found> {
    let media_type = match compressed {
        Compressed::Not => MediaType::ImageLayer,
        Compressed::Gzip => MediaType::ImageLayerGzip,
        Compressed::Zstd => MediaType::ImageLayerZstd,
    };
    let stream = decoder(&media_type, archive, UNPACKED).map_err(io::Error::other)?;
    let mut entries = Entries::new(stream);
    let (mut found, mut seen) = (None, Seen::new(wanted));
    while let Some(entry) = entries.next()? {
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        let target = || String::from_utf8_lossy(&entry.target).into_owned();
        if plain(&path) != plain(wanted) {
            if entry.kind == EntryKind::File {
                seen.name(path);
            }
            continue;
        }
        found = Some(match entry.kind {
            EntryKind::File => {
                write(entry.size, &mut entries.content(), out)?;
                Found::File
            }
            EntryKind::Sparse => Found::Other("a sparse file, which is not read".into()),
            EntryKind::Directory => Found::Other("a folder".into()),
            EntryKind::Symlink => Found::Other(format!("a symbolic link to `{}`", target())),
            EntryKind::HardLink => Found::Other(format!("a hard link to `{}`", target())),
            EntryKind::Other => Found::Other("a device or pipe".into()),
        });
    }
    Ok(found.unwrap_or_else(|| seen.nothing()))
}

fn from_zip(archive: File, wanted: &str, out: &mut File) -> Result<Found, ZipError> {
    let left = Rc::new(Cell::new(LIST));
    let mut archive = ZipArchive::new(Bounded {
        inner: archive,
        left: Rc::clone(&left),
    })?;
    left.set(UNPACKED);
    let (mut place, mut seen) = (None, Seen::new(wanted));
    for at in 0..archive.len() {
        let name = archive.name_for_index(at).unwrap_or_default();
        if plain(name) == plain(wanted) {
            place = Some(at);
        } else if !name.ends_with('/') {
            seen.name(name.to_owned());
        }
    }
    let Some(place) = place else {
        return Ok(seen.nothing());
    };
    let mut member = archive.by_index(place)?;
    if member.is_dir() {
        return Ok(Found::Other("a folder".into()));
    }
    if member.is_symlink() {
        let mut target = String::new();
        (&mut member).take(4096).read_to_string(&mut target)?;
        return Ok(Found::Other(format!("a symbolic link to `{target}`")));
    }
    let size = member.size();
    write(size, &mut member, out)?;
    Ok(Found::File)
}

/// Writes a member of that size, and no more than it.
fn write(size: u64, from: &mut dyn Read, out: &mut File) -> io::Result<()> {
    let too_large = || io::Error::new(io::ErrorKind::InvalidData, CodecError::TooLarge(PROGRAM));
    if size > PROGRAM {
        return Err(too_large());
    }
    out.set_len(0)?;
    out.rewind()?;
    let written = io::copy(&mut from.take(PROGRAM + 1), out)?;
    if written > PROGRAM {
        return Err(too_large());
    }
    out.flush()
}

fn zip_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

/// A path as it is meant: many tars begin each with `./`.
fn plain(path: &str) -> &str {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    path.trim_end_matches('/')
}

/// Names of other members.
struct Seen<'a> {
    last: &'a str,
    alike: Vec<String>,
    others: Vec<String>,
    count: usize,
}

impl<'a> Seen<'a> {
    fn new(wanted: &'a str) -> Self {
        Self {
            last: last(wanted),
            alike: Vec::new(),
            others: Vec::new(),
            count: 0,
        }
    }

    fn name(&mut self, name: String) {
        self.count += 1;
        let list = match last(&name) == self.last {
            true => &mut self.alike,
            false => &mut self.others,
        };
        if list.len() < NAMES {
            list.push(name);
        }
    }

    fn nothing(self) -> Found {
        let mut names = self.alike;
        names.extend(self.others);
        names.truncate(NAMES);
        let more = self.count - names.len();
        Found::Nothing(names, more)
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Reads until what is left is used up.
struct Bounded {
    inner: File,
    left: Rc<Cell<u64>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(
            left.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its list of files is too long"))?,
        );
        Ok(count)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_format() {
        let mut tar = [0; 262];
        tar[257..].copy_from_slice(b"ustar");
        for (head, expected) in [
            (tar.as_slice(), Format::Tar(Compressed::Not)),
            (b"\x1f\x8b\x08", Format::Tar(Compressed::Gzip)),
            (b"\x28\xb5\x2f\xfd", Format::Tar(Compressed::Zstd)),
            (b"PK\x03\x04", Format::Zip),
            (b"\xfd7zXZ\0", Format::Other("compressed with xz")),
            (b"\x7fELF\x02", Format::Other("a program")),
            (b"", Format::Other("no archive")),
        ] {
            assert_eq!(Format::told_by(head), expected);
        }
    }

    #[test]
    fn paths_are_exact_but_for_their_beginning() {
        for (path, expected) in [
            ("./bin/x", "bin/x"),
            ("././/bin/x", "bin/x"),
            ("bin/./x", "bin/./x"),
            ("../x", "../x"),
            ("bin/", "bin"),
        ] {
            assert_eq!(plain(path), expected);
        }
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = File::create(folder.path().join("out")).unwrap();
        let error = write(PROGRAM + 1, &mut io::empty(), &mut out).unwrap_err();
        assert!(error.to_string().contains("4294967296 bytes"), "{error}");
        let path = folder.path().join("list");
        std::fs::write(&path, "12345678").unwrap();
        let mut list = Bounded {
            inner: File::open(&path).unwrap(),
            left: Rc::new(Cell::new(5)),
        };
        assert_eq!(list.read(&mut [0; 5]).unwrap(), 5);
        assert!(list.read(&mut [0; 5]).is_err());
    }

    #[test]
    fn names_that_end_alike_come_first_and_few_are_kept() {
        let mut seen = Seen::new("bin/x");
        for number in 0..30 {
            seen.name(format!("doc/{number}"));
        }
        seen.name("app-1/bin/x".into());
        let Found::Nothing(names, more) = seen.nothing() else {
            panic!("nothing was wanted");
        };
        assert_eq!(
            (names[0].as_str(), names[1].as_str(), names.len(), more),
            ("app-1/bin/x", "doc/0", 12, 19)
        );
    }
}
