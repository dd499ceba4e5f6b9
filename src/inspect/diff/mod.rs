//! [`Difference`]: what two images differ in, and why.
//!
//! In: two [`Place`]s. Out: by platform, layer, file, setting and annotation what was added, removed or changed. Only
//! layers that differ are read, each pair once, however many platforms have it; of them facts are held, never content. It
//! must not call a layer the same that it has not compared.

mod config;
mod facts;
mod fields;
mod files;
mod others;
mod pairs;
mod reason;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;

pub use config::ConfigChange;
pub use facts::{FileFacts, largest_files};
pub use files::FileChange;
pub use others::OtherDifference;
pub use reason::Reason;

use super::contents::{self, Contents, Single};
use super::{InspectError, Place, report};
use crate::spec::{Descriptor, DiffId, Digest, Platform};
use facts::{Allowance, LayerFacts};
use pairs::Pair;

/// What two images differ in.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The first image.
    pub before: Side,
    /// The second one.
    pub after: Side,
    /// They are the same, byte by byte; of the platforms that were asked for, where some were.
    pub same: bool,
    /// Annotations of the indexes.
    pub annotations: Vec<ConfigChange>,
    /// Other fields of the indexes: `subject`, `artifactType`.
    pub fields: Vec<ConfigChange>,
    /// The platforms, those of the first image in its order before those that only the second has.
    pub platforms: Vec<PlatformDifference>,
    /// What else the indexes list, where it differs; not looked at where platforms were asked for.
    pub others: Vec<OtherDifference>,
    /// The indexes are others, and nothing in them is: they are written in another way, or in another order.
    pub rewritten: bool,
}

/// One of the two.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Side {
    /// The name it was asked for by.
    pub name: String,
    /// Digest of the index or manifest.
    pub digest: Digest,
    /// What that is.
    pub media_type: String,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing.
    Same,
    /// It is at another place, and is the same.
    Moved,
    /// It is another one.
    Changed,
    /// Only the second image has it.
    Added,
    /// Only the first image has it.
    Removed,
}

/// The values of something in the two images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// In the first image, if it has it.
    pub before: Option<T>,
    /// In the second image, if it has it.
    pub after: Option<T>,
}

/// What differs on one platform.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PlatformDifference {
    /// The platform.
    pub platform: Platform,
    /// What became of it.
    pub state: State,
    /// Digests of the manifests.
    pub manifest: Change<Digest>,
    /// Bytes of the layers, compressed, each once.
    pub size: Change<u64>,
    /// The base, where the images say that it is another one.
    pub base: Option<Change<String>>,
    /// Layers, lowest first.
    pub layers: Vec<LayerDifference>,
    /// Settings of the config.
    pub config: Vec<ConfigChange>,
    /// Entries of the config's history, by their positions from 0.
    pub history: Vec<ConfigChange>,
    /// Annotations of the manifests.
    pub annotations: Vec<ConfigChange>,
    /// Other fields of the manifests: `subject`, `artifactType`.
    pub fields: Vec<ConfigChange>,
    /// Annotations that the indexes give them. They may be others where the image is the same.
    pub index_annotations: Vec<ConfigChange>,
    /// Other fields that the indexes give them: `platform os.version`.
    pub index_fields: Vec<ConfigChange>,
    /// The manifests or configs are others, and nothing in them is: they are written in another way.
    pub rewritten: bool,
}

/// What differs in one layer.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct LayerDifference {
    /// What became of it.
    pub state: State,
    /// The layer in the first image.
    pub before: Option<LayerSide>,
    /// The layer in the second image.
    pub after: Option<LayerSide>,
    /// Why it is another one.
    pub reasons: Vec<Reason>,
    /// Its files that differ; the largest differences first.
    pub files: Vec<FileChange>,
}

