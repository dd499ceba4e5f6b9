//! [`Toolchain`]: what this machine has to compile with: rustc, its standard libraries, zig. Projects without Rust
//! need no rustc.
//!
//! In: [`Tools`] and the project's directory. Out: facts, each asked for once, and not again before the toolchain is
//! another one. It never installs anything except through [`Toolchain::install_target`], and never concludes from rustup's
//! lists what rustc itself can tell.

mod grounds;
mod standard;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, OnceLock};

use cargo_platform::Cfg;

use super::rustflags::{self, CargoConfig, RustflagsError};
use crate::target::Target;
use crate::tool::{Call, Ended, Grounds, Output, ToolError, Tools};
pub(in crate::build) use grounds::is_script;
use standard::Std;

/// The Rust toolchain that cargo would use in a directory, if one was asked for, and the compilers beside it.
#[derive(Debug)]
pub struct Toolchain {
    tools: Tools,
    directory: PathBuf,
    config: CargoConfig,
    rust: Option<Rust>,
    installed: Mutex<BTreeMap<String, Std>>,
    zig: OnceLock<Option<Zig>>,
}

/// A rustc that was asked about itself.
#[derive(Debug)]
struct Rust {
    rustc: PathBuf,
    version: String,
    commit: Option<String>,
    host: String,
    sysroot: PathBuf,
}

/// A zig that works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Zig {
    /// The program itself, also where it came as a Python package.
    pub program: PathBuf,
    /// Its version.
    pub version: String,
    /// Its `lib` folder, which holds musl's headers among others.
    pub library: PathBuf,
}

/// The toolchain could not be asked, or lacks something.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ToolchainError {
    /// rustc did not answer.
    #[error("cannot ask rustc about itself")]
    #[diagnostic(
        code(gantry::build::rustc),
        help("install Rust from https://rustup.rs, or set RUSTC to the compiler")
    )]
    Rustc {
        /// Why.
        #[source]
        source: ToolError,
    },
    /// rustc's answer lacks what every rustc says.
    #[error("`{command}` does not name {what}")]
    #[diagnostic(code(gantry::build::rustc_answer))]
    Answer {
        /// The call.
        command: String,
        /// What was looked for.
        what: &'static str,
    },
    /// A question about Rust where none was looked for, since nothing needed it.
    #[error("nothing here was to be compiled by rustc")]
    #[diagnostic(
        code(gantry::build::no_rust),
        help("install Rust from https://rustup.rs, and run this in a folder with a Cargo.toml")
    )]
    NoRust,
    /// Cargo's configuration does not read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] RustflagsError),
    /// rustup could not be run.
    #[error("cannot install the standard library for `{triple}`")]
    #[diagnostic(
        code(gantry::build::install),
        help(
            "install it the way this toolchain was installed; rustup would be `rustup target add {triple}`"
        )
    )]
    Install {
        /// The triple.
        triple: String,
        /// Why.
        #[source]
        source: ToolError,
    },
    /// rustup ran and the standard library is still not there.
    #[error("rustup has no standard library for `{triple}`{}", appended(said))]
    #[diagnostic(
        code(gantry::build::no_std),
        help(
            "this toolchain's distribution server does not carry it: take another server (RUSTUP_DIST_SERVER), \
             or another target for the same platform with `target = \"...\"`; a nightly Rust with `rust-src` builds it if \
             cargo's setting `unstable.build-std` says so"
        )
    )]
    NoStd {
        /// The triple.
        triple: String,
        /// rustup's last lines.
        said: String,
    },
}

