//! Writing layouts and archives.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::{ArchiveError, Root};
use crate::blob::{Blob, BlobError, BlobStore, Entry, LAYOUT, Unfinished, index_bytes, sweep};
use crate::codec::tar::{Attributes, FileError, TarWriter};
use crate::spec::{Digest, Hasher};

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
    let failed = |error| ArchiveError::Store(BlobError::from_io(error, destination));
    let blobs = blobs(store, roots)?;
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
    let writer = BufWriter::with_capacity(128 * 1024, unfinished.handle()?);
    let mut tar = TarWriter::new(writer, 0);
    let (folders, files) = (Attributes::root(0o755), Attributes::root(0o644));
    let small = |tar: &mut TarWriter<_>, name: &str, bytes: &[u8]| {
        let written = tar.file(name.as_bytes(), files, bytes.len() as u64, &mut &*bytes, &|_| ());
        written.map_err(|error| match error {
            FileError::Read(error) | FileError::Write(error) => failed(error),
        })
    };
    small(&mut tar, "oci-layout", LAYOUT)?;
    tar.directory(b"blobs", folders).map_err(failed)?;
    tar.directory(b"blobs/sha256", folders).map_err(failed)?;
    for (digest, blob) in &blobs {
        let mut content = Checked {
            file: store.file(digest)?,
            hasher: Hasher::default(),
        };
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
        if content.hasher.digest() != *digest {
            return Err(altered().into());
        }
    }
    small(&mut tar, "index.json", &index_bytes(&entries(roots)))?;
    tar.finish()
        .and_then(|mut writer| writer.flush())
        .map_err(failed)?;
    unfinished.publish(store, "archive", destination)?;
    Ok(())
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

/// Hashes a file while it is read.
struct Checked {
    file: File,
    hasher: Hasher,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
