//! Layers as others unpack them: umoci's tree on disk and ours must be the same.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(dead_code, unreachable_pub)]

mod outside;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use cargo_gantry::blob::BlobStore;
use cargo_gantry::rootfs::{Kind, Tree};
use cargo_gantry::spec::{MediaType, json};
use outside::installed;
use tar::EntryType;

/// An entry: its name, type, link target or content, and mode.
type Line<'t> = (&'t [u8], EntryType, &'t [u8], u32);

const DIR: EntryType = EntryType::Directory;
const FILE: EntryType = EntryType::Regular;
const SYMLINK: EntryType = EntryType::Symlink;
const LINK: EntryType = EntryType::Link;

/// Layers that lay traps: links as parents, links that lead out, replaced kinds, whiteouts of all sorts, hard links
/// across layers, names of many bytes and of bytes that are no text.
fn layers() -> Vec<Vec<Line<'static>>> {
    vec![
        vec![
            (b"./", DIR, b"", 0o755),
            (b"usr/", DIR, b"", 0o755),
            (b"usr/lib/", DIR, b"", 0o755),
            (b"usr/lib/libc.so", FILE, b"libc", 0o644),
            (b"lib", SYMLINK, b"usr/lib", 0o777),
            (b"abs", SYMLINK, b"/usr/lib", 0o777),
            (b"out", SYMLINK, b"../../../../outside", 0o777),
            (b"etc/passwd", FILE, b"root:x:0:0::/:/bin/sh\n", 0o644),
            (b"etc/passwd-", LINK, b"etc/passwd", 0o644),
            (b"d/keep/x", FILE, b"1", 0o600),
            (b"d/gone/y", FILE, b"2", 0o600),
            (b"d/file", FILE, b"3", 0o600),
            (b"opaque/a/b", FILE, b"4", 0o644),
            (b"opaque/c", FILE, b"5", 0o644),
            (b"becomes-file/x/y", FILE, b"6", 0o644),
            (b"becomes-dir", FILE, b"7", 0o644),
            (b"becomes-link/x", FILE, b"8", 0o644),
            (b"link-becomes-dir", SYMLINK, b"usr", 0o777),
            (b"mode/", DIR, b"", 0o700),
            (b"mode/x", FILE, b"9", 0o4755),
            (b"\xff\xfe/caf\xe9", FILE, b"latin", 0o644),
            (&[b'n'; 99], FILE, b"long", 0o644),
        ],
        vec![
            (b"lib/libm.so", FILE, b"libm", 0o644),
            (b"abs/deep/libz.so", FILE, b"libz", 0o755),
            (b"out/dropped", FILE, b"inside", 0o644),
            (b"d/.wh.gone", FILE, b"", 0),
            (b"d/.wh.file", FILE, b"", 0),
            (b"d/.wh.never", FILE, b"", 0),
            (b"lib/.wh.libc.so", FILE, b"", 0),
            (b"opaque/", DIR, b"", 0o711),
            (b"opaque/.wh..wh..opq", FILE, b"", 0),
            (b"opaque/new", FILE, b"new", 0o644),
            (b"becomes-file", FILE, b"file", 0o640),
            (b"becomes-dir/", DIR, b"", 0o750),
            (b"becomes-dir/x", FILE, b"x", 0o644),
            (b"becomes-link", SYMLINK, b"becomes-dir", 0o777),
            (b"becomes-link/y", FILE, b"through", 0o644),
            (b"link-becomes-dir/", DIR, b"", 0o755),
            (b"mode/", DIR, b"", 0o755),
            (b"copy", LINK, b"/abs/libm.so", 0o644),
            (b"etc/other", LINK, b"etc/passwd", 0o644),
            (b"pipe", EntryType::Fifo, b"", 0o622),
        ],
        vec![
            (b".wh.lib", FILE, b"", 0),
            (b"etc/.wh.passwd", FILE, b"", 0),
            (b"./d/../d/./keep//z", FILE, b"clean", 0o644),
            (b"pipe", FILE, b"no more", 0o644),
        ],
    ]
}

