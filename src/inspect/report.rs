//! [`Report`]: what an image is made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::contents::{self, Contents, Single};
use super::{InspectError, Place};
use crate::spec::{DiffId, Digest, Platform};

/// What an image is made of.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The name it was asked for by.
    pub name: String,
    /// Digest of the index, or of the manifest where there is no index.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// What that is.
    pub media_type: String,
    /// What it holds, where that is no image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The images in it.
    pub platforms: Vec<PlatformReport>,
    /// What else is in it.
    pub others: Vec<Other>,
    /// Bytes of everything, attestations left out: what is in several platforms counts once.
    pub total_size: u64,
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
    /// What that is.
    pub media_type: String,
    /// Bytes to pull: manifest, config and layers, each once.
    pub size: u64,
    /// How many of them are layers that another platform has, too.
    pub shared: u64,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Annotations that the index gives it.
    pub index_annotations: BTreeMap<String, String>,
    /// Digest of its config.
    pub config: Digest,
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
    /// The directory it starts in.
    pub workdir: Option<String>,
    /// Ports it listens at.
    pub ports: Vec<String>,
    /// Directories for data that stays.
    pub volumes: Vec<String>,
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
    /// Digest of the uncompressed tar, as the config says.
    pub diff_id: Option<DiffId>,
    /// What made it, from the config's history.
    pub created_by: Option<String>,
}

/// Something in an index that is no image to run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Other {
    /// What it is.
    pub kind: OtherKind,
    /// Its digest.
    pub digest: Digest,
    /// Bytes of its manifest.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// What it holds.
    pub artifact_type: Option<String>,
    /// The manifest that it is about.
    pub about: Option<Digest>,
}

/// What else an index may list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum OtherKind {
    /// About one of the images: BuildKit gives it the platform `unknown/unknown`.
    Attestation,
    /// Another index; the images in it are told as images of this one.
    Index,
    /// Something that is not to be run.
    Artifact,
}

impl Report {
    /// The same with one platform alone.
    ///
    /// # Errors
    /// When there is no such platform.
    pub fn only(mut self, platform: &Platform) -> Result<Self, InspectError> {
        let all: Vec<String> = self
            .platforms
            .iter()
            .map(|one| one.platform.to_string())
            .collect();
        self.platforms.retain(|one| one.platform == *platform);
        if self.platforms.is_empty() {
            return Err(InspectError::platform(&self.name, Some(platform), &all));
        }
        Ok(self)
    }
}

/// Describes an image. Layers are not read.
///
/// # Errors
/// When it is not there, is no image, or a manifest or config is missing, damaged or too large.
pub async fn describe(place: &Place) -> Result<Report, InspectError> {
    let contents = contents::read(place).await?;
    let mut platforms = Vec::new();
    for image in &contents.images {
        platforms.push(platform(image, &contents)?);
    }
    let mut blobs: BTreeMap<Digest, u64> = [(contents.root.digest, contents.root.bytes.len() as u64)].into();
    let others: Vec<Other> = contents.others.iter().map(|one| one.other.clone()).collect();
    let inner = others.iter().filter(|other| other.kind == OtherKind::Index);
    blobs.extend(inner.map(|index| (index.digest, index.size)));
    for (image, platform) in contents.images.iter().zip(&platforms) {
        blobs.insert(platform.digest, image.object.bytes.len() as u64);
        blobs.insert(platform.config, image.config_bytes.len() as u64);
        blobs.extend(platform.layers.iter().map(|layer| (layer.digest, layer.size)));
    }
    let Contents {
        root,
        annotations,
        artifact_type,
        ..
    } = contents;
    Ok(Report {
        name: place.name().to_owned(),
        digest: root.digest,
        size: root.bytes.len() as u64,
        media_type: root.media_type,
        artifact_type,
        annotations,
        platforms,
        others,
        total_size: sum(blobs.into_values()),
    })
}

/// What each platform of an image holds in its layers, compressed, each layer once.
///
/// # Errors
/// As [`describe`].
pub async fn weigh(place: &Place) -> Result<Vec<(Platform, u64)>, InspectError> {
    let contents = contents::read(place).await?;
    let mut weights = Vec::new();
    for image in &contents.images {
        weights.push((image.platform.clone(), weight(image)?));
    }
    Ok(weights)
}

/// Bytes of an image's layers, each once.
pub(super) fn weight(image: &Single) -> Result<u64, InspectError> {
    Ok(sum(each_once(&layers(image)?).into_values()))
}

