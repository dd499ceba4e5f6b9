//! [`LayerFacts`]: what a layer holds, file by file, without its content.
//!
//! In: a layer's stored bytes, as a stream. Out: type, size, mode, owner, time, target, attributes and the content's digest of
//! each entry. Entries, names and unpacked bytes are bounded.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::Serialize;

use super::super::InspectError;
use crate::codec::entries::{Entries, Entry, EntryKind};
use crate::codec::{self, CodecError};
use crate::spec::{Descriptor, DiffId, Digest, Hasher, Hashing, MediaType};

/// Entries of one layer at most; no image has as many.
const ENTRIES: usize = 1_000_000;
/// Bytes that their names take at most.
const NAMES: u64 = 256 << 20;
/// Bytes of all layers that are compared, uncompressed: what ends a bomb, however many layers it is made of.
const UNPACKED: u64 = 64 << 30;

/// What may still be read in one comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    unpacked: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { unpacked: UNPACKED }
    }
}

/// What is known of an entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct FileFacts {
    /// `file`, `directory`, `symlink`, `hardlink`, or another word.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Bytes of a file.
    pub size: u64,
    /// Permissions, as octal digits.
    #[serde(serialize_with = "octal")]
    pub mode: u32,
    /// Number of the user that owns it.
    pub uid: u64,
    /// Number of the group that owns it.
    pub gid: u64,
    /// When it was written, in seconds since 1970.
    pub modified: u64,
    /// Digest of a file's content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Digest of the extended attributes, capabilities among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Digest>,
    /// Which entry of the tar it is.
    #[serde(skip)]
    pub(super) position: usize,
}

/// What a layer holds.
pub(super) struct LayerFacts {
    /// By their paths; of several entries of one path the last one counts, as for whoever unpacks it.
    pub(super) files: BTreeMap<Vec<u8>, FileFacts>,
    pub(super) diff_id: DiffId,
    pub(super) uncompressed: u64,
}

impl LayerFacts {
    /// The paths in the order of the tar.
    pub(super) fn order(&self) -> Vec<&[u8]> {
        let mut order: Vec<_> = self.files.iter().collect();
        order.sort_by_key(|(_, facts)| facts.position);
        order.into_iter().map(|(path, _)| path.as_slice()).collect()
    }
}

/// Reads a layer to its end.
pub(super) fn read(
    stored: &mut dyn Read,
    media_type: &MediaType,
    left: Allowance,
) -> io::Result<(LayerFacts, Allowance)> {
    read_within(stored, media_type, left, (ENTRIES, NAMES))
}

fn read_within(
    stored: &mut dyn Read,
    media_type: &MediaType,
    left: Allowance,
    (most, names): (usize, u64),
) -> io::Result<(LayerFacts, Allowance)> {
    let invalid = |error: CodecError| io::Error::new(io::ErrorKind::InvalidData, error);
    let decoder = codec::decoder(media_type, stored, left.unpacked).map_err(invalid)?;
    let mut tar = Hashing::new(decoder);
    let mut entries = Entries::new(&mut tar);
    let (mut files, mut held, mut position) = (BTreeMap::new(), 0, 0);
    while let Some(entry) = entries.next()? {
        let facts = facts(&entry, &mut entries.content(), position)?;
        position += 1;
        if position > most {
            return Err(invalid(CodecError::Entries(most)));
        }
        held += (entry.path.len() + entry.target.len()) as u64;
        if held > names {
            return Err(invalid(CodecError::TooLarge(names)));
        }
        files.insert(clean(&entry.path), facts);
    }
    // A tar ends before its file does: with padding, at least.
    io::copy(&mut tar, &mut io::sink())?;
    let uncompressed = tar.count();
    let left = Allowance {
        unpacked: left.unpacked.saturating_sub(uncompressed),
    };
    let facts = LayerFacts {
        files,
        diff_id: tar.into_parts().1.diff_id(),
        uncompressed,
    };
    Ok((facts, left))
}

fn facts(entry: &Entry, content: &mut impl Read, position: usize) -> io::Result<FileFacts> {
    let kind = match entry.kind {
        EntryKind::File => "file",
        EntryKind::Sparse => "sparse",
        EntryKind::Directory => "directory",
        EntryKind::Symlink => "symlink",
        EntryKind::HardLink => "hardlink",
        EntryKind::Other => "other",
    };
    let is_link = matches!(entry.kind, EntryKind::Symlink | EntryKind::HardLink);
    let digest = match entry.kind {
        EntryKind::File | EntryKind::Sparse => Some(digest(content)?),
        _ => None,
    };
    Ok(FileFacts {
        kind,
        size: entry.size,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        modified: entry.modified,
        digest,
        target: is_link.then(|| String::from_utf8_lossy(&entry.target).into_owned()),
        attributes: (!entry.attributes.is_empty()).then(|| {
            let mut hasher = Hasher::default();
            for (name, value) in &entry.attributes {
                // With their lengths, so that none is taken for a part of another.
                for part in [name, value] {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part);
                }
            }
            hasher.digest()
        }),
        position,
    })
}

fn digest(content: &mut impl Read) -> io::Result<Digest> {
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 64 << 10]);
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(hasher.digest()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A path from the root, without what says nothing.
fn clean(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|byte| *byte == b'/');
    let mut clean = Vec::new();
    for part in parts.filter(|part| !part.is_empty() && *part != b".") {
        clean.push(b'/');
        clean.extend_from_slice(part);
    }
    if clean.is_empty() {
        clean.push(b'/');
    }
    clean
}

fn octal<S: serde::Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{mode:04o}"))
}

/// The largest files of a layer, which `stored` gives as it is stored: paths and sizes.
///
/// # Errors
/// When it cannot be read.
pub fn largest_files(
    mut stored: impl Read,
    descriptor: &Descriptor,
    count: usize,
) -> Result<Vec<(String, u64)>, InspectError> {
    let digest = Digest::try_from(descriptor.digest())?;
    let read = read(&mut stored, descriptor.media_type(), Allowance::default());
    let (facts, _) = read.map_err(|source| InspectError::Layer { digest, source })?;
    let mut files: Vec<_> = facts
        .files
        .iter()
        .map(|(path, facts)| (facts.size, path))
        .collect();
    files.sort_by_key(|(size, path)| (std::cmp::Reverse(*size), *path));
    let files = files.into_iter().filter(|(size, _)| *size > 0).take(count);
    Ok(files
        .map(|(size, path)| (String::from_utf8_lossy(path).into_owned(), size))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(paths: &[&str]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for path in paths {
            let mut header = tar::Header::new_gnu();
            header.set_size(path.len() as u64);
            tar.append_data(&mut header, path, path.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn there_is_an_end_to_it() {
        let tar = tar(&["one", "two", "three"]);
        let size = tar.len() as u64;
        for (unpacked, entries, names, good) in [
            (size, 3, 11, true),
            (size - 1, 3, 11, false),
            (size, 2, 11, false),
            (size, 3, 10, false),
        ] {
            let left = Allowance { unpacked };
            let read = read_within(
                &mut tar.as_slice(),
                &MediaType::ImageLayer,
                left,
                (entries, names),
            );
            assert_eq!(read.is_ok(), good, "{unpacked} {entries} {names}");
        }
    }

    #[test]
    fn paths_are_those_of_what_is_unpacked() {
        for (written, want) in [
            ("a/b", "/a/b"),
            ("./a//b/", "/a/b"),
            ("/", "/"),
            (".", "/"),
            ("a/../b", "/a/../b"),
        ] {
            assert_eq!(clean(written.as_bytes()), want.as_bytes(), "{written}");
        }
    }
}
