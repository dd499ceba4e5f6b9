//! More names for an image of a registry: promotion, without moving bytes.

use std::collections::BTreeMap;

use super::copy::{Delivered, DeliveryError};
use super::publish::client;
use super::source::Sources;
use super::version::Origin;
use super::{Access, Error, Gantry, Terms, version};
use crate::publish::{Destination, KeptTag, Options, PublishError, Shipment};
use crate::registry::{self, Client, Repository};
use crate::release::{self, Part};
use crate::spec::{Reference, annotation, version_of};

/// What cannot be promoted as it was asked for.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum TagError {
    /// It is somewhere else.
    #[error("`{name}` is no image of a registry")]
    #[diagnostic(
        code(gantry::pipeline::tag_source),
        help("`cargo gantry copy` brings it into one, under any name")
    )]
    Source {
        /// What was named.
        name: String,
    },
    /// A name at another registry.
    #[error("`{name}` is not at registry `{registry}`")]
    #[diagnostic(
        code(gantry::pipeline::tag_elsewhere),
        help("`cargo gantry copy` brings an image to another registry")
    )]
    Elsewhere {
        /// The name.
        name: String,
        /// The registry of the image.
        registry: String,
    },
    /// A destination that is no tag.
    #[error("`{name}` names a digest")]
    #[diagnostic(
        code(gantry::pipeline::tag_digest),
        help("give a tag, or a reference with one")
    )]
    Digest {
        /// The name.
        name: String,
    },
    /// Two versions at once.
    #[error("`{first}` and `{second}` are two versions")]
    #[diagnostic(
        code(gantry::pipeline::two_versions),
        help("an index says one version: promote each with a call of its own")
    )]
    TwoVersions {
        /// A tag.
        first: String,
        /// Another one.
        second: String,
    },
}

/// Gives the image `from` the names `to`: tags, or references with a tag in the same registry. With `semver`, versions get
/// their shorter forms as well.
pub(super) async fn tag(
    gantry: &Gantry,
    from: &str,
    to: &[String],
    semver: bool,
    access: &Access,
    terms: &Terms,
) -> Result<Vec<Delivered>, Error> {
    let Destination::Registry(source) = from.parse()? else {
        let name = from.to_owned();
        return Err(TagError::Source { name }.into());
    };
    let asked = names(&source, to)?;
    let version = asked_version(&asked)?;
    let client = client(gantry, access, Some(&source))?;
    let mut part = Sources::new(gantry, &client).read_one(from).await?;
    let origin = Origin {
        name: from.to_owned(),
        digest: *part.content.digest(),
    };
    let annotated = version::annotated(&part);
    if let Some(version) = &version {
        let named = annotated.is_none()
            && (version::of_name(from).as_ref() == Some(version)
                || is_called(&client, &source, &part, &asked).await?);
        if !named {
            part = promoted(gantry, part, annotated.as_deref(), version);
        }
    }
    let mut shipments = Vec::new();
    for (repository, names) in &asked {
        let mut all = names.clone();
        if semver {
            all.extend(names.iter().flat_map(|name| release::shorter(name)));
        }
        let shipment = Shipment {
            content: part.content.clone(),
            version: version.clone().or_else(|| annotated.clone()),
            tags: release::tags_of(&all).map_err(PublishError::from)?,
        };
        // Its own tag means nothing there.
        shipments.push((repository.at(part.content.digest()), names, shipment));
    }
    let options = Options::from(*terms);
    if shipments.len() > 1 {
        // What one repository refuses shall not be found out when another has it.
        for (place, _, shipment) in &mut shipments {
            *shipment = version::allowed(&client, Some(&origin), place, shipment.clone(), options).await?;
        }
    }
    let (mut delivered, mut kept) = (Vec::new(), Vec::new());
    for (place, names, shipment) in shipments {
        let done = match version::publish(&client, Some(&origin), &place, shipment, options, None).await {
            Err(cause) if !delivered.is_empty() => {
                let cause = Box::new(cause);
                return Err(DeliveryError::Halfway { cause, delivered }.into());
            }
            done => done?,
        };
        // That a shorter form stays is what it is for.
        let refused = |tag: &&KeptTag| names.contains(&tag.name);
        kept.extend(done.kept.iter().filter(refused).cloned());
        delivered.push(Delivered::published(done, &part));
    }
    match kept.is_empty() {
        true => Ok(delivered),
        false => Err(DeliveryError::Kept {
            tags: kept,
            delivered,
        }
        .into()),
    }
}

