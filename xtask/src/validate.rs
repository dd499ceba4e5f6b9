//! `cargo xtask validate`: one image held against the specification and against other people's tools.

use anyhow::Result;

use crate::step::{Step, root};

/// Checks an image of a registry or a layout; the rest are the script's own options.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let script = root().join("xtask/interop/validate-image").display().to_string();
    // The system's Python: the JSON schema module is installed for that one.
    let python = if std::path::Path::new("/usr/bin/python3").exists() {
        "/usr/bin/python3"
    } else {
        "python3"
    };
    Step::new(python, std::iter::once(&script).chain(arguments)).run()
}
