//! Every way in which a file may come to hold something else, one by one.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use cargo_gantry::blob::FileIdentity;
use cargo_gantry::layer::{LayerCache, LayerError, Looked};

use super::support::missing;
use super::{How, Place, content, entries, packing, set_times, settle};

/// Writes into the file that is there.
fn overwrite(path: &Path, bytes: &[u8]) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

type Change = fn(&Path);

/// Each leaves a file of the same size.
const CHANGES: [(&str, How, Change); 9] = [
    ("nothing", How::Found, |_| ()),
    ("touched", How::Found, |path| {
        let now = fs::FileTimes::new().set_modified(std::time::SystemTime::now());
        fs::File::open(path).unwrap().set_times(now).unwrap();
    }),
    ("the same written again", How::Found, |path| {
        overwrite(path, &content(1));
    }),
    ("replaced by a copy", How::Found, |path| {
        let copy = path.with_extension("copy");
        fs::copy(path, &copy).unwrap();
        fs::rename(copy, path).unwrap();
    }),
    ("overwritten", How::Packed, |path| overwrite(path, &content(2))),
    ("overwritten with the time before", How::Packed, |path| {
        let before = fs::metadata(path).unwrap();
        overwrite(path, &content(2));
        set_times(path, &before);
        assert_eq!(
            fs::metadata(path).unwrap().modified().unwrap(),
            before.modified().unwrap()
        );
    }),
    ("another renamed over it with its time", How::Packed, |path| {
        let other = path.with_extension("other");
        fs::write(&other, content(2)).unwrap();
        set_times(&other, &fs::metadata(path).unwrap());
        fs::rename(other, path).unwrap();
    }),
    ("cut and filled again", How::Packed, |path| {
        let before = fs::metadata(path).unwrap();
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(&content(2), 0).unwrap();
        set_times(path, &before);
    }),
    ("written to by its other name", How::Packed, |path| {
        let other = path.with_extension("link");
        fs::hard_link(path, &other).unwrap();
        let before = fs::metadata(path).unwrap();
        overwrite(&other, &content(2));
        set_times(&other, &before);
    }),
];

#[test]
fn every_change_is_noticed_and_what_is_the_same_is_not_packed() {
    for (name, expected, change) in CHANGES {
        // Whether or not the file had settled when it was packed.
        for settled in [true, false] {
            let place = Place::new();
            let path = place.path("app");
            fs::write(&path, content(1)).unwrap();
            if settled {
                settle();
            }
            let files = [path.clone()];
            assert_eq!(place.right(&files, name), How::Packed, "{name}");
            change(&path);
            assert_eq!(place.right(&files, name), expected, "{name}, settled: {settled}");
            settle();
            for _ in 0..2 {
                assert_eq!(place.right(&files, name), How::Found, "{name}");
            }
        }
    }
}

#[test]
fn two_versions_in_turns_are_packed_once_each() {
    let place = Place::new();
    let path = place.path("app");
    let mut packed = 0;
    for round in 0..6 {
        fs::write(&path, content(round % 2)).unwrap();
        packed += usize::from(place.right(std::slice::from_ref(&path), "in turns") == How::Packed);
    }
    assert_eq!(packed, 2);
}

const REWRITES: usize = 30;

/// While the first content is read, the second is written: at times within one tick of the clock, which leaves an identity
/// that says nothing.
#[test]
fn a_rewrite_within_one_tick_is_noticed() {
    let (mut within, mut seen) = (0, 0);
    for _ in 0..REWRITES {
        let place = Place::new();
        let path = place.path("app");
        fs::write(&path, content(1)).unwrap();
        let before = FileIdentity::of(&path);
        let after = Cell::new(None);
        let rewrite = |_| {
            overwrite(&path, &content(2));
            after.set(FileIdentity::of(&path));
        };
        let files = [path.clone()];
        let (entries, packing) = (entries(&files), packing());
        // With the time that really is waited for.
        let cache = LayerCache::new(&place.store);
        let Looked::New(unpacked) = cache.look(&entries, &packing).unwrap() else {
            panic!("nothing was packed yet");
        };
        match cache.pack(unpacked, &packing.watched(&rewrite)) {
            Ok(_) => within += usize::from(before == after.take()),
            Err(LayerError::Changed { .. }) => seen += 1,
            Err(error) => panic!("{error}"),
        }
        let cache = LayerCache::new(&place.store);
        let looked = cache.look(&entries, &packing).unwrap();
        assert!(
            matches!(looked, Looked::New(_)),
            "what was read is not what is there"
        );
        place.right(&files, "rewritten");
    }
    println!("{within} rewrites left the same identity, {seen} were seen at once");
    assert_eq!(within + seen, REWRITES);
}

#[test]
fn a_time_in_the_future_is_not_trusted() {
    let place = Place::new();
    let path = place.path("app");
    fs::write(&path, content(1)).unwrap();
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let times = fs::FileTimes::new().set_modified(future);
    fs::File::open(&path).unwrap().set_times(times).unwrap();
    settle();
    assert_eq!(place.right(std::slice::from_ref(&path), "future"), How::Packed);
    assert!(!identified(&place));
    // One reading each time, and nothing packed.
    assert_eq!(place.right(&[path], "future"), How::Found);
    assert!(!identified(&place));
}

/// Whether records hold identities of all files.
fn identified(place: &Place) -> bool {
    let folder = place.path("store/remembered/layers");
    let mut records = fs::read_dir(folder).unwrap();
    records.all(|record| {
        let text = fs::read_to_string(record.unwrap().path()).unwrap();
        !text.contains("\"files\":[null]")
    })
}

