//! Looking at images that lie somewhere.

use super::publish::client;
use super::{Access, Error, Gantry};
use crate::archive::Layout;
use crate::inspect::{self, Difference, Original, Place, Report};
use crate::publish::{Destination, PublishError};
use crate::spec::Platform;

pub(super) async fn describe(gantry: &Gantry, name: &str, access: &Access) -> Result<Report, Error> {
    Ok(inspect::describe(&place(gantry, name, access)?).await?)
}

pub(super) async fn raw(
    gantry: &Gantry,
    name: &str,
    platform: Option<&Platform>,
    access: &Access,
) -> Result<Original, Error> {
    Ok(inspect::raw(&place(gantry, name, access)?, platform).await?)
}

pub(super) async fn config(
    gantry: &Gantry,
    name: &str,
    platform: Option<&Platform>,
    access: &Access,
) -> Result<Original, Error> {
    Ok(inspect::config(&place(gantry, name, access)?, platform).await?)
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
    let (before, after) = (place(gantry, before, &other)?, place(gantry, after, access)?);
    Ok(inspect::diff(&before, &after, platforms).await?)
}

/// Where the image `[TRANSPORT:]name` lies.
fn place(gantry: &Gantry, name: &str, access: &Access) -> Result<Place, Error> {
    match name.parse::<Destination>()? {
        Destination::Layout(path, tag) | Destination::Archive(path, tag) => {
            let layout = Layout::open(gantry.absolute(&path))?;
            Ok(Place::layout(layout, name, tag.as_deref()))
        }
        Destination::DockerArchive(..) => Err(PublishError::Transport {
            text: name.to_owned(),
            transport: "docker-archive".to_owned(),
        }
        .into()),
        Destination::Registry(reference) => {
            let client = client(gantry, access, Some(&reference))?;
            Ok(Place::registry(client, reference))
        }
    }
}