/// The tags, by repository, both in the order given.
fn names(source: &Reference, to: &[String]) -> Result<Vec<(Repository, Vec<String>)>, Error> {
    let home = Repository::from(source);
    let mut all: Vec<(Repository, Vec<String>)> = Vec::new();
    for name in to {
        let (repository, tag) = match name.contains(['/', ':', '@']) {
            false => (home.clone(), name.clone()),
            true => {
                let elsewhere = || TagError::Elsewhere {
                    name: name.clone(),
                    registry: home.registry().to_owned(),
                };
                let Destination::Registry(reference) = name.parse()? else {
                    return Err(elsewhere().into());
                };
                if reference.digest().is_some() {
                    return Err(TagError::Digest { name: name.clone() }.into());
                }
                let repository = Repository::from(&reference);
                if repository.registry() != home.registry() {
                    return Err(elsewhere().into());
                }
                (repository, reference.tag().unwrap_or("latest").to_owned())
            }
        };
        match all.iter_mut().find(|(known, _)| *known == repository) {
            Some((_, tags)) => tags.push(tag),
            None => all.push((repository, vec![tag])),
        }
    }
    Ok(all)
}

/// The version that the tags name in full, if one does.
fn asked_version(asked: &[(Repository, Vec<String>)]) -> Result<Option<String>, TagError> {
    let all = asked.iter().flat_map(|(_, tags)| tags);
    let mut versions = all.filter_map(|tag| Some((tag, version_of(tag)?)));
    let Some((first, version)) = versions.next() else {
        return Ok(None);
    };
    match versions.find(|(_, other)| *other != version) {
        Some((second, _)) => Err(TagError::TwoVersions {
            first: first.clone(),
            second: second.clone(),
        }),
        None => Ok(Some(version.to_string())),
    }
}

/// Whether the image has the tag of that version where it lies.
async fn is_called(
    client: &Client,
    source: &Reference,
    part: &Part,
    asked: &[(Repository, Vec<String>)],
) -> Result<bool, Error> {
    let home = Repository::from(source);
    let tags = asked.iter().filter(|(repository, _)| *repository == home);
    for tag in tags
        .flat_map(|(_, tags)| tags)
        .filter(|tag| version_of(tag).is_some())
    {
        let found = client
            .find_manifest(&home.tagged(tag), registry::Access::Pull)
            .await?;
        if found.is_some_and(|found| found.digest == *part.content.digest()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The image as that version, if it is not `before`: a new index that says so, of the same manifests. Where the root is no
/// index that can say it, the image stays what it is.
fn promoted(gantry: &Gantry, part: Part, before: Option<&str>, version: &str) -> Part {
    // A tag cannot hold the `+` of a version.
    if before.is_some_and(|before| before.replace('+', "-") == version) {
        return part;
    }
    let said = BTreeMap::from([(annotation::VERSION.to_owned(), version.to_owned())]);
    match release::annotated(&part.content, &said) {
        Some(content) => {
            gantry.notice(&format!(
                "{} says {}: `{}` is its index as {version}, of the same manifests",
                part.name,
                before.unwrap_or("no version"),
                content.digest()
            ));
            Part { content, ..part }
        }
        None => {
            gantry.notice(&format!(
                "{} is no OCI index, so that it cannot be made to say {version}: it is only tagged",
                part.name
            ));
            part
        }
    }
}
