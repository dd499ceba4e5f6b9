//! [`FileFacts`] from a file's content, while it streams by.

use std::io::{self, Read, Seek, Write};
use std::sync::Arc;

use super::{FileFacts, Kind, RootfsError};
use crate::binary::Elf;

/// The kernel looks at this much of a script.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/binfmts.h#L19>
const HEAD: u64 = 256;

/// Texts are kept up to this size.
const TEXT: u64 = 1 << 20;

/// How `/etc/passwd` and `/etc/group` begin. Both may be links, or another name of a file that a layer laid before: what
/// begins so is kept, whatever it is called.
const ACCOUNTS: &[u8] = b"root:x:0:";

/// ELF files up to this size are looked at in memory.
const IN_MEMORY: u64 = 1 << 20;

/// No real file's facts take more; one's that do are not believed.
const ELF_COST: usize = 1 << 20;

/// What is known of the file at `path` (clean, links followed), whose content is read from `content` as far as needed.
/// `room` is for programs, one after the other: memory that is taken and given back for each is never whole again.
pub(super) fn read(
    path: &[u8],
    size: u64,
    content: &mut impl Read,
    room: &mut Vec<u8>,
) -> Result<FileFacts, RootfsError> {
    of(path, size, content, |head, rest| elf(size, head, rest, room))
}

/// `elf` is given the first bytes, and the content after them.
fn of<R: Read>(
    path: &[u8],
    size: u64,
    content: &mut R,
    elf: impl FnOnce(&[u8], &mut R) -> Result<Option<Elf>, RootfsError>,
) -> Result<FileFacts, RootfsError> {
    let mut head = Vec::new();
    content
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(RootfsError::Tar)?;
    let mut facts = FileFacts {
        size,
        ..FileFacts::default()
    };
    if head.starts_with(b"\x7fELF") {
        facts.elf = elf(&head, content)?
            .filter(|elf| elf_cost(elf) <= ELF_COST)
            .map(Box::new);
        facts.unreadable = facts.elf.is_none();
    } else if size <= TEXT && (is_wanted(path) || head.starts_with(ACCOUNTS)) {
        content.read_to_end(&mut head).map_err(RootfsError::Tar)?;
        facts.text = Some(head);
    } else if let Some(line) = head.strip_prefix(b"#!") {
        facts.script = Some(first_line(line));
    }
    Ok(facts)
}

impl Kind {
    /// A file that will lie at `path`, with `size` bytes of `content`, which is read as far as needed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file<R: Read + Seek>(path: &[u8], size: u64, content: &mut R) -> Result<Self, RootfsError> {
        // It is at hand: nothing has to be kept for it.
        let facts = of(path, size, content, |_, content| Ok(Elf::read(content).ok()))?;
        Ok(Self::File(Arc::new(facts)))
    }
}

/// About how many bytes facts take.
pub(super) fn cost(facts: &FileFacts) -> usize {
    let text = facts.text.as_ref().map_or(0, Vec::len);
    let script = facts.script.as_ref().map_or(0, String::len);
    size_of::<FileFacts>() + text + script + facts.elf.as_deref().map_or(0, elf_cost)
}

fn elf_cost(elf: &Elf) -> usize {
    let lists = [&elf.needed, &elf.rpath, &elf.runpath, &elf.version_definitions];
    let single = [&elf.interpreter, &elf.soname, &elf.build_id];
    let strings = lists.into_iter().flatten().chain(single.into_iter().flatten());
    let needs = elf.version_needs.iter();
    let of_needs = needs.map(|need| size_of_val(need) + need.library.len() + need.version.len());
    strings
        .map(|string| size_of::<String>() + string.len())
        .chain(of_needs)
        .sum()
}

/// The files that decide how programs run.
fn is_wanted(path: &[u8]) -> bool {
    let Some(name) = path.strip_prefix(b"etc/") else {
        return path == b"usr/lib/os-release";
    };
    [
        b"passwd".as_slice(),
        b"group",
        b"os-release",
        b"nsswitch.conf",
        b"ld.so.cache",
        b"ld.so.conf",
    ]
    .contains(&name)
        || name.starts_with(b"ld.so.conf.d/")
        || name.starts_with(b"ld-musl-") && name.ends_with(b".path")
}

fn first_line(text: &[u8]) -> String {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    // A carriage return is part of the name for the kernel, too.
    line.trim_matches([' ', '\t', '\0']).to_owned()
}

/// Headers lie at both ends of an ELF file, so all of it must be at hand.
fn elf(size: u64, head: &[u8], rest: &mut impl Read, room: &mut Vec<u8>) -> Result<Option<Elf>, RootfsError> {
    if size <= IN_MEMORY {
        room.clear();
        room.reserve_exact(size as usize);
        room.extend_from_slice(head);
        rest.read_to_end(room).map_err(RootfsError::Tar)?;
        return Ok(Elf::of(room).ok());
    }
    let mut file = tempfile::tempfile().map_err(RootfsError::Temporary)?;
    file.write_all(head).map_err(RootfsError::Temporary)?;
    room.resize(IN_MEMORY as usize, 0);
    loop {
        match rest.read(room) {
            Ok(0) => break,
            Ok(count) => file.write_all(&room[..count]).map_err(RootfsError::Temporary)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(RootfsError::Tar(error)),
        }
    }
    file.rewind().map_err(RootfsError::Temporary)?;
    Ok(Elf::read(file).ok())
}
