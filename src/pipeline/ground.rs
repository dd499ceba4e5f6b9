//! Bases resolved for the plan: what images stand on.

use std::path::{Path, PathBuf};

use super::{Access, Error, Gantry, Request, publish};
use crate::base::{BUILTIN, Bases, Mode};
use crate::event::Stage;
use crate::matrix::{Base, Matrix, ToolchainRule};
use crate::plan;

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
    bases.keep_layers(purpose == Purpose::Build && request.keeps_bases());
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
