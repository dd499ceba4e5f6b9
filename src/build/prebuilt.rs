//! [`prebuilt`]: programs that were made by others, in files or archives of the project.

mod archive;
mod file;

use std::path::PathBuf;

use super::place::Place;
use super::{Artifact, BuildError, Built};
use crate::event::{Event, Observer, Span, Stage};
use crate::spec::{Digest, Platform};
use crate::tool::{ToolError, Tools};

/// Files that exist already.
#[derive(Clone, Debug, Default)]
pub struct PrebuiltUnit {
    /// How events name it.
    pub name: String,
    /// The matrix's folder: no path leads out of it. Absolute.
    pub directory: PathBuf,
    /// The files.
    pub files: Vec<PrebuiltFile>,
    /// Where members of archives are unpacked to, by the digest of their archive. Absolute; builds into one folder wait
    /// for each other.
    pub into: PathBuf,
}

/// One program of a [`PrebuiltUnit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrebuiltFile {
    /// The target.
    pub triple: String,
    /// Its platform, for messages.
    pub platform: Platform,
    /// The program's name.
    pub binary: String,
    /// The file, below the unit's directory, with nothing left to fill in.
    pub path: PathBuf,
    /// What the file at `path` must hash to, if that is said.
    pub sha256: Option<Digest>,
    /// The program's path in the archive that the file is; none where the file is the program.
    pub member: Option<String>,
}

/// Finds, checks and unpacks the files of a unit. `each` gets an artifact as soon as it is there.
///
/// # Errors
/// When a file is missing, is no file, lies outside of the unit's directory, or hashes to something else; when an
/// archive cannot be read or has no such member.
pub fn prebuilt(
    tools: &Tools,
    observer: &dyn Observer,
    unit: &PrebuiltUnit,
    each: &mut dyn FnMut(Artifact),
) -> Result<Built, BuildError> {
    observer.event(&Event::BuildStarted {
        unit: &unit.name,
        steps: Some(unit.files.len() as u64),
    });
    let place = Place::take(tools, observer, &unit.into)?;
    file::sweep(&unit.into);
    let mut files = file::Files::new(unit, place.temporary());
    let mut built = Built::default();
    for wanted in &unit.files {
        if tools.cancelled() {
            let command = format!("taking `{}`", wanted.path.display());
            return Err(BuildError::Tool(ToolError::Cancelled { command }));
        }
        let span = Span::lent(
            observer,
            Stage::Build,
            (None, Some(&wanted.platform)),
            &wanted.binary,
        );
        let path = files.take(wanted)?;
        drop(span);
        built.fresh += 1;
        observer.event(&Event::Compiled {
            unit: &unit.name,
            package: &wanted.binary,
            fresh: true,
        });
        let artifact = Artifact {
            triple: wanted.triple.clone(),
            package: None,
            binary: wanted.binary.clone(),
            path,
            fresh: true,
        };
        built.artifacts.push(artifact.clone());
        each(artifact);
    }
    observer.event(&Event::BuildFinished { unit: &unit.name });
    Ok(built)
}
