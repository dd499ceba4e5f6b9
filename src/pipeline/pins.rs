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
}

async fn open(gantry: &Gantry, request: &Request) -> Result<Pins, Error> {
    let (matrix, directory, lock): (_, PathBuf, PathBuf) = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || matrix_alone(&gantry, &request)).await?
    };
    Ok(Pins {
        bases: ground::open(gantry, request, &directory, &lock)?,
        used: plan::bases(&matrix),
    })
}

pub(super) async fn update(
    gantry: &Gantry,
    request: &Request,
    names: &[String],
) -> Result<Vec<Change>, Error> {
    let Pins { mut bases, used } = open(gantry, request).await?;
    if let Some(name) = names
        .iter()
        .find(|name| !used.iter().any(|(known, _)| known == *name))
    {
        return Err(Error::UnknownBase {
            name: name.clone(),
            known: used.into_iter().map(|(name, _)| name).collect(),
        });
    }
    let mut changes = Vec::new();
    for (name, platforms) in &used {
        if names.is_empty() || names.contains(name) {
            changes.extend(bases.update(name, platforms).await?);
        }
    }
    let used: Vec<String> = used.into_iter().map(|(name, _)| name).collect();
    bases.save(&used)?;
    Ok(changes)
}

pub(super) async fn outdated(gantry: &Gantry, request: &Request) -> Result<Vec<Change>, Error> {
    let Pins { bases, used } = open(gantry, request).await?;
    let mut changes = Vec::new();
    for (name, _) in &used {
        changes.extend(bases.outdated(name).await?);
    }
    Ok(changes)
}