impl Toolchain {
    /// Asks the rustc that cargo would run in `directory`, so that a `rust-toolchain.toml` there holds.
    ///
    /// # Errors
    /// When there is no rustc, or cargo's configuration files do not read.
    pub fn survey(tools: &Tools, directory: &Path) -> Result<Self, ToolchainError> {
        let config = CargoConfig::load(tools.environment(), directory)?;
        let rustc = config
            .rustc(tools.environment())
            .unwrap_or_else(|| "rustc".into());
        let sysroot = Call::new(&rustc).args(["--print", "sysroot"]).dir(directory);
        let of = |sysroot: &Path| grounds::of_rustc(tools, &rustc, directory, sysroot);
        let sysroot: PathBuf = ask(tools, &sysroot, |answer| of(Path::new(&answer.text())))?.into();
        let call = Call::new(&rustc).arg("-vV").dir(directory);
        let answer = ask(tools, &call, |_| of(&sysroot))?;
        let field = |name: &str, what| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
                .ok_or_else(|| ToolchainError::Answer {
                    command: call.shown(),
                    what,
                })
        };
        let rust = Rust {
            version: field("release:", "its release")?,
            // A rustc that was built from a tarball does not know its commit.
            commit: field("commit-hash:", "its commit")
                .ok()
                .filter(|commit| commit != "unknown"),
            host: field("host:", "its host")?,
            sysroot,
            rustc,
        };
        Ok(Self {
            config,
            rust: Some(rust),
            ..Self::without_rust(tools, directory)
        })
    }

    /// A toolchain for what is not Rust: neither rustc nor cargo's configuration is looked for.
    pub fn without_rust(tools: &Tools, directory: &Path) -> Self {
        Self {
            tools: tools.clone(),
            directory: directory.to_owned(),
            config: CargoConfig::default(),
            rust: None,
            installed: Mutex::default(),
            zig: OnceLock::new(),
        }
    }

    /// The commit that rustc was built from.
    pub fn commit(&self) -> Option<&str> {
        self.rust.as_ref()?.commit.as_deref()
    }

    /// rustc as it is called: a path, or a name to look up.
    pub fn rustc(&self) -> Option<&Path> {
        Some(&self.rust.as_ref()?.rustc)
    }

    /// rustc's release, as in `1.95.0`.
    pub fn version(&self) -> Option<&str> {
        Some(&self.rust.as_ref()?.version)
    }

    /// The triple that rustc runs on.
    pub fn host(&self) -> Option<&str> {
        Some(&self.rust.as_ref()?.host)
    }

    /// rustc's sysroot.
    pub fn sysroot(&self) -> Option<&Path> {
        Some(&self.rust.as_ref()?.sysroot)
    }

    /// Whether this machine is of the target's kind: programs that the system's own compiler makes may be for it.
    pub fn is_host(&self, target: &Target) -> bool {
        let machine = self.tools.environment().machine();
        match &self.rust {
            Some(rust) => rust.host == target.triple,
            // The C library is not known. Whoever asks a compiler is told.
            None => machine.arch == target.arch && machine.os == target.platform.os(),
        }
    }

    /// The project's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The programs and environment it was surveyed with.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Cargo's configuration files as they hold in the project's directory.
    pub fn config(&self) -> &CargoConfig {
        &self.config
    }

    /// A variable as what cargo starts finds it: its configuration yields to the environment, unless it says otherwise.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let outer = self.tools.environment().var_os(name);
        match (self.config.variable(name), outer) {
            (Some((value, true)), _) | (Some((value, false)), None) => Some(OsStr::new(value)),
            (_, outer) => outer,
        }
    }

    /// The `cfg`s of a triple under these flags, as cargo asks for them.
    ///
    /// # Errors
    /// When rustc does not know the triple or a flag.
    pub fn cfgs(&self, triple: &str, rustflags: &[String]) -> Result<Vec<Cfg>, ToolchainError> {
        let call = self.print("cfg", triple)?.args(rustflags);
        // A flag may lead to a file, or ask for this machine's processor.
        let leads = |flag: &String| {
            ["@", ".json", "sysroot", "native"]
                .iter()
                .any(|word| flag.contains(word))
        };
        let plain = !rustflags.iter().any(leads);
        let answer = ask(&self.tools, &call, |_| self.grounds(triple).filter(|_| plain))?;
        Ok(answer
            .lines()
            .filter_map(|line| Cfg::from_str(line).ok())
            .collect())
    }

    /// The user's own effective flags for a triple, as cargo computes them: `cfg` tables are matched under the
    /// flags found so far, and once more if that changed them.
    ///
    /// # Errors
    /// When rustc does not know the triple or a flag, or cargo's configuration is wrong.
    pub fn rustflags(&self, triple: &str) -> Result<Vec<String>, ToolchainError> {
        let environment = self.tools.environment();
        let mut flags = rustflags::effective_with(environment, &self.config, triple, &[])?;
        for _turn in 0..2 {
            let cfgs = self.cfgs(triple, &flags)?;
            let next = rustflags::effective_with(environment, &self.config, triple, &cfgs)?;
            if next == flags {
                break;
            }
            flags = next;
        }
        Ok(flags)
    }

    /// zig, if there is one: `zig` in PATH, else the Python package `ziglang`.
    pub fn zig(&self) -> Option<&Zig> {
        self.zig.get_or_init(|| self.find_zig()).as_ref()
    }

    /// A program, by its name in PATH or by its path.
    pub fn find(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        self.tools.find(name)
    }

    /// The linker that cargo's configuration files name for a triple, by itself or by a `cfg` table.
    pub fn configured_linker(&self, triple: &str) -> Option<String> {
        let of = |key: &str| self.config.text(&["target", key, "linker"]);
        if let Some(linker) = of(triple) {
            return Some(linker.to_owned());
        }
        // Asking rustc is worth it only if some table could say something.
        self.config.has_cfg_tables().then_some(())?;
        let cfgs = self.cfgs(triple, &[]).ok()?;
        let mut keys = self.config.matching_cfgs(&cfgs).into_iter();
        keys.find_map(of).map(str::to_owned)
    }

    fn find_zig(&self) -> Option<Zig> {
        let program = self.find("zig").or_else(|| self.packaged_zig())?;
        let run = |what: &str| {
            let call = Call::new(&program).arg(what);
            let asked = self.tools.remembered(&call, b"", |_| grounds::of_zig(&program));
            asked.and_then(|output| output.succeeded(&call)).ok()
        };
        let version = run("version")?.text();
        // `zig env` writes JSON or, later, ZON: the value is the first quoted text after the key in both.
        let env = run("env")?.text();
        let (_, after) = env.split_once("lib_dir")?;
        let library = after.trim_start_matches('"').split('"').nth(1)?;
        Some(Zig {
            version,
            // zig writes a path below the folder that it runs in relative to that folder.
            library: self.tools.environment().directory().join(library),
            program,
        })
    }

    fn packaged_zig(&self) -> Option<PathBuf> {
        const WHERE: &str =
            "import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))";
        let call = Call::new("python3").args(["-c", WHERE]);
        let program = PathBuf::from(self.tools.run(&call).ok()?.text());
        self.tools.find(&program)
    }

    /// What rustc's answers about a triple depend on.
    fn grounds(&self, triple: &str) -> Option<Vec<PathBuf>> {
        let rust = self.rust.as_ref()?;
        let mut grounds = grounds::of_rustc(&self.tools, &rust.rustc, &self.directory, &rust.sysroot)?;
        grounds.extend(grounds::of_triple(&self.tools, triple, &rust.sysroot)?);
        Some(grounds)
    }

    /// What the answers of the cargo that is called here depend on beside the project; none if that cannot be known.
    pub fn cargo_grounds(&self) -> Option<Grounds> {
        let rust = self.rust.as_ref()?;
        let mut files = grounds::of_rustc(&self.tools, &rust.rustc, &self.directory, &rust.sysroot)?;
        files.extend(grounds::of_cargo(&self.tools, &self.directory, &rust.sysroot)?);
        let commit = rust.commit.as_deref().unwrap_or_default();
        let sysroot = rust.sysroot.to_string_lossy();
        let facts = [&rust.version, commit, &sysroot, &self.config.shown()].join("\n");
        Some(Grounds {
            facts: facts.into_bytes(),
            files,
        })
    }

    fn print(&self, what: &str, triple: &str) -> Result<Call, ToolchainError> {
        let rustc = self.rustc().ok_or(ToolchainError::NoRust)?;
        Ok(Call::new(rustc)
            .args(["--print", what, "--target", triple])
            .dir(&self.directory))
    }
}

