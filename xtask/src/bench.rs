//! `cargo xtask bench`: packing and publishing beside other people's tools; writes `docs/performance.md`.

use std::fs;

use anyhow::{Result, bail};

use crate::step::{Step, root};

/// Measures; the arguments are `xtask/bench/run.py`'s own (`--size`, `--plats`, `--reps`).
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    Step::line("cargo build --release --locked").run()?;
    let work = root().join("target/bench");
    fs::create_dir_all(&work)?;
    let scripts = root().join("xtask/bench");
    let inputs = work.join("inputs");
    let shown = inputs.display().to_string();
    if !inputs.join("bin").exists() {
        Step::new(scripts.join("inputs"), ["bins", &shown]).run()?;
    }
    let mut peers = vec!["gantry"];
    peers.extend(
        ["skopeo", "buildah", "crane"]
            .into_iter()
            .filter(|tool| Step::new(*tool, ["--version"]).holds()),
    );
    if peers.len() == 1 {
        bail!("nothing to measure against: `cargo xtask setup` installs skopeo and buildah");
    }
    let rows = work.join("rows.jsonl");
    let _ = fs::remove_file(&rows);
    let options = [
        "--peers",
        &peers.join(","),
        "--inputs",
        &shown,
        "--base",
        "scratch",
        "--ops",
        "A,B,C,D",
    ];
    let to = ["--out", &rows.display().to_string()];
    let measure = options
        .into_iter()
        .chain(to)
        .chain(arguments.iter().map(String::as_str));
    Step::new(scripts.join("run.py"), measure)
        .env("GANTRY", root().join("target/release/cargo-gantry"))
        .run()?;
    let table = Step::new(scripts.join("table.py"), [rows.display().to_string()]).output()?;
    let date = Step::line("date -u +%F").output()?;
    let cpus = Step::line("nproc").output()?;
    let system = Step::line("uname -sm").output()?;
    let text = format!(
        "# Performance\n\nMeasured {} by `cargo xtask bench` on {}, {} CPUs, a registry on loopback. Ratios, requests \
         and memory say more than seconds do.\n\nA: publish into an empty repository. B: the same again. C: one \
         program changed. D: an OCI layout on disk.\n\n{table}",
        date.trim(),
        system.trim(),
        cpus.trim()
    );
    fs::write(root().join("docs/performance.md"), text)?;
    Ok(())
}
