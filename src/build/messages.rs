//! Reading what cargo says while it builds: JSON messages on standard output, diagnostics for people on standard
//! error.
//!
//! In: lines. Out: events, artifacts, and what an error should show. An artifact's triple stands in no message: it
//! is the folder below the target directory that cargo put the file into, compared with the triples that were asked
//! for and never taken from anything else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::Message;

use super::{Artifact, BuildError, Built, CargoUnit};
use crate::event::{Event, Observer};

/// How much of a failed build's output is kept.
const SAID_LIMIT: usize = 1 << 20;
/// How many lines are kept in front of the first error.
const LINES_BEFORE: usize = 200;
/// How many lines an error shows, and how much of each.
const SHOWN_LINES: usize = 40;
const SHOWN_WIDTH: usize = 400;

/// The state of one build.
pub(super) struct Reader<'a> {
    unit: &'a CargoUnit,
    observer: &'a dyn Observer,
    each: &'a mut dyn FnMut(Artifact),
    built: Built,
    paths: BTreeSet<PathBuf>,
    fault: Option<BuildError>,
    said: Said,
}

/// What is left to say when the build failed.
pub(super) struct Words {
    /// The first error with its beginning and its end, or the last lines.
    pub(super) lines: String,
    /// Everything from the first error on, within [`SAID_LIMIT`].
    pub(super) said: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        unit: &'a CargoUnit,
        observer: &'a dyn Observer,
        each: &'a mut dyn FnMut(Artifact),
    ) -> Self {
        Self {
            unit,
            observer,
            each,
            built: Built::default(),
            paths: BTreeSet::new(),
            fault: None,
            said: Said::default(),
        }
    }

    /// A line of standard output.
    pub(super) fn message(&mut self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(Message::CompilerArtifact(artifact)) => self.artifact(artifact),
            Ok(Message::CompilerMessage(message)) => self.text(&message.to_string()),
            Ok(_) => {}
            // Kinds of messages to come are JSON too; whatever else is text that a wrapper of rustc printed.
            Err(_) if line.first() == Some(&b'{') => {}
            Err(_) => self.text(&String::from_utf8_lossy(line)),
        }
    }

    /// A line of standard error.
    pub(super) fn text(&mut self, text: &str) {
        let text = text.trim_end();
        // The same facts come as messages.
        let status = ["Compiling ", "Fresh ", "Finished "];
        if status.iter().any(|verb| text.trim_start().starts_with(verb)) && text.starts_with("   ") {
            return;
        }
        self.said.line(text);
        self.observer.event(&Event::ToolOutput { tool: "cargo", text });
    }

    /// The end of a build that failed.
    pub(super) fn failed(self) -> Words {
        self.said.words()
    }

    /// The end of a build that succeeded: what it yielded, if nothing is wrong with it.
    pub(super) fn finished(self) -> Result<Built, BuildError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        for target in &self.unit.targets {
            for selection in &self.unit.selections {
                for binary in &selection.binaries {
                    let arrived = self.built.artifacts.iter().any(|artifact| {
                        artifact.triple == target.triple
                            && artifact.package.as_deref() == Some(&selection.package)
                            && artifact.binary == *binary
                    });
                    if !arrived {
                        return Err(BuildError::Missing {
                            triple: target.triple.clone(),
                            package: selection.package.clone(),
                            binary: binary.clone(),
                        });
                    }
                }
            }
        }
        Ok(self.built)
    }

    fn artifact(&mut self, artifact: cargo_metadata::Artifact) {
        match artifact.fresh {
            true => self.built.fresh += 1,
            false => self.built.compiled += 1,
        }
        self.observer.event(&Event::Compiled {
            unit: &self.unit.name,
            package: &artifact.target.name,
            fresh: artifact.fresh,
        });
        let (Some(path), true) = (artifact.executable, artifact.target.is_bin()) else {
            return;
        };
        if self.fault.is_some() {
            return;
        }
        let path = path.into_std_path_buf();
        if !self.paths.insert(path.clone()) {
            self.fault = Some(BuildError::Twice { path });
            return;
        }
        let wanted = self.unit.selections.iter().find(|selection| {
            selection.id == artifact.package_id.repr && selection.binaries.contains(&artifact.target.name)
        });
        let Some(selection) = wanted else {
            return;
        };
        let Some(triple) = triple(&path, self.unit) else {
            self.fault = Some(BuildError::Misplaced {
                path,
                target_directory: self.unit.target_directory.clone(),
            });
            return;
        };
        let artifact = Artifact {
            triple: triple.to_owned(),
            package: Some(selection.package.clone()),
            binary: artifact.target.name,
            path,
            fresh: artifact.fresh,
        };
        self.built.artifacts.push(artifact.clone());
        (self.each)(artifact);
    }
}

