//! `cargo xtask toolchains`: builds five programs for each platform with each linker that is here, runs them, and
//! writes what became of them to `docs/toolchains.md`.
//!
//! Every cell is one `cargo gantry build` with the linker forced, as a user would do it; what was built is looked at
//! with readelf and run in its image's own root by nothing of ours. Cells are kept under `target/toolchains` as they
//! are done, so that it goes on where it was stopped.

mod cell;
mod grid;
mod ground;
mod page;
mod reason;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::step::{Step, root, say, target};
use cell::Record;
use grid::Cell;

const USAGE: &str = "toolchains [--only WORD,WORD...] [--again] [--page]

  --only linux/arm64,ring,zig   cells that have all of these: platform, triple, C library, program, linker
  --again                       cells that are done already, too
  --page                        builds nothing, writes the page of what is known";

/// Builds what is not built yet, and writes the page.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut only: Vec<&str> = Vec::new();
    let (mut again, mut build) = (false, true);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--only" => only.extend(rest.next().context(USAGE)?.split(',')),
            "--again" => again = true,
            "--page" => build = false,
            other => bail!("no argument `{other}`: {USAGE}"),
        }
    }
    fs::create_dir_all(work().join("cells"))?;
    let cells = grid::cells();
    if let Some(word) = only
        .iter()
        .find(|word| !cells.iter().any(|cell| cell.words().contains(word)))
    {
        bail!("no cell has `{word}`: {USAGE}");
    }
    let wanted = |cell: &&Cell| only.iter().all(|word| cell.words().contains(word));
    if build {
        Step::line("cargo build --locked").run()?;
        // A copy: the same command to the end, whatever is compiled meanwhile.
        fs::copy(target().join("debug/cargo-gantry"), command())?;
        let cells: Vec<&Cell> = cells.iter().filter(wanted).collect();
        for (number, cell) in cells.iter().enumerate() {
            if again || Record::read(cell).is_none() {
                say(format_args!("{} of {}: {cell}", number + 1, cells.len()));
                let record = cell::measure(cell)?;
                say(format_args!("{}", record.shown()));
                record.write(cell)?;
                cell::chosen(cell.triple, cell.program, again)?;
            }
        }
    }
    page::write(&cells)
}

/// Where everything of this chore lies.
fn work() -> PathBuf {
    target().join("toolchains")
}

/// The command that all cells are built with.
fn command() -> PathBuf {
    work().join("cargo-gantry")
}

/// The programs' own workspace.
fn programs() -> PathBuf {
    root().join("xtask/toolchains")
}
