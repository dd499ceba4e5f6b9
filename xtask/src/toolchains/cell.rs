//! One cell: built by the real command, looked at with readelf, run in its image's own root.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::grid::{Cell, GNU, Program, Triple};
use super::{ground, programs, reason, work};
use crate::run_image;
use crate::setup::has_std;
use crate::step::Step;

/// What became of a cell, as it is kept.
#[derive(Debug)]
pub(crate) struct Record {
    /// How far it came: `std`, `link`, `compile`, `elf`, `run` are where it stopped; `ran` is all of it.
    pub(crate) stage: String,
    /// Why it stopped there.
    pub(crate) reason: String,
    /// The linker as the plan shows it.
    pub(crate) tool: String,
    /// How it is linked, and the newest glibc that it asks for.
    pub(crate) facts: String,
}

impl Record {
    pub(crate) fn read(cell: &Cell) -> Option<Self> {
        let kept: Value = serde_json::from_slice(&fs::read(place(cell)).ok()?).ok()?;
        let text = |key: &str| Some(kept[key].as_str()?.to_owned());
        Some(Self {
            stage: text("stage")?,
            reason: text("reason")?,
            tool: text("tool")?,
            facts: text("facts")?,
        })
    }

    pub(crate) fn write(&self, cell: &Cell) -> Result<()> {
        let kept =
            json!({"stage": self.stage, "reason": self.reason, "tool": self.tool, "facts": self.facts});
        let unfinished = work().join("unfinished");
        fs::write(&unfinished, kept.to_string())?;
        Ok(fs::rename(unfinished, place(cell))?)
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} {} {} {}", self.stage, self.tool, self.facts, self.reason)
    }

    fn stopped(stage: &str, reason: String) -> Self {
        Self {
            stage: stage.to_owned(),
            reason,
            tool: String::new(),
            facts: String::new(),
        }
    }
}

fn place(cell: &Cell) -> PathBuf {
    let name = format!(
        "{}.{}.{}.json",
        cell.triple.name(),
        cell.program.package,
        cell.linker
    );
    work().join("cells").join(name)
}

/// Builds and runs it. An error is one of this chore; what the tools refuse is a record.
pub(crate) fn measure(cell: &Cell) -> Result<Record> {
    let triple = cell.triple;
    if !has_std(triple.triple) {
        return Ok(Record::stopped("std", reason::no_std(triple.triple)));
    }
    let tool = match planned(triple, cell.program, cell.linker)? {
        Ok(tool) => tool,
        Err(why) => return Ok(Record::stopped("link", why)),
    };
    let layout = work().join("image");
    let _ = fs::remove_dir_all(&layout);
    let image = format!("oci:{}", layout.display());
    let built = gantry("build", triple, cell.program, cell.linker, &["-o", &image])?;
    let with = |stage: &str, reason: String, facts: String| Record {
        tool: tool.clone(),
        facts,
        ..Record::stopped(stage, reason)
    };
    if !built.status.success() {
        let (stage, why) = reason::of_build(&built, triple.triple);
        // A full disk says nothing of a linker.
        ensure!(!why.contains("No space left on device"), "{why}");
        return Ok(with(stage, why, String::new()));
    }
    let facts = match looked_at(cell)? {
        Ok(facts) => facts,
        Err(why) => return Ok(with("elf", why, String::new())),
    };
    let ran = run_image::tried(&image, triple.full)?;
    if ran.status.success() && ran.stdout == b"OK\n" {
        return Ok(with("ran", String::new(), facts));
    }
    Ok(with("run", reason::of_run(&ran), facts))
}

/// Whether a plan says of it now what it said when it was measured.
pub(crate) fn stands(cell: &Cell, record: &Record) -> Result<bool> {
    if !has_std(cell.triple.triple) {
        return Ok(record.stage == "std");
    }
    Ok(match planned(cell.triple, cell.program, cell.linker)? {
        Ok(tool) => record.tool == tool,
        Err(why) => record.stage == "link" && record.reason == why,
    })
}

/// Finds the linker that is chosen where none is forced, unless that is known.
pub(crate) fn chosen(triple: &Triple, program: &Program, again: bool) -> Result<()> {
    if !again && choice(triple, program).exists() {
        return Ok(());
    }
    let tool = match has_std(triple.triple) {
        true => planned(triple, program, "auto")?.unwrap_or_default(),
        false => String::new(),
    };
    Ok(fs::write(choice(triple, program), tool)?)
}

