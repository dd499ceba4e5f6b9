//! `readme`

use std::path::PathBuf;

use cargo_gantry::hub::Vendor;
use cargo_gantry::pipeline::{ReadmeRequest, Request};
use clap::Args;

use super::{Login, Plain};

/// `readme`
#[derive(Debug, Args)]
pub(crate) struct Readme {
    /// Describe these repositories, instead of those of the matrix
    #[arg(value_name = "REPOSITORY")]
    repositories: Vec<String>,
    /// Send this file, instead of the README that Cargo.toml names, or that lies beside the matrix
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print what would be sent; no registry is asked
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The Cargo.toml to work on
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
    /// The matrix, instead of the gantry.toml beside the workspace's Cargo.toml
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Only this image (repeatable)
    #[arg(short, long = "image", value_name = "NAME")]
    images: Vec<String>,
    /// Whose product the registry is, where that is not known: docker-hub, harbor or quay
    #[arg(long, value_name = "VENDOR", help_heading = "Registry")]
    vendor: Option<Vendor>,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}

impl Readme {
    /// The project, in the library's words.
    pub(crate) fn request(&self) -> Request {
        Request {
            manifest_path: self.manifest_path.clone(),
            matrix: self.matrix.clone(),
            images: self.images.clone(),
            ..Request::default()
        }
    }

    /// What is to be sent, in the library's words.
    pub(crate) fn wanted(&self) -> ReadmeRequest {
        ReadmeRequest {
            repositories: self.repositories.clone(),
            file: self.file.clone(),
            vendor: self.vendor,
        }
    }
}
