//! What images may not say, each by itself or together.

use std::collections::BTreeMap;

use super::{PlanError, PlannedImage};
use crate::matrix::{Image, Provide};
use crate::spec::Reference;

/// The users of the built-in passwd.
const BUILTIN_USERS: [&str; 3] = ["root", "nobody", "nonroot"];

/// The second of two images with one tag would take it from the first.
pub(super) fn one_image_a_tag(images: &[PlannedImage]) -> Result<(), PlanError> {
    let mut owners: BTreeMap<(String, &str), &str> = BTreeMap::new();
    for image in images {
        for repository in &image.repositories {
            // Of several spellings of one repository, the one that references have.
            let known = repository.parse::<Reference>();
            let known = known.map_or_else(
                |_| repository.clone(),
                |known| format!("{}/{}", known.registry(), known.repository()),
            );
            for tag in &image.tags {
                let first = owners.insert((known.clone(), &tag.name), &image.name);
                if let Some(first) = first.filter(|first| *first != image.name) {
                    return Err(PlanError::SameTag {
                        first: first.to_owned(),
                        second: image.name.clone(),
                        reference: format!("{repository}:{}", tag.name),
                    });
                }
            }
        }
    }
    Ok(())
}

/// That every name in `user` is known where the program starts. What `files` bring is not looked into.
pub(super) fn check_user(image: &Image, provide: &[Provide]) -> Result<(), PlanError> {
    let Some(user) = image.user.as_ref().filter(|_| image.files.is_empty()) else {
        return Ok(());
    };
    let accounts = provide.contains(&Provide::Passwd) || !image.users.is_empty();
    let known = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_digit())
            || accounts && (BUILTIN_USERS.contains(&name) || image.users.contains_key(name))
    };
    match user.split(':').find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => Err(PlanError::UnknownUser {
            image: image.name.clone(),
            user: user.clone(),
            name: name.to_owned(),
        }),
    }
}
