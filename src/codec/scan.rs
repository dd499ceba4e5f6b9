//! Where the files of a tar lie, found by its headers alone.

use std::io::{self, Read, Seek, SeekFrom};

use ::tar::{EntryType, Header};

use super::{CodecError, pax};

/// Entries of one tar, at most.
const ENTRIES: usize = 200_000;

/// The largest extended header that is read, in bytes; they hold a few lines.
const EXTENDED: u64 = 1024 * 1024;

const BLOCK: u64 = 512;

/// A regular file within a tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name as the header holds it: at most 255 bytes. Longer names are not looked at.
    pub path: Vec<u8>,
    /// Where its bytes begin in the tar.
    pub offset: u64,
    /// How many they are.
    pub size: u64,
}

/// The regular files of an uncompressed tar, in its order. Contents are jumped over, and whatever the tar says,
/// no more than a mebibyte of it is held.
///
/// # Errors
/// When it is no tar, ends early, or has more entries than any image.
pub fn members<R: Read + Seek>(mut tar: R) -> io::Result<Vec<Member>> {
    let end = tar.seek(SeekFrom::End(0))?;
    tar.rewind()?;
    let (mut members, mut position, mut announced) = (Vec::new(), 0, None);
    for _ in 0..ENTRIES {
        let mut header = Header::new_old();
        match tar.read_exact(header.as_mut_bytes()) {
            // Some write no blocks of zeros at the end.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && position == end && position > 0 => {
                return Ok(members);
            }
            read => read?,
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(members);
        }
        checked(&header)?;
        let kind = header.entry_type();
        let written = header.entry_size()?;
        // Such headers are about the entry after them.
        let size = match kind {
            EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink => written,
            _ => announced.take().unwrap_or(written),
        };
        let offset = position + BLOCK;
        let next = size
            .checked_next_multiple_of(BLOCK)
            .and_then(|padded| offset.checked_add(padded));
        let next = next
            .filter(|next| *next <= end)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        if kind == EntryType::XHeader {
            announced = announced_size(&mut tar, size)?;
        } else if kind.is_file() {
            let path = header.path_bytes().into_owned();
            members.push(Member { path, offset, size });
        }
        tar.seek(SeekFrom::Start(next))?;
        position = next;
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        CodecError::Entries(ENTRIES),
    ))
}

/// That the header's sum is right: otherwise this is no tar.
fn checked(header: &Header) -> io::Result<()> {
    let mut again = header.clone();
    again.set_cksum();
    if again.cksum()? == header.cksum()? {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, CodecError::NoTar))
}

/// The `size` that a PAX header of `length` bytes announces: for files of 8 GiB and more.
fn announced_size<R: Read>(tar: &mut R, length: u64) -> io::Result<Option<u64>> {
    if length > EXTENDED {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            CodecError::TooLarge(EXTENDED),
        ));
    }
    let mut text = Vec::new();
    tar.take(length).read_to_end(&mut text)?;
    let mut size = None;
    for record in pax::records(&text) {
        let (key, value) = record?;
        if key == b"size" {
            size = pax::decimal(value);
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::codec::tar::{Attributes, TarWriter};

    fn tar() -> Vec<u8> {
        let mut tar = TarWriter::new(Vec::new(), 0);
        tar.directory(b"a", Attributes::root(0o755)).unwrap();
        for (name, text) in [("a/one", &b"1"[..]), ("a/none", b""), ("two", &[2; 600])] {
            let mut content = text;
            let size = text.len() as u64;
            tar.file(
                name.as_bytes(),
                Attributes::root(0o644),
                size,
                &mut content,
                &|_| (),
            )
            .unwrap();
        }
        tar.finish().unwrap()
    }

    #[test]
    fn members_are_where_they_are_said_to_be() {
        let tar = tar();
        let found = members(Cursor::new(&tar)).unwrap();
        let names: Vec<&[u8]> = found.iter().map(|member| member.path.as_slice()).collect();
        assert_eq!(names, [&b"a/one"[..], b"a/none", b"two"]);
        let two = &found[2];
        let (start, size) = (
            usize::try_from(two.offset).unwrap(),
            usize::try_from(two.size).unwrap(),
        );
        assert_eq!(&tar[start..start + size], [2; 600]);
        assert_eq!(members(Cursor::new(&tar[..tar.len() - 1024])).unwrap(), found);
    }

    #[test]
    fn sizes_of_extended_headers_count() {
        let mut builder = ::tar::Builder::new(Vec::new());
        builder.append_pax_extensions([("size", &b"5"[..])]).unwrap();
        let mut header = Header::new_ustar();
        header.set_path("large").unwrap();
        // As for a size that does not fit.
        header.set_size(0);
        header.set_cksum();
        let mut tar = builder.into_inner().unwrap();
        tar.truncate(1024);
        tar.extend(header.as_bytes());
        tar.extend([7; 512]);
        tar.extend([0; 1024]);
        let expected = Member {
            path: b"large".to_vec(),
            offset: 1536,
            size: 5,
        };
        assert_eq!(members(Cursor::new(tar)).unwrap(), [expected]);
    }

    #[test]
    fn values_may_hold_line_breaks() {
        let mut builder = ::tar::Builder::new(Vec::new());
        let capability = b"\x01\0\0\x02\0\n\0\0";
        let records = [("SCHILY.xattr.security.capability", capability.as_slice())];
        builder.append_pax_extensions(records).unwrap();
        let mut header = Header::new_ustar();
        header.set_size(3);
        builder
            .append_data(&mut header, "file", b"abc".as_slice())
            .unwrap();
        let found = members(Cursor::new(builder.into_inner().unwrap())).unwrap();
        assert_eq!((found.len(), found[0].size), (1, 3));
    }

    #[test]
    fn what_is_no_tar_is_an_error() {
        let tar = tar();
        let cut = members(Cursor::new(&tar[..3000]));
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(members(Cursor::new([b'x'; 2048])).is_err());
        assert!(members(Cursor::new(b"")).is_err());
        // A size beyond the end, and beyond what can be counted.
        for size in [1 << 20, u64::MAX] {
            let mut header = Header::new_gnu();
            header.set_size(size);
            header.set_cksum();
            assert!(members(Cursor::new(header.as_bytes())).is_err(), "{size}");
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(EXTENDED + 1);
        header.set_cksum();
        let mut huge = header.as_bytes().to_vec();
        huge.resize(usize::try_from(EXTENDED).unwrap() + 4096, b'x');
        assert!(members(Cursor::new(huge)).is_err());
    }
}
