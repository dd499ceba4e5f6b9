//! [`Walk`]: from an index or manifest down to everything that it leads to, wherever the bytes come from.
//!
//! It asks for one manifest or config after the other ([`Walk::wanted`]) and is given its bytes ([`Walk::took`]), which
//! whoever gives them has compared with their digest. So one walk serves files and registries alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Part, ReadError};
use crate::release::{BlobSource, Content, ManifestBytes};
use crate::spec::{Descriptor, Digest, Listing, ManifestFormat, MediaType, Platform};

/// The largest manifest or config that is read: registries take no more than 4 MiB of a manifest.
pub(in crate::release) const LIMIT: u64 = 4 << 20;
/// Indexes below each other, at most.
const DEPTH: usize = Listing::DEPTH;
/// Entries of one index, at most. There are some 40 platforms, each with an attestation.
const CHILDREN: usize = 200;
/// Manifests of one image, at most.
const MANIFESTS: usize = Listing::MANIFESTS;
/// Bytes of all of them together, at most.
const BYTES: u64 = 64 << 20;
/// Blobs of one manifest, at most.
const BLOBS: usize = 1000;

/// What a manifest or an index leads to; both shapes in one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    media_type: Option<String>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// What is wanted next.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) digest: Digest,
    pub(super) size: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Manifest {
        media_type: String,
        depth: usize,
    },
    /// The config of a manifest of which nobody says the platform.
    Config {
        of: Digest,
    },
}

impl Wanted {
    /// Whether it is a manifest or index; else it is a blob.
    pub(super) fn is_manifest(&self) -> bool {
        matches!(self.kind, Kind::Manifest { .. })
    }
}

/// A walk that has begun.
pub(super) struct Walk {
    name: String,
    root: Digest,
    seen: BTreeMap<Digest, Seen>,
    /// What configs say, where nobody else says the platform.
    said: BTreeMap<Digest, Platform>,
    blobs: Vec<(Digest, u64)>,
    waiting: Vec<Wanted>,
    asked: BTreeSet<Digest>,
    bytes: u64,
    configs_asked: bool,
}

/// A manifest or index that was taken in.
struct Seen {
    manifest: ManifestBytes,
    children: Vec<Descriptor>,
    config: Option<Descriptor>,
}

impl Walk {
    /// Begins at a root whose digest was checked; `media_type` is what its place says it is.
    pub(super) fn new(name: &str, media_type: &str, bytes: Vec<u8>) -> Result<Self, ReadError> {
        let root = Digest::of(&bytes);
        let mut walk = Self {
            name: name.to_owned(),
            root,
            seen: BTreeMap::new(),
            said: BTreeMap::new(),
            blobs: Vec::new(),
            waiting: Vec::new(),
            asked: BTreeSet::from([root]),
            bytes: 0,
            configs_asked: false,
        };
        let kind = Kind::Manifest {
            media_type: media_type.to_owned(),
            depth: DEPTH,
        };
        let size = bytes.len() as u64;
        let wanted = Wanted {
            digest: root,
            size,
            kind,
        };
        walk.took(&wanted, bytes)?;
        Ok(walk)
    }

    /// What is to be read next; none when all is there.
    pub(super) fn wanted(&mut self) -> Result<Option<Wanted>, ReadError> {
        if self.waiting.is_empty() && !self.configs_asked {
            self.configs_asked = true;
            self.waiting = self.unsaid()?;
        }
        let next = self.waiting.pop();
        match &next {
            Some(wanted) if wanted.size > LIMIT => Err(self.unbounded("4 MiB in a manifest or config")),
            _ => Ok(next),
        }
    }

    /// What can be read beside each other next, at most so many; empty when all is there.
    pub(super) fn several(&mut self, most: usize) -> Result<Vec<Wanted>, ReadError> {
        let mut wanted = Vec::from_iter(self.wanted()?);
        while !wanted.is_empty() && wanted.len() < most && !self.waiting.is_empty() {
            wanted.extend(self.wanted()?);
        }
        Ok(wanted)
    }

