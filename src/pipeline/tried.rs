//! Programs really started before anything leaves this machine: the image's own, and those that UPX packed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::build;
use super::compile::Spot;
use super::pack::Packer;
use super::prepare::Prepared;
use super::stand::Ground;
use super::{Error, Gantry, lay, workplace};
use crate::blob::BlobStore;
use crate::event::{self, Event};
use crate::image::LayerPart;
use crate::plan::{PlannedImage, PlannedPlatform};
use crate::spec::{Descriptor, Digest, Platform};
use crate::trial::{LayerFile, Limits, Scene, Stage, Verdict};

/// An image that did not start.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{image} on {platform}: {how}{}", shown(output))]
#[non_exhaustive]
pub struct Failure {
    /// The image.
    pub image: String,
    /// The platform.
    pub platform: Platform,
    /// How it failed, or why it could not be tried.
    pub how: String,
    /// The first part of what it wrote.
    pub output: String,
}

impl miette::Diagnostic for Failure {}

/// Tries the image's program with the arguments that the matrix gives for it, if it gives some.
pub(super) fn smoke(
    gantry: &Gantry,
    prepared: &Prepared,
    store: &BlobStore,
    ground: &Ground,
    (image, platform): (&PlannedImage, &PlannedPlatform),
    layers: &[LayerPart],
) -> Result<Option<Verdict>, Error> {
    let Some(smoke) = &image.smoke else {
        return Ok(None);
    };
    let _span = gantry.span_of(event::Stage::Trial, (image, platform), &smoke.args.join(" "));
    let config = build::config(image, platform, ground)?;
    let target = prepared.catalog.triple(&platform.triple)?;
    let scene = Scene {
        layers: files(store, ground, layers),
        platform: &platform.platform,
        config: &config,
        target: Some(target),
    };
    let verdict = match Stage::set(&gantry.tools, &folder(prepared), &scene)? {
        Ok(stage) => stage.smoke(&smoke.args, &Limits::default())?,
        Err(reason) => Verdict::NotTried { why: reason.why },
    };
    Ok(Some(verdict))
}

/// Whether nothing that a trial showed stands against an image.
pub(super) fn stands(image: &PlannedImage, verdict: Option<&Verdict>) -> bool {
    match verdict {
        None | Some(Verdict::Passed) => true,
        Some(Verdict::Failed { .. }) => false,
        Some(Verdict::NotTried { .. }) => !image.smoke.as_ref().is_some_and(|smoke| smoke.required),
    }
}

/// Tells what came of the trials, and stops where one failed, or where one that is required could not be made.
pub(super) fn judge<'a>(
    gantry: &Gantry,
    prepared: &Prepared,
    tried: impl Iterator<Item = (Spot, Option<&'a Verdict>)>,
) -> Result<(), Error> {
    let mut failures = Vec::new();
    for ((image, platform), verdict) in tried {
        let Some(verdict) = verdict else { continue };
        let image = &prepared.plan.images[image];
        let platform = &image.platforms[platform].platform;
        let (word, why, output) = match verdict {
            Verdict::Passed => ("passed", None, None),
            Verdict::Failed { how, output } => ("failed", Some(how), Some(output)),
            Verdict::NotTried { why } => ("not-tried", Some(why), None),
        };
        gantry.observer.event(&Event::Tried {
            image: &image.name,
            platform,
            verdict: word,
            why: why.map(String::as_str),
            output: output.map(String::as_str),
        });
        let how = match verdict {
            _ if stands(image, Some(verdict)) => continue,
            Verdict::Failed { how, .. } => how.clone(),
            Verdict::NotTried { why } => format!("it must be tried, and cannot be here: {why}"),
            Verdict::Passed => continue,
        };
        failures.push(Failure {
            image: image.name.clone(),
            platform: platform.clone(),
            how,
            output: output.cloned().unwrap_or_default(),
        });
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Error::Smoke { failures }),
    }
}

/// The layers of an image as files, lowest first; those of its base lie in the store as well.
fn files(store: &BlobStore, ground: &Ground, layers: &[LayerPart]) -> Vec<LayerFile> {
    let of_base = ground.image.iter().flat_map(|base| &base.layers);
    let of_base = of_base.map(|layer| file(store, &layer.descriptor));
    let ours = layers.iter().map(|layer| LayerFile {
        path: store.path(&layer.digest),
        media_type: layer.media_type.clone(),
    });
    of_base.chain(ours).collect()
}

