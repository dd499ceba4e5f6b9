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
    let unloaded = sections.iter().filter(|section| !is_loaded::<H>(section, endian));
    let name = |section| sections.section_name(endian, section).unwrap_or_default();
    Some(unloaded.map(|section| name(section).to_vec()).collect())
}

/// Where in the file the relocations that are loaded name a table of symbols that is not the loader's: offsets in bytes
/// of fields (`sh_link`) of four bytes. GNU ld writes them into static programs; nothing reads them.
pub(super) fn links_to_symbols(path: &Path) -> Vec<u64> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let cache = object::ReadCache::new(file);
    let budget = Budget::default();
    let data = budget.of(&cache);
    let found = match FileKind::parse(data) {
        // Where the field lies in a section's header.
        Ok(FileKind::Elf32) => links::<elf::FileHeader32<Endianness>, _>(data, 24),
        Ok(FileKind::Elf64) => links::<elf::FileHeader64<Endianness>, _>(data, 40),
        _ => None,
    };
    found.unwrap_or_default()
}

fn links<'a, H, R>(data: R, field: u64) -> Option<Vec<u64>>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let start: u64 = header.e_shoff(endian).into();
    let size = u64::from(header.e_shentsize(endian));
    let mut found = Vec::new();
    for (section, index) in sections.iter().zip(0..) {
        let is_loaded = is_loaded::<H>(section, endian);
        let relocates = [elf::SHT_REL, elf::SHT_RELA].contains(&section.sh_type(endian));
        let link = object::SectionIndex(usize::try_from(section.sh_link(endian)).ok()?);
        let linked = sections.section(link).map(|section| section.sh_type(endian));
        if is_loaded && relocates && linked.is_ok_and(|linked| linked == elf::SHT_SYMTAB) {
            found.push(start.checked_add(size.checked_mul(index)?)?.checked_add(field)?);
        }
    }
    Some(found)
}

fn is_loaded<H: FileHeader<Endian = Endianness>>(section: &H::SectionHeader, endian: Endianness) -> bool {
    section.sh_flags(endian).0 & elf::SHF_ALLOC.0 != 0
}
