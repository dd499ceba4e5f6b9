//! Archives and container runtimes: what other people's tools read of ours, what we read of theirs, and what arrives in a
//! runtime. All of it in folders of its own: nothing of this machine's containers is touched.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking, and share more than each uses"
)]
#![cfg(unix)]

#[path = "archives/containerd.rs"]
mod containerd;
#[path = "archives/docker.rs"]
mod docker;
#[path = "archives/engine.rs"]
mod engine;
#[path = "archives/node.rs"]
mod node;
mod outside;
#[path = "archives/podman.rs"]
mod podman;
#[path = "archives/saved.rs"]
mod saved;
mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::workspace::{Ran, Workspace};

/// A project whose image has a repository and the tags of a release.
fn project(platforms: &str) -> Option<Workspace> {
    let workspace = Workspace::tiny()?;
    workspace.write(
        "gantry.toml",
        format!(
            "schema = 1\n\n[image.tiny]\nrepository = \"registry.example/acme/{{image}}\"\ntags = [\"{{version}}\", \
             \"latest\"]\nplatforms = [{platforms}]\n"
        ),
    );
    Some(workspace)
}

/// What it is called where it is loaded.
const NAMES: [&str; 2] = [
    "registry.example/acme/tiny:1.2.3",
    "registry.example/acme/tiny:latest",
];

/// What an image of one platform is, whoever holds it.
#[derive(Debug, PartialEq, Eq)]
struct Image {
    config: String,
    diff_ids: Vec<String>,
}

impl Image {
    /// The image in the store of a project, as its manifest says.
    fn built(workspace: &Workspace, manifest: &str) -> Self {
        Self::in_layout(&workspace.store(), manifest)
    }

    /// An image of a layout.
    fn in_layout(layout: &Path, manifest: &str) -> Self {
        let blob = |digest: &str| -> Value {
            let hex = digest.strip_prefix("sha256:").unwrap();
            let bytes = std::fs::read(layout.join("blobs/sha256").join(hex)).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let config = text(&blob(manifest)["config"]["digest"]);
        let diff_ids = texts(&blob(&config)["rootfs"]["diff_ids"]);
        Self { config, diff_ids }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

/// An outside program that must end well; what it says.
fn said(command: &mut Command) -> String {
    Ran::of(command).ok().stdout.trim().to_owned()
}

/// Digest and name of each line.
fn lines(stdout: &str) -> Vec<(&str, &str)> {
    stdout.lines().map(|line| line.split_once(' ').unwrap()).collect()
}
