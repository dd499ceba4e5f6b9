//! What is linked into the packages that are built for a target, and which of that compiles C (or C++, or assembly):
//! it needs a C compiler for the target, not only a linker.
//!
//! The answer is `cargo tree`'s: it resolves features and platforms exactly as `cargo build` does, where
//! `cargo metadata` unites the features of all members and of host and target. A crate counts if it is itself
//! compiled for the target and its active build script has a C build tool at hand: one of [`C_TOOLS`] as a build
//! dependency, or among the normal dependencies of one (`openssl-sys` builds through `openssl-src`, which uses `cc`).
//! What proc macros and build scripts compile for the host does not count.

use std::collections::{BTreeMap, BTreeSet};

use super::{Project, ProjectError, cargo};
use crate::tool::{Call, Ended, Grounds, Tools};

/// Crates that build scripts compile C with.
const C_TOOLS: [&str; 5] = ["autotools", "cc", "cmake", "gcc", "meson"];

/// Crates that use one of [`C_TOOLS`] only when the target is Windows, whatever depends on them.
const WINDOWS_ONLY: [&str; 1] = ["embed-resource"];

/// One package that is built, with its features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Name of a member.
    pub package: String,
    /// Its features.
    pub features: Vec<String>,
    /// Whether its default features are on.
    pub default_features: bool,
}

impl Project {
    /// What these packages are made of for `triple` when they are built in one call. They must agree in
    /// `default_features`, as in a cargo call. It is remembered if it is known what `cargo`'s answers depend on.
    ///
    /// # Errors
    /// When cargo fails: it also refuses features that do not exist.
    pub fn graph(
        &self,
        tools: &Tools,
        choices: &[Choice],
        triple: &str,
        cargo: Option<&Grounds>,
    ) -> Result<Graph, ProjectError> {
        let call = self.tree(tools, choices, triple);
        let known = cargo.and_then(|cargo| Some((cargo, self.basis(cargo)?)));
        let output = match known {
            None => tools.run(&call)?,
            Some((cargo, basis)) => {
                let drawn = tools.remembered(&call, &basis, |output| {
                    let drawing = std::str::from_utf8(&output.stdout).ok()?;
                    let good = output.ended == Ended::Code(0);
                    let grounds = self.grounds(cargo, drawing).filter(|_| good);
                    grounds.map(|grounds| grounds.files)
                });
                drawn?.succeeded(&call)?
            }
        };
        Graph::read(&String::from_utf8_lossy(&output.stdout)).map_err(|line| ProjectError::Tree {
            command: call.shown(),
            line,
        })
    }

    fn tree(&self, tools: &Tools, choices: &[Choice], triple: &str) -> Call {
        let mut call = cargo(tools)
            .args(["tree", "--edges", "normal,build,no-proc-macro"])
            .args(["--charset", "ascii", "--format", "{p}", "--color", "never"])
            .args(["--target", triple])
            .args(self.question.flags())
            .dir(&self.root);
        // Cargo takes it once.
        if choices.iter().any(|choice| !choice.default_features) {
            call = call.arg("--no-default-features");
        }
        let single = choices.len() == 1;
        for choice in choices {
            let package = self.package(&choice.package);
            let id = package.map_or(&choice.package, |package| &package.id);
            call = call.args(["--package", id]);
            let addressed = self.addressed.as_ref();
            if let (Some(package), true) = (package, single && addressed.is_some_and(|other| other != id)) {
                let manifest = package.directory.join("Cargo.toml");
                call = call.arg("--manifest-path").arg(manifest);
            }
            for feature in &choice.features {
                // `package/dependency/feature` is no feature for cargo; without the package it is.
                let plain = single || feature.contains('/') || addressed == Some(id);
                let feature = if plain {
                    feature.clone()
                } else {
                    format!("{}/{feature}", choice.package)
                };
                call = call.args(["--features", &feature]);
            }
        }
        call
    }
}

/// What `cargo tree` draws, as far as it matters here. Crates are called by name and version.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Normal dependencies of each crate compiled for the target.
    linked: BTreeMap<String, BTreeSet<String>>,
    /// Build dependencies of each crate compiled for the target.
    target: BTreeMap<String, BTreeSet<String>>,
    /// Normal dependencies of each crate compiled for the host.
    host: BTreeMap<String, BTreeSet<String>>,
}

/// A crate on the way from the root to the line at hand.
struct Ancestor {
    krate: String,
    host: bool,
    /// Its children now are build dependencies.
    in_build_dependencies: bool,
}

