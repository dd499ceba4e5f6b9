//! [`Survey`]: what a registry has already of an image, and what publishing it would change. Nothing is written.

use std::collections::BTreeMap;

use super::answers::all;
use super::{BlobContent, BlobSource, Content, Fate, Judge, ManifestBytes, ReleaseError, Tag};
use crate::registry::{Access, Client, Repository};
use crate::spec::{Digest, Reference};

/// What a registry has of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The image by digest: `registry/repository@sha256:...`.
    pub reference: Reference,
    /// Its blobs, each once, the largest first.
    pub blobs: Vec<BlobState>,
    /// Its manifests, the root last.
    pub manifests: Vec<ManifestState>,
    /// Its tags, in the order in which they are set.
    pub tags: Vec<TagState>,
}

/// A blob, and how it would come there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobState {
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How it would come there.
    pub way: Way,
}

/// How a blob comes to a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// It is there.
    Present,
    /// From another repository of the same registry; it is sent if the registry does not want that.
    Mount(Repository),
    /// From another registry, through this machine.
    Stream(Repository),
    /// From this machine.
    Upload,
}

/// A manifest or index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestState {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// It is there.
    pub present: bool,
}

/// A tag, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagState {
    /// The tag and its rule.
    pub tag: Tag,
    /// What becomes of it.
    pub fate: Fate,
}

impl TagState {
    /// That becomes of that tag.
    pub fn new(tag: Tag, fate: Fate) -> Self {
        Self { tag, fate }
    }
}

/// Compares an image with what `repository` holds.
///
/// # Errors
/// When the registry cannot be asked.
pub async fn survey(
    client: &Client,
    repository: &Repository,
    content: &Content,
    tags: &[Tag],
    judge: &Judge<'_>,
) -> Result<Survey, ReleaseError> {
    let root = &content.root;
    let fates = judge.all(tags, Some(root.digest())).await?;
    Ok(Survey {
        reference: repository.at(root.digest()),
        blobs: blobs(client, repository, &content.blobs).await?,
        manifests: manifests(client, repository, content.manifests.iter().chain([root])).await?,
        tags: tags
            .iter()
            .cloned()
            .zip(fates)
            .map(|(tag, fate)| TagState { tag, fate })
            .collect(),
    })
}

/// How each blob would come to `repository`.
///
/// # Errors
/// When the registry cannot be asked.
pub async fn blobs(
    client: &Client,
    repository: &Repository,
    blobs: &[BlobSource],
) -> Result<Vec<BlobState>, ReleaseError> {
    let unique: BTreeMap<Digest, &BlobSource> = blobs.iter().map(|blob| (blob.digest, blob)).collect();
    let asked = unique.into_values().cloned().map(|blob| {
        let (client, repository) = (client.clone(), repository.clone());
        async move {
            let present = client.blob_present(&repository, &blob.digest, blob.size).await?;
            Ok(BlobState {
                digest: blob.digest,
                size: blob.size,
                way: if present {
                    Way::Present
                } else {
                    way(&repository, blob)
                },
            })
        }
    });
    let mut states = all(asked).await?;
    states.sort_by_key(|state| (std::cmp::Reverse(state.size), state.digest));
    Ok(states)
}

/// How a blob comes to a repository that does not have it.
fn way(repository: &Repository, blob: BlobSource) -> Way {
    let near = |from: &Repository| from.registry() == repository.registry() && from != repository;
    match (blob.mount, blob.content) {
        (Some(from), _) if near(&from) => Way::Mount(from),
        (_, BlobContent::Remote(from)) => Way::Stream(from),
        _ => Way::Upload,
    }
}

async fn manifests(
    client: &Client,
    repository: &Repository,
    manifests: impl Iterator<Item = &ManifestBytes>,
) -> Result<Vec<ManifestState>, ReleaseError> {
    let asked = manifests.map(|manifest| {
        let (client, reference) = (client.clone(), repository.at(manifest.digest()));
        let state = ManifestState {
            digest: *manifest.digest(),
            size: manifest.size(),
            media_type: manifest.media_type().to_owned(),
            present: false,
        };
        async move {
            let present = client.find_manifest(&reference, Access::Pull).await?.is_some();
            Ok(ManifestState { present, ..state })
        }
    });
    Ok(all(asked).await?)
}
