//! Moving the pins of bases, and asking whether they could move.

use std::path::PathBuf;

use super::ground::Purpose;
use super::prepare::{matrix_alone, prepare};
use super::{Error, Gantry, Request, blocking, ground, pinned};
use crate::base::{Bases, Change, CompilerVersions};
use crate::matrix::ToolchainRule;
use crate::plan;
use crate::spec::Platform;

/// A project's bases, with the platforms that stand on each.
struct Pins {
    bases: Bases,
    used: Vec<(String, Vec<Platform>)>,
    /// Their names, with that of the built-in one where it is used.
    names: Vec<String>,
    toolchain: ToolchainRule,
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
        toolchain: matrix.toolchain,
    })
}

pub(super) async fn update(
    gantry: &Gantry,
    request: &Request,
    names: &[String],
) -> Result<Vec<Change>, Error> {
    let pins = open(gantry, request).await?;
    let compilers = compilers(gantry, request, names, pins.toolchain).await?;
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
    if let Some(compilers) = compilers {
        for change in bases.update_compilers(compilers)? {
            gantry.notice(&format!("recorded: {change}"));
        }
    }
    bases.save(&used)?;
    Ok(changes)
}

/// The compilers of the whole matrix, where all of the lock file is to be brought up to date; none are left in it where
/// they are not pinned any more.
async fn compilers(
    gantry: &Gantry,
    request: &Request,
    names: &[String],
    rule: ToolchainRule,
) -> Result<Option<CompilerVersions>, Error> {
    if !names.is_empty() {
        return Ok(None);
    }
    if rule != ToolchainRule::Pinned {
        return Ok(Some(CompilerVersions::default()));
    }
    let whole = Request {
        images: Vec::new(),
        platforms: Vec::new(),
        locked: false,
        ..request.clone()
    };
    let prepared = prepare(gantry, &whole, Purpose::Plan).await?;
    let gantry = gantry.clone();
    let here = blocking(move || {
        let (directory, plan) = (&prepared.directory, &prepared.plan);
        pinned::here(&gantry, directory, plan, &prepared.toolchain, &prepared.links)
    });
    here.await.map(Some)
}

pub(super) async fn outdated(gantry: &Gantry, request: &Request) -> Result<Vec<Change>, Error> {
    let pins = open(gantry, request).await?;
    let mut changes = Vec::new();
    for name in &pins.names {
        changes.extend(pins.bases.outdated(name).await?);
    }
    Ok(changes)
}
