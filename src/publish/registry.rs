//! Publishing to a registry.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::{
    BlobContent, BlobSource, KeptTag, ManifestBytes, Moves, Options, PublishError, Published, Shipment, Tag,
};
use crate::event::Event;
use crate::registry::{Access, Client, Pushed, RegistryError, Repository};
use crate::release::{self, Fate, Judge, Survey};
use crate::spec::{Digest, Reference};

/// Brings `shipment` to the repository of `repository` (whose own tag or digest means nothing here).
///
/// A tag that must not move to just anything is looked at again right before it is written: two who publish at once do not
/// both win.
///
/// When every tag names the index already (or, without tags, the index is there), that is one request per tag and
/// nothing is sent. When only tags are missing, only tags are written. Must be called within a tokio runtime.
///
/// # Errors
/// [`PublishError::TagTaken`] and [`PublishError::TagUnknown`], before anything is sent, when a tag's rule forbids to move it,
/// unless `options` lift it; otherwise when the registry or a blob's file fails.
pub async fn to_registry(
    client: &Client,
    repository: &Reference,
    shipment: &Shipment,
    options: Options,
) -> Result<Published, PublishError> {
    let repository = Repository::from(repository);
    let root = &shipment.content.root;
    let judge = Judge::new(client, &repository, shipment.version.as_deref(), options.lifted).before_writing();
    let fates = judge.all(&shipment.tags, Some(root.digest())).await?;
    let mut published = Published::of(&repository, root.digest());
    let mut unset = Vec::new();
    let mut set = Vec::new();
    for (tag, fate) in shipment.tags.iter().zip(fates) {
        allowed(&repository, shipment, tag, &fate, NOTHING)?;
        match fate {
            Fate::Present => set.push(tag),
            Fate::Stays { version, .. } => published.kept.push(kept(client, shipment, tag, version)),
            _ => unset.push(tag),
        }
    }
    // The index was written after everything that it lists: where it is, all is.
    let named = set.iter().any(|tag| tag.names().is_none());
    let complete = named || index_present(client, &repository, root).await?;
    for tag in &set {
        told(
            client,
            &repository.tagged(tag.name()),
            named_by(shipment, tag)?,
            true,
        );
    }
    if !complete {
        send_contents(client, &repository, shipment, &mut published).await?;
    }
    let (mut moved, mut higher) = (Vec::new(), None);
    for tag in &unset {
        // Somebody else may have published while we were sending.
        if !complete && tag.moves() != Moves::Always {
            let fate = judge.one(tag, Some(root.digest())).await?;
            allowed(&repository, shipment, tag, &fate, IMAGE)?;
            if let Fate::Stays { version, .. } = fate {
                higher = Some(version.clone());
                published.kept.push(kept(client, shipment, tag, version));
                continue;
            }
        }
        set_tag(client, &repository, tag, named_by(shipment, tag)?).await?;
        published.manifests_sent += 1;
        if tag.moves() == Moves::Forward && !options.lifted.forward {
            moved.push(*tag);
        }
    }
    look_again(&judge, shipment, &moved, higher, &mut published).await?;
    let stay = |tag: &&Tag| !published.kept.iter().any(|kept| kept.name == tag.name());
    published.tags = shipment
        .tags
        .iter()
        .filter(stay)
        .map(|tag| tag.name().to_owned())
        .collect();
    published.unchanged = complete && published.manifests_sent == 0;
    Ok(published)
}

/// What [`to_registry`] would do, and the error with which it would refuse. Nothing is written.
///
/// # Errors
/// When the registry cannot be asked.
pub async fn rehearse(
    client: &Client,
    repository: &Reference,
    shipment: &Shipment,
    options: Options,
) -> Result<(Survey, Option<PublishError>), PublishError> {
    let repository = Repository::from(repository);
    let judge = Judge::new(client, &repository, shipment.version.as_deref(), options.lifted);
    let survey = release::survey(client, &repository, &shipment.content, &shipment.tags, &judge).await?;
    let refused = survey
        .tags
        .iter()
        .find_map(|state| allowed(&repository, shipment, &state.tag, &state.fate, NOTHING).err());
    Ok((survey, refused))
}

