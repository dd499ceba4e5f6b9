//! `tag`

use clap::Args;

use super::copy::Moving;
use super::{Login, Plain};

/// `tag`
#[derive(Debug, Args)]
pub(crate) struct Tag {
    /// The image: a reference in a registry
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Its new names: tags of the same repository, or references in the same registry. A name that is a version makes an
    /// index that says this version
    #[arg(value_name = "TAG|REFERENCE", required = true)]
    pub(crate) names: Vec<String>,
    /// Give a version its shorter forms, too: `1.2`, `1` and `latest` for 1.2.3, none for a pre-release
    #[arg(long)]
    pub(crate) semver: bool,
    #[command(flatten)]
    pub(crate) moving: Moving,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}
