//! [`Known`]: manifests that lie here, and what follows for a registry whose tag names one of them.
//!
//! In: digests that a registry says its tags name now, and whoever can read manifests here. Out: [`There`], all that
//! these lead to: a registry that has them has that too, so none of it is asked for or sent. Nothing is believed but what
//! the registry says now and bytes with the right digest; that something was sent once means nothing.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{BlobContent, BlobSource, ManifestBytes};
use crate::blob::MANIFEST_LIMIT;
use crate::registry::Repository;
use crate::spec::Digest;

/// Bound on how many manifests and blobs are known at once: more than any image has.
const COUNT: usize = 50_000;

/// Reads manifests that lie here.
pub trait Known: Send + Sync {
    /// The bytes of the manifest or index of that digest, if they are here. They are checked by whoever asks.
    fn manifest(&self, digest: &Digest) -> Option<Vec<u8>>;
}

/// Knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Known for Nothing {
    fn manifest(&self, _: &Digest) -> Option<Vec<u8>> {
        None
    }
}

impl<F: Fn(&Digest) -> Option<Vec<u8>> + Send + Sync> Known for F {
    fn manifest(&self, digest: &Digest) -> Option<Vec<u8>> {
        self(digest)
    }
}

/// What a registry has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct There {
    pub(super) manifests: BTreeSet<Digest>,
    pub(super) blobs: BTreeSet<Digest>,
}

/// What a manifest or an index points to.
#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    manifests: Vec<Child>,
    config: Option<Child>,
    #[serde(default)]
    layers: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    digest: Digest,
    /// What may lie elsewhere only.
    #[serde(default)]
    urls: Vec<String>,
}

impl There {
    /// All that `roots` lead to, as far as `known` and `ours` can tell.
    pub(super) fn below(roots: BTreeSet<Digest>, known: &dyn Known, ours: &[ManifestBytes]) -> Self {
        let mut there = Self::default();
        let mut waiting: Vec<Digest> = roots.into_iter().collect();
        while let Some(digest) = waiting.pop() {
            if there.manifests.contains(&digest) || there.manifests.len() + there.blobs.len() > COUNT {
                continue;
            }
            let own = ours.iter().find(|manifest| *manifest.digest() == digest);
            let bytes = own.map(|manifest| manifest.bytes().to_vec());
            let Some(node) = bytes
                .or_else(|| read(known, &digest))
                .and_then(|bytes| node(&bytes))
            else {
                continue;
            };
            there.manifests.insert(digest);
            waiting.extend(node.manifests.iter().map(|child| child.digest));
            let blobs = node.config.iter().chain(&node.layers);
            let here = blobs.filter(|blob| blob.urls.is_empty());
            there.blobs.extend(here.map(|blob| blob.digest));
        }
        there
    }

    /// Adds those of `blobs` that are to be read from `repository` itself: where a manifest of it was read, what that lists is
    /// there.
    pub(super) fn lie_in(&mut self, repository: &Repository, blobs: &[BlobSource]) {
        let here = |blob: &&BlobSource| matches!(&blob.content, BlobContent::Remote(at) if at == repository);
        let here = blobs.iter().filter(here);
        self.blobs.extend(here.map(|blob| blob.digest));
    }
}

fn read(known: &dyn Known, digest: &Digest) -> Option<Vec<u8>> {
    let bytes = known.manifest(digest)?;
    let right = bytes.len() as u64 <= MANIFEST_LIMIT && Digest::of(&bytes) == *digest;
    right.then_some(bytes)
}

fn node(bytes: &[u8]) -> Option<Node> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_has_follows_from_what_lies_here() {
        let (config, layer, far) = (Digest::of(b"c"), Digest::of(b"l"), Digest::of(b"far"));
        let manifest = format!(
            r#"{{"config":{{"digest":"{config}"}},"layers":[{{"digest":"{layer}"}},{{"digest":"{far}","urls":["https://x"]}}]}}"#
        )
        .into_bytes();
        let (child, absent) = (Digest::of(&manifest), Digest::of(b"absent"));
        let index =
            format!(r#"{{"manifests":[{{"digest":"{child}"}},{{"digest":"{absent}"}}]}}"#).into_bytes();
        let root = Digest::of(&index);
        let all = vec![(root, index.clone()), (child, manifest.clone())];
        let only = |kept: Vec<(Digest, Vec<u8>)>| {
            move |digest: &Digest| {
                kept.iter()
                    .find(|(known, _)| known == digest)
                    .map(|(_, bytes)| bytes.clone())
            }
        };
        let set = |digests: &[Digest]| digests.iter().copied().collect::<BTreeSet<_>>();
        for (what, kept, manifests, blobs) in [
            ("all", all.clone(), set(&[root, child]), set(&[config, layer])),
            ("the index alone", all[..1].to_vec(), set(&[root]), set(&[])),
            ("a child alone", all[1..].to_vec(), set(&[]), set(&[])),
            ("other bytes", vec![(root, manifest.clone())], set(&[]), set(&[])),
            ("no manifest", vec![(root, b"?".to_vec())], set(&[]), set(&[])),
        ] {
            let there = There::below(set(&[root]), &only(kept), &[]);
            assert_eq!((there.manifests, there.blobs), (manifests, blobs), "{what}");
        }
        let ours = [ManifestBytes::new("m", index), ManifestBytes::new("m", manifest)];
        assert_eq!(
            There::below(set(&[root]), &Nothing, &ours).blobs,
            set(&[config, layer])
        );
        assert_eq!(There::below(set(&[absent]), &Nothing, &ours), There::default());
    }
}
