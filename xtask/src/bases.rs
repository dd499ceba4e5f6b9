//! `cargo xtask bases`: real base images as OCI layouts, made of Debian's packages by mmdebstrap.
//!
//! In: the recipes in `xtask/bases`, and the mirror and keys that this machine's apt uses. Out: a layout per base under
//! `target/gantry-bases`, made once and again when its recipe changes. No program of a package is run, so that every
//! architecture is made on any; nothing of this machine, its mirror's name included, must get into an image.

mod layout;
mod recipe;
mod root;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use recipe::RECIPES;
pub(crate) use recipe::{Part, Platform, Recipe, platform};

use crate::step::{Step, say, target};

/// Makes what is missing: all of them, or `--only NAME`, under `--into DIR`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut only = Vec::new();
    let mut into = folder();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("{argument} needs a value: bases [--only NAME] [--into DIR]"));
        match argument.as_str() {
            "--only" => only.push(value?.clone()),
            "--into" => into = std::env::current_dir()?.join(value?),
            other => bail!("no argument `{other}`: bases [--only NAME] [--into DIR]"),
        }
    }
    if let Some(name) = only.iter().find(|name| !RECIPES.iter().any(|r| r.name == **name)) {
        let names: Vec<_> = RECIPES.iter().map(|recipe| recipe.name).collect();
        bail!("no base `{name}`; there are {}", names.join(", "));
    }
    fs::create_dir_all(&into)?;
    for recipe in RECIPES {
        let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
        let copied = RECIPES
            .iter()
            .any(|copy| copy.copy_of == Some(recipe.name) && wanted(copy.name));
        if wanted(recipe.name) || copied {
            made(recipe, &into).with_context(|| format!("base {}", recipe.name))?;
        }
    }
    Ok(())
}

/// A root of Debian in an empty folder, with what is essential there and these packages, as its apt installs them.
pub(crate) fn bare(folder: &Path, packages: &[&str]) -> Result<()> {
    root::bare(folder, packages, &root::Mirror::of_this_machine("bookworm")?)
}

/// Where the layouts lie; `tests/support/bases.rs` looks there.
fn folder() -> PathBuf {
    target().join("gantry-bases")
}

/// Nothing is visible under its name before it is whole: the layout is moved there, and the stamp written last.
pub(crate) fn made(recipe: &Recipe, into: &Path) -> Result<()> {
    let layout = into.join(recipe.name);
    let stamp = into.join(format!("{}.recipe", recipe.name));
    let digest = recipe.digest()?;
    if layout.join("index.json").exists() && fs::read_to_string(&stamp).is_ok_and(|text| text == digest) {
        return Ok(());
    }
    let begun = Instant::now();
    let work = into.join(format!("{}.{}", recipe.name, std::process::id()));
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let result = make(recipe, &work, into, &layout);
    let _ = fs::remove_dir_all(&work);
    result?;
    fs::write(stamp, digest)?;
    say(format_args!(
        "base {}: {:.0} s",
        recipe.name,
        begun.elapsed().as_secs_f32()
    ));
    Ok(())
}

fn make(recipe: &Recipe, work: &Path, into: &Path, layout: &Path) -> Result<()> {
    let fresh = work.join("layout");
    match recipe.copy_of {
        Some(original) => layout::as_docker(&into.join(original), &fresh)?,
        None => {
            let mirror = root::Mirror::of_this_machine(recipe.suite)?;
            let images = std::thread::scope(|scope| {
                let threads: Vec<_> = recipe
                    .platforms
                    .iter()
                    .map(|platform| {
                        let (mirror, fresh) = (&mirror, &fresh);
                        scope.spawn(move || -> Result<_> {
                            let mut layers = Vec::new();
                            for (number, part) in recipe.parts.iter().enumerate() {
                                let tar = work.join(format!("{}-{number}.tar", platform.debian));
                                root::make(part, platform, mirror, &tar)?;
                                layers.push(layout::layer(fresh, &tar)?);
                                fs::remove_file(tar)?;
                            }
                            layout::image(fresh, recipe, platform, &layers)
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread ended early")))
                    .collect::<Result<Vec<_>>>()
            })?;
            layout::index(&fresh, images)?;
        }
    }
    let _ = fs::remove_dir_all(layout);
    Ok(fs::rename(fresh, layout)?)
}

/// SHA-256 of a file, in hexadecimal.
fn sha256(file: &Path) -> Result<String> {
    let said = Step::new("sha256sum", [file.display().to_string()]).output()?;
    let (digest, _) = said.split_once(' ').context("sha256sum said nothing")?;
    Ok(digest.to_owned())
}