/// The unit's triple in whose folder `path` lies. Several links to one folder are the same folder.
fn triple<'a>(path: &Path, unit: &'a CargoUnit) -> Option<&'a str> {
    let below = match path.strip_prefix(&unit.target_directory) {
        Ok(below) => below.to_owned(),
        Err(_) => {
            let directory = unit.target_directory.canonicalize().ok()?;
            path.canonicalize().ok()?.strip_prefix(directory).ok()?.to_owned()
        }
    };
    let mut parts = below.components();
    let folder = parts.next()?.as_os_str();
    // The profile's folder and the file itself.
    if parts.count() < 2 {
        return None;
    }
    let triples = unit.targets.iter().map(|target| target.triple.as_str());
    triples.into_iter().find(|triple| folder == *triple)
}

/// Lines of people's text, bounded.
#[derive(Default)]
pub(super) struct Said {
    lines: std::collections::VecDeque<String>,
    bytes: usize,
    error: Option<usize>,
}

impl Said {
    /// A line; the first that begins as cargo's and rustc's errors do is where the error begins.
    pub(super) fn line(&mut self, text: &str) {
        if text.starts_with("error") {
            self.error_begins();
        }
        self.plain(text);
    }

    /// The next line is where the error begins, unless it has begun.
    pub(super) fn error_begins(&mut self) {
        self.error.get_or_insert(self.lines.len());
    }

    /// A line of a program whose errors have a form of their own.
    pub(super) fn plain(&mut self, text: &str) {
        match self.error {
            Some(_) if self.bytes + text.len() > SAID_LIMIT => return,
            Some(_) => {}
            None if self.lines.len() == LINES_BEFORE => {
                let dropped = self.lines.pop_front().unwrap_or_default();
                self.bytes -= dropped.len();
            }
            None => {}
        }
        let mut end = text.len().min(SAID_LIMIT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes += end;
        self.lines.push_back(text[..end].to_owned());
    }

    pub(super) fn words(self) -> Words {
        let start = self.error.unwrap_or(0);
        let lines: Vec<String> = self.lines.into_iter().skip(start).collect();
        let told: Vec<&String> = lines.iter().filter(|line| !is_directive(line)).collect();
        let head = match self.error {
            Some(_) => SHOWN_LINES / 2,
            None => 0,
        };
        // What failed stands first, why often last: behind all that a build script printed.
        let mut shown: Vec<String> = told.iter().take(head).map(|line| cut(line)).collect();
        let rest = &told[shown.len()..];
        let tail = &rest[rest.len().saturating_sub(SHOWN_LINES / 2)..];
        if tail.len() < rest.len() && !shown.is_empty() {
            shown.push("[...]".to_owned());
        }
        shown.extend(tail.iter().map(|line| cut(line)));
        Words {
            lines: shown.join("\n"),
            said: lines.join("\n"),
        }
    }
}

/// A build script's directive to cargo, repeated by cargo when the script fails.
fn is_directive(line: &str) -> bool {
    line.starts_with("  cargo:")
}

/// A line no wider than an error should be; linkers' command lines are thousands of characters.
fn cut(line: &str) -> String {
    match line.char_indices().nth(SHOWN_WIDTH) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Selection, TargetBuild};
    use crate::event::Silent;

    fn unit() -> CargoUnit {
        let target = |triple: &str| TargetBuild {
            triple: triple.into(),
            ..TargetBuild::default()
        };
        CargoUnit {
            selections: vec![Selection {
                id: "path+file:///w#app@1.0.0".into(),
                package: "app".into(),
                binaries: vec!["app".into()],
                default_features: true,
                ..Selection::default()
            }],
            targets: vec![
                target("x86_64-unknown-linux-gnu"),
                target("x86_64-unknown-linux-musl"),
            ],
            target_directory: "/t".into(),
            ..CargoUnit::default()
        }
    }

