//! [`Elf`]: what an ELF file says to the kernel and the dynamic loader.

use object::elf;
use object::read::ReadRef;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind};

use super::Glibc;
use crate::target::Endian;

type Result<T> = std::result::Result<T, ElfError>;

/// More entries than this in one list are a lie.
const MANY: usize = 4096;

/// What an ELF file says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elf {
    /// 32 or 64.
    pub class: u8,
    /// Byte order.
    pub endian: Endian,
    /// `e_machine`.
    pub machine: u16,
    /// `e_flags`.
    pub flags: u32,
    /// `e_type`.
    pub kind: ElfKind,
    /// The program interpreter (`PT_INTERP`).
    pub interpreter: Option<String>,
    /// The libraries that it needs (`DT_NEEDED`), in the order of the file.
    pub needed: Vec<String>,
    /// The symbol versions that it needs of them (`DT_VERNEED`), in the order of the file.
    pub version_needs: Vec<VersionNeed>,
    /// It has no symbol table: names of its functions are gone.
    pub stripped: bool,
    /// It has debug information.
    pub debug_information: bool,
    /// The linker's build id, in lower-case hex.
    pub build_id: Option<String>,
}

/// What kind of ELF file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfKind {
    /// A program at a fixed address (`ET_EXEC`).
    Exec,
    /// A position-independent program, or a library (`ET_DYN`).
    Dyn,
    /// Anything else: no program.
    Other(u16),
}

/// A symbol version that a library must define.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct VersionNeed {
    /// The library.
    pub library: String,
    /// The version.
    pub version: String,
    /// The program starts without it (`VER_FLG_WEAK`).
    pub weak: bool,
}

impl Elf {
    /// Whether it runs without any library and loader.
    pub fn is_static(&self) -> bool {
        self.interpreter.is_none() && self.needed.is_empty()
    }

    /// Whether it is static and runs at any address.
    pub fn is_static_pie(&self) -> bool {
        self.is_static() && self.kind == ElfKind::Dyn
    }

    /// The oldest glibc that it can run on; none if it needs none.
    pub fn glibc(&self) -> Option<Glibc> {
        let versions = self.version_needs.iter().filter(|need| !need.weak);
        versions
            .filter_map(|need| Glibc::of_symbol_version(&need.version))
            .max()
    }

    pub(super) fn parse<'a, R: ReadRef<'a>>(data: R) -> Result<Self> {
        match FileKind::parse(data)? {
            FileKind::Elf32 => read::<elf::FileHeader32<Endianness>, R>(data, 32),
            FileKind::Elf64 => read::<elf::FileHeader64<Endianness>, R>(data, 64),
            _ => Err(invalid("neither a 32-bit nor a 64-bit file")),
        }
    }
}

fn read<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(data: R, class: u8) -> Result<Elf> {
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut found = Elf {
        class,
        endian: match endian {
            Endianness::Little => Endian::Little,
            Endianness::Big => Endian::Big,
        },
        machine: header.e_machine(endian).0,
        flags: header.e_flags(endian).0,
        kind: match header.e_type(endian) {
            elf::ET_EXEC => ElfKind::Exec,
            elf::ET_DYN => ElfKind::Dyn,
            other => ElfKind::Other(other.0),
        },
        interpreter: None,
        needed: Vec::new(),
        version_needs: Vec::new(),
        stripped: true,
        debug_information: false,
        build_id: None,
    };
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            found.interpreter = Some(text(path));
        }
        if let Some(dynamic) = segment.dynamic(endian, data)? {
            let linking = Linking::<H, R>::new(endian, data, segments, dynamic)?;
            found.needed = linking.needed()?;
            found.version_needs = linking.version_needs()?;
        }
        // No loader minds what notes say.
        if let Ok(Some(mut notes)) = segment.notes(endian, data) {
            while let Ok(Some(note)) = notes.next() {
                if note.n_type(endian) == elf::NT_GNU_BUILD_ID && note.name() == elf::ELF_NOTE_GNU {
                    found.build_id = Some(note.desc().iter().map(|byte| format!("{byte:02x}")).collect());
                }
            }
        }
    }
    // Nor does one look at sections: packed programs have none, or wrong ones.
    let Ok(sections) = header.sections(endian, data) else {
        return Ok(found);
    };
    for section in sections.iter() {
        found.stripped &= section.sh_type(endian) != elf::SHT_SYMTAB;
        let name = sections.section_name(endian, section).unwrap_or_default();
        found.debug_information |= [b".debug_info".as_slice(), b".zdebug_info"].contains(&name);
    }
    Ok(found)
}

