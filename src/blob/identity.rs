//! [`Sighting`]: whether a file holds what it held before, told by the file system instead of by reading it.
//!
//! In: a path. Out: a [`FileIdentity`] to be written down beside what was learnt of the content, and later compared with.
//! A file that was written to, replaced, cut, linked, given other times or brought up from a lower layer has another one:
//! nobody sets the time of the last change but the kernel. It must never call a file known that may have changed.
//!
//! Two writes within one tick of the file system's clock leave the same times behind. So what was seen counts only
//! where the last change lies well before the reading began: a later one then has a later time. The clock must be ours,
//! and the times must be of that clock, which is known of some file systems of Linux. Everything else is read again.
//! A tick is short where times have nanoseconds: a file that was made a moment ago is looked at when it is over, since
//! compilers are followed by us at once.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// How long before its reading a file must have been left alone. File systems count in steps of up to two seconds.
pub const SETTLED: Duration = Duration::from_secs(3);

/// The same where times have nanoseconds: they are of the kernel's clock, which ticks a hundred times a second at least.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/Kconfig.hz>
const TICK: Duration = Duration::from_millis(20);

/// What the file system says of one state of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds, of the content.
    modified: (i64, i64),
    /// The same, of anything about the file.
    changed: (i64, i64),
}

/// A file as it was seen at one moment.
#[derive(Clone, Debug)]
pub struct Sighting {
    path: PathBuf,
    at: SystemTime,
    size: u64,
    /// None where the system does not tell enough.
    identity: Option<FileIdentity>,
}

impl Sighting {
    /// Looks at a file, after all links. What is to be remembered of its content is read after this.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(path: &Path) -> io::Result<Self> {
        let seen = Self::now(path)?;
        match seen.rest() {
            Some(rest) => {
                std::thread::sleep(rest);
                Self::now(path)
            }
            None => Ok(seen),
        }
    }

    fn now(path: &Path) -> io::Result<Self> {
        let at = SystemTime::now();
        let metadata = fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            at,
            size: metadata.len(),
            identity: identity(&metadata),
        })
    }

    /// What is left of the tick that the file was changed in, if that is not over.
    fn rest(&self) -> Option<Duration> {
        let known = self.identity.as_ref().filter(|known| known.is_fine())?;
        let (seconds, nanoseconds) = known.changed;
        let changed = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
        let age = self
            .at
            .duration_since(SystemTime::UNIX_EPOCH.checked_add(changed)?)
            .ok()?;
        // One more, for clocks that count whole ones.
        (age <= TICK).then(|| TICK - age + Duration::from_millis(1))
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it is still what it was when `known` was written down.
    pub fn is(&self, known: Option<&FileIdentity>) -> bool {
        known.is_some() && self.identity.as_ref() == known
    }

    /// Whether two looks at files saw the same state of the same file.
    pub fn same(&self, other: &Self) -> bool {
        self.is(other.identity.as_ref())
    }

    /// What to write down after the content was read: none where the file changed meanwhile, or may change without being
    /// seen. It must have been left alone for as long as `settled` before it was looked at, see [`SETTLED`]; or for a tick of
    /// the kernel's clock, where its times are that exact.
    pub fn lasting(&self, settled: Duration) -> Option<FileIdentity> {
        let known = self.identity.clone()?;
        let settled = match known.is_fine() {
            true => settled.min(TICK),
            false => settled,
        };
        let now = identity(&fs::metadata(&self.path).ok()?);
        let lasts = now.as_ref() == Some(&known)
            && is_before(&known, self.at.checked_sub(settled)?)
            && keeps_our_time(&self.path);
        lasts.then_some(known)
    }
}

