//! `/etc/ld.so.cache`: the libraries that ldconfig(8) found when it was run, which is all that glibc's loader sees of the
//! directories in `/etc/ld.so.conf`. A library that was laid there afterwards is not found.
//!
//! The layout is that of glibc's `sysdeps/generic/dl-cache.h` (`struct cache_file_new`), alone or behind the older one.
//! <https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/dl-cache.h;hb=refs/tags/glibc-2.36>

use std::collections::BTreeMap;

use crate::rootfs::{Kind, Tree};
use crate::target::Endian;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;

/// As long as a path may be for the kernel. Entries may share their text, so that a small file could stand for gigabytes.
const LONGEST: usize = 4096;

/// Where libraries lie, by name; those for any processor first. It borrows from the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cache<'a>(BTreeMap<&'a [u8], Vec<(bool, &'a [u8])>>);

impl<'a> Cache<'a> {
    /// The tree's; none if there is none, or one that cannot be read.
    pub(super) fn of(tree: &'a Tree, endian: Endian) -> Option<Self> {
        let (_, node) = tree.resolve(b"/etc/ld.so.cache")?;
        let Kind::File(facts) = &node.kind else {
            return None;
        };
        Self::parse(facts.text.as_deref()?, endian)
    }

    /// The paths that a name stands for.
    pub(super) fn paths(&self, library: &str) -> impl Iterator<Item = &'a [u8]> {
        let found = self.0.get(library.as_bytes()).into_iter().flatten();
        found.map(|(_, path)| *path)
    }

    fn parse(bytes: &'a [u8], endian: Endian) -> Option<Self> {
        let bytes = newer(bytes, endian)?;
        let count = usize::try_from(number(bytes, MAGIC.len(), endian)?).ok()?;
        let entries = bytes.get(HEADER..)?.get(..count.checked_mul(ENTRY)?)?;
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in entries.chunks_exact(ENTRY) {
            let name = text(bytes, number(entry, 4, endian)?)?;
            let path = text(bytes, number(entry, 8, endian)?)?;
            // For processors with some ability.
            let special = entry[16..].iter().any(|byte| *byte != 0);
            found.entry(name).or_default().push((special, path));
        }
        found.values_mut().for_each(|paths| paths.sort());
        Some(Self(found))
    }
}

/// What follows the older table, if there is one. Offsets count from there.
fn newer(bytes: &[u8], endian: Endian) -> Option<&[u8]> {
    let new = if bytes.starts_with(OLD_MAGIC) {
        let count = usize::try_from(number(bytes, OLD_HEADER - 4, endian)?).ok()?;
        let end = OLD_HEADER.checked_add(count.checked_mul(OLD_ENTRY)?)?;
        bytes.get(end.checked_next_multiple_of(8)?..)?
    } else {
        bytes
    };
    new.starts_with(MAGIC).then_some(new)
}

fn number(bytes: &[u8], at: usize, endian: Endian) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(match endian {
        Endian::Little => u32::from_le_bytes(*bytes),
        Endian::Big => u32::from_be_bytes(*bytes),
    })
}

/// None where it is longer than any path.
fn text(bytes: &[u8], at: u32) -> Option<&[u8]> {
    let bytes = bytes.get(usize::try_from(at).ok()?..)?;
    let bytes = &bytes[..bytes.len().min(LONGEST + 1)];
    let text = bytes.split(|byte| *byte == 0).next()?;
    (text.len() <= LONGEST).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache as ldconfig writes it.
    fn cache(entries: &[(&str, &str, u64)], endian: Endian) -> Vec<u8> {
        let put = |bytes: &mut Vec<u8>, number: usize| {
            let number = u32::try_from(number).unwrap();
            bytes.extend(match endian {
                Endian::Little => number.to_le_bytes(),
                Endian::Big => number.to_be_bytes(),
            });
        };
        let mut bytes = MAGIC.to_vec();
        put(&mut bytes, entries.len());
        bytes.resize(HEADER, 0);
        let strings = HEADER + ENTRY * entries.len();
        let mut text = Vec::new();
        for (name, path, ability) in entries {
            put(&mut bytes, 0x303);
            for word in [name, path] {
                put(&mut bytes, strings + text.len());
                text.extend(word.as_bytes());
                text.push(0);
            }
            put(&mut bytes, 0);
            bytes.extend(ability.to_le_bytes());
        }
        bytes.extend(text);
        bytes
    }

    #[test]
    fn names_lead_to_paths() {
        for endian in [Endian::Little, Endian::Big] {
            let entries = [
                ("liba.so.1", "/opt/v3/liba.so.1", 1),
                ("liba.so.1", "/opt/liba.so.1", 0),
                ("libb.so", "/usr/libb.so", 0),
            ];
            let new = cache(&entries, endian);
            let old: Vec<u8> = [OLD_MAGIC, b"\0", &[0; 4], &new].concat();
            for bytes in [&new, &old] {
                let cache = Cache::parse(bytes, endian).unwrap();
                let expected: [&[u8]; 2] = [b"/opt/liba.so.1", b"/opt/v3/liba.so.1"];
                assert_eq!(cache.paths("liba.so.1").collect::<Vec<_>>(), expected);
                assert_eq!(cache.paths("libb.so").count(), 1);
                assert_eq!(cache.paths("libc.so").count(), 0);
            }
        }
    }

    #[test]
    fn what_is_broken_is_no_cache() {
        let good = cache(&[("a", "/a", 0)], Endian::Little);
        for length in 0..good.len() - 5 {
            assert_eq!(Cache::parse(&good[..length], Endian::Little), None, "{length}");
        }
        let mut many = good.clone();
        many[20..24].fill(0xff);
        assert_eq!(Cache::parse(&many, Endian::Little), None);
        assert_eq!(Cache::parse(&many, Endian::Big), None);
        assert_eq!(Cache::parse(b"text", Endian::Little), None);
        let old = [OLD_MAGIC, b"\0", &[0xff; 4], &good].concat();
        assert_eq!(Cache::parse(&old, Endian::Little), None);
    }

    #[test]
    fn names_without_end_are_none() {
        for (length, good) in [(LONGEST, true), (LONGEST + 1, false), (500_000, false)] {
            let long = "a".repeat(length);
            for entry in [(long.as_str(), "/a", 0), ("a", long.as_str(), 0)] {
                let bytes = cache(&[entry], Endian::Little);
                assert_eq!(Cache::parse(&bytes, Endian::Little).is_some(), good, "{length}");
            }
        }
        // A megabyte of entries that all have one text: nothing of it is copied, or it would be gigabytes.
        let count = 40_000_u32;
        let mut bytes = cache(&[("a", "", 0)], Endian::Little);
        let at = u32::try_from(HEADER).unwrap() + count * 24;
        let entry = [at.to_le_bytes(), at.to_le_bytes(), [0; 4]].concat();
        let entry = [[0; 4].as_slice(), &entry, &[0; 8]].concat();
        bytes[20..24].copy_from_slice(&count.to_le_bytes());
        bytes.truncate(HEADER);
        bytes.extend(entry.repeat(count as usize));
        bytes.extend([b'a'; LONGEST]);
        let many = Cache::parse(&bytes, Endian::Little).unwrap();
        assert_eq!(many.paths(&"a".repeat(LONGEST)).count(), count as usize);
    }
}
