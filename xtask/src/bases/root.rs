//! One root file system as a tar, from a suite of Debian.

use std::path::Path;

use anyhow::{Context, Result};

use super::recipe::{Part, Platform};
use crate::setup;
use crate::step::{Step, root};

/// Where this machine's apt gets Debian from. Signatures are checked with the keys of debian-archive-keyring.
#[derive(Debug)]
pub(crate) struct Mirror {
    suite: &'static str,
    line: String,
    options: Vec<String>,
}

impl Mirror {
    /// The same mirror, for a suite that this machine need not use itself.
    pub(crate) fn of_this_machine(suite: &'static str) -> Result<Self> {
        let mut uri = self::uri()?;
        if uri.is_none() {
            setup::update_lists()?;
            uri = self::uri()?;
        }
        let uri = uri.context("apt has no list of Debian's packages here")?;
        // How this machine reaches a mirror is in its settings of apt; mmdebstrap starts with none.
        let settings = Step::new("apt-config", ["dump"]).output()?;
        let wanted = ["Acquire::http", "Acquire::Check-Date", "Acquire::Retries"];
        let options = settings
            .lines()
            .filter(|line| wanted.iter().any(|wanted| line.starts_with(wanted)));
        Ok(Self {
            suite,
            line: format!("deb {uri} {suite} main"),
            options: options.map(str::to_owned).collect(),
        })
    }
}

fn uri() -> Result<Option<String>> {
    let format = ["indextargets", "--format", "$(REPO_URI)"];
    let debian = ["Created-By: Packages", "Origin: Debian", "Label: Debian"];
    let uris = Step::new("apt-get", format.iter().chain(&debian)).output()?;
    Ok(uris.lines().next().map(str::to_owned))
}

/// Makes the root of one layer and writes it to `tar`.
pub(crate) fn make(part: &Part, platform: &Platform, mirror: &Mirror, tar: &Path) -> Result<()> {
    let hook = |script: &str| {
        let script = root().join("xtask/bases").join(script);
        format!("sh '{}' \"$1\" {}", script.display(), platform.debian)
    };
    let mut step = Step::line(
        "mmdebstrap --quiet --variant=extract --skip=output/dev,cleanup/apt,cleanup/mmdebstrap --format=tar",
    );
    step = step.argument(&format!("--architectures={}", platform.debian));
    for package in part.packages {
        step = step.argument(&format!("--include={package}"));
    }
    for option in &mirror.options {
        step = step.argument(&format!("--aptopt={option}"));
    }
    if part.merged_usr {
        step = step.argument(&format!("--setup-hook={}", hook("merged-usr.sh")));
    }
    step = step.argument(&format!("--extract-hook={}", hook(part.script)));
    step.argument(mirror.suite)
        .argument(&tar.display().to_string())
        .argument(&mirror.line)
        // No time of today in the files that are made here.
        .env("SOURCE_DATE_EPOCH", "1735689600")
        .last()
}

/// Makes a root that one can work in.
pub(crate) fn bare(folder: &Path, packages: &[&str], mirror: &Mirror) -> Result<()> {
    let mut step = Step::line("mmdebstrap --quiet --variant=minbase");
    for package in packages {
        step = step.argument(&format!("--include={package}"));
    }
    for option in &mirror.options {
        step = step.argument(&format!("--aptopt={option}"));
    }
    step.argument(mirror.suite)
        .argument(&folder.display().to_string())
        .argument(&mirror.line)
        .run()
}
