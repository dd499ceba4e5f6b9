//! The names that an image gets: repositories and tags.

use super::rendering::Rendering;
use super::{Git, Package, PlanError, PlannedTag, Question};
use crate::matrix::{Image, Moves};
use crate::spec::Reference;

/// Where an image is published to: what the command line says, else the Matrix.
pub(super) fn repositories(
    question: &Question<'_>,
    image: &Image,
    rendering: &Rendering<'_>,
) -> Result<Vec<String>, PlanError> {
    let overrides = &question.overrides.repositories;
    let templates = if overrides.is_empty() {
        &image.repositories
    } else {
        overrides
    };
    templates
        .iter()
        .map(|template| {
            let repository = rendering.text(template)?;
            // `Reference` reads a text without a registry as Docker Hub's; a tag or digest has no place here.
            let fits = repository.parse::<Reference>().is_ok_and(|reference| {
                reference.digest().is_none()
                    && !repository
                        .rsplit('/')
                        .next()
                        .is_some_and(|last| last.contains(':'))
            });
            if fits {
                Ok(repository)
            } else {
                Err(PlanError::Repository {
                    image: image.name.clone(),
                    repository: without_userinfo(&repository),
                })
            }
        })
        .collect()
}

/// A text that may be a URL, without a password that may stand in it.
fn without_userinfo(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) if !rest.starts_with("sha256:") => format!("...@{rest}"),
        _ => text.to_owned(),
    }
}

/// Its tags: what the command line says, else the Matrix.
pub(super) fn tags(
    question: &Question<'_>,
    image: &Image,
    rendering: &Rendering<'_>,
) -> Result<Vec<PlannedTag>, PlanError> {
    let given = question
        .overrides
        .tags
        .iter()
        .map(|template| (template.as_str(), Moves::Always));
    let declared = image.tags.iter().map(|rule| (rule.template.as_str(), rule.moves));
    let rules: Vec<_> = if question.overrides.tags.is_empty() {
        declared.collect()
    } else {
        given.collect()
    };
    // The tag that nobody asked for: without a version there is none.
    if let ([("{version}", _)], None) = (rules.as_slice(), rendering.version) {
        return Ok(Vec::new());
    }
    rules
        .into_iter()
        .map(|(template, moves)| {
            // `+` is legal in a version and not in a tag.
            let name = rendering.text(template)?.replace('+', "-");
            let mut bytes = name.bytes();
            let first = bytes
                .next()
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let rest = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
            if first && rest && name.len() <= 128 {
                Ok(PlannedTag { name, moves })
            } else {
                Err(PlanError::Tag {
                    image: image.name.clone(),
                    tag: name,
                })
            }
        })
        .collect()
}

/// The highest version that a tag on HEAD names.
pub(super) fn tagged_version(git: Option<&Git>) -> Option<String> {
    let tags = git?.tags.iter();
    let versions = tags.filter_map(|tag| semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok());
    versions.max().map(|version| version.to_string())
}

/// A bare version tag on the commit that is another version than Cargo.toml's: one of the two is wrong.
pub(super) fn check_version_tag(
    image: &Image,
    package: &Package,
    git: Option<&Git>,
) -> Result<(), PlanError> {
    let version = |tag: &&String| semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok();
    let tags: Vec<&String> = git
        .iter()
        .flat_map(|git| &git.tags)
        .filter(|tag| version(tag).is_some())
        .collect();
    let agrees = |tag: &&&String| version(tag).is_some_and(|version| version.to_string() == package.version);
    match tags.first() {
        Some(tag) if !tags.iter().any(|tag| agrees(&tag)) => Err(PlanError::VersionTag {
            image: image.name.clone(),
            version: package.version.clone(),
            tag: (*tag).clone(),
        }),
        _ => Ok(()),
    }
}
