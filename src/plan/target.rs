//! Which triple serves a platform: the base decides, what is installed breaks the tie.

use std::collections::{BTreeMap, BTreeSet};

use super::base::{self, base_name};
use super::{Bases, PlanError, Selection};
use crate::matrix::{Image, Matrix, PlatformSettings};
use crate::spec::{BaseFacts, BaseLibc, Platform};
use crate::target::{Catalog, Libc, Target};

/// The triples that can serve one platform, best first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidates {
    /// The platform.
    pub platform: Platform,
    /// Triples, best first; the first whose std is installed is taken.
    pub triples: Vec<String>,
    /// Whether anything of it is packed. What is not packed is looked up all the same: which triple it would get
    /// decides which features unify.
    pub packed: bool,
}

/// A decided triple.
#[derive(Clone, Debug)]
pub(super) struct Decision<'a> {
    pub target: &'a Target,
    /// glibc, but linked statically, because the base has none to load.
    pub static_glibc: bool,
    /// Whether the target's std is there; without it nothing can be built.
    pub installed: bool,
    pub why: String,
    /// The oldest glibc that programs must run with, where they are built for glibc.
    pub floor: Option<String>,
    /// What is known of the base, where it is an image.
    pub facts: Option<&'a BaseFacts>,
    /// What the user should know.
    pub notice: Option<String>,
}

/// What must be looked up (and may be installed, if it is packed) before a [`super::draft`]: one entry for each
/// distinct list, of all images and platforms.
///
/// # Errors
/// When a platform or triple is not in the catalog, or nothing is known of a base.
pub fn candidates(
    matrix: &Matrix,
    catalog: &Catalog,
    selection: &Selection,
    bases: &Bases,
) -> Result<Vec<Candidates>, PlanError> {
    let mut all: BTreeMap<(Platform, Vec<String>), bool> = BTreeMap::new();
    for image in matrix.declared().iter().filter(|image| of_cargo(image, matrix)) {
        let image_packed = selection.packs_image(&image.name) || matrix.images.is_empty();
        for settings in &image.platforms {
            let triples = triples(image, settings, catalog, base::facts(image, settings, bases)?)?
                .iter()
                .map(|target| target.triple.clone())
                .collect();
            let packed = image_packed && selection.packs_platform(&settings.platform);
            *all.entry((settings.platform.clone(), triples)).or_default() |= packed;
        }
    }
    let candidates = |((platform, triples), packed)| Candidates {
        platform,
        triples,
        packed,
    };
    Ok(all.into_iter().map(candidates).collect())
}

/// Whether anything of an image is built by cargo. An image that the project implies may be.
pub(super) fn of_cargo(image: &Image, matrix: &Matrix) -> bool {
    image.name.is_empty()
        || super::image::uses(image)
            .iter()
            .any(|of| !matrix.binaries.contains_key(&of.binary))
}

/// The triple for one platform of one image that has nothing from cargo: the best one.
pub(super) fn decide_foreign<'a>(
    image: &Image,
    settings: &PlatformSettings,
    catalog: &'a Catalog,
    bases: &'a Bases,
) -> Result<Decision<'a>, PlanError> {
    let every = catalog.iter().map(|target| target.triple.clone()).collect();
    decide(image, settings, catalog, &every, bases)
}

/// The triple for one platform of one image: the best one whose std is installed, else the best one.
pub(super) fn decide<'a>(
    image: &Image,
    settings: &PlatformSettings,
    catalog: &'a Catalog,
    installed: &BTreeSet<String>,
    bases: &'a Bases,
) -> Result<Decision<'a>, PlanError> {
    let facts = base::facts(image, settings, bases)?;
    let targets = triples(image, settings, catalog, facts)?;
    let found = targets.iter().find(|target| installed.contains(&target.triple));
    let target = *found.unwrap_or(&targets[0]);
    let below = glibc(facts);
    let static_glibc = target.libc == Libc::Gnu && below.is_none();
    let asked = settings.glibc.as_deref();
    let floor = asked.or(below).filter(|_| target.libc == Libc::Gnu);
    let newer = match (asked, below) {
        (Some(asked), Some(below)) if floor.is_some() => version(asked) > version(below),
        _ => false,
    };
    let notice = newer.then(|| {
        format!(
            "image `{}` on {}: `glibc = \"{}\"` is newer than that of its base: programs may not start there",
            image.name,
            settings.platform,
            asked.unwrap_or_default()
        )
    });
    Ok(Decision {
        target,
        static_glibc,
        installed: found.is_some(),
        why: why(settings, facts, target, targets[0], static_glibc),
        floor: floor.map(minor),
        facts,
        notice,
    })
}

