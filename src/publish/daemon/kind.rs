//! Clusters of kind, whose nodes are containers: each has a containerd of its own.
//!
//! kind itself need not be installed: this is what its `load image-archive` does, but from a stream.
//! <https://github.com/kubernetes-sigs/kind/blob/v0.24.0/pkg/cluster/nodeutils/util.go>

use super::DaemonError;
use super::containerd::Ctr;
use crate::spec::Platform;
use crate::tool::{Call, Tools};

/// Labels that kind gives to its containers.
const CLUSTER: &str = "io.x-k8s.kind.cluster";
const ROLE: &str = "io.x-k8s.kind.role";

/// What is no node of Kubernetes.
const NO_NODE: &str = "external-load-balancer";

/// The nodes of a cluster, and what they run.
pub(super) fn nodes(tools: &Tools, cluster: Option<&str>) -> Result<(Ctr, Platform), DaemonError> {
    let environment = tools.environment();
    let named = environment.non_empty("KIND_CLUSTER_NAME");
    let cluster = cluster.or(named).unwrap_or("kind");
    let engine = match environment.non_empty("KIND_EXPERIMENTAL_PROVIDER") {
        Some(engine) => engine,
        None if tools.find("docker").is_none() && tools.find("podman").is_some() => "podman",
        None => "docker",
    };
    let format = format!("{{{{.Names}}}} {{{{.Label \"{ROLE}\"}}}}");
    let filter = format!("label={CLUSTER}={cluster}");
    let list = Call::new(engine).args(["ps", "--filter", &filter, "--format", &format]);
    let listed = tools.run(&list)?.text();
    let nodes: Vec<&str> = listed
        .lines()
        .filter_map(|line| {
            let (name, role) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            (!name.is_empty() && role.trim() != NO_NODE).then_some(name)
        })
        .collect();
    let Some(first) = nodes.first() else {
        return Err(DaemonError::NoCluster {
            cluster: cluster.to_owned(),
        });
    };
    let said = |call: Call| tools.run(&call).map(|output| output.text());
    let image = said(Call::new(engine).args(["inspect", "--format", "{{.Image}}", first]))?;
    let format = "{{.Os}}/{{.Architecture}}/{{.Variant}}";
    let platform = said(Call::new(engine).args(["image", "inspect", "--format", format, &image]))?;
    let platform = platform.trim_end_matches('/').parse::<Platform>();
    let platform = platform.map_err(|error| DaemonError::Refused {
        runtime: engine.to_owned(),
        doing: format!("to say what node `{first}` is"),
        message: error.to_string(),
    })?;
    let exec = ["exec", "--privileged", "-i"];
    let ctr = ["ctr", "--namespace=k8s.io"];
    let call = |node: &&str| {
        let words = [&[engine][..], &exec, &[*node], &ctr].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let ctr = Ctr {
        name: format!("kind cluster {cluster}"),
        calls: nodes.iter().map(call).collect(),
        all_platforms: true,
    };
    Ok((ctr, platform))
}
