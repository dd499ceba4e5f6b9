//! What images stand on: bases resolved for the plan, and before packing their configs and trees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::prepare::Prepared;
use super::workplace::Workplace;
use super::{Access, Error, Gantry, Request, blocking, publish};
use crate::base::{BUILTIN, BaseImage, Bases, Mode, Origin};
use crate::event::Stage;
use crate::matrix::{Base, Matrix, ToolchainRule};
use crate::plan::{self, PlannedImage, PlannedPlatform};
use crate::rootfs::Tree;
use crate::spec::Platform;

/// What one image stands on, for one platform.
#[derive(Clone)]
pub(super) struct Ground {
    /// The merged tree of the base; empty where the base is ours.
    pub tree: Arc<Tree>,
    /// The base; none where it is ours.
    pub image: Option<BaseImage>,
}

/// Every base that is stood on, by name and platform.
pub(super) struct Grounds(BTreeMap<(String, Platform), Ground>);

impl Grounds {
    /// What a platform of the plan stands on.
    pub(super) fn of(&self, platform: &PlannedPlatform) -> &Ground {
        &self.0[&key(platform)]
    }
}

fn key(platform: &PlannedPlatform) -> (String, Platform) {
    (platform.base.clone(), platform.platform.clone())
}

/// What bases are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be told of: nothing is written.
    Plan,
    /// To hold programs against them.
    Check,
    /// To build on them.
    Build,
}

/// The bases of a project, and what the plan needs to know of them. None where no image starts from a base, none ever did,
/// and no compiler is pinned: then neither the network nor the user's cache is of interest.
pub(super) async fn resolve(
    gantry: &Gantry,
    request: &Request,
    matrix: &Matrix,
    (directory, lock): (&Path, &Path),
    purpose: Purpose,
) -> Result<(Option<Bases>, plan::Bases), Error> {
    let wanted = plan::bases(matrix);
    let mut facts = plan::Bases::new();
    let pins = matrix.toolchain == ToolchainRule::Pinned;
    if wanted.is_empty() && !lock.exists() && !pins {
        return Ok((None, facts));
    }
    let mut bases = open(gantry, request, directory, lock)?;
    if uses_builtin(matrix) {
        bases.builtin()?;
    }
    bases.keep_layers(purpose == Purpose::Build && !request.to_publish);
    for (name, platforms) in &wanted {
        let _span = gantry.span(Stage::Base, name);
        for found in bases.facts(name, platforms).await? {
            facts.insert((name.clone(), found.platform.clone()), found);
        }
    }
    if purpose != Purpose::Plan {
        bases.save(&used(matrix))?;
    }
    Ok((Some(bases), facts))
}

/// The names of all bases of a matrix.
pub(super) fn used(matrix: &Matrix) -> Vec<String> {
    let images = plan::bases(matrix).into_iter().map(|(name, _)| name);
    let builtin = uses_builtin(matrix).then(|| BUILTIN.to_owned());
    images.chain(builtin).collect()
}

fn uses_builtin(matrix: &Matrix) -> bool {
    let mut platforms = matrix.declared().iter().flat_map(|image| &image.platforms);
    platforms.any(|settings| settings.base == Base::Static)
}

pub(super) fn open(
    gantry: &Gantry,
    request: &Request,
    directory: &Path,
    lock: &Path,
) -> Result<Bases, Error> {
    let access = Access {
        plain_http: request.plain_http.clone(),
        login: None,
    };
    let client = publish::client(gantry, &access, None)?.through_mirrors();
    let mode = Mode {
        locked: request.locked || request.frozen,
        offline: request.offline || request.frozen,
    };
    let environment = gantry.tools.environment();
    Ok(Bases::open(
        client,
        environment,
        lock.to_owned(),
        directory.to_owned(),
        mode,
    )?)
}

/// The lock file of a matrix: `gantry.lock` beside `gantry.toml`.
pub(super) fn lock_file(gantry: &Gantry, request: &Request, directory: &Path) -> PathBuf {
    match &request.matrix {
        Some(matrix) => gantry.absolute(matrix).with_extension("lock"),
        None => directory.join("gantry.lock"),
    }
}

/// Whether something of it is started here, for which the base's layers must be at hand.
fn starts_something(image: &PlannedImage, platform: &PlannedPlatform) -> bool {
    image.smoke.is_some() || platform.binaries.iter().any(|binary| binary.finish.upx.is_some())
}

/// Opens the place where a plan is carried out, and reads configs and trees of the bases that it stands on. With `keep`
/// their layers come into the store; those of a layout on this machine always do, since no registry has them.
pub(super) async fn prepare(
    gantry: &Gantry,
    prepared: &Arc<Prepared>,
    keep: bool,
) -> Result<(Workplace, Grounds), Error> {
    let place = {
        let (gantry, prepared) = (gantry.clone(), Arc::clone(prepared));
        blocking(move || Workplace::open(&gantry, &prepared.project)).await?
    };
    let (bases, store) = (prepared.bases.as_ref(), &place.store);
    let mut grounds = BTreeMap::new();
    let platforms = prepared.plan.images.iter().flat_map(|image| {
        let platforms = image.platforms.iter();
        platforms.map(move |platform| (platform, starts_something(image, platform)))
    });
    for (platform, starts) in platforms {
        let key = key(platform);
        if let Some(Ground {
            image: Some(image), ..
        }) = grounds.get(&key)
            && let (true, Some(bases)) = (starts, bases)
        {
            bases.fetch(image, store).await?;
        }
        if grounds.contains_key(&key) {
            continue;
        }
        let ground = match (bases, &platform.base_facts) {
            (Some(bases), Some(facts)) => {
                let _span = gantry.span_on(Stage::Base, &platform.platform, &platform.base);
                let image = bases.image(facts).await?;
                if keep || starts || matches!(image.origin, Origin::Layout(_)) {
                    bases.fetch(&image, store).await?;
                }
                Ground {
                    tree: bases.tree(&image).await?,
                    image: Some(image),
                }
            }
            _ => Ground {
                tree: Arc::default(),
                image: None,
            },
        };
        grounds.insert(key, ground);
    }
    Ok((place, Grounds(grounds)))
}
