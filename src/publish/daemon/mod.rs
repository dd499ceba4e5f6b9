//! [`Daemon`]: a container runtime of this machine, which images are loaded into under the names that a release gives
//! them.
//!
//! In: the name of a runtime, or none, and an image of the store for the platform that the runtime has. Out: the image
//! there, by the names that it got. What a runtime is handed streams from the store, checked on its way; nothing of it is
//! in memory or in a file. It must never choose a runtime of another machine, nor send anything before it knows that the
//! runtime answers.

mod containerd;
mod context;
mod docker;
mod error;
mod feed;
mod kind;
mod podman;

use std::fmt;
use std::str::FromStr;

pub use error::DaemonError;

use crate::blob::BlobStore;
use crate::spec::{Descriptor, Platform};
use crate::tool::Tools;
use containerd::Ctr;
use docker::Docker;

/// A kind of container runtime, as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// `docker`: what the Docker Engine API is spoken to, by a socket of this machine.
    Docker,
    /// `podman`, by its program.
    Podman,
    /// `containerd` or `containerd=NAMESPACE`, by `ctr`.
    Containerd(Option<String>),
    /// `kind` or `kind=CLUSTER`: every node of a cluster whose nodes are containers.
    Kind(Option<String>),
    /// `k3s`, by its own `ctr`.
    K3s,
}

impl FromStr for Runtime {
    type Err = DaemonError;

    fn from_str(text: &str) -> Result<Self, DaemonError> {
        let (name, detail) = match text.split_once('=') {
            Some((name, detail)) => (name, Some(detail.to_owned())),
            None => (text, None),
        };
        match (name, detail) {
            ("docker", None) => Ok(Self::Docker),
            ("podman", None) => Ok(Self::Podman),
            ("k3s", None) => Ok(Self::K3s),
            ("containerd", detail) if detail.as_deref() != Some("") => Ok(Self::Containerd(detail)),
            ("kind", detail) if detail.as_deref() != Some("") => Ok(Self::Kind(detail)),
            _ => Err(DaemonError::Unknown {
                text: text.to_owned(),
            }),
        }
    }
}

/// An image of one platform, on its way into a runtime.
#[derive(Clone, Debug)]
pub struct Cargo {
    /// Its manifest, with everything that it leads to in the store.
    pub manifest: Descriptor,
    /// What it runs on.
    pub platform: Platform,
    /// The names that it gets: `repository:tag`.
    pub names: Vec<String>,
}

/// An image in a runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// Its id there: the digest of its config in docker and podman, of its manifest in the others.
    pub id: String,
    /// Its names: as they were given, or with the registry that they stand for.
    pub names: Vec<String>,
}

/// A runtime that answers.
#[derive(Debug)]
pub struct Daemon {
    tools: Tools,
    engine: Engine,
    platform: Platform,
}

#[derive(Debug)]
enum Engine {
    Docker(Docker),
    Podman,
    Ctr(Ctr),
}

impl Daemon {
    /// The runtime that is `wanted`, or the one there is: docker if its socket answers, else podman. Its platform is
    /// asked for; `here` is this machine's, which runtimes without an API have. Must be called within a tokio runtime
    /// with time and IO.
    ///
    /// # Errors
    /// When there is none, it does not answer, or we may not use it.
    pub async fn find(tools: &Tools, wanted: Option<&Runtime>, here: &Platform) -> Result<Self, DaemonError> {
        let (engine, platform) = match wanted {
            None => either(tools).await?,
            Some(Runtime::Docker) => docker(tools).await?,
            Some(Runtime::Podman) => podman(tools).await?,
            Some(Runtime::Containerd(namespace)) => {
                let ctr = Ctr::containerd(namespace.as_deref());
                reached(tools, ctr, here.clone()).await?
            }
            Some(Runtime::K3s) => reached(tools, Ctr::k3s(), here.clone()).await?,
            Some(Runtime::Kind(cluster)) => {
                let (own, cluster) = (tools.clone(), cluster.clone());
                let (ctr, platform) = blocking(move || kind::nodes(&own, cluster.as_deref())).await?;
                (Engine::Ctr(ctr), platform)
            }
        };
        Ok(Self {
            tools: tools.clone(),
            engine,
            platform,
        })
    }

    /// What runs in it.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Loads an image under all of its names.
    ///
    /// # Errors
    /// When the store lacks something of it, or the runtime refuses it.
    pub async fn load(&self, store: &BlobStore, cargo: &Cargo) -> Result<Loaded, DaemonError> {
        let (tools, store, cargo) = (self.tools.clone(), store.clone(), cargo.clone());
        match &self.engine {
            Engine::Docker(docker) => docker.load(store, cargo).await,
            Engine::Podman => blocking(move || podman::load(&tools, store, &cargo)).await,
            Engine::Ctr(ctr) => {
                let ctr = ctr.clone();
                blocking(move || ctr.load(&tools, store, &cargo)).await
            }
        }
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.engine {
            Engine::Docker(_) => f.write_str("docker"),
            Engine::Podman => f.write_str("podman"),
            Engine::Ctr(ctr) => f.write_str(&ctr.name),
        }
    }
}

type Found = (Engine, Platform);

async fn either(tools: &Tools) -> Result<Found, DaemonError> {
    let refused = match docker(tools).await {
        Ok(found) => return Ok(found),
        // Where it was named there is no other.
        Err(error @ (DaemonError::Remote { .. } | DaemonError::Context { .. })) => return Err(error),
        Err(error) => error,
    };
    if tools.find("podman").is_some() {
        return podman(tools).await;
    }
    match refused {
        DaemonError::NotRunning { place, .. } => Err(DaemonError::Nothing { socket: place }),
        other => Err(other),
    }
}

async fn docker(tools: &Tools) -> Result<Found, DaemonError> {
    let docker = Docker::connect(tools).await?;
    let platform = docker.platform().await?;
    Ok((Engine::Docker(docker), platform))
}

async fn podman(tools: &Tools) -> Result<Found, DaemonError> {
    let tools = tools.clone();
    let platform = blocking(move || podman::platform(&tools)).await?;
    Ok((Engine::Podman, platform))
}

async fn reached(tools: &Tools, ctr: Ctr, here: Platform) -> Result<Found, DaemonError> {
    let tools = tools.clone();
    blocking(move || {
        ctr.answers(&tools)?;
        Ok((Engine::Ctr(ctr), here))
    })
    .await
}

/// Work that blocks, away from the threads that serve the network.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DaemonError> + Send + 'static,
) -> Result<T, DaemonError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // Nobody cancels it: it panicked, and so do we.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_have_names() {
        let named = |text: &str| Some(text.to_owned());
        for (text, expected) in [
            ("docker", Some(Runtime::Docker)),
            ("kind", Some(Runtime::Kind(None))),
            ("kind=dev", Some(Runtime::Kind(named("dev")))),
            ("containerd=k8s.io", Some(Runtime::Containerd(named("k8s.io")))),
            ("kind=", None),
            ("docker=x", None),
            ("cri-o", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Runtime>().ok(), expected, "{text}");
        }
    }
}
