//! What must hold of a store and a registry whatever happened to those who wrote them.

use std::fs;
use std::path::Path;

use cargo_gantry::archive::Layout;
use cargo_gantry::blob::Blob;
use cargo_gantry::spec::Digest;

use crate::support::registry::{Registry, Store};

/// Every file among the blobs is what its name says, and every entry of the index is there with all that it names.
pub(crate) fn store(root: &Path) {
    let Ok(files) = fs::read_dir(root.join("blobs/sha256")) else {
        return;
    };
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let digest: Digest = format!("sha256:{name}").parse().unwrap();
        assert_eq!(Digest::of(&fs::read(&path).unwrap()), digest);
    }
    // Killed before its first two files were written, it is no layout yet.
    if !root.join("oci-layout").exists() || !root.join("index.json").exists() {
        return;
    }
    let layout = Layout::open(root).unwrap();
    for entry in layout.entries() {
        for descriptor in layout.reach(&entry.descriptor).unwrap() {
            let blob = Blob::described(&descriptor).unwrap();
            layout.read(&blob.digest, blob.size).unwrap();
        }
    }
}

/// How many entries the store names.
pub(crate) fn entries(root: &Path) -> usize {
    Layout::open(root).unwrap().entries().len()
}

/// Nothing that the registry holds is wrong or names what is missing.
pub(crate) fn registry(registry: &Registry, name: &str) {
    registry.store(|store: &mut Store| {
        if let Some(repository) = store.repositories.get(name) {
            assert_eq!(repository.problems(), Vec::<String>::new());
        }
    });
}

/// The digest that a tag names in the registry.
pub(crate) fn tag(registry: &Registry, name: &str, tag: &str) -> Option<String> {
    registry.store(|store: &mut Store| store.repositories.get(name)?.tags.get(tag).cloned())
}
