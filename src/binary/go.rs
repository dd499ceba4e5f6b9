//! [`go_build_info`]: what a Go program says of how it was built, as `go version -m` shows it.
//!
//! The linker writes it into a section of its own, which stripping leaves alone; the versions since Go 1.18 write it
//! as text. <https://github.com/golang/go/blob/go1.24.0/src/debug/buildinfo/buildinfo.go>

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, FileKind, elf};

use super::BinaryError;
use super::bounded::Budget;

const SECTION: &[u8] = b".go.buildinfo";
const MAGIC: &[u8] = b"\xff Go buildinf:";

/// Where the magic may begin.
const ALIGN: usize = 16;
/// Magic, size of pointers, flags, and what older versions need.
const HEADER: usize = 32;
/// The bit of the flags that says that texts follow the header.
const INLINE: u8 = 2;

/// How much of a program without that section is looked at: the linker writes the text at the beginning of the first
/// segment that can be written.
const SEARCHED: u64 = 1 << 20;
/// A module with ten thousand dependencies says less.
const TEXT: usize = 4 << 20;

/// What stands around the text of modules and settings.
/// <https://github.com/golang/go/blob/go1.24.0/src/cmd/go/internal/modload/build.go#L33>
const AROUND: usize = 16;

/// What a Go program says of its making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoBuildInfo {
    /// The version of Go: `go1.24.0`.
    pub go_version: String,
    /// The package of the program; empty where it says none.
    pub path: String,
    /// Path of the module that it belongs to; empty where it says none.
    pub module: String,
    /// Version of that module, `(devel)` where it has none; empty where it says none.
    pub version: String,
    /// How it was built: `GOARCH`, `CGO_ENABLED`, `vcs.revision`, `-tags`. Some hold paths of the machine that built
    /// it.
    pub settings: BTreeMap<String, String>,
}

/// What the Go linker wrote into a program. None for files that are not ELF, not made by Go, or made by a Go before
/// 1.18.
///
/// # Errors
/// When the file cannot be read.
pub fn go_build_info(path: &Path) -> Result<Option<GoBuildInfo>, BinaryError> {
    let file = File::open(path).map_err(|source| BinaryError::Read {
        path: path.to_owned(),
        source,
    })?;
    let cache = object::ReadCache::new(file);
    let budget = Budget::default();
    let data = budget.of(&cache);
    let found = match FileKind::parse(data) {
        Ok(FileKind::Elf32) => written::<elf::FileHeader32<Endianness>, _>(data),
        Ok(FileKind::Elf64) => written::<elf::FileHeader64<Endianness>, _>(data),
        _ => None,
    };
    Ok(found.and_then(read))
}

/// The bytes that begin with the magic.
fn written<'a, H, R>(data: R) -> Option<&'a [u8]>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let named = header.sections(endian, data).ok().and_then(|sections| {
        let (_, section) = sections.section_by_name(endian, SECTION)?;
        section.data(endian, data).ok()
    });
    if let Some(bytes) = named {
        return from_magic(bytes);
    }
    // Programs whose sections are gone.
    let segments = header.program_headers(endian, data).ok()?;
    let writable = segments.iter().find(|segment| {
        segment.p_type(endian) == elf::PT_LOAD && segment.p_flags(endian).0 & elf::PF_W.0 != 0
    })?;
    let (offset, size) = writable.file_range(endian);
    from_magic(data.read_bytes_at(offset, size.min(SEARCHED)).ok()?)
}

fn from_magic(bytes: &[u8]) -> Option<&[u8]> {
    let at = (0..bytes.len())
        .step_by(ALIGN)
        .find(|at| bytes[*at..].starts_with(MAGIC))?;
    Some(&bytes[at..])
}

fn read(bytes: &[u8]) -> Option<GoBuildInfo> {
    let (header, mut rest) = bytes.split_at_checked(HEADER)?;
    if header[MAGIC.len() + 1] & INLINE == 0 {
        return None;
    }
    let version = text(&mut rest)?;
    let modules = text(&mut rest).unwrap_or_default();
    let mut info = GoBuildInfo {
        go_version: String::from_utf8_lossy(version).into_owned(),
        ..GoBuildInfo::default()
    };
    let inner = modules
        .len()
        .checked_sub(AROUND)
        .and_then(|end| modules.get(AROUND..end));
    let lines = String::from_utf8_lossy(inner.unwrap_or_default());
    for line in lines.lines() {
        info.line(line);
    }
    Some(info)
}

/// A text with its length before it, as Go's `binary.Uvarint` has it.
fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            let (text, rest) = bytes.split_at_checked(length).filter(|_| length <= TEXT)?;
            *bytes = rest;
            return Some(text);
        }
    }
    None
}

