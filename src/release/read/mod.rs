//! [`Part`]: an image that lies somewhere, read so that it can be brought somewhere else.
//!
//! In: a layout or archive and the name of an entry, or a registry and a reference. Out: all of its manifests, verified
//! against digest and size, what they list, and where their blobs can be read. Blobs of files are verified here, those of
//! a registry when they are read; none is ever held. What others wrote is bounded in every direction, and never followed
//! out of its place.

mod error;
#[cfg(test)]
mod tests;
mod walk;

use std::io;

pub use error::ReadError;
pub(super) use walk::LIMIT;
use walk::Walk;

use super::{BlobSource, Content, ReleaseError, all};
use crate::archive::Layout;
use crate::registry::{Client, Repository};
use crate::spec::{Descriptor, Digest, Platform, Reference, annotation};

/// How many manifests are held before they are looked into.
const AT_ONCE: usize = 8;

/// An image that was read.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where it lies, as the user named it.
    pub name: String,
    /// What its maker calls it, if somebody said so.
    pub image: Option<String>,
    /// All of it.
    pub content: Content,
    /// The manifests that it is made of, in their order, each with its platform where it has one: those of the index,
    /// and of indexes in it, or the one that stands alone.
    pub entries: Vec<Descriptor>,
}

impl Part {
    /// The image of each platform, in their order.
    pub fn images(&self) -> Vec<(Platform, Digest)> {
        let image = |entry| Some((platform(entry)?, Digest::try_from(entry.digest()).ok()?));
        self.entries.iter().filter_map(image).collect()
    }

    /// The platforms of its images, in their order.
    pub fn platforms(&self) -> Vec<Platform> {
        self.images().into_iter().map(|(platform, _)| platform).collect()
    }
}

/// What an entry runs on; none where it says that it runs nowhere, as attestations do.
pub(super) fn platform(entry: &Descriptor) -> Option<Platform> {
    let platform = entry.platform().as_ref().map(Platform::from)?;
    (platform.os() != "unknown" && platform.architecture() != "unknown").then_some(platform)
}

/// Reads an image of a layout or an oci-archive; `name` is how the user calls that. `entry` is the entry's name (or its
/// digest); it may be left out where there is one. All blobs are read once, to verify them: this blocks.
///
/// # Errors
/// When there is no such entry, or something is missing, damaged or too large.
pub fn layout(layout: &Layout, name: &str, entry: Option<&str>) -> Result<Part, ReleaseError> {
    read_layout(layout, name, entry).map_err(ReleaseError::from)
}

fn read_layout(layout: &Layout, name: &str, entry: Option<&str>) -> Result<Part, ReadError> {
    let root = chosen(layout, name, entry)?;
    let digest = Digest::try_from(root.digest())?;
    let mut walk = Walk::new(name, root.media_type().as_ref(), layout.read(&digest, LIMIT)?)?;
    while let Some(wanted) = walk.wanted()? {
        let bytes = layout.read(&wanted.digest, LIMIT)?;
        walk.took(&wanted, bytes)?;
    }
    let part = walk.finish(|digest, size| BlobSource::file(digest, size, layout.path()));
    let mut placed = Vec::new();
    for blob in &part.content.blobs {
        placed.push(verified(layout, name, blob)?);
    }
    Ok(Part {
        content: Content {
            blobs: placed,
            ..part.content
        },
        ..part
    })
}

/// The blob where it lies in the layout, after it was read once.
fn verified(layout: &Layout, name: &str, blob: &BlobSource) -> Result<BlobSource, ReadError> {
    let mut stored = layout.blob(&blob.digest)?;
    let failed = |source| ReadError::Blob {
        name: name.to_owned(),
        digest: blob.digest,
        source,
    };
    if stored.size() != blob.size {
        return Err(ReadError::Described {
            name: name.to_owned(),
            digest: blob.digest,
            found: format!("{} bytes", stored.size()),
            described: format!("{} bytes", blob.size),
        });
    }
    // The end of the stream is an error if the digest is another.
    io::copy(&mut stored, &mut io::sink()).map_err(failed)?;
    let (path, offset) = layout.place(&blob.digest)?;
    Ok(match path == layout.path() {
        true => BlobSource::within(blob.digest, blob.size, path, offset),
        false => BlobSource::file(blob.digest, blob.size, path),
    })
}

fn chosen(layout: &Layout, name: &str, wanted: Option<&str>) -> Result<Descriptor, ReadError> {
    let entries = layout.index().manifests();
    let named = |entry: &Descriptor| entry.annotations().as_ref()?.get(annotation::REF_NAME).cloned();
    let names: Vec<String> = entries.iter().filter_map(named).collect();
    let help = match names.is_empty() {
        true => "none of its entries has a name".to_owned(),
        false => format!("it holds: {}", names.join(", ")),
    };
    match (wanted, entries.as_slice()) {
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(ReadError::WhichEntry {
            name: name.to_owned(),
            count: entries.len(),
            help,
        }),
        (Some(wanted), _) => {
            let is_it = |entry: &&Descriptor| {
                named(entry).as_deref() == Some(wanted) || entry.digest().to_string() == wanted
            };
            let found = entries.iter().find(is_it).cloned();
            found.ok_or_else(|| ReadError::NoEntry {
                name: name.to_owned(),
                wanted: wanted.to_owned(),
                help,
            })
        }
    }
}

/// Reads an image of a registry. Its blobs stay there; a registry that is the same takes them over by itself.
///
/// # Errors
/// When it is not there or not whole, or the registry cannot be read.
pub async fn registry(client: &Client, reference: &Reference) -> Result<Part, ReleaseError> {
    let name = reference.to_string();
    let repository = Repository::from(reference);
    let root = client.manifest(reference).await?;
    let root = root.ok_or_else(|| ReadError::NotFound {
        reference: name.clone(),
    })?;
    let mut walk = Walk::new(&name, &root.media_type, root.bytes)?;
    loop {
        let wanted = walk.several(AT_ONCE)?;
        if wanted.is_empty() {
            break;
        }
        let asked = wanted.iter().map(|wanted| {
            let (client, repository, digest) = (client.clone(), repository.clone(), wanted.digest);
            let is_manifest = wanted.is_manifest();
            async move {
                match is_manifest {
                    true => Ok(client
                        .manifest(&repository.at(&digest))
                        .await?
                        .map(|found| found.bytes)),
                    false => client.blob_bytes(&repository, &digest, LIMIT).await.map(Some),
                }
            }
        });
        for (wanted, bytes) in wanted.iter().zip(all(asked).await?) {
            let bytes = bytes.ok_or_else(|| ReadError::ManifestMissing {
                name: name.clone(),
                digest: wanted.digest,
            })?;
            walk.took(wanted, bytes)?;
        }
    }
    Ok(walk.finish(|digest, size| BlobSource::remote(digest, size, repository.clone())))
}