fn ask(
    tools: &Tools,
    call: &Call,
    grounds: impl FnOnce(&Output) -> Option<Vec<PathBuf>>,
) -> Result<String, ToolchainError> {
    let good = |output: &Output| output.ended == Ended::Code(0);
    let asked = tools.remembered(call, b"", |output| grounds(output).filter(|_| good(output)));
    let output = asked
        .and_then(|output| output.succeeded(call))
        .map_err(rustc_failed)?;
    Ok(output.text())
}

fn rustc_failed(source: ToolError) -> ToolchainError {
    ToolchainError::Rustc { source }
}

fn appended(lines: &str) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!(":\n{lines}")
    }
}

#[cfg(unix)]
#[cfg(test)]
mod memory_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Environment, Machine};
    use crate::target::Catalog;

    fn toolchain() -> Toolchain {
        let tools = Tools::new(Environment::capture().unwrap());
        Toolchain::survey(&tools, Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn knows_its_host_and_standard_library() {
        let toolchain = toolchain();
        assert!(toolchain.std_installed(toolchain.host().unwrap()).unwrap());
        assert!(!toolchain.std_installed("no-such-triple").unwrap());
        assert!(toolchain.sysroot().unwrap().join("lib").is_dir());
        assert!(toolchain.version().unwrap().starts_with("1."));
    }

    #[test]
    fn asks_for_cfgs_under_flags() {
        let toolchain = toolchain();
        let cfgs = |flags: &[&str]| {
            let flags: Vec<_> = flags.iter().map(ToString::to_string).collect();
            toolchain.cfgs("aarch64-unknown-linux-gnu", &flags).unwrap()
        };
        let own = Cfg::from_str("own").unwrap();
        assert!(!cfgs(&[]).contains(&own));
        assert!(cfgs(&["--cfg", "own"]).contains(&own));
        assert!(cfgs(&[]).contains(&Cfg::from_str("target_arch=\"aarch64\"").unwrap()));
    }

    #[cfg(unix)]
    #[test]
    fn finds_zigs_library_from_any_folder() {
        use std::os::unix::fs::PermissionsExt;
        let bin = tempfile::tempdir().unwrap();
        let zig = bin.path().join("zig");
        std::fs::write(&zig, "#!/bin/sh\necho '.lib_dir = \"zig/lib\",'\n").unwrap();
        std::fs::set_permissions(&zig, std::fs::Permissions::from_mode(0o755)).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let environment = Environment::empty(folder)
            .with("PATH", bin.path())
            .with("RUSTC", toolchain().sysroot().unwrap().join("bin/rustc"));
        let tools = Tools::new(environment);
        let toolchain = Toolchain::survey(&tools, folder).unwrap();
        assert_eq!(toolchain.zig().unwrap().library, folder.join("zig/lib"));
    }

    #[test]
    fn does_without_rust() {
        let machine = Machine {
            arch: "riscv64",
            os: "linux",
        };
        let environment = Environment::empty("/w").with_machine(machine);
        let toolchain = Toolchain::without_rust(&Tools::new(environment), Path::new("/w"));
        assert_eq!((toolchain.host(), toolchain.version()), (None, None));
        for (triple, own) in [
            ("riscv64gc-unknown-linux-gnu", true),
            ("riscv64gc-unknown-linux-musl", true),
            ("s390x-unknown-linux-gnu", false),
        ] {
            let catalog = Catalog::builtin();
            assert_eq!(
                toolchain.is_host(catalog.triple(triple).unwrap()),
                own,
                "{triple}"
            );
            let error = toolchain.std_installed(triple).unwrap_err();
            assert!(matches!(error, ToolchainError::NoRust), "{error}");
            assert!(toolchain.rustflags(triple).is_err() && toolchain.install_target(triple).is_err());
        }
    }

    #[test]
    fn says_when_rustup_has_no_std() {
        let error = toolchain().install_target("no-such-triple").unwrap_err();
        assert!(
            matches!(
                error,
                ToolchainError::NoStd { .. } | ToolchainError::Install { .. }
            ),
            "{error}"
        );
    }
}
