//! What can go wrong with a trial itself.

use std::path::PathBuf;

use crate::tool::ToolError;

/// A program could not be tried, and should have been.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum TrialError {
    /// The folder for the image's root cannot be made or written.
    #[error("cannot write `{path}`")]
    #[diagnostic(
        code(gantry::trial::folder),
        help("the image is unpacked there to be tried: it needs space, and a file system of Linux")
    )]
    Folder {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A layer cannot be read.
    #[error("cannot unpack the layer `{path}`")]
    #[diagnostic(code(gantry::trial::layer))]
    Layer {
        /// The layer's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A layer holds what no container runtime would unpack.
    #[error("the layer `{layer}` cannot be unpacked: `{path}` {why}")]
    #[diagnostic(
        code(gantry::trial::entry),
        help("container runtimes cannot unpack such an image either")
    )]
    Entry {
        /// The layer's file.
        layer: PathBuf,
        /// The entry.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A container runtime would not start the program.
    #[error("the image cannot be started: {why}")]
    #[diagnostic(code(gantry::trial::refused))]
    Refused {
        /// Why not.
        why: String,
        /// The exit code that container runtimes give then: 127 where nothing was found, otherwise 126.
        code: i32,
    },
    /// The root was entered before, and now cannot be.
    #[error("cannot enter the image's root{}", shown(.said))]
    #[diagnostic(code(gantry::trial::enter))]
    Enter {
        /// What the tools said.
        said: String,
    },
    /// An outside program.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tool(#[from] ToolError),
}

impl TrialError {
    /// The exit code that a container runtime gives for this, where it gives one.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

fn shown(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}
