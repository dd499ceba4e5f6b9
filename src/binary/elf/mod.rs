//! [`Elf`]: what an ELF file says to the kernel and the dynamic loader.

mod arm;
mod linking;
mod notes;

use std::io::{Read, Seek};

use object::elf;
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind};
use serde::{Deserialize, Serialize};

pub use arm::ArmAttributes;

use super::Glibc;
use super::bounded::Budget;
use crate::target::Endian;
use linking::Linking;

type Result<T> = std::result::Result<T, ElfError>;

/// More entries than this in one list are a lie.
const MANY: usize = 4096;

/// What an ELF file says. It is kept in caches: what is empty or false is not written, numbers stay as the file has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
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
    /// `EI_OSABI`: 0 (System V) and 3 (GNU) are Linux's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub os_abi: u8,
    /// The program interpreter (`PT_INTERP`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub interpreter: Option<String>,
    /// The name that a library goes by (`DT_SONAME`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub soname: Option<String>,
    /// The libraries that it needs (`DT_NEEDED`), in the order of the file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub needed: Vec<String>,
    /// Where they are looked for first (`DT_RPATH`), as it is written: with `$ORIGIN` and the like. The loader ignores
    /// it where there is a `runpath`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rpath: Vec<String>,
    /// Where they are looked for after `LD_LIBRARY_PATH` (`DT_RUNPATH`), as it is written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub runpath: Vec<String>,
    /// The symbol versions that it needs of them (`DT_VERNEED`), in the order of the file.
    #[serde(default, skip_serializing_if = "is_default")]
    pub version_needs: Vec<VersionNeed>,
    /// The symbol versions that it defines (`DT_VERDEF`), in the order of the file, without the name of the file itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub version_definitions: Vec<String>,
    /// The level of x86-64 that it needs, 1 (every machine) to 4, where its linker was told to say it
    /// (`GNU_PROPERTY_X86_ISA_1_NEEDED`).
    /// <https://gitlab.com/x86-psABIs/x86-64-ABI>
    #[serde(default, skip_serializing_if = "is_default")]
    pub isa_level: Option<u8>,
    /// What a file for 32-bit ARM says of its processor.
    #[serde(default, skip_serializing_if = "is_default")]
    pub arm: Option<ArmAttributes>,
    /// Its stack may be executed: `PT_GNU_STACK` says so, or is missing in a 32-bit file. Without it the kernel gives
    /// 64-bit programs a plain stack since 5.8.
    /// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/asm/elf.h#L270-L307>
    #[serde(default, skip_serializing_if = "is_default")]
    pub executable_stack: bool,
    /// The loader makes its relocated data read-only (`PT_GNU_RELRO`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub relro: bool,
    /// The loader looks up every symbol at the start (`DT_BIND_NOW`, `DF_BIND_NOW` or `DF_1_NOW`): with `relro`, no
    /// table of functions stays writable.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bind_now: bool,
    /// It has no symbol table: names of its functions are gone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stripped: bool,
    /// It has debug information.
    #[serde(default, skip_serializing_if = "is_default")]
    pub debug_information: bool,
    /// The linker's build id, in lower-case hex.
    #[serde(default, skip_serializing_if = "is_default")]
    pub build_id: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What kind of ELF file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElfKind {
    /// A program at a fixed address (`ET_EXEC`).
    Exec,
    /// A position-independent program, or a library (`ET_DYN`).
    Dyn,
    /// Anything else: no program.
    Other(u16),
}

/// A symbol version that a library must define.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct VersionNeed {
    /// The library.
    pub library: String,
    /// The version.
    pub version: String,
    /// The program starts without it (`VER_FLG_WEAK`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub weak: bool,
}

