//! Moving the pins of bases, and asking whether they could move.

use std::path::PathBuf;

use super::prepare::matrix_alone;
use super::{Error, Gantry, Request, blocking, ground};
use crate::base::{Bases, Change};
use crate::plan;
use crate::spec::Platform;

/// A project's bases, with the platforms that stand on each.
struct Pins {
    bases: Bases,
    used: Vec<(String, Vec<Platform>)>,
    /// Their names, with that of the built-in one where it is used.
    names: Vec<String>,
}

async fn open(gantry: &Gantry, request: &Request) -> Result<Pins, Error> {
    let (matrix, directory, lock): (_, PathBuf, PathBuf) = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || matrix_alone(&gantry, &request)).await?
    };
    Ok(Pins {
        bases: ground::open(gantry, request, &directory, &lock)?,
        used: plan::bases(&matrix),
        names: ground::used(&matrix),
    })
}

pub(super) async fn update(
    gantry: &Gantry,
    request: &Request,
    names: &[String],
) -> Result<Vec<Change>, Error> {
    let pins = open(gantry, request).await?;
    let (mut bases, used) = (pins.bases, pins.names);
    if let Some(name) = names.iter().find(|name| !used.contains(name)) {
        return Err(Error::UnknownBase {
            name: name.clone(),
            known: used,
        });
    }
    let mut changes = Vec::new();
    for name in &used {
        if names.is_empty() || names.contains(name) {
            let platforms = pins.used.iter().find(|(known, _)| known == name);
            let platforms = platforms.map_or(&[][..], |(_, platforms)| platforms);
            changes.extend(bases.update(name, platforms).await?);
        }
    }
    bases.save(&used)?;
    Ok(changes)
}

pub(super) async fn outdated(gantry: &Gantry, request: &Request) -> Result<Vec<Change>, Error> {
    let pins = open(gantry, request).await?;
    let mut changes = Vec::new();
    for name in &pins.names {
        changes.extend(pins.bases.outdated(name).await?);
    }
    Ok(changes)
}
