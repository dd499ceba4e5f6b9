//! What refers to an image: signatures, SBOMs, debug information. Found beside it, and brought along.
//!
//! In: an image, and where it lies. Out: the manifests that name one of its own as their subject, and those that name
//! these: a signature of an SBOM. They are read whole and verified like everything else. No deeper: what refers to a
//! signature is nobody's business here.

use std::collections::BTreeSet;

use serde_json::Value;

use super::listing::companion;
use super::read::{self, LIMIT, ReadError};
use super::{Content, ManifestBytes, Part, ReleaseError};
use crate::archive::Layout;
use crate::registry::{Client, Repository};
use crate::spec::{Digest, Reference};

/// How many are brought along, at most.
const MOST: usize = 1000;

/// Something that refers to an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Referrer {
    /// All of it.
    pub part: Part,
    /// The tag by which cosign finds it, which has no subject of its own.
    pub tag: Option<String>,
}

/// The digest of the manifest that another one refers to.
pub fn subject(manifest: &ManifestBytes) -> Option<Digest> {
    let value: Value = serde_json::from_slice(manifest.bytes()).ok()?;
    value["subject"]["digest"].as_str()?.parse().ok()
}

/// What refers to `content` in a repository, each after what it refers to. What is no image manifest is left out, with its
/// digest in the second list.
///
/// # Errors
/// When the registry cannot be read, or one of them is not whole.
pub async fn in_registry(
    client: &Client,
    repository: &Repository,
    content: &Content,
) -> Result<(Vec<Referrer>, Vec<Digest>), ReleaseError> {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let mut subjects: Vec<Digest> = digests(content);
    let all = subjects.clone();
    for _ in 0..2 {
        let mut next = Vec::new();
        for of in &subjects {
            for referrer in client.referrers(repository, of, None).await? {
                let digest = Digest::try_from(referrer.digest()).map_err(ReadError::from)?;
                if !seen.insert(digest) {
                    continue;
                }
                match read::registry(client, &repository.at(&digest)).await {
                    Ok(part) => found.push(Referrer { part, tag: None }),
                    Err(ReleaseError::Read(ReadError::NotAnImage { .. })) => left_out.push(digest),
                    Err(error) => return Err(error),
                }
                next.push(digest);
                bounded(&found, &repository.to_string())?;
            }
        }
        subjects = next;
    }
    for tag in client.tags(repository).await?.unwrap_or_default() {
        if names_one_of(&tag, &all) {
            let part = read::registry(client, &repository.tagged(&tag)).await?;
            found.push(Referrer { part, tag: Some(tag) });
            bounded(&found, &repository.to_string())?;
        }
    }
    Ok((found, left_out))
}

/// Whether cosign would store something about one of these manifests under that tag. The list of referrers, which has no
/// ending, is made anew where it is needed.
fn names_one_of(tag: &str, digests: &[Digest]) -> bool {
    companion(tag).is_some_and(|digest| digests.contains(&digest) && tag.contains('.'))
}

/// What refers to `content` in a layout: entries of its index whose manifests, or whose names, say so.
///
/// # Errors
/// When one of them is missing, damaged or not whole.
pub fn in_layout(layout: &Layout, name: &str, content: &Content) -> Result<Vec<Referrer>, ReleaseError> {
    let (mut all, mut named) = (Vec::new(), Vec::new());
    let mut subjects = digests(content);
    for entry in layout.entries() {
        let digest = Digest::try_from(entry.descriptor.digest()).map_err(ReadError::from)?;
        let read = || read::layout(layout, name, Some(&digest.to_string()));
        if let Some(tag) = entry.name.filter(|tag| names_one_of(tag, &subjects)) {
            let part = read()?;
            named.push(Referrer { part, tag: Some(tag) });
            continue;
        }
        let bytes = layout.read(&digest, LIMIT).map_err(ReadError::from)?;
        let manifest = ManifestBytes::new(entry.descriptor.media_type().as_ref(), bytes);
        if let Some(subject) = subject(&manifest) {
            let part = read()?;
            all.push((subject, Referrer { part, tag: None }));
        }
    }
    let mut found: Vec<Referrer> = Vec::new();
    for _ in 0..2 {
        let is_new = |referrer: &Referrer| {
            let digest = referrer.part.content.digest();
            !found.iter().any(|found| found.part.content.digest() == digest)
        };
        let next: Vec<Referrer> = all
            .iter()
            .filter(|(subject, referrer)| subjects.contains(subject) && is_new(referrer))
            .map(|(_, referrer)| referrer.clone())
            .collect();
        subjects = next
            .iter()
            .map(|referrer| *referrer.part.content.digest())
            .collect();
        found.extend(next);
    }
    found.extend(named);
    bounded(&found, name)?;
    Ok(found)
}

/// Writes referrers to a repository that has what they refer to, so that whoever asks for them finds them. Gives how many
/// were not there.
///
/// # Errors
/// When the registry cannot be reached or refuses one.
pub async fn to_registry(
    client: &Client,
    repository: &Repository,
    referrers: &[Referrer],
) -> Result<u64, ReleaseError> {
    let mut written = 0;
    for referrer in referrers {
        if is_there(client, repository, referrer).await? {
            continue;
        }
        let content = &referrer.part.content;
        for blob in &content.blobs {
            client.push_blob(repository, blob).await?;
        }
        let write = async |reference: Reference, manifest: &ManifestBytes| {
            client
                .put_manifest(&reference, manifest.media_type(), manifest.bytes())
                .await
        };
        for manifest in &content.manifests {
            write(repository.at(manifest.digest()), manifest).await?;
        }
        let root = &content.root;
        match &referrer.tag {
            Some(tag) => {
                write(repository.tagged(tag), root).await?;
            }
            None => {
                client
                    .put_referrer(repository, root.media_type(), root.bytes())
                    .await?;
            }
        }
        written += 1;
    }
    Ok(written)
}

async fn is_there(
    client: &Client,
    repository: &Repository,
    referrer: &Referrer,
) -> Result<bool, ReleaseError> {
    let root = &referrer.part.content.root;
    if let Some(tag) = &referrer.tag {
        let found = client.manifest_digest(&repository.tagged(tag)).await?;
        return Ok(found.is_some_and(|found| found.digest == *root.digest()));
    }
    let Some(subject) = subject(root) else {
        return Ok(false);
    };
    let there = client.referrers(repository, &subject, None).await?;
    let ours = root.digest().to_string();
    Ok(there.iter().any(|known| known.digest().to_string() == ours))
}

fn digests(content: &Content) -> Vec<Digest> {
    let manifests = content.manifests.iter().chain([&content.root]);
    manifests.map(|manifest| *manifest.digest()).collect()
}

fn bounded(found: &[Referrer], name: &str) -> Result<(), ReleaseError> {
    if found.len() <= MOST {
        return Ok(());
    }
    let name = name.to_owned();
    let limit = "1000 manifests that refer to it";
    Err(ReadError::Unbounded { name, limit }.into())
}
