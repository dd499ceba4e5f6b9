//! Where the binaries of an image come from.

use super::target::nearest;
use super::{Package, PlanError, Question};
use crate::matrix::{BinarySource, BinaryUse, Image};

/// Where a binary of an image comes from.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Cargo(&'a Package),
    Foreign(&'a BinarySource),
}

pub(super) fn origin<'a>(
    question: &Question<'a>,
    image: &Image,
    of: &BinaryUse,
) -> Result<Origin<'a>, PlanError> {
    match question.matrix.binaries.get(&of.binary) {
        Some(source) if of.package.is_none() => Ok(Origin::Foreign(source)),
        _ => Ok(Origin::Cargo(package(question, image, of)?)),
    }
}

/// That cargo will hardly build the binary. Told only: another package may turn on what it needs.
pub(super) fn lacking(of: &BinaryUse, origin: &Origin<'_>) -> Option<String> {
    let Origin::Cargo(package) = origin else {
        return None;
    };
    let features = package
        .optional
        .get(&of.binary)
        .filter(|_| of.features.is_empty())?;
    Some(format!(
        "binary `{0}` requires features that are off: write `binaries = [{{ binary = \"{0}\", features = {features:?} }}]`",
        of.binary
    ))
}

fn package<'a>(question: &Question<'a>, image: &Image, of: &BinaryUse) -> Result<&'a Package, PlanError> {
    let mut having = question
        .packages
        .iter()
        .filter(|package| package.binaries.contains(&of.binary));
    let Some(name) = &of.package else {
        return match (having.next(), having.next()) {
            (Some(package), None) => Ok(package),
            (Some(first), Some(second)) => Err(PlanError::AmbiguousBinary {
                image: image.name.clone(),
                binary: of.binary.clone(),
                packages: [first, second]
                    .into_iter()
                    .chain(having)
                    .map(|package| package.name.clone())
                    .collect(),
            }),
            (None, _) => Err(PlanError::UnknownBinary {
                image: image.name.clone(),
                binary: of.binary.clone(),
                help: nearest(&of.binary, known(question)),
            }),
        };
    };
    having
        .clone()
        .find(|package| package.name == *name)
        .ok_or_else(|| {
            let others: Vec<String> = having.map(|package| format!("`{}`", package.name)).collect();
            let own = question.packages.iter().find(|package| package.name == *name);
            PlanError::WrongPackage {
                image: image.name.clone(),
                binary: of.binary.clone(),
                package: name.clone(),
                help: match own {
                    _ if !others.is_empty() => format!("it is a binary of {}", others.join(", ")),
                    Some(own) => nearest(&of.binary, own.binaries.iter().map(String::as_str)),
                    None => nearest(
                        name,
                        question.packages.iter().map(|package| package.name.as_str()),
                    ),
                },
            }
        })
}

/// The names of all binaries.
fn known<'q>(question: &'q Question<'_>) -> impl Iterator<Item = &'q str> {
    let built = question.packages.iter().flat_map(|package| &package.binaries);
    built.chain(question.matrix.binaries.keys()).map(String::as_str)
}
