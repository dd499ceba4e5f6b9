//! [`Reason`]: why a layer is another one.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::files::{FileChange, TOUCHED};
use super::{Change, LayerDifference, LayerSide, State};
use crate::inspect::contents::Single;
use crate::spec::annotation::{BASE_DIGEST, BASE_NAME};

/// Why a layer is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// It is a layer of the base, and the image says that this is another one.
    Base {
        /// The base's digest in the first image.
        before: Option<String>,
        /// The base's digest in the second image.
        after: Option<String>,
    },
    /// The same tar, compressed in another way.
    Compression,
    /// The same files in another order.
    Order,
    /// The same files in the same order, with the same facts: their tars are written in other ways.
    Encoding,
    /// The same content; only this differs.
    Metadata {
        /// `mode`, `owner`, `attributes`, `time`.
        what: Vec<&'static str>,
    },
    /// The same stored bytes, and manifests that describe them in other words.
    Described {
        /// Fields of the descriptor: `mediaType`, `annotations`.
        what: Vec<String>,
    },
    /// Files differ.
    Files {
        /// How many only the second layer has.
        added: usize,
        /// How many only the first layer has.
        removed: usize,
        /// How many are others.
        changed: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base { before, after } => {
                let shown = |digest: &Option<String>| digest.as_deref().unwrap_or("none").to_owned();
                write!(f, "the base changed from {} to {}", shown(before), shown(after))
            }
            Self::Described { what } => {
                write!(f, "same bytes, described in other words: {}", what.join(", "))
            }
            Self::Compression => f.write_str("same tar, other compression"),
            Self::Order => f.write_str("same files in another order"),
            Self::Encoding => f.write_str("same files, in a tar that is written in another way"),
            Self::Metadata { what } => {
                let plural: Vec<&str> = what.iter().map(|what| plural(what)).collect();
                match plural.split_last() {
                    Some((last, rest)) if !rest.is_empty() => {
                        write!(f, "only {} and {last} differ", rest.join(", "))
                    }
                    _ => write!(f, "only {} differ", plural.join("")),
                }
            }
            Self::Files {
                added,
                removed,
                changed,
            } => {
                let parts = [(added, "added"), (removed, "removed"), (changed, "changed")];
                let parts = parts.into_iter().filter(|(count, _)| **count > 0);
                let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}")).collect();
                write!(f, "files differ: {}", parts.join(", "))
            }
        }
    }
}

fn plural(what: &str) -> &str {
    match what {
        "mode" => "modes",
        "owner" => "owners",
        "time" => "times",
        other => other,
    }
}

/// Why a layer that is in both images is another one.
pub(super) fn of_changed(same_tar: bool, same_order: bool, files: &[FileChange]) -> Reason {
    if same_tar {
        return Reason::Compression;
    }
    let of = |state| files.iter().filter(move |file| file.state == state);
    let what: BTreeSet<&str> = of(State::Changed)
        .flat_map(|file| file.what.iter().copied())
        .collect();
    let (added, removed) = (of(State::Added).count(), of(State::Removed).count());
    if files.is_empty() {
        return if same_order {
            Reason::Encoding
        } else {
            Reason::Order
        };
    }
    if added + removed == 0 && what.iter().all(|what| TOUCHED.contains(what)) {
        return Reason::Metadata {
            what: TOUCHED
                .into_iter()
                .filter(|touched| what.contains(touched))
                .collect(),
        };
    }
    Reason::Files {
        added,
        removed,
        changed: of(State::Changed).count(),
    }
}

/// The bases of two images, where they say that these are different: in annotations, or in labels where the format has
/// no annotations.
pub(super) fn base(before: &Single, after: &Single) -> Option<Change<String>> {
    let of = |image: &Single, key: &str| {
        let label = || image.config["config"]["Labels"][key].as_str().map(str::to_owned);
        let said = image.annotations.get(key).cloned().or_else(label);
        // buildah writes empty ones for what has no base.
        said.filter(|text| !text.is_empty())
    };
    let named = |image: &Single| match (of(image, BASE_NAME), of(image, BASE_DIGEST)) {
        (Some(name), Some(digest)) if !name.contains('@') => Some(format!("{name}@{digest}")),
        (name, digest) => digest.or(name),
    };
    if of(before, BASE_DIGEST) == of(after, BASE_DIGEST) {
        return None;
    }
    Some(Change {
        before: named(before),
        after: named(after),
    })
}

/// How our own layers begin in the history.
const OURS: &str = "cargo gantry:";

/// That a layer is another one because the base is. Which layers are the base's nobody writes down: the lowest one is, and
/// so is what lies below a layer that we have made.
pub(super) fn of_base(
    base: Option<&Change<String>>,
    layer: &LayerDifference,
    sides: &[Vec<LayerSide>; 2],
) -> Option<Reason> {
    let base = base?;
    let ours = |side: &LayerSide| side.created_by.as_deref().is_some_and(|by| by.starts_with(OURS));
    let of_base = |layer: &Option<LayerSide>, all: &[LayerSide], has_base: bool| {
        layer.as_ref().is_none_or(|layer| {
            let below = all[layer.position..].iter().any(ours) || layer.position == 0;
            has_base && !ours(layer) && below
        })
    };
    let found = of_base(&layer.before, &sides[0], base.before.is_some())
        && of_base(&layer.after, &sides[1], base.after.is_some());
    found.then(|| Reason::Base {
        before: base.before.clone(),
        after: base.after.clone(),
    })
}