/// A layer in one of the images.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct LayerSide {
    /// Its position from below, from 0.
    pub position: usize,
    /// Digest of the stored bytes.
    pub digest: Digest,
    /// Digest of the uncompressed tar, as the config says; that of a layer which was read is that of its tar.
    pub diff_id: Option<DiffId>,
    /// Media type, with its compression.
    pub media_type: String,
    /// Number of the stored bytes.
    pub size: u64,
    /// Bytes of the uncompressed tar; none where it was not read.
    pub uncompressed: Option<u64>,
    /// What made it, from the config's history.
    pub created_by: Option<String>,
}

/// Compares two images, on some platforms, or on all where none is named.
///
/// # Errors
/// When one is not there or no image, or a manifest, config or layer that differs is missing, damaged or too large.
pub async fn diff(before: &Place, after: &Place, platforms: &[Platform]) -> Result<Difference, InspectError> {
    let contents = [contents::read(before).await?, contents::read(after).await?];
    let wanted = |platform: &Platform| platforms.is_empty() || platforms.contains(platform);
    let mut differ = Differ {
        places: [before, after],
        left: Allowance::default(),
        several: contents.iter().all(|contents| contents.images.len() > 1) && platforms.len() != 1,
        known: HashMap::new(),
    };
    let [old, new] = &contents;
    for platform in platforms {
        let there = |contents: &Contents| contents.images.iter().any(|image| image.platform == *platform);
        if !there(old) && !there(new) {
            // Its error says what there is.
            new.of(after.name(), Some(platform))?;
        }
    }
    let mut taken = vec![false; new.images.len()];
    let mut found = Vec::new();
    for image in old.images.iter().filter(|image| wanted(&image.platform)) {
        let partner =
            (0..new.images.len()).find(|at| !taken[*at] && new.images[*at].platform == image.platform);
        if let Some(at) = partner {
            taken[at] = true;
        }
        found.push(
            differ
                .platform(Some(image), partner.map(|at| &new.images[at]))
                .await?,
        );
    }
    for (image, taken) in new.images.iter().zip(&taken) {
        if !taken && wanted(&image.platform) {
            found.push(differ.platform(None, Some(image)).await?);
        }
    }
    let side = |place: &Place, contents: &Contents| Side {
        name: place.name().to_owned(),
        digest: contents.root.digest,
        media_type: contents.root.media_type.clone(),
    };
    let all_same = found.iter().all(|platform| platform.state == State::Same);
    let mut difference = Difference {
        same: old.root.digest == new.root.digest || (!platforms.is_empty() && all_same),
        before: side(before, old),
        after: side(after, new),
        annotations: config::of_maps(&of_index(old), &of_index(new)),
        fields: of_roots(old, new)?,
        platforms: found,
        others: match platforms.is_empty() {
            true => others::compare(old, new),
            false => Vec::new(),
        },
        rewritten: false,
    };
    difference.rewritten = !difference.same && difference.says_nothing();
    Ok(difference)
}

impl Difference {
    /// Nothing is listed that differs.
    fn says_nothing(&self) -> bool {
        let settings = [&self.annotations, &self.fields];
        let mut platforms = self.platforms.iter();
        self.before.media_type == self.after.media_type
            && settings.iter().all(|list| list.is_empty())
            && self.others.is_empty()
            && platforms.all(|one| one.state == State::Same && one.says_nothing())
    }
}

impl PlatformDifference {
    /// Nothing is listed that differs.
    fn says_nothing(&self) -> bool {
        let settings = [
            &self.config,
            &self.history,
            &self.annotations,
            &self.fields,
            &self.index_annotations,
            &self.index_fields,
        ];
        let mut layers = self.layers.iter();
        settings.iter().all(|list| list.is_empty())
            && layers.all(|layer| layer.state == State::Same && layer.reasons.is_empty())
    }
}

/// It is a manifest that stands alone: what it says is said of its platform.
fn is_alone(contents: &Contents) -> bool {
    let mut images = contents.images.iter();
    images.any(|image| image.object.digest == contents.root.digest)
}

