//! [`pack`]: tar, hash, compress, hash and store in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::order::Ordered;
use super::source::Content;
use super::{Attributes, Entry, Kind, Layer, LayerError};
use crate::blob::{BlobError, BlobStore};
use crate::codec::tar::{FileError, TarWriter};
use crate::codec::{Compression, Former, Pieces};
use crate::spec::Hashing;

/// How a layer is packed.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Packing<'a> {
    /// How the tar is compressed.
    pub compression: Compression,
    /// The time of everything in it, in Unix seconds; what is before 1970 is 1970.
    pub mtime: i64,
    /// Directories that the layers below have, by their path relative to the image's root, as the entries' paths.
    ///
    /// A directory that is only somebody's parent is written again with the attributes that it has below, and as
    /// 0755 of root where nothing is known of it. Leaving it out would not leave it as it is: storage drivers that
    /// extract a layer into a folder of its own (containers/storage, Docker's overlay2) make parents that are missing
    /// there as 0755 of root, and that folder lies over those below: `/tmp` would lose its mode 1777.
    pub known_directories: &'a BTreeMap<Vec<u8>, Attributes>,
    /// What the layer is to whoever packs it, as "image, platform, contents"; empty where it is nothing. A [`LayerCache`]
    /// packs a layer faster whose place had one with much the same content.
    ///
    /// [`LayerCache`]: super::LayerCache
    pub place: &'a str,
    /// Called with the number of bytes of each chunk of file content.
    pub progress: &'a dyn Fn(u64),
}

static NONE: BTreeMap<Vec<u8>, Attributes> = BTreeMap::new();

impl<'a> Packing<'a> {
    /// Packing on an empty base, with nobody watching.
    pub fn new(compression: Compression, mtime: i64) -> Self {
        Self {
            compression,
            mtime,
            known_directories: &NONE,
            place: "",
            progress: &|_| (),
        }
    }

    /// The same on a base that has these directories.
    #[must_use]
    pub fn on(self, known_directories: &'a BTreeMap<Vec<u8>, Attributes>) -> Self {
        Self {
            known_directories,
            ..self
        }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(self, place: &'a str) -> Self {
        Self { place, ..self }
    }

    /// The same, telling how many bytes of file content went in.
    #[must_use]
    pub fn watched(self, progress: &'a dyn Fn(u64)) -> Self {
        Self { progress, ..self }
    }
}

/// Packs `entries` into `store`. Their order does not matter.
///
/// # Errors
/// When two entries contradict each other, a file cannot be read or changes meanwhile, or the store is full.
pub fn pack(store: &BlobStore, entries: Vec<Entry>, packing: &Packing<'_>) -> Result<Layer, LayerError> {
    let entries = Ordered::of(&entries, packing.known_directories)?;
    Ok(ordered(store, &entries, packing, None)?.0)
}

/// The same for entries that are in order, with the blocks that the layer consists of. `former` may hold some of them.
pub(super) fn ordered(
    store: &BlobStore,
    entries: &Ordered<'_>,
    packing: &Packing<'_>,
    former: Option<Former>,
) -> Result<(Layer, Pieces), LayerError> {
    let writer = store.writer()?;
    let path = writer.path().to_owned();
    let failed = |error| LayerError::Store(BlobError::from_io(error, &path));
    let encoder = packing.compression.encoder(writer)?.after(former.map(Arc::new));
    let hashing = Hashing::new(encoder);
    let mut tar = TarWriter::new(hashing, packing.mtime);
    write(&mut tar, entries, packing.progress, &failed)?;
    let (encoder, hasher) = tar.finish().map_err(failed)?.into_parts();
    // Closes the former layer: Windows renames nothing over an open file, and it may be the very same.
    let (writer, pieces) = encoder.finish_in_pieces().map_err(failed)?;
    let blob = writer.finish()?;
    let layer = Layer {
        digest: blob.digest,
        size: blob.size,
        uncompressed: hasher.count(),
        diff_id: hasher.diff_id(),
        media_type: packing.compression.media_type(),
        entries: entries.len(),
    };
    Ok((layer, pieces))
}

/// Writes the entries of one layer. `failed` is what a writer's error means.
pub(super) fn write<W: std::io::Write>(
    tar: &mut TarWriter<W>,
    entries: &Ordered<'_>,
    progress: &dyn Fn(u64),
    failed: &dyn Fn(std::io::Error) -> LayerError,
) -> Result<(), LayerError> {
    for entry in entries.iter() {
        let attributes = entry.attributes();
        match &entry.kind {
            Kind::Directory => tar.directory(&entry.path, attributes).map_err(failed)?,
            Kind::Symlink(target) => tar.symlink(&entry.path, target, attributes).map_err(failed)?,
            Kind::Hardlink(target) => tar.hardlink(&entry.path, target, attributes).map_err(failed)?,
            Kind::File(source) => {
                let mut content = Content::open(source)?;
                let size = content.size();
                let written = tar.file(&entry.path, attributes, size, &mut content, progress);
                written.map_err(|error| match error {
                    FileError::Read(error) => content.unreadable(error),
                    FileError::Write(error) => failed(error),
                })?;
                content.finish()?;
            }
        }
    }
    Ok(())
}
