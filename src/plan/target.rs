//! Which triple serves a platform: the base decides, what is installed breaks the tie.

use std::collections::BTreeSet;

use super::{PlanError, Selection};
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
}

/// A decided triple.
#[derive(Clone, Debug)]
pub(super) struct Decision<'a> {
    pub target: &'a Target,
    /// glibc, but linked statically, because the base has no C library to load.
    pub static_glibc: bool,
    pub why: String,
}

/// What must be looked up (and may be installed) before a [`super::draft`]: one entry for each distinct list.
///
/// # Errors
/// When a platform or triple is not in the catalog.
pub fn candidates(
    matrix: &Matrix,
    catalog: &Catalog,
    selection: &Selection,
) -> Result<Vec<Candidates>, PlanError> {
    let mut all = BTreeSet::new();
    let images = if matrix.images.is_empty() {
        std::slice::from_ref(&matrix.unnamed)
    } else {
        &matrix.images
    };
    for image in images
        .iter()
        .filter(|image| selection.packs_image(&image.name) || matrix.images.is_empty())
    {
        for settings in image
            .platforms
            .iter()
            .filter(|settings| selection.packs_platform(&settings.platform))
        {
            let triples = triples(image, settings, catalog)?
                .iter()
                .map(|target| target.triple.clone())
                .collect();
            all.insert(Candidates {
                platform: settings.platform.clone(),
                triples,
            });
        }
    }
    Ok(all.into_iter().collect())
}

/// The triple for one platform of one image; `None` when no candidate's std is installed.
pub(super) fn decide<'a>(
    image: &Image,
    settings: &PlatformSettings,
    catalog: &'a Catalog,
    installed: &BTreeSet<String>,
) -> Result<Result<Decision<'a>, String>, PlanError> {
    let targets = triples(image, settings, catalog)?;
    let Some(&target) = targets.iter().find(|target| installed.contains(&target.triple)) else {
        return Ok(Err(targets[0].triple.clone()));
    };
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
    Ok(Ok(Decision {
        target,
        static_glibc,
        why,
    }))
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
