//! `cargo xtask bench`: packing and publishing beside other people's tools; writes `docs/performance.md`.
//!
//! Without arguments every setting of the page is measured, which takes the better part of an hour. `bench growth` runs the criterion benches
//! and writes how they grow, `bench report` writes the page anew from what is there, and any other arguments are one
//! setting of `xtask/bench/run.py`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::step::{Step, root, say, target, tools};

/// Adapters in `xtask/bench/peers` with the programs that each needs.
const PEERS: &[(&str, &[&str])] = &[
    ("buildah", &["buildah"]),
    ("umoci-skopeo", &["umoci", "skopeo"]),
    ("skopeo", &["skopeo"]),
    ("crane", &["crane"]),
    ("crane-par", &["crane"]),
    ("oras", &["oras"]),
];

/// What the page shows, as arguments of `run.py`. The slow tools are left out where many platforms tell no more.
const PAGE: &[&str] = &[
    "--sizes 5,20,80 --platforms 2 --reps 3",
    "--sizes 20 --platforms 6 --reps 3",
    "--sizes 5,20,80 --platforms 2 --reps 3 --encoder gzip-1 --ops A,B,C,P",
    "--sizes 20 --platforms 2 --reps 3 --encoder zstd --ops A,B,C,P,D",
    "--sizes 5 --platforms 2,6 --reps 0 --delay-ms 20 --delay-reps 3 --no-count --ops A,B,C,P,E",
];

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let work = root().join("target/bench");
    fs::create_dir_all(&work)?;
    match arguments.first().map(String::as_str) {
        Some("report") => return report(&work),
        Some("growth") => return growth(&work, &arguments[1..]),
        _ => {}
    }
    let tools = available()?;
    Step::line("cargo build --release --locked").run()?;
    let inputs = inputs(&work)?;
    let rows = work.join("rows.jsonl");
    let page: Vec<String> = PAGE.iter().map(|&line| line.to_owned()).collect();
    let settings = match arguments {
        [] => page,
        _ => vec![arguments.join(" ")],
    };
    if arguments.is_empty() {
        limits(&inputs, &work)?;
        if rows.exists() {
            fs::rename(&rows, work.join("rows.before.jsonl"))?;
        }
    }
    for setting in settings {
        let mut measure = Step::new(
            scripts().join("run.py"),
            setting.split_whitespace().collect::<Vec<_>>(),
        );
        if !setting.contains("--tools") {
            measure = measure.argument("--tools").argument(&tools);
        }
        measure
            .argument("--inputs")
            .argument(&inputs.display().to_string())
            .argument("--out")
            .argument(&rows.display().to_string())
            .env("GANTRY", command())
            .run()?;
    }
    report(&work)
}

fn scripts() -> PathBuf {
    root().join("xtask/bench")
}

fn command() -> PathBuf {
    root().join("target/release/cargo-gantry")
}

/// What the same work costs at least here.
fn limits(inputs: &Path, work: &Path) -> Result<()> {
    Step::line("cargo bench --quiet --bench limits --")
        .argument(&inputs.display().to_string())
        .argument(&work.join("limits.jsonl").display().to_string())
        .run()
}

/// The criterion benches, and the table of how they grow. `arguments` are criterion's own (`--quick`).
fn growth(work: &Path, arguments: &[String]) -> Result<()> {
    for bench in ["pack", "tree", "plan"] {
        let words = ["bench", "--quiet", "--bench", bench, "--"].map(str::to_owned);
        Step::new("cargo", words.iter().chain(arguments)).run()?;
    }
    let figures = target().join("criterion").display().to_string();
    let text = Step::new(scripts().join("growth.py"), [figures]).output()?;
    fs::write(scripts().join("page/growth.md"), text)?;
    if work.join("rows.jsonl").exists() {
        report(work)?;
    }
    Ok(())
}

/// The page out of all that was measured.
fn report(work: &Path) -> Result<()> {
    let text = Step::new(scripts().join("report.py"), [work.display().to_string()])
        .env("GANTRY", command())
        .output()?;
    fs::write(root().join("docs/performance.md"), text)?;
    say("written: docs/performance.md");
    Ok(())
}

/// Programs and a base, made once.
fn inputs(work: &Path) -> Result<PathBuf> {
    let inputs = work.join("inputs");
    if !inputs.exists() {
        // Under another name until it is whole.
        let unfinished = work.join("inputs.new");
        Step::new(scripts().join("inputs"), [unfinished.display().to_string()]).run()?;
        fs::rename(unfinished, &inputs)?;
    }
    Ok(inputs)
}

/// The adapters that can be used here, ours first.
fn available() -> Result<String> {
    let installed = |program: &&str| Step::new("which", [*program]).holds();
    for needed in ["docker-registry", "skopeo", "python3"] {
        if !installed(&needed) {
            bail!("{needed} is missing: `cargo xtask setup` installs it");
        }
    }
    if ["crane", "oras"].iter().any(|program| !installed(program)) {
        let bin = tools().join("bin");
        if let Err(error) = Step::new(scripts().join("newer"), [bin.display().to_string()]).run() {
            say(error);
        }
    }
    let mut adapters = vec!["gantry", "gantry-cargo"];
    let mut without = Vec::new();
    for (tool, programs) in PEERS {
        match programs.iter().find(|program| !installed(program)) {
            Some(missing) => without.push(format!("{tool} ({missing} is not installed)")),
            None => adapters.push(tool),
        }
    }
    if !without.is_empty() {
        say(format_args!("WITHOUT {}", without.join(", ")));
    }
    Ok(adapters.join(","))
}
