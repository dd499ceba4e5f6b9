//! What the registry holds, and which manifests it takes.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Repositories by name.
#[derive(Default)]
pub struct Store {
    pub repositories: BTreeMap<String, Repository>,
    pub(super) sessions: BTreeMap<u64, Vec<u8>>,
    pub(super) next_session: u64,
}

/// One repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Media type and bytes by digest.
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// Digest by tag.
    pub tags: BTreeMap<String, String>,
}

/// A refusal: status, code, message.
pub type Refusal = (u16, &'static str, String);

/// `sha256:...` of `bytes`.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

impl Store {
    /// A repository that must exist.
    pub fn of(&self, name: &str) -> &Repository {
        self.repositories
            .get(name)
            .unwrap_or_else(|| panic!("repository {name} is missing"))
    }

    pub(super) fn open_session(&mut self) -> u64 {
        self.next_session += 1;
        self.sessions.insert(self.next_session, Vec::new());
        self.next_session
    }
}

impl Repository {
    /// The digest that a tag or digest names.
    pub fn resolve(&self, reference: &str) -> Option<String> {
        let digest = self
            .tags
            .get(reference)
            .cloned()
            .unwrap_or_else(|| reference.to_owned());
        self.manifests.contains_key(&digest).then_some(digest)
    }

    /// Every problem of what is stored: wrong digests, and references to what is missing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (digest, bytes) in &self.blobs {
            if sha256(bytes) != *digest {
                problems.push(format!("blob {digest} is wrong"));
            }
        }
        for (digest, (media_type, bytes)) in &self.manifests {
            if sha256(bytes) != *digest {
                problems.push(format!("manifest {digest} is wrong"));
            }
            problems.extend(self.check(media_type, bytes).err().map(|(_, _, message)| message));
        }
        let loose = self
            .tags
            .iter()
            .filter(|(_, digest)| !self.manifests.contains_key(*digest));
        problems.extend(loose.map(|(tag, _)| format!("tag {tag} names nothing")));
        problems
    }

    /// Takes a manifest under a tag or digest.
    pub(super) fn put(
        &mut self,
        reference: &str,
        media_type: &str,
        bytes: Vec<u8>,
        checked: bool,
    ) -> Result<String, Refusal> {
        let digest = sha256(&bytes);
        if reference.contains(':') && reference != digest {
            return Err((400, "DIGEST_INVALID", format!("these bytes are {digest}")));
        }
        if checked {
            self.check(media_type, &bytes)?;
        }
        if !reference.contains(':') {
            self.tags.insert(reference.to_owned(), digest.clone());
        }
        self.manifests
            .insert(digest.clone(), (media_type.to_owned(), bytes));
        Ok(digest)
    }

    /// Descriptors of the manifests whose subject is `digest`.
    pub(super) fn referrers(&self, digest: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for (own, (media_type, bytes)) in &self.manifests {
            let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
            if value["subject"]["digest"] == digest {
                found.push(
                    serde_json::json!({"mediaType": media_type, "digest": own, "size": bytes.len(),
                    "artifactType": value["artifactType"], "annotations": value["annotations"]}),
                );
            }
        }
        found
    }

    fn check(&self, media_type: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let invalid = |message: &str| (400, "MANIFEST_INVALID", message.to_owned());
        let value: Value = serde_json::from_slice(bytes).map_err(|_| invalid("no JSON"))?;
        if value["mediaType"] != media_type {
            return Err(invalid("Content-Type differs from mediaType"));
        }
        let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        for child in list("manifests") {
            let digest = child["digest"].as_str().unwrap_or_default();
            let stored = self.manifests.get(digest);
            let (kind, bytes) =
                stored.ok_or((404, "MANIFEST_UNKNOWN", format!("manifest {digest} is missing")))?;
            if child["mediaType"] != **kind || child["size"] != bytes.len() {
                return Err(invalid("a descriptor does not fit its manifest"));
            }
        }
        let config = value.get("config").cloned();
        for part in config.into_iter().chain(list("layers")) {
            let digest = part["digest"].as_str().unwrap_or_default();
            let stored = self.blobs.get(digest);
            let blob = stored.ok_or((400, "MANIFEST_BLOB_UNKNOWN", format!("blob {digest} is missing")))?;
            if part["size"] != blob.len() {
                return Err(invalid("a descriptor does not fit its blob"));
            }
        }
        Ok(())
    }
}
