//! [`OtherDifference`]: what else indexes list, and differ in. It is not read: its digest says whether it is another one.

use serde::Serialize;

use super::config::ConfigChange;
use super::{Change, State, fields};
use crate::inspect::OtherKind;
use crate::inspect::contents::{Beside, Contents, REFERENCE_DIGEST};
use crate::spec::{Digest, Platform};

/// Something in an index that is no image to run, and differs.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct OtherDifference {
    /// What it is.
    pub kind: OtherKind,
    /// What became of it, or of what the index says of it.
    pub state: State,
    /// What it holds.
    pub artifact_type: Option<String>,
    /// The platform of the image that it is about.
    pub about: Option<Platform>,
    /// Digests of the manifests.
    pub manifest: Change<Digest>,
    /// Annotations that the indexes give it.
    pub index_annotations: Vec<ConfigChange>,
    /// Other fields that the indexes give it.
    pub index_fields: Vec<ConfigChange>,
}

/// What else the two have and differ in: those of the first in its order, then what only the second has. The same
/// manifest is paired first, then what is of one kind and about one platform.
pub(super) fn compare(old: &Contents, new: &Contents) -> Vec<OtherDifference> {
    let mut left: Vec<&Beside> = new.others.iter().collect();
    let mut take = |fits: &dyn Fn(&Beside) -> bool| {
        let found = left.iter().position(|one| fits(one))?;
        Some(left.remove(found))
    };
    let mut partners: Vec<Option<&Beside>> = Vec::new();
    for one in &old.others {
        partners.push(take(&|other| other.other.digest == one.other.digest));
    }
    for (one, partner) in old.others.iter().zip(&mut partners) {
        if partner.is_none() {
            *partner = take(&|other| sort(other, new) == sort(one, old));
        }
    }
    let mut found = Vec::new();
    for (one, partner) in old.others.iter().zip(partners) {
        found.extend(difference(Some((one, old)), partner.map(|other| (other, new))));
    }
    for one in left {
        found.extend(difference(None, Some((one, new))));
    }
    found
}

/// What it is, what it holds, and of which platform the image is that it is about.
fn sort<'c>(one: &'c Beside, of: &'c Contents) -> (OtherKind, Option<&'c str>, Option<&'c Platform>) {
    let about = one.other.about;
    let image = of.images.iter().find(|image| about == Some(image.object.digest));
    let artifact_type = one.other.artifact_type.as_deref();
    (one.other.kind, artifact_type, image.map(|image| &image.platform))
}

type Side<'c> = Option<(&'c Beside, &'c Contents)>;

fn difference(before: Side<'_>, after: Side<'_>) -> Option<OtherDifference> {
    let (one, of) = after.or(before)?;
    let (kind, artifact_type, about) = sort(one, of);
    let manifest = Change {
        before: before.map(|(one, _)| one.other.digest),
        after: after.map(|(one, _)| one.other.digest),
    };
    let mut difference = OtherDifference {
        kind,
        state: match (before, after) {
            (None, _) => State::Added,
            (_, None) => State::Removed,
            _ => State::Changed,
        },
        artifact_type: artifact_type.map(str::to_owned),
        about: about.cloned(),
        index_annotations: Vec::new(),
        index_fields: Vec::new(),
        manifest,
    };
    if let (Some((before, _)), Some((after, _))) = (before, after) {
        let entries = (before.entry.as_ref(), after.entry.as_ref());
        difference.index_annotations = fields::of_annotations(entries);
        // Which image it is about is said by its platform.
        let about = |change: &ConfigChange| difference.about.is_some() && change.name == REFERENCE_DIGEST;
        difference.index_annotations.retain(|change| !about(change));
        difference.index_fields = fields::of_entries(entries);
        let said = !difference.index_annotations.is_empty() || !difference.index_fields.is_empty();
        if before.other.digest == after.other.digest && !said {
            return None;
        }
    }
    Some(difference)
}
