//! What can go wrong when a project is read.

use std::path::PathBuf;

use crate::tool::ToolError;

/// The facts of a project cannot be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is neither a Cargo.toml nor a gantry.toml.
    #[error("no Cargo.toml and no gantry.toml in or above `{}`", place.display())]
    #[diagnostic(
        code(gantry::project::no_cargo),
        help(
            "run it inside a cargo project, or beside a gantry.toml; --manifest-path and --matrix name them"
        )
    )]
    NoCargo {
        /// Where it was looked for.
        place: PathBuf,
    },
    /// The Cargo.toml that was named is not there.
    #[error("there is no file `{}`", path.display())]
    #[diagnostic(
        code(gantry::project::no_such_cargo),
        help("give --manifest-path the path of a Cargo.toml, or leave it out inside a cargo project")
    )]
    NoSuchCargo {
        /// The path as given.
        path: PathBuf,
    },
    /// Cargo's answer is not what its format promises.
    #[error("`{command}` answered what cannot be read")]
    #[diagnostic(
        code(gantry::project::metadata),
        help("cargo 1.77 or newer is needed, see `cargo --version`")
    )]
    Metadata {
        /// The call as typed.
        command: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The dependency tree has a line of no known form.
    #[error("cannot read the line `{line}` of `{command}`")]
    #[diagnostic(code(gantry::project::tree))]
    Tree {
        /// The call as typed.
        command: String,
        /// The line.
        line: String,
    },
    /// Git refuses to read the repository that the project lies in.
    #[error("git cannot read the repository of `{}`: {said}", directory.display())]
    #[diagnostic(
        code(gantry::project::git),
        help(
            "where the folder belongs to another user: `git config --global --add safe.directory <folder>`"
        )
    )]
    Git {
        /// The folder asked about.
        directory: PathBuf,
        /// What git said.
        said: String,
    },
    /// A worktree or a submodule, and the repository that it belongs to is not there.
    #[error("`{}` lies in half of a git repository: {said}", directory.display())]
    #[diagnostic(
        code(gantry::project::half_repository),
        help(
            "a worktree or a submodule needs the repository that its `.git` names: bring it along; or remove that file, and \
             the image names no commit"
        )
    )]
    HalfRepository {
        /// The folder asked about.
        directory: PathBuf,
        /// What git said.
        said: String,
    },
    /// Cargo or git failed.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tool(#[from] ToolError),
}
