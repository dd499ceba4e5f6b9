use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::blob::BlobStore;
use crate::codec::{Compression, decoder};

fn store() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    (folder, store)
}

fn packed(entries: Vec<Entry>) -> Result<Layer, LayerError> {
    let (_folder, store) = store();
    pack(&store, entries, &Packing::new(Compression::None, 0))
}

/// The entries of a stored layer, as the `tar` crate reads them.
fn unpacked(store: &BlobStore, layer: &Layer) -> Vec<Entry> {
    let file = store.file(&layer.digest).unwrap();
    let mut archive = tar::Archive::new(decoder(&layer.media_type, file, u64::MAX).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry: tar::Entry<'_, _> = entry.unwrap();
        let path = entry.path_bytes().into_owned();
        let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        let header = entry.header().clone();
        assert_eq!(header.mtime().unwrap(), 1_700_000_000);
        let mode = header.mode().unwrap();
        let made = match header.entry_type() {
            tar::EntryType::Regular => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                Entry::bytes(path, bytes, mode)
            }
            tar::EntryType::Directory => Entry::directory(path, mode),
            tar::EntryType::Symlink => Entry::new(path, Kind::Symlink(link.unwrap()), mode),
            tar::EntryType::Link => Entry::hardlink(path, link.unwrap(), mode),
            other => panic!("{other:?}"),
        };
        made.owned_by(header.uid().unwrap(), header.gid().unwrap())
    };
    archive.entries().unwrap().map(read).collect()
}

#[test]
fn parents_are_added_as_they_are_below() {
    let (_folder, store) = store();
    let below = Attributes {
        mode: 0o1777,
        uid: 1,
        gid: 2,
    };
    let known = [b"usr".to_vec(), b"srv".to_vec(), b"var/tmp".to_vec()].map(|path| (path, below));
    let known = BTreeMap::from(known);
    let packing = Packing::new(Compression::default(), 1_700_000_000).on(&known);
    let file = Entry::bytes("/usr/local/bin/x", *b"x", 0o755);
    // What is named is as it is said, and what is nobody's parent is not there.
    let named = Entry::directory("srv", 0o700);
    let layer = pack(&store, vec![file.clone(), named.clone()], &packing).unwrap();
    let expected = [
        named,
        Entry::directory("usr", 0o1777).owned_by(1, 2),
        Entry::directory("usr/local", 0o755),
        Entry::directory("usr/local/bin", 0o755),
        file,
    ];
    assert_eq!(unpacked(&store, &layer), expected);
    assert_eq!(layer.entries, 5);
    store.verify(&layer.blob()).unwrap();
}

