//! Writing docker archives.
//!
//! `manifest.json` comes first, then each config and layer once, in the order in which images name them. A tar says how
//! long a file is before its bytes: so a compressed layer is unpacked twice, once to measure and check it, once to write
//! it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::read::MANIFEST;
use super::{Facts, UNPACKED};
use crate::archive::ArchiveError;
use crate::archive::write::{Failed, at_once, small};
use crate::blob::{Blob, BlobError, BlobStore, MANIFEST_LIMIT};
use crate::codec::tar::{Attributes, FileError, TarWriter};
use crate::codec::{Decoder, decoder};
use crate::spec::{Descriptor, DiffId, Digest, Hasher, ImageManifest, MediaType, json};

/// An image of one platform, to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedImage {
    /// The digest of its manifest; everything that it leads to lies in the store.
    pub manifest: Digest,
    /// The names that it gets where it is loaded: `ghcr.io/acme/app:1.2`.
    pub names: Vec<String>,
}

/// Writes the images into a docker archive at `destination`, which it replaces at once when it is whole. The same images
/// with the same names give the same bytes.
///
/// # Errors
/// When the store lacks something, a layer is not the one that its config means, or the destination cannot be written.
pub fn write_docker(
    store: &BlobStore,
    images: &[SavedImage],
    destination: &Path,
) -> Result<(), ArchiveError> {
    at_once(store, destination, &mut |writer, failed| {
        pour(store, images, writer, failed)
    })
}

/// The bytes of [`write_docker`] as a stream. All of it was checked before the first byte is written.
///
/// # Errors
/// As [`write_docker`], and when `writer` fails.
pub fn stream_docker(
    store: &BlobStore,
    images: &[SavedImage],
    writer: &mut dyn Write,
) -> Result<(), ArchiveError> {
    pour(store, images, writer, &ArchiveError::Stream)
}

/// A layer as it is stored, and how many bytes its tar has.
struct Layer {
    blob: Blob,
    media_type: MediaType,
    unpacked: u64,
}

fn pour(
    store: &BlobStore,
    images: &[SavedImage],
    writer: &mut dyn Write,
    failed: Failed<'_>,
) -> Result<(), ArchiveError> {
    let (mut entries, mut configs, mut order) = (Vec::new(), BTreeMap::new(), Vec::new());
    let mut layers: BTreeMap<DiffId, Layer> = BTreeMap::new();
    for image in images {
        let (digest, config, stack) = parts(store, &image.manifest)?;
        for (diff_id, descriptor) in &stack {
            if !layers.contains_key(diff_id) {
                layers.insert(*diff_id, measured(store, descriptor, diff_id)?);
                order.push(*diff_id);
            }
        }
        let names: Vec<String> = stack.iter().map(|(diff_id, _)| layer_name(diff_id)).collect();
        entries.push(serde_json::json!({
            "Config": config_name(&digest),
            "RepoTags": image.names,
            "Layers": names,
        }));
        configs.insert(digest, config);
    }
    let mut tar = TarWriter::new(writer, 0);
    small(&mut tar, MANIFEST, &json::to_vec(&entries), failed)?;
    for (digest, config) in &configs {
        small(&mut tar, &config_name(digest), config, failed)?;
    }
    for diff_id in &order {
        let layer = &layers[diff_id];
        let mut content = Unpacking::open(store, layer, diff_id)?;
        let (name, files) = (layer_name(diff_id), Attributes::root(0o644));
        let written = tar.file(name.as_bytes(), files, layer.unpacked, &mut content, &|_| ());
        let ended = written.and_then(|()| {
            // Its end says whether all of it was right.
            io::copy(&mut content, &mut io::sink()).map_err(FileError::Read)
        });
        ended.map_err(|error| match error {
            FileError::Read(error) => unreadable(store, &layer.blob, diff_id, error),
            FileError::Write(error) => failed(error),
        })?;
    }
    tar.finish().and_then(Write::flush).map_err(failed)
}

/// Unpacks a layer to see how long it is, and that it is what both its digests say.
fn measured(store: &BlobStore, layer: &Descriptor, diff_id: &DiffId) -> Result<Layer, ArchiveError> {
    let mut layer = Layer {
        blob: Blob::described(layer)?,
        media_type: layer.media_type().clone(),
        unpacked: 0,
    };
    store.verify(&layer.blob)?;
    let read = io::copy(&mut Unpacking::open(store, &layer, diff_id)?, &mut io::sink());
    layer.unpacked = read.map_err(|error| unreadable(store, &layer.blob, diff_id, error))?;
    Ok(layer)
}

/// A config's digest and bytes, and the image's layers, lowest first.
type Parts = (Digest, Vec<u8>, Vec<(DiffId, Descriptor)>);

fn parts(store: &BlobStore, digest: &Digest) -> Result<Parts, ArchiveError> {
    let bytes = store.read(digest, MANIFEST_LIMIT)?;
    let manifest: ImageManifest = serde_json::from_slice(&bytes).map_err(|source| BlobError::Manifest {
        digest: *digest,
        source,
    })?;
    let digest = Blob::described(manifest.config())?.digest;
    let config = store.read(&digest, MANIFEST_LIMIT)?;
    let broken = |why: String| ArchiveError::DockerConfig {
        name: digest.to_string(),
        path: store.root().to_owned(),
        why,
    };
    let facts: Facts = serde_json::from_slice(&config).map_err(|error| broken(error.to_string()))?;
    let (diff_ids, layers) = (facts.rootfs.diff_ids, manifest.layers());
    if diff_ids.len() != layers.len() {
        let (said, listed) = (diff_ids.len(), layers.len());
        return Err(broken(format!(
            "it has {said} layers, its manifest lists {listed}"
        )));
    }
    Ok((
        digest,
        config,
        diff_ids.into_iter().zip(layers.iter().cloned()).collect(),
    ))
}

fn config_name(digest: &Digest) -> String {
    format!("{}.json", digest.hex())
}

fn layer_name(diff_id: &DiffId) -> String {
    format!("{}.tar", diff_id.hex())
}

/// What an error of [`Unpacking`] means.
fn unreadable(store: &BlobStore, layer: &Blob, diff_id: &DiffId, error: io::Error) -> ArchiveError {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        // The stored bytes are right, so it is what they unpack to.
        InvalidData | InvalidInput | UnexpectedEof => ArchiveError::DockerLayer {
            name: layer.digest.to_string(),
            path: store.root().to_owned(),
            expected: *diff_id,
        },
        _ => BlobError::from_io(error, &store.path(&layer.digest)).into(),
    }
}

/// The tar of a layer. Reading its end is an error unless all of it was what the config means.
struct Unpacking {
    tar: Decoder<File>,
    hasher: Option<Hasher>,
    expected: DiffId,
}

impl Unpacking {
    fn open(store: &BlobStore, layer: &Layer, diff_id: &DiffId) -> Result<Self, ArchiveError> {
        let file = store.file(&layer.blob.digest)?;
        Ok(Self {
            tar: decoder(&layer.media_type, file, UNPACKED)?,
            hasher: Some(Hasher::default()),
            expected: *diff_id,
        })
    }
}

impl Read for Unpacking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.tar.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            self.hasher
                .iter_mut()
                .for_each(|hasher| hasher.update(&buffer[..count]));
            return Ok(count);
        }
        let found = self.hasher.take().map(Hasher::diff_id);
        if found.is_some_and(|found| found != self.expected) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(0)
    }
}
