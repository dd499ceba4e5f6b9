//! [`merge`]: images from several places become one index; [`only`]: some platforms of an image become one.
//!
//! In: [`Part`]s, and the order of platforms. Out: one [`Content`] and what is to be said of it. Parts of one image must
//! agree on what it is, and no two may be for one platform. The parts of one matrix give, byte for byte, the index that a
//! build of the whole matrix gives. Manifests are never written anew: only the index is.
//!
//! What an index lists beside images for platforms: an attestation (of BuildKit, for platform `unknown/unknown`) that
//! names an image of the new index by its digest holds there as well, and is kept after the images. Anything else is left
//! out, and that is said: nothing could tell what it belongs to. An index in an index is replaced by what it lists, as many
//! runtimes look no deeper.

mod agree;
mod error;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

pub use agree::said;
pub use error::MergeError;

use super::read::{Part, platform};
use super::{BlobContent, BlobSource, Content, ManifestBytes};
use crate::index;
use crate::spec::{Descriptor, Digest, ManifestFormat, Platform};

/// Where BuildKit's attestations name the image that they are about.
/// <https://github.com/moby/buildkit/blob/v0.20.0/docs/attestations/attestation-storage.md>
const ABOUT: &str = "vnd.docker.reference.digest";

/// A new index, with everything that it leads to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Merged {
    /// The index and everything below it, under the name of the first part.
    pub part: Part,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl Merged {
    /// A part alone, which stays as it is.
    pub fn of(part: &Part) -> Self {
        Self {
            part: part.clone(),
            notices: Vec::new(),
        }
    }
}

/// One index of all `parts`. Platforms stand in the order of `order`, then as the parts come. A single part that is an
/// index already stays as it is. `annotations` are added, or replace what the parts say.
///
/// # Errors
/// When the parts are not of one image, or two of them are for one platform.
pub fn merge(
    parts: &[Part],
    order: &[Platform],
    annotations: &BTreeMap<String, String>,
) -> Result<Merged, MergeError> {
    let format = agree::format(parts)?;
    if !annotations.is_empty() && !format.has_annotations() {
        return Err(MergeError::NoAnnotations);
    }
    if let ([part], true) = (parts, annotations.is_empty())
        && part.content.root.is_index()
    {
        return Ok(Merged::of(part));
    }
    agree::names(parts)?;
    let mut notices = Vec::new();
    let mut common = agree::annotations(parts, &mut notices)?;
    common.extend(annotations.clone());
    let mut images = images(parts)?;
    let place = |platform: &Platform| {
        let place = order.iter().position(|known| known == platform);
        place.unwrap_or(order.len())
    };
    images.sort_by_key(|(platform, _)| place(platform));
    let entries = with_attestations(parts, &images, &mut notices);
    Ok(Merged {
        part: part(parts, entries, common, format),
        notices,
    })
}

/// The images of `platforms` alone: a new index of them, unless that is all there is.
///
/// # Errors
/// When there is none for one of them.
pub fn only(part: &Part, platforms: &[Platform]) -> Result<Merged, MergeError> {
    let there = part.platforms();
    if let Some(missing) = platforms.iter().find(|platform| !there.contains(platform)) {
        return Err(MergeError::NoPlatform {
            name: part.name.clone(),
            platform: missing.clone(),
            help: match there.is_empty() {
                true => "it holds no image for any platform".to_owned(),
                false => format!("it has: {}", agree::list(&there)),
            },
        });
    }
    if there.iter().all(|platform| platforms.contains(platform)) {
        return Ok(Merged::of(part));
    }
    let parts = std::slice::from_ref(part);
    let images: Vec<_> = images(parts)?
        .into_iter()
        .filter(|(platform, _)| platforms.contains(platform))
        .collect();
    let entries = with_attestations(parts, &images, &mut Vec::new());
    let format = agree::format(parts)?;
    let annotations = agree::said(&part.content.root);
    let made = self::part(parts, entries, annotations, format);
    let notice = format!(
        "{}: {} of {} platforms, so that the index is a new one, `{}`: what refers to the old one by digest does not hold \
         for it",
        part.name,
        images.len(),
        there.len(),
        made.content.digest()
    );
    Ok(Merged {
        part: made,
        notices: vec![notice],
    })
}

/// The image of each platform, as the parts come.
fn images(parts: &[Part]) -> Result<Vec<(Platform, Descriptor)>, MergeError> {
    let mut images: Vec<(Platform, Descriptor, &str)> = Vec::new();
    for part in parts {
        for entry in &part.entries {
            let Some(platform) = platform(entry) else {
                continue;
            };
            let same = images.iter().find(|(_, other, _)| is_same_platform(other, entry));
            match same {
                Some((_, other, _)) if other.digest() == entry.digest() => {}
                Some((_, other, first)) => {
                    return Err(MergeError::Twice {
                        platform,
                        first: (*first).to_owned(),
                        second: part.name.clone(),
                        help: format!(
                            "they are `{}` and `{}`; leave one of the two out",
                            other.digest(),
                            entry.digest()
                        ),
                    });
                }
                None => images.push((platform, entry.clone(), &part.name)),
            }
        }
    }
    if images.is_empty() {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        return Err(MergeError::NoImage {
            names: names.join("`, `"),
        });
    }
    let images = images.into_iter().map(|(platform, entry, _)| (platform, entry));
    Ok(images.collect())
}

