//! [`Place`]: where the project lies that is asked for, before cargo has read it.

use std::path::{Path, PathBuf};

use super::{Project, ProjectError, Question, cargo, folder, real};
use crate::spec::Digest;
use crate::tool::{Call, Ended, Tools};

/// The root of a workspace, or a gantry.toml where there is none.
#[derive(Clone, Debug)]
pub struct Place(Nearest);

impl Place {
    /// Finds it. Which Cargo.toml is the workspace's is cargo's affair.
    ///
    /// # Errors
    /// [`ProjectError::NoCargo`] or [`ProjectError::NoSuchCargo`] where there is neither a Cargo.toml nor a gantry.toml;
    /// else when cargo fails.
    pub fn find(tools: &Tools, question: &Question) -> Result<Self, ProjectError> {
        let manifest = match nearest(tools, question)? {
            Nearest::Cargo(manifest) => manifest,
            matrix @ Nearest::Matrix(_) => return Ok(Self(matrix)),
        };
        let call = cargo(tools)
            .args(["locate-project", "--workspace", "--message-format", "plain"])
            .arg("--manifest-path")
            .arg(&manifest)
            .dir(folder(&manifest));
        let located = tools.remembered(&call, b"", |output| {
            let root = PathBuf::from(output.text());
            let known = output.ended == Ended::Code(0) && root.is_absolute();
            known.then(|| manifests(&manifest)).flatten().map(|mut grounds| {
                grounds.push(root);
                grounds
            })
        })?;
        let located = located.succeeded(&call)?;
        let root = real(folder(Path::new(&located.text())));
        Ok(Self(Nearest::Cargo(root.join("Cargo.toml"))))
    }

    /// The place of a matrix with no Cargo.toml.
    pub fn of_matrix(matrix: &Path) -> Self {
        Self(Nearest::Matrix(matrix.to_owned()))
    }

    /// The folder of the workspace, or of the gantry.toml.
    pub fn root(&self) -> PathBuf {
        match &self.0 {
            Nearest::Cargo(manifest) => folder(manifest),
            Nearest::Matrix(matrix) => real(folder(matrix)),
        }
    }

    /// Whether there is a Cargo.toml.
    pub fn is_cargo(&self) -> bool {
        matches!(self.0, Nearest::Cargo(_))
    }

    /// Asks cargo what it knows of the workspace.
    ///
    /// # Errors
    /// When cargo fails or answers what cannot be read.
    pub fn read(&self, tools: &Tools, question: &Question) -> Result<Project, ProjectError> {
        let manifest = match &self.0 {
            Nearest::Cargo(manifest) => manifest,
            Nearest::Matrix(matrix) => return Ok(Project::without_cargo(matrix)),
        };
        // Without dependencies it downloads nothing: with them, cargo wants those of every platform there is.
        let call: Call = cargo(tools)
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .arg("--manifest-path")
            .arg(manifest)
            .args(question.flags())
            .dir(folder(manifest));
        let output = tools.run(&call)?;
        let metadata = serde_json::from_slice(&output.stdout).map_err(|source| ProjectError::Metadata {
            command: call.shown(),
            source,
        })?;
        Ok(Project::from_metadata(
            metadata,
            Digest::of(&output.stdout),
            question,
        ))
    }
}

/// What makes a folder a project.
#[derive(Clone, Debug)]
enum Nearest {
    /// Its Cargo.toml.
    Cargo(PathBuf),
    /// Its gantry.toml, alone.
    Matrix(PathBuf),
}

/// The Cargo.toml that the question means, or a gantry.toml that is nearer. Looked up here and not by cargo, so that its
/// absence is a fact and not the wording of a message.
fn nearest(tools: &Tools, question: &Question) -> Result<Nearest, ProjectError> {
    let directory = tools.environment().directory();
    if let Some(path) = &question.manifest_path {
        let found = Some(directory.join(path)).filter(|path| path.is_file());
        let found = found.map(Nearest::Cargo);
        return found.ok_or_else(|| ProjectError::NoSuchCargo { path: path.clone() });
    }
    let found = |folder: &Path| {
        let file = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        let cargo = file("Cargo.toml").map(Nearest::Cargo);
        cargo.or_else(|| file("gantry.toml").map(Nearest::Matrix))
    };
    let nearest = directory.ancestors().find_map(found);
    nearest.ok_or_else(|| ProjectError::NoCargo {
        place: directory.to_owned(),
    })
}

/// The manifests that decide which workspace one belongs to: itself and those above, there or not. None where links or
/// `..` on the way hide which these are.
pub(super) fn manifests(manifest: &Path) -> Option<Vec<PathBuf>> {
    let folder = folder(manifest);
    let plain = folder.canonicalize().ok()? == folder;
    plain.then(|| {
        folder
            .ancestors()
            .map(|folder| folder.join("Cargo.toml"))
            .collect()
    })
}
