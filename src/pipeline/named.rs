//! The images of a project, named without being planned: no compiler is asked, and no base.

use std::path::PathBuf;

use super::{Error, Gantry, Request, ci, convert, prepare};
use crate::plan::{self, Overrides, Question, Release, Selection};
use crate::project::{Git, Project};
use crate::target::Catalog;

/// A project and what its images are called.
pub(super) struct Named {
    pub project: Project,
    pub git: Option<Git>,
    /// The folder that the matrix lies in.
    pub directory: PathBuf,
    pub releases: Vec<Release>,
    /// What the user should know of them.
    pub notices: Vec<String>,
}

/// Reads project and matrix.
pub(super) fn named(gantry: &Gantry, request: &Request) -> Result<Named, Error> {
    let project = prepare::load(gantry, request)?;
    let git = Git::read(&gantry.tools, &project.root)?;
    let (matrix, directory) = prepare::matrix(gantry, request, &project)?;
    let packages: Vec<plan::Package> = project
        .packages
        .iter()
        .map(|package| convert::package(package, &project))
        .collect();
    let (releases, notices) = plan::releases(&Question {
        matrix: &matrix,
        packages: &packages,
        catalog: &Catalog::builtin(),
        bases: plan::Bases::new(),
        git: git
            .as_ref()
            .map(|git| ci::completed(convert::git(git), gantry.tools.environment())),
        installed: Default::default(),
        selection: Selection {
            images: request.images.clone(),
            platforms: request.platforms.clone(),
        },
        overrides: Overrides {
            repositories: request.repositories.clone(),
            tags: request.tags.clone(),
        },
        variables: prepare::variables(gantry),
        created: prepare::created(gantry, git.as_ref())?,
        out: PathBuf::new(),
    })?;
    Ok(Named {
        project,
        git,
        directory,
        releases,
        notices,
    })
}
