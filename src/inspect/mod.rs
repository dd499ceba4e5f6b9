//! [`Report`]: what an image is made of, wherever it lies.
//!
//! In: a layout, an archive, or a reference in a registry. Out: the index, its platforms, layers, sizes and
//! history. Every manifest and config is verified against its digest by whoever reads it; layers are not read.

mod error;
mod read;

use std::collections::BTreeMap;

use serde::Serialize;

pub use error::InspectError;
pub use read::{layout, registry};

use crate::spec::{Digest, Platform};

/// What an image is made of.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The name it was asked for by.
    pub name: String,
    /// Digest of the index, or of the manifest where there is no index.
    pub digest: Digest,
    /// What that is.
    pub media_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The images in it.
    pub platforms: Vec<PlatformReport>,
}

/// The image of one platform.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PlatformReport {
    /// What it runs on.
    pub platform: Platform,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Bytes to pull: manifest, config and layers.
    pub size: u64,
    /// Layers, lowest first.
    pub layers: Vec<LayerReport>,
    /// When it was made.
    pub created: Option<String>,
    /// The program and its fixed arguments.
    pub entrypoint: Vec<String>,
    /// Default arguments.
    pub cmd: Vec<String>,
    /// Variables.
    pub env: Vec<String>,
    /// The user it runs as.
    pub user: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One layer.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct LayerReport {
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Media type, with its compression.
    pub media_type: String,
    /// What made it, from the config's history.
    pub created_by: Option<String>,
}