/// Looks at the tags that were moved forward once more, in the order in which they were: registries cannot be asked to
/// write a tag only if it still names what it named, so that somebody who publishes a lower version at the same moment may
/// have set it back, and we may have set back what is higher.
///
/// Who sets several tags in the same order finds the other's in one of them. Of a tag that is alone nothing can be seen.
///
/// `higher` is a version that was found at another tag while tags were set.
async fn look_again(
    judge: &Judge<'_>,
    shipment: &Shipment,
    moved: &[&Tag],
    mut higher: Option<String>,
    published: &mut Published,
) -> Result<(), PublishError> {
    let (client, repository) = (judge.client(), judge.repository());
    let mut ours = Vec::new();
    for tag in moved {
        match judge.one(tag, Some(shipment.content.digest())).await? {
            Fate::Present => ours.push(format!("`{}`", tag.name())),
            Fate::Stays { version, .. } => {
                higher = Some(version.clone());
                published.kept.push(kept(client, shipment, tag, version));
            }
            Fate::Moves { .. } => {
                set_tag(client, repository, tag, named_by(shipment, tag)?).await?;
                published.manifests_sent += 1;
                ours.push(format!("`{}`", tag.name()));
            }
            // Somebody's hands were in it.
            _ => {}
        }
    }
    if let (Some(higher), false) = (higher, ours.is_empty()) {
        client.observer().event(&Event::Notice {
            text: &format!(
                "{higher} was published to `{repository}` at the same time, and may have lost {} to us: publish {higher} \
                 again to be sure",
                ours.join(", ")
            ),
        });
    }
    Ok(())
}

impl Published {
    fn of(repository: &Repository, digest: &Digest) -> Self {
        Self {
            reference: repository.at(digest),
            digest: *digest,
            tags: Vec::new(),
            kept: Vec::new(),
            blobs_sent: 0,
            blobs_mounted: 0,
            bytes_sent: 0,
            manifests_sent: 0,
            unchanged: false,
        }
    }
}

/// The manifest that a tag shall name.
fn named_by<'s>(shipment: &'s Shipment, tag: &Tag) -> Result<&'s ManifestBytes, PublishError> {
    let Some(digest) = tag.names() else {
        return Ok(&shipment.content.root);
    };
    let found = shipment.content.manifest(digest);
    found.ok_or_else(|| PublishError::TagOfNothing {
        tag: tag.name().to_owned(),
        digest: *digest,
    })
}

/// What is at the registry when a tag is refused before anything else is done.
const NOTHING: &str = "nothing was sent";
/// The same when the tags before it are set.
const IMAGE: &str = "somebody has set it meanwhile: the image is there, without this tag and those after it";

/// Refuses what the rule of a tag does not allow; `sent` is there already.
fn allowed(
    repository: &Repository,
    shipment: &Shipment,
    tag: &Tag,
    fate: &Fate,
    sent: &'static str,
) -> Result<(), PublishError> {
    let (tag_name, ours) = (tag.name().to_owned(), *named_by(shipment, tag)?.digest());
    match fate {
        Fate::Taken { at } | Fate::Fixed { at } => Err(PublishError::TagTaken {
            tag: tag_name,
            repository: repository.to_string(),
            found: *at,
            ours,
            sent,
        }),
        Fate::Unknown { at } => Err(PublishError::TagUnknown {
            tag: tag_name,
            repository: repository.to_string(),
            found: *at,
            version: shipment.version.clone().unwrap_or_else(|| ours.to_string()),
            sent,
        }),
        _ => Ok(()),
    }
}

fn kept(client: &Client, shipment: &Shipment, tag: &Tag, version: String) -> KeptTag {
    let name = tag.name().to_owned();
    let ours = shipment.version.as_deref().unwrap_or("what is published");
    client.observer().event(&Event::Notice {
        text: &format!("tag `{name}` stays at {version}: {ours} is lower"),
    });
    KeptTag { name, version }
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
    while let Some((size, pushed)) = release::next(&mut uploads).await {
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

fn told(client: &Client, reference: &Reference, manifest: &ManifestBytes, present: bool) {
    client.observer().event(&Event::ManifestPushed {
        reference: &reference.to_string(),
        digest: manifest.digest(),
        present,
    });
}
