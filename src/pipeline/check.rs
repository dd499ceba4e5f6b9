//! The fit check alone: of a project, of an image of anybody, of a program on a base.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::build::inspected;
use super::compile::{Spot, as_they_arrive};
use super::ground::{self, Purpose};
use super::prepare::prepare;
use super::stand::Grounds;
use super::workplace::Workplace;
use super::{Access, Error, Gantry, Request, blocking, lay};
use crate::base::{BaseImage, Bases, builtin};
use crate::binary::{self, BinaryError, Elf, Facts};
use crate::event::Stage;
use crate::fit::{self, Finding};
use crate::image::user_over;
use crate::inspect::InspectError;
use crate::layer::Entry;
use crate::rootfs::Tree;
use crate::spec::Platform;
use crate::target::{Catalog, Target};

/// What was found in one image, for one platform.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Checked {
    /// The image.
    pub image: String,
    /// The platform.
    pub platform: Platform,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

/// What was found of one program on a base.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct CheckedProgram {
    /// The program's file.
    pub program: PathBuf,
    /// The platform that it is for.
    pub platform: Platform,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// Bases that it would run on, where it does not on this one.
    pub proposals: Vec<fit::Proposal>,
}

impl Checked {
    /// Whether something stops the build.
    pub fn denied(&self) -> bool {
        self.findings.iter().any(Finding::is_denied)
    }
}

impl CheckedProgram {
    /// Whether something stops the build.
    pub fn denied(&self) -> bool {
        self.findings.iter().any(Finding::is_denied)
    }
}

pub(super) async fn project(gantry: &Gantry, request: &Request) -> Result<Vec<Checked>, Error> {
    let prepared = Arc::new(prepare(gantry, request, Purpose::Check).await?);
    let place = Workplace::of(gantry, &prepared).await?;
    let grounds = Grounds::read(gantry, &prepared, &place.store, false);
    let gantry = gantry.clone();
    blocking(move || {
        let inspect = |spot: Spot, binaries: &[_]| {
            let image = &prepared.plan.images[spot.0];
            let platform = &image.platforms[spot.1];
            let _span = gantry.span_of(Stage::Fit, (image, platform), &platform.base);
            let collected = lay::collected(platform, &prepared.directory)?;
            Ok(inspected(&prepared, &grounds, spot, binaries, collected)?.1)
        };
        let found = as_they_arrive(&gantry, &prepared, || grounds.failed(), inspect)?;
        drop(place);
        let checked = found.into_iter().map(|((image, platform), findings)| {
            let image = &prepared.plan.images[image];
            Checked {
                image: image.name.clone(),
                platform: image.platforms[platform].platform.clone(),
                findings,
            }
        });
        Ok(checked.collect())
    })
    .await
}

pub(super) async fn image(
    gantry: &Gantry,
    name: &str,
    wanted: &[Platform],
    access: &Access,
) -> Result<Vec<Checked>, Error> {
    let bases = foreign(gantry, access)?;
    let mut checked = Vec::new();
    let found = bases.survey(name).await.map_err(Error::Named)?;
    for image in of_platforms(found, name, wanted)? {
        let tree = bases.tree(&image).await.map_err(Error::Named)?;
        checked.push(Checked {
            image: name.to_owned(),
            platform: image.facts.platform.clone(),
            findings: fit::check(&fit::Question {
                platform: &image.facts.platform,
                base: name,
                catalog: &Catalog::builtin(),
                tree: &tree,
                base_layers: None,
                config: &image.config,
                programs: &[],
                crates: &BTreeMap::new(),
                static_glibc: &BTreeSet::new(),
                levels: &BTreeMap::new(),
            }),
        });
    }
    Ok(checked)
}

/// The images of the platforms that are asked for: all of them where none is, and each must be there.
fn of_platforms(
    mut images: Vec<BaseImage>,
    name: &str,
    wanted: &[Platform],
) -> Result<Vec<BaseImage>, InspectError> {
    let has = |platform: &&Platform| images.iter().any(|image| image.facts.platform == **platform);
    if let Some(absent) = wanted.iter().find(|platform| !has(platform)) {
        return Err(InspectError::WhichPlatform {
            name: name.to_owned(),
            wanted: format!("`{absent}`"),
            help: format!("it is for {}", shown(&images).join(", ")),
        });
    }
    images.retain(|image| wanted.is_empty() || wanted.contains(&image.facts.platform));
    Ok(images)
}

