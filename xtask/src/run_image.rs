//! `cargo xtask run-image`: one platform of an image, unpacked and run in its own root by nothing of ours.

use anyhow::Result;

use crate::step::{Step, root};

/// Runs the script with its own options.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    Step::new(script(), arguments).run()
}

/// What `--version` prints on one platform of a published image.
pub(crate) fn version(reference: &str, platform: &str) -> Result<String> {
    Step::new(script(), ["-p", platform, reference, "--version"]).output()
}

fn script() -> std::path::PathBuf {
    root().join("xtask/interop/run-image")
}
