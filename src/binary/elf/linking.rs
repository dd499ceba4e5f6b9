//! [`Linking`]: what the dynamic section of an ELF file tells the loader.

use object::elf;
use object::read::ReadRef;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

use super::{MANY, Result, VersionNeed, invalid, text};

/// The dynamic section, and how its addresses lie in the file.
pub(super) struct Linking<'a, H: FileHeader, R> {
    endian: H::Endian,
    data: R,
    segments: &'a [H::ProgramHeader],
    dynamic: &'a [H::Dyn],
    names: Option<u64>,
}

impl<'a, H: FileHeader, R: ReadRef<'a>> Linking<'a, H, R> {
    pub(super) fn new(
        endian: H::Endian,
        data: R,
        segments: &'a [H::ProgramHeader],
        dynamic: &'a [H::Dyn],
    ) -> Result<Self> {
        let mut linking = Self {
            endian,
            data,
            segments,
            dynamic,
            names: None,
        };
        if let Some(address) = linking.value(elf::DT_STRTAB) {
            linking.names = Some(linking.offset(address)?);
        }
        Ok(linking)
    }

    /// The entries up to the end mark.
    fn entries(&self) -> impl Iterator<Item = (elf::DynamicTag, u64)> + '_ {
        self.dynamic
            .iter()
            .map(|entry| (entry.tag(self.endian), entry.val(self.endian)))
            .take_while(|(tag, _)| *tag != elf::DT_NULL)
    }

    pub(super) fn value(&self, tag: elf::DynamicTag) -> Option<u64> {
        self.entries()
            .find(|(own, _)| *own == tag)
            .map(|(_, value)| value)
    }

    /// The strings of all entries with this tag.
    pub(super) fn strings(&self, tag: elf::DynamicTag) -> Result<Vec<String>> {
        let names = self.entries().filter(|(own, _)| *own == tag).take(MANY);
        names.map(|(_, name)| self.string(name)).collect()
    }

    /// The folders of a search path.
    pub(super) fn paths(&self, tag: elf::DynamicTag) -> Result<Vec<String>> {
        let lists = self.strings(tag)?;
        let folders = lists.iter().flat_map(|list| list.split(':'));
        Ok(folders.take(MANY).map(str::to_owned).collect())
    }

    /// <https://github.com/bminor/glibc/blob/glibc-2.41/elf/get-dynamic-info.h#L80-L130>
    pub(super) fn bind_now(&self) -> bool {
        let set = |tag, bit| self.value(tag).is_some_and(|value| value & bit != 0);
        self.value(elf::DT_BIND_NOW).is_some()
            || set(elf::DT_FLAGS, elf::DF_BIND_NOW.0)
            || set(elf::DT_FLAGS_1, elf::DF_1_NOW.0)
    }

    /// <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html#VERDEFENTRIES>
    pub(super) fn version_definitions(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let Some(address) = self.value(elf::DT_VERDEF) else {
            return Ok(found);
        };
        let mut place = self.offset(address)?;
        for _ in 0..MANY {
            let definition: &elf::Verdef<H::Endian> = self.at(place)?;
            // The names after the first are the versions that this one succeeds.
            let name: &elf::Verdaux<H::Endian> = self.at(step(place, definition.vd_aux.get(self.endian))?)?;
            // The file's own name stands among the versions.
            if definition.vd_flags.get(self.endian).0 & elf::VER_FLG_BASE.0 == 0 {
                found.push(self.string(name.vda_name.get(self.endian).into())?);
            }
            match definition.vd_next.get(self.endian) {
                0 => return Ok(found),
                next => place = step(place, next)?,
            }
        }
        Err(invalid("too many symbol versions"))
    }

    /// <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html#VERRQMT>
    pub(super) fn version_needs(&self) -> Result<Vec<VersionNeed>> {
        let mut found = Vec::new();
        let Some(address) = self.value(elf::DT_VERNEED) else {
            return Ok(found);
        };
        let mut place = self.offset(address)?;
        for _ in 0..MANY {
            let need: &elf::Verneed<H::Endian> = self.at(place)?;
            let library = self.string(need.vn_file.get(self.endian).into())?;
            let mut entry = step(place, need.vn_aux.get(self.endian))?;
            for _ in 0..need.vn_cnt.get(self.endian) {
                let version: &elf::Vernaux<H::Endian> = self.at(entry)?;
                if found.len() == MANY {
                    return Err(invalid("too many symbol versions"));
                }
                found.push(VersionNeed {
                    library: library.clone(),
                    version: self.string(version.vna_name.get(self.endian).into())?,
                    weak: version.vna_flags.get(self.endian).0 & elf::VER_FLG_WEAK.0 != 0,
                });
                entry = step(entry, version.vna_next.get(self.endian))?;
            }
            match need.vn_next.get(self.endian) {
                0 => return Ok(found),
                next => place = step(place, next)?,
            }
        }
        Err(invalid("too many libraries with symbol versions"))
    }

    fn string(&self, name: u64) -> Result<String> {
        let start = self.names.and_then(|names| names.checked_add(name));
        let start = start.ok_or_else(|| invalid("a name without a string table"))?;
        let end = self.data.len().map_err(|()| invalid("no length"))?;
        let bytes = self
            .data
            .read_bytes_at_until(start..end, 0)
            .map_err(|()| invalid("a name outside of the file"))?;
        Ok(text(bytes))
    }

    fn at<T: object::Pod>(&self, place: u64) -> Result<&'a T> {
        self.data
            .read_at(place)
            .map_err(|()| invalid("symbol versions outside of the file"))
    }

    /// Where in the file the loader finds an address.
    pub(super) fn offset(&self, address: u64) -> Result<u64> {
        let segment = self.segments.iter().find_map(|segment| {
            let start: u64 = segment.p_vaddr(self.endian).into();
            let (offset, size) = segment.file_range(self.endian);
            let inside = address.checked_sub(start).filter(|inside| *inside < size)?;
            let loaded = segment.p_type(self.endian) == elf::PT_LOAD;
            loaded.then(|| offset.checked_add(inside)).flatten()
        });
        segment.ok_or_else(|| invalid("an address that is not loaded"))
    }
}

fn step(place: u64, by: u32) -> Result<u64> {
    place
        .checked_add(by.into())
        .ok_or_else(|| invalid("an offset overflows"))
}