pub(super) async fn on(
    gantry: &Gantry,
    base: &str,
    programs: &[PathBuf],
    wanted: &[Platform],
    access: &Access,
    found: &mut (dyn FnMut(CheckedProgram) + Send),
) -> Result<(), Error> {
    let bases = foreign(gantry, access)?;
    let catalog = Catalog::builtin();
    let images = match base {
        "static" | "scratch" => Vec::new(),
        name => bases.survey(name).await.map_err(Error::Named)?,
    };
    for program in programs {
        let path = gantry.absolute(program);
        let facts = Facts::read(&path).map_err(Error::Program)?;
        let elf = facts
            .elf()
            .ok_or_else(|| Error::NoProgram { path: path.clone() })?;
        let platforms = platforms(elf, &catalog, wanted);
        if platforms.is_empty() && !wanted.is_empty() {
            return Err(Error::Program(BinaryError::Platform {
                path,
                platforms: wanted.iter().map(ToString::to_string).collect(),
            }));
        }
        let image = images
            .iter()
            .find(|image| platforms.contains(&image.facts.platform));
        let (platform, tree, config) = match (image, platforms.first()) {
            (Some(image), _) => {
                let tree = bases.tree(image).await.map_err(Error::Named)?;
                (image.facts.platform.clone(), tree, image.config.clone())
            }
            (None, Some(platform)) if images.is_empty() => (platform.clone(), own(base)?, Value::Null),
            _ => return Err(no_platform(program, base, &platforms, &images)),
        };
        let program = Program {
            named: program,
            path: &path,
            elf,
        };
        found(on_tree(&catalog, &program, (base, platform), &tree, config)?);
    }
    Ok(())
}

/// A program of anybody.
struct Program<'a> {
    /// As it was named.
    named: &'a Path,
    path: &'a Path,
    elf: &'a Elf,
}

/// The program laid into the tree as `build` would lay it.
fn on_tree(
    catalog: &Catalog,
    program: &Program<'_>,
    (base, platform): (&str, Platform),
    tree: &Tree,
    mut config: Value,
) -> Result<CheckedProgram, Error> {
    let name = program
        .path
        .file_name()
        .map_or_else(|| "program".into(), |name| name.to_string_lossy());
    let dest = format!("/usr/local/bin/{name}");
    let mut tree = tree.clone();
    lay::put(
        &mut tree,
        &Entry::file(dest.trim_start_matches('/'), program.path, 0o755),
    )?;
    if !config["config"].is_object() {
        config = json!({"config": {}});
    }
    config["config"]["Entrypoint"] = json!([dest]);
    config["config"]["Cmd"] = Value::Null;
    let crates = binary::dependencies(program.path).map(|crates| (dest.clone(), crates));
    let crates = crates.into_iter().collect();
    let user = user_over(config["config"]["User"].as_str().unwrap_or_default()).to_owned();
    config["config"]["User"] = json!(user);
    config["config"]["Healthcheck"] = Value::Null;
    let programs = [dest];
    let question = fit::Question {
        platform: &platform,
        base,
        catalog,
        tree: &tree,
        base_layers: Some(tree.layers()),
        config: &config,
        programs: &programs,
        crates: &crates,
        static_glibc: &BTreeSet::new(),
        levels: &BTreeMap::new(),
    };
    let findings = fit::check(&question);
    let proposals = match findings.iter().any(Finding::is_denied) {
        true => fit::propose(catalog, &platform, &[program.elf]),
        false => Vec::new(),
    };
    Ok(CheckedProgram {
        program: program.named.to_owned(),
        platform: platform.clone(),
        findings,
        proposals,
    })
}

/// The platforms whose programs look like this one, of those that are asked for.
fn platforms(elf: &Elf, catalog: &Catalog, wanted: &[Platform]) -> Vec<Platform> {
    let fits = |target: &&Target| {
        target.elf.as_ref().is_some_and(|promise| {
            promise.class == elf.class && promise.machine == elf.machine && promise.endian == elf.endian
        })
    };
    let mut platforms: Vec<Platform> = catalog
        .iter()
        .filter(fits)
        .map(|target| target.platform.clone())
        .filter(|platform| wanted.is_empty() || wanted.contains(platform))
        .collect();
    platforms.sort();
    platforms.dedup();
    // Of several variants the highest is tried first: what is made for a lower one runs there, too.
    platforms.reverse();
    platforms
}

/// The tree of a base of ours.
fn own(base: &str) -> Result<Arc<Tree>, Error> {
    let mut tree = Tree::default();
    let parts: &[builtin::Part] = match base {
        "static" => &builtin::Part::DEFAULT,
        _ => &[],
    };
    for file in builtin::files(parts, &BTreeMap::new())? {
        lay::put(&mut tree, &lay::entry(file))?;
    }
    Ok(Arc::new(tree))
}

fn no_platform(program: &Path, base: &str, platforms: &[Platform], images: &[BaseImage]) -> Error {
    Error::NoBasePlatform {
        program: program.to_owned(),
        base: base.to_owned(),
        wanted: platforms.iter().map(ToString::to_string).collect(),
        has: shown(images),
    }
}

/// The platforms of images.
fn shown(images: &[BaseImage]) -> Vec<String> {
    let platforms = images.iter().map(|image| image.facts.platform.to_string());
    platforms.collect()
}

/// Images of anybody, whatever project we are in.
fn foreign(gantry: &Gantry, access: &Access) -> Result<Bases, Error> {
    let request = Request {
        plain_http: access.plain_http.clone(),
        ..Request::default()
    };
    let directory = gantry.tools.environment().directory();
    ground::open(gantry, &request, directory, &directory.join("gantry.lock"))
}
