//! What an image says of itself without being told: from Cargo.toml and git.

use std::collections::BTreeMap;

use super::{Git, Package};
use crate::spec::annotation as key;

/// The reserved annotations of an image, without those that the user switched off.
pub(super) fn derived(
    image: &str,
    package: Option<&Package>,
    version: Option<&str>,
    git: Option<&Git>,
    created: &str,
    omitted: &[String],
) -> BTreeMap<String, String> {
    let revision = git.map(|git| match git.dirty {
        true => format!("{}-dirty", git.commit),
        false => git.commit.clone(),
    });
    let none = Package::default();
    let package = package.unwrap_or(&none);
    let source = package
        .repository
        .clone()
        .or_else(|| git.and_then(|git| git.remote.clone()));
    let authors = (!package.authors.is_empty()).then(|| package.authors.join(", "));
    let known = [
        (key::CREATED, Some(created.to_owned())),
        (key::TITLE, Some(image.to_owned())),
        (
            key::DESCRIPTION,
            package.description.as_ref().map(|text| text.trim().to_owned()),
        ),
        (key::VERSION, version.map(str::to_owned)),
        (key::REVISION, revision),
        (key::LICENSES, package.license.clone()),
        (key::AUTHORS, authors),
        (key::URL, package.homepage.clone()),
        (key::DOCUMENTATION, package.documentation.clone()),
        (key::SOURCE, source),
    ];
    known
        .into_iter()
        .filter(|(key, _)| !omitted.iter().any(|omitted| omitted == key))
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}
