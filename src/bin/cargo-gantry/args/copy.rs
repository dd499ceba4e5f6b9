//! `copy`

use cargo_gantry::spec::Platform;
use clap::Args;

use super::{Login, Plain, platform};

/// `copy`
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// What is copied: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`, `digests:FILE`, or a
    /// reference in a registry
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Where to: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`, or a reference in a registry
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: String,
    /// Only this platform (repeatable, or separated by commas); the index is a new one then
    #[arg(long = "platform", value_name = "OS/ARCH", value_delimiter = ',', value_parser = platform)]
    pub(crate) platforms: Vec<Platform>,
    /// Also copy what refers to the image: signatures, SBOMs and the like
    #[arg(long)]
    pub(crate) referrers: bool,
    #[command(flatten)]
    pub(crate) moving: Moving,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}

/// Which tags may be moved.
#[derive(Debug, Args)]
pub(crate) struct Moving {
    /// Let tags that name a full version be moved
    #[arg(long)]
    pub(crate) replace: bool,
    /// Let `latest` and parts of a version be moved back
    #[arg(long)]
    pub(crate) force_tags: bool,
}
