//! One outside program, shown before it runs and timed after it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fmt};

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Cargo's target directory for the whole repository, the examples' packages included.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Where `setup` puts programs that no package of the system brings.
pub(crate) fn tools() -> PathBuf {
    target().join("tools")
}

/// Says one line of progress.
#[allow(clippy::print_stderr)]
pub(crate) fn say(line: impl fmt::Display) {
    eprintln!("xtask: {line}");
}

/// A program with arguments, run from the root with `setup`'s tools first in `PATH`.
pub(crate) struct Step {
    shown: String,
    command: Command,
}

impl Step {
    pub(crate) fn new<A: AsRef<str>>(
        program: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new(program.as_ref());
        let mut shown = program.as_ref().display().to_string();
        for argument in arguments {
            shown.push(' ');
            shown.push_str(argument.as_ref());
            command.arg(argument.as_ref());
        }
        // What `cargo run` says of the xtask itself: build scripts that look at it would run, and their crates be
        // compiled, once more.
        for (name, _) in std::env::vars_os() {
            let of_package =
                |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
            if name.to_str().is_some_and(of_package) {
                command.env_remove(name);
            }
        }
        command
            .current_dir(root())
            .env("PATH", path())
            .stdin(Stdio::null());
        Self { shown, command }
    }

    /// A line of words without blanks inside.
    pub(crate) fn line(words: &str) -> Self {
        let mut words = words.split_whitespace();
        let program = words.next().unwrap_or_default();
        Self::new(program, words)
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.shown.push(' ');
        self.shown.push_str(argument);
        self.command.arg(argument);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it to a good end, and says how long it took.
    pub(crate) fn run(self) -> Result<()> {
        let begun = Instant::now();
        self.last()?;
        say(format_args!("{:.1} s", begun.elapsed().as_secs_f32()));
        Ok(())
    }

    /// Runs it to a good end; its own words are the last.
    pub(crate) fn last(mut self) -> Result<()> {
        say(format_args!("{}", self.shown));
        let status = self
            .command
            .status()
            .with_context(|| format!("`{}` does not start", self.shown))?;
        if !status.success() {
            bail!("`{}` failed: {status}", self.shown);
        }
        Ok(())
    }

    /// What it writes to stdout; its stderr is shown.
    pub(crate) fn output(mut self) -> Result<String> {
        self.command.stderr(Stdio::inherit());
        let output = self
            .command
            .output()
            .with_context(|| format!("`{}` does not start", self.shown))?;
        if !output.status.success() {
            bail!("`{}` failed: {}", self.shown, output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether it ends well; nothing is shown.
    pub(crate) fn holds(mut self) -> bool {
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        self.command.status().is_ok_and(|status| status.success())
    }

    /// Hands out the command, for a program that is not waited for.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}

fn path() -> OsString {
    let mut folders = vec![tools().join("bin")];
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    env::join_paths(folders).unwrap_or_default()
}
