//! Which compilers a plan uses: recorded in the lock file where the matrix pins them.

use super::prepare::Linked;
use super::{Error, Gantry};
use crate::base::{CompilerPart, CompilerVersions};
use crate::build::toolchain::Toolchain;
use crate::plan::{ForeignUnit, Plan};
use crate::project::Project;
use crate::tool::{Call, ToolError};

/// The compilers that are here, of each triple that `plan` builds for.
pub(super) fn here(
    gantry: &Gantry,
    project: &Project,
    plan: &Plan,
    toolchain: &Toolchain,
    links: &[Linked],
) -> Result<CompilerVersions, Error> {
    let mut here = CompilerVersions::default();
    for target in plan.units.iter().flat_map(|unit| &unit.targets) {
        here.add(&target.triple, CompilerPart::Rustc, &rustc(toolchain));
    }
    for linked in links {
        // `rust-lld` says nothing of itself: it is a part of rustc.
        let identity = linked.choice.identity.as_deref().unwrap_or(&linked.choice.shown);
        here.add(&linked.triple, CompilerPart::Linker, identity);
    }
    let go = plan.foreign.iter().filter_map(|unit| match unit {
        ForeignUnit::Go(unit) => Some(&unit.targets),
        _ => None,
    });
    let triples: Vec<&str> = go.flatten().map(|target| target.triple.as_str()).collect();
    if !triples.is_empty() {
        let call = Call::new("go").args(["env", "GOVERSION"]).dir(&project.root);
        // Where there is none, the build says so, and what to do.
        let version = match gantry.tools.run(&call) {
            Err(ToolError::NotFound { .. }) => String::new(),
            said => said?.text(),
        };
        for triple in triples {
            here.add(triple, CompilerPart::Go, &version);
        }
    }
    Ok(here)
}

/// `1.95.0 (59807616e1fa)`.
fn rustc(toolchain: &Toolchain) -> String {
    let version = toolchain.version().unwrap_or_default();
    match toolchain.commit() {
        Some(commit) => format!("{version} ({})", commit.get(..12).unwrap_or(commit)),
        None => version.to_owned(),
    }
}
