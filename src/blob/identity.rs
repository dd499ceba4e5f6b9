//! [`Sighting`]: whether a file holds what it held before, told by the file system instead of by reading it.
//!
//! In: a path. Out: a [`FileIdentity`] to be written down beside what was learnt of the content, and later compared with.
//! A file that was written to, replaced, cut, linked, given other times or brought up from a lower layer has another one:
//! nobody sets the time of the last change but the kernel. It must never call a file known that may have changed.
//!
//! Two writes within one tick of the file system's clock leave the same times behind. So what was seen counts only
//! where the tick of the last change was over when the reading began: a later change then has a later time. The times must
//! be of the kernel's clock, which is known of some file systems of Linux and seen by their nanoseconds. A file that was made a
//! moment ago is looked at when its tick is over, since we follow compilers at once. Everything else is read again.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

/// Longer than any tick of the kernel's clock, which ticks a hundred times a second at the slowest.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/Kconfig.hz>
const TICK: Duration = Duration::from_millis(20);

/// A point in time, in seconds and nanoseconds since 1970.
type Moment = (i64, i64);

/// What the file system says of one state of a file. Written as a row of numbers: there may be very many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds, of the content.
    modified: Moment,
    /// The same, of anything about the file.
    changed: Moment,
}

/// Device, inode, size, and both times.
type Row = (u64, u64, u64, Moment, Moment);

impl From<Row> for FileIdentity {
    fn from((device, inode, size, modified, changed): Row) -> Self {
        Self {
            device,
            inode,
            size,
            modified,
            changed,
        }
    }
}

impl From<FileIdentity> for Row {
    fn from(identity: FileIdentity) -> Self {
        let FileIdentity {
            device,
            inode,
            size,
            modified,
            changed,
        } = identity;
        (device, inode, size, modified, changed)
    }
}

/// A file as it was seen at one moment. Whoever has it knows its path: there may be very many.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// What was changed before this has another time than what is changed later; none without a clock.
    at: Option<Moment>,
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
        let begun = Instant::now();
        loop {
            let seen = Self::now(path)?;
            if !seen.is_within_its_tick() || begun.elapsed() > 2 * TICK {
                return Ok(seen);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn now(path: &Path) -> io::Result<Self> {
        let at = a_tick_ago();
        let metadata = fs::metadata(path)?;
        Ok(Self {
            at,
            size: metadata.len(),
            identity: identity(&metadata),
        })
    }

    fn is_within_its_tick(&self) -> bool {
        let known = self.identity.as_ref().filter(|known| known.is_fine());
        known
            .zip(self.at)
            .is_some_and(|(known, at)| known.changed.0 <= at.0.saturating_add(1) && known.changed >= at)
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

    /// What to write down after the content of the file at `path` was read: none where that changed meanwhile, or may change
    /// without being seen.
    pub fn lasting(&self, path: &Path) -> Option<FileIdentity> {
        let known = self.identity.clone()?;
        let now = identity(&fs::metadata(path).ok()?);
        let lasts = now.as_ref() == Some(&known)
            && known.is_fine()
            && self
                .at
                .is_some_and(|at| known.changed < at && known.modified < at)
            && keeps_our_time(path);
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

    /// Whether its time is one with nanoseconds, as the kernel sets it. Images of file systems are made with others, and
    /// the same ones for all files.
    fn is_fine(&self) -> bool {
        self.changed.1 != 0
    }
}

/// The kernel dates files by the beginning of the tick.
fn a_tick_ago() -> Option<Moment> {
    let ago = SystemTime::now().checked_sub(TICK)?;
    let ago = ago.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((ago.as_secs().try_into().ok()?, ago.subsec_nanos().into()))
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
    use std::path::PathBuf;

    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("file");
        fs::write(&path, "x").expect("there is room");
        (folder, path)
    }

    #[test]
    fn only_what_was_left_alone_for_long_enough_is_known() {
        let (_folder, path) = file();
        if !keeps_our_time(&path) {
            return;
        }
        let seen = Sighting::of(&path).unwrap();
        let known = seen.identity.clone().unwrap();
        let changed = known.changed;
        assert!(seen.lasting(&path).is_some(), "its tick was waited for");
        for (at, expected) in [
            (None, false),
            (Some((changed.0, changed.1 - 1)), false),
            (Some(changed), false),
            (Some((changed.0, changed.1 + 1)), true),
        ] {
            let seen = Sighting { at, ..seen.clone() };
            assert_eq!(seen.lasting(&path).is_some(), expected, "{at:?}");
        }
        // A time in the future may come once more.
        let times = fs::FileTimes::new().set_modified(SystemTime::now() + Duration::from_secs(3600));
        fs::File::open(&path).unwrap().set_times(times).unwrap();
        assert_eq!(Sighting::of(&path).unwrap().lasting(&path), None);
        // Whole seconds are not of our clock.
        let coarse = FileIdentity {
            changed: (changed.0, 0),
            ..known
        };
        assert!(!coarse.is_fine());
    }

    #[test]
    fn what_changes_while_it_is_read_is_not_known() {
        let (_folder, path) = file();
        let seen = Sighting::of(&path).unwrap();
        fs::write(&path, "yy").unwrap();
        assert_eq!(seen.lasting(&path), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(seen.lasting(&path), None);
        assert!(!seen.is(None));
    }

    /// Of a file system that is not on the list: files of `/proc` say nothing of what is in them.
    #[test]
    fn what_dates_its_files_otherwise_is_not_trusted() {
        let path = Path::new("/proc/version");
        assert_eq!(Sighting::of(path).unwrap().lasting(path), None);
    }
}
