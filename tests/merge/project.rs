//! A project whose programs are there already, for four platforms, on as many machines as a test likes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::workspace::{Ran, settled};

/// The platforms of the project, in the order of its matrix, which is not that of their names.
pub(crate) const PLATFORMS: [&str; 4] = ["linux/arm/v7", "linux/amd64", "linux/arm64", "linux/arm/v6"];

/// Folders that stand for machines.
pub(crate) struct Project {
    folder: tempfile::TempDir,
    matrix: String,
}

impl Project {
    /// A project that publishes to `repository`; `keys` are added to its image.
    pub(crate) fn new(repository: &str, keys: &str) -> Self {
        let matrix = format!(
            r#"schema = 1

[binary.lookout]
path = "dist/{{platform-full}}"

[image.lookout]
repository = "{repository}"
platforms = ["linux/arm/v7", "linux/amd64", "linux/arm64", "linux/arm/v6"]
base = "scratch"
strip = "none"
checks = {{ fit = "allow" }}
annotations = {{ "com.acme.team" = "core" }}
{keys}
"#
        );
        Self {
            folder: tempfile::tempdir().unwrap(),
            matrix,
        }
    }

    /// A folder for what is none of the machines'.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One more machine, on which the commit of `version` is checked out.
    pub(crate) fn machine(&self, name: &str, version: &str) -> Machine {
        let machine = Machine {
            root: self.path(name),
        };
        machine.write("gantry.toml", &self.matrix);
        machine.write(".gitignore", "/out\n/*.json\n/.gantry\n");
        for (number, platform) in ["linux-arm-v7", "linux-amd64", "linux-arm64-v8", "linux-arm-v6"]
            .iter()
            .enumerate()
        {
            machine.write(&format!("dist/{platform}"), program(platform, number, version));
        }
        let time = "2026-01-02T03:04:05Z";
        machine.git(&["init", "--quiet", "--initial-branch=main"], time);
        machine.commit(version, time);
        machine
    }
}

/// One machine: a folder with the project in it.
pub(crate) struct Machine {
    pub(crate) root: PathBuf,
}

impl Machine {
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits everything at that time, and tags it.
    pub(crate) fn commit(&self, version: &str, time: &str) {
        self.git(&["add", "--all"], time);
        self.git(
            &["commit", "--quiet", "--allow-empty", "--message", version],
            time,
        );
        self.git(&["tag", &format!("v{version}")], time);
    }

    fn git(&self, words: &[&str], time: &str) {
        let mut git = Command::new("git");
        git.args(words)
            .current_dir(&self.root)
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Somebody")))
            .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "s@example.com")))
            .envs(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, time)));
        Ran::of(&mut git).ok();
    }

    /// The command in this folder.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        gantry(&self.root, words)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(words))
    }

    /// What it says for machines, of one reason.
    pub(crate) fn messages(&self, words: &[&str], reason: &str) -> Vec<Value> {
        let ran = self.run(&[words, &["--message-format", "json"]].concat()).ok();
        messages(&ran, reason)
    }

    /// Builds these platforms into a place, and gives the digest of the index.
    pub(crate) fn build(&self, platforms: &[&str], place: &str) -> String {
        let platforms = platforms.join(",");
        let ran = self
            .run(&["build", "--quiet", "--platform", &platforms, "-o", place])
            .ok();
        ran.stdout.split_once(' ').unwrap().0.to_owned()
    }
}

/// The command in a folder.
pub(crate) fn gantry(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gantry"));
    command.args(words).current_dir(folder).stdin(Stdio::null());
    settled(&mut command);
    command
}

pub(crate) fn messages(ran: &Ran, reason: &str) -> Vec<Value> {
    let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|message: &Value| message["reason"] == reason)
        .collect()
}

/// The smallest file that a kernel would take for a program of that platform, and some bytes that tell it apart.
fn program(platform: &str, number: usize, version: &str) -> Vec<u8> {
    let (wide, machine, flags): (bool, u16, u32) = match platform {
        "linux-amd64" => (true, 62, 0),
        "linux-arm64-v8" => (true, 183, 0),
        _ => (false, 40, 0x0500_0400),
    };
    let mut elf = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, 1, 1];
    elf.resize(16, 0);
    elf.extend(2_u16.to_le_bytes());
    elf.extend(machine.to_le_bytes());
    elf.extend(1_u32.to_le_bytes());
    let (header, entry) = if wide { (64_u16, 56_u16) } else { (52, 32) };
    let word = |elf: &mut Vec<u8>, value: u64| match wide {
        true => elf.extend(value.to_le_bytes()),
        false => elf.extend((value as u32).to_le_bytes()),
    };
    let text = format!("{platform} {version} {number}\n").repeat(20_000);
    let size = u64::from(header) + u64::from(entry) + text.len() as u64;
    word(&mut elf, 0x10_000 + u64::from(header) + u64::from(entry));
    word(&mut elf, u64::from(header));
    word(&mut elf, 0);
    elf.extend(flags.to_le_bytes());
    for half in [header, entry, 1, 0, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend(1_u32.to_le_bytes());
    if wide {
        elf.extend(5_u32.to_le_bytes());
    }
    for value in [0, 0x10_000, 0x10_000, size, size] {
        word(&mut elf, value);
    }
    if !wide {
        elf.extend(5_u32.to_le_bytes());
    }
    word(&mut elf, 0x1000);
    elf.extend(text.as_bytes());
    elf
}
