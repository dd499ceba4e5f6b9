//! What refers to an image: signatures, SBOMs, debug information. Found beside it, and brought along.
//!
//! In: an image, and where it lies. Out: the manifests that name one of its own as their subject, and those that name
//! these: a signature of an SBOM. They are read whole and verified like everything else. No deeper: what refers to a
//! signature is nobody's business here.

use std::collections::BTreeSet;

use serde_json::Value;

use super::read::{self, LIMIT, ReadError};
use super::{Content, ManifestBytes, Part, ReleaseError};
use crate::archive::Layout;
use crate::registry::{Client, Repository};
use crate::spec::Digest;

/// How many are brought along, at most.
const MOST: usize = 1000;

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
) -> Result<(Vec<Part>, Vec<Digest>), ReleaseError> {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let mut subjects: Vec<Digest> = digests(content);
    for _ in 0..2 {
        let mut next = Vec::new();
        for of in &subjects {
            for referrer in client.referrers(repository, of, None).await? {
                let digest = Digest::try_from(referrer.digest()).map_err(ReadError::from)?;
                if !seen.insert(digest) {
                    continue;
                }
                match read::registry(client, &repository.at(&digest)).await {
                    Ok(part) => found.push(part),
                    Err(ReleaseError::Read(ReadError::NotAnImage { .. })) => left_out.push(digest),
                    Err(error) => return Err(error),
                }
                next.push(digest);
                too_many(&found, repository)?;
            }
        }
        subjects = next;
    }
    Ok((found, left_out))
}

/// What refers to `content` in a layout: entries of its index whose manifests say so.
///
/// # Errors
/// When one of them is missing, damaged or not whole.
pub fn in_layout(layout: &Layout, name: &str, content: &Content) -> Result<Vec<Part>, ReleaseError> {
    let mut all = Vec::new();
    for entry in layout.index().manifests() {
        let digest = entry.digest().to_string();
        let bytes = layout.read(&Digest::try_from(entry.digest()).map_err(ReadError::from)?, LIMIT);
        let bytes = bytes.map_err(ReadError::from)?;
        let manifest = ManifestBytes::new(entry.media_type().as_ref(), bytes);
        if let Some(subject) = subject(&manifest) {
            all.push((subject, read::layout(layout, name, Some(&digest))?));
        }
        if all.len() > MOST {
            return Err(unbounded(name));
        }
    }
    let mut found: Vec<Part> = Vec::new();
    let mut subjects = digests(content);
    for _ in 0..2 {
        let fitting = |subject: &Digest, part: &Part| {
            let known = found
                .iter()
                .any(|found| found.content.digest() == part.content.digest());
            subjects.contains(subject) && !known
        };
        let next: Vec<Part> = all
            .iter()
            .filter(|(subject, part)| fitting(subject, part))
            .map(|(_, part)| part.clone())
            .collect();
        subjects = next.iter().map(|part| *part.content.digest()).collect();
        found.extend(next);
    }
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
    referrers: &[Part],
) -> Result<u64, ReleaseError> {
    let mut written = 0;
    for referrer in referrers {
        let root = &referrer.content.root;
        if let Some(subject) = subject(root) {
            let there = client.referrers(repository, &subject, None).await?;
            let ours = root.digest().to_string();
            if there.iter().any(|known| known.digest().to_string() == ours) {
                continue;
            }
        }
        for blob in &referrer.content.blobs {
            client.push_blob(repository, blob).await?;
        }
        for manifest in &referrer.content.manifests {
            let reference = repository.at(manifest.digest());
            client
                .put_manifest(&reference, manifest.media_type(), manifest.bytes())
                .await?;
        }
        client
            .put_referrer(repository, root.media_type(), root.bytes())
            .await?;
        written += 1;
    }
    Ok(written)
}

fn digests(content: &Content) -> Vec<Digest> {
    let manifests = content.manifests.iter().chain([&content.root]);
    manifests.map(|manifest| *manifest.digest()).collect()
}

fn too_many(found: &[Part], repository: &Repository) -> Result<(), ReleaseError> {
    match found.len() > MOST {
        true => Err(unbounded(&repository.to_string())),
        false => Ok(()),
    }
}

fn unbounded(name: &str) -> ReleaseError {
    let name = name.to_owned();
    let limit = "1000 manifests that refer to it";
    ReadError::Unbounded { name, limit }.into()
}
