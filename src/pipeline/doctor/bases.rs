//! What lies elsewhere: bases, and the registries that images are published to.

use std::collections::BTreeMap;

use super::Known;
use crate::base::{Bases, Mode};
use crate::doctor::{self, Check};
use crate::matrix::{Base, Matrix};
use crate::pipeline::{Error, Gantry, Request, ground};
use crate::plan::{self, Plan};
use crate::registry::{Client, Repository};

/// What is known of each base on each of its platforms, and a check for each.
pub(super) async fn look(
    gantry: &Gantry,
    request: &Request,
    known: &Known,
    client: &Client,
) -> Result<(plan::Bases, Vec<Check>), Error> {
    let lock = ground::lock_file(gantry, request, &known.directory);
    let open = |locked: bool| {
        let mode = Mode {
            locked,
            offline: request.offline || request.frozen,
        };
        let client = client.clone().through_mirrors();
        let directory = known.directory.clone();
        Bases::open(client, gantry.tools.environment(), lock.clone(), directory, mode)
    };
    let locked = request.locked || request.frozen;
    let (mut facts, mut checks) = (plan::Bases::new(), Vec::new());
    for (name, platforms) in plan::bases(&known.matrix) {
        for platform in platforms {
            let one = std::slice::from_ref(&platform);
            // What the lock file says is known without asking anybody.
            let (answer, pinned) = match open(true)?.facts(&name, one).await {
                Ok(found) => (Ok(found), true),
                Err(_) => (open(false)?.facts(&name, one).await, false),
            };
            let found = match answer.map(|found| found.into_iter().next()) {
                Ok(found) => {
                    let digest = found.as_ref().map(|found| found.manifest.to_string());
                    let digest = digest.unwrap_or_default();
                    facts.extend(found.map(|found| ((name.clone(), platform.clone()), found)));
                    match pinned {
                        true => doctor::Base::Pinned(digest),
                        false => doctor::Base::Unpinned(digest),
                    }
                }
                Err(error) => {
                    let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
                    doctor::Base::Gap(doctor::said(&error), help)
                }
            };
            checks.push(doctor::base(&name, &platform.to_string(), &found, locked));
        }
    }
    Ok((facts, checks))
}

/// The matrix without the platforms of whose base nothing is known: what they need cannot be told.
pub(super) fn known_only(mut matrix: Matrix, facts: &plan::Bases) -> Matrix {
    let unnamed = std::iter::once(&mut matrix.unnamed);
    for image in matrix.images.iter_mut().chain(unnamed) {
        image.platforms.retain(|settings| match &settings.base {
            Base::Image(name) => facts.contains_key(&(name.clone(), settings.platform.clone())),
            _ => true,
        });
    }
    matrix
}

/// The registries that images are published to, each asked once, and who we are there.
pub(super) async fn registries(client: &Client, plan: Option<&Plan>) -> Vec<Check> {
    let mut repositories: BTreeMap<Repository, Vec<String>> = BTreeMap::new();
    for image in plan.iter().flat_map(|plan| &plan.images) {
        for text in &image.repositories {
            if let Ok(reference) = crate::spec::reference(text) {
                let why = repositories.entry(Repository::from(&reference)).or_default();
                why.push(format!("image `{}`, which is published there", image.name));
            }
        }
    }
    let mut checks: Vec<Check> = Vec::new();
    for (repository, why) in repositories {
        for check in doctor::repository(client, &repository, &why).await {
            match checks.iter_mut().find(|known| known.subject == check.subject) {
                Some(known) => known.why.extend(check.why),
                None => checks.push(check),
            }
        }
    }
    checks
}
