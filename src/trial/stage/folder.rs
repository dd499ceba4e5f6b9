//! [`Folder`]: a folder of a stage's own, and what dead stages left beside it.
//!
//! The folder is locked as long as its owner lives, so any other process can tell a dead one's: it gets the lock,
//! whatever became of process numbers. Where the system knows no locks nothing is swept.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const PREFIX: &str = ".gantry-trial-";

/// A folder that nobody else may look into, removed when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// A new folder in `parent`, which is made if need be. Those of the dead are removed.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let parent = parent.canonicalize()?;
        sweep(&parent)?;
        loop {
            // Programs with a set-user-id bit may come to lie in there.
            let closed = fs::Permissions::from_mode(0o700);
            let mut builder = tempfile::Builder::new();
            let made = builder.prefix(PREFIX).permissions(closed).tempdir_in(&parent)?;
            let lock = match File::open(made.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            // Between its making and its locking a sweeper may have taken it for a dead one's.
            if lock.try_lock().is_ok() && made.path().exists() {
                let path = made.keep();
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What was killed in there may be on its way out.
        for _ in 0..20 {
            if remove(&self.path).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn sweep(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        // Gone meanwhile, or not ours to open: nothing to sweep.
        if ours
            && entry.file_type()?.is_dir()
            && let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            drop(remove(&entry.path()));
        }
    }
    Ok(())
}

/// Removes a folder, also where its modes are against it.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        removed => return removed,
    }
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            // Of a link this is the link's.
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    fs::remove_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_keep_theirs_and_the_dead_are_swept() {
        let parent = tempfile::tempdir().unwrap();
        let living = Folder::new(parent.path()).unwrap();
        let dead = parent.path().join(".gantry-trial-dead");
        fs::create_dir_all(dead.join("root/closed/inner")).unwrap();
        fs::set_permissions(dead.join("root/closed"), fs::Permissions::from_mode(0o000)).unwrap();
        fs::create_dir(parent.path().join("other")).unwrap();
        let next = Folder::new(parent.path()).unwrap();
        assert!(living.path().exists() && !dead.exists() && parent.path().join("other").exists());
        let mode = next.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop((living, next));
        let left: Vec<_> = fs::read_dir(parent.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
