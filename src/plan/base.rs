//! The images that the Matrix starts from, and what is known of them.

use std::collections::BTreeMap;

use super::{Bases, Matrix, PlanError};
use crate::matrix::{Base, Image, PlatformSettings};
use crate::spec::{BaseFacts, Digest, Platform, annotation as key};

/// The images that any image starts from, and the platforms that do, each once and in the order of the Matrix. What is
/// packed makes no difference: the triples of all images decide which features unify.
pub fn bases(matrix: &Matrix) -> Vec<(String, Vec<Platform>)> {
    let mut all: Vec<(String, Vec<Platform>)> = Vec::new();
    for settings in matrix.declared().iter().flat_map(|image| &image.platforms) {
        let Base::Image(name) = &settings.base else {
            continue;
        };
        let known = all.iter().position(|(known, _)| known == name);
        let position = known.unwrap_or_else(|| {
            all.push((name.clone(), Vec::new()));
            all.len() - 1
        });
        let platforms = &mut all[position].1;
        if !platforms.contains(&settings.platform) {
            platforms.push(settings.platform.clone());
        }
    }
    all
}

/// How a base is called in plans and messages.
pub(super) fn base_name(base: &Base) -> &str {
    match base {
        Base::Static => "static",
        Base::Scratch => "scratch",
        Base::Image(name) => name,
    }
}

/// What is known of the base of one platform; none where it is built in.
pub(super) fn facts<'a>(
    image: &Image,
    settings: &PlatformSettings,
    bases: &'a Bases,
) -> Result<Option<&'a BaseFacts>, PlanError> {
    let Base::Image(name) = &settings.base else {
        return Ok(None);
    };
    let facts = bases.get(&(name.clone(), settings.platform.clone()));
    facts.map(Some).ok_or_else(|| PlanError::Base {
        image: image.name.clone(),
        base: name.clone(),
        platform: settings.platform.clone(),
    })
}

/// What an index says of the base: only what all its platforms, packed or not, start from.
pub(super) fn of_index(image: &Image, bases: &Bases) -> Result<BTreeMap<String, String>, PlanError> {
    let mut all = image
        .platforms
        .iter()
        .map(|settings| facts(image, settings, bases));
    let Some(first) = all.next().transpose()?.flatten() else {
        return Ok(BTreeMap::new());
    };
    for other in all {
        if other?.is_none_or(|other| (&other.name, other.index) != (&first.name, first.index)) {
            return Ok(BTreeMap::new());
        }
    }
    Ok(notes(image, &first.name, first.index))
}

/// What a manifest, and the labels of its config, say of the base.
pub(super) fn of_manifest(image: &Image, facts: Option<&BaseFacts>) -> BTreeMap<String, String> {
    facts.map_or_else(BTreeMap::new, |facts| notes(image, &facts.name, facts.manifest))
}

/// Name and digest of a base, without what the user switched off.
///
/// The specification wants the name fully qualified, and the digest to be that of the image whose layers come first: for
/// a manifest that is the base's manifest, for an index the index that the name stood for. A path means nothing
/// elsewhere, so that it is no name.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys>
fn notes(image: &Image, name: &str, digest: Digest) -> BTreeMap<String, String> {
    let is_path = name.starts_with("oci:") || name.starts_with("oci-archive:");
    let reference = crate::spec::reference(name).ok().filter(|_| !is_path);
    let known = [
        (key::BASE_NAME, reference.map(|reference| reference.whole())),
        (key::BASE_DIGEST, Some(digest.to_string())),
    ];
    known
        .into_iter()
        .filter(|(key, _)| !image.omit_annotations.iter().any(|omitted| omitted == key))
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}
