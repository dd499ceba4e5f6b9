//! Standard libraries: which are there, which rustup can bring, and which cargo is told to build.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;

use super::{Toolchain, ToolchainError, rustc_failed};
use crate::tool::{Call, Ended};

/// What there is of the standard library for a triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Std {
    /// rustc does not know the triple.
    Unknown,
    /// The component is not installed.
    Missing,
    /// The component is installed.
    Installed,
}

impl Toolchain {
    /// Whether there is a standard library for a triple: an installed one, or one that cargo is told to build. A triple
    /// that rustc does not know has none.
    ///
    /// # Errors
    /// When rustc cannot be run.
    pub fn std_installed(&self, triple: &str) -> Result<bool, ToolchainError> {
        Ok(match self.std(triple)? {
            Std::Unknown => false,
            Std::Missing => self.builds_std(),
            Std::Installed => true,
        })
    }

    /// Whether the standard library for a triple is only there once cargo has built it: then nothing brings the start
    /// files and the libc of musl that the installed component has.
    pub fn std_is_built(&self, triple: &str) -> bool {
        self.builds_std() && self.std(triple).is_ok_and(|std| std == Std::Missing)
    }

    /// Whether cargo is told to build the standard library, may do so, and has its source.
    /// <https://doc.rust-lang.org/cargo/reference/unstable.html#build-std>
    fn builds_std(&self) -> bool {
        let Some(rust) = &self.rust else {
            return false;
        };
        let environment = self.tools.environment();
        let asked = environment.non_empty("CARGO_UNSTABLE_BUILD_STD").is_some()
            || self
                .config
                .list(&["unstable", "build-std"])
                .is_ok_and(|crates| !crates.is_empty());
        let unstable = rust.version.contains('-') && !rust.version.contains("-beta");
        let allowed = unstable || environment.non_empty("RUSTC_BOOTSTRAP").is_some();
        let source = rust.sysroot.join("lib/rustlib/src/rust/library/Cargo.lock");
        asked && allowed && source.is_file()
    }

    fn std(&self, triple: &str) -> Result<Std, ToolchainError> {
        if let Some(&known) = self.installed().get(triple) {
            return Ok(known);
        }
        let call = self.print("target-libdir", triple)?;
        // Where it would lie is remembered; whether it is there is looked up.
        let asked = self.tools.remembered(&call, b"", |_| self.grounds(triple));
        let output = asked.map_err(rustc_failed)?;
        let std = match output.ended {
            Ended::Code(0) if has_std(Path::new(&output.text())) => Std::Installed,
            Ended::Code(0) => Std::Missing,
            _ => Std::Unknown,
        };
        self.installed().insert(triple.to_owned(), std);
        Ok(std)
    }

    /// Installs the standard library for a triple through rustup. Asks nobody: the caller was told to.
    ///
    /// # Errors
    /// When rustup cannot be run, or does not have it.
    pub fn install_target(&self, triple: &str) -> Result<(), ToolchainError> {
        self.rust.as_ref().ok_or(ToolchainError::NoRust)?;
        let call = Call::new("rustup")
            .args(["target", "add", triple])
            .dir(&self.directory);
        let output = self
            .tools
            .output(&call)
            .map_err(|source| ToolchainError::Install {
                triple: triple.to_owned(),
                source,
            })?;
        self.installed().remove(triple);
        // rustup's exit code is not asked: only what lies there afterwards counts.
        if self.std_installed(triple)? {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let errors = stderr
            .lines()
            .take_while(|line| !line.contains("backtrace"))
            .filter(|line| !line.starts_with("info:") && !line.is_empty());
        Err(ToolchainError::NoStd {
            triple: triple.to_owned(),
            said: errors.take(5).collect::<Vec<_>>().join("\n"),
        })
    }

    fn installed(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Std>> {
        self.installed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_std(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}