impl Graph {
    /// Reads the drawing; the `Err` is a line of no known form.
    fn read(drawing: &str) -> Result<Self, String> {
        let mut graph = Self::default();
        let mut ancestors: Vec<Ancestor> = Vec::new();
        for line in drawing.lines().filter(|line| !line.trim().is_empty()) {
            let start = line
                .find(|c: char| !matches!(c, ' ' | '|' | '`' | '-'))
                .ok_or(line)?;
            let (depth, text) = (start / 4, &line[start..]);
            if start % 4 != 0 || depth > ancestors.len() {
                return Err(line.to_owned());
            }
            if text.starts_with('[') {
                // A heading stands below the name of the crate whose dependencies follow.
                ancestors.truncate(depth + 1);
                let parent = ancestors.last_mut().ok_or(line)?;
                parent.in_build_dependencies = text == "[build-dependencies]";
                continue;
            }
            ancestors.truncate(depth);
            // Several versions of a crate are told apart; `(*)` and paths are not part of the name.
            let krate = text.split(' ').take(2).collect::<Vec<_>>().join(" ");
            let host = match ancestors.last() {
                None => false,
                Some(parent) => {
                    if parent.host {
                        if !parent.in_build_dependencies {
                            insert(&mut graph.host, &parent.krate, &krate);
                        }
                    } else if parent.in_build_dependencies {
                        insert(&mut graph.target, &parent.krate, &krate);
                    } else {
                        insert(&mut graph.linked, &parent.krate, &krate);
                    }
                    parent.host || parent.in_build_dependencies
                }
            };
            ancestors.push(Ancestor {
                krate,
                host,
                in_build_dependencies: false,
            });
        }
        Ok(graph)
    }

    /// Names of the crates that are linked into the package `name`, without itself.
    pub fn linked_into(&self, package: &str) -> BTreeSet<String> {
        let roots = self.linked.keys().filter(|krate| name(krate) == package);
        let mut open: Vec<&String> = roots.flat_map(|root| &self.linked[root]).collect();
        let mut found: BTreeSet<&String> = BTreeSet::new();
        while let Some(krate) = open.pop() {
            if found.insert(krate) {
                open.extend(self.linked.get(krate).into_iter().flatten());
            }
        }
        found.into_iter().map(|krate| name(krate).to_owned()).collect()
    }

    /// Names of the crates that compile C, sorted.
    pub fn compiles_c(&self) -> BTreeSet<String> {
        let uses_c = |tools: &&BTreeSet<String>| self.reaches_c_tool(tools);
        self.target
            .iter()
            .filter(|(_, tools)| uses_c(tools))
            .map(|(krate, _)| name(krate).to_owned())
            .collect()
    }

    fn reaches_c_tool(&self, from: &BTreeSet<String>) -> bool {
        let mut open: Vec<&String> = from.iter().collect();
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        while let Some(krate) = open.pop() {
            if C_TOOLS.contains(&name(krate)) {
                return true;
            }
            if !WINDOWS_ONLY.contains(&name(krate)) && seen.insert(krate) {
                open.extend(self.host.get(krate).into_iter().flatten());
            }
        }
        false
    }
}

fn insert(edges: &mut BTreeMap<String, BTreeSet<String>>, parent: &str, child: &str) {
    edges
        .entry(parent.to_owned())
        .or_default()
        .insert(child.to_owned());
}

fn name(krate: &str) -> &str {
    krate.split(' ').next().unwrap_or(krate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_build_dependencies_of_target_crates_count() {
        let drawing = "\
app v0.1.0 (/a folder/app)
|-- both v1.0.0
|   [build-dependencies]
|   `-- helper v1.0.0
|       |-- cc v1.2.0
|       |   `-- shlex v1.0.0
|       [build-dependencies]
|       `-- cmake v0.1.0
|-- harmless v1.0.0
|   |-- plain v1.0.0
|   [build-dependencies]
|   `-- git-facts v1.0.0
|       `-- libgit2-sys v1.0.0
|           [build-dependencies]
|           `-- cc v1.2.0 (*)
|-- later v1.0.0
|   [build-dependencies]
|   `-- helper v1.0.0 (*)
|-- windows v1.0.0
|   [build-dependencies]
|   `-- embed-resource v3.0.0
|       `-- cc v1.2.0 (*)
|-- cc v1.2.0 (*)
`-- zlib v1.0.0
    [build-dependencies]
    `-- cc v1.2.0 (*)

second v0.1.0 (/a folder/second)
[build-dependencies]
`-- cmake v0.1.0
";
        let graph = Graph::read(drawing).unwrap();
        let found = graph.compiles_c();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["both", "later", "second", "zlib"]
        );
        let linked: Vec<String> = graph.linked_into("app").into_iter().collect();
        assert_eq!(
            linked,
            ["both", "cc", "harmless", "later", "plain", "windows", "zlib"]
        );
        assert!(graph.linked_into("second").is_empty());
    }

    #[test]
    fn a_drawing_of_another_kind_is_refused() {
        for drawing in [
            "app v1\n        deep v1\n",
            "[build-dependencies]\n",
            "app v1\n  b v1\n",
            "----",
        ] {
            assert!(Graph::read(drawing).is_err(), "{drawing}");
        }
    }
}
