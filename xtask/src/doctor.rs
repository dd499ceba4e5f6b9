//! `cargo xtask doctor`: what `cargo gantry doctor` tells on a bare machine, followed to the letter there.
//!
//! The machine is a root of Debian made by mmdebstrap, with gcc and rustup and nothing more. The project in
//! `xtask/doctor/project` needs much more. Every command that is printed is run in that root as it stands; then the
//! doctor must be content, and the build must pass.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::bases;
use crate::step::{Step, root, say, target};

const BASE: &str = "debian-bookworm-slim";

/// Follows each command, or with `--at-once` the one line for all; `--keep` leaves the root for a look around.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if let Some(other) = arguments
        .iter()
        .find(|name| !["--at-once", "--keep"].contains(&name.as_str()))
    {
        bail!("no argument `{other}`: doctor [--at-once] [--keep]");
    }
    Step::line("cargo build --locked").run()?;
    bases::run(&["--only".to_owned(), BASE.to_owned()])?;
    let machine = Machine::make()?;
    let followed = follow(&machine, has("--at-once"));
    if !has("--keep") {
        fs::remove_dir_all(&machine.root)?;
    }
    followed
}

fn follow(machine: &Machine, at_once: bool) -> Result<()> {
    let lines = machine.doctor()?;
    let gaps = of(&lines, "doctor").filter(|check| check["status"] == "missing");
    ensure!(gaps.clone().count() > 0, "nothing is missing on a bare machine");
    let mut commands: Vec<&str> = Vec::new();
    for check in of(&lines, "doctor").filter(|check| check["status"] != "ok") {
        let (subject, status) = (text(&check["subject"]), text(&check["status"]));
        say(format_args!("{status}: {subject}"));
        let command = check["command"].as_str();
        ensure!(command.is_some() || status == "warning", "{subject}: no command");
        commands.extend(command.filter(|command| !commands.contains(command)));
    }
    if at_once {
        let last = of(&lines, "diagnosed").next().context("no last line")?;
        commands = vec![last["command"].as_str().context("no line for all at once")?];
    }
    for command in commands {
        machine.enter(command).run()?;
    }
    let left = machine.doctor()?;
    let left = of(&left, "doctor").filter(|check| check["status"] == "missing");
    let left: Vec<&str> = left.map(|check| text(&check["subject"])).collect();
    ensure!(left.is_empty(), "still missing: {}", left.join(", "));
    machine.enter("cargo gantry build").run()?;
    say("doctor: every command was followed, and the build passed");
    Ok(())
}

fn of<'l>(lines: &'l [Value], reason: &'l str) -> impl Iterator<Item = &'l Value> + Clone {
    lines.iter().filter(move |line| line["reason"] == reason)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A bare machine in a folder.
struct Machine {
    root: PathBuf,
}

impl Machine {
    fn make() -> Result<Self> {
        let root = target().join("bare-machine");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root)?;
        bases::bare(&root, &["gcc", "libc6-dev", "ca-certificates"])?;
        let cargo = root.join("root/.cargo");
        install_rust(&root, &cargo)?;
        fs::copy(
            target().join("debug/cargo-gantry"),
            cargo.join("bin/cargo-gantry"),
        )?;
        let project = root.join("project");
        copy(&crate::step::root().join("xtask/doctor/project"), &project)?;
        copy(&target().join("gantry-bases").join(BASE), &project.join("base"))?;
        Ok(Self { root })
    }

    /// A line for a shell, as one types it there.
    fn enter(&self, line: &str) -> Step {
        let script = root().join("xtask/doctor/enter.sh");
        Step::new(
            "sh",
            [
                &script.display().to_string(),
                &self.root.display().to_string(),
                line,
            ],
        )
    }

    /// What the doctor says; it may find gaps.
    fn doctor(&self) -> Result<Vec<Value>> {
        let said = self
            .enter("cargo gantry doctor --quiet --message-format json || [ $? = 4 ]")
            .output()?;
        let lines = said.lines().map(serde_json::from_str);
        lines
            .collect::<Result<_, _>>()
            .context("the doctor's lines are no JSON")
    }
}

/// The same rustup and release as here, with the standard library of the host alone.
fn install_rust(root: &Path, cargo: &Path) -> Result<()> {
    let version = Step::line("rustc --version").output()?;
    let version = version
        .split(' ')
        .nth(1)
        .context("rustc does not say its version")?;
    let bin = cargo.join("bin");
    fs::create_dir_all(&bin)?;
    let rustup = Step::new("sh", ["-c", "command -v rustup"]).output()?;
    fs::copy(rustup.trim(), bin.join("rustup"))?;
    for proxy in ["cargo", "rustc"] {
        std::os::unix::fs::symlink("rustup", bin.join(proxy))?;
    }
    for line in [
        format!("rustup toolchain install {version} --profile minimal --no-self-update"),
        format!("rustup default {version}"),
    ] {
        Step::line(&line)
            .env("RUSTUP_HOME", root.join("root/.rustup"))
            .env("CARGO_HOME", cargo)
            .run()?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let paths = [from, to].map(|path| path.display().to_string());
    Step::new("cp", ["-r", &paths[0], &paths[1]]).run()
}
