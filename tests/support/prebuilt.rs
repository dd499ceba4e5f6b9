//! A project in git whose programs are there already: built in no time, and without any compiler.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::outside;
use super::workspace::{Ran, settled};

/// A project's folder, removed with the value.
pub struct Prebuilt {
    folder: tempfile::TempDir,
}

/// Makes a program that says a text.
type Maker = fn(&str) -> Vec<u8>;

/// Where the program for a platform lies in the project, and what makes it.
const PROGRAMS: [(&str, Maker); 3] = [
    ("dist/linux/amd64/app", amd64),
    ("dist/linux/arm64/app", arm64),
    ("dist/linux/armv6/app", arm),
];

impl Prebuilt {
    /// A repository of git with this matrix and nothing committed. None, said loudly, where git is missing.
    pub fn new(matrix: &str) -> Option<Self> {
        let version = Command::new("git").arg("--version").output();
        outside(version, "git", "git")?;
        let folder = tempfile::tempdir().expect("a folder");
        let own = Self { folder };
        std::fs::create_dir(own.root()).expect("a folder");
        own.write("gantry.toml", matrix);
        own.write(".gitignore", "/.gantry/\n");
        own.git(&["init", "--quiet", "--initial-branch", "main"]);
        Some(own)
    }

    /// The folder of its gantry.toml.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// A folder beside it that lives as long.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, with the folders that it lies in.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Has all programs say `text`, and commits everything.
    pub fn commit(&self, text: &str) {
        for (path, program) in PROGRAMS {
            self.write(path, program(&format!("{text}\n")));
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", text]);
    }

    /// The first `digits` of the id of the commit that is checked out.
    pub fn short(&self, digits: usize) -> String {
        self.git(&["rev-parse", "HEAD"])[..digits].to_owned()
    }

    /// Runs git, and gives what it says.
    pub fn git(&self, words: &[&str]) -> String {
        Ran::of(self.command("git").args(words)).ok().stdout
    }

    /// `cargo-gantry` itself, in this project.
    pub fn gantry(&self, words: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_cargo-gantry"));
        command.args(words);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.gantry(words))
    }

    /// A program in this project, with nothing of this machine's user.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        settled(&mut command);
        let home = self.folder.path().join("home");
        command
            .current_dir(self.root())
            .stdin(Stdio::null())
            .env("HOME", home)
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Somebody")))
            .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "s@example.com")))
            .envs(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, "2026-01-02T03:04:05Z")));
        // What a CI that runs this test says is about another commit.
        for name in [
            "GITHUB_OUTPUT",
            "GITHUB_STEP_SUMMARY",
            "GITHUB_SHA",
            "CI_COMMIT_SHA",
        ] {
            command.env_remove(name);
        }
        command
    }
}

/// A static program of a few instructions that says `text`.
pub fn amd64(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a short text").to_le_bytes();
    let mut code = vec![0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0];
    // lea rsi, [rip + what follows]
    code.extend([0x48, 0x8d, 0x35, 16, 0, 0, 0]);
    code.extend([&[0xba], &length[..], &[0x0f, 0x05]].concat());
    code.extend([0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]);
    elf(62, 0, true, &[&code, text.as_bytes()].concat())
}

/// One for the same machine that says nothing and fails.
pub fn failing() -> Vec<u8> {
    // mov eax, 60; mov edi, 1; syscall
    let code = [0xb8, 60, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x0f, 0x05];
    elf(62, 0, true, &code)
}

/// As [`amd64`], for 64-bit ARM.
pub fn arm64(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a short text");
    let code = [
        0xd280_0020,
        // adr x1, seven instructions on
        0x1000_0001 | (7 << 5),
        0xd280_0002 | (length << 5),
        0xd280_0808,
        0xd400_0001,
        0xd280_0000,
        0xd280_0ba8,
        0xd400_0001,
    ];
    elf(183, 0, true, &[words(&code), text.into()].concat())
}

/// As [`amd64`], for ARMv6 with hard float.
pub fn arm(text: &str) -> Vec<u8> {
    let length = u32::from(u8::try_from(text.len()).expect("a short text"));
    let code = [
        0xe3a0_0001,
        // add r1, pc, so many bytes after the next instruction but one
        0xe28f_1000 | (5 * 4),
        0xe3a0_2000 | length,
        0xe3a0_7004,
        0xef00_0000,
        0xe3a0_0000,
        0xe3a0_7001,
        0xef00_0000,
    ];
    elf(40, 0x0500_0400, false, &[words(&code), text.into()].concat())
}

fn words(code: &[u32]) -> Vec<u8> {
    code.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An ELF file of one segment.
/// <https://gabi.xinuos.com/elf/02-eheader.html>
fn elf(machine: u16, flags: u32, wide: bool, code: &[u8]) -> Vec<u8> {
    let address: u64 = 0x0001_0000;
    let (header, entry) = if wide { (64_u16, 56_u16) } else { (52, 32) };
    let begin = u64::from(header + entry);
    let size = begin + code.len() as u64;
    let word = |value: u64| match wide {
        true => value.to_le_bytes().to_vec(),
        false => value.to_le_bytes()[..4].to_vec(),
    };
    let class = if wide { 2 } else { 1 };
    let mut file = vec![0x7f, b'E', b'L', b'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend(2_u16.to_le_bytes());
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    file.extend([address + begin, header.into(), 0].map(word).concat());
    file.extend(flags.to_le_bytes());
    for half in [header, entry, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let (load, readable_and_executable) = (1_u32.to_le_bytes(), 5_u32.to_le_bytes());
    file.extend(load);
    if wide {
        file.extend(readable_and_executable);
    }
    file.extend([0, address, address, size, size].map(word).concat());
    if !wide {
        file.extend(readable_and_executable);
    }
    file.extend(word(0x1000));
    file.extend(code);
    file
}
