//! podman: by its program, which may be a client of a machine elsewhere.

use serde::Deserialize;

use super::{Cargo, DaemonError, Loaded, feed};
use crate::blob::BlobStore;
use crate::spec::Platform;
use crate::tool::{Call, Tools};

/// `podman info --format json`.
#[derive(Deserialize)]
struct Info {
    host: Host,
}

#[derive(Deserialize)]
struct Host {
    os: String,
    arch: String,
    variant: Option<String>,
}

/// What it runs.
pub(super) fn platform(tools: &Tools) -> Result<Platform, DaemonError> {
    let call = Call::new("podman").args(["info", "--format", "json"]);
    let output = tools.run(&call)?;
    let info: Info = serde_json::from_slice(&output.stdout).map_err(|error| DaemonError::Refused {
        runtime: "podman".to_owned(),
        doing: "to say what it is".to_owned(),
        message: error.to_string(),
    })?;
    let host = info.host;
    Ok(Platform::new(&host.os, &host.arch, host.variant.as_deref()))
}

pub(super) fn load(tools: &Tools, store: BlobStore, cargo: &Cargo) -> Result<Loaded, DaemonError> {
    let call = Call::new("podman").args(["load", "--quiet"]);
    feed::run(tools, call, feed::docker_archive(store, cargo)?)?;
    // Under each of its names, or it is an error.
    let mut id = String::new();
    for name in &cargo.names {
        let call = Call::new("podman").args(["image", "inspect", "--format", "{{.Id}}", name]);
        id = tools.run(&call)?.text();
    }
    Ok(Loaded {
        id: format!("sha256:{id}"),
        names: cargo.names.clone(),
    })
}
