//! Images that are there already, in a layout, an archive or a registry, on their way into a container runtime.

use std::path::Path;

use super::super::copy::name_of;
use super::super::publish::client;
use super::super::scratch::Scratch;
use super::super::source::Sources;
use super::super::{Access, Error, Gantry, Request, blocking};
use super::{LoadedImage, chosen, here};
use crate::archive::DockerArchive;
use crate::publish::daemon::{Cargo, Daemon, DaemonError, Runtime};
use crate::publish::{self, Destination, Source};
use crate::release::{self, Part, ReleaseError};
use crate::spec::{Descriptor, Platform, annotation};

/// A repository and a tag.
type Name = (String, String);

pub(super) async fn load(
    gantry: &Gantry,
    named: &[String],
    request: &Request,
    access: &Access,
    into: Option<&Runtime>,
    loaded: &mut (dyn FnMut(LoadedImage) + Send),
) -> Result<(), Error> {
    if request.platforms.len() > 1 {
        return Err(Error::OnePlatform);
    }
    let daemon = Daemon::find(&gantry.tools, into, &here(gantry)).await?;
    for name in named {
        loaded(load_one(gantry, name, request, access, &daemon).await?);
    }
    Ok(())
}

async fn load_one(
    gantry: &Gantry,
    named: &str,
    request: &Request,
    access: &Access,
    daemon: &Daemon,
) -> Result<LoadedImage, Error> {
    let source: Source = named.parse()?;
    let registry = match &source {
        Source::Place(Destination::Registry(reference)) => Some(reference),
        _ => None,
    };
    let client = client(gantry, access, registry)?;
    let mut sources = Sources::new(gantry, &client);
    let part = sources.read_one(named).await?;
    let platform = platform(&part, request, daemon)?;
    let only = release::only(&part, std::slice::from_ref(&platform)).map_err(ReleaseError::from)?;
    let of_platform =
        |entry: &&Descriptor| entry.platform().as_ref().map(Platform::from).as_ref() == Some(&platform);
    let manifest = only.part.entries.iter().find(of_platform).cloned();
    let manifest = manifest.ok_or_else(|| unsuited(&part, daemon))?;
    // It streams from one store, whatever it was gathered from.
    let scratch = Scratch::anywhere(gantry)?;
    publish::into_store(&client, &only.part.content, scratch.store()).await?;
    let own = own_names(gantry, named, source, &part).await?;
    let cargo = Cargo {
        manifest,
        platform: platform.clone(),
        names: names(own, request)?,
    };
    let there = daemon.load(scratch.store(), &cargo).await?;
    Ok(LoadedImage {
        image: part.image.unwrap_or_else(|| named.to_owned()),
        platform,
        names: there.names,
        id: there.id,
        runtime: daemon.to_string(),
    })
}

/// The platform that is asked for, or the best one for the runtime.
fn platform(part: &Part, request: &Request, daemon: &Daemon) -> Result<Platform, Error> {
    if let Some(platform) = request.platforms.first() {
        return Ok(platform.clone());
    }
    let platforms = part.platforms();
    let position = chosen(daemon.platform(), &platforms.iter().collect::<Vec<_>>());
    let position = position.ok_or_else(|| unsuited(part, daemon))?;
    Ok(platforms[position].clone())
}

fn unsuited(part: &Part, daemon: &Daemon) -> DaemonError {
    let platforms: Vec<String> = part.platforms().iter().map(ToString::to_string).collect();
    DaemonError::Platform {
        runtime: daemon.to_string(),
        runs: daemon.platform().clone(),
        image: part.image.clone().unwrap_or_else(|| part.name.clone()),
        platforms: platforms.join(", "),
    }
}

/// What the image is called where it lies. Where nothing there names a repository it is the image's title, else the name
/// of its file.
async fn own_names(gantry: &Gantry, named: &str, source: Source, part: &Part) -> Result<Vec<Name>, Error> {
    let title = release::said(&part.content.root).remove(annotation::TITLE);
    let title = title.filter(|title| crate::spec::reference(title).is_ok() && !title.contains([':', '@']));
    let said = part.image.clone().or(title);
    let after = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        said.clone().unwrap_or_else(|| stem.to_lowercase())
    };
    let tag = name_of(named, part);
    match source {
        Source::Place(Destination::Registry(reference)) => {
            let repository = format!("{}/{}", reference.registry(), reference.repository());
            Ok(vec![(repository, tag)])
        }
        Source::Place(Destination::DockerArchive(path, image)) => {
            let unnamed = vec![(after(&path), tag)];
            let path = gantry.absolute(&path);
            let scratch = Scratch::anywhere(gantry)?;
            blocking(move || {
                let archive = DockerArchive::open(path, scratch.store())?;
                let entries = archive.chosen(image.as_deref())?;
                let names = entries.iter().flat_map(|entry| &entry.names);
                let names: Vec<Name> = match image.filter(|image| !image.starts_with('@')) {
                    Some(image) => split(&image).into_iter().collect(),
                    None => names.filter_map(|name| split(name)).collect(),
                };
                Ok(if names.is_empty() { unnamed } else { names })
            })
            .await
        }
        Source::Place(Destination::Layout(path, _) | Destination::Archive(path, _)) => {
            // Some name entries by tags, some by whole references.
            Ok(vec![split(&tag).unwrap_or_else(|| (after(&path), tag))])
        }
        Source::Digests(path) => Ok(vec![(after(&path), tag)]),
    }
}

/// A repository and its tag; none where there is no tag.
fn split(name: &str) -> Option<Name> {
    let (repository, tag) = name.rsplit_once(':')?;
    (!tag.contains('/')).then(|| (repository.to_owned(), tag.to_owned()))
}

/// What the image shall be called: as the request says, else as it is called already.
fn names(own: Vec<Name>, request: &Request) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = Vec::new();
    for (repository, tag) in own {
        let repositories = match request.repositories.as_slice() {
            [] => std::slice::from_ref(&repository),
            given => given,
        };
        for repository in repositories {
            let tags = match request.tags.as_slice() {
                [] => std::slice::from_ref(&tag),
                given => given,
            };
            names.extend(tags.iter().map(|tag| format!("{repository}:{tag}")));
        }
    }
    names.sort();
    names.dedup();
    for name in &names {
        crate::spec::reference(name).map_err(|source| Error::Reference {
            text: name.clone(),
            source,
        })?;
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_unless_others_are_given() {
        let own = || vec![split("h:5/a:1").unwrap(), split("b:2").unwrap()];
        let request = |repositories: &[&str], tags: &[&str]| Request {
            repositories: repositories.iter().map(|text| (*text).to_owned()).collect(),
            tags: tags.iter().map(|text| (*text).to_owned()).collect(),
            ..Request::default()
        };
        for (repositories, tags, expected) in [
            (&[][..], &[][..], vec!["b:2", "h:5/a:1"]),
            (&["x"], &[], vec!["x:1", "x:2"]),
            (&[], &["dev"], vec!["b:dev", "h:5/a:dev"]),
            (&["x"], &["dev", "new"], vec!["x:dev", "x:new"]),
        ] {
            assert_eq!(names(own(), &request(repositories, tags)).unwrap(), expected);
        }
        assert!(names(own(), &request(&["Upper"], &[])).is_err());
        assert_eq!(split("h:5/a"), None);
    }
}