#[test]
fn what_was_left_alone_is_found_without_being_read() {
    let place = Place::new();
    let path = place.path("app");
    fs::write(&path, content(1)).unwrap();
    settle();
    place.right(std::slice::from_ref(&path), "first");
    assert!(identified(&place));
    fs::write(&path, content(2)).unwrap();
    place.right(std::slice::from_ref(&path), "fresh");
    assert!(identified(&place), "its tick was waited for");
    assert_eq!(place.right(&[path], "again"), How::Found);
}

/// A copy of a file of the lower layer comes into being when it is first written to.
#[test]
fn a_file_that_overlayfs_copies_up_is_noticed() {
    let Some(overlay) = Overlay::mount() else { return };
    let place = Place::new();
    let path = overlay.merged("app");
    let files = [path.clone()];
    settle();
    let lower = fs::metadata(&path).unwrap();
    assert_eq!(place.right(&files, "of the lower layer"), How::Packed);
    assert_eq!(place.right(&files, "of the lower layer"), How::Found);
    assert!(identified(&place), "overlayfs is trusted");
    // As it is: nothing but the place changes.
    set_times(&path, &lower);
    let upper = fs::metadata(&path).unwrap();
    assert_ne!(
        (lower.ino(), lower.ctime_nsec()),
        (upper.ino(), upper.ctime_nsec())
    );
    assert_eq!(place.right(&files, "copied up"), How::Found);
    for number in [2, 3] {
        settle();
        overwrite(&path, &content(number));
        set_times(&path, &lower);
        assert_eq!(place.right(&files, "copied up and changed"), How::Packed);
    }
    // Taken away, the lower layer's file is back with its old identity, or cannot be.
    fs::remove_file(&path).unwrap();
    fs::write(&path, content(4)).unwrap();
    set_times(&path, &lower);
    assert_eq!(place.right(&files, "made anew"), How::Packed);
}

/// An overlay of two folders, unmounted with the value.
struct Overlay(tempfile::TempDir);

impl Overlay {
    fn mount() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            missing("only root mounts an overlayfs");
            return None;
        }
        let overlay = Self(tempfile::tempdir().unwrap());
        let root = overlay.0.path();
        // Overlays of overlays are refused: both layers lie in memory.
        if !mount(&["-t", "tmpfs", "tmpfs"], root) {
            missing("no tmpfs can be mounted");
            return None;
        }
        for name in ["lower", "upper", "work", "merged"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        fs::write(root.join("lower/app"), content(1)).unwrap();
        let of = |name: &str| root.join(name).display().to_string();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            of("lower"),
            of("upper"),
            of("work")
        );
        if !mount(
            &["-t", "overlay", "overlay", "-o", &options],
            &root.join("merged"),
        ) {
            missing("no overlayfs can be mounted");
            return None;
        }
        Some(overlay)
    }

    fn merged(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join("merged").join(name)
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        for name in ["merged", "."] {
            let path = self.0.path().join(name);
            drop(Command::new("umount").arg(path).output());
        }
    }
}

fn mount(words: &[&str], at: &Path) -> bool {
    let said = Command::new("mount").args(words).arg(at).output();
    said.is_ok_and(|said| said.status.success())
}

#[test]
fn records_may_be_damaged_unwritable_or_of_blobs_that_are_gone() {
    let place = Place::new();
    let path = place.path("app");
    fs::write(&path, content(1)).unwrap();
    settle();
    let files = [path];
    place.right(&files, "first");
    let folder = place.path("store/remembered/layers");
    let record = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&record).unwrap();
    for damaged in [&whole[..40], &whole[..whole.len() - 3], b"", b"{}"] {
        fs::write(&record, damaged).unwrap();
        assert_eq!(place.right(&files, "damaged"), How::Packed);
        assert_eq!(place.right(&files, "replaced"), How::Found);
    }
    let (_, layer) = place.layer(&files);
    let blob = place.store.path(&layer.digest);
    fs::write(&blob, "cut").unwrap();
    assert_eq!(place.right(&files, "a blob that was cut"), How::Packed);
    fs::remove_file(&blob).unwrap();
    assert_eq!(place.right(&files, "a blob that is gone"), How::Packed);
    assert_eq!(place.right(&files, "packed again"), How::Found);
    // Nowhere to write them.
    fs::remove_dir_all(place.path("store/remembered")).unwrap();
    fs::write(place.path("store/remembered"), "in the way").unwrap();
    for _ in 0..2 {
        assert_eq!(place.right(&files, "unwritable"), How::Packed);
    }
}

/// Threads that want the same at once: one packs, the others take what it made.
#[test]
fn the_same_is_packed_once_at_a_time() {
    let place = Place::new();
    let path = place.path("app");
    fs::write(&path, content(1)).unwrap();
    let files = [path];
    let cache = LayerCache::new(&place.store);
    let packed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let (entries, packing) = (entries(&files), packing());
                let chunks = Cell::new(0);
                let counting = |_| chunks.set(chunks.get() + 1);
                let packing = packing.watched(&counting);
                let layer = match cache.look(&entries, &packing).unwrap() {
                    Looked::Known(layer) => layer,
                    Looked::New(unpacked) => cache.pack(unpacked, &packing).unwrap(),
                };
                packed.lock().unwrap().push(layer);
            });
        }
    });
    let packed = packed.into_inner().unwrap();
    assert!(packed.iter().all(|layer| *layer == packed[0]));
    let blob = fs::metadata(place.store.path(&packed[0].digest)).unwrap();
    assert_eq!(blob.size(), packed[0].size);
}
