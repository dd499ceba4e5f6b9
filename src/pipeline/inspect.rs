//! Looking at images that lie somewhere.

use std::path::Path;

use super::publish::client;
use super::scratch::Scratch;
use super::{Access, Error, Gantry, blocking};
use crate::archive::{self, Layout};
use crate::inspect::{self, Difference, Original, Place, Report};
use crate::publish::Destination;
use crate::spec::Platform;

pub(super) async fn describe(gantry: &Gantry, name: &str, access: &Access) -> Result<Report, Error> {
    Ok(inspect::describe(&found(gantry, name, access).await?.place).await?)
}

pub(super) async fn raw(
    gantry: &Gantry,
    name: &str,
    platform: Option<&Platform>,
    access: &Access,
) -> Result<Original, Error> {
    Ok(inspect::raw(&found(gantry, name, access).await?.place, platform).await?)
}

pub(super) async fn config(
    gantry: &Gantry,
    name: &str,
    platform: Option<&Platform>,
    access: &Access,
) -> Result<Original, Error> {
    Ok(inspect::config(&found(gantry, name, access).await?.place, platform).await?)
}

pub(super) async fn diff(
    gantry: &Gantry,
    (before, after): (&str, &str),
    platforms: &[Platform],
    access: &Access,
) -> Result<Difference, Error> {
    let registry = |name: &str| match name.parse::<Destination>() {
        Ok(Destination::Registry(reference)) => Some(reference.registry().to_owned()),
        _ => None,
    };
    // A login is for one registry: that of the second image, where both lie in one.
    let mut other = access.clone();
    if registry(after).is_some_and(|host| registry(before) != Some(host)) {
        other.login = None;
    }
    let before = found(gantry, before, &other).await?;
    let after = found(gantry, after, access).await?;
    Ok(inspect::diff(&before.place, &after.place, platforms).await?)
}

/// An image that was named, and the store that it was brought into for being looked at.
struct Found {
    place: Place,
    _scratch: Option<Scratch>,
}

/// Where the image `[TRANSPORT:]name` lies.
async fn found(gantry: &Gantry, name: &str, access: &Access) -> Result<Found, Error> {
    let place = match name.parse::<Destination>()? {
        Destination::Layout(path, tag) | Destination::Archive(path, tag) => {
            let layout = Layout::open(gantry.absolute(&path))?;
            Place::layout(layout, name, tag.as_deref())
        }
        Destination::DockerArchive(path, image) => {
            return in_docker_archive(gantry, name, &path, image).await;
        }
        Destination::Registry(reference) => {
            let client = client(gantry, access, Some(&reference))?;
            Place::registry(client, reference)
        }
    };
    Ok(Found {
        place,
        _scratch: None,
    })
}

/// A docker archive has no manifest: one is made of it.
async fn in_docker_archive(
    gantry: &Gantry,
    name: &str,
    path: &Path,
    image: Option<String>,
) -> Result<Found, Error> {
    let (path, named) = (gantry.absolute(path), name.to_owned());
    let scratch = Scratch::anywhere(gantry)?;
    let found = blocking(move || {
        let store = scratch.store();
        let mut images = archive::import_docker(&path, image.as_deref(), store)?;
        if images.len() > 1 {
            let names = images.into_iter().flat_map(|image| image.names);
            return Err(Error::WhichEntry {
                name: named,
                entries: names.collect(),
            });
        }
        let image = images.remove(0);
        store.add_entry(ENTRY, &image.descriptor)?;
        let layout = Layout::open(store.root())?;
        Ok(Found {
            place: Place::layout(layout, &named, Some(ENTRY)),
            _scratch: Some(scratch),
        })
    })
    .await?;
    gantry.notice(&format!(
        "`{name}`: a docker archive has no manifest, so digests are those of one that was made of it"
    ));
    Ok(found)
}

/// What the only image of a scratch store is called there.
const ENTRY: &str = "image";