#[test]
fn contradictions_are_errors() {
    let file = |path: &str| Entry::bytes(path, *b"x", 0o644);
    let text = |entries: Vec<Entry>| packed(entries).unwrap_err().to_string();
    for (one, other) in [
        (file("a"), Entry::directory("a", 0o755)),
        (Entry::directory("a", 0o755), file("a")),
    ] {
        assert_eq!(
            text(vec![one, other]),
            "`a` is put into the image twice: as 1 made-up bytes and as a directory of mode 755 and owner 0:0"
        );
    }
    assert_eq!(
        text(vec![file("a"), file("a/b")]),
        "`a/b` cannot lie below `a`, which is 1 made-up bytes"
    );
    let link = Entry::symlink("a", "b");
    assert_eq!(
        text(vec![link, file("a/b")]),
        "`a/b` cannot lie below `a`, which is a link to `b`"
    );
    for path in ["", "/", "..", "a/../b", "a\0b"] {
        assert!(
            text(vec![file(path)]).ends_with("is no path within an image"),
            "{path:?}"
        );
    }
    for path in [".wh.a", "a/.wh..wh..opq", "a/.wh.b/c"] {
        let error = packed(vec![file(path)]);
        assert!(matches!(error, Err(LayerError::Whiteout { .. })), "{path:?}");
    }
    assert!(packed(vec![file("a/b.wh.c"), file("a/wh.d")]).is_ok());
    assert!(matches!(
        packed(vec![Entry::hardlink("a", "b", 0o644)]),
        Err(LayerError::Hardlink { .. })
    ));
    // The same directory twice is no contradiction.
    assert_eq!(
        packed(vec![Entry::directory("a", 0o755), Entry::directory("/a/", 0o755)])
            .unwrap()
            .entries,
        1
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let error = packed(vec![Entry::file("x", &gone, 0o644)]).unwrap_err();
    assert!(
        matches!(&error, LayerError::Unreadable { path, .. } if *path == gone),
        "{error:?}"
    );
    let error = packed(vec![Entry::file("x", folder.path(), 0o644)]).unwrap_err();
    assert!(matches!(
        error,
        LayerError::Special {
            what: "a directory",
            ..
        }
    ));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 4] = [
        ("longer", |path| {
            use std::io::Write;
            std::fs::File::options()
                .append(true)
                .open(path)
                .unwrap()
                .write_all(b"!")
                .unwrap();
        }),
        ("shorter", |path| {
            std::fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(200_000)
                .unwrap()
        }),
        ("other bytes", |path| {
            std::fs::write(path, vec![1; 1 << 20]).unwrap()
        }),
        ("other file", |path| {
            std::fs::write(path.with_extension("new"), vec![1; 1 << 20]).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }),
    ];
    for (name, change) in changes {
        let (folder, store) = store();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![0; 1 << 20]).unwrap();
        // The clock that files are stamped with has steps of some milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let done = std::cell::Cell::new(false);
        let progress = |_: u64| {
            if !done.replace(true) {
                change(&path);
            }
        };
        let packing = Packing::new(Compression::default(), 0).watched(&progress);
        let error = pack(&store, vec![Entry::file("f", &path, 0o644)], &packing).unwrap_err();
        assert!(
            matches!(&error, LayerError::Changed { path: found } if *found == path),
            "{name}: {error:?}"
        );
        assert_eq!(
            std::fs::read_dir(folder.path().join("blobs/sha256"))
                .unwrap()
                .count(),
            0,
            "{name}"
        );
        assert_eq!(
            std::fs::read_dir(folder.path().join(".unfinished"))
                .unwrap()
                .count(),
            0,
            "{name}"
        );
    }
}

fn component() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("separates or ends names", |byte| *byte != b'/' && *byte != 0);
    prop_oneof![
        4 => "[a-c]{1,2}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(byte, 1..300)
            .prop_filter("is no name", |name| name != b"." && name != b".."),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let path = proptest::collection::vec(component(), 1..4).prop_map(|parts| parts.join(&b'/'));
    let kind = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2000)
            .prop_map(|bytes| Kind::File(Source::Bytes(bytes.into()))),
        Just(Kind::Directory),
        component().prop_map(Kind::Symlink),
    ];
    let id = prop_oneof![0..70_000_u64, 0..u64::from(u32::MAX)];
    (path, kind, 0..0o10000_u32, (id.clone(), id))
        .prop_map(|(path, kind, mode, (uid, gid))| Entry::new(path, kind, mode).owned_by(uid, gid))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_entries_come_back_and_their_order_does_not_matter(
        (entries, shuffled) in proptest::collection::vec(entry(), 1..12)
            .prop_flat_map(|entries| (Just(entries.clone()), Just(entries).prop_shuffle())),
        compression in prop_oneof![
            Just(Compression::Gzip(6)), Just(Compression::Zstd(3)), Just(Compression::None),
        ],
    ) {
        let (_folder, store) = store();
        let packing = Packing::new(compression, 1_700_000_000);
        let layer = pack(&store, entries.clone(), &packing);
        match (layer, pack(&store, shuffled, &packing)) {
            (Ok(layer), Ok(again)) => {
                prop_assert_eq!(&layer, &again);
                let found = unpacked(&store, &layer);
                prop_assert_eq!(found.len(), layer.entries);
                for entry in &entries {
                    prop_assert!(found.contains(entry), "{:?} is not in {:?}", entry, found);
                }
                // Parents first, everything sorted.
                prop_assert!(found.is_sorted_by(|one, other| one.path < other.path));
                for entry in found.iter().filter(|entry| !entries.contains(entry)) {
                    prop_assert_eq!(entry, &Entry::directory(&entry.path, 0o755));
                }
            }
            (one, other) => {
                // Contradictory either way, and the store is left as it was.
                prop_assert!(one.is_err() && other.is_err());
            }
        }
    }
}
