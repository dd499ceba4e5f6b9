//! One image on one platform, built and set up to be started.

use std::path::Path;
use std::sync::Arc;

use super::prepare::{matrix_alone, prepare};
use super::{Error, Gantry, Request, blocking, build, ground, tried};
use crate::event::{self, Span};
use crate::matrix::Matrix;
use crate::spec::Platform;
use crate::target::Catalog;
use crate::tool::Ended;
use crate::trial::{Scene, Stage};

/// An image's root, ready to be entered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Staged {
    stage: Stage,
    /// The image.
    pub image: String,
    /// The platform.
    pub platform: Platform,
}

impl Staged {
    /// Starts the image's program, with `arguments` in place of its own, and gives its exit code, as a shell does: 128
    /// and the signal's number where a signal ended it. Standard streams are ours.
    ///
    /// # Errors
    /// When the root cannot be entered.
    pub fn run(&self, arguments: Option<&[String]>) -> Result<u8, Error> {
        let code = match self.stage.run(arguments) {
            Ok(Ended::Code(code)) => code,
            Ok(Ended::Signal(signal)) => 128 + signal,
            Err(error) => return Err(error.into()),
        };
        Ok(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

pub(super) async fn stage(gantry: &Gantry, request: &Request) -> Result<Staged, Error> {
    let request = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || narrowed(&gantry, &request)).await?
    };
    let mut prepared = prepare(gantry, &request, ground::Purpose::Build).await?;
    let [planned] = prepared.plan.images.as_mut_slice() else {
        let images = prepared.plan.images.iter().map(|image| image.name.clone());
        return Err(Error::WhichImage {
            images: images.collect(),
        });
    };
    // This is the trial: an image that fails its own is started to see why.
    planned.smoke = None;
    let (image, triple) = (planned.name.clone(), planned.platforms[0].triple.clone());
    let prepared = Arc::new(prepared);
    let folder = tried::folder(&prepared);
    let target = prepared.catalog.triple(&triple)?.clone();
    let built = build::build_prepared(gantry, prepared, true).await?;
    let gantry = gantry.clone();
    blocking(move || {
        let made = &built.images[0].images[0];
        let config = serde_json::from_slice(made.config()).expect("it was written just now");
        let layers = made.layers().iter();
        let layers = layers.map(|layer| tried::file(&built.store, layer));
        let scene = Scene {
            layers: layers.collect(),
            platform: made.platform(),
            config: &config,
            target: Some(&target),
        };
        let of = (Some(image.as_str()), Some(made.platform()));
        let _span = Span::begin(&gantry.observer, event::Stage::Trial, of, "root");
        let stage = set(&gantry, &folder, &scene)?;
        Ok(Staged {
            stage,
            image,
            platform: made.platform().clone(),
        })
    })
    .await
}

fn set(gantry: &Gantry, folder: &Path, scene: &Scene<'_>) -> Result<Stage, Error> {
    let stage = Stage::set(&gantry.tools, folder, scene)?;
    stage.map_err(|reason| Error::NotTried { why: reason.why })
}

/// The request for one platform: the one that it names, else this machine's, else the first.
fn narrowed(gantry: &Gantry, request: &Request) -> Result<Request, Error> {
    let mut request = request.clone();
    if request.platforms.len() > 1 {
        return Err(Error::OnePlatform);
    }
    if request.platforms.is_empty() {
        let (matrix, _, _) = matrix_alone(gantry, &request)?;
        request.platforms = usual(gantry, &matrix, &request).into_iter().collect();
    }
    Ok(request)
}

fn usual(gantry: &Gantry, matrix: &Matrix, request: &Request) -> Option<Platform> {
    let selected = |name: &String| request.images.is_empty() || request.images.contains(name);
    let images = matrix.declared().iter();
    let images = images.filter(|image| matrix.images.is_empty() || selected(&image.name));
    let declared: Vec<&Platform> = images
        .flat_map(|image| &image.platforms)
        .map(|settings| &settings.platform)
        .collect();
    let catalog = Catalog::builtin();
    let machine = gantry.tools.environment().machine();
    let ours = |platform: &&&Platform| {
        let mut targets = catalog.iter().filter(|target| target.platform == ***platform);
        targets.any(|target| target.arch == machine.arch)
    };
    let found = declared.iter().find(ours).or(declared.first());
    found.map(|platform| (*platform).clone())
}