impl Elf {
    /// Reads the headers of a file, and some mebibytes of it at most. Whatever it holds, this does not panic.
    ///
    /// # Errors
    /// When it is no ELF file, is damaged where the kernel and the loader look, or cannot be read.
    pub fn read(reader: impl Read + Seek) -> Result<Self> {
        let cache = object::ReadCache::new(reader);
        let budget = Budget::default();
        Self::parse(budget.of(&cache))
    }

    /// The same of a file that is in memory as a whole.
    ///
    /// # Errors
    /// As [`Elf::read`].
    pub(crate) fn of(bytes: &[u8]) -> Result<Self> {
        Self::parse(Budget::default().of(bytes))
    }

    /// The same as [`Elf::read`] for a program that is to run: all that it loads must be there. What was cut short (a
    /// download that broke off, say) has good headers, and crashes when it is started.
    pub(super) fn read_whole(reader: impl Read + Seek) -> Result<Self> {
        let cache = object::ReadCache::new(reader);
        let budget = Budget::default();
        let data = budget.of(&cache);
        let end = match FileKind::parse(data)? {
            FileKind::Elf32 => loaded::<elf::FileHeader32<Endianness>, _>(data)?,
            FileKind::Elf64 => loaded::<elf::FileHeader64<Endianness>, _>(data)?,
            _ => 0,
        };
        let size = data.len().map_err(|()| invalid("its size cannot be told"))?;
        if end > size {
            return Err(ElfError(format!(
                "it is cut short: {size} bytes are here, and it loads {end}"
            )));
        }
        Self::parse(data)
    }

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

    fn parse<'a, R: ReadRef<'a>>(data: R) -> Result<Self> {
        match FileKind::parse(data)? {
            FileKind::Elf32 => read::<elf::FileHeader32<Endianness>, R>(data, 32),
            FileKind::Elf64 => read::<elf::FileHeader64<Endianness>, R>(data, 64),
            _ => Err(invalid("neither a 32-bit nor a 64-bit file")),
        }
    }
}

/// How far into the file reaches what is loaded.
fn loaded<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(data: R) -> Result<u64> {
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?.iter();
    let ends = segments
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .map(|segment| {
            let (offset, size) = segment.file_range(endian);
            offset.saturating_add(size)
        });
    Ok(ends.max().unwrap_or_default())
}

fn read<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(data: R, class: u8) -> Result<Elf> {
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    // The kernel takes 64 KiB of them. Each is compared with each below.
    if segments.len() > MANY {
        return Err(invalid("too many program headers"));
    }
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
        os_abi: header.e_ident().os_abi.0,
        interpreter: None,
        soname: None,
        needed: Vec::new(),
        rpath: Vec::new(),
        runpath: Vec::new(),
        version_needs: Vec::new(),
        version_definitions: Vec::new(),
        isa_level: None,
        arm: None,
        // As the kernel has it for a file that does not say.
        executable_stack: class == 32,
        relro: false,
        bind_now: false,
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
            found.soname = linking.strings(elf::DT_SONAME)?.pop();
            found.needed = linking.strings(elf::DT_NEEDED)?;
            found.rpath = linking.paths(elf::DT_RPATH)?;
            found.runpath = linking.paths(elf::DT_RUNPATH)?;
            found.version_needs = linking.version_needs()?;
            found.version_definitions = linking.version_definitions()?;
            found.bind_now = linking.bind_now();
        }
        match segment.p_type(endian) {
            elf::PT_GNU_STACK => found.executable_stack = segment.p_flags(endian).0 & elf::PF_X.0 != 0,
            elf::PT_GNU_RELRO => found.relro = true,
            _ => {}
        }
        // No loader minds what notes say.
        if let Ok(Some(notes)) = segment.notes(endian, data) {
            notes::read(endian, notes, &mut found);
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
        if header.e_machine(endian) == elf::EM_ARM && section.sh_type(endian) == elf::SHT_ARM_ATTRIBUTES {
            found.arm = arm::read::<H, R>(endian, data, section);
        }
    }
    Ok(found)
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
mod tests;
