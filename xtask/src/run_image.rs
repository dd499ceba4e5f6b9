//! `cargo xtask run-image`: one platform of an image, unpacked and run in its own root by nothing of ours.

use std::process::Output;

use anyhow::{Context, Result};

use crate::step::{Step, root};

/// Runs the script with its own options.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    Step::new(script(), arguments).run()
}

/// What `--version` prints on one platform of a published image.
pub(crate) fn version(reference: &str, platform: &str) -> Result<String> {
    Step::new(script(), ["-p", platform, reference, "--version"]).output()
}

/// What becomes of its program, which has two minutes: a wrong emulation may go on for ever.
pub(crate) fn tried(reference: &str, platform: &str) -> Result<Output> {
    let script = script().display().to_string();
    let command = Step::new("timeout", ["120", &script, "-p", platform, reference]).into_command();
    let mut command = command;
    command.output().context("`timeout` does not start")
}

fn script() -> std::path::PathBuf {
    root().join("xtask/interop/run-image")
}
