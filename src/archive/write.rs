//! Writing layouts and archives.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{ArchiveError, Root, replaced_at};
use crate::blob::{Blob, BlobError, BlobStore, Entry, LAYOUT, Unfinished, index_bytes, sweep};
use crate::codec::tar::{Attributes, FileError, TarWriter};
use crate::spec::{Digest, Hashing};

/// Writes the images into the OCI layout at `destination`. A layout that is there is extended; an entry of the
/// same name is replaced. The index comes last and at once, so that whoever reads meanwhile sees the layout
/// before or after. Blobs become second names of the store's files where the system can do that.
///
/// # Errors
/// When the store lacks something, or the destination cannot be written.
pub fn write_layout(store: &BlobStore, roots: &[Root], destination: &Path) -> Result<(), ArchiveError> {
    let layout = store.beside(destination)?;
    for blob in blobs(store, roots)?.values() {
        layout.adopt(store, blob)?;
    }
    layout.add_entries(&entries(roots))?;
    layout.tidy();
    Ok(())
}

/// Writes the images into a tar of an OCI layout at `destination`, which it replaces at once when it is whole.
/// The same images give the same bytes.
///
/// # Errors
/// As [`write_layout`].
pub fn write_archive(store: &BlobStore, roots: &[Root], destination: &Path) -> Result<(), ArchiveError> {
    at_once(store, destination, &mut |writer, failed| {
        pour(store, roots, writer, failed)
    })
}

/// The bytes of [`write_archive`] as a stream.
///
/// # Errors
/// When the store lacks something, or `writer` fails.
pub fn stream_archive(store: &BlobStore, roots: &[Root], writer: &mut dyn Write) -> Result<(), ArchiveError> {
    pour(store, roots, writer, &ArchiveError::Stream)
}

/// What an error of the writer means.
pub(super) type Failed<'a> = &'a dyn Fn(io::Error) -> ArchiveError;

/// Writes a file that appears whole at `destination`, or not at all. Links that lead there stay.
pub(super) fn at_once(
    store: &BlobStore,
    destination: &Path,
    fill: &mut dyn FnMut(&mut dyn Write, Failed<'_>) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let failed = |error| ArchiveError::Store(BlobError::from_io(error, destination));
    let Some(destination) = &replaced_at(destination).map_err(failed)? else {
        return Err(ArchiveError::NoFile {
            path: destination.to_owned(),
        });
    };
    let folder = match destination.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(failed)?;
    // What a killed run left beside the destination.
    sweep(store, folder)?;
    store.fault("archive.create");
    let unfinished = Unfinished::new(folder)?;
    store.fault("archive.created");
    let mut writer = BufWriter::with_capacity(128 * 1024, unfinished.handle()?);
    fill(&mut writer, &failed)?;
    writer.flush().map_err(failed)?;
    unfinished.publish(store, "archive", destination)?;
    Ok(())
}

fn pour(
    store: &BlobStore,
    roots: &[Root],
    writer: &mut dyn Write,
    failed: Failed<'_>,
) -> Result<(), ArchiveError> {
    let blobs = blobs(store, roots)?;
    let mut tar = TarWriter::new(writer, 0);
    let (folders, files) = (Attributes::root(0o755), Attributes::root(0o644));
    small(&mut tar, "oci-layout", LAYOUT, failed)?;
    tar.directory(b"blobs", folders).map_err(failed)?;
    tar.directory(b"blobs/sha256", folders).map_err(failed)?;
    for (digest, blob) in &blobs {
        let mut content = Hashing::new(store.file(digest)?);
        let name = format!("blobs/sha256/{}", digest.hex());
        let altered = || BlobError::Altered {
            path: store.path(digest),
        };
        let written = tar.file(name.as_bytes(), files, blob.size, &mut content, &|_| ());
        written.map_err(|error| match error {
            FileError::Read(error) if error.kind() == io::ErrorKind::UnexpectedEof => altered().into(),
            FileError::Read(error) => BlobError::from_io(error, &store.path(digest)).into(),
            FileError::Write(error) => failed(error),
        })?;
        if content.into_parts().1.digest() != *digest {
            return Err(altered().into());
        }
    }
    small(&mut tar, "index.json", &index_bytes(&entries(roots)), failed)?;
    tar.finish().and_then(Write::flush).map_err(failed)
}

/// A file that is in memory.
pub(super) fn small<W: Write>(
    tar: &mut TarWriter<W>,
    name: &str,
    bytes: &[u8],
    failed: Failed<'_>,
) -> Result<(), ArchiveError> {
    let files = Attributes::root(0o644);
    let written = tar.file(name.as_bytes(), files, bytes.len() as u64, &mut &*bytes, &|_| ());
    written.map_err(|error| match error {
        FileError::Read(error) | FileError::Write(error) => failed(error),
    })
}

/// Everything that the roots lead to, by digest.
fn blobs(store: &BlobStore, roots: &[Root]) -> Result<BTreeMap<Digest, Blob>, BlobError> {
    let mut blobs = BTreeMap::new();
    for root in roots {
        for descriptor in store.reach(&root.descriptor)? {
            let blob = Blob::described(&descriptor)?;
            blobs.insert(blob.digest, blob);
        }
    }
    Ok(blobs)
}

fn entries(roots: &[Root]) -> Vec<Entry> {
    let entry = |root: &Root| Entry::new(root.name.as_deref(), root.descriptor.clone());
    roots.iter().map(entry).collect()
}
