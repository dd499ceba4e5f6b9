//! [`Request`]: what the caller wants done, as the command line or an xtask says it.

use std::path::PathBuf;

use crate::spec::Platform;

/// What is to be worked on; the default is everything of the project in the working directory.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The Cargo.toml; found from the working directory upwards by default.
    pub manifest_path: Option<PathBuf>,
    /// The matrix; `gantry.toml` beside the workspace's Cargo.toml by default.
    pub matrix: Option<PathBuf>,
    /// Images to pack; empty means all.
    pub images: Vec<String>,
    /// Platforms to pack; empty means all.
    pub platforms: Vec<Platform>,
    /// Templates of repositories that replace the matrix's.
    pub repositories: Vec<String>,
    /// Templates of tags that replace the matrix's.
    pub tags: Vec<String>,
    /// Cargo.lock and gantry.lock must not change.
    pub locked: bool,
    /// No network, neither for cargo nor for bases.
    pub offline: bool,
    /// Both.
    pub frozen: bool,
    /// How many compilers run at once; cargo's own choice by default.
    pub jobs: Option<u32>,
    /// Install missing standard libraries with rustup.
    pub install_targets: bool,
    /// Registries (`host` or `host:port`) that bases are read from in plain http, beside this machine.
    pub plain_http: Vec<String>,
    /// What is built is to be published: an image without a repository is an error before anything is compiled. Layers of
    /// bases that lie in registries are then not fetched, unless there are `outputs`.
    pub to_publish: bool,
    /// Where [`Gantry::write`](super::Gantry::write) is to write what is built: checked before anything is compiled.
    pub outputs: Vec<String>,
}

impl Request {
    /// Whether the layers of bases have to be here as well: a registry that they are published to may have them already.
    pub(super) fn keeps_bases(&self) -> bool {
        !self.to_publish || !self.outputs.is_empty()
    }
}
