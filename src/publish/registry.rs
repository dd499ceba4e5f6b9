//! Publishing to a registry.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::{BlobContent, BlobSource, ManifestBytes, Moves, Options, PublishError, Published, Shipment, Tag};
use crate::event::Event;
use crate::registry::{Access, Client, Pushed, RegistryError, Repository};
use crate::spec::{Digest, Reference};

/// Brings `shipment` to the repository of `repository` (whose own tag or digest means nothing here).
///
/// A tag that never moves is looked at again just before it is written: two who publish at once do not both win.
///
/// When every tag names the index already (or, without tags, the index is there), that is one request per tag and
/// nothing is sent. When only tags are missing, only tags are written. Must be called within a tokio runtime.
///
/// # Errors
/// [`PublishError::TagTaken`], before anything is sent, when a tag that never moves names something else, unless
/// `options` say to replace it; otherwise when the registry or a blob's file fails.
pub async fn to_registry(
    client: &Client,
    repository: &Reference,
    shipment: &Shipment,
    options: Options,
) -> Result<Published, PublishError> {
    let repository = Repository::from(repository);
    let index = &shipment.content.root;
    let mut published = Published {
        reference: repository.at(index.digest()),
        digest: *index.digest(),
        tags: shipment.tags.iter().map(|tag| tag.name().to_owned()).collect(),
        blobs_sent: 0,
        blobs_mounted: 0,
        bytes_sent: 0,
        manifests_sent: 0,
        unchanged: false,
    };
    let tags = tags_now(client, &repository, &shipment.tags).await?;
    let moved = |(tag, found): &(&Tag, Option<Digest>)| {
        let found = found.filter(|found| found != index.digest())?;
        (tag.moves() == Moves::Never).then(|| (tag.name().to_owned(), found))
    };
    let taken = |tag: String, found: Digest| PublishError::TagTaken {
        tag,
        repository: repository.to_string(),
        found,
        ours: *index.digest(),
    };
    if let Some((tag, found)) = tags.iter().find_map(moved).filter(|_| !options.replace) {
        return Err(taken(tag, found));
    }
    let (set, unset): (Vec<_>, Vec<_>) = tags
        .iter()
        .partition(|(_, found)| *found == Some(*index.digest()));
    // The index was written after everything that it lists: where it is, all is.
    let complete = !set.is_empty() || index_present(client, &repository, index).await?;
    for (tag, _) in &set {
        told(client, &repository.tagged(tag.name()), index, true);
    }
    if !complete {
        send_contents(client, &repository, shipment, &mut published).await?;
    }
    for (tag, _) in &unset {
        // Somebody else may have published while we were sending.
        if !complete && tag.moves() == Moves::Never && !options.replace {
            let now = client
                .find_manifest(&repository.tagged(tag.name()), Access::Push)
                .await?;
            if let Some(other) = now.filter(|now| now.digest != *index.digest()) {
                return Err(taken(tag.name().to_owned(), other.digest));
            }
        }
        set_tag(client, &repository, tag, index).await?;
        published.manifests_sent += 1;
    }
    published.unchanged = complete && unset.is_empty();
    Ok(published)
}

/// What each tag names now.
async fn tags_now<'a>(
    client: &Client,
    repository: &Repository,
    tags: &'a [Tag],
) -> Result<Vec<(&'a Tag, Option<Digest>)>, RegistryError> {
    let mut requests = JoinSet::new();
    for (position, tag) in tags.iter().enumerate() {
        let (client, reference) = (client.clone(), repository.tagged(tag.name()));
        requests.spawn(async move { (position, client.find_manifest(&reference, Access::Push).await) });
    }
    let mut found = BTreeMap::new();
    while let Some((position, answer)) = next(&mut requests).await {
        found.insert(position, answer?.map(|found| found.digest));
    }
    Ok(tags.iter().zip(found.into_values()).collect())
}

async fn index_present(
    client: &Client,
    repository: &Repository,
    index: &ManifestBytes,
) -> Result<bool, RegistryError> {
    let reference = repository.at(index.digest());
    let present = client.find_manifest(&reference, Access::Push).await?.is_some();
    if present {
        told(client, &reference, index, true);
    }
    Ok(present)
}

