//! What lies in a layout or a registry, walked from what is named there down to every blob.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::registry::Registry;

/// `sha256:...` of bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// A blob of a layout, which must be what it is called.
pub(crate) fn blob(layout: &Path, name: &str) -> Vec<u8> {
    let path = layout
        .join("blobs/sha256")
        .join(name.trim_start_matches("sha256:"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(digest(&bytes), name);
    bytes
}

/// The entries of a layout: name and digest.
pub(crate) fn entries(layout: &Path) -> Vec<(Option<String>, String)> {
    let Ok(index) = std::fs::read(layout.join("index.json")) else {
        return Vec::new();
    };
    let index: Value = serde_json::from_slice(&index).unwrap();
    let entries = index["manifests"].as_array().unwrap().iter();
    let entry = |entry: &Value| {
        let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str();
        (
            name.map(str::to_owned),
            entry["digest"].as_str().unwrap().to_owned(),
        )
    };
    entries.map(entry).collect()
}

/// Every blob that a digest leads to, itself among them; all of them whole.
pub(crate) fn reach(read: &dyn Fn(&str) -> Vec<u8>, root: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(root.to_owned(), true)];
    while let Some((name, is_manifest)) = waiting.pop() {
        if found.contains_key(&name) {
            continue;
        }
        let bytes = read(&name);
        assert_eq!(digest(&bytes), name);
        if is_manifest {
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            for (key, manifest) in [("manifests", true), ("layers", false)] {
                for child in value[key].as_array().into_iter().flatten() {
                    waiting.push((child["digest"].as_str().unwrap().to_owned(), manifest));
                }
            }
            let config = value["config"]["digest"].as_str();
            waiting.extend(config.map(|config| (config.to_owned(), false)));
        }
        found.insert(name, bytes);
    }
    found
}

/// Everything of an image in a layout.
pub(crate) fn in_layout(layout: &Path, root: &str) -> BTreeMap<String, Vec<u8>> {
    reach(&|name| blob(layout, name), root)
}

/// Everything of an image in a repository.
pub(crate) fn in_registry(registry: &Registry, repository: &str, root: &str) -> BTreeMap<String, Vec<u8>> {
    registry.store(|store| {
        let repository = store.of(repository);
        let read = |name: &str| {
            let manifest = repository.manifests.get(name).map(|(_, bytes)| bytes.clone());
            let blob = || repository.blobs.get(name).cloned();
            manifest
                .or_else(blob)
                .unwrap_or_else(|| panic!("{name} is missing"))
        };
        reach(&read, root)
    })
}

/// What a tag names.
pub(crate) fn tag(registry: &Registry, repository: &str, tag: &str) -> Option<String> {
    registry.store(|store| store.repositories.get(repository)?.tags.get(tag).cloned())
}
