//! What makes, strips, packs and starts programs, as the plan asks for it.

use std::fs;
use std::path::{Path, PathBuf};

use super::Known;
use super::compilers::users;
use crate::build::toolchain::Toolchain;
use crate::doctor::{self, Check, Need, Program};
use crate::pipeline::Gantry;
use crate::plan::{ForeignUnit, Plan, PlannedPlatform};
use crate::target::{Catalog, Target};

/// How much of a go.mod or a Cargo.lock is read.
const LIMIT: usize = 16 << 20;

/// Checks each program that the plan asks for.
pub(super) fn look(gantry: &Gantry, known: &Known, plan: &Plan, toolchain: &Toolchain) -> Vec<Check> {
    let (tools, system) = (&gantry.tools, &known.system);
    let mut checks = Vec::new();
    if !plan.units.is_empty() {
        let lock = read(&known.project.root.join("Cargo.lock"));
        // Members that are built here alone are seen by nobody before they are built.
        let required = lock.lines().any(|line| line.starts_with("source = "));
        checks.extend(doctor::host(toolchain, required, system));
    }
    let program = |program: Program<'_>| {
        let wanted = !program.why.is_empty();
        wanted.then(|| doctor::program(&program, tools, system))
    };
    let go = doctor::Go {
        why: made_by_go(plan),
        oldest: go_mod(known, plan),
    };
    if !go.why.is_empty() {
        checks.push(doctor::go(&go, tools, system));
    }
    for (name, why) in commands(plan) {
        checks.extend(program(Program {
            tool: &name,
            names: vec![name.clone()],
            need: Need::Program,
            required: true,
            why,
            without: "",
        }));
    }
    checks.extend(program(Program {
        tool: "upx",
        names: ["upx", "upx-ucl"].map(str::to_owned).to_vec(),
        need: Need::Program,
        required: true,
        why: users(plan, |platform| finishes(platform, |binary| binary.upx.is_some())),
        without: "",
    }));
    checks.extend(program(Program {
        tool: "llvm-objcopy",
        names: objcopies(plan, toolchain),
        need: Need::Program,
        required: true,
        why: users(plan, |platform| {
            finishes(platform, |binary| binary.strip.is_some())
        }),
        without: "",
    }));
    checks
}

fn finishes(platform: &PlannedPlatform, holds: impl Fn(&crate::plan::Finish) -> bool) -> bool {
    platform.binaries.iter().any(|binary| holds(&binary.finish))
}

fn made_by_go(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    for unit in &plan.foreign {
        if let ForeignUnit::Go(unit) = unit {
            names.extend(unit.binaries.keys().map(|name| format!("binary `{name}`")));
        }
    }
    names
}

/// The Go that the nearest go.mod of any package asks for.
/// <https://go.dev/ref/mod#go-mod-file-go>
fn go_mod(known: &Known, plan: &Plan) -> Option<(u32, u32)> {
    let units = plan.foreign.iter().filter_map(|unit| match unit {
        ForeignUnit::Go(unit) => Some(unit.binaries.values()),
        _ => None,
    });
    let asked = units.flatten().filter_map(|package| {
        let folder = known.directory.join(package);
        let mut files = folder.ancestors().map(|folder| folder.join("go.mod"));
        let text = read(&files.find(|file| file.is_file())?);
        let version = text.lines().find_map(|line| line.trim().strip_prefix("go "))?;
        let mut numbers = version.trim().split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    asked.max()
}

/// The programs of commands, each with the binaries that it makes.
fn commands(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let mut programs: Vec<(String, Vec<String>)> = Vec::new();
    for unit in &plan.foreign {
        let ForeignUnit::Command(unit) = unit else {
            continue;
        };
        for run in &unit.runs {
            // A path is of the project, and may be made on the way.
            let Some(name) = run
                .command
                .first()
                .filter(|name| Path::new(name).components().count() == 1)
            else {
                continue;
            };
            let makes = format!("binary `{}`", run.binary);
            match programs.iter_mut().find(|(known, _)| known == name) {
                Some((_, why)) if why.contains(&makes) => {}
                Some((_, why)) => why.push(makes),
                None => programs.push((name.clone(), vec![makes])),
            }
        }
    }
    programs
}

/// What may strip: rustc's own, LLVM's, and the targets'.
fn objcopies(plan: &Plan, toolchain: &Toolchain) -> Vec<String> {
    let own = toolchain.sysroot().zip(toolchain.host());
    let own = own.map(|(sysroot, host)| sysroot.join("lib/rustlib").join(host).join("bin"));
    let own = own.into_iter().flat_map(|folder: PathBuf| {
        ["llvm-objcopy", "rust-objcopy"].map(|name| folder.join(name).display().to_string())
    });
    let catalog = Catalog::builtin();
    let platforms = plan.images.iter().flat_map(|image| &image.platforms);
    let stripped = platforms.filter(|platform| finishes(platform, |binary| binary.strip.is_some()));
    let targets: Vec<&Target> = stripped
        .filter_map(|platform| catalog.by_triple(&platform.triple))
        .collect();
    let of = |target: &&Target| {
        let prefixes = [&target.gcc_prefix, &target.gnu_gcc_prefix];
        let names = prefixes
            .into_iter()
            .flatten()
            .map(|prefix| format!("{prefix}-objcopy"));
        names.collect::<Vec<_>>()
    };
    let versioned = (11..=30).rev().map(|version| format!("llvm-objcopy-{version}"));
    let general = std::iter::once("llvm-objcopy".to_owned()).chain(versioned);
    let mut names: Vec<String> = own.chain(general).collect();
    // A cross objcopy does for its own machine alone.
    if targets.windows(2).all(|pair| pair[0].arch == pair[1].arch) {
        names.extend(targets.first().iter().flat_map(|target| of(target)));
    }
    names
}

/// A file of the project; nothing if there is none.
fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..bytes.len().min(LIMIT)]).into_owned()
}
