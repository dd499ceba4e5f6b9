//! Images of a docker archive, brought into a store.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::members::{GZIP, Side, copy, first};
use super::read::MANIFEST;
use super::{DockerArchive, DockerEntry, Facts, UNPACKED};
use crate::archive::ArchiveError;
use crate::blob::{BlobError, BlobStore, MANIFEST_LIMIT};
use crate::codec::{Compression, decoder};
use crate::spec::{Descriptor, DiffId, Digest, Hashing, MediaType, Platform, json};

/// First bytes of a zstd frame: <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1>.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// An image that was imported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DockerImage {
    /// Its manifest, in the store with everything that it leads to, and its platform.
    pub descriptor: Descriptor,
    /// What it runs on.
    pub platform: Platform,
    /// Its names in the archive, as they were written.
    pub names: Vec<String>,
}

/// Brings the images of the archive at `path` into `store`: those that `reference` chooses as in
/// [`DockerArchive::chosen`], or all; at least one. The config stays byte for byte what it was, layers are compressed
/// with our encoder, and a manifest is made of both, so that the same image always has the same digests.
///
/// # Errors
/// When it is no such archive, holds no such image, something that it lists is missing or is not what its digest says,
/// or the store cannot be written to.
pub fn import_docker(
    path: &Path,
    reference: Option<&str>,
    store: &BlobStore,
) -> Result<Vec<DockerImage>, ArchiveError> {
    let archive = DockerArchive::open(path, store)?;
    let mut importer = Importer {
        archive: &archive,
        store,
        layers: BTreeMap::new(),
    };
    let chosen = archive.chosen(reference)?;
    chosen.into_iter().map(|entry| importer.image(entry)).collect()
}

struct Importer<'a> {
    archive: &'a DockerArchive,
    store: &'a BlobStore,
    /// By where it lies in the archive: images share layers.
    layers: BTreeMap<u64, (DiffId, Descriptor)>,
}

impl Importer<'_> {
    fn image(&mut self, entry: &DockerEntry) -> Result<DockerImage, ArchiveError> {
        let config = self
            .archive
            .members
            .read(&entry.config, MANIFEST, MANIFEST_LIMIT)?;
        let broken = |why: &str| ArchiveError::DockerConfig {
            name: entry.config.clone(),
            path: self.path(),
            why: why.to_owned(),
        };
        if named_digest(&entry.config).is_some_and(|digest| digest != Digest::of(&config)) {
            return Err(broken("its content does not match the digest in its name"));
        }
        let facts: Facts = serde_json::from_slice(&config).map_err(|error| broken(&error.to_string()))?;
        let (Some(os), Some(architecture)) = (&facts.os, &facts.architecture) else {
            return Err(broken("it does not say which platform it is for"));
        };
        let words = [Some(os), Some(architecture), facts.variant.as_ref()];
        let words = words.into_iter().flatten().filter(|word| !word.is_empty());
        let platform: Result<Platform, _> = words.cloned().collect::<Vec<_>>().join("/").parse();
        let platform = platform.map_err(|error| broken(&error.to_string()))?;
        let diff_ids = &facts.rootfs.diff_ids;
        if diff_ids.len() != entry.layers.len() {
            let (said, listed) = (diff_ids.len(), entry.layers.len());
            return Err(broken(&format!(
                "it has {said} layers, `{MANIFEST}` lists {listed}"
            )));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in entry.layers.iter().zip(diff_ids) {
            layers.push(self.layer(name, diff_id)?);
        }
        let config = self.store.put(&config)?;
        let manifest = json::to_vec(&serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MediaType::ImageManifest.as_ref(),
            "config": config.descriptor(MediaType::ImageConfig),
            "layers": layers,
        }));
        let mut descriptor = self.store.put(&manifest)?.descriptor(MediaType::ImageManifest);
        descriptor.set_platform(Some(platform.to_oci()));
        Ok(DockerImage {
            descriptor,
            platform,
            names: entry.names.clone(),
        })
    }

    /// Compresses a layer into the store, if its tar is what the config says.
    fn layer(&mut self, name: &str, expected: &DiffId) -> Result<Descriptor, ArchiveError> {
        let members = &self.archive.members;
        let wrong = || ArchiveError::DockerLayer {
            name: name.to_owned(),
            path: self.path(),
            expected: *expected,
        };
        let offset = members.find(name).map(|(offset, _)| offset);
        if let Some((diff_id, layer)) = offset.and_then(|offset| self.layers.get(&offset)) {
            return if diff_id == expected {
                Ok(layer.clone())
            } else {
                Err(wrong())
            };
        }
        let (file, size) = members.open(name, MANIFEST)?;
        let failed = |error| ArchiveError::read(members.path(), error);
        let mut file = file.into_inner();
        let first = first(&mut file, ZSTD.len()).map_err(failed)?;
        let stored = if first.starts_with(GZIP) {
            MediaType::ImageLayerGzip
        } else if first.starts_with(ZSTD) {
            MediaType::ImageLayerZstd
        } else {
            MediaType::ImageLayer
        };
        let mut tar = Hashing::new(decoder(&stored, file.take(size), UNPACKED)?);
        let writer = self.store.writer()?;
        let partial = writer.path().to_owned();
        let compression = Compression::default();
        let mut encoder = compression.encoder(writer)?;
        copy(&mut tar, &mut encoder).map_err(|side| match side {
            Side::From(error) => failed(error),
            Side::To(error) => BlobError::from_io(error, &partial).into(),
        })?;
        if tar.into_parts().1.diff_id() != *expected {
            return Err(wrong());
        }
        let writer = encoder
            .finish()
            .map_err(|error| BlobError::from_io(error, &partial))?;
        let layer = writer.finish()?.descriptor(compression.media_type());
        self.layers
            .extend(offset.map(|offset| (offset, (*expected, layer.clone()))));
        Ok(layer)
    }

    fn path(&self) -> PathBuf {
        self.archive.path().to_owned()
    }
}

/// The digest that a config's file is called after: `HEX.json`, `sha256:HEX`, `blobs/sha256/HEX`.
fn named_digest(name: &str) -> Option<Digest> {
    let file = name.rsplit('/').next()?;
    let hex = file.strip_suffix(".json").unwrap_or(file);
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    format!("sha256:{hex}").parse().ok()
}