/// What was chosen and for what reason, in half a sentence.
fn why(
    settings: &PlatformSettings,
    facts: Option<&BaseFacts>,
    target: &Target,
    best: &Target,
    static_glibc: bool,
) -> String {
    let base = base_name(&settings.base);
    let has = match facts.map(|facts| &facts.libc) {
        None | Some(BaseLibc::None) => format!("base `{base}` has no C library"),
        Some(libc) => format!("base `{base}` has {libc}"),
    };
    let asked = settings.glibc.as_ref().filter(|_| target.libc == Libc::Gnu);
    let asked = asked.map_or_else(String::new, |glibc| {
        format!(", the matrix asks for glibc {glibc}")
    });
    match (&settings.target, static_glibc) {
        (Some(_), false) if asked.is_empty() => "the matrix says so".to_owned(),
        (Some(_), false) => format!("the matrix says so; {has}{asked}"),
        (Some(_), true) => format!("the matrix says so; {has}: glibc, linked statically"),
        (None, false) => has + &asked,
        (None, true) if best.triple == target.triple => {
            format!("{has} and no target for musl is known: glibc, linked statically")
        }
        (None, true) => {
            let missing = &best.triple;
            format!("{has} and `{missing}` is not installed: glibc, linked statically")
        }
    }
}

/// The glibc that a base has.
fn glibc(facts: Option<&BaseFacts>) -> Option<&str> {
    match &facts?.libc {
        BaseLibc::Glibc(version) => Some(version),
        _ => None,
    }
}

/// The numbers that order releases of glibc.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

/// `2.36` of `2.36.9000`: symbols are versioned by releases.
fn minor(text: &str) -> String {
    match version(text) {
        Some((major, minor)) => format!("{major}.{minor}"),
        None => text.to_owned(),
    }
}

fn triples<'a>(
    image: &Image,
    settings: &PlatformSettings,
    catalog: &'a Catalog,
    facts: Option<&BaseFacts>,
) -> Result<Vec<&'a Target>, PlanError> {
    let platform = &settings.platform;
    if let Some(triple) = &settings.target {
        let target = catalog
            .by_triple(triple)
            .ok_or_else(|| PlanError::UnknownTarget {
                image: title(image),
                triple: triple.clone(),
                help: nearest(triple, catalog.iter().map(|target| target.triple.as_str())),
            })?;
        if target.platform != *platform {
            return Err(PlanError::WrongTarget {
                image: title(image),
                triple: triple.clone(),
                builds: target.platform.to_string(),
                platform: platform.to_string(),
            });
        }
        return Ok(vec![target]);
    }
    let known = |libcs: &[Libc]| -> Vec<&'a Target> {
        let targets = libcs.iter().map(|libc| catalog.for_platform(platform, *libc));
        targets.flatten().collect()
    };
    let mut found = Vec::new();
    if glibc(facts).is_some() {
        found = known(&[Libc::None, Libc::Gnu]);
    }
    // What is static runs on every base.
    if found.is_empty() {
        found = known(&[Libc::None, Libc::Musl, Libc::Gnu]);
        found.retain(|target| target.libc != Libc::Gnu || !target.static_rustflags.is_empty());
    }
    if found.is_empty() {
        let known: BTreeSet<String> = catalog.iter().map(|target| target.platform.to_string()).collect();
        let known: Vec<String> = known.into_iter().collect();
        return Err(PlanError::NoTarget {
            image: title(image),
            platform: platform.clone(),
            help: format!("known platforms: {}", known.join(", ")),
        });
    }
    Ok(found)
}

/// Platforms that settings are for and no image: probably a slip of the pen.
pub(super) fn unused(matrix: &Matrix) -> Vec<String> {
    let declared = matrix.declared().iter().flat_map(|image| &image.platforms);
    let declared: BTreeSet<&Platform> = declared.map(|settings| &settings.platform).collect();
    let unused = matrix
        .shared
        .iter()
        .filter(|platform| !declared.contains(platform));
    unused
        .map(|platform| format!("no image is for `{platform}`, and settings for all images name it"))
        .collect()
}

/// An image as people call it: one that the project implies has no name yet.
fn title(image: &Image) -> String {
    match image.name.as_str() {
        "" => "the defaults".to_owned(),
        name => format!("image `{name}`"),
    }
}

/// A sentence that names what is nearest to `text`, and otherwise everything there is.
pub(super) fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let best = known
        .iter()
        .map(|name| (strsim::jaro_winkler(text, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, name)) if score > 0.8 => format!("did you mean `{name}`?"),
        Some(_) => format!("there are: {}", known.join(", ")),
        None => "there are none".to_owned(),
    }
}

impl Selection {
    pub(super) fn packs_image(&self, name: &str) -> bool {
        self.images.is_empty() || self.images.iter().any(|image| image == name)
    }

    pub(super) fn packs_platform(&self, platform: &Platform) -> bool {
        self.platforms.is_empty() || self.platforms.contains(platform)
    }
}
