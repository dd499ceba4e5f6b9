//! [`Place`]: a folder that programs are put into, taken by one build at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::BuildError;
use crate::event::{Event, Observer, Span, Stage};
use crate::tool::{ToolError, Tools};

/// A folder that is ours until this is dropped.
pub(super) struct Place {
    temporary: PathBuf,
    /// Holds the lock.
    _lock: File,
}

/// How often a lock that another build holds is tried.
const POLL: Duration = Duration::from_millis(100);

impl Place {
    /// Makes `folder`, and waits until no other build uses it.
    pub(super) fn take(tools: &Tools, observer: &dyn Observer, folder: &Path) -> Result<Self, BuildError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| BuildError::Folder { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let path = folder.join(".lock");
        let lock = File::create(&path).map_err(failed(&path))?;
        let mut told = None;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Some network file systems have no locks.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => break,
                Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if tools.cancelled() {
                return Err(BuildError::Tool(ToolError::Cancelled {
                    command: format!("waiting for `{}`", folder.display()),
                }));
            }
            if told.is_none() {
                let text = format!("waiting for another build in `{}`", folder.display());
                observer.event(&Event::Notice { text: &text });
                told = Some(Span::lent(observer, Stage::Wait, (None, None), &text));
            }
            std::thread::sleep(POLL);
        }
        drop(told);
        // What a killed build left.
        let temporary = folder.join(".temporary");
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&temporary)(error)),
            _ => {}
        }
        fs::create_dir(&temporary).map_err(failed(&temporary))?;
        Ok(Self {
            temporary,
            _lock: lock,
        })
    }

    /// A folder for temporary files, on the file system that the programs go to: what is whole is renamed.
    pub(super) fn temporary(&self) -> &Path {
        &self.temporary
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The next build removes what cannot be removed now.
        drop(fs::remove_dir_all(&self.temporary));
    }
}
