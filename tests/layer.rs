//! What we packed, read by others: umoci unpacks it, skopeo copies it.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]
#![allow(dead_code, unreachable_pub)]

mod outside;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_gantry::archive::{Root, write_archive, write_layout};
use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::layer::{Entry, Kind, Packing, Source, pack};
use cargo_gantry::spec::{Descriptor, MediaType, json};
use outside::installed;

fn store(folder: &tempfile::TempDir) -> (PathBuf, BlobStore) {
    let path = folder.path().join("store");
    let store = BlobStore::open(&path).unwrap();
    (path, store)
}

/// Names of 300 bytes, names that are no text, links, modes, owners.
fn difficult() -> Vec<Entry> {
    let long = ["d".repeat(150), "e".repeat(140), "f".repeat(20)].join("/");
    let hundred = format!("{}/{}", "h".repeat(49), "i".repeat(50));
    vec![
        Entry::bytes(&long, *b"long", 0o644),
        Entry::bytes(&hundred, *b"hundred", 0o600),
        Entry::bytes(b"\xff\xfe/caf\xe9", *b"latin", 0o755).owned_by(65532, 65532),
        Entry::bytes([&b"n"[..], &[0xe9; 200]].concat(), *b"long latin", 0o644),
        Entry::bytes("caf\u{e9}/\u{1f980}", *b"text", 0o644),
        Entry::bytes("empty", *b"", 0o644),
        Entry::symlink("to-long", long.clone()),
        Entry::symlink("short", "empty"),
        Entry::hardlink("again", &long, 0o644),
        Entry::directory("tmp", 0o1777),
        Entry::directory("home/x", 0o700).owned_by(3_000_000, 3_000_000),
        Entry::bytes("bin/setuid", *b"s", 0o4755),
    ]
}

/// What a tree on disk holds: kind and content, mode, owner, by path.
fn found(root: &Path, below: &Path, into: &mut BTreeMap<Vec<u8>, String>) {
    for file in fs::read_dir(root.join(below)).unwrap() {
        let inner = below.join(file.unwrap().file_name());
        let path = root.join(&inner);
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            found(root, &inner, into);
            "directory".to_owned()
        } else if metadata.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else {
            String::from_utf8(fs::read(&path).unwrap()).unwrap()
        };
        let mode = if metadata.is_symlink() {
            0o777
        } else {
            metadata.mode() & 0o7777
        };
        let shown = format!(
            "{content} {mode:o} {}:{} {}",
            metadata.uid(),
            metadata.gid(),
            metadata.mtime()
        );
        into.insert(inner.as_os_str().as_bytes().to_vec(), shown);
    }
}

fn image(store: &BlobStore, compression: Compression) -> Descriptor {
    let layer = pack(store, difficult(), &Packing::new(compression, 1_700_000_000)).unwrap();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created_by": "test"}],
    });
    let config = store.put(&json::to_vec(&config)).unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::ImageManifest.as_ref(),
        "config": config.descriptor(MediaType::ImageConfig),
        "layers": [layer.descriptor()],
    });
    store
        .put(&json::to_vec(&manifest))
        .unwrap()
        .descriptor(MediaType::ImageManifest)
}

fn run(program: &str, arguments: &[&dyn AsRef<OsStr>]) {
    let mut command = Command::new(program);
    command.args(arguments.iter().map(|argument| argument.as_ref()));
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn umoci_unpacks_what_was_packed() {
    if !installed("umoci") {
        return;
    }
    let root = rustix::process::geteuid().is_root();
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = store(&folder);
    store
        .add_entry("x", &image(&store, Compression::default()))
        .unwrap();
    let bundle = folder.path().join("bundle");
    let name = format!("{}:x", path.display());
    if root {
        run("umoci", &[&"unpack", &"--image", &name, &bundle]);
    } else {
        run("umoci", &[&"unpack", &"--rootless", &"--image", &name, &bundle]);
    }
    is_difficult(&bundle.join("rootfs"), root);
}

#[test]
fn tar_unpacks_what_was_packed() {
    if !installed("tar") {
        return;
    }
    let root = rustix::process::geteuid().is_root();
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = store(&folder);
    let layer = pack(
        &store,
        difficult(),
        &Packing::new(Compression::None, 1_700_000_000),
    )
    .unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let options = if root { "-xpf" } else { "-xf" };
    run("tar", &[&options, &store.path(&layer.digest), &"-C", &tree]);
    is_difficult(&tree, root);
}

/// That a tree on disk is what [`difficult`] says. Only root gives files away and keeps every mode.
fn is_difficult(tree: &Path, root: bool) {
    let mut files = BTreeMap::new();
    found(tree, Path::new(""), &mut files);
    for entry in difficult() {
        let content = match &entry.kind {
            Kind::Directory => "directory".to_owned(),
            Kind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            Kind::Hardlink(_) => "long".to_owned(),
            Kind::File(Source::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("{other:?}"),
        };
        let shown = &files[&entry.path];
        let expected = format!(
            "{content} {:o} {}:{} 1700000000",
            entry.mode, entry.uid, entry.gid
        );
        let same = if root {
            *shown == expected
        } else {
            shown.starts_with(&content)
        };
        assert!(same, "{}: {shown} instead of {expected}", entry.shown());
    }
    // And what was added: the parents.
    assert_eq!(files.len(), difficult().len() + 7);
}

#[test]
fn skopeo_copies_layouts_and_archives_bit_by_bit() {
    if !installed("skopeo") {
        return;
    }
    for compression in [Compression::Gzip(6), Compression::Zstd(3), Compression::None] {
        let folder = tempfile::tempdir().unwrap();
        let (_, store) = store(&folder);
        let manifest = image(&store, compression);
        let roots = [Root::new(manifest.clone(), Some("x"))];
        let (layout, archive) = (folder.path().join("layout"), folder.path().join("archive.tar"));
        write_layout(&store, &roots, &layout).unwrap();
        write_archive(&store, &roots, &archive).unwrap();
        for (number, from) in [("oci", &layout), ("oci-archive", &archive)]
            .into_iter()
            .enumerate()
        {
            let from = format!("{}:{}:x", from.0, from.1.display());
            let copy = folder.path().join(format!("copy-{number}"));
            let to = format!("oci:{}:y", copy.display());
            run(
                "skopeo",
                &[&"--insecure-policy", &"copy", &"--preserve-digests", &from, &to],
            );
            for blob in store.reach(&manifest).unwrap() {
                let name = blob.digest().to_string().replace("sha256:", "blobs/sha256/");
                let read = |root: &Path| fs::read(root.join(&name)).unwrap();
                assert!(read(&copy) == read(store.root()), "{from}: {name}");
            }
        }
    }
}
