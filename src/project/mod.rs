//! [`Project`]: what cargo and git know of the workspace that is being packaged.
//!
//! In: [`Tools`] and a [`Question`]. Out: plain facts, read once: packages, binaries, features, licences, the raw
//! `metadata.gantry` tables; for git, commit and origin. This room decides nothing, compiles nothing and writes
//! nothing, and no credential of a remote URL leaves it.

mod error;
mod git;
mod native;
mod place;
mod remembered;
mod resolver;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::spec::Digest;
use crate::tool::{Call, Tools};

pub use error::ProjectError;
pub use git::Git;
pub use native::{Choice, Graph};
pub use place::Place;

/// A cargo workspace, as `cargo metadata` tells it; or a folder with a gantry.toml and no Cargo.toml.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Project {
    /// The folder of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// The root package's name, else the root folder's.
    pub name: String,
    /// Where cargo puts what it builds, as the user's settings have it.
    pub target_directory: PathBuf,
    /// Where cargo keeps intermediate files, if that is another folder.
    pub build_directory: Option<PathBuf>,
    /// The members, in cargo's order.
    pub packages: Vec<Package>,
    /// Ids of the members that cargo takes when none is named.
    pub default_members: Vec<String>,
    /// Id of the package that `--no-default-features`, and features without a package's name, hold for whatever is
    /// selected: with cargo's first resolver the root package.
    pub addressed: Option<String>,
    /// `[workspace.metadata.gantry]`, untouched.
    pub metadata: Option<Value>,
    is_cargo: bool,
    /// How the project was asked for; later questions are put the same way.
    question: Question,
    /// All that cargo said of it.
    told: Option<Digest>,
    /// Packages that members name by a path, with their folders.
    beside: BTreeSet<(String, PathBuf)>,
}

/// How to ask for a project.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// A Cargo.toml; none means the one above the working directory.
    pub manifest_path: Option<PathBuf>,
    /// Cargo.lock must not change.
    pub locked: bool,
    /// No network.
    pub offline: bool,
    /// Both of the above.
    pub frozen: bool,
}

/// A member of the workspace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Package {
    /// Cargo's package id; cargo takes it wherever it takes a package, and names artifacts by it.
    pub id: String,
    /// Name, unique within the workspace.
    pub name: String,
    /// Version.
    pub version: semver::Version,
    /// The folder of its Cargo.toml.
    pub directory: PathBuf,
    /// SPDX licence expression.
    pub license: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// The file that introduces it, if cargo knows one.
    pub readme: Option<PathBuf>,
    /// Authors.
    pub authors: Vec<String>,
    /// Home page.
    pub homepage: Option<String>,
    /// Repository, as written in Cargo.toml.
    pub repository: Option<String>,
    /// Documentation.
    pub documentation: Option<String>,
    /// The binary that `cargo run` takes.
    pub default_run: Option<String>,
    /// Its binaries, in cargo's order.
    pub binaries: Vec<PackageBinary>,
    /// Names of its features, sorted; `default` among them if there is one.
    pub features: Vec<String>,
    /// `[package.metadata.gantry]`, untouched.
    pub metadata: Option<Value>,
}

/// A binary target of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackageBinary {
    /// Name.
    pub name: String,
    /// Features without which cargo does not build it.
    pub required_features: Vec<String>,
    /// Whether the default features are enough for it: plain `cargo build` leaves out what needs others.
    pub by_default: bool,
}

impl Project {
    /// Asks cargo, unless the nearest project has no Cargo.toml.
    ///
    /// # Errors
    /// As [`Place::find`] and [`Place::read`].
    pub fn load(tools: &Tools, question: &Question) -> Result<Self, ProjectError> {
        Place::find(tools, question)?.read(tools, question)
    }

    /// The project of a matrix with no Cargo.toml: its folder, of which nothing is known.
    pub fn without_cargo(matrix: &Path) -> Self {
        let root = real(folder(matrix));
        let name = root.file_name().unwrap_or_default();
        Self {
            name: name.to_string_lossy().into_owned(),
            target_directory: root.join(".gantry"),
            build_directory: None,
            packages: Vec::new(),
            default_members: Vec::new(),
            addressed: None,
            metadata: None,
            is_cargo: false,
            question: Question::default(),
            told: None,
            beside: BTreeSet::new(),
            root,
        }
    }

    /// Whether there is a Cargo.toml.
    pub fn is_cargo(&self) -> bool {
        self.is_cargo
    }