    fn artifact(package: &str, kind: &str, path: &str) -> String {
        let executable = serde_json::json!(path);
        serde_json::json!({
            "reason": "compiler-artifact", "package_id": format!("path+file:///w#{package}@1.0.0"),
            "manifest_path": "/w/Cargo.toml", "features": [], "filenames": [path], "executable": executable,
            "target": {"kind": [kind], "crate_types": ["bin"], "name": "app", "src_path": "/w/m.rs"},
            "profile": {"opt_level": "0", "debuginfo": 0, "debug_assertions": false, "overflow_checks": false, "test": false},
            "fresh": false,
        })
        .to_string()
    }

    fn read(lines: &[String]) -> (Vec<String>, Result<Built, BuildError>) {
        let (unit, mut seen) = (unit(), Vec::new());
        let mut each = |artifact: Artifact| seen.push(artifact.triple);
        let mut reader = Reader::new(&unit, &Silent, &mut each);
        for line in lines {
            reader.message(line.as_bytes());
        }
        let result = reader.finished();
        (seen, result)
    }

    #[test]
    fn the_folder_below_the_target_directory_tells_the_triple() {
        let gnu = artifact("app", "bin", "/t/x86_64-unknown-linux-gnu/release/app");
        let musl = artifact(
            "app",
            "bin",
            "/t/x86_64-unknown-linux-musl/x86_64-unknown-linux-gnu/app",
        );
        let script = artifact("app", "custom-build", "/t/release/build/app-1/build-script-build");
        let other = artifact("other", "bin", "/t/elsewhere");
        let text = "not JSON".to_owned();
        let (seen, built) = read(&[text, script, other, musl.clone(), gnu.clone()]);
        assert_eq!(seen, ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"]);
        assert_eq!(built.unwrap().compiled, 4);

        let result = |lines: &[&String]| read(&lines.iter().map(|&line| line.clone()).collect::<Vec<_>>()).1;
        assert!(
            matches!(result(&[&gnu]), Err(BuildError::Missing { triple, .. }) if triple.ends_with("musl"))
        );
        assert!(matches!(
            result(&[&gnu, &musl, &gnu]),
            Err(BuildError::Twice { .. })
        ));
        let same = artifact("other", "bin", "/t/x86_64-unknown-linux-gnu/release/app");
        assert!(matches!(
            result(&[&gnu, &same, &musl]),
            Err(BuildError::Twice { .. })
        ));
        for place in [
            "/t/release/app",
            "/t/x86_64-unknown-linux-gnu",
            "/u/x86_64-unknown-linux-gnu/r/app",
            "/t/x86_64-unknown-linux-gnu-x/r/app",
        ] {
            let stray = artifact("app", "bin", place);
            assert!(
                matches!(result(&[&stray]), Err(BuildError::Misplaced { .. })),
                "{place}"
            );
        }
    }

    #[test]
    fn a_failure_shows_its_first_error_and_is_bounded() {
        let (unit, mut each) = (unit(), |_| {});
        let mut reader = Reader::new(&unit, &Silent, &mut each);
        for number in 0..1000 {
            reader.text(&format!("warning {number}"));
        }
        reader.text("   Compiling app v1.0.0");
        reader.text("error: first");
        for _ in 0..10_000 {
            reader.text(&"ä".repeat(1000));
        }
        let words = reader.failed();
        assert!(words.said.starts_with("error: first\nä"));
        assert!(words.said.len() < SAID_LIMIT + 10_000);
        let lines: Vec<_> = words.lines.lines().collect();
        assert_eq!((lines.len(), lines[0]), (SHOWN_LINES + 1, "error: first"));
        assert_eq!(lines[SHOWN_LINES / 2], "[...]");
        assert_eq!(lines[1].chars().count(), SHOWN_WIDTH + 3);

        let mut each = |_| {};
        let mut reader = Reader::new(&unit, &Silent, &mut each);
        reader.text("error: failed to run custom build command for `native v0.1.0`");
        (0..100).for_each(|_| reader.text("  cargo:rerun-if-env-changed=CC"));
        reader.text("  no compiler");
        let words = reader.failed();
        assert_eq!(
            words.lines,
            "error: failed to run custom build command for `native v0.1.0`\n  no compiler"
        );

        let mut each = |_| {};
        let mut reader = Reader::new(&unit, &Silent, &mut each);
        (0..1000).for_each(|number| reader.text(&format!("line {number}")));
        let words = reader.failed();
        assert!(
            words.lines.starts_with("line 980\n") && words.lines.ends_with("line 999"),
            "{}",
            words.lines
        );
    }
}
