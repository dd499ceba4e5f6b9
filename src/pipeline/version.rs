//! The version of an image that is given names: as it says itself, else as its names say.

use super::Error;
use super::copy::named;
use crate::publish::{
    self, Destination, Options, PublishError, Published, Publishing, Shipment, Source, Tag,
};
use crate::registry::{Access, Client, Repository};
use crate::release::{self, Part};
use crate::spec::{Digest, Reference, annotation, version_of};

/// Where an image comes from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// As the user named it.
    pub name: String,
    /// What it is there: with fewer platforms or other annotations it is another one here.
    pub digest: Digest,
}

/// What the index says itself.
pub(super) fn annotated(part: &Part) -> Option<String> {
    let said = release::said(&part.content.root).remove(annotation::VERSION);
    said.filter(|said| version_of(said).is_some())
}

/// The one that these tags name in full, where it is one.
pub(super) fn of_tags(tags: &[Tag]) -> Option<String> {
    let mut versions = tags.iter().filter_map(|tag| version_of(tag.name()));
    let first = versions.next()?;
    versions.all(|other| other == first).then(|| first.to_string())
}

/// The version under which the image lies at `name`.
pub(super) fn of_name(name: &str) -> Option<String> {
    Some(version_of(&named(name)?)?.to_string())
}

/// Brings it to `to`, and goes on with what has `begun`. Where the rule of a tag asks for a version, and nothing has told it,
/// its names do.
pub(super) async fn publish(
    client: &Client,
    origin: Option<&Origin>,
    to: &Reference,
    shipment: Shipment,
    options: Options,
    begun: Option<Publishing>,
) -> Result<Published, Error> {
    let done = match begun {
        Some(begun) => begun.complete(&shipment).await,
        None => publish::to_registry(client, to, &shipment, options).await,
    };
    match done {
        Err(refused @ PublishError::NoVersion { .. }) => {
            let shipment = learnt(client, origin, to, shipment, refused).await?;
            Ok(publish::to_registry(client, to, &shipment, options).await?)
        }
        done => Ok(done?),
    }
}

/// The shipment as [`publish()`] would take it, if the rules of its tags allow that. Nothing is written.
pub(super) async fn allowed(
    client: &Client,
    origin: Option<&Origin>,
    to: &Reference,
    shipment: Shipment,
    options: Options,
) -> Result<Shipment, Error> {
    let shipment = match publish::allows(client, to, &shipment, options).await {
        Err(refused @ PublishError::NoVersion { .. }) => {
            learnt(client, origin, to, shipment, refused).await?
        }
        allowed => {
            allowed?;
            return Ok(shipment);
        }
    };
    publish::allows(client, to, &shipment, options).await?;
    Ok(shipment)
}

/// The shipment with the version that its image has by its names: where it goes to, since that is what its tags there are
/// compared with; else where it comes from. They are asked for only here: there may be very many. `refused` if none tells.
async fn learnt(
    client: &Client,
    origin: Option<&Origin>,
    to: &Reference,
    shipment: Shipment,
    refused: PublishError,
) -> Result<Shipment, Error> {
    let (home, digest) = (Repository::from(to), shipment.content.digest());
    let mut version = release::highest_version(client, &home, digest, Access::Push).await?;
    if let (None, Some(origin)) = (&version, origin) {
        version = of_name(&origin.name);
        if let (None, Ok(Source::Place(Destination::Registry(reference)))) = (&version, origin.name.parse()) {
            let there = Repository::from(&reference);
            // Else it was asked for already.
            if there != home || origin.digest != *digest {
                version = release::highest_version(client, &there, &origin.digest, Access::Pull).await?;
            }
        }
    }
    match version {
        Some(_) => Ok(Shipment { version, ..shipment }),
        None => Err(refused.into()),
    }
}
