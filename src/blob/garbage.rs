//! Removing what no entry needs any more.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use super::{Blob, BlobError, BlobStore};

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collected {
    /// How many blobs.
    pub blobs: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl BlobStore {
    /// Removes the blobs that no entry leads to and that were neither written nor looked for within `age`. A
    /// build that runs meanwhile loses nothing, as long as it takes less than `age` from its first blob to its
    /// entry: a day is a good value. What the store remembers goes with the blobs that it names, or when nobody asked for
    /// it within `age`.
    ///
    /// # Errors
    /// When an entry cannot be followed (then nothing is removed), or a file cannot be removed.
    pub fn collect_garbage(&self, age: Duration) -> Result<Collected, BlobError> {
        let lock = self.exclusively()?;
        self.fault("garbage.locked");
        let needed = self.needed()?;
        let (mut collected, mut gone) = (Collected::default(), BTreeSet::new());
        let folder = self.folder();
        let failed = |error| BlobError::from_io(error, &folder);
        for file in fs::read_dir(&folder).map_err(failed)? {
            let file = file.map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            let kept = file
                .file_name()
                .to_str()
                .is_some_and(|name| needed.contains(name));
            // A time in the future is a clock that was set back: not old.
            let elapsed = metadata
                .modified()
                .ok()
                .and_then(|time| SystemTime::now().duration_since(time).ok());
            if kept || !metadata.is_file() || elapsed.is_none_or(|elapsed| elapsed < age) {
                continue;
            }
            self.fault("garbage.remove");
            fs::remove_file(file.path()).map_err(|error| BlobError::from_io(error, &file.path()))?;
            collected.blobs += 1;
            collected.bytes += metadata.len();
            gone.insert(file.file_name().to_string_lossy().into_owned());
        }
        self.forget(age, &gone);
        drop(lock);
        Ok(collected)
    }

    fn needed(&self) -> Result<BTreeSet<String>, BlobError> {
        let mut needed = BTreeSet::new();
        for entry in self.entries()? {
            for descriptor in self.reach(&entry.descriptor)? {
                needed.insert(Blob::described(&descriptor)?.digest.hex());
            }
        }
        Ok(needed)
    }
}
