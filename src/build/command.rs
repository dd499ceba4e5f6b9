//! [`command`]: programs that a command of the user's makes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::messages::Said;
use super::{Artifact, BuildError, Built, CommandFailure};
use crate::event::{Event, Observer, Span, Stage};
use crate::tool::{Call, Ended, Tools};

/// Commands that make programs, run one after the other.
#[derive(Clone, Debug, Default)]
pub struct CommandUnit {
    /// How events name it.
    pub name: String,
    /// The matrix's folder: the commands run here. Absolute.
    pub directory: PathBuf,
    /// What is run.
    pub runs: Vec<CommandRun>,
    /// Variables that the matrix says. They win over those of a run.
    pub environment: BTreeMap<String, String>,
}

/// One command of a [`CommandUnit`], for one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandRun {
    /// The target.
    pub triple: String,
    /// The program's name.
    pub binary: String,
    /// Program and arguments, with nothing left to fill in. No shell reads them. A program with a slash in its name is
    /// seen from the unit's directory.
    pub command: Vec<String>,
    /// The file that it must make. It is removed before; its folder is made. Absolute.
    pub out: PathBuf,
    /// Variables of the target (its C compiler, say), over those of the user's environment.
    pub variables: BTreeMap<String, OsString>,
}

/// Runs the commands of a unit. `each` gets an artifact when its command has ended.
///
/// # Errors
/// When a command cannot be started, ends badly, or does not make its file.
pub fn command(
    tools: &Tools,
    observer: &dyn Observer,
    unit: &CommandUnit,
    each: &mut dyn FnMut(Artifact),
) -> Result<Built, BuildError> {
    observer.event(&Event::BuildStarted {
        unit: &unit.name,
        steps: Some(unit.runs.len() as u64),
    });
    let mut built = Built::default();
    for run in &unit.runs {
        let what = format!("{} {} ({})", run.binary, run.triple, unit.name);
        let span = Span::lent(observer, Stage::Build, (None, None), &what);
        make(tools, observer, unit, run)?;
        drop(span);
        built.compiled += 1;
        observer.event(&Event::Compiled {
            unit: &unit.name,
            package: &run.binary,
            fresh: false,
        });
        let artifact = Artifact {
            triple: run.triple.clone(),
            package: None,
            binary: run.binary.clone(),
            path: run.out.clone(),
            fresh: false,
        };
        built.artifacts.push(artifact.clone());
        each(artifact);
    }
    observer.event(&Event::BuildFinished { unit: &unit.name });
    Ok(built)
}

fn make(
    tools: &Tools,
    observer: &dyn Observer,
    unit: &CommandUnit,
    run: &CommandRun,
) -> Result<(), BuildError> {
    let call = call(unit, run)?;
    clear(&run.out).map_err(|source| BuildError::Folder {
        path: run.out.clone(),
        source,
    })?;
    let name = call.name();
    let mut said = Said::default();
    let ended = tools.stream(&call, &mut |_, line| {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        said.plain(text);
        observer.event(&Event::ToolOutput { tool: &name, text });
    });
    // None was there before. It would be in the way of every later run.
    let folder = fs::symlink_metadata(&run.out).is_ok_and(|metadata| metadata.is_dir());
    if folder {
        drop(fs::remove_dir_all(&run.out));
    }
    let ended = ended?;
    if ended != Ended::Code(0) {
        return Err(BuildError::Command(Box::new(CommandFailure {
            binary: run.binary.clone(),
            triple: run.triple.clone(),
            command: call.shown(),
            ended,
            lines: said.words().lines,
        })));
    }
    // A link to where the program was really made is as good.
    if fs::metadata(&run.out).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    Err(BuildError::Unmade {
        path: run.out.clone(),
        command: call.shown(),
        help: Some(match folder {
            true => "`{out}` is the path of the program itself, and this command made a folder there",
            false => "a command writes the program to the path that stands for `{out}` in it",
        }),
    })
}

fn call(unit: &CommandUnit, run: &CommandRun) -> Result<Call, BuildError> {
    let [program, arguments @ ..] = run.command.as_slice() else {
        return Err(BuildError::NoCommand {
            binary: run.binary.clone(),
        });
    };
    // As a shell in that directory would have it.
    let program = match Path::new(program).components().count() > 1 || program.starts_with('.') {
        true => unit.directory.join(program),
        false => PathBuf::from(program),
    };
    let mut call = Call::new(program).args(arguments).dir(&unit.directory);
    for (name, value) in &run.variables {
        call = call.var(name, value);
    }
    for (name, value) in &unit.environment {
        call = call.var(name, value);
    }
    Ok(call)
}

/// Removes what an earlier run made, so that it cannot pass for what this one makes.
fn clear(out: &Path) -> io::Result<()> {
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(out) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
