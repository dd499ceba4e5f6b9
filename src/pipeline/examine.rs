//! Whether what was laid over a base runs there: the fit check of one image on one platform.

use std::collections::{BTreeMap, BTreeSet};

use super::lay::{Laid, Placed};
use super::prepare::Prepared;
use super::{Error, Gantry, convert};
use crate::event::Event;
use crate::fit::{self, Finding};
use crate::plan::{Maker, PlannedBinary, PlannedImage, PlannedPlatform};
use crate::target::Libc;

/// What was found in one image, for one platform.
pub(super) type Found = (String, Vec<Finding>);

pub(super) fn examine(
    prepared: &Prepared,
    (image, platform): (&PlannedImage, &PlannedPlatform),
    binaries: &[Placed],
    laid: &Laid,
    config: &serde_json::Value,
) -> Result<Vec<Finding>, Error> {
    let programs: Vec<String> = binaries.iter().map(|placed| placed.dest.clone()).collect();
    let target = prepared.catalog.triple(&platform.triple)?;
    let static_glibc = match target.libc == Libc::Gnu && platform.glibc.is_none() {
        true => platform
            .binaries
            .iter()
            .filter(|binary| matches!(binary.maker, Maker::Cargo { .. }))
            .map(|binary| binary.dest.clone())
            .collect(),
        false => BTreeSet::new(),
    };
    Ok(fit::check(&fit::Question {
        platform: &platform.platform,
        base: &platform.base,
        catalog: &prepared.catalog,
        tree: &laid.tree,
        // What is ours was put there entry by entry.
        base_layers: Some(laid.tree.layers()),
        config,
        programs: &programs,
        crates: &crates(prepared, platform),
        static_glibc: &static_glibc,
        levels: &convert::levels(&image.checks),
    }))
}

/// The crates that are linked into each of the programs that cargo makes, by the paths of these.
pub(super) fn crates(prepared: &Prepared, platform: &PlannedPlatform) -> BTreeMap<String, BTreeSet<String>> {
    let linked = |binary: &PlannedBinary| {
        let Maker::Cargo { package, .. } = &binary.maker else {
            return None;
        };
        let mut linked = prepared
            .links
            .iter()
            .filter(|linked| linked.triple == platform.triple);
        let crates = linked.find_map(|linked| linked.crates.get(package))?;
        Some((binary.dest.clone(), crates.clone()))
    };
    platform.binaries.iter().filter_map(linked).collect()
}

impl Gantry {
    /// Tells findings, and stops where one is denied.
    pub(super) fn judge(&self, found: &[Found]) -> Result<(), Error> {
        for (image, findings) in found {
            for finding in findings {
                self.observer.event(&Event::Finding {
                    image,
                    platform: &finding.platform,
                    check: finding.check.name(),
                    denied: finding.is_denied(),
                    subject: &finding.subject,
                    message: &finding.message,
                    needed: finding.needed.as_deref(),
                    found: finding.found.as_deref(),
                    help: finding.help.as_deref(),
                });
            }
        }
        let denied = found
            .iter()
            .flat_map(|(image, findings)| Unfit::among(image, findings));
        let denied: Vec<Unfit> = denied.collect();
        if denied.is_empty() {
            Ok(())
        } else {
            Err(Error::unfit(denied, true))
        }
    }
}

impl Error {
    /// What was found stops something: of `ours`, which has a matrix, or of somebody else.
    pub fn unfit(findings: Vec<Unfit>, ours: bool) -> Self {
        let switch =
            "nothing was published; a check that is wrong here is switched off with `checks` in gantry.toml";
        Self::Unfit {
            help: ours.then(|| switch.to_owned()),
            findings,
        }
    }
}

/// A finding that stops the build.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{image} on {}: {}: {}", finding.platform, finding.subject, finding.message)]
#[non_exhaustive]
pub struct Unfit {
    /// The image.
    pub image: String,
    /// What was found.
    pub finding: Finding,
}

impl Unfit {
    /// Those of an image's findings that stop the build.
    pub fn among(image: &str, findings: &[Finding]) -> Vec<Self> {
        let denied = findings.iter().filter(|finding| finding.is_denied());
        let unfit = |finding: &Finding| Self {
            image: image.to_owned(),
            finding: finding.clone(),
        };
        denied.map(unfit).collect()
    }
}

impl miette::Diagnostic for Unfit {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(format!(
            "gantry::fit::{}",
            self.finding.check.name().replace('-', "_")
        )))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let help = self.finding.help.as_ref()?;
        Some(Box::new(help))
    }
}

/// The message over all findings.
pub(super) fn unfit(count: usize) -> String {
    match count {
        1 => "an image would not run".to_owned(),
        count => format!("images would not run: {count} findings"),
    }
}
