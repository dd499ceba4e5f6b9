//! A manifest that no two runs and no two tags share: a tag that points at one can be deleted with it, and nothing else.

use std::hash::{BuildHasher, RandomState};

use serde_json::json;

use crate::release::ManifestBytes;
use crate::release::listing::Node;
use crate::spec::Digest;
use crate::spec::json::to_vec;

/// The artifact type of placeholders.
const TYPE: &str = "application/vnd.cargo-gantry.pruned.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The config and the only layer.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor>
pub(super) const EMPTY: &[u8] = b"{}";

/// A placeholder for `tag` that nobody else makes.
pub(super) fn unique(tag: &str) -> ManifestBytes {
    let random = || RandomState::new().hash_one(tag);
    manifest(tag, &format!("{:016x}{:016x}", random(), random()))
}

/// Always the same: it is only made to be deleted by its digest.
pub(super) fn trial() -> ManifestBytes {
    manifest("", "trial")
}

/// Whether it is one, made by whichever run.
pub(super) fn is_placeholder(node: &Node) -> bool {
    node.artifact_type.as_deref() == Some(TYPE)
}

fn manifest(tag: &str, nonce: &str) -> ManifestBytes {
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "size": EMPTY.len(),
        "digest": Digest::of(EMPTY).to_string()});
    let value = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": TYPE, "config": empty,
        "layers": [empty], "annotations": {"vnd.cargo-gantry.pruned.tag": tag, "vnd.cargo-gantry.pruned.run": nonce}});
    ManifestBytes::new(MANIFEST, to_vec(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another() {
        assert_ne!(unique("a").digest(), unique("a").digest());
        assert_eq!(trial().digest(), trial().digest());
    }
}
