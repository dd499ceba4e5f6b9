//! A CI's machine: an empty home and folder, the variables of the job, and a shell.
//!
//! In: a script and variables. Out: its exit code, and which crates rustc compiled meanwhile. Of this machine's variables
//! nothing gets in but what finds compilers and the network.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::step::{say, target, tools};

/// Writes down what rustc is asked to compile. Questions of cargo's (`--crate-name ___`) are none.
const RECORDER: &str = r#"#!/bin/sh
set -eu
name= next=
for word in "$@"; do
  [ "$next" != name ] || name=$word
  next=
  [ "$word" != --crate-name ] || next=name
done
case $name in '' | ___) ;; *) echo "$name" >>"$RECORDED" ;; esac
exec "$@"
"#;

/// Where jobs run, one after the other.
pub(super) struct Machine {
    /// Everything lies below it.
    pub root: PathBuf,
    /// The project's folder: the same for each job, as on real runners.
    pub project: PathBuf,
    /// The home.
    pub home: PathBuf,
}

impl Machine {
    /// One that has the command in its `PATH`, and nothing else of ours.
    pub(super) fn new(root: PathBuf) -> Result<Self> {
        let bin = root.join("bin");
        fs::create_dir_all(&bin)?;
        // A copy: whoever builds meanwhile replaces the file.
        fs::copy(target().join("debug/cargo-gantry"), bin.join("cargo-gantry"))?;
        script(&bin.join("recorder"), RECORDER)?;
        Ok(Self {
            project: root.join("work/greeter"),
            home: root.join("home"),
            root,
        })
    }

    /// Empty folders for the next job.
    pub(super) fn clean(&self) -> Result<()> {
        for folder in [&self.project, &self.home] {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            fs::create_dir_all(folder)?;
        }
        let _ = fs::remove_file(self.recorded());
        Ok(())
    }

    /// Runs a script with `shell` in the project's folder; none stands for the end by a signal.
    pub(super) fn run(
        &self,
        shell: &[&str],
        script: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<Option<i32>> {
        let file = self.root.join("script.sh");
        fs::write(&file, script)?;
        let (program, arguments) = shell.split_first().context("no shell")?;
        let status = self
            .command(program, variables)
            .args(arguments)
            .arg(&file)
            .status()
            .with_context(|| format!("`{program}` does not start"))?;
        Ok(status.code())
    }

    /// A program with the variables of a job.
    pub(super) fn command(&self, program: &str, variables: &BTreeMap<String, String>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(&self.project)
            .stdin(Stdio::null());
        // What finds toolchains and the network.
        for (name, value) in env::vars_os() {
            let is_kept = |name: &str| {
                let upper = name.to_ascii_uppercase();
                upper.ends_with("_PROXY") || upper.starts_with("SSL_CERT_") || upper == "RUSTUP_TOOLCHAIN"
            };
            if name.to_str().is_some_and(is_kept) {
                command.env(name, value);
            }
        }
        let rustup = env::var_os("RUSTUP_HOME").map(PathBuf::from);
        let rustup = rustup.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".rustup")));
        command.envs(rustup.map(|folder| ("RUSTUP_HOME", folder)));
        let mut path = vec![self.root.join("bin"), tools().join("bin")];
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        command
            .env("PATH", env::join_paths(path).unwrap_or_default())
            .env("HOME", &self.home)
            .env("LANG", "C.UTF-8")
            .env("RUSTC_WRAPPER", self.root.join("bin/recorder"))
            .env("RECORDED", self.recorded())
            .envs(variables);
        command
    }

    /// The crates that were compiled since the last `clean`, one for each call.
    pub(super) fn compiled(&self) -> Vec<String> {
        let text = fs::read_to_string(self.recorded()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn recorded(&self) -> PathBuf {
        self.root.join("recorded")
    }
}

/// Says what is run.
pub(super) fn show(script: &str) {
    for line in script.lines() {
        say(format_args!("  $ {line}"));
    }
}

/// Folders that outlive their job, as a CI keeps them: by a key that is never written twice.
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Lays away what there is of `paths`, under names of their own.
    pub(super) fn save(&self, key: &str, paths: &[PathBuf]) -> Result<()> {
        let place = self.folder.join(key);
        ensure!(!place.exists(), "`{key}` is kept already");
        for (position, path) in paths.iter().enumerate().filter(|(_, path)| path.exists()) {
            copy(path, &place.join(position.to_string()))?;
        }
        Ok(())
    }

    /// Brings it back to the same paths; false where there is no such key.
    pub(super) fn restore(&self, key: &str, paths: &[PathBuf]) -> Result<bool> {
        let place = self.folder.join(key);
        for (position, path) in paths.iter().enumerate() {
            let kept = place.join(position.to_string());
            if kept.exists() {
                copy(&kept, path)?;
            }
        }
        Ok(place.exists())
    }

    /// Whether there is one of this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.folder.join(key).exists()
    }

    /// Forgets it.
    pub(super) fn forget(&self, key: &str) -> Result<()> {
        match self.has(key) {
            true => Ok(fs::remove_dir_all(self.folder.join(key))?),
            false => Ok(()),
        }
    }

    /// The keys, sorted.
    pub(super) fn keys(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut keys: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        keys.sort();
        keys
    }
}

/// Copies a file, or what a folder holds, with its times, as an archive of it would.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    let parent = if from.is_dir() { Some(to) } else { to.parent() };
    fs::create_dir_all(parent.context("no folder")?)?;
    let from = if from.is_dir() {
        from.join(".")
    } else {
        from.to_owned()
    };
    let status = Command::new("cp").arg("-a").arg(&from).arg(to).status()?;
    ensure!(status.success(), "cp -a {} {}", from.display(), to.display());
    Ok(())
}

#[cfg(unix)]
fn script(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn script(path: &Path, text: &str) -> Result<()> {
    Ok(fs::write(path, text)?)
}
