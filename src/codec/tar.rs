//! Writing tars whose bytes depend on nothing but what is put into them.
//!
//! The GNU format throughout: its long names and numbers hold any bytes and any size, and every unpacker reads
//! them (`docs/decisions/0006-layer-bytes.md`). Users and groups are numbers, all times are one time.

use std::io::{self, Read, Write};

use ::tar::{EntryType, Header};

/// Longest name or link target that a header holds itself.
const SHORT: usize = 100;

/// Tars consist of blocks of this many bytes.
const BLOCK: u64 = 512;

/// What every kind of entry has besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
}

impl Attributes {
    /// Of this mode, owned by root.
    pub fn root(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0 }
    }
}

/// Writes a tar, entry by entry. Nothing is complete before [`TarWriter::finish`].
pub struct TarWriter<W> {
    inner: W,
    mtime: u64,
    buffer: Vec<u8>,
}

impl<W: Write> TarWriter<W> {
    /// A tar on its way to `inner`, in which everything is of this time (Unix seconds; before 1970 is 1970).
    pub fn new(inner: W, mtime: i64) -> Self {
        Self {
            inner,
            mtime: u64::try_from(mtime).unwrap_or(0),
            buffer: vec![0; 128 * 1024],
        }
    }

    /// A directory; `path` is without a slash at its end.
    ///
    /// # Errors
    /// What the inner writer says, here and below.
    pub fn directory(&mut self, path: &[u8], attributes: Attributes) -> io::Result<()> {
        let path = [path, b"/"].concat();
        self.header(&path, EntryType::Directory, attributes, 0, None)
    }

    /// A symbolic link.
    ///
    /// # Errors
    /// As [`TarWriter::directory`].
    pub fn symlink(&mut self, path: &[u8], target: &[u8], attributes: Attributes) -> io::Result<()> {
        self.header(path, EntryType::Symlink, attributes, 0, Some(target))
    }

    /// A second name of a file that is already in the tar.
    ///
    /// # Errors
    /// As [`TarWriter::directory`].
    pub fn hardlink(&mut self, path: &[u8], target: &[u8], attributes: Attributes) -> io::Result<()> {
        self.header(path, EntryType::Link, attributes, 0, Some(target))
    }

    /// A file of exactly `size` bytes from `content`. Calls `progress` with the count of each chunk.
    ///
    /// # Errors
    /// As [`TarWriter::directory`], and of the kind `UnexpectedEof` when `content` ends early. What it holds
    /// beyond `size` is not read.
    pub fn file(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        size: u64,
        content: &mut dyn Read,
        progress: &dyn Fn(u64),
    ) -> Result<(), FileError> {
        let written = self.header(path, EntryType::Regular, attributes, size, None);
        written.map_err(FileError::Write)?;
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let count = match content.read(&mut self.buffer[..most]) {
                Ok(0) => return Err(FileError::Read(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(FileError::Read(error)),
            };
            self.inner
                .write_all(&self.buffer[..count])
                .map_err(FileError::Write)?;
            left -= count as u64;
            progress(count as u64);
        }
        self.pad(size).map_err(FileError::Write)
    }

    /// Ends the tar and gives the inner writer back.
    ///
    /// # Errors
    /// As [`TarWriter::directory`].
    pub fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&[0; 2 * BLOCK as usize])?;
        Ok(self.inner)
    }

    fn header(
        &mut self,
        path: &[u8],
        kind: EntryType,
        attributes: Attributes,
        size: u64,
        target: Option<&[u8]>,
    ) -> io::Result<()> {
        if let Some(target) = target.filter(|target| target.len() > SHORT) {
            self.long(EntryType::GNULongLink, target)?;
        }
        if path.len() > SHORT {
            self.long(EntryType::GNULongName, path)?;
        }
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(attributes.mode);
        header.set_uid(attributes.uid);
        header.set_gid(attributes.gid);
        header.set_size(size);
        header.set_mtime(self.mtime);
        fill(&mut header.as_old_mut().name, path);
        fill(&mut header.as_old_mut().linkname, target.unwrap_or_default());
        header.set_cksum();
        self.inner.write_all(header.as_bytes())
    }

    /// A name too long for the header of the entry that follows.
    fn long(&mut self, kind: EntryType, text: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(text.len() as u64 + 1);
        fill(&mut header.as_old_mut().name, b"././@LongLink");
        header.set_cksum();
        self.inner.write_all(header.as_bytes())?;
        self.inner.write_all(text)?;
        self.inner.write_all(&[0])?;
        self.pad(text.len() as u64 + 1)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let missing = usize::try_from(size.next_multiple_of(BLOCK) - size).expect("less than a block");
        self.inner.write_all(&[0; BLOCK as usize][..missing])
    }
}

/// Which side failed while a file went into a tar.
#[derive(Debug)]
pub enum FileError {
    /// The file.
    Read(io::Error),
    /// The tar.
    Write(io::Error),
}

fn fill(field: &mut [u8; SHORT], text: &[u8]) {
    let count = text.len().min(SHORT);
    field[..count].copy_from_slice(&text[..count]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_above_eight_gibibytes_are_written() {
        // The content is cut off at once: only the header matters.
        let mut tar = TarWriter::new(Vec::new(), 0);
        let size = 9 << 30;
        let ended = tar.file(b"large", Attributes::root(0o644), size, &mut io::empty(), &|_| ());
        assert!(matches!(ended, Err(FileError::Read(_))));
        let header = Header::from_byte_slice(&tar.inner[..512]);
        assert_eq!(header.entry_size().unwrap(), size);
        let owner = Attributes {
            mode: 0o644,
            uid: u64::from(u32::MAX),
            gid: 3_000_000,
        };
        tar.file(b"owned", owner, 0, &mut io::empty(), &|_| ()).unwrap();
        let header = Header::from_byte_slice(&tar.inner[512..1024]);
        assert_eq!(
            (header.uid().unwrap(), header.gid().unwrap()),
            (u64::from(u32::MAX), 3_000_000)
        );
    }
}
