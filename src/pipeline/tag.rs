//! More names for an image of a registry: promotion, without moving bytes.

use std::collections::BTreeMap;

use super::copy::{Delivered, DeliveryError, tags};
use super::publish::client;
use super::source::Sources;
use super::{Access, Error, Gantry, Terms};
use crate::publish::{self, Destination, KeptTag, Options, Shipment};
use crate::registry::Repository;
use crate::release::{self, Part};
use crate::spec::{Reference, annotation};

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
    let version = version(&asked)?;
    let client = client(gantry, access, Some(&source))?;
    let mut part = Sources::new(gantry, &client).read_one(from).await?;
    if let Some(version) = &version {
        part = promoted(gantry, part, version);
    }
    let said = release::said(&part.content.root).remove(annotation::VERSION);
    let (mut delivered, mut kept) = (Vec::new(), Vec::new());
    for (repository, names) in &asked {
        let mut all = names.clone();
        if semver {
            all.extend(names.iter().flat_map(|name| release::shorter(name)));
        }
        let shipment = Shipment {
            content: part.content.clone(),
            version: version.clone().or_else(|| said.clone()),
            tags: tags(&all)?,
        };
        // Its own tag means nothing there.
        let place = repository.at(part.content.digest());
        let done = publish::to_registry(&client, &place, &shipment, Options::from(*terms)).await?;
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
fn names(source: &Reference, to: &[String]) -> Result<Vec<(Repository, Vec<String>)>, TagError> {
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
                let reference = match name.parse::<Destination>() {
                    Ok(Destination::Registry(reference)) => reference,
                    _ => return Err(elsewhere()),
                };
                if reference.digest().is_some() {
                    return Err(TagError::Digest { name: name.clone() });
                }
                let repository = Repository::from(&reference);
                if repository.registry() != home.registry() {
                    return Err(elsewhere());
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
fn version(asked: &[(Repository, Vec<String>)]) -> Result<Option<String>, TagError> {
    let all = asked.iter().flat_map(|(_, tags)| tags);
    let mut versions = all.filter_map(|tag| Some((tag, release::version_of(tag)?)));
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

/// The image as that version: a new index that says so, of the same manifests. Where the root is no index that can say it,
/// the image stays what it is.
fn promoted(gantry: &Gantry, part: Part, version: &str) -> Part {
    let before = release::said(&part.content.root).remove(annotation::VERSION);
    // A tag cannot hold the `+` of a version.
    if before
        .as_ref()
        .is_some_and(|before| before.replace('+', "-") == version)
    {
        return part;
    }
    let said = BTreeMap::from([(annotation::VERSION.to_owned(), version.to_owned())]);
    match release::annotated(&part.content, &said) {
        Some(content) => {
            gantry.notice(&format!(
                "{} says {}: `{}` is its index as {version}, of the same manifests",
                part.name,
                before.as_deref().unwrap_or("no version"),
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
