//! `cargo xtask fit-debian [--packages N]`: the fit check held against programs that certainly run.
//!
//! In: the packages that this machine's apt knows. Out: a few hundred of them with all that they depend on, and what
//! `tests/fit_debian.rs` says of their programs: each finding is a false alarm. Nothing is installed, and nothing of
//! the packages is run.

mod archive;
mod closure;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use archive::Package;
use closure::Archive;

use crate::setup;
use crate::step::{Step, say, target};

/// Collects and checks.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let count = match arguments {
        [] => 300,
        [option, count] if option == "--packages" => count.parse().context("--packages N")?,
        _ => anyhow::bail!("fit-debian [--packages N]"),
    };
    collect(count, true)?;
    Step::line("cargo test --locked --test fit_debian -- --nocapture")
        .env("GANTRY_TEST_REQUIRE", "all")
        .run()
}

/// Chooses `count` packages, and brings them and what they depend on. With `companions` what they depend on is to be
/// looked at as they are themselves.
pub(crate) fn collect(count: usize, companions: bool) -> Result<()> {
    collected(count, companions).or_else(|error| {
        // Lists that are missing, or name what the mirror has no more, are the usual reason.
        say(format_args!("{error:#}; again with new lists"));
        setup::update_lists()?;
        collected(count, companions)
    })
}

fn collected(count: usize, companions: bool) -> Result<()> {
    let archive = Archive::new(archive::packages()?);
    let essential = archive.essential();
    let (chosen, left_out) = choose(&archive, count);
    for reason in &left_out {
        say(format_args!("left out: {reason}"));
    }
    let all: BTreeSet<&Package> = chosen
        .iter()
        .flat_map(|(_, closure)| closure)
        .chain(&essential)
        .copied()
        .collect();
    let companions = all.iter().filter(|package| companions && package.native);
    let closures: BTreeMap<&Package, BTreeSet<&Package>> = companions
        .filter_map(|package| Some((*package, archive.closure(package).ok()?)))
        .chain(chosen)
        .collect();
    let files =
        |packages: &BTreeSet<&Package>| packages.iter().map(|package| package.file()).collect::<Vec<_>>();
    let list = json!({
        "essential": files(&essential),
        "packages": closures.iter().map(|(package, closure)| json!({
            "package": package.name,
            "version": package.version,
            "file": package.file(),
            "closure": files(closure),
        })).collect::<Vec<_>>(),
    });
    say(format_args!(
        "{} packages to look at, {} left out, {} with what they depend on: {} MB",
        closures.len(),
        left_out.len(),
        all.len(),
        all.iter().map(|package| package.size).sum::<u64>() / 1_000_000
    ));
    download(&all)?;
    Ok(fs::write(folder().join("closures.json"), list.to_string())?)
}

/// Where the packages lie; `tests/fit_debian.rs` looks there.
fn folder() -> PathBuf {
    target().join("gantry-debian")
}

/// Where programs are rather than libraries, data and documentation.
const SECTIONS: &[&str] = &[
    "admin",
    "comm",
    "database",
    "devel",
    "editors",
    "electronics",
    "games",
    "graphics",
    "hamradio",
    "httpd",
    "interpreters",
    "mail",
    "math",
    "misc",
    "net",
    "news",
    "science",
    "shells",
    "sound",
    "tex",
    "text",
    "utils",
    "vcs",
    "video",
    "web",
    "x11",
];

/// Bytes of a package with all that it depends on: what is above takes long and shows nothing new.
const MOST: u64 = 150_000_000;

type Chosen<'a> = (&'a Package, BTreeSet<&'a Package>);

/// Every k-th package of those sections that has programs for this architecture linked against the C library, by
/// name, or the next that will do: nobody's taste. Also what would have been chosen, and why it was not.
fn choose(archive: &Archive, count: usize) -> (Vec<Chosen<'_>>, Vec<String>) {
    let candidates: Vec<&Package> = archive
        .packages()
        .filter(|package| {
            SECTIONS.contains(&package.section.as_str())
                && package.native
                && !package.name.ends_with("-dbg")
                && package.depends.iter().flatten().any(|name| name == "libc6")
        })
        .collect();
    let step = (candidates.len() / count.max(1)).max(1);
    let mut chosen = Vec::new();
    let mut left_out = Vec::new();
    for neighbours in candidates.chunks(step).take(count) {
        for &package in neighbours {
            let closure = archive.closure(package);
            let size = |closure: &BTreeSet<&Package>| closure.iter().map(|package| package.size).sum::<u64>();
            match closure {
                Err(missing) => left_out.push(format!("{}: nothing provides {missing}", package.name)),
                Ok(closure) if size(&closure) > MOST => {
                    let size = size(&closure) / 1_000_000;
                    left_out.push(format!("{}: {size} MB with all it needs", package.name));
                }
                Ok(closure) => {
                    chosen.push((package, closure));
                    break;
                }
            }
        }
    }
    (chosen, left_out)
}

/// What is not here yet. apt checks digests against the signed lists.
fn download(packages: &BTreeSet<&Package>) -> Result<()> {
    let into = folder().join("debs");
    fs::create_dir_all(&into)?;
    let whole = |package: &Package, folder: &Path| {
        fs::metadata(folder.join(package.file())).is_ok_and(|file| file.len() == package.size)
    };
    let missing: Vec<&Package> = packages
        .iter()
        .copied()
        .filter(|package| !whole(package, &into))
        .collect();
    for some in missing.chunks(100) {
        let names = some
            .iter()
            .map(|package| format!("{}={}", package.name, package.version));
        let options = ["-qq", "-o", "APT::Sandbox::User=root", "download"].map(str::to_owned);
        Step::new("apt-get", options.into_iter().chain(names))
            .directory(&into)
            .output()?;
    }
    let absent: Vec<String> = packages
        .iter()
        .filter(|package| !whole(package, &into))
        .map(|package| package.file())
        .collect();
    ensure!(absent.is_empty(), "not downloaded: {}", absent.join(" "));
    Ok(())
}
