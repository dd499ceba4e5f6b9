//! Writing tags: what their rules refuse, what stays where it is, and what became of a write.

use super::{KeptTag, ManifestBytes, PublishError, Published, Shipment, Tag};
use crate::event::Event;
use crate::registry::{Access, Client, RegistryError, Repository};
use crate::release::{Fate, Judge};
use crate::spec::Reference;

/// The manifest that a tag shall name.
pub(super) fn named_by<'s>(shipment: &'s Shipment, tag: &Tag) -> Result<&'s ManifestBytes, PublishError> {
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
pub(super) const NOTHING: &str = "nothing was published";
/// The same when the tags before it are set.
pub(super) const IMAGE: &str =
    "somebody has set it meanwhile: the image is there, without this tag and those after it";

/// Refuses what the rule of a tag does not allow; `sent` is there already.
pub(super) fn allowed(
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
        Fate::Unversioned { at } => Err(PublishError::NoVersion {
            tag: tag_name,
            repository: repository.to_string(),
            found: *at,
            sent,
        }),
        _ => Ok(()),
    }
}

pub(super) fn kept(client: &Client, shipment: &Shipment, tag: &Tag, version: String) -> KeptTag {
    let name = tag.name().to_owned();
    let ours = shipment.version.as_deref().unwrap_or("what is published");
    client.observer().event(&Event::Notice {
        text: &format!("tag `{name}` stays at {version}: {ours} is lower"),
    });
    KeptTag { name, version }
}

/// Looks at the tags that were moved forward once more, in the order in which they were: registries cannot be asked to
/// write a tag only if it still names what it named, so that somebody who publishes a lower version at the same moment may
/// have set it back, and we may have set back what is higher.
///
/// Who sets several tags in the same order finds the other's in one of them. Of a tag that is alone nothing can be seen.
///
/// `higher` is a version that was found at another tag while tags were set.
pub(super) async fn look_again(
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

/// Writes a tag. A registry whose tags cannot change may refuse what is there already.
pub(super) async fn set_tag(
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
pub(super) fn immutable(error: &RegistryError) -> bool {
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

pub(super) fn told(client: &Client, reference: &Reference, manifest: &ManifestBytes, present: bool) {
    client.observer().event(&Event::ManifestPushed {
        reference: &reference.to_string(),
        digest: manifest.digest(),
        present,
    });
}
