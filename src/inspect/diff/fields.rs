//! Fields of manifests, and of the entries that list them: whatever is not compared in a way of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::config::{self, ConfigChange};
use crate::inspect::contents::Single;

/// What two objects differ in, but for the fields `without`.
pub(super) fn of_objects(before: &Value, after: &Value, without: &[&str]) -> Vec<ConfigChange> {
    config::of_maps(&fields("", before, without), &fields("", after, without))
}

/// What the manifests of two images differ in: everything but annotations and what layers and config hold.
pub(super) fn of_manifests(before: &Single, after: &Single) -> Vec<ConfigChange> {
    let all = |image: &Single| {
        let manifest = written(image);
        let mut all = fields("", &manifest, &["annotations", "config", "layers"]);
        all.extend(fields("config ", &manifest["config"], &["digest", "size"]));
        all
    };
    config::of_maps(&all(before), &all(after))
}

/// What two indexes say of a manifest; none where it stands alone.
type Entries<'e> = (Option<&'e Value>, Option<&'e Value>);

/// What two indexes say of a manifest in annotations.
pub(super) fn of_annotations(entries: Entries<'_>) -> Vec<ConfigChange> {
    compared(entries, |entry| fields("", &entry["annotations"], &[]))
}

/// What two indexes say of a manifest in other fields.
pub(super) fn of_entries(entries: Entries<'_>) -> Vec<ConfigChange> {
    let all = |entry: &Value| {
        let mut all = fields("", entry, &["annotations", "digest", "platform", "size"]);
        all.extend(fields("platform ", &entry["platform"], &[]));
        all
    };
    compared(entries, all)
}

fn compared(
    (before, after): Entries<'_>,
    all: impl Fn(&Value) -> BTreeMap<String, String>,
) -> Vec<ConfigChange> {
    match (before, after) {
        (Some(before), Some(after)) => config::of_maps(&all(before), &all(after)),
        _ => Vec::new(),
    }
}

/// The names of what two descriptors of the same bytes differ in.
pub(super) fn names(before: &Value, after: &Value) -> Vec<String> {
    let differ = of_objects(before, after, &["digest"]);
    differ.into_iter().map(|change| change.name).collect()
}

/// All of a manifest.
pub(super) fn written(image: &Single) -> Value {
    serde_json::from_slice(&image.object.bytes).unwrap_or_default()
}

fn fields(prefix: &str, object: &Value, without: &[&str]) -> BTreeMap<String, String> {
    let fields = object.as_object().into_iter().flatten();
    let fields = fields.filter(|(key, _)| !without.contains(&key.as_str()));
    fields
        .map(|(key, value)| (format!("{prefix}{key}"), config::shown(value)))
        .collect()
}
