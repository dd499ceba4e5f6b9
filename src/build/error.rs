//! What can go wrong when something is compiled.

use std::path::PathBuf;

use super::Collision;
use crate::tool::{Ended, ToolError};

/// A unit cannot be built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum BuildError {
    /// Cargo would write two binaries to one path.
    #[error("{}", shown(collisions))]
    #[diagnostic(
        code(gantry::build::collision),
        help("rename one of the binaries, or build one of them in an image with `isolated = true`")
    )]
    Collision {
        /// The names, each with the packages that have it.
        collisions: Vec<Collision>,
    },
    /// What is asked of the packages cannot be said in one call of cargo.
    #[error("{what} cannot be said in one call of cargo")]
    #[diagnostic(
        code(gantry::build::inexpressible),
        help("put the packages into different images and set `isolated = true` for one of them")
    )]
    Inexpressible {
        /// What.
        what: String,
    },
    /// Cargo ended badly.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cargo(Box<CargoFailure>),
    /// Cargo ended well, but did not report a binary that was asked for.
    #[error("cargo reported no binary `{binary}` of package `{package}` for `{triple}`")]
    #[diagnostic(code(gantry::build::missing))]
    Missing {
        /// The triple.
        triple: String,
        /// The package's name.
        package: String,
        /// The binary's name.
        binary: String,
    },
    /// Cargo reported a binary twice.
    #[error("cargo reported the binary `{}` twice", path.display())]
    #[diagnostic(
        code(gantry::build::twice),
        help("another selected package has a binary of the same name: rename one of them")
    )]
    Twice {
        /// Where.
        path: PathBuf,
    },
    /// Cargo reported a binary outside of the folders of the triples.
    #[error("cargo put the binary `{}` outside of `{}`", path.display(), target_directory.display())]
    #[diagnostic(
        code(gantry::build::misplaced),
        help(
            "which target it was built for cannot be told; look for target settings in cargo's configuration"
        )
    )]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// Where it was expected, in the folder of a triple.
        target_directory: PathBuf,
    },
    /// A flag cannot be handed over, because it is not Unicode.
    #[error("the path `{}` is not Unicode", path.display())]
    #[diagnostic(
        code(gantry::build::not_unicode),
        help("move the folder, or set `remap-paths = false`")
    )]
    NotUnicode {
        /// The path.
        path: PathBuf,
    },
    /// Cargo could not be run.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tool(#[from] ToolError),
}

/// Cargo ended badly.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{command}` ended with {ended}{}", below(lines))]
#[diagnostic(code(gantry::build::cargo))]
#[non_exhaustive]
pub struct CargoFailure {
    /// The unit's name.
    pub unit: String,
    /// The call as typed.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
    /// The first error, or cargo's last words.
    pub lines: String,
    /// What cargo and the compilers wrote from the first error on (up to a mebibyte), for who can explain it.
    pub said: String,
}

fn below(lines: &str) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!(":\n{lines}")
    }
}

fn shown(collisions: &[Collision]) -> String {
    let each = collisions.iter().map(|collision| {
        let packages: Vec<_> = collision
            .packages
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        format!(
            "binary `{}` of the packages {} would be written to one path",
            collision.binary,
            packages.join(" and ")
        )
    });
    each.collect::<Vec<_>>().join("; ")
}
