//! Small cargo projects in folders of their own, and the command run in them as a user would.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What is built in most tests: pure Rust, so that nothing but rustup's std is needed.
pub const TRIPLE: &str = "x86_64-unknown-linux-musl";

/// A project's folder, removed with the value.
pub struct Workspace {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Workspace {
    /// An empty folder in which `name` is the project's. None, said loudly, where the std of [`TRIPLE`] is missing;
    /// that is a failure where `GANTRY_TEST_REQUIRE` is `all`.
    pub fn empty(name: &str) -> Option<Self> {
        if !std_installed(TRIPLE) {
            super::missing(&format!(
                "the standard library for {TRIPLE} is not installed (rustup target add {TRIPLE})"
            ));
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a folder").join(name);
        fs::create_dir(&root).expect("a folder");
        Some(Self { folder, root })
    }

    /// A package `tiny` of version 1.2.3 without dependencies, to be built for one platform.
    pub fn tiny() -> Option<Self> {
        Self::tiny_in("tiny")
    }

    /// The same in a folder of that name.
    pub fn tiny_in(folder: &str) -> Option<Self> {
        let workspace = Self::empty(folder)?;
        workspace.write(
            "Cargo.toml",
            "[package]\nname = \"tiny\"\nversion = \"1.2.3\"\nedition = \"2021\"\n",
        );
        workspace.write("src/main.rs", "fn main() {\n    println!(\"first\");\n}\n");
        workspace.write("gantry.toml", MATRIX);
        Some(workspace)
    }

    /// The folder of its Cargo.toml.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder beside it that lives as long.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The store of its images.
    pub fn store(&self) -> PathBuf {
        self.path("target/gantry")
    }

    /// Writes a file, with the folders that it lies in.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// `cargo gantry` with these arguments, in this folder.
    pub fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = gantry(&self.root);
        command.args(arguments);
        command
    }

    /// Runs it to its end.
    pub fn run<const N: usize>(&self, arguments: [&str; N]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Builds, and gives the digest of the one image.
    pub fn digest(&self) -> String {
        let ran = self.run(["build", "--quiet"]).ok();
        let (digest, _) = ran.stdout.split_once(' ').expect("a digest and a place");
        digest.to_owned()
    }
}

const MATRIX: &str = r#"schema = 1

[image.tiny]
platforms = ["linux/amd64"]
"#;

/// `cargo gantry` in a folder, in an environment that depends on nobody's settings.
pub fn gantry(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gantry"));
    command.arg("gantry").current_dir(folder).stdin(Stdio::null());
    settled(&mut command);
    command
}

/// Takes away what cargo gave to this test, and what the person who runs it likes.
pub fn settled(command: &mut Command) {
    let kept = ["CARGO_HOME", "CARGO_NET_OFFLINE"];
    let ours = |name: &OsString| {
        let name = name.to_string_lossy();
        [
            "CARGO",
            "RUSTFLAGS",
            "RUSTC",
            "DOCKER_",
            "REGISTRY_AUTH",
            "GANTRY_",
        ]
        .iter()
        .any(|begin| name.starts_with(begin))
            || ["CI", "NO_COLOR", "SOURCE_DATE_EPOCH", "COLUMNS", "CLICOLOR_FORCE"].contains(&&*name)
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        if !kept.contains(&&*name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    // No credentials of this machine's user.
    command.env("DOCKER_CONFIG", "/nonexistent");
}

/// What a run said, and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        command.output().expect("the command starts").into()
    }

    /// Asserts that it went well.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that it ended with this code and said nothing on standard output.
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "standard output is for data");
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Whether the toolchain in use has the std of a triple.
pub fn std_installed(triple: &str) -> bool {
    let asked = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", triple])
        .output();
    asked.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&folder).is_dir()
    })
}