    /// Takes in the bytes of what was wanted; they have its digest.
    pub(super) fn took(&mut self, wanted: &Wanted, bytes: Vec<u8>) -> Result<(), ReadError> {
        let digest = wanted.digest;
        if bytes.len() as u64 != wanted.size {
            let size = |count: u64| format!("{count} bytes");
            return Err(self.described(&digest, size(bytes.len() as u64), size(wanted.size)));
        }
        self.bytes += wanted.size;
        if self.bytes > BYTES {
            return Err(self.unbounded("64 MiB of manifests"));
        }
        match &wanted.kind {
            Kind::Manifest { media_type, depth } => self.manifest(digest, media_type, *depth, bytes),
            Kind::Config { of } => {
                let config: Value = self.parsed(&digest, "config", &bytes)?;
                let word = |key: &str| config[key].as_str().filter(|word| !word.is_empty());
                if let (Some(os), Some(architecture)) = (word("os"), word("architecture")) {
                    let platform = Platform::new(os, architecture, word("variant"));
                    self.said.insert(*of, platform);
                }
                Ok(())
            }
        }
    }

    /// Everything, when nothing is wanted any more; `place` says where a blob of that digest and size lies.
    pub(super) fn finish(self, place: impl Fn(Digest, u64) -> BlobSource) -> Part {
        let (mut order, mut entries) = (Vec::new(), Vec::new());
        self.below(&self.root, &mut BTreeSet::new(), &mut order);
        let root = self.seen[&self.root].manifest.clone();
        if root.is_index() {
            self.list(&self.root, &mut BTreeSet::new(), &mut entries);
        } else {
            let media_type = MediaType::from(root.media_type());
            entries.push(self.complete(Descriptor::new(media_type, root.size(), *root.digest())));
        }
        let blobs = self.blobs.iter().map(|(digest, size)| place(*digest, *size));
        Part {
            name: self.name.clone(),
            image: None,
            content: Content {
                root,
                manifests: order,
                blobs: blobs.collect(),
            },
            entries,
        }
    }

    fn manifest(
        &mut self,
        digest: Digest,
        media_type: &str,
        depth: usize,
        bytes: Vec<u8>,
    ) -> Result<(), ReadError> {
        let node: Node = self.parsed(&digest, "manifest", &bytes)?;
        // Old manifests do not say it themselves, and some places call every manifest JSON.
        let media_type = match node.media_type {
            Some(own) if own == media_type || !is_known(media_type) => own,
            Some(own) => {
                return Err(self.described(&digest, format!("a `{own}`"), format!("a `{media_type}`")));
            }
            None => media_type.to_owned(),
        };
        if !is_known(&media_type) {
            return Err(ReadError::NotAnImage {
                name: self.name.clone(),
                digest,
                media_type,
            });
        }
        let manifest = ManifestBytes::new(media_type, bytes);
        let mut seen = Seen {
            children: Vec::new(),
            config: None,
            manifest,
        };
        if seen.manifest.is_index() {
            self.ask(&node.manifests, depth)?;
            seen.children = node.manifests;
        } else {
            self.add_blobs(node.config.iter().chain(&node.layers))?;
            seen.config = node.config;
        }
        self.seen.insert(digest, seen);
        Ok(())
    }

    fn ask(&mut self, children: &[Descriptor], depth: usize) -> Result<(), ReadError> {
        if children.len() > CHILDREN {
            return Err(self.unbounded("200 manifests in one index"));
        }
        for child in children {
            let digest = Digest::try_from(child.digest())?;
            if depth == 0 {
                return Err(self.unbounded("8 indexes below each other"));
            }
            if self.asked.insert(digest) {
                let kind = Kind::Manifest {
                    media_type: child.media_type().to_string(),
                    depth: depth - 1,
                };
                let size = child.size();
                self.waiting.push(Wanted { digest, size, kind });
            }
        }
        match self.asked.len() > MANIFESTS {
            true => Err(self.unbounded("1000 manifests")),
            false => Ok(()),
        }
    }