/// Annotations of an index.
fn of_index(contents: &Contents) -> BTreeMap<String, String> {
    match is_alone(contents) {
        true => BTreeMap::new(),
        false => contents.annotations.clone(),
    }
}

/// Fields of two indexes, or of what else is no image, but for what they list and annotations.
fn of_roots(old: &Contents, new: &Contents) -> Result<Vec<ConfigChange>, InspectError> {
    if is_alone(old) || is_alone(new) {
        return Ok(Vec::new());
    }
    let value = |contents: &Contents| -> Result<Value, InspectError> {
        contents::parse(&contents.root.bytes, &contents.root.digest, "manifest")
    };
    let without = ["annotations", "manifests"];
    Ok(fields::of_objects(&value(old)?, &value(new)?, &without))
}

/// Compares platform after platform.
struct Differ<'p> {
    places: [&'p Place; 2],
    left: Allowance,
    /// There are other platforms that may have the same layers.
    several: bool,
    /// What was found of layers that were read, for other platforms that have them, too.
    known: HashMap<[Option<Named>; 2], Read>,
}

/// A layer, and the tar that it is said to be.
type Named = (Digest, Option<DiffId>);

/// What reading one or two layers gives.
#[derive(Clone)]
struct Read {
    uncompressed: [Option<u64>; 2],
    reasons: Vec<Reason>,
    files: Vec<FileChange>,
}

