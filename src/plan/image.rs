//! The images: names, tags, platforms and binaries, every template filled in.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::base::{base_name, of_index, of_manifest};
use super::consistency::{check_environment, check_user, one_image_a_tag};
use super::finish::finish;
use super::foreign::{self, ForeignNeed};
use super::naming::{check_version_tag, repositories, version};
use super::need::{CallKey, Need, TargetKey};
use super::origin::{Origin, lacking, origin};
use super::rendering::Rendering;
use super::target::{Decision, decide, decide_foreign, nearest, of_cargo};
use super::{
    Maker, Package, PackageUse, PlanError, PlannedBinary, PlannedImage, PlannedPlatform, Question,
    annotation, tagging,
};
use crate::matrix::{Base, BinaryUse, Files, Image, PlatformSettings, Provide};
use crate::spec::Platform;

type Images = (Vec<PlannedImage>, Vec<Need>, Vec<ForeignNeed>, Vec<String>);

/// What is gathered while images are planned.
#[derive(Default)]
struct Gathered {
    needs: Vec<Need>,
    foreign: Vec<ForeignNeed>,
    notices: Vec<String>,
    /// Triples whose std is not installed.
    missing: Vec<String>,
}

/// Selected images, and the needs of all of them, selected or not.
pub(super) fn images(question: &Question<'_>) -> Result<Images, PlanError> {
    let implied = implied(question)?;
    let declared = if question.matrix.images.is_empty() {
        &implied
    } else {
        &question.matrix.images
    };
    check_selection(question, declared)?;
    let (mut images, mut gathered) = (Vec::new(), Gathered::default());
    for image in declared {
        let selected = question.selection.packs_image(&image.name);
        let planned = one(question, image, selected, &mut gathered)?;
        if selected && !planned.platforms.is_empty() {
            images.push(planned);
        }
    }
    let names = images.iter().map(|image| {
        (
            image.name.as_str(),
            image.repositories.as_slice(),
            image.tags.as_slice(),
        )
    });
    one_image_a_tag(names)?;
    let Gathered {
        needs,
        foreign,
        mut notices,
        mut missing,
    } = gathered;
    if !missing.is_empty() {
        missing.sort();
        missing.dedup();
        return Err(PlanError::NoStd { triples: missing });
    }
    notices.extend(foreign::unused(question, declared));
    notices.extend(super::target::unused(question.matrix));
    notices.sort();
    notices.dedup();
    Ok((images, needs, foreign, notices))
}

/// The binaries of an image: those that it names, else the one of its own name.
pub(super) fn uses(image: &Image) -> Vec<BinaryUse> {
    if !image.binaries.is_empty() {
        return image.binaries.clone();
    }
    vec![BinaryUse {
        binary: image.name.clone(),
        default_features: true,
        profile: image.profile.clone(),
        ..BinaryUse::default()
    }]
}

/// Without images in the Matrix there is one for each of its own binaries, and for each that plain `cargo build` would
/// build.
pub(super) fn implied(question: &Question<'_>) -> Result<Vec<Image>, PlanError> {
    if !question.matrix.images.is_empty() {
        return Ok(Vec::new());
    }
    let members = question.packages.iter().filter(|package| package.default_member);
    let named = |package: Option<&Package>, binary: &String| {
        let mut image = question.matrix.unnamed.clone();
        image.name = binary.clone();
        image.binaries = uses(&image);
        image.binaries[0].package = package.map(|package| package.name.clone());
        image
    };
    let own = &question.matrix.binaries;
    let mut images: Vec<Image> = own.keys().map(|binary| named(None, binary)).collect();
    images.extend(members.flat_map(|package| {
        let built = package.binaries.iter();
        let built =
            built.filter(|binary| !package.optional.contains_key(*binary) && !own.contains_key(*binary));
        built.map(move |binary| named(Some(package), binary))
    }));
    if images.is_empty() {
        let mut optional = question.packages.iter().filter(|package| package.default_member);
        let optional = optional.find_map(|package| package.optional.iter().next());
        return Err(match optional {
            Some((binary, features)) => PlanError::OnlyOptional {
                binary: binary.clone(),
                features: features.clone(),
            },
            None => PlanError::NoBinary,
        });
    }
    Ok(images)
}

