//! The version of an image that is given names: as it says itself, else as the names say that it has.

use super::Error;
use super::copy::named;
use crate::publish::{
    self, Destination, Options, PublishError, Published, Publishing, Shipment, Source, Tag,
};
use crate::registry::{Access, Client, Repository};
use crate::release::{self, Part};
use crate::spec::{Reference, annotation, version_of};

/// What can be told without asking: the index's annotation, else the name under which it lies at `from`.
pub(super) fn said(part: &Part, from: Option<&str>) -> Option<String> {
    let annotated = release::said(&part.content.root).remove(annotation::VERSION);
    let annotated = annotated.filter(|said| version_of(said).is_some());
    annotated.or_else(|| Some(version_of(&named(from?)?)?.to_string()))
}

/// The one that these tags name in full, where it is one.
pub(super) fn of_tags(tags: &[Tag]) -> Option<String> {
    let mut versions = tags.iter().filter_map(|tag| version_of(tag.name()));
    let first = versions.next()?;
    versions.all(|other| other == first).then(|| first.to_string())
}

/// Brings it to `to`, and begins with what has `begun`. Where the rule of a tag asks for a version, and nothing else has told
/// it, that is the highest of the tags that name the image at `from`. They are asked for last: there may be very many.
pub(super) async fn publish(
    client: &Client,
    from: Option<&str>,
    to: &Reference,
    shipment: Shipment,
    options: Options,
    begun: Option<Publishing>,
) -> Result<Published, Error> {
    let done = match begun {
        Some(begun) => begun.complete(&shipment).await,
        None => publish::to_registry(client, to, &shipment, options).await,
    };
    let (Err(PublishError::NoVersion { .. }), Some(Ok(Source::Place(Destination::Registry(source))))) =
        (&done, from.map(str::parse))
    else {
        return Ok(done?);
    };
    let (repository, digest) = (Repository::from(&source), *shipment.content.digest());
    match release::highest_version(client, &repository, &digest, Access::Pull).await? {
        Some(version) => {
            let version = Some(version);
            let shipment = Shipment { version, ..shipment };
            Ok(publish::to_registry(client, to, &shipment, options).await?)
        }
        None => Ok(done?),
    }
}
