//! `tags`

use clap::Args;

use super::{Login, Plain};

/// `tags`
#[derive(Debug, Args)]
pub(crate) struct Tags {
    /// `registry/repository`
    #[arg(value_name = "REPOSITORY")]
    pub(crate) repository: String,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}
