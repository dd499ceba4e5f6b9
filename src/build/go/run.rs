//! [`target`]: the calls of `go build` for one target, and what they made.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::GoTarget;
use super::call::Caller;
use super::packages::Group;
use crate::build::messages::Said;
use crate::build::{BuildError, Built};
use crate::event::{Event, Span, Stage};
use crate::tool::{Call, Ended};

/// Builds all groups for a target: by package, the file and whether it was there before as it is now.
pub(super) fn target<'a>(
    caller: &Caller<'_>,
    target: &GoTarget,
    groups: &[Group<'a>],
    built: &mut Built,
) -> Result<BTreeMap<&'a str, (PathBuf, bool)>, BuildError> {
    let mut made = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        let folder = folder(&caller.unit.into, &target.triple, number);
        let paths = group.members.iter().map(|member| folder.join(&member.file));
        let before: Vec<(PathBuf, Option<Mark>)> =
            paths.map(|path| (path.clone(), Mark::of(&path))).collect();
        // A separator at its end: go makes the folder, and names the files.
        let call = caller
            .build(target)?
            .dir(&group.directory)
            .arg("-o")
            .arg(folder.join(""))
            .args(group.members.iter().map(|member| &member.argument));
        let what = format!("{} ({})", target.triple, caller.unit.name);
        let span = Span::lent(caller.observer, Stage::Build, (None, None), &what);
        let compiled = run(caller, &call, target)?;
        drop(span);
        built.compiled += compiled;
        for (member, (path, before)) in group.members.iter().zip(before) {
            let Some(mark) = Mark::of(&path) else {
                return Err(BuildError::Unmade {
                    path,
                    command: call.shown(),
                    help: None,
                });
            };
            let fresh = compiled == 0 && before == Some(mark);
            built.fresh += u64::from(fresh);
            made.insert(member.package, (path, fresh));
        }
    }
    Ok(made)
}

/// Where the programs of a group go. A name is never in two groups of one folder.
fn folder(into: &Path, triple: &str, number: usize) -> PathBuf {
    match number {
        0 => into.join(triple),
        _ => into.join(format!("{triple}.{number}")),
    }
}

/// Runs a build; how many packages it compiled.
fn run(caller: &Caller<'_>, call: &Call, target: &GoTarget) -> Result<u64, BuildError> {
    let mut said = Said::default();
    let mut compiled = 0;
    let ended = caller.tools.stream(call, &mut |_, line| {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if is_package(text) {
            compiled += 1;
            caller.observer.event(&Event::Compiled {
                unit: &caller.unit.name,
                package: text,
                fresh: false,
            });
            return;
        }
        // All else that go says is an error, and the first line its beginning.
        if !text.starts_with("go: downloading ") {
            said.error_begins();
        }
        said.plain(text);
        caller.observer.event(&Event::ToolOutput { tool: "go", text });
    })?;
    if ended == Ended::Code(0) {
        return Ok(compiled);
    }
    let words = said.words();
    Err(caller.failure(call, Some(target), ended, words.lines, words.said))
}

/// Whether a line is what `-v` says of a package that is being compiled: its import path and nothing else.
fn is_package(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#') && !line.contains(|c: char| c.is_whitespace() || c == ':')
}

/// Tells whether a program is another than before.
#[derive(PartialEq, Eq)]
struct Mark {
    size: u64,
    /// The first bytes, in which the linker writes an id that depends on all others.
    /// <https://github.com/golang/go/blob/go1.24.0/src/cmd/internal/buildid/buildid.go>
    head: Vec<u8>,
}

/// As far as go itself looks for the id.
const HEAD: u64 = 32 << 10;

impl Mark {
    fn of(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let mut head = Vec::new();
        file.take(HEAD).read_to_end(&mut head).ok()?;
        Some(Self {
            size: metadata.len(),
            head,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_from_words() {
        for (line, expected) in [
            ("internal/cpu", true),
            ("example.com/m/v2", true),
            ("", false),
            ("# example.com/m", false),
            ("./main.go:3:2: undefined: x", false),
            ("go: downloading example.com/x v1.0.0", false),
        ] {
            assert_eq!(is_package(line), expected, "{line:?}");
        }
    }
}
