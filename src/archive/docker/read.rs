//! [`DockerArchive`]: which images a docker archive holds.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::members::Members;
use crate::archive::ArchiveError;
use crate::blob::{BlobStore, MANIFEST_LIMIT};

/// Layers of one image, at most, and images of one archive. No runtime stacks more than a few hundred.
const LAYERS: usize = 1000;
const IMAGES: usize = 1000;

/// A tar as `docker save` writes it.
#[derive(Debug)]
pub struct DockerArchive {
    pub(super) members: Members,
    entries: Vec<DockerEntry>,
}

/// One image of an archive, as its `manifest.json` lists it.
/// <https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md#combined-image-json--filesystem-changeset-format>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct DockerEntry {
    /// The config's file.
    #[serde(rename = "Config")]
    pub config: String,
    /// The image's names, as they are written.
    #[serde(rename = "RepoTags", default, deserialize_with = "or_null")]
    pub names: Vec<String>,
    /// The layers' files, lowest first.
    #[serde(rename = "Layers", default, deserialize_with = "or_null")]
    pub layers: Vec<String>,
}

impl DockerArchive {
    /// Opens the archive at `path` and reads what it lists. One that is compressed with gzip is unpacked to a temporary
    /// file of `store`, which goes with this value.
    ///
    /// # Errors
    /// When it is no such archive, or its list cannot be read.
    pub fn open(path: impl Into<PathBuf>, store: &BlobStore) -> Result<Self, ArchiveError> {
        let path = path.into();
        let members = Members::of(&path, store)?;
        if !members.has(MANIFEST) {
            let help = if members.has("oci-layout") {
                "it holds an OCI layout: name it as `oci-archive:PATH`"
            } else if members.has("repositories") {
                "it was written by a docker older than 1.10: load it there, and save it with a newer one"
            } else {
                "expected a tar that holds `manifest.json`, as `docker save` writes it"
            };
            return Err(ArchiveError::NoDockerArchive { path, help });
        }
        let bytes = members.read(MANIFEST, &path.to_string_lossy(), MANIFEST_LIMIT)?;
        let entries: Vec<DockerEntry> = serde_json::from_slice(&bytes).map_err(|source| {
            let path = path.clone();
            ArchiveError::DockerManifest { path, source }
        })?;
        if entries.len() > IMAGES || entries.iter().any(|entry| entry.layers.len() > LAYERS) {
            return Err(ArchiveError::TooLarge {
                what: MANIFEST.to_owned(),
                path,
                limit: format!("{IMAGES} images of {LAYERS} layers"),
            });
        }
        Ok(Self { members, entries })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.members.path()
    }

    /// Its images.
    pub fn entries(&self) -> &[DockerEntry] {
        &self.entries
    }

    /// The images that `reference` chooses: those of that name (`app:1.2`, which is `docker.io/library/app:1.2`), the one
    /// of that position (`@0`), or all. Never none.
    ///
    /// # Errors
    /// When there is none.
    pub fn chosen(&self, reference: Option<&str>) -> Result<Vec<&DockerEntry>, ArchiveError> {
        let chosen: Vec<&DockerEntry> = match reference {
            None => self.entries.iter().collect(),
            Some(text) => match text.strip_prefix('@').map(str::parse::<usize>) {
                Some(position) => position
                    .ok()
                    .and_then(|at| self.entries.get(at))
                    .into_iter()
                    .collect(),
                None => self.entries.iter().filter(|entry| entry.is(text)).collect(),
            },
        };
        if !chosen.is_empty() {
            return Ok(chosen);
        }
        let names: Vec<&str> = self
            .entries
            .iter()
            .flat_map(|entry| &entry.names)
            .map(String::as_str)
            .collect();
        Err(ArchiveError::NoName {
            wanted: reference.unwrap_or("any").to_owned(),
            path: self.path().to_owned(),
            known: match names.as_slice() {
                [] => "it names none; `@0` is the first".to_owned(),
                names => format!("it holds {}", names.join(", ")),
            },
        })
    }
}

impl DockerEntry {
    fn is(&self, reference: &str) -> bool {
        let whole = |text: &str| {
            crate::spec::reference(text).map_or_else(|_| text.to_owned(), |reference| reference.whole())
        };
        let wanted = whole(reference);
        self.names.iter().any(|name| whole(name) == wanted)
    }
}

pub(super) const MANIFEST: &str = "manifest.json";

/// Go writes an empty list as `null`.
fn or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
