use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::*;
use crate::blob::{Blob, BlobError, BlobStore};
use crate::spec::{Digest, MediaType, json};

fn store() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path().join("store")).unwrap();
    (folder, store)
}

/// An index of one manifest with a config and a layer, stored.
fn index(store: &BlobStore, text: &str) -> Descriptor {
    let config = store.put(format!("{{\"x\":\"{text}\"}}").as_bytes()).unwrap();
    let layer = store.put(text.as_bytes()).unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "config": config.descriptor(MediaType::ImageConfig),
        "layers": [layer.descriptor(MediaType::ImageLayer)],
    });
    let manifest = store.put(&json::to_vec(&manifest)).unwrap();
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [manifest.descriptor(MediaType::ImageManifest)],
    });
    let index = store.put(&json::to_vec(&index)).unwrap();
    index.descriptor(MediaType::ImageIndex)
}

fn names(folder: &Path) -> Vec<String> {
    let name = |file: io::Result<fs::DirEntry>| file.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

/// What a layout holds, wherever it lies.
fn content(path: &Path) -> Vec<(Option<String>, Vec<Vec<u8>>)> {
    let layout = Layout::open(path).unwrap();
    let blobs = |root: &Descriptor| {
        let read = |blob: &Descriptor| {
            layout
                .read(&Blob::described(blob).unwrap().digest, 1 << 20)
                .unwrap()
        };
        layout.reach(root).unwrap().iter().map(read).collect()
    };
    layout
        .entries()
        .iter()
        .map(|entry| (entry.name.clone(), blobs(&entry.descriptor)))
        .collect()
}

#[test]
fn layouts_hold_what_is_reachable_and_are_extended() {
    let (folder, store) = store();
    let (one, two) = (index(&store, "one"), index(&store, "two"));
    let path = folder.path().join("out");
    write_layout(&store, &[Root::new(one.clone(), Some("a"))], &path).unwrap();
    assert_eq!(names(&path), ["blobs", "index.json", "oci-layout"]);
    assert_eq!(names(&path.join("blobs/sha256")).len(), 4);
    write_layout(
        &store,
        &[Root::new(two.clone(), Some("a")), Root::new(one, None)],
        &path,
    )
    .unwrap();
    let found = content(&path);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0.as_deref(), Some("a"));
    assert!(found[0].1.contains(&b"two".to_vec()) && found[1].1.contains(&b"one".to_vec()));
    // The layout stays whole when the store is gone, and when it is written to.
    fs::remove_dir_all(store.root()).unwrap();
    assert_eq!(content(&path), found);
}

#[test]
fn archives_are_reproducible_and_hold_the_same() {
    let (folder, store) = store();
    let roots = [
        Root::new(index(&store, "one"), Some("a")),
        Root::new(index(&store, "two"), Some("b")),
    ];
    let (first, second) = (
        folder.path().join("first.tar"),
        folder.path().join("deep/er/second.tar"),
    );
    write_archive(&store, &roots, &first).unwrap();
    fs::create_dir_all(second.parent().unwrap()).unwrap();
    fs::write(&second, "old").unwrap();
    let reversed: Vec<Root> = roots.iter().rev().cloned().collect();
    write_archive(&store, &reversed, &second).unwrap();
    assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap());
    assert_eq!(names(second.parent().unwrap()), ["second.tar"]);
    let layout = folder.path().join("layout");
    write_layout(&store, &roots, &layout).unwrap();
    assert_eq!(content(&first), content(&layout));
    let member = Layout::open(&first).unwrap();
    let mut text = String::new();
    member
        .blob(&Digest::of(b"two"))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "two");
}

#[test]
fn wrong_blobs_never_leave_the_store() {
    for wrong in ["onE", "on", ""] {
        let (folder, store) = store();
        let roots = [Root::new(index(&store, "one"), Some("a"))];
        fs::write(store.path(&Digest::of(b"one")), wrong).unwrap();
        let archive = folder.path().join("out.tar");
        let error = write_archive(&store, &roots, &archive).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Store(BlobError::Altered { .. })),
            "{wrong}: {error:?}"
        );
        assert_eq!(names(folder.path()), ["store"], "{wrong}");
        let layout = folder.path().join("out");
        let error = write_layout(&store, &roots, &layout).unwrap_err();
        assert!(
            matches!(error, ArchiveError::Store(BlobError::Altered { .. })),
            "{wrong}: {error:?}"
        );
        assert!(Layout::open(&layout).unwrap().entries().is_empty(), "{wrong}");
    }
}

#[test]
fn what_others_wrote_is_checked() {
    let (folder, store) = store();
    let path = folder.path().join("out");
    write_layout(&store, &[Root::new(index(&store, "one"), None)], &path).unwrap();
    let digest = Digest::of(b"one");
    fs::remove_file(path.join("blobs/sha256").join(digest.hex())).unwrap();
    let layout = Layout::open(&path).unwrap();
    assert!(matches!(
        layout.read(&digest, 9),
        Err(ArchiveError::Missing { .. })
    ));
    fs::write(path.join("blobs/sha256").join(digest.hex()), "onE").unwrap();
    assert!(matches!(
        layout.read(&digest, 9),
        Err(ArchiveError::Altered { .. })
    ));
    assert!(matches!(
        layout.read(&digest, 2),
        Err(ArchiveError::TooLarge { .. })
    ));
    let copied = io::copy(&mut layout.blob(&digest).unwrap(), &mut io::sink());
    assert_eq!(copied.unwrap_err().kind(), io::ErrorKind::InvalidData);
    fs::write(path.join("index.json"), "{").unwrap();
    assert!(matches!(Layout::open(&path), Err(ArchiveError::Index { .. })));
    fs::write(path.join("oci-layout"), "{}").unwrap();
    assert!(matches!(Layout::open(&path), Err(ArchiveError::NoLayout { .. })));
    assert!(matches!(
        Layout::open(folder.path()),
        Err(ArchiveError::NoLayout { .. })
    ));
    assert!(matches!(
        Layout::open(path.join("none")),
        Err(ArchiveError::Read { .. })
    ));
    // What is no tar is told as that: a compressed one, a file of something else, an empty one.
    for bytes in [b"\x1f\x8b\x08".repeat(400), b"{}".repeat(300), Vec::new()] {
        let file = path.join("a.tar");
        fs::write(&file, &bytes).unwrap();
        assert!(
            matches!(Layout::open(&file), Err(ArchiveError::NoLayout { .. })),
            "{bytes:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("oci-layout");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    for path in [folder.path(), &pipe] {
        let error = Layout::open(path).unwrap_err();
        assert!(format!("{error:?}").contains("is no file"), "{error:?}");
    }
}
