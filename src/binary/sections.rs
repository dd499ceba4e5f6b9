//! [`section`], [`unloaded`]: what others read out of a program's file.

use std::fs::File;
use std::path::Path;

use object::read::ReadRef;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, FileKind, elf};

use super::bounded::Budget;

/// The content of the section of that name; none where there is none, or none that can be read.
pub(super) fn section(path: &Path, name: &[u8]) -> Option<Vec<u8>> {
    let cache = object::ReadCache::new(File::open(path).ok()?);
    let budget = Budget::default();
    let data = budget.of(&cache);
    let content = match FileKind::parse(data).ok()? {
        FileKind::Elf32 => content::<elf::FileHeader32<Endianness>, _>(data, name),
        FileKind::Elf64 => content::<elf::FileHeader64<Endianness>, _>(data, name),
        _ => None,
    }?;
    Some(content.to_vec())
}

fn content<'a, H, R>(data: R, name: &[u8]) -> Option<&'a [u8]>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (_, section) = sections.section_by_name(endian, name)?;
    section.data(endian, data).ok()
}

/// The names of the sections that are not loaded; none of a file that has none, or none that can be read.
pub(super) fn unloaded(path: &Path) -> Vec<Vec<u8>> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let cache = object::ReadCache::new(file);
    let budget = Budget::default();
    let data = budget.of(&cache);
    let found = match FileKind::parse(data) {
        Ok(FileKind::Elf32) => all::<elf::FileHeader32<Endianness>, _>(data),
        Ok(FileKind::Elf64) => all::<elf::FileHeader64<Endianness>, _>(data),
        _ => None,
    };
    found.unwrap_or_default()
}

fn all<'a, H, R>(data: R) -> Option<Vec<Vec<u8>>>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let unloaded = sections
        .iter()
        .filter(|section| section.sh_flags(endian).0 & elf::SHF_ALLOC.0 == 0);
    let name = |section| sections.section_name(endian, section).unwrap_or_default();
    Some(unloaded.map(|section| name(section).to_vec()).collect())
}
