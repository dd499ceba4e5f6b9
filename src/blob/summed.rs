//! Files with their sum in front: for what nobody waits for the disk with, and a power cut may leave anything of.
//!
//! The SHA-256 of the rest in hexadecimal digits, a line feed, the rest.

use std::io::{self, BufWriter, Seek, Write};

use super::{BlobError, Unfinished};
use crate::spec::{Digest, Hashing};

/// The digits.
const SUM: usize = 64;
/// Bytes that are written at once.
const BUFFER: usize = 64 << 10;

/// Fills a file with what `write` writes, without holding it.
pub(crate) fn fill(
    unfinished: &Unfinished,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), BlobError> {
    let mut file = unfinished.handle()?;
    let fill = || {
        file.write_all(&[b'0'; SUM])?;
        file.write_all(b"\n")?;
        let mut content = BufWriter::with_capacity(BUFFER, Hashing::new(&mut file));
        write(&mut content)?;
        let (_, hasher) = content.into_inner()?.into_parts();
        file.rewind()?;
        file.write_all(hasher.digest().hex().as_bytes())
    };
    fill().map_err(|error| BlobError::from_io(error, unfinished.path()))
}

/// The content behind the sum, where that is right.
pub(crate) fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (sum, rest) = bytes.split_at_checked(SUM)?;
    let content = rest.strip_prefix(b"\n")?;
    (Digest::of(content).hex().as_bytes() == sum).then_some(content)
}
