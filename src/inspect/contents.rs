//! [`Contents`]: the manifests and configs of an image, read and told apart.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::place::Object;
use super::{InspectError, Other, OtherKind, Place};
use crate::spec::{Descriptor, Digest, ImageIndex, ImageManifest, Listing, Platform};

/// The most manifests of one index that are read. There are some 40 platforms, each with an attestation at most.
pub(super) const CHILDREN: usize = 200;

/// Bytes of all manifests and configs of one image together, at most.
const TOTAL: u64 = 64 << 20;

/// What BuildKit says of manifests that are about others.
/// <https://github.com/moby/buildkit/blob/v0.16.0/docs/attestations/attestation-storage.md>
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
pub(super) const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// What an image consists of, but for its layers.
pub(super) struct Contents {
    pub(super) root: Object,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) artifact_type: Option<String>,
    /// In the order of the index; those of an index in it stand in its place.
    pub(super) images: Vec<Single>,
    pub(super) others: Vec<Beside>,
}

/// What else there is, and what the index says of it; none where it stands alone.
pub(super) struct Beside {
    pub(super) other: Other,
    pub(super) entry: Option<Value>,
}

/// An entry of an index, and all that is written there: a descriptor has no room for some of it.
struct Entry {
    descriptor: Descriptor,
    written: Value,
}

impl Borrow<Descriptor> for Entry {
    fn borrow(&self) -> &Descriptor {
        &self.descriptor
    }
}

/// The image of one platform.
pub(super) struct Single {
    pub(super) platform: Platform,
    pub(super) object: Object,
    pub(super) manifest: ImageManifest,
    pub(super) annotations: BTreeMap<String, String>,
    /// What the index says of it; none where it stands alone.
    pub(super) entry: Option<Value>,
    pub(super) config: Value,
    pub(super) config_bytes: Vec<u8>,
}

/// Reads what lies at `place`.
pub(super) async fn read(place: &Place) -> Result<Contents, InspectError> {
    let root = place.root().await?;
    let mut left = TOTAL;
    let mut contents = Contents {
        annotations: annotations(&root)?,
        artifact_type: None,
        images: Vec::new(),
        others: Vec::new(),
        root,
    };
    let value: Value = parse(&contents.root.bytes, &contents.root.digest, "manifest")?;
    contents.artifact_type = value["artifactType"].as_str().map(str::to_owned);
    let Some(children) = children(place.name(), &contents.root)? else {
        let root = contents.root.clone();
        match single(place, root, None, &mut left).await? {
            Ok(image) => contents.images.push(image),
            Err(other) => contents.others.push(Beside { other, entry: None }),
        }
        return Ok(contents);
    };
    let mut listing = Listing::of(children)?;
    while let Some(child) = listing.next() {
        let other = told_apart(&child.descriptor)?;
        let is_index = other.as_ref().is_some_and(|other| other.kind == OtherKind::Index);
        let is_image = other.is_none();
        contents.others.extend(other.map(|other| Beside {
            other,
            entry: Some(child.written.clone()),
        }));
        if !is_image && !is_index {
            continue;
        }
        let object = place.manifest(&child.descriptor).await?;
        if is_index {
            hold(place, object.bytes.len(), &mut left)?;
            listing.inside(index(place.name(), &object)?)?;
            continue;
        }
        match single(place, object, Some(&child), &mut left).await? {
            Ok(image) => contents.images.push(image),
            Err(other) => contents.others.push(Beside {
                other,
                entry: Some(child.written),
            }),
        }
    }
    Ok(contents)
}

impl Single {
    /// Annotations that the index gives it.
    pub(super) fn index_annotations(&self) -> BTreeMap<String, String> {
        let said = self.entry.as_ref().map(|entry| entry["annotations"].clone());
        serde_json::from_value(said.unwrap_or_default()).unwrap_or_default()
    }
}