/// Versions of an operating system tell platforms apart as well.
fn is_same_platform(one: &Descriptor, two: &Descriptor) -> bool {
    let of = |entry: &Descriptor| {
        let platform = entry.platform().as_ref()?;
        let version = platform.os_version().clone();
        Some((Platform::from(platform), version, platform.os_features().clone()))
    };
    of(one) == of(two)
}

/// The entries of an index of `images`: those, then what is said about them.
fn with_attestations(
    parts: &[Part],
    images: &[(Platform, Descriptor)],
    notices: &mut Vec<String>,
) -> Vec<Descriptor> {
    let mut entries: Vec<Descriptor> = images.iter().map(|(_, entry)| entry.clone()).collect();
    for part in parts {
        for other in part.entries.iter().filter(|entry| platform(entry).is_none()) {
            let about = other
                .annotations()
                .as_ref()
                .and_then(|annotations| annotations.get(ABOUT));
            let is_about = |(_, image): &(Platform, Descriptor)| about == Some(&image.digest().to_string());
            if entries.iter().any(|entry| entry.digest() == other.digest()) {
                continue;
            }
            match images.iter().any(is_about) {
                true => entries.push(other.clone()),
                false => notices.push(format!(
                    "{}: left out `{}`, which is for no platform and about none of the images",
                    part.name,
                    other.digest()
                )),
            }
        }
    }
    entries
}

/// An index of these entries of the parts, with what they lead to and nothing else.
fn part(
    parts: &[Part],
    entries: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
    format: ManifestFormat,
) -> Part {
    let mut manifests: Vec<ManifestBytes> = Vec::new();
    for entry in &entries {
        let digest = Digest::try_from(entry.digest()).expect("a digest that was read before");
        let manifest = parts.iter().find_map(|part| part.content.manifest(&digest));
        manifests.push(manifest.expect("parts hold what they list").clone());
    }
    let needed: BTreeSet<Digest> = manifests.iter().flat_map(blobs).collect();
    let mut all: BTreeMap<Digest, BlobSource> = BTreeMap::new();
    for blob in parts.iter().flat_map(|part| &part.content.blobs) {
        if needed.contains(&blob.digest) {
            let known = all.remove(&blob.digest);
            let best = known.map_or_else(|| blob.clone(), |known| nearest(known, blob));
            all.insert(blob.digest, best);
        }
    }
    let index = index::of_manifests(entries.clone(), annotations, format);
    Part {
        name: parts[0].name.clone(),
        image: parts.iter().find_map(|part| part.image.clone()),
        content: Content {
            root: ManifestBytes::new(format.index().to_string(), index.bytes()),
            manifests,
            blobs: all.into_values().collect(),
        },
        entries,
    }
}

/// Of two places of one blob: the file, and for a registry that can mount it, the repository.
fn nearest(one: BlobSource, two: &BlobSource) -> BlobSource {
    let remote = |blob: &BlobSource| matches!(blob.content, BlobContent::Remote(_));
    let (near, far) = match remote(&one) {
        true => (two.clone(), one),
        false => (one, two.clone()),
    };
    match (&near.mount, far.mount) {
        (None, Some(repository)) => near.also_in(repository),
        _ => near,
    }
}

/// Config and layers of a manifest.
fn blobs(manifest: &ManifestBytes) -> Vec<Digest> {
    #[derive(Deserialize)]
    struct Node {
        config: Option<Descriptor>,
        #[serde(default)]
        layers: Vec<Descriptor>,
    }
    let node: Option<Node> = serde_json::from_slice(manifest.bytes()).ok();
    let node = node.into_iter();
    node.flat_map(|node| node.config.into_iter().chain(node.layers))
        .filter_map(|blob| Digest::try_from(blob.digest()).ok())
        .collect()
}

/// The same image under an index that says these annotations as well; none where the root cannot say any: a manifest
/// that stands alone would become another manifest, and Docker's lists have none.
pub fn annotated(content: &Content, annotations: &BTreeMap<String, String>) -> Option<Content> {
    let root = &content.root;
    if root.media_type() != ManifestFormat::Oci.index().as_ref() {
        return None;
    }
    let mut index: Value = serde_json::from_slice(root.bytes()).ok()?;
    let said = index.as_object_mut()?.entry("annotations");
    let said = said.or_insert_with(|| Value::Object(serde_json::Map::new()));
    for (key, value) in annotations {
        said.as_object_mut()?.insert(key.clone(), value.clone().into());
    }
    Some(Content {
        root: ManifestBytes::new(root.media_type(), crate::spec::json::to_vec(&index)),
        ..content.clone()
    })
}
