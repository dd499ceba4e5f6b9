//! `load`

use clap::Args;

use super::Selecting;

/// `load`
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The runtime: `docker`, `podman`, `containerd[=NAMESPACE]`, `kind[=CLUSTER]` or `k3s`. Without it, docker if it
    /// answers, else podman
    #[arg(long, value_name = "RUNTIME")]
    pub(crate) into: Option<String>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
}
