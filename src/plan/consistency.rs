//! What images may not say, each by itself or together.

use std::collections::BTreeMap;

use super::{PlanError, PlannedTag};
use crate::matrix::{Base, Image, PlatformSettings, Provide};

/// The users of the built-in passwd.
const BUILTIN_USERS: [&str; 3] = ["root", "nobody", "nonroot"];

/// The second of two images (name, repositories, tags) with one tag would take it from the first.
pub(super) fn one_image_a_tag<'a>(
    images: impl Iterator<Item = (&'a str, &'a [String], &'a [PlannedTag])>,
) -> Result<(), PlanError> {
    let mut owners: BTreeMap<(String, &str), &str> = BTreeMap::new();
    for (name, repositories, tags) in images {
        for repository in repositories {
            // Of several spellings of one repository, the one that references have.
            let known = crate::spec::reference(repository);
            let known = known.map_or_else(
                |_| repository.clone(),
                |known| format!("{}/{}", known.registry(), known.repository()),
            );
            for tag in tags {
                let first = owners.insert((known.clone(), &tag.name), name);
                if let Some(first) = first.filter(|first| *first != name) {
                    return Err(PlanError::SameTag {
                        first: first.to_owned(),
                        second: name.to_owned(),
                        reference: format!("{repository}:{}", tag.name),
                    });
                }
            }
        }
    }
    Ok(())
}

/// That every name in `user` is known where the program starts. What `files` and a base that is an image bring is not
/// looked into: the finished image is checked.
pub(super) fn check_user(image: &Image, base: &Base, provide: &[Provide]) -> Result<(), PlanError> {
    let unknown = image.files.is_empty() && !matches!(base, Base::Image(_));
    let Some(user) = image.user.as_ref().filter(|_| unknown) else {
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

/// That no variable is given to compilers that we set by ourselves: it would be lost without a word.
pub(super) fn check_environment(image: &Image, settings: &PlatformSettings) -> Result<(), PlanError> {
    let instead = |name: &str| match name {
        "RUSTFLAGS" | "CARGO_ENCODED_RUSTFLAGS" => Some("`rustflags`"),
        "CARGO_BUILD_TARGET" => Some("`target`"),
        "CARGO_TARGET_DIR" | "CARGO_BUILD_TARGET_DIR" | "CARGO_BUILD_BUILD_DIR" => {
            Some("the variable around `cargo gantry`, or cargo's own configuration,")
        }
        // The compiler that was asked, and that the lock file records, would not be the one that compiles.
        "RUSTUP_TOOLCHAIN" | "RUSTC" | "CARGO_BUILD_RUSTC" => Some("a rust-toolchain.toml"),
        "CARGO_HOME" | "RUSTUP_HOME" => Some("the variable around `cargo gantry`"),
        name if name.starts_with("CARGO_") && name.ends_with("_RUSTFLAGS") => Some("`rustflags`"),
        name if name.starts_with("CARGO_PROFILE_") && name.ends_with("_STRIP") => Some("`strip`"),
        _ => None,
    };
    let mut found = settings
        .env
        .keys()
        .filter_map(|name| Some((name, instead(name)?)));
    match found.next() {
        None => Ok(()),
        Some((name, instead)) => Err(PlanError::Variable {
            image: image.name.clone(),
            platform: settings.platform.clone(),
            name: name.clone(),
            help: format!("use {instead} instead"),
        }),
    }
}
