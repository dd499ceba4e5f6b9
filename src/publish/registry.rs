//! Publishing to a registry in one go.

use std::sync::Arc;

use super::known::Nothing;
use super::tagging::{NOTHING, allowed};
use super::{Options, PublishError, Published, Publishing, Shipment};
use crate::registry::{Client, Repository};
use crate::release::{self, Judge, Survey};
use crate::spec::Reference;

/// Brings `shipment` to the repository of `repository` (whose own tag or digest means nothing here): a [`Publishing`] that
/// is complete as soon as it begins.
///
/// A tag that must not move to just anything is looked at again right before it is written: two who publish at once do not
/// both win.
///
/// When every tag names the index already (or, without tags, the index is there), that is one request per tag and
/// nothing is sent. Must be called within a tokio runtime.
///
/// # Errors
/// [`PublishError::TagTaken`], [`PublishError::TagUnknown`] and [`PublishError::NoVersion`], before anything is sent, when a
/// tag's rule forbids to move it, unless `options` lift it; otherwise when the registry or a blob's file fails.
pub async fn to_registry(
    client: &Client,
    repository: &Reference,
    shipment: &Shipment,
    options: Options,
) -> Result<Published, PublishError> {
    let publishing = Publishing::begin(client, repository, options, &shipment.tags, Arc::new(Nothing));
    publishing.complete(shipment).await
}

/// Refuses what [`to_registry`] would refuse by the rules of tags. Nothing is written.
///
/// # Errors
/// As there, and when the registry cannot be asked.
pub async fn allows(
    client: &Client,
    repository: &Reference,
    shipment: &Shipment,
    options: Options,
) -> Result<(), PublishError> {
    let repository = Repository::from(repository);
    let judge = Judge::new(client, &repository, shipment.version.as_deref(), options.lifted).before_writing();
    let root = shipment.content.digest();
    let fates = judge.all(&shipment.tags, Some(root)).await?;
    let mut tags = shipment.tags.iter().zip(&fates);
    tags.try_for_each(|(tag, fate)| allowed(&repository, shipment, tag, fate, NOTHING))
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
