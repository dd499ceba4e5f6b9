//! Which compilers a plan uses: recorded in the lock file where the matrix pins them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::prepare::Linked;
use super::{Error, Gantry};
use crate::base::{CompilerPart, CompilerVersions};
use crate::build;
use crate::build::toolchain::Toolchain;
use crate::plan::{ForeignUnit, GoUnit, Plan};
use crate::tool::Call;

/// The compilers that are here, of each triple that `plan` builds for. `directory` is the matrix's folder.
pub(super) fn here(
    gantry: &Gantry,
    directory: &Path,
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
    for unit in &plan.foreign {
        let ForeignUnit::Go(unit) = unit else { continue };
        for version in go(gantry, directory, unit)? {
            for target in &unit.targets {
                here.add(&target.triple, CompilerPart::Go, &version);
            }
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

/// The versions of Go that build a unit: a module may ask for one of its own, and so may the variables of the call. Where
/// there is no Go, the build says so, and what to do.
fn go(gantry: &Gantry, directory: &Path, unit: &GoUnit) -> Result<Vec<String>, Error> {
    let Some(program) = build::go_program(&gantry.tools) else {
        return Ok(Vec::new());
    };
    let folders: BTreeSet<PathBuf> = unit
        .binaries
        .values()
        .map(|package| folder(directory, package))
        .collect();
    let ask = |folder: PathBuf| {
        let mut call = Call::new(&program).args(["env", "GOVERSION"]).dir(folder);
        for (name, value) in &unit.settings.environment {
            call = call.var(name, value);
        }
        Ok(gantry.tools.run(&call)?.text())
    };
    folders.into_iter().map(ask).collect()
}

/// The folder of a package, from which go finds the package's module.
fn folder(directory: &Path, package: &str) -> PathBuf {
    let own = match package.starts_with('.') {
        true => directory.join(package),
        false => directory.to_owned(),
    };
    let found = own.ancestors().find(|folder| folder.is_dir());
    found.unwrap_or(directory).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_asked_in_its_own_folder() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path();
        std::fs::create_dir_all(directory.join("tool/cmd/x")).unwrap();
        std::fs::write(directory.join("tool/main.go"), "package main\n").unwrap();
        for (package, expected) in [
            ("./tool/cmd/x", "tool/cmd/x"),
            ("./tool/main.go", "tool"),
            ("./tool/cmd/none", "tool/cmd"),
            ("example.com/tool/cmd/x", ""),
            ("tool/cmd/x", ""),
        ] {
            let found = folder(directory, package);
            let expected = directory.join(expected);
            assert_eq!(found.components().collect::<PathBuf>(), expected, "{package}");
        }
    }
}