fn tar(lines: &[Line<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, rest, mode) in lines {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(if *kind == FILE { rest.len() as u64 } else { 0 });
        if [SYMLINK, LINK].contains(kind) {
            header.set_link_name_literal(rest).unwrap();
        }
        header.set_cksum();
        let content: &[u8] = if *kind == FILE { rest } else { b"" };
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// An image of layers that are not compressed, as `x` of a layout.
fn write_image(at: &Path, layers: &[Vec<u8>]) {
    let store = BlobStore::open(at).unwrap();
    let blobs: Vec<_> = layers.iter().map(|layer| store.put(layer).unwrap()).collect();
    let diff_ids: Vec<_> = blobs
        .iter()
        .map(|blob| blob.descriptor(MediaType::ImageLayer))
        .collect();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids.iter().map(|one| one.digest().to_string()).collect::<Vec<_>>()},
        "history": layers.iter().map(|_| serde_json::json!({"created_by": "test"})).collect::<Vec<_>>(),
    });
    let config = store.put(&json::to_vec(&config)).unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::ImageManifest.as_ref(),
        "config": config.descriptor(MediaType::ImageConfig),
        "layers": diff_ids,
    });
    let manifest = store.put(&json::to_vec(&manifest)).unwrap();
    store
        .add_entry("x", &manifest.descriptor(MediaType::ImageManifest))
        .unwrap();
}

/// What a tree on disk holds, by path; with modes if we were allowed to set them.
fn on_disk(root: &Path, below: &Path, modes: bool, into: &mut BTreeMap<Vec<u8>, String>) {
    for file in fs::read_dir(root.join(below)).unwrap() {
        let inner = below.join(file.unwrap().file_name());
        let metadata = fs::symlink_metadata(root.join(&inner)).unwrap();
        let kind = metadata.file_type();
        let shown = if kind.is_symlink() {
            format!("-> {}", fs::read_link(root.join(&inner)).unwrap().display())
        } else {
            let mode = if modes { metadata.mode() & 0o7777 } else { 0 };
            let what = match () {
                () if kind.is_dir() => "directory".to_owned(),
                () if kind.is_fifo() => "other".to_owned(),
                () => format!("{} bytes", metadata.len()),
            };
            format!("{what} {mode:o}")
        };
        if kind.is_dir() {
            on_disk(root, &inner, modes, into);
        }
        into.insert(inner.as_os_str().as_bytes().to_vec(), shown);
    }
}

fn in_tree(tree: &Tree, modes: bool) -> BTreeMap<Vec<u8>, String> {
    let each = tree.iter().map(|(path, node)| {
        let what = match &node.kind {
            Kind::Symlink(target) => {
                return (path.to_vec(), format!("-> {}", String::from_utf8_lossy(target)));
            }
            Kind::Directory => "directory".to_owned(),
            Kind::File(facts) => format!("{} bytes", facts.size),
            _ => "other".to_owned(),
        };
        let mode = if modes { node.mode } else { 0 };
        (path.to_vec(), format!("{what} {mode:o}"))
    });
    each.collect()
}

#[test]
fn umoci_unpacks_the_same_tree() {
    if !installed("umoci") {
        return;
    }
    let tars: Vec<_> = layers().iter().map(|lines| tar(lines)).collect();
    let folder = tempfile::tempdir().unwrap();
    let (image, bundle) = (folder.path().join("image"), folder.path().join("bundle"));
    write_image(&image, &tars);
    let root = rustix::process::geteuid().is_root();
    let mut umoci = Command::new("umoci");
    umoci.arg("unpack").args((!root).then_some("--rootless"));
    umoci
        .arg("--image")
        .arg(format!("{}:x", image.display()))
        .arg(&bundle);
    let output = umoci.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let mut tree = Tree::default();
    for tar in &tars {
        tree.apply(tar.as_slice()).unwrap();
    }
    let mut expected = BTreeMap::new();
    on_disk(&bundle.join("rootfs"), Path::new(""), root, &mut expected);
    let found = in_tree(&tree, root);
    for path in expected.keys().chain(found.keys()) {
        let shown = String::from_utf8_lossy(path);
        assert_eq!(found.get(path), expected.get(path), "{shown}");
    }
}