pub(super) fn check_selection(question: &Question<'_>, declared: &[Image]) -> Result<(), PlanError> {
    let names = || declared.iter().map(|image| image.name.as_str());
    for name in &question.selection.images {
        if !names().any(|known| known == name) {
            return Err(PlanError::UnknownImage {
                name: name.clone(),
                help: nearest(name, names()),
            });
        }
    }
    let selected = declared
        .iter()
        .filter(|image| question.selection.packs_image(&image.name));
    let mut platforms: Vec<_> = selected
        .flat_map(|image| image.platforms.iter().map(|settings| settings.platform.clone()))
        .collect();
    platforms.sort();
    platforms.dedup();
    for platform in &question.selection.platforms {
        if !platforms.contains(platform) {
            let declared: Vec<String> = platforms.iter().map(ToString::to_string).collect();
            let native = Platform::native(&platform.to_string());
            let native = native.map(|native| format!("the image index calls it `{native}`; "));
            let help = format!(
                "{}declared are: {}; others go into `platforms` of gantry.toml",
                native.unwrap_or_default(),
                declared.join(", ")
            );
            return Err(PlanError::UnknownPlatform {
                platform: platform.clone(),
                help,
            });
        }
    }
    Ok(())
}

fn one(
    question: &Question<'_>,
    image: &Image,
    selected: bool,
    gathered: &mut Gathered,
) -> Result<PlannedImage, PlanError> {
    let uses = uses(image);
    let origins = uses
        .iter()
        .map(|of| origin(question, image, of))
        .collect::<Result<Vec<_>, _>>()?;
    let packages = origins.iter().filter_map(|origin| match origin {
        Origin::Cargo(package) => Some(*package),
        Origin::Foreign(_) => None,
    });
    let first = packages.clone().next();
    let git = question.git.as_ref();
    if let (true, Some(first)) = (selected, first) {
        check_version_tag(image, first, git)?;
    }
    let version = version(first, git);
    let rendering = Rendering::of(question, image, version.as_deref());
    let created = rfc3339(question.created);
    let derived = annotation::derived(
        &image.name,
        first,
        version.as_deref(),
        git,
        &created,
        &image.omit_annotations,
    );
    let mut planned = PlannedImage {
        name: image.name.clone(),
        version: version.clone(),
        repositories: repositories(question, image, &rendering)?,
        tags: Vec::new(),
        created_seconds: question.created,
        annotations: annotations(
            image,
            &with(&derived, of_index(image, &question.bases)?),
            &rendering,
        )?,
        omit_annotations: image.omit_annotations.clone(),
        compression: image.compression,
        format: image.format,
        index: image.index,
        checks: image.checks.clone(),
        smoke: image.smoke.clone(),
        declared_platforms: image.platforms.len(),
        platforms: Vec::new(),
        created,
    };
    if selected {
        let lacking = uses
            .iter()
            .zip(&origins)
            .filter_map(|(of, origin)| lacking(of, origin));
        gathered
            .notices
            .extend(lacking.map(|lacking| format!("image `{}`: {lacking}", image.name)));
    }
    if selected && !image.format.has_annotations() && !image.annotations.is_empty() {
        gathered.notices.push(format!(
            "image `{}`: its `annotations` are left out, as `format = \"docker\"` has none; labels stay",
            image.name
        ));
    }
    for settings in &image.platforms {
        let packed = selected && question.selection.packs_platform(&settings.platform);
        check_environment(image, settings)?;
        let (catalog, installed, bases) = (question.catalog, &question.installed, &question.bases);
        let decision = match of_cargo(image, question.matrix) {
            true => decide(image, settings, catalog, installed, bases)?,
            false => decide_foreign(image, settings, catalog, bases)?,
        };
        if packed && !decision.installed {
            gathered.missing.push(decision.target.triple.clone());
            continue;
        }
        let rendering = rendering.on(&settings.platform, &decision.target.triple);
        for (position, (of, origin)) in uses.iter().zip(&origins).enumerate() {
            match origin {
                Origin::Cargo(package) => {
                    let need = need(image, settings, &decision, of, package, position, packed);
                    gathered.needs.push(need);
                }
                Origin::Foreign(source) if packed => {
                    let binary = (position, of.binary.as_str(), *source);
                    let need = foreign::need(image, settings, &decision, binary, &rendering)?;
                    gathered.foreign.push(need);
                }
                Origin::Foreign(_) => {}
            }
        }
        if packed {
            gathered.notices.extend(decision.notice.clone());
            if decision.static_glibc && packages.clone().next().is_some() {
                gathered.notices.push(format!(
                    "{}: glibc is linked statically; name look-ups through NSS (other than files and dns) will not work",
                    decision.target.triple
                ));
            }
            let planned_platform =
                platform(image, settings, &decision, &uses, &origins, &derived, &rendering)?;
            for binary in &planned_platform.binaries {
                gathered
                    .notices
                    .extend(super::finish::left_out(image, binary, &decision));
            }
            planned.platforms.push(planned_platform);
        }
    }
    if selected {
        let packed = planned.platforms.iter();
        let packed: Vec<_> = packed
            .map(|platform| (&platform.platform, platform.triple.as_str()))
            .collect();
        let tags = tagging::tags(question, image, &rendering, &packed)?;
        gathered.notices.extend(tags.notices);
        planned.tags = tags.tags;
        if planned.tags.is_empty() && version.is_none() {
            gathered.notices.push(format!(
                "image `{}` has no version, so no tag: it takes one from a tag such as v1.2.3 on HEAD, or from `--tag`",
                image.name
            ));
        }
    }
    Ok(planned)
}

