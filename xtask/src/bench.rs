//! `cargo xtask bench`: packing and publishing beside other people's tools; writes `docs/performance.md`.

use std::fs;

use anyhow::{Result, bail};

use crate::step::{Step, root, say};

/// Adapters in `xtask/bench/peers` with the programs that each needs.
const PEERS: &[(&str, &[&str])] = &[
    ("buildah", &["buildah"]),
    ("umoci-skopeo", &["umoci", "skopeo"]),
    ("skopeo", &["umoci", "skopeo"]),
    ("crane", &["crane"]),
];

/// Measures; the arguments are `xtask/bench/run.py`'s own (`--sizes`, `--reps`).
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let tools = tools()?;
    Step::line("cargo build --release --locked").run()?;
    let command = root().join("target/release/cargo-gantry");
    let work = root().join("target/bench");
    fs::create_dir_all(&work)?;
    let scripts = root().join("xtask/bench");
    let programs = work.join("programs");
    if !programs.exists() {
        // Under another name until it is whole.
        let unfinished = work.join("programs.new");
        Step::new(scripts.join("inputs"), [unfinished.display().to_string()]).run()?;
        fs::rename(unfinished, &programs)?;
    }
    let rows = work.join("rows.jsonl").display().to_string();
    let programs = programs.display().to_string();
    let options = ["--tools", &tools, "--programs", &programs, "--out", &rows];
    let options = options.into_iter().chain(arguments.iter().map(String::as_str));
    Step::new(scripts.join("run.py"), options)
        .env("GANTRY", &command)
        .run()?;
    let text = Step::new(scripts.join("report.py"), [rows])
        .env("GANTRY", &command)
        .output()?;
    fs::write(root().join("docs/performance.md"), text)?;
    say("written: docs/performance.md");
    Ok(())
}

/// The adapters that can be used here, ours first.
fn tools() -> Result<String> {
    let installed = |program: &&str| Step::new("which", [*program]).holds();
    if !installed(&"docker-registry") {
        bail!("docker-registry is missing: `cargo xtask setup` installs it");
    }
    let mut tools = vec!["gantry", "gantry-cargo"];
    for (tool, programs) in PEERS {
        match programs.iter().find(|program| !installed(program)) {
            Some(missing) => say(format_args!("without {tool}: {missing} is not installed")),
            None => tools.push(tool),
        }
    }
    if tools.len() == 2 {
        bail!("nothing to measure against: `cargo xtask setup` installs skopeo, umoci and buildah");
    }
    Ok(tools.join(","))
}
