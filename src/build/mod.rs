//! [`CargoUnit`]: one compiler call, and what it yields.
//!
//! In: plain values that say what to compile, for which triples, with which flags and variables. Out: an
//! [`Artifact`] for each (triple, package, binary), handed over as soon as the compiler reports it. This room never
//! guesses where a compiler puts its files, never chooses a target or linker by itself, and never runs a compiler
//! whose outputs would overwrite each other.

mod cargo;
mod command;
mod error;
mod go;
pub mod link;
mod messages;
mod place;
mod prebuilt;
mod remap;
pub mod rustflags;
mod selection;
pub mod toolchain;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

pub use cargo::cargo;
pub use command::{CommandRun, CommandUnit, command};
pub use error::{BuildError, CargoFailure, CommandFailure, GoFailure, PrebuiltError};
pub use go::{GoBinary, GoTarget, GoUnit, go, go_program};
pub use prebuilt::{PrebuiltFile, PrebuiltUnit, prebuilt};
pub use selection::{Collision, collisions};

use crate::tool::Grounds;

/// Packages built for any number of triples, by a `cargo build` for each: cargo unites the features that dependencies
/// have for any triple of a call, so a triple's program must not depend on which others are asked for.
#[derive(Clone, Debug, Default)]
pub struct CargoUnit {
    /// How events name it.
    pub name: String,
    /// The workspace's root: cargo runs here, and finds its configuration from here.
    pub workspace: PathBuf,
    /// What to build; at least one.
    pub selections: Vec<Selection>,
    /// Id of the package that alone hears what is said of features without a package's name; none if all that are
    /// selected do.
    pub addressed: Option<String>,
    /// Cargo profile.
    pub profile: String,
    /// What is stripped, whatever the profile says.
    pub strip: Strip,
    /// The triples; at least one, each once.
    pub targets: Vec<TargetBuild>,
    /// Replaces paths of this machine in what is built; none leaves them.
    pub remap: Option<Remap>,
    /// Cargo.lock must not change.
    pub locked: bool,
    /// No network.
    pub offline: bool,
    /// Both of the above.
    pub frozen: bool,
    /// How many jobs at once; none leaves it to cargo.
    pub jobs: Option<u32>,
    /// Where cargo builds: the project's target directory, or one of the unit's own. Absolute.
    pub target_directory: PathBuf,
    /// Where cargo keeps intermediate files, whatever its configuration says. Absolute.
    pub build_directory: Option<PathBuf>,
    /// Variables of the whole call.
    pub environment: BTreeMap<String, String>,
    /// Variables that cargo's own configuration has for what it starts. They yield to those of the call.
    pub configured: BTreeMap<String, String>,
    /// What cargo's answers about the workspace depend on; none if that is not known.
    pub grounds: Option<Grounds>,
}

/// Binaries of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Cargo's id of the package.
    pub id: String,
    /// The package's name.
    pub package: String,
    /// Its Cargo.toml.
    pub manifest: PathBuf,
    /// Binaries to build; at least one.
    pub binaries: Vec<String>,
    /// All binaries that the package has. `--bin` means a name in every selected package, so these count when paths
    /// could collide.
    pub has: Vec<String>,
    /// Features of the package.
    pub features: Vec<String>,
    /// Whether its default features are on.
    pub default_features: bool,
}

/// One triple of a unit.
#[derive(Clone, Debug, Default)]
pub struct TargetBuild {
    /// What rustc calls it.
    pub triple: String,
    /// Variables for this triple (linker, C compiler); their names must hold the triple, or they hit the others.
    pub variables: BTreeMap<String, OsString>,
    /// All flags for rustc, those of the user's settings among them: no other source of flags holds.
    pub rustflags: Vec<String>,
}

/// What is removed from a binary when it is linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strip {
    /// Nothing.
    None,
    /// Debug information.
    Debuginfo,
    /// Debug information and symbols.
    #[default]
    Symbols,
}

/// What path remapping must know beside the unit's own folders and the user's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remap {
    /// `rustc --print sysroot`.
    pub sysroot: Option<PathBuf>,
    /// The `commit-hash` of `rustc -vV`: the paths of the shipped standard library begin with `/rustc/<hash>`.
    pub commit: Option<String>,
    /// Where cargo keeps intermediate files, if that is not the target directory.
    pub build_directory: Option<PathBuf>,
}

/// A program that a compiler made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Artifact {
    /// The triple it was built for.
    pub triple: String,
    /// Name of its package; none if it does not come from cargo.
    pub package: Option<String>,
    /// Name of the binary.
    pub binary: String,
    /// The file. It stays until the next build overwrites it.
    pub path: PathBuf,
    /// Nothing had to be compiled.
    pub fresh: bool,
}

/// What a compiler call yielded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// Every artifact, in the order they came.
    pub artifacts: Vec<Artifact>,
    /// How many crates were compiled.
    pub compiled: u64,
    /// How many crates had not changed.
    pub fresh: u64,
}