/// A layer that lies in the store.
pub(super) fn file(store: &BlobStore, layer: &Descriptor) -> LayerFile {
    let digest = Digest::try_from(layer.digest()).expect("a digest that was read or made before");
    LayerFile {
        path: store.path(&digest),
        media_type: layer.media_type().clone(),
    }
}

/// Where roots are set up.
pub(super) fn folder(prepared: &Prepared) -> PathBuf {
    workplace::store(&prepared.project).join("roots")
}

/// An image's root before its programs are in it, where packed ones are started once before they are taken.
pub(super) struct Rehearsal<'a> {
    gantry: &'a Gantry,
    prepared: &'a Prepared,
    packer: &'a Packer<'a>,
    ground: &'a Ground,
    of: (&'a PlannedImage, &'a PlannedPlatform),
    /// Set up when it is first needed: what was accepted once is not started again.
    stage: OnceLock<Result<Stage, String>>,
}

impl<'a> Rehearsal<'a> {
    pub(super) fn new(
        gantry: &'a Gantry,
        prepared: &'a Prepared,
        packer: &'a Packer<'a>,
        ground: &'a Ground,
        of: (&'a PlannedImage, &'a PlannedPlatform),
    ) -> Self {
        Self {
            gantry,
            prepared,
            packer,
            ground,
            of,
            stage: OnceLock::new(),
        }
    }

    /// Starts a packed program at its place in the image; what cannot be started here is not shipped unseen.
    pub(super) fn starts(&self, packed: &Path, dest: &str) -> Result<(), String> {
        let _span = self.gantry.span_of(event::Stage::Trial, self.of, dest);
        let stage = self.stage.get_or_init(|| match self.set() {
            Ok(stage) => stage,
            Err(error) => Err(whole(&error)),
        });
        let stage = stage.as_ref().map_err(Clone::clone)?;
        match stage.start_program(packed, dest, &Limits::default()) {
            Ok(Verdict::Passed) => Ok(()),
            Ok(Verdict::Failed { how, .. }) => Err(how),
            Ok(Verdict::NotTried { why }) => Err(why),
            Err(error) => Err(whole(&error)),
        }
    }

    fn set(&self) -> Result<Result<Stage, String>, Error> {
        let (image, platform) = self.of;
        let config = build::config(image, platform, self.ground)?;
        let user = config["config"]["User"].as_str().unwrap_or_default();
        let collected = lay::collected(platform, &self.prepared.directory)?;
        let laid = lay::lay(platform, &[], self.ground, collected, user)?;
        let layers = self
            .packer
            .below_programs(image, platform, &laid, &*self.ground.tree()?)?;
        let scene = Scene {
            layers: files(self.packer.store, self.ground, &layers),
            platform: &platform.platform,
            config: &config,
            target: Some(self.prepared.catalog.triple(&platform.triple)?),
        };
        let stage = Stage::set(&self.gantry.tools, &folder(self.prepared), &scene)?;
        Ok(stage.map_err(|reason| reason.why))
    }
}

/// An error with its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What a program wrote, without what a terminal would act upon.
fn shown(output: &str) -> String {
    let plain = |c: char| match c.is_control() && !['\n', '\t'].contains(&c) {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    match output.trim_end() {
        "" => String::new(),
        output => format!("; it wrote:\n{}", output.chars().map(plain).collect::<String>()),
    }
}

/// The message over all failures.
pub(super) fn not_started(failures: usize) -> String {
    match failures {
        1 => "an image does not start".to_owned(),
        failures => format!("{failures} images do not start"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_terminal_is_told_nothing() {
        for (output, expected) in [
            (" \n", ""),
            ("a\tb\nc\n", "; it wrote:\na\tb\nc"),
            ("\u{1b}]0;x\u{7}y\r\n", "; it wrote:\n\u{fffd}]0;x\u{fffd}y"),
        ] {
            assert_eq!(shown(output), expected);
        }
    }
}
