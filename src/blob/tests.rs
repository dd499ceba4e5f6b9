use std::sync::Mutex;
use std::time::Duration;

use super::*;

fn store() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    (folder, store)
}

/// A manifest with one config and one layer, stored.
fn image(store: &BlobStore, text: &str) -> Descriptor {
    let config = store.put(format!("{{\"x\":\"{text}\"}}").as_bytes()).unwrap();
    let layer = store.put(text.as_bytes()).unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "config": config.descriptor(MediaType::ImageConfig),
        "layers": [layer.descriptor(MediaType::ImageLayer)],
    });
    let manifest = store.put(&crate::spec::json::to_vec(&manifest)).unwrap();
    manifest.descriptor(MediaType::ImageManifest)
}

fn unfinished(store: &BlobStore) -> usize {
    fs::read_dir(store.root().join(UNFINISHED)).unwrap().count()
}

#[test]
fn what_is_put_is_found_and_read_under_its_digest() {
    let (_folder, store) = store();
    let blob = store.put(b"hello").unwrap();
    assert_eq!(blob, Blob::of(b"hello"));
    assert!(store.contains(&blob) && !store.contains(&Blob::new(blob.digest, 4)));
    assert_eq!(store.find(&blob.digest), Some(blob));
    assert_eq!(store.read(&blob.digest, 5).unwrap(), b"hello");
    assert!(matches!(
        store.read(&blob.digest, 4),
        Err(BlobError::TooLarge { limit: 4, .. })
    ));
    let other = Digest::of(b"other");
    assert!(matches!(store.read(&other, 9), Err(BlobError::Missing { digest, .. }) if digest == other));
    assert_eq!((store.find(&other), unfinished(&store)), (None, 0));
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let (_folder, store) = store();
    let mut writer = store.writer().unwrap();
    writer.write_all(b"half").unwrap();
    assert_eq!((unfinished(&store), writer.count()), (1, 4));
    drop(writer);
    assert_eq!(unfinished(&store), 0);
}

#[test]
fn opening_sweeps_what_the_dead_left_and_nothing_else() {
    let (_folder, store) = store();
    let mut living = store.writer().unwrap();
    living.write_all(b"alive").unwrap();
    fs::write(store.unfinished().join(".gantry-dead.unfinished"), "half").unwrap();
    BlobStore::open(store.root()).unwrap();
    assert_eq!(unfinished(&store), 1);
    store.verify(&living.finish().unwrap()).unwrap();
}

#[test]
fn altered_blobs_are_noticed_and_made_anew() {
    let (_folder, store) = store();
    for (wrong, size_differs) in [(&b"jello"[..], false), (b"hell", true), (b"", true)] {
        let blob = store.put(b"hello").unwrap();
        fs::write(store.path(&blob.digest), wrong).unwrap();
        assert_eq!(store.contains(&blob), !size_differs);
        assert!(matches!(store.verify(&blob), Err(BlobError::Altered { .. })));
        assert!(matches!(
            store.read(&blob.digest, 99),
            Err(BlobError::Altered { .. })
        ));
        store.put(b"hello").unwrap();
        store.verify(&blob).unwrap();
    }
}

#[test]
fn entries_are_replaced_by_name_and_need_their_blobs() {
    let (_folder, store) = store();
    let (one, two) = (image(&store, "one"), image(&store, "two"));
    store.add_entry("b", &one).unwrap();
    store.add_entry("a", &one).unwrap();
    store.add_entry("b", &two).unwrap();
    let names = |store: &BlobStore| -> Vec<(String, String)> {
        let shown = |entry: Entry| (entry.name.unwrap(), entry.descriptor.digest().to_string());
        store.entries().unwrap().into_iter().map(shown).collect()
    };
    let (first, second) = (one.digest().to_string(), two.digest().to_string());
    assert_eq!(names(&store), [("a".into(), first.clone()), ("b".into(), second)]);
    store.remove_entry("b").unwrap();
    fs::remove_file(store.path(&Digest::of(b"two"))).unwrap();
    assert!(matches!(
        store.add_entry("c", &two),
        Err(BlobError::Missing { .. })
    ));
    fs::write(store.path(&Digest::of(b"two")), "tw").unwrap();
    assert!(matches!(
        store.add_entry("c", &two),
        Err(BlobError::Altered { .. })
    ));
    assert_eq!(names(&store), [("a".into(), first)]);
}

