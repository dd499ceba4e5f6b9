//! [`Entries`]: finished programs, kept under a digest of all that they depend on.
//!
//! An entry is a folder that gets its name when everything in it is written. Whoever looks for it or makes it holds the
//! lock of its first two digits, so that nothing is made twice at the same time, in this process or in another.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::BinaryError;
use crate::blob::Records;
use crate::spec::Digest;
use crate::tool::ToolError;

/// The file of an entry that says what lies beside it, and when it was last used.
const RECORD: &str = "entry.json";
const UNFINISHED: &str = ".unfinished-";
const KNOWN: &str = "known";
/// An entry that nobody used for so long is removed.
const UNUSED: Duration = Duration::from_hours(7 * 24);
/// So long nothing takes to make.
const ABANDONED: Duration = Duration::from_hours(24);
/// How often a lock that another holds is tried.
const WAIT: Duration = Duration::from_millis(20);

/// The folder of all entries.
#[derive(Debug)]
pub(super) struct Entries {
    folder: PathBuf,
    swept: Once,
}

/// One entry, locked while this lives.
#[derive(Debug)]
pub(super) struct Entry<T> {
    folder: PathBuf,
    /// What its maker said of it.
    pub(super) said: T,
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Record<T> {
    /// The files beside it: a crash may have cut them, and a disk may lose what it holds.
    files: BTreeMap<String, Digest>,
    said: T,
}

impl<T> Entry<T> {
    /// A file in it.
    pub(super) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }
}

impl Entries {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            swept: Once::new(),
        }
    }

    /// Small facts that are kept beside the entries for as long.
    pub(super) fn records(&self) -> Records {
        Records::at(self.folder.join(KNOWN))
    }

    /// The entry of that key. Where there is none, `make` fills an empty folder. Waiting for others ends when we are
    /// `stopped`.
    pub(super) fn get_or_make<T: Serialize + DeserializeOwned>(
        &self,
        key: &Digest,
        stopped: &dyn Fn() -> bool,
        make: impl FnOnce(&Path) -> Result<T, BinaryError>,
    ) -> Result<Entry<T>, BinaryError> {
        fs::create_dir_all(&self.folder).map_err(kept(&self.folder))?;
        self.swept.call_once(|| self.sweep());
        let lock = self.lock(&key.hex(), stopped)?;
        let folder = self.folder.join(key.hex());
        let said = match used(&folder) {
            Some(said) => said,
            None => self.made(&folder, make)?,
        };
        Ok(Entry {
            folder,
            said,
            _lock: lock,
        })
    }

    fn made<T: Serialize + DeserializeOwned>(
        &self,
        folder: &Path,
        make: impl FnOnce(&Path) -> Result<T, BinaryError>,
    ) -> Result<T, BinaryError> {
        let unfinished = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(&self.folder)
            .map_err(kept(&self.folder))?;
        let said = make(unfinished.path())?;
        record(unfinished.path(), said)
            .and_then(|said| {
                // What does not hold what it should is in the way.
                match fs::remove_dir_all(folder) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                fs::rename(unfinished.path(), folder)?;
                Ok(said)
            })
            .map_err(kept(folder))
    }

    /// Waits until nobody else uses entries of these first digits.
    fn lock(&self, hex: &str, stopped: &dyn Fn() -> bool) -> Result<File, BinaryError> {
        let path = self.lock_file(hex);
        let file = lock_at(&path).map_err(kept(&path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if stopped() => {
                    let command = format!("(waiting for `{}`)", path.display());
                    return Err(ToolError::Cancelled { command }.into());
                }
                Err(TryLockError::WouldBlock) => thread::sleep(WAIT),
                // Where the system knows no locks, the same may be made twice; it is whole all the same.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(file);
                }
                Err(TryLockError::Error(error)) => return Err(kept(&path)(error)),
            }
        }
    }

    fn lock_file(&self, hex: &str) -> PathBuf {
        self.folder.join(format!("{}.lock", &hex[..2]))
    }

    /// Removes what was not used for long. What cannot be removed is left for the next time: nobody waits for this.
    fn sweep(&self) {
        self.records().collect(UNUSED);
        for found in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let (path, name) = (found.path(), found.file_name());
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(UNFINISHED) {
                if older(&path, ABANDONED) {
                    let _ = fs::remove_dir_all(&path);
                }
            } else if name.len() == 64 && name.is_ascii() {
                let Ok(lock) = lock_at(&self.lock_file(name)) else {
                    continue;
                };
                if lock.try_lock().is_ok() && older(&path.join(RECORD), UNUSED) {
                    let _ = fs::remove_dir_all(&path);
                }
            }
        }
    }
}

fn lock_at(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// What a whole entry says; from now on it counts as used.
fn used<T: DeserializeOwned>(folder: &Path) -> Option<T> {
    let path = folder.join(RECORD);
    let record: Record<T> = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    for (name, digest) in &record.files {
        if Digest::of_all(File::open(folder.join(name)).ok()?).ok()? != *digest {
            return None;
        }
    }
    // In a folder that may only be read it is not removed by us either.
    let _ = File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_modified(SystemTime::now()));
    Some(record.said)
}

