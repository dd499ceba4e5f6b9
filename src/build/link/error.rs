//! Why a target cannot be linked here, and what would help.

use std::path::PathBuf;

use super::{Toolchain, Wanted};
use crate::target::{Libc, LinkerKind, Target};

/// Why one way to link was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The way.
    pub kind: LinkerKind,
    /// Why not, half a sentence.
    pub why: String,
}

/// A target cannot be linked here.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum LinkError {
    /// None of the ways that were tried can do it.
    #[error("no linker for `{triple}`{}{}", tried(refusals), compiling(crates))]
    #[diagnostic(code(gantry::build::no_linker))]
    NoLinker {
        /// The target.
        triple: String,
        /// Each way that was tried, in order.
        refusals: Vec<Refusal>,
        /// The crates that compile C, which a linker alone cannot serve.
        crates: Vec<String>,
        /// One command that closes the gap.
        #[help]
        help: String,
    },
    /// The program named by the user is not there.
    #[error("the linker `{program}` for `{triple}` is not in PATH")]
    #[diagnostic(
        code(gantry::build::linker_program),
        help("install it, correct `linker` in gantry.toml, or leave it at \"auto\"")
    )]
    Program {
        /// The target.
        triple: String,
        /// The program.
        program: String,
    },
    /// The program named by the user would compile C to something wrong, perhaps without saying so.
    #[error("`{program}` does not compile for `{triple}`: {why}")]
    #[diagnostic(
        code(gantry::build::miscompiles),
        help("name another compiler, or leave `linker` at \"auto\" and CC of this target unset")
    )]
    Miscompiles {
        /// The target.
        triple: String,
        /// The program.
        program: String,
        /// What is wrong with it.
        why: String,
    },
}

impl LinkError {
    pub(super) fn none(
        target: &Target,
        wanted: &Wanted,
        toolchain: &Toolchain,
        refusals: Vec<Refusal>,
    ) -> Self {
        Self::NoLinker {
            triple: target.triple.clone(),
            refusals,
            crates: wanted.compiles_c.clone(),
            help: remedy(target, wanted, toolchain),
        }
    }
}

/// The command that makes the target linkable, as far as this machine's package manager is known.
pub(super) fn remedy(target: &Target, wanted: &Wanted, toolchain: &Toolchain) -> String {
    let floor = wanted.glibc.is_some() && !wanted.static_;
    let debian = toolchain.find("apt-get").is_some();
    match &target.gcc_package {
        Some(packages) if debian && !floor => format!("run `apt-get install {packages}`"),
        Some(packages) if wanted.static_ => {
            format!("install a gcc for it (Debian's packages are `{packages}`)")
        }
        _ if target.zig.is_some() && !wanted.static_ => "run `pip install ziglang`".to_owned(),
        _ if target.libc == Libc::Gnu => "set `linker` to a compiler driver that links it".to_owned(),
        _ => "set `linker` to a program that links it".to_owned(),
    }
}

fn tried(refusals: &[Refusal]) -> String {
    let lines = refusals
        .iter()
        .map(|refusal| format!("\n  {}: {}", refusal.kind, refusal.why));
    lines.collect()
}

fn compiling(crates: &[String]) -> String {
    if crates.is_empty() {
        return String::new();
    }
    let names: Vec<_> = crates.iter().map(|name| format!("`{name}`")).collect();
    format!("\nC is compiled by {}", names.join(", "))
}

/// A wrapper script could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {source}", path.display())]
pub(super) struct Unwritable {
    pub(super) path: PathBuf,
    pub(super) source: std::io::Error,
}
