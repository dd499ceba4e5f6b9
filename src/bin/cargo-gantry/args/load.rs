//! `load`

use clap::Args;

use super::{Login, Selecting, Traced};

/// `load`
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Images that are there already, instead of this project: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
    /// `docker-archive:FILE[:NAME]`, or references in registries. --repository and --tag give them other names
    #[arg(value_name = "[TRANSPORT:]NAME")]
    pub(crate) names: Vec<String>,
    /// The runtime: `docker`, `podman`, `containerd[=NAMESPACE]`, `kind[=CLUSTER]` or `k3s`. Without it, docker if it
    /// answers, else podman
    #[arg(long, value_name = "RUNTIME")]
    pub(crate) into: Option<String>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) login: Login,
    #[command(flatten)]
    pub(super) traced: Traced,
}