impl Contents {
    /// The image of a platform, or the only one.
    pub(super) fn of(&self, name: &str, platform: Option<&Platform>) -> Result<&Single, InspectError> {
        let found = match (platform, self.images.as_slice()) {
            (Some(platform), images) => images.iter().find(|image| image.platform == *platform),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found.ok_or_else(|| {
            let all: Vec<String> = self
                .images
                .iter()
                .map(|image| image.platform.to_string())
                .collect();
            InspectError::platform(name, platform, &all)
        })
    }
}

/// What an index says is no image that runs; it need not be read for that.
fn told_apart(child: &Descriptor) -> Result<Option<Other>, InspectError> {
    let annotations = child.annotations().clone().unwrap_or_default();
    let media_type = child.media_type().to_string();
    let unknown = child.platform().as_ref().is_some_and(|platform| {
        platform.os().to_string() == "unknown" && platform.architecture().to_string() == "unknown"
    });
    let kind = if annotations.contains_key(REFERENCE_TYPE) || unknown {
        OtherKind::Attestation
    } else if is_index(&media_type) {
        OtherKind::Index
    } else if !is_manifest(&media_type) {
        OtherKind::Artifact
    } else {
        return Ok(None);
    };
    Ok(Some(Other {
        kind,
        digest: Digest::try_from(child.digest())?,
        size: child.size(),
        media_type,
        artifact_type: child.artifact_type().as_ref().map(ToString::to_string),
        about: annotations
            .get(REFERENCE_DIGEST)
            .and_then(|text| text.parse().ok()),
    }))
}

/// An image with its config, or what else the manifest is.
async fn single(
    place: &Place,
    object: Object,
    entry: Option<&Entry>,
    left: &mut u64,
) -> Result<Result<Single, Other>, InspectError> {
    let manifest: ImageManifest = parse(&object.bytes, &object.digest, "manifest")?;
    let of_config = manifest.config().media_type().to_string();
    if !is_config(&of_config) {
        let said = manifest.artifact_type().as_ref().map(ToString::to_string);
        return Ok(Err(Other {
            kind: OtherKind::Artifact,
            digest: object.digest,
            size: object.bytes.len() as u64,
            media_type: object.media_type,
            // Before there was a field for it, the config's type said what an artifact is.
            artifact_type: said.or(Some(of_config)),
            about: None,
        }));
    }
    let config_bytes = place.config(manifest.config()).await?;
    hold(place, object.bytes.len() + config_bytes.len(), left)?;
    let digest = Digest::try_from(manifest.config().digest())?;
    let config: Value = parse(&config_bytes, &digest, "config")?;
    let of_config = || {
        let word = |key: &str| config[key].as_str().unwrap_or("unknown");
        Platform::new(word("os"), word("architecture"), config["variant"].as_str())
    };
    let listed = entry.and_then(|entry| entry.descriptor.platform().as_ref());
    Ok(Ok(Single {
        platform: listed.map_or_else(of_config, Platform::from),
        annotations: annotations(&object)?,
        entry: entry.map(|entry| entry.written.clone()),
        object,
        manifest,
        config,
        config_bytes,
    }))
}

/// Takes so many bytes off what may still be held.
fn hold(place: &Place, bytes: usize, left: &mut u64) -> Result<(), InspectError> {
    let rest = left.checked_sub(bytes as u64);
    *left = rest.ok_or_else(|| InspectError::TooLarge {
        name: place.name().to_owned(),
        limit: TOTAL,
    })?;
    Ok(())
}

/// The children of an index; none for a manifest.
fn children(name: &str, root: &Object) -> Result<Option<Vec<Entry>>, InspectError> {
    if is_index(&root.media_type) {
        return index(name, root).map(Some);
    }
    if is_manifest(&root.media_type) {
        return Ok(None);
    }
    Err(InspectError::NotAnImage {
        name: name.to_owned(),
        media_type: root.media_type.clone(),
    })
}

fn index(name: &str, object: &Object) -> Result<Vec<Entry>, InspectError> {
    let index: ImageIndex = parse(&object.bytes, &object.digest, "index")?;
    let found = index.manifests().len();
    if found > CHILDREN {
        return Err(InspectError::TooMany {
            name: name.to_owned(),
            found,
            limit: CHILDREN,
        });
    }
    let written: Value = parse(&object.bytes, &object.digest, "index")?;
    let entry = |(at, descriptor): (usize, &Descriptor)| Entry {
        descriptor: descriptor.clone(),
        // None where the index is written as a list: it can be read all the same.
        written: written["manifests"][at].clone(),
    };
    Ok(index.manifests().iter().enumerate().map(entry).collect())
}

fn annotations(object: &Object) -> Result<BTreeMap<String, String>, InspectError> {
    let value: Value = parse(&object.bytes, &object.digest, "manifest")?;
    let annotations = value.get("annotations").cloned().unwrap_or_default();
    Ok(serde_json::from_value(annotations).unwrap_or_default())
}

fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

fn is_manifest(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json"
    )
}

fn is_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    digest: &Digest,
    what: &'static str,
) -> Result<T, InspectError> {
    serde_json::from_slice(bytes).map_err(|source| InspectError::Broken {
        digest: digest.to_string(),
        what,
        source,
    })
}
