//! [`Program`]: the file that is started, and what it is for.
//!
//! Looked at before it is started: the outside programs that start it would have a shell read a file that the kernel
//! refuses, and a runtime does not.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::process::Process;
use super::root::Root;
use crate::binary::Elf;
use crate::target::{ElfPromise, Endian};

/// The kernel looks at this much of a script.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/binfmts.h#L19>
const HEAD: u64 = 256;
/// Interpreters of interpreters, as the kernel has it.
const SCRIPTS: usize = 4;

/// The file that is started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// Where it is, seen from inside.
    pub(super) path: String,
    /// The words that start it: where it is a script, its interpreter comes first.
    pub(super) words: Vec<String>,
    /// Whether it is a script.
    pub(super) script: bool,
    /// What it, or its interpreter, is for.
    pub(super) machine: Machine,
}

/// What an ELF file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// 32 or 64.
    pub(super) class: u8,
    pub(super) endian: Endian,
    /// `e_machine`.
    pub(super) number: u16,
}

/// Why a runtime does not start it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) code: i32,
}

impl Program {
    /// The program that `words` start.
    pub(super) fn find(root: &Root, process: &Process, words: &[String]) -> Result<Self, Refusal> {
        let Some(word) = words.first().filter(|word| !word.is_empty()) else {
            return Err(not_found("it has neither Entrypoint nor Cmd".to_owned()));
        };
        if words.iter().any(|word| word.contains('\0')) {
            return Err(no_format("one of its arguments holds a NUL".to_owned()));
        }
        let path = if word.contains('/') {
            joined(&process.workdir, word)
        } else {
            let folders = process.variable("PATH").split(':');
            let mut places = folders.map(|folder| joined(&joined(&process.workdir, folder), word));
            let found = places.find(|path| root.resolve(path).is_some_and(|place| is_executable(&place)));
            found.ok_or_else(|| {
                let path = process.variable("PATH");
                not_found(format!("`{word}` is in no folder of its PATH ({path})"))
            })?
        };
        Self::look(root, path, words.to_vec(), SCRIPTS)
    }

    fn look(root: &Root, path: String, words: Vec<String>, scripts: usize) -> Result<Self, Refusal> {
        let place = root.resolve(&path);
        let place = place.ok_or_else(|| not_found(format!("`{path}` is not in it")))?;
        if !is_executable(&place) {
            let why = format!("`{path}` is no file that may be executed (permission denied)");
            return Err(Refusal { why, code: 126 });
        }
        let head = head(&place).unwrap_or_default();
        if let Some(machine) = Machine::of(&head) {
            if let Some(loader) = loader(&place).filter(|loader| root.resolve(loader).is_none()) {
                let why = format!("`{path}` asks for the loader `{loader}`, which is not in it");
                return Err(not_found(why));
            }
            return Ok(Self {
                path,
                words,
                script: false,
                machine,
            });
        }
        let Some((interpreter, argument)) = script(&head).filter(|_| scripts > 0) else {
            let why = format!("`{path}` is neither an ELF file nor a script (exec format error)");
            return Err(no_format(why));
        };
        let mut all = vec![interpreter.clone()];
        all.extend(argument);
        all.push(path);
        all.extend(words.into_iter().skip(1));
        Ok(Self {
            script: true,
            ..Self::look(root, interpreter, all, scripts - 1)?
        })
    }
}

impl Machine {
    /// What a file on this system is for; none if it is no ELF file.
    pub(super) fn of_file(path: &Path) -> Option<Self> {
        Self::of(&head(path)?)
    }

    /// Whether the kernels of the platform run it.
    pub(super) fn keeps(self, promise: &ElfPromise) -> bool {
        let promised = (promise.class, promise.endian, promise.machine);
        (self.class, self.endian, self.number) == promised || promise.also_runs.contains(&self.number)
    }

    fn of(head: &[u8]) -> Option<Self> {
        let class = match (head.starts_with(b"\x7fELF"), head.get(4)?) {
            (true, 1) => 32,
            (true, 2) => 64,
            _ => return None,
        };
        let number = head.get(18..20)?.try_into().ok()?;
        let (endian, number) = match head.get(5)? {
            1 => (Endian::Little, u16::from_le_bytes(number)),
            2 => (Endian::Big, u16::from_be_bytes(number)),
            _ => return None,
        };
        Some(Self {
            class,
            endian,
            number,
        })
    }
}

fn head(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    Some(head)
}

/// The program interpreter that an ELF file names. What cannot be read is the kernel's affair.
fn loader(place: &Path) -> Option<String> {
    Elf::read(File::open(place).ok()?).ok()?.interpreter
}

/// Interpreter and argument of a script's first line.
fn script(head: &[u8]) -> Option<(String, Option<String>)> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let line = line.trim_matches([' ', '\t']);
    let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let argument = argument.trim_matches([' ', '\t']);
    let argument = (!argument.is_empty()).then(|| argument.to_owned());
    (!interpreter.is_empty()).then(|| (interpreter.to_owned(), argument))
}

fn is_executable(place: &Path) -> bool {
    fs::symlink_metadata(place).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn joined(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    if path.is_empty() {
        return folder.to_owned();
    }
    format!("{}/{path}", folder.trim_end_matches('/'))
}

fn not_found(why: String) -> Refusal {
    Refusal { why, code: 127 }
}

fn no_format(why: String) -> Refusal {
    Refusal { why, code: 126 }
}
