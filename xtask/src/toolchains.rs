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

const USAGE: &str = "toolchains [--only WORD,WORD...] [--changed] [--again] [--page]

  --only linux/arm64,ring,zig   cells that have all of these: platform, triple, C library, program, linker
  --changed                     of the cells that are done, those too whose plan is another one now
  --again                       all cells that are done, too
  --page                        builds nothing, writes the page of what is known";

/// Builds what is not built yet, and writes the page.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut only: Vec<&str> = Vec::new();
    let (mut changed, mut again, mut build) = (false, false, true);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--only" => only.extend(rest.next().context(USAGE)?.split(',')),
            "--changed" => changed = true,
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
        // What dynamic programs start from is made here, and pinned anew where it was made anew.
        let _ = fs::remove_file(work().join("cell.lock"));
        let cells: Vec<&Cell> = cells.iter().filter(wanted).collect();
        let mut row = String::new();
        for (number, cell) in cells.iter().enumerate() {
            let done = match Record::read(cell) {
                Some(record) => !again && (!changed || cell::stands(cell, &record)?),
                None => false,
            };
            if !done {
                say(format_args!("{} of {}: {cell}", number + 1, cells.len()));
                let record = cell::measure(cell)?;
                say(format_args!("{}", record.shown()));
                record.write(cell)?;
            }
            let of = format!("{} {}", cell.triple.name(), cell.program.package);
            if of != row {
                cell::chosen(cell.triple, cell.program, again || changed)?;
                row = of;
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
