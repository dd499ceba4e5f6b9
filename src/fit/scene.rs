//! [`Scene`]: the image as a runtime sees it, read once for all checks.
//!
//! In: the question. Out: the config's words, who the programs run as, and the programs. It judges nothing.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>

use std::cell::OnceCell;
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use serde_json::Value;

use super::identity::{self, Identity, UserFault};
use super::start::{self, Start};
use super::{Check, Finding, Question};
use crate::binary::Elf;
use crate::rootfs::{Kind, Node};

/// What a runtime searches where the image sets no `PATH`: Docker and containerd have the same.
/// <https://github.com/containerd/containerd/blob/v2.0.0/pkg/oci/spec.go#L33>
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// More volumes, ports or directories to search than this are not looked at.
pub(super) const MOST: usize = 1024;

/// The image as a runtime sees it.
pub(super) struct Scene<'a> {
    pub(super) question: Question<'a>,
    /// Who the programs run as, or why nobody knows.
    pub(super) user: Result<Identity, UserFault>,
    /// The programs that must run, each once.
    pub(super) programs: Vec<Program<'a>>,
    /// Directories of `/lib` and the like that hold a glibc, once somebody asked.
    pub(super) glibc_homes: OnceCell<Vec<(Vec<u8>, &'a Elf)>>,
}

/// A program that must run.
pub(super) struct Program<'a> {
    /// As it was named.
    pub(super) path: String,
    /// Without links, relative to the root.
    pub(super) real: Vec<u8>,
    pub(super) node: &'a Node,
    pub(super) elf: Option<&'a Elf>,
    /// What follows its `#!`.
    pub(super) script: Option<&'a str>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(question: &Question<'a>) -> Self {
        let mut scene = Self {
            question: *question,
            user: Err(UserFault::Unknown),
            programs: Vec::new(),
            glibc_homes: OnceCell::new(),
        };
        scene.user = identity::of(scene.text("User"), question.tree);
        // Those that were named come first: crates are known by these names.
        let mut names: VecDeque<String> = question.programs.iter().cloned().collect();
        if let Start::Program(path) = start::find(&scene, &scene.command()) {
            names.push_back(path);
        }
        let mut seen = BTreeSet::new();
        while let Some(name) = names.pop_front() {
            let Some(program) = scene.program(&name) else {
                continue;
            };
            if !seen.insert(program.real.clone()) {
                continue;
            }
            if let Some(Start::Program(next)) = program.script.map(|line| start::interpreter(&scene, line)) {
                names.push_back(next);
            }
            scene.programs.push(program);
        }
        scene.programs.sort_by(|one, other| one.path.cmp(&other.path));
        scene
    }

    /// The file at a path, if it is one.
    pub(super) fn program(&self, path: &str) -> Option<Program<'a>> {
        let (real, node) = self.question.tree.resolve(path.as_bytes())?;
        let Kind::File(facts) = &node.kind else {
            return None;
        };
        Some(Program {
            path: path.to_owned(),
            real,
            node,
            elf: facts.elf.as_deref(),
            script: facts.script.as_deref(),
        })
    }

    /// A key of the config's `config`.
    pub(super) fn value(&self, key: &str) -> &'a Value {
        &self.question.config["config"][key]
    }

    /// A text of the config; empty if it is not there.
    pub(super) fn text(&self, key: &str) -> &'a str {
        self.value(key).as_str().unwrap_or_default()
    }

    /// A list of texts in the config.
    pub(super) fn list(&self, key: &str) -> Vec<&'a str> {
        texts(self.value(key))
    }

    /// The keys of a set in the config.
    pub(super) fn set(&self, key: &str) -> Vec<&'a str> {
        let set = self.value(key).as_object();
        let keys = set.into_iter().flatten().map(|(key, _)| key.as_str());
        keys.take(MOST).collect()
    }

    /// A variable of the image; of two the last holds. An empty one counts as not set.
    pub(super) fn variable(&self, name: &str) -> Option<&'a str> {
        let all = self.list("Env").into_iter().rev();
        let mut values = all.filter_map(|line| line.split_once('=').filter(|(key, _)| *key == name));
        values
            .next()
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// The directories that names without a slash are searched in.
    pub(super) fn search_path(&self) -> &'a str {
        self.variable("PATH").unwrap_or(DEFAULT_PATH)
    }

    /// Where programs start.
    pub(super) fn workdir(&self) -> &'a str {
        Some(self.text("WorkingDir"))
            .filter(|path| !path.is_empty())
            .unwrap_or("/")
    }

    /// Whether a path is a volume or lies in one: what is there is known when the container is started.
    pub(super) fn in_volume(&self, path: &str) -> bool {
        let volumes = self.set("Volumes");
        volumes.iter().any(|volume| Path::new(path).starts_with(volume))
    }

    /// What a runtime starts: Entrypoint and Cmd, one after the other.
    pub(super) fn command(&self) -> Vec<&'a str> {
        [self.list("Entrypoint"), self.list("Cmd")].concat()
    }

    /// The base, as sentences name it.
    pub(super) fn base(&self) -> String {
        format!("`{}`", self.question.base)
    }

    /// Names of the crates that a program was built from, where known.
    pub(super) fn crates(&self, program: &Program<'_>) -> Option<&'a BTreeSet<String>> {
        self.question.crates.get(&program.path)
    }

    pub(super) fn finding(
        &self,
        check: Check,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding::new(self.question.platform, check, subject, message)
    }
}

/// The texts of a list.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// A path of the tree as people write it.
pub(super) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    format!("/{}", text.trim_start_matches('/'))
}