impl GoBuildInfo {
    /// What it says of the sources' version control (`vcs.revision`, `vcs.time`): of all settings, those that may be told
    /// to everybody.
    pub fn version_control(&self) -> impl Iterator<Item = (&str, &str)> {
        let settings = self.settings.iter();
        settings
            .filter(|(name, _)| *name == "vcs" || name.starts_with("vcs."))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A line of the text; dependencies are passed over.
    /// <https://pkg.go.dev/runtime/debug#BuildInfo.String>
    fn line(&mut self, line: &str) {
        let (kind, rest) = line.split_once('\t').unwrap_or((line, ""));
        match kind {
            "path" => rest.clone_into(&mut self.path),
            "mod" => {
                let mut parts = rest.split('\t');
                parts.next().unwrap_or_default().clone_into(&mut self.module);
                parts.next().unwrap_or_default().clone_into(&mut self.version);
            }
            "build" => {
                if let Some((key, value)) = setting(rest) {
                    self.settings.insert(key, value);
                }
            }
            _ => {}
        }
    }
}

/// `key=value`, either of which is quoted as Go quotes a string where it needs it.
fn setting(text: &str) -> Option<(String, String)> {
    let (key, rest) = match text.starts_with('"') {
        true => unquoted(text)?,
        false => {
            let (key, _) = text.split_once('=')?;
            (key.to_owned(), &text[key.len()..])
        }
    };
    let value = rest.strip_prefix('=')?;
    let value = match value.starts_with(['"', '`']) {
        true => unquoted(value)?.0,
        false => value.to_owned(),
    };
    Some((key, value))
}

/// A string as Go quotes it, and what comes after it. Of the escapes those that `strconv.Quote` writes for ASCII are
/// read; others stay as they are.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next()?;
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Some((value, &text[at + 1..])),
            '\\' if quote == '"' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                escaped @ ('"' | '\\') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(flags: u8, version: &str, modules: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([8, flags]);
        bytes.resize(HEADER, 0);
        for text in [version, modules] {
            let mut length = text.len();
            while length >= 0x80 {
                bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                length >>= 7;
            }
            bytes.push(u8::try_from(length).unwrap());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn lines_are_read() {
        let around = "0123456789abcdef";
        let text = "path\texample.com/app/cmd/x\nmod\texample.com/app\tv1.2.3\th1:x=\ndep\ta\tv1\n\
            build\t-tags=a,b\nbuild\tvcs.revision=abc\nbuild\tCGO_CFLAGS=\"-O2 \\\"g\\\"\"\nbuild\t\"odd key\"=`x`\nbuild\tbroken\n";
        let modules = format!("{around}{text}{around}");
        let info = read(&blob(INLINE, "go1.24.0", &modules)).unwrap();
        assert_eq!(
            (
                info.go_version.as_str(),
                info.path.as_str(),
                info.module.as_str(),
                info.version.as_str()
            ),
            ("go1.24.0", "example.com/app/cmd/x", "example.com/app", "v1.2.3")
        );
        let settings: Vec<_> = info
            .settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            settings,
            [
                "-tags=a,b",
                "CGO_CFLAGS=-O2 \"g\"",
                "odd key=x",
                "vcs.revision=abc"
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(texts in proptest::collection::vec(".{0,40}", 0..6), cut in 0..400_usize, flips in proptest::collection::vec((0..400_usize, 0..=255_u8), 0..4)) {
            let lines: Vec<String> = texts.iter().map(|text| format!("build\t\"{text}")).collect();
            let mut bytes = blob(INLINE, "go1.24.0", &lines.join("\n"));
            for (at, byte) in flips {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(cut);
            drop(read(&bytes));
        }
    }

    #[test]
    fn what_lies_is_nothing() {
        let whole = blob(INLINE, "go1.24.0", &"x".repeat(300));
        assert_eq!(read(&whole).unwrap().go_version, "go1.24.0");
        assert_eq!(read(&whole).unwrap().settings.len(), 0);
        for length in 0..HEADER + 9 {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        // Cut in the second text: the version is known all the same.
        assert_eq!(read(&whole[..100]).unwrap().path, "");
        assert_eq!(read(&blob(0, "go1.17", "")), None);
        let mut endless = whole;
        endless.truncate(HEADER);
        endless.extend([0xff; 32]);
        assert_eq!(read(&endless), None);
        assert_eq!(from_magic(&[b"12345678".as_slice(), MAGIC].concat()), None);
        let aligned = [[0; ALIGN].as_slice(), MAGIC].concat();
        assert_eq!(from_magic(&aligned), Some(MAGIC));
    }
}