impl Differ<'_> {
    async fn platform(
        &mut self,
        before: Option<&Single>,
        after: Option<&Single>,
    ) -> Result<PlatformDifference, InspectError> {
        let one = after.or(before).expect("one of them has the platform");
        let digest = |image: &Single| image.object.digest;
        let state = match (before, after) {
            (None, _) => State::Added,
            (_, None) => State::Removed,
            (Some(before), Some(after)) if digest(before) == digest(after) => State::Same,
            _ => State::Changed,
        };
        let mut difference = PlatformDifference {
            platform: one.platform.clone(),
            state,
            manifest: Change {
                before: before.map(digest),
                after: after.map(digest),
            },
            size: Change {
                before: before.map(report::weight).transpose()?,
                after: after.map(report::weight).transpose()?,
            },
            base: None,
            layers: Vec::new(),
            config: Vec::new(),
            history: Vec::new(),
            annotations: Vec::new(),
            fields: Vec::new(),
            index_annotations: Vec::new(),
            index_fields: Vec::new(),
            rewritten: false,
        };
        if let (State::Changed, Some(before), Some(after)) = (state, before, after) {
            difference.base = reason::base(before, after);
            difference.config = config::of_configs(&before.config, &after.config);
            difference.history = config::of_histories(&before.config, &after.config);
            difference.annotations = config::of_maps(&before.annotations, &after.annotations);
            difference.fields = fields::of_manifests(before, after);
            difference.layers = self.layers(before, after, difference.base.as_ref()).await?;
            if difference.layers.iter().all(|layer| layer.state == State::Same) {
                // Else the layers have others by right, and say them.
                let tars = config::of_diff_ids(&before.config, &after.config);
                difference.config.extend(tars);
            }
            difference.rewritten = difference.says_nothing();
        }
        if let (Some(before), Some(after)) = (before, after) {
            let entries = (before.entry.as_ref(), after.entry.as_ref());
            difference.index_annotations = fields::of_annotations(entries);
            difference.index_fields = fields::of_entries(entries);
        }
        Ok(difference)
    }

    async fn layers(
        &mut self,
        before: &Single,
        after: &Single,
        base: Option<&Change<String>>,
    ) -> Result<Vec<LayerDifference>, InspectError> {
        let sides = [side(before)?, side(after)?];
        let written = [before, after].map(fields::written);
        let mut layers = Vec::new();
        for pair in pairs::pair(&sides[0], &sides[1])? {
            let Pair {
                state,
                before: old,
                after: new,
            } = pair;
            let mut layer = LayerDifference {
                state,
                before: old.map(|at| sides[0][at].clone()),
                after: new.map(|at| sides[1][at].clone()),
                reasons: Vec::new(),
                files: Vec::new(),
            };
            let descriptors = [
                old.map(|at| &before.manifest.layers()[at]),
                new.map(|at| &after.manifest.layers()[at]),
            ];
            if let (State::Same | State::Moved, Some(old), Some(new)) = (state, old, new) {
                let what = fields::names(&written[0]["layers"][old], &written[1]["layers"][new]);
                if !what.is_empty() {
                    layer.reasons.push(Reason::Described { what });
                }
            } else {
                let read = self.read([&layer.before, &layer.after], descriptors).await?;
                for (side, uncompressed) in [&mut layer.before, &mut layer.after]
                    .into_iter()
                    .zip(read.uncompressed)
                {
                    side.iter_mut().for_each(|side| side.uncompressed = uncompressed);
                }
                layer.reasons.extend(reason::of_base(base, &layer, &sides));
                layer.reasons.extend(read.reasons);
                layer.files = read.files;
            }
            layers.push(layer);
        }
        Ok(layers)
    }

    /// Reads what there is of two layers, and compares it.
    async fn read(
        &mut self,
        sides: [&Option<LayerSide>; 2],
        descriptors: [Option<&Descriptor>; 2],
    ) -> Result<Read, InspectError> {
        let key = sides.map(|side| side.as_ref().map(|side| (side.digest, side.diff_id)));
        if let Some(read) = self.known.get(&key) {
            return Ok(read.clone());
        }
        let mut facts: [Option<LayerFacts>; 2] = [None, None];
        for (at, (side, descriptor)) in sides.into_iter().zip(descriptors).enumerate() {
            if let (Some(side), Some(descriptor)) = (side, descriptor) {
                facts[at] = Some(self.facts(self.places[at], side, descriptor).await?);
            }
        }
        let uncompressed = facts
            .each_ref()
            .map(|facts| facts.as_ref().map(|facts| facts.uncompressed));
        let same = match &facts {
            [Some(old), Some(new)] => Some((old.diff_id == new.diff_id, old.order() == new.order())),
            _ => None,
        };
        let [old, new] = facts.map(|facts| facts.map(|facts| facts.files).unwrap_or_default());
        let files = files::compare(old, new);
        let reason = same.map(|(tar, order)| reason::of_changed(tar, order, &files));
        let read = Read {
            uncompressed,
            reasons: reason.into_iter().collect(),
            files,
        };
        if self.several {
            self.known.insert(key, read.clone());
        }
        Ok(read)
    }

    async fn facts(
        &mut self,
        place: &Place,
        side: &LayerSide,
        descriptor: &Descriptor,
    ) -> Result<LayerFacts, InspectError> {
        let (digest, media_type, left) = (side.digest, descriptor.media_type().clone(), self.left);
        let read = place
            .layer(descriptor, move |bytes| facts::read(bytes, &media_type, left))
            .await?;
        let (facts, left) = read.map_err(|source| InspectError::Layer { digest, source })?;
        self.left = left;
        match side.diff_id {
            Some(expected) if expected == facts.diff_id => Ok(facts),
            expected => Err(InspectError::DiffId {
                digest,
                expected: expected.map_or_else(|| "none".to_owned(), |id| format!("`{id}`")),
                found: facts.diff_id,
            }),
        }
    }
}

fn side(image: &Single) -> Result<Vec<LayerSide>, InspectError> {
    let layers = report::layers(image)?.into_iter().enumerate();
    let side = |(position, layer): (usize, report::LayerReport)| LayerSide {
        position,
        digest: layer.digest,
        diff_id: layer.diff_id,
        media_type: layer.media_type,
        size: layer.size,
        uncompressed: None,
        created_by: layer.created_by,
    };
    Ok(layers.map(side).collect())
}
