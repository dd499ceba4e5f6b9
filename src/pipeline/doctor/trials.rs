//! Whether programs of each platform could be started here: asked of an empty root, as a trial asks it of a full one.

use super::Known;
use super::compilers::users;
use crate::doctor::{self, Check};
use crate::pipeline::{Error, Gantry, workplace};
use crate::plan::{Plan, PlannedImage};
use crate::spec::Platform;
use crate::target::{Catalog, Target};
use crate::trial::{Scene, Stage};

/// Checks whatever starts programs of the planned platforms.
pub(super) fn look(gantry: &Gantry, known: &Known, plan: &Plan) -> Result<Vec<Check>, Error> {
    let (tools, system) = (&gantry.tools, &known.system);
    // Where a build would set up roots, as far as there is such a folder: none is made for it.
    let store = workplace::store(&known.project);
    let there = store.ancestors().find(|folder| folder.is_dir());
    let folder = there.unwrap_or(&known.project.root);
    let refused = |target: Option<&Target>, platform: &Platform| -> Result<Option<String>, Error> {
        let scene = Scene {
            layers: Vec::new(),
            platform,
            config: &serde_json::Value::Null,
            target,
        };
        match Stage::set(tools, folder, &scene) {
            Ok(set) => Ok(set.err().map(|reason| reason.why)),
            Err(error) if tools.cancelled() => Err(error.into()),
            // A folder that cannot be written, say: nothing else is less known for it.
            Err(error) => Ok(Some(error.to_string())),
        }
    };
    let catalog = Catalog::builtin();
    let mut triples: Vec<&str> = plan
        .images
        .iter()
        .flat_map(|image| &image.platforms)
        .map(|platform| platform.triple.as_str())
        .collect();
    triples.sort_unstable();
    triples.dedup();
    let targets: Vec<&Target> = triples
        .iter()
        .filter_map(|triple| catalog.by_triple(triple))
        .collect();
    let Some(first) = targets.first() else {
        return Ok(Vec::new());
    };
    let here = refused(None, &first.platform)?;
    let required = requires(plan.images.iter());
    let entered = doctor::root(here.as_deref(), required, tools, system);
    let mut checks = vec![entered.needed_by(&users(plan, |_| true))];
    let mut platforms: Vec<&Platform> = Vec::new();
    for target in targets {
        if platforms.contains(&&target.platform) {
            continue;
        }
        platforms.push(&target.platform);
        let why = refused(Some(target), &target.platform)?;
        // What holds everything back is told once.
        if why.is_some() && why == here {
            continue;
        }
        let of = |image: &&PlannedImage| image.platforms.iter().any(|of| of.platform == target.platform);
        let required = requires(plan.images.iter().filter(of));
        let check = doctor::emulator(target, why.as_deref(), required, system);
        checks.push(check.needed_by(&users(plan, |platform| platform.platform == target.platform)));
    }
    Ok(checks)
}

/// Whether a program that cannot be tried fails the build.
fn requires<'p>(mut images: impl Iterator<Item = &'p PlannedImage>) -> bool {
    images.any(|image| image.smoke.as_ref().is_some_and(|smoke| smoke.required))
}
