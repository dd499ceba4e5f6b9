//! [`Image`]: layers, base and settings become a config and a manifest, for one platform.
//!
//! In: the layers' descriptors, the raw config of the base, and what the image says of itself. Out: the bytes of
//! config and manifest with their descriptors. This room stores nothing and knows no network; the same input is
//! always the same bytes.

mod config;

use std::collections::BTreeMap;

use oci_spec::image::{DescriptorBuilder, ImageManifestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use config::Merged;
pub use config::{ImageError, Settings, ports, user_over};

use crate::spec::{Descriptor, DiffId, Digest, ManifestFormat, MediaType, Platform, json};

/// What an image is assembled from.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What it runs on.
    pub platform: Platform,
    /// The base's layers and config; none for an image from nothing.
    pub base: Option<BaseParts>,
    /// Our layers, lowest first.
    pub layers: Vec<LayerPart>,
    /// What the running program is given.
    pub settings: Settings,
    /// Annotations of the manifest; a format that has none leaves them out.
    pub annotations: BTreeMap<String, String>,
    /// Whose media types config, manifest and layers have, whatever the layers come with.
    pub format: ManifestFormat,
    /// When the image counts as made, RFC 3339.
    pub created: String,
}

/// What an image takes from its base.
#[derive(Clone, Debug, Default)]
pub struct BaseParts {
    /// The base's config as it is: fields we do not know are kept.
    pub config: Value,
    /// The base's layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// One layer of ours.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerPart {
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Digest of the uncompressed tar.
    pub diff_id: DiffId,
    /// Media type, with its compression.
    pub media_type: MediaType,
    /// What made it, for `history`.
    pub created_by: String,
}

/// An assembled image: bytes that are ready to be stored.
#[derive(Clone, Debug)]
pub struct Image {
    platform: Platform,
    config: Vec<u8>,
    manifest: Vec<u8>,
    descriptor: Descriptor,
    layers: Vec<Descriptor>,
    format: ManifestFormat,
    dropped: Vec<&'static str>,
}

impl Image {
    /// What it runs on.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The config's bytes.
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// The manifest's bytes.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The manifest's descriptor, with the platform, as an index lists it.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Digest of the manifest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// All layers, lowest first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.layers
    }

    /// Whose media types it has.
    pub fn format(&self) -> ManifestFormat {
        self.format
    }

    /// What the base's config says and this image does not take over: `Healthcheck` and `OnBuild`, which belong to the
    /// base's own program, and a `history` that has not one entry for each layer.
    pub fn dropped(&self) -> &[&'static str] {
        &self.dropped
    }

    /// Bytes that somebody who has nothing yet must pull.
    pub fn size(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Descriptor::size).sum();
        layers + self.config.len() as u64 + self.manifest.len() as u64
    }
}

/// Puts an image together.
///
/// Manifest: <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>, config:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md>.
///
/// # Errors
/// When a setting cannot be expressed, or the base's config is not a config.
pub fn assemble(parts: Parts) -> Result<Image, ImageError> {
    let base = parts.base.unwrap_or_default();
    let format = parts.format;
    let Merged { config, dropped } = config::merged(
        &parts.platform,
        (base.config, base.layers.len()),
        &parts.layers,
        &parts.settings,
        &parts.created,
    )?;
    let config = json::to_vec(&config);
    let mut layers = base.layers;
    for layer in parts.layers {
        layers.push(descriptor(layer.media_type, &layer.digest, layer.size));
    }
    for layer in &mut layers {
        let media_type = layer.media_type().clone();
        layer.set_media_type(
            format
                .layer(&media_type)
                .ok_or(ImageError::Layer { media_type })?,
        );
    }
    let config_descriptor = descriptor(format.config(), &Digest::of(&config), config.len() as u64);
    let mut manifest = ImageManifestBuilder::default()
        .schema_version(2u32)
        .media_type(format.manifest())
        .config(config_descriptor)
        .layers(layers.clone());
    if !parts.annotations.is_empty() && format.has_annotations() {
        manifest = manifest.annotations(
            parts
                .annotations
                .into_iter()
                .collect::<std::collections::HashMap<_, _>>(),
        );
    }
    let manifest = json::to_vec(&manifest.build().expect("config and layers are set"));
    let mut descriptor = descriptor(format.manifest(), &Digest::of(&manifest), manifest.len() as u64);
    descriptor.set_platform(Some(parts.platform.to_oci()));
    Ok(Image {
        platform: parts.platform,
        config,
        manifest,
        descriptor,
        layers,
        format,
        dropped,
    })
}

fn descriptor(media_type: MediaType, digest: &Digest, size: u64) -> Descriptor {
    DescriptorBuilder::default()
        .media_type(media_type)
        .digest(oci_spec::image::Digest::from(*digest))
        .size(size)
        .build()
        .expect("media type, digest and size are set")
}

#[cfg(test)]
mod tests;
