//! `inspect`

use cargo_gantry::spec::Platform;
use clap::Args;

use super::{Login, Plain, platform};

/// `inspect`
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, or a reference in a registry
    #[arg(value_name = "[TRANSPORT:]NAME")]
    pub(crate) name: String,
    /// Only this platform
    #[arg(long, value_name = "OS/ARCH", value_parser = platform)]
    pub(crate) platform: Option<Platform>,
    /// Write the exact bytes of the index, or of the platform's manifest, and nothing else
    #[arg(long, conflicts_with = "config")]
    pub(crate) raw: bool,
    /// Write the exact bytes of the platform's config, and nothing else
    #[arg(long)]
    pub(crate) config: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) login: Login,
}