async fn send_contents(
    client: &Client,
    repository: &Repository,
    shipment: &Shipment,
    published: &mut Published,
) -> Result<(), PublishError> {
    send_blobs(client, repository, &shipment.content.blobs, published).await?;
    for manifest in shipment.content.manifests.iter().chain([&shipment.content.root]) {
        let reference = repository.at(manifest.digest());
        client
            .put_manifest(&reference, manifest.media_type(), manifest.bytes())
            .await?;
        published.manifests_sent += 1;
        told(client, &reference, manifest, false);
    }
    Ok(())
}

/// All blobs at once; the client keeps the number of uploads small.
async fn send_blobs(
    client: &Client,
    repository: &Repository,
    blobs: &[BlobSource],
    published: &mut Published,
) -> Result<(), PublishError> {
    let unique: BTreeMap<Digest, &BlobSource> = blobs.iter().map(|blob| (blob.digest, blob)).collect();
    for blob in unique.values() {
        check_size(blob)?;
    }
    let mut uploads = JoinSet::new();
    for blob in unique.into_values().cloned() {
        let (client, repository) = (client.clone(), repository.clone());
        uploads.spawn(async move { (blob.size, client.push_blob(&repository, &blob).await) });
    }
    while let Some((size, pushed)) = next(&mut uploads).await {
        match pushed? {
            Pushed::Present => {}
            Pushed::Mounted => published.blobs_mounted += 1,
            Pushed::Sent => {
                published.blobs_sent += 1;
                published.bytes_sent += size;
            }
        }
    }
    Ok(())
}

fn check_size(blob: &BlobSource) -> Result<(), PublishError> {
    let (path, offset) = match &blob.content {
        BlobContent::File(path) => (path, None),
        BlobContent::Within { path, offset } => (path, Some(*offset)),
        BlobContent::Remote(_) => return Ok(()),
    };
    let (found, path) = (path.metadata(), path.clone());
    let (good, found) = match (found, offset) {
        (Err(source), _) => return Err(RegistryError::File { path, source }.into()),
        (Ok(meta), None) => (meta.len() == blob.size, meta.len()),
        // What follows is no part of it.
        (Ok(meta), Some(offset)) => {
            let rest = meta.len().saturating_sub(offset);
            (rest >= blob.size, rest)
        }
    };
    if good {
        return Ok(());
    }
    Err(PublishError::BlobSize {
        path,
        expected: blob.size,
        found,
    })
}

/// Writes a tag. A registry whose tags cannot change may refuse what is there already.
async fn set_tag(
    client: &Client,
    repository: &Repository,
    tag: &Tag,
    index: &ManifestBytes,
) -> Result<(), PublishError> {
    let reference = repository.tagged(tag.name());
    let written = client
        .put_manifest(&reference, index.media_type(), index.bytes())
        .await;
    let present = match written {
        Ok(_) => false,
        Err(error @ (RegistryError::Refused { .. } | RegistryError::Forbidden { .. })) => {
            let now = client.find_manifest(&reference, Access::Push).await?;
            match now.map(|now| now.digest) {
                Some(found) if found == *index.digest() => true,
                Some(found) if immutable(&error) => {
                    return Err(PublishError::TagImmutable {
                        tag: tag.name().to_owned(),
                        repository: repository.to_string(),
                        found,
                        ours: *index.digest(),
                        source: error.into(),
                    });
                }
                _ => return Err(error.into()),
            }
        }
        Err(error) => return Err(error.into()),
    };
    told(client, &reference, index, present);
    Ok(())
}

/// Whether a registry refused a tag because it exists. There is no code for it: they say it in words.
fn immutable(error: &RegistryError) -> bool {
    let (RegistryError::Refused { source, .. } | RegistryError::Forbidden { source, .. }) = error else {
        return false;
    };
    let said = source.to_string().to_ascii_lowercase();
    [
        "tag_invalid",
        "immutable",
        "immutability",
        "already exists",
        "overwrite",
    ]
    .iter()
    .any(|word| said.contains(word))
}

/// The next result of a set. What is still running when its set is dropped, is ended.
async fn next<T: 'static>(set: &mut JoinSet<T>) -> Option<T> {
    match set.join_next().await? {
        Ok(value) => Some(value),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

fn told(client: &Client, reference: &Reference, manifest: &ManifestBytes, present: bool) {
    client.observer().event(&Event::ManifestPushed {
        reference: &reference.to_string(),
        digest: manifest.digest(),
        present,
    });
}
