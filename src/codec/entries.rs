//! [`Entries`]: the entries of a tar, one after the other.
//!
//! In: an uncompressed tar, as a stream. Out: its entries, with the names and numbers of extended headers applied as
//! Go's `archive/tar` does, which all container runtimes read layers with. It must not hold more than a mebibyte of
//! the tar, whatever that says.
//!
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_92_13>
//! <https://github.com/golang/go/blob/go1.23.0/src/archive/tar/reader.go>

use std::collections::BTreeMap;
use std::io::{self, Read};

use ::tar::{EntryType, GnuExtSparseHeader, Header};

use super::CodecError;
use super::extended::Extended;

const BLOCK: u64 = 512;

/// The largest extended header, as Go has it.
const EXTENDED: u64 = 1 << 20;

/// The entries of a tar that is read from `R`.
pub(crate) struct Entries<R> {
    tar: R,
    /// What is left of the current entry's content.
    content: u64,
    /// And what fills up its last block.
    padding: u64,
}

/// One entry. Its paths are as they are written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: EntryKind,
    /// Where a link leads.
    pub(crate) target: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Of the file as it is unpacked.
    pub(crate) size: u64,
    /// When it was written, in whole seconds since 1970.
    pub(crate) modified: u64,
    /// Extended attributes, capabilities among them, by their names.
    pub(crate) attributes: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EntryKind {
    #[default]
    File,
    /// A file whose content is not stored as it is.
    Sparse,
    Directory,
    Symlink,
    HardLink,
    /// Devices, pipes, and what nobody knows.
    Other,
}

impl<R: Read> Entries<R> {
    pub(crate) fn new(tar: R) -> Self {
        Self {
            tar,
            content: 0,
            padding: 0,
        }
    }

    /// The next entry; none at the end, after which the stream has been read to its own end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = number(&header.as_old().size, || header.entry_size())?;
            match header.entry_type() {
                EntryType::XHeader => extended.read_pax(&self.text(size)?)?,
                EntryType::GNULongName => extended.read_path(self.text(size)?),
                EntryType::GNULongLink => extended.read_target(self.text(size)?),
                // About all entries that follow; container runtimes do not look at it either.
                EntryType::XGlobalHeader => self.announce(size)?,
                _ => return self.entry(&header, size, extended).map(Some),
            }
        }
    }

    /// What is read from; before an entry's content is asked for, it stands at its beginning.
    pub(crate) fn inner(&self) -> &R {
        &self.tar
    }

    /// The current entry's content.
    pub(crate) fn content(&mut self) -> impl Read + '_ {
        Content(self)
    }

    fn entry(&mut self, header: &Header, size: u64, mut extended: Extended) -> io::Result<Entry> {
        let mut kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => EntryKind::File,
            EntryType::GNUSparse => EntryKind::Sparse,
            EntryType::Directory => EntryKind::Directory,
            EntryType::Symlink => EntryKind::Symlink,
            EntryType::Link => EntryKind::HardLink,
            _ => EntryKind::Other,
        };
        let path = extended
            .path()
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let target = extended
            .target()
            .or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        // From the time before directories had a type.
        if header.as_old().linkflag == [0] && path.ends_with(b"/") {
            kind = EntryKind::Directory;
        }
        let mut stored = extended.size.unwrap_or(size);
        let mut real = stored;
        match kind {
            EntryKind::Directory | EntryKind::Symlink | EntryKind::HardLink => stored = 0,
            // Devices and pipes have none; what is unknown may.
            EntryKind::Other if b"346".contains(&header.as_old().linkflag[0]) => stored = 0,
            EntryKind::Sparse => real = self.sparse(header)?,
            EntryKind::File if extended.sparse => {
                kind = EntryKind::Sparse;
                real = extended.real_size.unwrap_or(stored);
            }
            EntryKind::File | EntryKind::Other => {}
        }
        self.announce(stored)?;
        let old = header.as_old();
        Ok(Entry {
            path,
            kind,
            target: target.unwrap_or_default(),
            mode: number(&old.mode, || header.mode())? & 0o7777,
            uid: extended
                .uid
                .map_or_else(|| number(&old.uid, || header.uid()), Ok)?,
            gid: extended
                .gid
                .map_or_else(|| number(&old.gid, || header.gid()), Ok)?,
            size: real,
            modified: extended
                .modified
                .map_or_else(|| number(&old.mtime, || header.mtime()), Ok)?,
            attributes: extended.attributes,
        })
    }

    /// The size of a sparse file of the old kind, whose map goes on in blocks before its content.
    fn sparse(&mut self, header: &Header) -> io::Result<u64> {
        let gnu = header
            .as_gnu()
            .ok_or_else(|| invalid("a sparse file in a tar that has none"))?;
        let mut extended = gnu.is_extended();
        while extended {
            let mut more = GnuExtSparseHeader::new();
            self.tar.read_exact(more.as_mut_bytes())?;
            extended = more.is_extended();
        }
        gnu.real_size()
    }

    /// The next header; none at the end.
    fn header(&mut self) -> io::Result<Option<Header>> {
        let mut header = Header::new_old();
        let bytes = header.as_mut_bytes();
        let mut filled = 0;
        while filled < bytes.len() {
            match self.tar.read(&mut bytes[filled..]) {
                // Some write no blocks of zeros at the end.
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if bytes.iter().all(|byte| *byte == 0) {
            // Whoever hashes the stream wants to see all of it.
            io::copy(&mut self.tar, &mut io::sink())?;
            return Ok(None);
        }
        let mut again = header.clone();
        again.set_cksum();
        // A sum that is no number is no sum either.
        if again.cksum().ok() == header.cksum().ok() {
            return Ok(Some(header));
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, CodecError::NoTar))
    }

    fn announce(&mut self, size: u64) -> io::Result<()> {
        let padded = size.checked_next_multiple_of(BLOCK);
        let padded = padded.ok_or_else(|| invalid("a size that nothing has"))?;
        (self.content, self.padding) = (size, padded - size);
        Ok(())
    }

    /// Goes to the end of the current entry. The last one's block may be cut off behind its content: umoci writes such tars.
    fn skip(&mut self) -> io::Result<()> {
        let (content, padding) = (self.content, self.padding);
        (self.content, self.padding) = (0, 0);
        let skipped = io::copy(&mut (&mut self.tar).take(content), &mut io::sink())?;
        let filled = io::copy(&mut (&mut self.tar).take(padding), &mut io::sink())?;
        if skipped == content && (filled == padding || filled == 0) {
            return Ok(());
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// The content of an extended header.
    fn text(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > EXTENDED {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                CodecError::TooLarge(EXTENDED),
            ));
        }
        self.announce(size)?;
        let mut text = Vec::new();
        self.content().read_to_end(&mut text)?;
        Ok(text)
    }
}

/// Content that ends early is an error, not a short file.
struct Content<'e, R>(&'e mut Entries<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.content)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.0.tar.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.0.content -= count as u64;
        Ok(count)
    }
}

/// A number of a header. Some leave fields blank.
fn number<N: Default>(field: &[u8], read: impl FnOnce() -> io::Result<N>) -> io::Result<N> {
    if field.iter().all(|byte| [0, b' '].contains(byte)) {
        return Ok(N::default());
    }
    read()
}

pub(crate) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