/// Writes down what lies in the folder, and hands it all to the disk.
fn record<T: Serialize>(folder: &Path, said: T) -> io::Result<T> {
    let mut files = BTreeMap::new();
    for found in fs::read_dir(folder)? {
        let found = found?;
        // Windows flushes only what may be written; elsewhere a program that is open for writing cannot be started.
        let file = File::options()
            .read(true)
            .write(cfg!(windows))
            .open(found.path())?;
        file.sync_all()?;
        files.insert(
            found.file_name().to_string_lossy().into_owned(),
            Digest::of_all(file)?,
        );
    }
    let record = Record { files, said };
    let mut file = File::create(folder.join(RECORD))?;
    io::Write::write_all(&mut file, &crate::spec::json::to_vec(&record))?;
    file.sync_all()?;
    Ok(record.said)
}

fn older(path: &Path, age: Duration) -> bool {
    let modified = path.metadata().and_then(|metadata| metadata.modified());
    // A time in the future is a clock that was set back: not old.
    modified.is_ok_and(|time| {
        SystemTime::now()
            .duration_since(time)
            .is_ok_and(|elapsed| elapsed > age)
    })
}

/// The error of not being able to keep something at `path`.
pub(super) fn kept(path: &Path) -> impl FnOnce(io::Error) -> BinaryError {
    let path = path.to_owned();
    move |source| BinaryError::Keep { path, source }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const GO_ON: &dyn Fn() -> bool = &|| false;

    fn write(folder: &Path) -> Result<u32, BinaryError> {
        fs::write(folder.join("file"), "whole").unwrap();
        Ok(7)
    }

    fn never(_: &Path) -> Result<u32, BinaryError> {
        panic!("made a second time")
    }

    #[test]
    fn the_same_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let (made, key) = (AtomicUsize::new(0), Digest::of(b"key"));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let entries = Entries::new(folder.path().join("entries"));
                    let make = |folder: &Path| {
                        made.fetch_add(1, Ordering::SeqCst);
                        write(folder)
                    };
                    let entry = entries.get_or_make(&key, GO_ON, make).unwrap();
                    assert_eq!(fs::read(entry.file("file")).unwrap(), b"whole");
                    assert_eq!(entry.said, 7);
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn what_is_not_whole_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (entries, key) = (Entries::new(folder.path().to_owned()), Digest::of(b"key"));
        let failed = entries.get_or_make(&key, GO_ON, |folder| {
            write(folder)?;
            Err::<u32, _>(BinaryError::NoUpx)
        });
        assert!(matches!(failed, Err(BinaryError::NoUpx)));
        let entry = entries.get_or_make(&key, GO_ON, write).unwrap();
        let file = entry.file("file");
        drop(entry);
        drop(entries.get_or_make(&key, GO_ON, never).unwrap());
        for damaged in ["who", "whale"] {
            fs::write(&file, damaged).unwrap();
            drop(entries.get_or_make(&key, GO_ON, write).unwrap());
            assert_eq!(fs::read(&file).unwrap(), b"whole");
        }
        fs::remove_file(file.with_file_name(RECORD)).unwrap();
        drop(entries.get_or_make(&key, GO_ON, write).unwrap());
        drop(entries.get_or_make(&key, GO_ON, never).unwrap());
    }

    #[test]
    fn what_nobody_used_for_long_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let make = |key: &[u8]| {
            let entries = Entries::new(folder.path().to_owned());
            let entry = entries.get_or_make(&Digest::of(key), GO_ON, write).unwrap();
            entry.folder.clone()
        };
        let age = |path: &Path, days: u64| {
            let time = SystemTime::now() - Duration::from_hours(24 * days);
            File::open(path).unwrap().set_modified(time).unwrap();
        };
        let [old, young, used] = [b"old".as_slice(), b"young", b"used"].map(make);
        let [abandoned, unfinished] = ["a", "b"].map(|name| {
            let path = folder.path().join(format!("{UNFINISHED}{name}"));
            fs::create_dir(&path).unwrap();
            path
        });
        for (path, days) in [
            (&old.join(RECORD), 8),
            (&young.join(RECORD), 6),
            (&used.join(RECORD), 6),
            (&abandoned, 2),
        ] {
            age(path, days);
        }
        make(b"used");
        assert_eq!(
            [&old, &young, &used, &abandoned, &unfinished].map(|path| path.exists()),
            [false, true, true, false, true]
        );
        assert!(older(&young.join(RECORD), ABANDONED) && !older(&used.join(RECORD), ABANDONED));
    }

    #[test]
    fn waiting_ends_when_we_are_told_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let (entries, key) = (Entries::new(folder.path().to_owned()), Digest::of(b"key"));
        let entry = entries.get_or_make(&key, GO_ON, write).unwrap();
        let stopped = entries.get_or_make(&key, &|| true, never);
        assert!(matches!(
            stopped,
            Err(BinaryError::Tool(ToolError::Cancelled { .. }))
        ));
        drop(entry);
    }
}
