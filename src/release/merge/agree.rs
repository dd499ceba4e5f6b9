//! What the parts of one image must agree on, and what becomes of the rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::MergeError;
use crate::release::{ManifestBytes, Part};
use crate::spec::{Descriptor, ManifestFormat, annotation};

/// What says which software this is, and which state of it.
const IDENTITY: [&str; 3] = [annotation::TITLE, annotation::VERSION, annotation::REVISION];

/// The annotations of an index or manifest.
pub fn said(root: &ManifestBytes) -> BTreeMap<String, String> {
    let value: Value = serde_json::from_slice(root.bytes()).unwrap_or_default();
    serde_json::from_value(value["annotations"].clone()).unwrap_or_default()
}

/// Names in a row.
pub(super) fn list<T: ToString>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// Whose media types everything has.
pub(super) fn format(parts: &[Part]) -> Result<ManifestFormat, MergeError> {
    let is_of = |format: ManifestFormat, media_type: &str| {
        [format.index(), format.manifest()]
            .iter()
            .any(|known| known.as_ref() == media_type)
    };
    let of = |media_type: &str| match is_of(ManifestFormat::Docker, media_type) {
        true => ManifestFormat::Docker,
        false => ManifestFormat::Oci,
    };
    let mut first: Option<(&Part, ManifestFormat)> = None;
    for part in parts {
        let entries = part.entries.iter().map(Descriptor::media_type);
        let all = entries.map(|media_type| of(media_type.as_ref()));
        for found in all.chain([of(part.content.root.media_type())]) {
            match first {
                Some((other, format)) if format != found => {
                    let docker = [(other, format), (part, found)];
                    let docker = docker
                        .iter()
                        .find(|(_, format)| *format == ManifestFormat::Docker);
                    return Err(MergeError::Mixed {
                        first: other.name.clone(),
                        second: part.name.clone(),
                        docker: docker.map_or_else(String::new, |(part, _)| part.name.clone()),
                    });
                }
                Some(_) => {}
                None => first = Some((part, found)),
            }
        }
    }
    Ok(first.map_or(ManifestFormat::Oci, |(_, format)| format))
}

/// That nobody calls the image by another name.
pub(super) fn names(parts: &[Part]) -> Result<(), MergeError> {
    let mut named = parts.iter().filter_map(|part| Some((part, part.image.as_ref()?)));
    let Some((first, name)) = named.next() else {
        return Ok(());
    };
    match named.find(|(_, other)| *other != name) {
        Some((second, other)) => Err(MergeError::Differ {
            what: "image".to_owned(),
            first: first.name.clone(),
            one: name.clone(),
            second: second.name.clone(),
            two: other.clone(),
        }),
        None => Ok(()),
    }
}

/// The annotations that all parts have alike. Of those that say what this is, no two may differ.
pub(super) fn annotations(
    parts: &[Part],
    notices: &mut Vec<String>,
) -> Result<BTreeMap<String, String>, MergeError> {
    let all: Vec<(&Part, BTreeMap<String, String>)> = parts
        .iter()
        .map(|part| (part, said(&part.content.root)))
        .collect();
    for key in IDENTITY {
        let mut values = all.iter().filter_map(|(part, said)| Some((part, said.get(key)?)));
        let first = values.next();
        let other = first.and_then(|(_, value)| values.find(|(_, other)| *other != value));
        if let (Some((first, one)), Some((second, two))) = (first, other) {
            return Err(MergeError::Differ {
                what: key.to_owned(),
                first: first.name.clone(),
                one: one.clone(),
                second: second.name.clone(),
                two: two.clone(),
            });
        }
    }
    let keys: BTreeSet<&String> = all.iter().flat_map(|(_, said)| said.keys()).collect();
    let (mut common, mut left_out) = (BTreeMap::new(), Vec::new());
    for key in keys {
        let (_, said) = &all[0];
        match said.get(key) {
            Some(value) if all.iter().all(|(_, said)| said.get(key) == Some(value)) => {
                common.insert(key.clone(), value.clone());
            }
            _ => left_out.push(key.as_str()),
        }
    }
    if !left_out.is_empty() {
        notices.push(format!(
            "the index does not say {}: the images that were merged do not all say the same",
            left_out.join(", ")
        ));
    }
    Ok(common)
}
