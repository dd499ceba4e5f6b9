//! [`Ctr`]: containerd by its own `ctr`, here, in k3s, or in the nodes of a cluster.
//!
//! <https://github.com/containerd/containerd/blob/v1.7.0/cmd/ctr/commands/images/import.go>

use super::{Cargo, DaemonError, Loaded, feed};
use crate::blob::BlobStore;
use crate::tool::{Call, ToolError, Tools};

/// One containerd, or several that get the same.
#[derive(Clone, Debug)]
pub(super) struct Ctr {
    /// For messages.
    pub(super) name: String,
    /// What calls `ctr`, once for each containerd.
    pub(super) calls: Vec<Vec<String>>,
    /// Whether they run no other platform than the image's; others then are named.
    pub(super) all_platforms: bool,
}

impl Ctr {
    /// The one of this machine, in a namespace; CONTAINERD_ADDRESS and CONTAINERD_NAMESPACE are `ctr`'s own affair.
    pub(super) fn containerd(namespace: Option<&str>) -> Self {
        let mut call = vec!["ctr".to_owned()];
        call.extend(namespace.map(|namespace| format!("--namespace={namespace}")));
        Self::new("containerd", call)
    }

    /// The one within k3s, in the namespace of its pods.
    pub(super) fn k3s() -> Self {
        Self::new("k3s", vec!["k3s".to_owned(), "ctr".to_owned()])
    }

    fn new(name: &str, call: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            calls: vec![call],
            all_platforms: false,
        }
    }

    /// That it is there and lets us in.
    pub(super) fn answers(&self, tools: &Tools) -> Result<(), DaemonError> {
        for call in &self.calls {
            // It would try for ten seconds, where there is no socket.
            match tools.run(&command(call).args(["--connect-timeout=3s", "version"])) {
                Ok(_) => {}
                Err(ToolError::Failed { last_lines, .. }) if last_lines.contains("permission denied") => {
                    return Err(DaemonError::Denied {
                        runtime: self.name.clone(),
                        place: socket(tools),
                        help: "containerd is used by root: run the command with sudo",
                    });
                }
                Err(source @ ToolError::Failed { .. }) => {
                    return Err(DaemonError::NotRunning {
                        runtime: self.name.clone(),
                        place: socket(tools),
                        help: "start it, or say where it is in CONTAINERD_ADDRESS",
                        source: source.into(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) fn load(&self, tools: &Tools, store: BlobStore, cargo: &Cargo) -> Result<Loaded, DaemonError> {
        for call in &self.calls {
            let call = command(call).args(["images", "import"]);
            let call = if self.all_platforms {
                call.arg("--all-platforms")
            } else {
                call.args(["--platform".to_owned(), cargo.platform.to_string()])
            };
            feed::run(tools, call.arg("-"), feed::oci_archive(store.clone(), cargo))?;
        }
        Ok(Loaded {
            id: cargo.manifest.digest().to_string(),
            names: cargo.names.iter().map(|name| feed::whole(name)).collect(),
        })
    }
}

fn command(words: &[String]) -> Call {
    let (program, rest) = words.split_first().expect("a call has a program");
    Call::new(program).args(rest)
}

/// As `ctr` looks for it.
fn socket(tools: &Tools) -> String {
    let named = tools.environment().non_empty("CONTAINERD_ADDRESS");
    named.unwrap_or("/run/containerd/containerd.sock").to_owned()
}