/// The dynamic section, and how its addresses lie in the file.
struct Linking<'a, H: FileHeader, R> {
    endian: H::Endian,
    data: R,
    segments: &'a [H::ProgramHeader],
    dynamic: &'a [H::Dyn],
    strings: Option<u64>,
}

impl<'a, H: FileHeader, R: ReadRef<'a>> Linking<'a, H, R> {
    fn new(
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
            strings: None,
        };
        if let Some(address) = linking.value(elf::DT_STRTAB) {
            linking.strings = Some(linking.offset(address)?);
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

    fn value(&self, tag: elf::DynamicTag) -> Option<u64> {
        self.entries()
            .find(|(own, _)| *own == tag)
            .map(|(_, value)| value)
    }

    fn needed(&self) -> Result<Vec<String>> {
        let names: Vec<_> = self
            .entries()
            .filter(|(tag, _)| *tag == elf::DT_NEEDED)
            .take(MANY)
            .collect();
        names.into_iter().map(|(_, name)| self.string(name)).collect()
    }

    /// <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html#VERRQMT>
    fn version_needs(&self) -> Result<Vec<VersionNeed>> {
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
        let start = self.strings.and_then(|strings| strings.checked_add(name));
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
    fn offset(&self, address: u64) -> Result<u64> {
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

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is wrong with an ELF file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ElfError(String);

impl From<object::read::Error> for ElfError {
    fn from(error: object::read::Error) -> Self {
        Self(error.to_string())
    }
}

fn invalid(what: &str) -> ElfError {
    ElfError(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A dynamic program that every Linux system has.
    #[cfg(target_os = "linux")]
    fn shell() -> Vec<u8> {
        std::fs::read("/bin/sh").unwrap()
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    fn a_dynamic_program_is_read() {
        let found = Elf::parse(shell().as_slice()).unwrap();
        assert_eq!(
            (found.class, found.endian, found.machine),
            (64, Endian::Little, 62)
        );
        assert_eq!(found.kind, ElfKind::Dyn);
        assert_eq!(found.interpreter.as_deref(), Some("/lib64/ld-linux-x86-64.so.2"));
        assert!(found.needed.contains(&"libc.so.6".to_owned()), "{found:?}");
        assert!(found.stripped && !found.is_static() && !found.debug_information);
        assert_eq!(found.build_id.as_ref().map(String::len), Some(40));
        assert!(found.glibc() > "2.2".parse().ok(), "{found:?}");
        assert!(found.version_needs.iter().any(|need| need.library == "libc.so.6"));

        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let own = Elf::parse(own.as_slice()).unwrap();
        assert!(!own.stripped && own.debug_information, "{own:?}");
    }

    /// Where the dynamic section and the needed versions lie in the file.
    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_env = "gnu"))]
    fn places(bytes: &[u8]) -> [usize; 3] {
        let header = elf::FileHeader64::<Endianness>::parse(bytes).unwrap();
        let endian = header.endian().unwrap();
        let segments = header.program_headers(endian, bytes).unwrap();
        let place = segments
            .iter()
            .find(|one| one.p_type(endian) == elf::PT_DYNAMIC)
            .unwrap();
        let dynamic = place.dynamic(endian, bytes).unwrap().unwrap();
        let linking =
            Linking::<elf::FileHeader64<Endianness>, &[u8]>::new(endian, bytes, segments, dynamic).unwrap();
        let versions = linking.offset(linking.value(elf::DT_VERNEED).unwrap()).unwrap();
        [0, place.file_range(endian).0 as usize, versions as usize]
    }

    #[cfg(all(target_os = "linux", target_pointer_width = "64", target_env = "gnu"))]
    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]
        #[test]
        fn broken_files_do_not_panic(
            changes in prop::collection::vec((0..3usize, 0..600usize, any::<u8>()), 1..12),
            length in prop::option::of(0..4096usize),
        ) {
            let mut bytes = shell();
            let places = places(&bytes);
            for (place, offset, value) in changes {
                if let Some(byte) = bytes.get_mut(places[place] + offset) {
                    *byte = value;
                }
            }
            if let Some(length) = length {
                bytes.truncate(length);
            }
            if let Ok(found) = Elf::parse(bytes.as_slice()) {
                prop_assert!(found.needed.len() <= MANY && found.version_needs.len() <= MANY);
            }
        }
    }
}