fn platform(image: &Single, all: &Contents) -> Result<PlatformReport, InspectError> {
    let settings = &image.config["config"];
    let layers = layers(image)?;
    let unique = each_once(&layers);
    let mut elsewhere = BTreeSet::new();
    let others = all
        .images
        .iter()
        .filter(|other| other.object.digest != image.object.digest);
    for layer in others.flat_map(|other| other.manifest.layers()) {
        elsewhere.insert(Digest::try_from(layer.digest())?);
    }
    let shared = unique.iter().filter(|(digest, _)| elsewhere.contains(digest));
    let own = (image.object.bytes.len() + image.config_bytes.len()) as u64;
    Ok(PlatformReport {
        platform: image.platform.clone(),
        digest: image.object.digest,
        media_type: image.object.media_type.clone(),
        shared: sum(shared.map(|(_, size)| *size)),
        size: sum(unique.into_values().chain([own])),
        annotations: image.annotations.clone(),
        index_annotations: image.index_annotations(),
        config: Digest::try_from(image.manifest.config().digest())?,
        layers,
        created: text(&image.config["created"]),
        entrypoint: words(&settings["Entrypoint"]),
        cmd: words(&settings["Cmd"]),
        env: words(&settings["Env"]),
        user: text(&settings["User"]),
        workdir: text(&settings["WorkingDir"]),
        ports: keys(&settings["ExposedPorts"]),
        volumes: keys(&settings["Volumes"]),
        labels: serde_json::from_value(settings["Labels"].clone()).unwrap_or_default(),
    })
}

/// The layers of an image, with what its config says of them.
pub(super) fn layers(image: &Single) -> Result<Vec<LayerReport>, InspectError> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let history = list(&image.config["history"]);
    let mut filled = history.iter().filter(|entry| entry["empty_layer"] != true);
    let diff_ids = list(&image.config["rootfs"]["diff_ids"]);
    // Otherwise nobody knows which is whose.
    let fitting = diff_ids.len() == image.manifest.layers().len();
    let diff_id = |at: usize| diff_ids[at].as_str().and_then(|text| text.parse().ok());
    let mut layers = Vec::new();
    for (at, layer) in image.manifest.layers().iter().enumerate() {
        layers.push(LayerReport {
            digest: Digest::try_from(layer.digest())?,
            size: layer.size(),
            media_type: layer.media_type().to_string(),
            diff_id: fitting.then(|| diff_id(at)).flatten(),
            created_by: filled.next().and_then(|entry| text(&entry["created_by"])),
        });
    }
    Ok(layers)
}

fn each_once(layers: &[LayerReport]) -> BTreeMap<Digest, u64> {
    layers.iter().map(|layer| (layer.digest, layer.size)).collect()
}

/// Sizes are whatever manifests say.
fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn words(value: &Value) -> Vec<String> {
    let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(str::to_owned).collect()
}

fn keys(value: &Value) -> Vec<String> {
    let keys = value.as_object().into_iter().flat_map(|object| object.keys());
    keys.cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::contents::CHILDREN;
    use super::*;
    use crate::archive::Layout;
    use crate::blob::BlobStore;
    use crate::spec::{Descriptor, MediaType};

    /// The report on an index of `count` manifests, all of them one with two layers of `size` bytes.
    fn inspected(count: usize, size: u64) -> Result<Report, InspectError> {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(folder.path()).unwrap();
        let put = |value: Value, media_type| {
            let blob = store.put(&serde_json::to_vec(&value).unwrap()).unwrap();
            blob.descriptor(media_type)
        };
        let config = put(
            json!({"os": "linux", "architecture": "amd64"}),
            MediaType::ImageConfig,
        );
        let layer = |name: &[u8]| Descriptor::new(MediaType::ImageLayer, size, Digest::of(name));
        let layers = [layer(b"one"), layer(b"two"), layer(b"one")];
        let manifest = put(
            json!({"schemaVersion": 2, "config": config, "layers": layers}),
            MediaType::ImageManifest,
        );
        let index = put(
            json!({"schemaVersion": 2, "manifests": vec![manifest; count]}),
            MediaType::ImageIndex,
        );
        let index = json!({"schemaVersion": 2, "manifests": [index]});
        std::fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
        let place = Place::layout(Layout::open(folder.path()).unwrap(), "x", None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(describe(&place))
    }

    #[test]
    fn what_an_index_says_of_itself_is_bounded() {
        let two = inspected(2, 1).unwrap();
        assert_eq!(two.platforms.len(), 2);
        let largest = u64::MAX / 2 + 2;
        assert_eq!(inspected(1, largest).unwrap().platforms[0].size, u64::MAX);
        let error = inspected(CHILDREN + 1, 1).unwrap_err();
        assert!(matches!(error, InspectError::TooMany { found, .. } if found == CHILDREN + 1));
    }

    #[test]
    fn a_layer_that_is_listed_twice_counts_once() {
        let (small, large) = (inspected(2, 0).unwrap(), inspected(2, 500).unwrap());
        // The sizes stand in the manifests, three times with two more digits each.
        assert_eq!(large.platforms[0].size - small.platforms[0].size, 1000 + 6);
        assert_eq!(large.total_size - small.total_size, 1000 + 6);
    }
}
