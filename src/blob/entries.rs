//! The named entries of the layout's `index.json`.

use std::fs::{self, File};

use super::{Blob, BlobError, BlobStore, known};
use crate::spec::{Descriptor, ImageIndex, MediaType, annotation, json};

/// One entry of a layout: an image or index, mostly with a name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The annotation `org.opencontainers.image.ref.name`.
    pub name: Option<String>,
    /// What the entry points to.
    pub descriptor: Descriptor,
}

impl Entry {
    /// An entry for `descriptor`; the annotation in the descriptor is set from `name`.
    pub fn new(name: Option<&str>, mut descriptor: Descriptor) -> Self {
        let mut annotations = descriptor.annotations().clone().unwrap_or_default();
        annotations.remove(annotation::REF_NAME);
        if let Some(name) = name {
            annotations.insert(annotation::REF_NAME.to_owned(), name.to_owned());
        }
        descriptor.set_annotations(Some(annotations).filter(|annotations| !annotations.is_empty()));
        Self {
            name: name.map(str::to_owned),
            descriptor,
        }
    }

    /// The entries that an `index.json` lists.
    pub fn all(index: &ImageIndex) -> Vec<Self> {
        let name = |descriptor: &Descriptor| {
            descriptor
                .annotations()
                .as_ref()?
                .get(annotation::REF_NAME)
                .cloned()
        };
        let entry = |descriptor: &Descriptor| Self {
            name: name(descriptor),
            descriptor: descriptor.clone(),
        };
        index.manifests().iter().map(entry).collect()
    }

    fn replaces(&self, other: &Self) -> bool {
        match (&self.name, &other.name) {
            (None, None) => self.descriptor.digest() == other.descriptor.digest(),
            (ours, theirs) => ours == theirs,
        }
    }
}

/// The bytes of an `index.json` with these entries: named ones by name, then the others by digest.
pub(crate) fn bytes(entries: &[Entry]) -> Vec<u8> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| {
        (
            entry.name.is_none(),
            entry.name.clone(),
            entry.descriptor.digest().to_string(),
        )
    });
    let descriptors: Vec<&Descriptor> = sorted.into_iter().map(|entry| &entry.descriptor).collect();
    json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::ImageIndex.as_ref(),
        "manifests": descriptors,
    }))
}

pub(super) fn empty() -> Vec<u8> {
    bytes(&[])
}

impl BlobStore {
    /// The entries of `index.json`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, BlobError> {
        let path = self.index_file();
        let bytes = fs::read(&path).map_err(|error| BlobError::from_io(error, &path))?;
        let index: ImageIndex =
            serde_json::from_slice(&bytes).map_err(|source| BlobError::Index { path, source })?;
        Ok(Entry::all(&index))
    }

    /// Names `descriptor` in `index.json`, in place of what had that name before.
    ///
    /// # Errors
    /// When not everything it leads to is here, or the index cannot be written.
    pub fn add_entry(&self, name: &str, descriptor: &Descriptor) -> Result<(), BlobError> {
        self.add_entries(&[Entry::new(Some(name), descriptor.clone())])
    }

    /// Adds several entries in one step.
    ///
    /// # Errors
    /// As [`BlobStore::add_entry`]; then none is added.
    pub fn add_entries(&self, new: &[Entry]) -> Result<(), BlobError> {
        for entry in new {
            self.whole(&entry.descriptor)?;
        }
        self.change(|entries| {
            for entry in new {
                entries.retain(|old| !entry.replaces(old));
                entries.push(entry.clone());
            }
        })
    }

    /// Removes the entry of that name, if there is one. Its blobs stay until garbage is collected.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove_entry(&self, name: &str) -> Result<(), BlobError> {
        self.change(|entries| entries.retain(|entry| entry.name.as_deref() != Some(name)))
    }

    /// That everything `descriptor` leads to is here. Looking for a blob keeps it from being collected, so what
    /// was found stays until its entry is written.
    pub(super) fn whole(&self, descriptor: &Descriptor) -> Result<(), BlobError> {
        for blob in self.reach(descriptor)? {
            let blob = Blob::described(&blob)?;
            if !self.contains(&blob) {
                return Err(match self.file(&blob.digest) {
                    Ok(_) => BlobError::Altered {
                        path: self.path(&blob.digest),
                    },
                    Err(error) => error,
                });
            }
        }
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), BlobError> {
        let lock = self.exclusively()?;
        self.fault("entries.locked");
        let mut entries = self.entries()?;
        let before = bytes(&entries);
        change(&mut entries);
        let after = bytes(&entries);
        if before != after {
            self.replace("entries", &self.index_file(), &after)?;
        }
        drop(lock);
        Ok(())
    }

    /// Waits until no other process changes or looks at the store; the lock ends with the file.
    pub(super) fn exclusively(&self) -> Result<File, BlobError> {
        let path = self.lock_file();
        let locked = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .and_then(|file| {
                known(file.lock())?;
                Ok(file)
            });
        locked.map_err(|error| BlobError::from_io(error, &path))
    }
}