    /// The member of this name.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    fn from_metadata(metadata: cargo_metadata::Metadata, told: Digest, question: &Question) -> Self {
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let name = match metadata.root_package() {
            Some(package) => package.name.to_string(),
            None => root
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        };
        let default_members = if metadata.workspace_default_members.is_available() {
            metadata.workspace_default_members.to_vec()
        } else {
            metadata.workspace_members.clone()
        };
        let target_directory = metadata.target_directory.clone().into_std_path_buf();
        Self {
            name,
            build_directory: metadata
                .build_directory
                .clone()
                .map(Into::into)
                .filter(|directory| *directory != target_directory),
            target_directory,
            packages: metadata
                .workspace_packages()
                .into_iter()
                .map(Package::from_metadata)
                .collect(),
            default_members: default_members.into_iter().map(|id| id.repr).collect(),
            addressed: resolver::addressed(&metadata),
            metadata: metadata.workspace_metadata.get("gantry").cloned(),
            root,
            is_cargo: true,
            question: question.clone(),
            told: Some(told),
            beside: beside(&metadata),
        }
    }
}

impl Package {
    /// The binary of this name.
    pub fn binary(&self, name: &str) -> Option<&PackageBinary> {
        self.binaries.iter().find(|binary| binary.name == name)
    }

    fn from_metadata(package: &cargo_metadata::Package) -> Self {
        let default = default_features(&package.features);
        Self {
            id: package.id.repr.clone(),
            name: package.name.to_string(),
            version: package.version.clone(),
            directory: folder(package.manifest_path.as_std_path()),
            license: package.license.clone(),
            description: package.description.clone(),
            readme: package
                .readme
                .as_ref()
                .map(|readme| folder(package.manifest_path.as_std_path()).join(readme)),
            authors: package.authors.clone(),
            homepage: package.homepage.clone(),
            repository: package.repository.clone(),
            documentation: package.documentation.clone(),
            default_run: package.default_run.clone(),
            binaries: package
                .targets
                .iter()
                .filter(|target| target.is_bin())
                .map(|target| PackageBinary {
                    name: target.name.clone(),
                    required_features: target.required_features.clone(),
                    by_default: target
                        .required_features
                        .iter()
                        .all(|feature| default.contains(feature.as_str())),
                })
                .collect(),
            features: package.features.keys().cloned().collect(),
            metadata: package.metadata.get("gantry").cloned(),
        }
    }
}

impl Question {
    fn flags(&self) -> impl Iterator<Item = &'static str> + use<> {
        [
            (self.locked, "--locked"),
            (self.offline, "--offline"),
            (self.frozen, "--frozen"),
        ]
        .into_iter()
        .filter_map(|(set, flag)| set.then_some(flag))
    }
}

/// The folder without links on the way: cargo names packages by the path it is given, or by its own directory's, and
/// both must be one. On Windows, where the system's answer is a path that many programs do not take, as it is.
fn real(folder: PathBuf) -> PathBuf {
    if cfg!(windows) {
        return folder;
    }
    folder.canonicalize().unwrap_or(folder)
}

/// Packages that members name by a path, with their folders.
fn beside(metadata: &cargo_metadata::Metadata) -> BTreeSet<(String, PathBuf)> {
    let members = metadata.packages.iter();
    let named = members.flat_map(|package| &package.dependencies);
    let place = |dependency: &cargo_metadata::Dependency| {
        let folder = dependency.path.clone()?;
        Some((dependency.name.clone(), folder.into_std_path_buf()))
    };
    named.filter_map(place).collect()
}

/// The features that are on where nobody says anything. What features say of dependencies (`dep:x`, `x/y`) is no
/// feature of the package.
fn default_features(features: &BTreeMap<String, Vec<String>>) -> BTreeSet<&str> {
    let mut on = BTreeSet::new();
    let mut next = vec!["default"];
    while let Some(feature) = next.pop() {
        if on.insert(feature) {
            next.extend(features.get(feature).into_iter().flatten().map(String::as_str));
        }
    }
    on
}

/// The cargo that called us, else the one in `PATH`.
fn cargo(tools: &Tools) -> Call {
    Call::new(tools.environment().non_empty("CARGO").unwrap_or("cargo"))
}

fn folder(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_features_lead_to_others() {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let features = BTreeMap::from([
            ("default".to_owned(), list(&["cli"])),
            ("cli".to_owned(), list(&["term", "dep:clap", "default"])),
            ("term".to_owned(), list(&[])),
            ("server".to_owned(), list(&["cli"])),
        ]);
        let on = default_features(&features);
        assert!(on.contains("term") && on.contains("cli") && !on.contains("server"));
        assert!(!default_features(&BTreeMap::new()).contains("cli"));
    }
}
