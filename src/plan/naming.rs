//! The repositories that an image goes to, and the version that git says.

use super::rendering::Rendering;
use super::{Git, Package, PlanError, Question};
use crate::matrix::Image;
use crate::spec::version_of;

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
            let fits = crate::spec::reference(&repository).is_ok_and(|reference| {
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

/// The version of an image: that of its first cargo package, else of git's tags.
pub(super) fn version(first: Option<&Package>, git: Option<&Git>) -> Option<String> {
    match first {
        Some(package) => Some(package.version.clone()),
        None => tagged_version(git),
    }
}

/// The highest version that a tag on HEAD names.
fn tagged_version(git: Option<&Git>) -> Option<String> {
    let tags = git?.tags.iter();
    let versions = tags.filter_map(|tag| version_of(tag));
    versions.max().map(|version| version.to_string())
}

/// A bare version tag on the commit that is another version than Cargo.toml's: one of the two is wrong.
pub(super) fn check_version_tag(
    image: &Image,
    package: &Package,
    git: Option<&Git>,
) -> Result<(), PlanError> {
    let tags: Vec<&String> = git
        .iter()
        .flat_map(|git| &git.tags)
        .filter(|tag| version_of(tag).is_some())
        .collect();
    let agrees =
        |tag: &&&String| version_of(tag).is_some_and(|version| version.to_string() == package.version);
    match tags.first() {
        Some(tag) if !tags.iter().any(|tag| agrees(&tag)) => Err(PlanError::VersionTag {
            image: image.name.clone(),
            version: package.version.clone(),
            tag: (*tag).clone(),
        }),
        _ => Ok(()),
    }
}