    fn add_blobs<'d>(&mut self, blobs: impl Iterator<Item = &'d Descriptor>) -> Result<(), ReadError> {
        for (count, blob) in blobs.enumerate() {
            if count == BLOBS {
                return Err(self.unbounded("1000 layers in one manifest"));
            }
            // Layers that may not be handed on lie somewhere else.
            let elsewhere = blob.urls().as_ref().is_some_and(|urls| !urls.is_empty());
            let media_type = blob.media_type().to_string();
            if elsewhere && (media_type.contains("nondistributable") || media_type.contains("foreign")) {
                continue;
            }
            let (digest, size) = (Digest::try_from(blob.digest())?, blob.size());
            match self.blobs.iter().find(|(known, _)| *known == digest) {
                Some((_, known)) if *known != size => {
                    return Err(self.described(&digest, format!("{size} bytes"), format!("{known} bytes")));
                }
                Some(_) => {}
                None => self.blobs.push((digest, size)),
            }
        }
        Ok(())
    }

    /// The configs of manifests whose platform nothing but these says.
    fn unsaid(&self) -> Result<Vec<Wanted>, ReadError> {
        let mut manifests = vec![self.root];
        for child in self.seen.values().flat_map(|seen| &seen.children) {
            if child.platform().is_none() {
                manifests.push(Digest::try_from(child.digest())?);
            }
        }
        let mut configs = Vec::new();
        for of in manifests {
            let config = self.seen.get(&of).and_then(|seen| seen.config.as_ref());
            if let Some(config) = config.filter(|config| is_config(config.media_type())) {
                configs.push(Wanted {
                    digest: Digest::try_from(config.digest())?,
                    size: config.size(),
                    kind: Kind::Config { of },
                });
            }
        }
        Ok(configs)
    }

    /// Everything below `digest`, children before parents.
    fn below(&self, digest: &Digest, done: &mut BTreeSet<Digest>, order: &mut Vec<ManifestBytes>) {
        for child in self.seen[digest].children.iter().filter_map(digest_of) {
            if done.insert(child) {
                self.below(&child, done, order);
                order.push(self.seen[&child].manifest.clone());
            }
        }
    }

    /// The manifests that an index lists; those of an index in it in its place.
    fn list(&self, index: &Digest, done: &mut BTreeSet<Digest>, entries: &mut Vec<Descriptor>) {
        for child in &self.seen[index].children {
            let Some(digest) = digest_of(child).filter(|digest| done.insert(*digest)) else {
                continue;
            };
            match self.seen[&digest].manifest.is_index() {
                true => self.list(&digest, done, entries),
                false => entries.push(self.complete(child.clone())),
            }
        }
    }

    /// A descriptor with the platform that the config says, where it has none itself.
    fn complete(&self, mut descriptor: Descriptor) -> Descriptor {
        if descriptor.platform().is_none() {
            let said = digest_of(&descriptor).and_then(|digest| self.said.get(&digest));
            descriptor.set_platform(said.map(Platform::to_oci));
        }
        descriptor
    }

    fn parsed<T: serde::de::DeserializeOwned>(
        &self,
        digest: &Digest,
        what: &'static str,
        bytes: &[u8],
    ) -> Result<T, ReadError> {
        serde_json::from_slice(bytes).map_err(|source| ReadError::Broken {
            name: self.name.clone(),
            digest: *digest,
            what,
            source,
        })
    }

    fn described(&self, digest: &Digest, found: String, described: String) -> ReadError {
        ReadError::Described {
            name: self.name.clone(),
            digest: *digest,
            found,
            described,
        }
    }

    fn unbounded(&self, limit: &'static str) -> ReadError {
        ReadError::Unbounded {
            name: self.name.clone(),
            limit,
        }
    }
}

fn digest_of(descriptor: &Descriptor) -> Option<Digest> {
    Digest::try_from(descriptor.digest()).ok()
}

fn is_known(media_type: &str) -> bool {
    [ManifestFormat::Oci, ManifestFormat::Docker]
        .iter()
        .any(|format| {
            [format.index(), format.manifest()]
                .iter()
                .any(|known| known.as_ref() == media_type)
        })
}

fn is_config(media_type: &MediaType) -> bool {
    [ManifestFormat::Oci, ManifestFormat::Docker]
        .iter()
        .any(|format| format.config() == *media_type)
}