impl FileIdentity {
    /// What the file system says now; none where it does not tell enough. To remember what a file holds, a [`Sighting`]
    /// is needed.
    pub fn of(path: &Path) -> Option<Self> {
        identity(&fs::metadata(path).ok()?)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether its time is one with nanoseconds. One that has none by chance only counts as coarse.
    fn is_fine(&self) -> bool {
        self.changed.1 != 0
    }
}

/// Whether all its times lie before that one. Times in the future never do.
fn is_before(known: &FileIdentity, limit: SystemTime) -> bool {
    let Ok(limit) = limit.duration_since(SystemTime::UNIX_EPOCH) else {
        return false;
    };
    let limit = (
        i64::try_from(limit.as_secs()).unwrap_or(0),
        i64::from(limit.subsec_nanos()),
    );
    known.modified < limit && known.changed < limit
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;
    Some(FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<FileIdentity> {
    None
}

/// Whether the file lies on a file system whose every change the kernel dates by its own clock. Those of a network have
/// a clock of their own and tell of changes late; FAT has no time of the last change.
#[cfg(target_os = "linux")]
fn keeps_our_time(path: &Path) -> bool {
    // The magic numbers of linux/magic.h and, for ZFS and bcachefs, of their own headers.
    const KNOWN: [u32; 8] = [
        0xef53,      // ext2, ext3, ext4
        0x5846_5342, // XFS
        0x9123_683e, // btrfs
        0x0102_1994, // tmpfs
        0x794c_7630, // overlayfs, over any of these
        0xf2f5_2010, // F2FS
        0x2fc1_2fc1, // ZFS
        0xca45_1a4e, // bcachefs
    ];
    let found = rustix::fs::statfs(path);
    found.is_ok_and(|found| {
        KNOWN
            .iter()
            .any(|known| i128::from(*known) == i128::from(found.f_type))
    })
}

#[cfg(not(target_os = "linux"))]
fn keeps_our_time(_: &Path) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_left_alone_for_long_enough_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "x").unwrap();
        if !keeps_our_time(&path) {
            return;
        }
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        let seen = Sighting::of(&path).unwrap();
        assert!(seen.at > written + TICK, "it was not waited for");
        for (at, settled, expected) in [
            (Duration::ZERO, SETTLED, false),
            (TICK / 2, SETTLED, false),
            (TICK * 2, SETTLED, true),
            (TICK / 2, TICK / 4, true),
        ] {
            let seen = Sighting {
                at: written + at,
                ..seen.clone()
            };
            assert_eq!(seen.lasting(settled).is_some(), expected, "{at:?} {settled:?}");
        }
        let coarse = FileIdentity {
            changed: (seen.identity.clone().unwrap().changed.0, 0),
            ..seen.identity.clone().unwrap()
        };
        let second = SystemTime::UNIX_EPOCH + Duration::from_secs(coarse.changed.0.try_into().unwrap());
        assert!(!coarse.is_fine() && seen.identity.clone().unwrap().is_fine());
        for (at, expected) in [(TICK * 2, false), (SETTLED * 2, true)] {
            assert_eq!(
                is_before(&coarse, (second + at).checked_sub(SETTLED).unwrap()),
                expected
            );
        }
        // A time in the future may come once more.
        let times = fs::FileTimes::new().set_modified(written + Duration::from_secs(3600));
        fs::File::open(&path).unwrap().set_times(times).unwrap();
        let seen = Sighting {
            at: written + SETTLED * 2,
            ..Sighting::of(&path).unwrap()
        };
        assert_eq!(seen.lasting(SETTLED), None);
    }

    #[test]
    fn what_changes_while_it_is_read_is_not_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "x").unwrap();
        let seen = Sighting {
            at: SystemTime::now() + SETTLED * 2,
            ..Sighting::of(&path).unwrap()
        };
        fs::write(&path, "yy").unwrap();
        assert_eq!(seen.lasting(SETTLED), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(seen.lasting(SETTLED), None);
        assert!(!seen.is(None));
    }

    /// Of a file system that is not on the list: files of `/proc` say nothing of what is in them.
    #[test]
    fn what_dates_its_files_otherwise_is_not_trusted() {
        let seen = Sighting {
            at: SystemTime::now() + SETTLED * 2,
            ..Sighting::of(Path::new("/proc/version")).unwrap()
        };
        assert_eq!(seen.lasting(Duration::ZERO), None);
    }
}