fn need(
    image: &Image,
    settings: &PlatformSettings,
    decision: &Decision<'_>,
    of: &BinaryUse,
    package: &Package,
    position: usize,
    selected: bool,
) -> Need {
    Need {
        image: image.name.clone(),
        platform: settings.platform.clone(),
        position,
        selected,
        package: PackageUse {
            package: package.name.clone(),
            features: of.features.iter().cloned().collect(),
            default_features: of.default_features,
        },
        binary: of.binary.clone(),
        call: CallKey {
            profile: of.profile.clone(),
            strip: foreign::made_strip(image),
            remap_paths: image.remap_paths,
            isolated: image.isolated.then(|| image.name.clone()),
            environment: settings.env.clone(),
        },
        target: TargetKey {
            triple: decision.target.triple.clone(),
            linker: settings.linker.clone(),
            glibc: decision.floor.clone(),
            static_glibc: decision.static_glibc,
            rustflags: settings.rustflags.clone(),
        },
    }
}

fn platform(
    image: &Image,
    settings: &PlatformSettings,
    decision: &Decision<'_>,
    uses: &[BinaryUse],
    origins: &[Origin<'_>],
    derived: &BTreeMap<String, String>,
    rendering: &Rendering<'_>,
) -> Result<PlannedPlatform, PlanError> {
    let mut binaries: Vec<PlannedBinary> = Vec::new();
    for (of, origin) in uses.iter().zip(origins) {
        let dest = match &of.dest {
            Some(dest) => rendering.text(dest)?,
            None => format!("{}/{}", image.bin_dir.trim_end_matches('/'), of.binary),
        };
        if binaries.iter().any(|other| other.dest == dest) {
            return Err(PlanError::SameDest {
                image: image.name.clone(),
                dest,
            });
        }
        let (maker, source) = match origin {
            Origin::Cargo(package) => {
                let package = package.name.clone();
                (Maker::Cargo { unit: 0, package }, None)
            }
            Origin::Foreign(source) => (Maker::Foreign { unit: 0 }, Some(*source)),
        };
        binaries.push(PlannedBinary {
            maker,
            binary: of.binary.clone(),
            dest,
            finish: finish(image, source, decision.target),
        });
    }
    let entrypoint = match &image.entrypoint {
        Some(entrypoint) => entrypoint.clone(),
        None => vec![binaries[0].dest.clone()],
    };
    let provide = image.provide.clone().unwrap_or_else(|| match settings.base {
        Base::Static => vec![Provide::CaCertificates, Provide::Passwd, Provide::Tmp],
        _ => Vec::new(),
    });
    check_user(image, &settings.base, &provide)?;
    let derived = with(derived, of_manifest(image, decision.facts));
    Ok(PlannedPlatform {
        platform: settings.platform.clone(),
        base: base_name(&settings.base).to_owned(),
        base_facts: decision.facts.cloned(),
        glibc: decision.floor.clone().filter(|_| !decision.static_glibc),
        triple: decision.target.triple.clone(),
        why: decision.why.clone(),
        binaries,
        provide,
        users: image.users.clone(),
        files: image
            .files
            .iter()
            .map(|files| rendered(files, rendering))
            .collect::<Result<_, _>>()?,
        entrypoint,
        cmd: image.cmd.clone(),
        env: rendering.table(&image.env)?,
        user: image.user.clone(),
        workdir: image.workdir.clone(),
        ports: image.ports.clone(),
        volumes: image.volumes.clone(),
        labels: with(&derived, rendering.table(&image.labels)?),
        annotations: annotations(image, &derived, rendering)?,
        stop_signal: image.stop_signal.clone(),
    })
}

fn rendered(files: &Files, rendering: &Rendering<'_>) -> Result<Files, PlanError> {
    let mut files = files.clone();
    match &mut files {
        Files::Copy { from, to, .. } => {
            *from = rendering.text(from)?;
            *to = rendering.text(to)?;
        }
        Files::Directory { path, .. } => *path = rendering.text(path)?,
        Files::Link { path, target } => {
            *path = rendering.text(path)?;
            *target = rendering.text(target)?;
        }
    }
    Ok(files)
}

/// The annotations of an index or a manifest.
fn annotations(
    image: &Image,
    derived: &BTreeMap<String, String>,
    rendering: &Rendering<'_>,
) -> Result<BTreeMap<String, String>, PlanError> {
    match image.format.has_annotations() {
        true => Ok(with(derived, rendering.table(&image.annotations)?)),
        false => Ok(BTreeMap::new()),
    }
}

fn with(derived: &BTreeMap<String, String>, ours: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = derived.clone();
    all.extend(ours);
    all
}

fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}
