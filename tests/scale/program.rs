//! A project whose programs are there already: one of a few bytes for every platform that images are published for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::workspace::gantry;

/// A platform, and what an ELF file for it says.
#[derive(Clone, Copy)]
pub struct Machine {
    pub platform: &'static str,
    wide: bool,
    big: bool,
    machine: u16,
    flags: u32,
}

const fn machine(platform: &'static str, wide: bool, machine: u16, flags: u32) -> Machine {
    Machine {
        platform,
        wide,
        big: false,
        machine,
        flags,
    }
}

/// All that `targets/` has and that ELF files are for.
pub const MACHINES: [Machine; 9] = [
    machine("linux/amd64", true, 62, 0),
    machine("linux/arm64", true, 183, 0),
    machine("linux/arm/v6", false, 40, 0x0500_0400),
    machine("linux/arm/v7", false, 40, 0x0500_0400),
    machine("linux/386", false, 3, 0),
    machine("linux/loong64", true, 258, 3),
    machine("linux/ppc64le", true, 21, 2),
    machine("linux/riscv64", true, 243, 4),
    Machine {
        big: true,
        ..machine("linux/s390x", true, 22, 0)
    },
];

/// A folder with a matrix, removed with the value.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// With a program `app` for each machine, that lies where `path = "{platform-path}/app"` finds it.
    pub fn new(matrix: &str) -> Self {
        let own = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        own.write("gantry.toml", matrix);
        for machine in MACHINES {
            own.write(&format!("{}/app", machine.platform), machine.program());
        }
        own
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// `cargo gantry` in it, with a home of its own.
    pub fn gantry(&self, words: &[&str]) -> Command {
        let mut command = gantry(self.folder.path());
        self.settle(command.args(words));
        command
    }

    /// Another program in it.
    pub fn outside(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        self.settle(&mut command);
        command
    }

    /// The image as a tool of others reads it: every blob that it copies is held against its digest.
    pub fn copied_by_skopeo(&self, image: &str) -> Option<PathBuf> {
        let copy = self.path(&format!("copied-{image}"));
        let copied = self
            .outside("skopeo")
            .args(["copy", "--quiet", "--all"])
            .args([
                format!("oci:.gantry:{image}"),
                format!("oci:{}:{image}", copy.display()),
            ])
            .output();
        let copied = crate::support::outside(copied, "skopeo", "skopeo")?;
        assert!(
            copied.status.success(),
            "{}",
            String::from_utf8_lossy(&copied.stderr)
        );
        Some(copy)
    }

    fn settle(&self, command: &mut Command) {
        let home = self.path("home");
        std::fs::create_dir_all(&home).unwrap();
        command
            .current_dir(self.folder.path())
            .env_remove("CARGO_TARGET_DIR")
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("HOME", home);
    }
}

impl Machine {
    /// An ELF file of one segment with some code that is never run. <https://gabi.xinuos.com/elf/02-eheader.html>
    fn program(self) -> Vec<u8> {
        let (header, entry, sections): (u16, u16, u16) = if self.wide { (64, 56, 64) } else { (52, 32, 40) };
        let address: u64 = 0x0001_0000;
        let begin = u64::from(header + entry);
        let size = begin + 64;
        let mut file = vec![
            0x7f,
            b'E',
            b'L',
            b'F',
            1 + u8::from(self.wide),
            1 + u8::from(self.big),
            1,
            0,
        ];
        file.resize(16, 0);
        let halves = |file: &mut Vec<u8>, values: &[u16]| {
            values.iter().for_each(|value| self.put(file, (*value).into(), 2))
        };
        let words = |file: &mut Vec<u8>, values: &[u32]| {
            values.iter().for_each(|value| self.put(file, (*value).into(), 4))
        };
        let addresses = |file: &mut Vec<u8>, values: &[u64]| {
            values
                .iter()
                .for_each(|value| self.put(file, *value, if self.wide { 8 } else { 4 }));
        };
        halves(&mut file, &[2, self.machine]);
        words(&mut file, &[1]);
        addresses(&mut file, &[address + begin, header.into(), 0]);
        words(&mut file, &[self.flags]);
        halves(&mut file, &[header, entry, 1, sections, 0, 0]);
        words(&mut file, &[1]);
        if self.wide {
            words(&mut file, &[5]);
        }
        addresses(&mut file, &[0, address, address, size, size]);
        if !self.wide {
            words(&mut file, &[5]);
        }
        addresses(&mut file, &[0x1000]);
        assert_eq!(file.len() as u64, begin);
        file.extend([0; 64]);
        file
    }

    fn put(self, file: &mut Vec<u8>, value: u64, width: usize) {
        match self.big {
            true => file.extend(&value.to_be_bytes()[8 - width..]),
            false => file.extend(&value.to_le_bytes()[..width]),
        }
    }
}

/// `{platform}` as a TOML list of the first `count` machines.
pub fn platforms(count: usize) -> String {
    let names: Vec<String> = MACHINES[..count]
        .iter()
        .map(|machine| format!("\"{}\"", machine.platform))
        .collect();
    format!("[{}]", names.join(", "))
}

/// The bytes of a blob of a layout.
pub fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout
        .join("blobs/sha256")
        .join(digest.strip_prefix("sha256:").unwrap())
}
