//! `diff`

use cargo_gantry::spec::Platform;
use clap::Args;

use super::{Login, Plain, platform};

/// `diff`
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, or a reference in a registry
    #[arg(value_name = "[TRANSPORT:]BEFORE")]
    pub(crate) before: String,
    /// The same; a login is for the registry of this one, if both lie in different ones
    #[arg(value_name = "[TRANSPORT:]AFTER")]
    pub(crate) after: String,
    /// Only this platform (repeatable, or separated by commas)
    #[arg(long = "platform", value_name = "OS/ARCH", value_delimiter = ',', value_parser = platform)]
    pub(crate) platforms: Vec<Platform>,
    /// End with exit code 9 if anything differs
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}
