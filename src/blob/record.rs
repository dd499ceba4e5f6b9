//! [`Records`]: what was found out once and can be found out again, kept from run to run, each under a key.
//!
//! In: a key, which is the digest of all that a fact depends on, and the fact. Out: the fact, or nothing: what is damaged,
//! cut or of another shape is as good as not there, and is replaced. A record is written under its name whole.
//! Nothing may depend on one being there.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BlobError, BlobStore, Faults, Unfinished, is_abandoned, summed};
use crate::spec::Digest;

/// Below a store's root: its records, by what they are of.
const REMEMBERED: &str = "remembered";
/// A record that is read is dated anew, but no more often than this.
const USED: Duration = Duration::from_hours(12);
/// Kinds that say of a blob how it was made: as good as the blob, which may be in use for long without anybody asking.
const TIED: [&str; 2] = ["layers", "blocks"];
/// Most records of one kind. Those that were not used for the longest go first.
const MOST: usize = 5_000;

/// Records of one kind.
#[derive(Clone)]
pub struct Records {
    folder: PathBuf,
    /// Where they are written, before they get their names.
    unfinished: PathBuf,
    faults: Option<Faults>,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("folder", &self.folder).finish()
    }
}

impl BlobStore {
    /// Records of one kind that lie beside the blobs, and are collected with them.
    pub fn records(&self, kind: &str) -> Records {
        Records {
            folder: self.root.join(REMEMBERED).join(kind),
            unfinished: self.unfinished(),
            faults: self.faults.clone(),
        }
    }

    /// Removes records that nobody read within `age`, unless they go with a blob, and those that name one of the blobs that are `gone`.
    pub(super) fn forget(&self, age: Duration, gone: &BTreeSet<String>) {
        let kinds = fs::read_dir(self.root.join(REMEMBERED)).into_iter().flatten();
        for kind in kinds.flatten() {
            let kind = kind.file_name().to_string_lossy().into_owned();
            let records = self.records(&kind);
            let tied = TIED.contains(&kind.as_str());
            records.collect(if tied { Duration::MAX } else { age });
            if !gone.is_empty() {
                records.remove_naming(gone);
            }
        }
    }
}

impl Records {
    /// Records in a folder that nothing else uses; it is made when it is needed.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            unfinished: folder.clone(),
            folder,
            faults: None,
        }
    }

    /// What is known under that key.
    pub fn read<T: DeserializeOwned>(&self, key: &Digest) -> Option<T> {
        let path = self.path(key);
        let bytes = fs::read(&path).ok()?;
        let known = serde_json::from_slice(summed::checked(&bytes)?).ok()?;
        if older(fs::metadata(&path).ok()?.modified(), USED) {
            // Where we may only read, nobody collects either.
            let options = File::options().write(true).open(&path);
            let _ = options.and_then(|file| file.set_modified(SystemTime::now()));
        }
        Some(known)
    }

    /// Keeps what is known, in place of what was known before.
    ///
    /// # Errors
    /// When it cannot be written; then what was there may still be.
    pub fn write<T: Serialize>(&self, key: &Digest, known: &T) -> Result<(), BlobError> {
        fs::create_dir_all(&self.folder).map_err(|error| BlobError::from_io(error, &self.folder))?;
        self.fault("record.create");
        let unfinished = Unfinished::new(&self.unfinished)?;
        self.fault("record.created");
        summed::fill(&unfinished, |file| Ok(serde_json::to_writer(file, known)?))?;
        self.fault("record.name");
        unfinished.name(&self.path(key))?;
        self.fault("record.named");
        Ok(())
    }

    /// Removes what was not read within `age`, what is too much, and what dead processes left. What cannot be removed is
    /// left for the next time: nobody waits for this.
    pub fn collect(&self, age: Duration) {
        let mut kept = Vec::new();
        for (path, metadata) in self.files() {
            if !is_record(&path) {
                if is_abandoned(&path) {
                    drop(fs::remove_file(&path));
                }
            } else if older(metadata.modified(), age) {
                drop(fs::remove_file(&path));
            } else {
                kept.push((metadata.modified().ok(), path));
            }
        }
        if kept.len() > MOST {
            kept.sort();
            for (_, path) in &kept[..kept.len() - MOST] {
                drop(fs::remove_file(path));
            }
        }
    }

    fn remove_naming(&self, gone: &BTreeSet<String>) {
        for (path, _) in self.files() {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let mut named = text.split("sha256:").skip(1);
            if named.any(|rest| rest.get(..64).is_some_and(|hex| gone.contains(hex))) {
                drop(fs::remove_file(&path));
            }
        }
    }

    fn files(&self) -> impl Iterator<Item = (PathBuf, Metadata)> + use<> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        files.filter_map(|file| Some((file.path(), file.metadata().ok()?)))
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(key.hex())
    }

    fn fault(&self, event: &str) {
        if let Some(faults) = &self.faults {
            faults(event);
        }
    }
}

fn is_record(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.len() == 64
        && name
            .to_string_lossy()
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
}

/// A time in the future is a clock that was set back: not old.
fn older(modified: io::Result<SystemTime>, age: Duration) -> bool {
    let elapsed = modified
        .ok()
        .and_then(|time| SystemTime::now().duration_since(time).ok());
    elapsed.is_some_and(|elapsed| elapsed >= age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_whole_is_not_known_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (records, key) = (Records::at(folder.path()), Digest::of(b"key"));
        assert_eq!(records.read::<Vec<u32>>(&key), None);
        records.write(&key, &[1, 2, 3]).unwrap();
        assert_eq!(records.read(&key), Some(vec![1, 2, 3]));
        // Of another shape.
        assert_eq!(records.read::<String>(&key), None);
        let path = records.path(&key);
        let whole = fs::read(&path).unwrap();
        let changed = [&whole[..66], b"9", &whole[67..]].concat();
        for damaged in [&whole[..whole.len() - 1], &whole[..10], b"", &changed] {
            fs::write(&path, damaged).unwrap();
            assert_eq!(records.read::<Vec<u32>>(&key), None);
            records.write(&key, &[4]).unwrap();
            assert_eq!(records.read(&key), Some(vec![4]));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_read_stays_and_what_names_a_blob_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(folder.path()).unwrap();
        let records = store.records("facts");
        let day = Duration::from_hours(24);
        let names = [b"old".as_slice(), b"read", b"young"];
        let [old, read, young] = names.map(Digest::of);
        for key in [&old, &read, &young] {
            records.write(key, &"a fact").unwrap();
        }
        for key in [&old, &read] {
            let file = File::open(records.path(key)).unwrap();
            file.set_modified(SystemTime::now() - 2 * day).unwrap();
        }
        assert!(records.read::<String>(&read).is_some());
        store.collect_garbage(day).unwrap();
        let there = [&old, &read, &young].map(|key| records.path(key).exists());
        assert_eq!(there, [false, true, true]);

        let blob = store.put(b"of no entry").unwrap();
        records.write(&young, &blob.digest).unwrap();
        let file = File::open(store.path(&blob.digest)).unwrap();
        file.set_modified(SystemTime::now() - 2 * day).unwrap();
        store.collect_garbage(day).unwrap();
        assert_eq!(
            [&read, &young].map(|key| records.path(key).exists()),
            [true, false]
        );
    }
}