#[test]
fn garbage_is_what_nobody_needs_and_nobody_touched() {
    let (_folder, store) = store();
    store.add_entry("kept", &image(&store, "kept")).unwrap();
    let dropped = image(&store, "dropped");
    let fresh = store.put(b"fresh").unwrap();
    let looked_for = store.put(b"looked for").unwrap();
    let day = Duration::from_secs(24 * 3600);
    for file in fs::read_dir(store.folder()).unwrap() {
        let path = file.unwrap().path();
        if path != store.path(&fresh.digest) {
            File::open(path)
                .unwrap()
                .set_modified(SystemTime::now() - 2 * day)
                .unwrap();
        }
    }
    assert!(store.contains(&looked_for));
    let collected = store.collect_garbage(day).unwrap();
    let expected = (3, dropped.size() + 7 + r#"{"x":"dropped"}"#.len() as u64);
    assert_eq!((collected.blobs, collected.bytes), expected);
    assert!(store.contains(&fresh) && store.contains(&looked_for));
    for entry in store.entries().unwrap() {
        store.whole(&entry.descriptor).unwrap();
    }
    // An entry that cannot be followed: nothing is removed, whatever its age.
    fs::remove_file(
        store.path(
            &Blob::described(&store.entries().unwrap()[0].descriptor)
                .unwrap()
                .digest,
        ),
    )
    .unwrap();
    assert!(store.collect_garbage(Duration::ZERO).is_err());
    assert!(store.contains(&fresh));
}

#[test]
fn blobs_are_adopted_checked() {
    let (_one, from) = store();
    let (_two, to) = store();
    let blob = from.put(b"base").unwrap();
    to.adopt(&from, &blob).unwrap();
    to.verify(&blob).unwrap();
    // What is here but wrong is replaced; what is wrong there is refused.
    fs::remove_file(to.path(&blob.digest)).unwrap();
    fs::write(to.path(&blob.digest), "bas").unwrap();
    to.adopt(&from, &blob).unwrap();
    to.verify(&blob).unwrap();
    fs::write(from.path(&blob.digest), "BASE").unwrap();
    fs::remove_file(to.path(&blob.digest)).unwrap();
    assert!(matches!(to.adopt(&from, &blob), Err(BlobError::Altered { .. })));
    assert!(!to.contains(&blob));
}

#[test]
fn walks_are_bounded() {
    let (_folder, store) = store();
    let mut root = image(&store, "deep");
    for _ in 0..DEPTH {
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [root]});
        let blob = store.put(&crate::spec::json::to_vec(&index)).unwrap();
        root = blob.descriptor(MediaType::ImageIndex);
    }
    assert!(matches!(store.reach(&root), Err(BlobError::Unbounded { .. })));
    let digests: Vec<String> = store
        .reach(&image(&store, "one"))
        .unwrap()
        .iter()
        .map(|d| d.media_type().to_string())
        .collect();
    assert_eq!(digests.len(), 3);
    assert_eq!(digests[2], MediaType::ImageManifest.to_string());
    let wrong = store.put(b"[]").unwrap().descriptor(MediaType::ImageManifest);
    assert!(matches!(store.reach(&wrong), Err(BlobError::Manifest { .. })));
}

#[test]
fn every_step_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let events: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&events);
    let faults: Faults = Arc::new(move |event| log.lock().unwrap().push(event.to_owned()));
    let store = BlobStore::with_faults(folder.path(), faults).unwrap();
    store.put(b"x").unwrap();
    let found = events.lock().unwrap().join(" ");
    let file = |step: &str| format!("{step}.create {step}.created {step}.sync {step}.name {step}.named ");
    let written = "write.create write.created write.bytes write.sync write.name write.named";
    assert_eq!(found, file("open.layout") + &file("open.index") + written);
}

#[test]
fn another_layout_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"2.0.0"}"#,
    )
    .unwrap();
    assert!(matches!(
        BlobStore::open(folder.path()),
        Err(BlobError::Layout { .. })
    ));
}

#[test]
fn a_full_disk_is_recognised_through_encoders() {
    let path = Path::new("blob");
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    let error = BlobError::from_io(BlobError::from_io(full(), path).into_io(), Path::new("elsewhere"));
    assert!(matches!(&error, BlobError::Full { path, .. } if path == Path::new("blob")));
    assert!(error.is_disk() && !BlobError::Altered { path: path.into() }.is_disk());
}
