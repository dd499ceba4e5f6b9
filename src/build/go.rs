//! `go build`: one call for each target of a unit, for all its programs.
//!
//! Go finds out itself what has changed: its build cache is the user's own, and a program that is as it would be
//! linked again is left alone.

mod advice;
mod call;
mod flags;
mod packages;
mod run;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

pub use call::program as go_program;

use super::place::Place;
use super::{Artifact, BuildError, Built, Strip};
use crate::event::{Event, Observer, Span, Stage};
use crate::tool::Tools;

/// Go programs of one module or workspace, built for any number of targets with the same settings.
#[derive(Clone, Debug, Default)]
pub struct GoUnit {
    /// How events name it.
    pub name: String,
    /// The matrix's folder. Go runs here, or in the folder of a module below it, and finds go.mod, go.work and `vendor`
    /// from there. Absolute.
    pub directory: PathBuf,
    /// The programs; at least one.
    pub binaries: Vec<GoBinary>,
    /// Build tags, beside those of the user's GOFLAGS.
    pub tags: Vec<String>,
    /// Whether Go code may call C, with the compilers that the targets' variables name.
    pub cgo: bool,
    /// No path of this machine stays in the programs.
    pub trimpath: bool,
    /// What is left out when linking, unless flags for the linker say it already.
    pub strip: Strip,
    /// The targets; each once.
    pub targets: Vec<GoTarget>,
    /// Variables that the matrix says. They win over all others but `GOOS` and `GOARCH`.
    pub environment: BTreeMap<String, String>,
    /// How many packages at once; none leaves it to go.
    pub jobs: Option<u32>,
    /// No network: what is neither vendored nor downloaded already is missing.
    pub offline: bool,
    /// go.mod and go.sum must not change.
    pub locked: bool,
    /// Where the programs of this unit go, and of no other: into a folder for each triple. Absolute; builds into one folder
    /// wait for each other.
    pub into: PathBuf,
}

/// One program of a [`GoUnit`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoBinary {
    /// How the matrix names it; go's own name for its file may differ.
    pub name: String,
    /// Its package as `go build` takes it, seen from the unit's directory: `./cmd/x`, `example.com/m/cmd/x`, or one
    /// file `./tool.go`.
    pub package: String,
}

/// One target of a [`GoUnit`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoTarget {
    /// Names it; go never sees this.
    pub triple: String,
    /// What go must know of it: [`crate::target::Go::variables`], and with cgo `CC`, `CXX`, `AR`, `PKG_CONFIG...`.
    pub variables: BTreeMap<String, OsString>,
    /// Flags for Go's linker, each as it would stand within `-ldflags`: one flag, or a flag and its value. A value
    /// with blanks after `-X` is quoted here unless it is quoted already.
    pub ldflags: Vec<String>,
    /// With cgo: the C library is linked in, for bases that have none.
    pub static_libc: bool,
}

/// Builds a unit. `each` gets the artifacts of a target when all of them are there, in the order of `binaries`.
///
/// # Errors
/// When go is not there or too old for the project, does not know a target, or cannot build one; when a package is not
/// one program.
pub fn go(
    tools: &Tools,
    observer: &dyn Observer,
    unit: &GoUnit,
    each: &mut dyn FnMut(Artifact),
) -> Result<Built, BuildError> {
    observer.event(&Event::BuildStarted {
        unit: &unit.name,
        steps: None,
    });
    let place = Place::take(tools, observer, &unit.into)?;
    let caller = call::Caller::new(tools, observer, unit, place.temporary())?;
    let mut built = Built::default();
    let listing = Span::lent(
        observer,
        Stage::Build,
        (None, None),
        &format!("go list ({})", unit.name),
    );
    let groups = match unit.targets.first() {
        Some(target) => packages::groups(&caller, target)?,
        None => Vec::new(),
    };
    drop(listing);
    for target in &unit.targets {
        let mut made = run::target(&caller, target, &groups, &mut built)?;
        for binary in &unit.binaries {
            let Some((path, fresh)) = made.remove(binary.package.as_str()) else {
                continue;
            };
            // Two names for one package are one file.
            made.insert(&binary.package, (path.clone(), fresh));
            let artifact = Artifact {
                triple: target.triple.clone(),
                package: None,
                binary: binary.name.clone(),
                path,
                fresh,
            };
            built.artifacts.push(artifact.clone());
            each(artifact);
        }
    }
    observer.event(&Event::BuildFinished { unit: &unit.name });
    Ok(built)
}
