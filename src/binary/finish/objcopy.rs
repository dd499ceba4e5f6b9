//! [`Objcopies`]: the programs here that can take symbols and debug information out of a program.
//!
//! Any llvm-objcopy works for every machine; that of the Rust toolchain comes first, for it is the same wherever the
//! compiler is the same. The binutils of the machine follow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::StripLevel;
use crate::target::Target;
use crate::tool::{Call, ToolError, Tools};

/// Versions of LLVM whose programs distributions install beside each other, with the version in their name.
const VERSIONS: std::ops::RangeInclusive<u32> = 11..=40;
/// No program is so large that this takes longer.
const LIMIT: Duration = Duration::from_mins(10);

/// One objcopy.
#[derive(Clone, Debug)]
pub(super) struct Objcopy {
    program: PathBuf,
    /// Where its libraries lie, if the loader does not find them: rustup's finds its own only so.
    libraries: Option<PathBuf>,
    /// What it says of its version.
    pub(super) version: String,
}

/// Finds them, and remembers what they said of themselves.
#[derive(Debug, Default)]
pub(super) struct Objcopies {
    sysroot: Option<PathBuf>,
    versions: Mutex<BTreeMap<PathBuf, Option<String>>>,
}

/// What is taken out of a program, and what is not.
pub(super) struct Cut<'a> {
    pub(super) level: StripLevel,
    /// Sections that must stay.
    pub(super) keep: &'a [&'a str],
    /// The file of the debug information, which the program will name.
    pub(super) debug: Option<&'a Path>,
}

impl Objcopies {
    pub(super) fn set_sysroot(&mut self, sysroot: PathBuf) {
        self.sysroot = Some(sysroot);
    }

    /// Those found here that may do for the target, best first.
    pub(super) fn find(&self, tools: &Tools, target: &Target) -> Result<Vec<Objcopy>, ToolError> {
        let mut found = Vec::new();
        for (program, libraries) in self.of_toolchain() {
            found.extend(self.probed(tools, program, Some(libraries))?);
        }
        let versioned = VERSIONS.rev().map(|version| format!("llvm-objcopy-{version}"));
        let llvm = std::iter::once("llvm-objcopy".to_owned())
            .chain(versioned)
            .chain(["rust-objcopy".to_owned()]);
        let prefixes = [&target.gcc_prefix, &target.gnu_gcc_prefix];
        let gnu = prefixes
            .into_iter()
            .flatten()
            .map(|prefix| format!("{prefix}-objcopy"));
        // The system's own may know more machines than its host's. It says so where it does not.
        let gnu = gnu.chain(["objcopy".to_owned()]);
        if let Some(first) = self.first(tools, llvm)? {
            found.push(first);
        }
        for name in gnu {
            if let Some(program) = tools.find(&name) {
                found.extend(self.probed(tools, program, None)?);
            }
        }
        Ok(found)
    }

    fn first(
        &self,
        tools: &Tools,
        names: impl Iterator<Item = String>,
    ) -> Result<Option<Objcopy>, ToolError> {
        for program in names.filter_map(|name| tools.find(name)) {
            if let Some(found) = self.probed(tools, program, None)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// `llvm-objcopy` of rustup's component `llvm-tools`, and `rust-objcopy`, which rustc itself uses: each with the
    /// folder of its libraries.
    fn of_toolchain(&self) -> Vec<(PathBuf, PathBuf)> {
        let Some(sysroot) = &self.sysroot else {
            return Vec::new();
        };
        let libraries = sysroot.join("lib");
        let hosts = fs::read_dir(libraries.join("rustlib")).into_iter().flatten();
        let mut folders: Vec<_> = hosts.flatten().map(|host| host.path().join("bin")).collect();
        folders.sort();
        let suffix = if cfg!(windows) { ".exe" } else { "" };
        let each = folders.iter().flat_map(|folder| {
            ["llvm-objcopy", "rust-objcopy"].map(|name| folder.join(format!("{name}{suffix}")))
        });
        each.filter(|program| program.is_file())
            .map(|program| (program, libraries.clone()))
            .collect()
    }

    /// The program, if it starts at all.
    fn probed(
        &self,
        tools: &Tools,
        program: PathBuf,
        libraries: Option<PathBuf>,
    ) -> Result<Option<Objcopy>, ToolError> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let version = match versions.get(&program) {
            Some(known) => known.clone(),
            None => {
                let call = call(&program, libraries.as_deref()).arg("--version");
                let said = match tools.run(&call) {
                    Ok(said) => Some(said.text()),
                    Err(error @ ToolError::Cancelled { .. }) => return Err(error),
                    // A proxy of rustup without its component, or without its libraries.
                    Err(_) => None,
                };
                versions.insert(program.clone(), said.clone());
                said
            }
        };
        Ok(version.map(|version| Objcopy {
            program,
            libraries,
            version,
        }))
    }
}

impl Objcopy {
    /// Whether it is LLVM's.
    pub(super) fn is_llvm(&self) -> bool {
        self.version.contains("LLVM")
    }

    /// Its name in messages.
    pub(super) fn name(&self) -> String {
        self.program.display().to_string()
    }

    /// Writes what a debugger needs of `from`, and nothing that runs, to `to`.
    pub(super) fn split(&self, tools: &Tools, from: &Path, to: &Path) -> Result<(), ToolError> {
        let call = call(&self.program, self.libraries.as_deref());
        let call = call.arg("--only-keep-debug").arg(from).arg(to);
        tools.run(&call).map(drop)
    }

    /// Writes `from` without what is cut to `to`.
    pub(super) fn strip(
        &self,
        tools: &Tools,
        cut: &Cut<'_>,
        from: &Path,
        to: &Path,
    ) -> Result<(), ToolError> {
        let mut call = call(&self.program, self.libraries.as_deref()).arg(match cut.level {
            StripLevel::Debuginfo => "--strip-debug",
            StripLevel::Symbols => "--strip-all",
        });
        for section in cut.keep {
            call = call.arg(format!("--keep-section={section}"));
        }
        if let Some(debug) = cut.debug {
            let mut link = std::ffi::OsString::from("--add-gnu-debuglink=");
            link.push(debug);
            call = call.arg(link);
        }
        tools.run(&call.arg(from).arg(to)).map(drop)
    }
}

fn call(program: &Path, libraries: Option<&Path>) -> Call {
    let call = Call::new(program).limit(LIMIT);
    match libraries {
        // The whole path would hide the user's own; nothing but the tool's libraries is looked up through it.
        Some(folder) if cfg!(target_os = "linux") => call.var("LD_LIBRARY_PATH", folder),
        Some(folder) if cfg!(target_os = "macos") => call.var("DYLD_FALLBACK_LIBRARY_PATH", folder),
        _ => call,
    }
}
