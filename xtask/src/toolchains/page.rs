//! The page: what is written by hand stays, what is below the mark is made anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use super::cell::{Record, kept_choice};
use super::grid::{Cell, PROGRAMS, TRIPLES};
use crate::step::{Step, root, say};

const MARK: &str = "<!-- made by cargo xtask toolchains -->";

/// Writes `docs/toolchains.md` below its mark.
pub(crate) fn write(cells: &[Cell]) -> Result<()> {
    let path = root().join("docs/toolchains.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|_| format!("# Toolchains\n\n{MARK}\n"));
    let (by_hand, _) = page
        .split_once(MARK)
        .with_context(|| format!("docs/toolchains.md has no line `{MARK}`"))?;
    let table = Table::of(cells);
    fs::write(path, format!("{by_hand}{MARK}\n\n{}", table.text()?))?;
    say("written: docs/toolchains.md");
    Ok(())
}

#[derive(Default)]
struct Table {
    rows: String,
    /// Reasons in the order in which they are met; a number in the table is a place here.
    reasons: Vec<String>,
    /// Cells by how far they came.
    stages: BTreeMap<String, usize>,
}

impl Table {
    fn of(cells: &[Cell]) -> Self {
        let mut table = Self::default();
        for triple in TRIPLES {
            for linker in triple.linkers() {
                let of_row = |cell: &&Cell| cell.triple.name() == triple.name() && cell.linker == linker;
                let row: Vec<&Cell> = cells.iter().filter(of_row).collect();
                let shown: Vec<String> = row.iter().map(|cell| table.cell(cell)).collect();
                let linker = if linker == "auto" {
                    "the system's `cc`"
                } else {
                    linker
                };
                let tool = row.iter().filter_map(|cell| Record::read(cell));
                let tool = tool.map(|record| record.tool).rfind(|tool| !tool.is_empty());
                let _ = writeln!(
                    table.rows,
                    "| {} | {} | {linker} | {} | {} |",
                    triple.platform,
                    triple.libc,
                    tool.unwrap_or_else(|| "-".to_owned()),
                    shown.join(" | ")
                );
            }
        }
        table
    }

    fn cell(&mut self, cell: &Cell) -> String {
        let Some(record) = Record::read(cell) else {
            *self.stages.entry("unknown".to_owned()).or_default() += 1;
            return "not measured yet".to_owned();
        };
        *self.stages.entry(record.stage.clone()).or_default() += 1;
        let number = |table: &mut Self| {
            let known = table.reasons.iter().position(|reason| *reason == record.reason);
            let place = known.unwrap_or_else(|| {
                table.reasons.push(record.reason.clone());
                table.reasons.len() - 1
            });
            place + 1
        };
        let shown = match record.stage.as_str() {
            "ran" => format!("ok, {}", facts(&record)),
            "run" => format!("built, {}; does not run ({})", facts(&record), number(self)),
            "elf" => format!("built wrong ({})", number(self)),
            "compile" => format!("does not build ({})", number(self)),
            "link" => format!("refused ({})", number(self)),
            _ => format!("no std ({})", number(self)),
        };
        let chosen = kept_choice(cell.triple, cell.program);
        if !chosen.is_empty() && chosen == record.tool {
            format!("**{shown}**")
        } else {
            shown
        }
    }

    fn text(&self) -> Result<String> {
        let of = |stage: &str| self.stages.get(stage).copied().unwrap_or_default();
        let mut text = format!(
            "## What works\n\nThe linker of each cell was forced by `linker = \"...\"` in a matrix. Of {} cells {} were built \
             and ran, {} were built\nand did not, {} did not build, {} were refused, and for {} there is no standard library.\n",
            self.stages.values().sum::<usize>(),
            of("ran"),
            of("run") + of("elf"),
            of("compile"),
            of("link"),
            of("std")
        );
        if of("unknown") > 0 {
            let _ = writeln!(text, "{} are not measured yet.", of("unknown"));
        }
        let _ = write!(text, "\n{LEGEND}\n{}\n", versions()?);
        let programs: Vec<&str> = PROGRAMS.iter().map(|program| program.shown).collect();
        let columns = programs.len() + 4;
        let _ = writeln!(
            text,
            "| platform | C library | linker | as a plan shows it | {} |\n|{}\n{}",
            programs.join(" | "),
            " --- |".repeat(columns),
            self.rows
        );
        let _ = writeln!(text, "### The reasons\n\n`TRIPLE` is that of the row.\n");
        for (place, reason) in self.reasons.iter().enumerate() {
            let _ = writeln!(
                text,
                "{}. {}",
                place + 1,
                reason.replace('|', "\\|").replace('<', "&lt;")
            );
        }
        Ok(text)
    }
}

/// How it is linked, in short: `static`, or `glibc 2.34, libgcc_s`.
fn facts(record: &Record) -> String {
    let Some(dynamic) = record.facts.strip_prefix("dynamic ") else {
        return record.facts.clone();
    };
    let names = dynamic
        .split(' ')
        .map(|word| word.split(".so").next().unwrap_or(word));
    format!("glibc {}", names.collect::<Vec<_>>().join(", "))
}

const LEGEND: &str = "\
- **ok**: built, the ELF promise kept (machine, class, flags and ABI as the target's sheet says, static or not as asked,
  checked by the command and once more with readelf), and run to its last line inside its image's own root, without this
  machine's files: foreign ones under qemu-user. Then how it is linked; of dynamic ones the newest version of glibc that
  the program asks for, and the libraries that it needs besides.
- **bold**: what is taken for this program where the matrix says nothing.
- _refused_: this linker cannot do it, said before anything is compiled. _does not build_: a compiler or linker failed.
  _no std_: Rust's standard library for the triple cannot be installed here. The number is that of the reason below.
- musl programs are on the built-in base `static`, as are those with glibc linked statically, which stands where `static`
  falls back to it; dynamic ones on Debian 12's libc6, libgcc-s1 and libstdc++6 (Debian 13's for riscv64).
- The programs are in `xtask/toolchains`, compiled without optimisation. Each does a round trip and checks it: threads
  and unwinding; hash, cipher and signature with ring and with AWS-LC; a database and its compression; C++ strings,
  streams and exceptions.
";

fn versions() -> Result<String> {
    let mut text = String::from("Measured with ");
    let mut all = Vec::new();
    for (name, words) in [
        ("", "rustc --version"),
        ("zig ", "zig version"),
        ("gcc ", "aarch64-linux-gnu-gcc -dumpfullversion"),
        ("", "clang --version"),
        ("", "ld.lld --version"),
        ("", "qemu-aarch64-static --version"),
    ] {
        let said = Step::line(words).output().unwrap_or_default();
        let line = said.lines().next().unwrap_or("not here").trim();
        all.push(format!("{name}{line}"));
    }
    text.push_str(&all.join(", "));
    let today = Step::line("date -u +%Y-%m-%d").output()?;
    let _ = writeln!(text, ", on {}.", today.trim());
    Ok(text)
}