/// What [`chosen`] found; empty if nothing could be.
pub(crate) fn kept_choice(triple: &Triple, program: &Program) -> String {
    fs::read_to_string(choice(triple, program)).unwrap_or_default()
}

fn choice(triple: &Triple, program: &Program) -> PathBuf {
    let name = format!("{}.{}.chosen", triple.name(), program.package);
    work().join("cells").join(name)
}

/// The linker as a plan shows it, or why there is none.
fn planned(triple: &Triple, program: &Program, linker: &str) -> Result<Result<String, String>> {
    let said = gantry("plan", triple, program, linker, &[])?;
    if !said.status.success() {
        return Ok(Err(reason::of_build(&said, triple.triple).1));
    }
    let text = String::from_utf8_lossy(&said.stdout);
    let plan: Value = serde_json::from_str(text.lines().last().context("no plan")?)?;
    let shown = plan["units"][0]["targets"][0]["link"]["shown"].as_str();
    Ok(Ok(shown.context("a plan without a linker")?.to_owned()))
}

/// The command, with a matrix of this one cell.
fn gantry(verb: &str, triple: &Triple, program: &Program, linker: &str, more: &[&str]) -> Result<Output> {
    let matrix = work().join("cell.toml");
    let (platform, name, base) = (triple.platform, program.package, ground::base(triple)?);
    let text = format!(
        "schema = 1\n\
         [image.cell]\n\
         binaries  = [{{ binary = \"{name}\", package = \"{name}\" }}]\n\
         platforms = [\"{platform}\"]\n\
         base      = \"{base}\"\n\
         profile   = \"toolchains\"\n\
         [platform.\"{platform}\"]\n\
         target = \"{}\"\n\
         linker = \"{linker}\"\n",
        triple.triple
    );
    fs::write(&matrix, text)?;
    let manifest = programs().join("Cargo.toml").display().to_string();
    let matrix = matrix.display().to_string();
    let mut words = vec!["gantry", verb, "--message-format", "json"];
    words.extend(["--manifest-path", &manifest, "--matrix", &matrix]);
    words.extend(more);
    let step = Step::new(super::command(), words)
        .directory(&programs())
        .env("CARGO_TARGET_DIR", work().join("build"));
    Ok(step.into_command().output()?)
}

/// How it is linked, or what is not as promised. The command has held it against its target already; this is
/// another reader's word.
fn looked_at(cell: &Cell) -> Result<Result<String, String>> {
    let triple = cell.triple;
    let file = work().join("build").join(triple.triple).join("toolchains");
    let file = file.join(cell.program.package).display().to_string();
    let elf = Step::new("readelf", ["-hldVW", &file]).output()?;
    let field = |name: &str| {
        let line = elf.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let header = triple.header;
    for (name, wanted) in [
        ("Class:", header.class),
        ("Data:", header.data),
        ("Machine:", header.machine),
        ("Flags:", header.flags),
    ] {
        let found = field(name);
        if !found.contains(wanted) {
            return Ok(Err(format!("{name} {found} instead of {wanted}")));
        }
    }
    let interpreter = elf.contains("Requesting program interpreter");
    let pie = field("Type:").starts_with("DYN");
    let needs: Vec<&str> = elf
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    let kind = match (interpreter || !needs.is_empty(), pie) {
        (true, _) => "dynamic",
        (false, true) => "static-pie",
        (false, false) => "static",
    };
    if (kind == "dynamic") != (triple.libc == GNU) {
        return Ok(Err(format!("it is {kind}")));
    }
    let newest = elf
        .split("Name: GLIBC_")
        .skip(1)
        .filter_map(|text| {
            let version = text.split_whitespace().next()?;
            let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
            Some((numbers.next()??, numbers.next()??))
        })
        .max();
    let others: Vec<&str> = needs
        .into_iter()
        .filter(|name| !name.starts_with("libc.so") && !name.starts_with("ld"))
        .collect();
    let glibc = newest.map_or(String::new(), |(major, minor)| format!(" {major}.{minor}"));
    let others = others.into_iter().map(|name| format!(" {name}"));
    Ok(Ok(format!("{kind}{glibc}{}", others.collect::<String>())))
}
