//! Which triple serves a platform: the base decides, what is installed breaks the tie.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bases, PlanError, Selection};
use crate::matrix::{Base, Image, Matrix, PlatformSettings};
use crate::spec::Platform;
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
    /// glibc, but linked statically, because the base has no C library to load.
    pub static_glibc: bool,
    /// Whether the target's std is there; without it nothing can be built.
    pub installed: bool,
    pub why: String,
}

/// What must be looked up (and may be installed, if it is packed) before a [`super::draft`]: one entry for each
/// distinct list, of all images and platforms.
///
/// # Errors
/// When a platform or triple is not in the catalog.
pub fn candidates(
    matrix: &Matrix,
    catalog: &Catalog,
    selection: &Selection,
    bases: &Bases,
) -> Result<Vec<Candidates>, PlanError> {
    let _ = bases;
    let mut all: BTreeMap<(Platform, Vec<String>), bool> = BTreeMap::new();
    let images = if matrix.images.is_empty() {
        std::slice::from_ref(&matrix.unnamed)
    } else {
        &matrix.images
    };
    for image in images {
        let image_packed = selection.packs_image(&image.name) || matrix.images.is_empty();
        for settings in &image.platforms {
            let triples = triples(image, settings, catalog)?
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

/// The triple for one platform of one image: the best one whose std is installed, else the best one.
pub(super) fn decide<'a>(
    image: &Image,
    settings: &PlatformSettings,
    catalog: &'a Catalog,
    installed: &BTreeSet<String>,
) -> Result<Decision<'a>, PlanError> {
    let targets = triples(image, settings, catalog)?;
    let found = targets.iter().find(|target| installed.contains(&target.triple));
    let target = *found.unwrap_or(&targets[0]);
    let static_glibc = target.libc == Libc::Gnu;
    let why = match (&settings.target, static_glibc) {
        (Some(_), _) => "the matrix says so".to_owned(),
        (None, false) => format!("base `{}` has no C library", base_name(&settings.base)),
        (None, true) => format!(
            "base `{}` has no C library and `{}` is not installed: glibc, linked statically",
            base_name(&settings.base),
            targets[0].triple
        ),
    };
    Ok(Decision {
        target,
        static_glibc,
        installed: found.is_some(),
        why,
    })
}

/// How a base is called in plans and messages.
pub(super) fn base_name(base: &Base) -> &str {
    match base {
        Base::Static => "static",
        Base::Scratch => "scratch",
        Base::Image(name) => name,
    }
}

fn triples<'a>(
    image: &Image,
    settings: &PlatformSettings,
    catalog: &'a Catalog,
) -> Result<Vec<&'a Target>, PlanError> {
    let platform = &settings.platform;
    if let Base::Image(base) = &settings.base {
        return Err(PlanError::Base {
            image: image.name.clone(),
            base: base.clone(),
        });
    }
    if let Some(triple) = &settings.target {
        let target = catalog
            .by_triple(triple)
            .ok_or_else(|| PlanError::UnknownTarget {
                image: image.name.clone(),
                triple: triple.clone(),
                help: nearest(triple, catalog.iter().map(|target| target.triple.as_str())),
            })?;
        if target.platform != *platform {
            return Err(PlanError::WrongTarget {
                image: image.name.clone(),
                triple: triple.clone(),
                builds: target.platform.to_string(),
                platform: platform.to_string(),
            });
        }
        return Ok(vec![target]);
    }
    let found: Vec<&Target> = [Libc::None, Libc::Musl, Libc::Gnu]
        .into_iter()
        .filter_map(|libc| catalog.for_platform(platform, libc))
        .filter(|target| target.libc != Libc::Gnu || !target.static_rustflags.is_empty())
        .collect();
    if found.is_empty() {
        let known: BTreeSet<String> = catalog.iter().map(|target| target.platform.to_string()).collect();
        let known: Vec<String> = known.into_iter().collect();
        return Err(PlanError::NoTarget {
            image: image.name.clone(),
            platform: platform.clone(),
            help: format!("known platforms: {}", known.join(", ")),
        });
    }
    Ok(found)
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
