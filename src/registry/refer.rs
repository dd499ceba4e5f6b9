//! Writing what refers to a manifest, also where the registry keeps no list of referrers itself.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject>
//!
//! In: a manifest with a subject. Out: that manifest at the registry, and found by whoever asks for what refers to its
//! subject. The list under the fallback tag must never lose an entry to another writer in this process, nor, as far as
//! the registry lets us see one, to any other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::Mutex as Turn;

use super::manifest::{Condition, Fetched};
use super::referrers::{INDEX, fallback_tag};
use super::transmit::protocol;
use super::{Client, RegistryError, Repository};
use crate::spec::Digest;
use crate::spec::json::to_vec;

/// How often a list is written before we give in to the other writers.
const ROUNDS: u32 = 6;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referred {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The tag whose list names it, where the registry keeps none.
    pub tag: Option<String>,
}

/// One turn for each list that is being rewritten.
#[derive(Default)]
pub(super) struct Subjects(Mutex<HashMap<(Repository, Digest), OneAtATime>>);

type OneAtATime = Arc<Turn<()>>;

impl Subjects {
    fn of(&self, repository: &Repository, subject: Digest) -> OneAtATime {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry((repository.clone(), subject)).or_default().clone()
    }
}

impl Client {
    /// Writes a manifest that has a subject, under its digest. Where the registry does not say that it has noted the
    /// subject, the list under the tag `sha256-...` of that is kept up to date.
    ///
    /// # Errors
    /// As [`Client::put_manifest`]; when `bytes` have no subject; when the tag names something else than a list; and
    /// when others keep changing it at the same time.
    pub async fn put_referrer(
        &self,
        repository: &Repository,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Referred, RegistryError> {
        let digest = Digest::of(bytes);
        let what = format!("manifest {digest} for `{repository}`");
        let (subject, entry) = entry(media_type, bytes, &digest)
            .ok_or_else(|| protocol(&what, "it is no manifest that names a subject"))?;
        let reference = repository.at(&digest);
        let answer = self.write_manifest(&reference, media_type, bytes, None).await?;
        if answer.headers().contains_key("oci-subject") {
            return Ok(Referred { digest, tag: None });
        }
        let turn = self.0.subjects.of(repository, subject);
        let _mine = turn.lock().await;
        let tag = fallback_tag(&subject);
        self.list(repository, &tag, &entry).await?;
        Ok(Referred {
            digest,
            tag: Some(tag),
        })
    }

    /// Has the list under `tag` name `entry`. What was written is read again: the entry may have been lost to another
    /// writer.
    async fn list(&self, repository: &Repository, tag: &str, entry: &Value) -> Result<(), RegistryError> {
        let reference = repository.tagged(tag);
        let what = format!("the list of referrers `{reference}`");
        let mut conflict = None;
        for _ in 0..ROUNDS {
            let found = self.marked_manifest(&reference).await?;
            let (mut entries, condition) = match &found {
                // An `If-Match` needs a mark, and few registries give one.
                Some((fetched, mark)) => (
                    entries(fetched, &what)?,
                    mark.as_deref().map(Condition::Unchanged),
                ),
                None => (Vec::new(), Some(Condition::New)),
            };
            if entries.iter().any(|known| known["digest"] == entry["digest"]) {
                return Ok(());
            }
            entries.push(entry.clone());
            let index = to_vec(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}));
            match self.write_manifest(&reference, INDEX, &index, condition).await {
                Ok(_) => {}
                // Somebody else was first.
                Err(RegistryError::Refused { what, source }) if source.status == 412 => {
                    conflict = Some(RegistryError::Refused { what, source });
                }
                Err(error) => return Err(error),
            }
        }
        Err(conflict.unwrap_or_else(|| protocol(&what, "what is written there does not stay")))
    }
}

/// The entries of a list, each as it is.
fn entries(fetched: &Fetched, what: &str) -> Result<Vec<Value>, RegistryError> {
    let list = (fetched.media_type == INDEX)
        .then(|| serde_json::from_slice::<Value>(&fetched.bytes).ok())
        .flatten();
    match list.map(|mut list| list["manifests"].take()) {
        Some(Value::Array(entries)) => Ok(entries),
        Some(Value::Null) => Ok(Vec::new()),
        _ => Err(protocol(
            what,
            "the tag names something that is no list of manifests",
        )),
    }
}

/// The subject of a manifest, and the descriptor by which a list names that manifest.
fn entry(media_type: &str, bytes: &[u8], digest: &Digest) -> Option<(Digest, Value)> {
    let manifest: Value = serde_json::from_slice(bytes).ok()?;
    let subject = manifest["subject"]["digest"].as_str()?.parse().ok()?;
    let mut entry = json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()});
    let filled = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let artifact_type =
        filled(&manifest["artifactType"]).or_else(|| filled(&manifest["config"]["mediaType"]));
    if let Some(artifact_type) = artifact_type {
        entry["artifactType"] = artifact_type.into();
    }
    if manifest["annotations"].is_object() {
        entry["annotations"] = manifest["annotations"].clone();
    }
    Some((subject, entry))
}
