//! Layers of many blocks, read by everything that may meet them. Each block is a gzip member or a zstd frame of its own,
//! and a reader that stops after the first would see the beginning of a file and call it the whole.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]
#![allow(dead_code, unreachable_pub)]

mod outside;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_gantry::archive::{Root, write_layout};
use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::{Compression, decoder};
use cargo_gantry::layer::{Entry, Layer, Packing, pack};
use cargo_gantry::spec::{Descriptor, DiffId, MediaType, json};
use outside::installed;

/// What is in the layer: more than two blocks of either kind, and a file behind them.
fn entries() -> Vec<Entry> {
    vec![
        Entry::bytes("large", large(), 0o644),
        Entry::bytes("last", *b"the end", 0o644),
    ]
}

fn large() -> Vec<u8> {
    let mut state = 1_u32;
    let bytes = (0..4_500_000_u32).map(|position| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [.., high] = state.to_le_bytes();
        if position % 3 == 0 { high } else { b'a' + high % 4 }
    });
    bytes.collect()
}

struct Packed {
    folder: tempfile::TempDir,
    store: BlobStore,
    layer: Layer,
}

impl Packed {
    fn new(compression: Compression) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(folder.path().join("store")).unwrap();
        let layer = pack(&store, entries(), &Packing::new(compression, 0)).unwrap();
        Self { folder, store, layer }
    }

    fn blob(&self) -> PathBuf {
        self.store.path(&self.layer.digest)
    }

    fn image(&self) -> Descriptor {
        let config = serde_json::json!({
            "os": "linux", "architecture": "amd64", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [self.layer.diff_id]},
        });
        let config = self.store.put(&json::to_vec(&config)).unwrap();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MediaType::ImageManifest.as_ref(),
            "config": config.descriptor(MediaType::ImageConfig),
            "layers": [self.layer.descriptor()],
        });
        let manifest = self.store.put(&json::to_vec(&manifest)).unwrap();
        manifest.descriptor(MediaType::ImageManifest)
    }
}

fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(program);
    let output = command.args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// That `root` holds the entries, whole.
fn is_whole(root: &Path, reader: &str) {
    assert!(fs::read(root.join("large")).unwrap() == large(), "{reader}");
    assert_eq!(fs::read(root.join("last")).unwrap(), b"the end", "{reader}");
}

#[test]
fn the_layer_has_several_blocks() {
    for (compression, magic) in [
        (Compression::Gzip(6), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255][..]),
        (Compression::Zstd(3), &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        let packed = Packed::new(compression);
        let bytes = fs::read(packed.blob()).unwrap();
        let found = bytes.windows(magic.len()).filter(|window| *window == magic);
        assert!(found.count() >= 3, "{compression}");
        let mut tar = Vec::new();
        let mut decoder = decoder(
            &compression.media_type(),
            File::open(packed.blob()).unwrap(),
            u64::MAX,
        )
        .unwrap();
        decoder.read_to_end(&mut tar).unwrap();
        assert_eq!(DiffId::of(&tar), packed.layer.diff_id, "{compression}");
    }
}

/// Programs that give the whole tar on their standard output.
#[test]
fn decompressors_give_the_whole_tar() {
    let gzip: &[&[&str]] = &[
        &["gzip", "-dc"],
        &["pigz", "-dc"],
        &[
            "python3",
            "-c",
            "import gzip, shutil, sys; shutil.copyfileobj(gzip.open(sys.argv[1]), sys.stdout.buffer)",
        ],
    ];
    let zstd: &[&[&str]] = &[&["zstd", "-qdc"]];
    for (compression, programs) in [(Compression::Gzip(6), gzip), (Compression::Zstd(3), zstd)] {
        let packed = Packed::new(compression);
        let blob = packed.blob();
        for program in programs {
            let [name, arguments @ ..] = program else {
                unreachable!("a name comes first")
            };
            if !installed(name) {
                continue;
            }
            let mut command = Command::new(name);
            command.args(arguments);
            // By its name where that is no program's business; gzip looks at the ending of one.
            if *name == "python3" {
                command.arg(&blob);
            } else {
                command.stdin(Stdio::from(File::open(&blob).unwrap()));
            }
            let output = command.output().unwrap();
            assert!(
                output.status.success(),
                "{name}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert_eq!(DiffId::of(&output.stdout), packed.layer.diff_id, "{name}");
        }
    }
}

#[test]
fn tar_and_umoci_unpack_all_of_it() {
    let packed = Packed::new(Compression::Gzip(6));
    let blob = packed.blob();
    let blob = blob.to_str().unwrap();
    let folder = packed.folder.path();
    if installed("tar") {
        let tree = folder.join("tar");
        fs::create_dir(&tree).unwrap();
        run("tar", &["-xzf", blob, "-C", tree.to_str().unwrap()]);
        is_whole(&tree, "tar");
    }
    if installed("umoci") {
        packed.store.add_entry("x", &packed.image()).unwrap();
        let bundle = folder.join("bundle");
        let image = format!("{}:x", packed.store.root().display());
        let mut arguments = vec!["unpack", "--image", &image, bundle.to_str().unwrap()];
        if !rustix::process::geteuid().is_root() {
            arguments.insert(1, "--rootless");
        }
        run("umoci", &arguments);
        is_whole(&bundle.join("rootfs"), "umoci");
    }
}

/// skopeo reads a copy back, decompressed, and writes what it read.
#[test]
fn skopeo_decompresses_all_of_it() {
    if !installed("skopeo") {
        return;
    }
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let packed = Packed::new(compression);
        let layout = packed.folder.path().join("layout");
        write_layout(&packed.store, &[Root::new(packed.image(), Some("x"))], &layout).unwrap();
        let to = packed.folder.path().join("dir");
        let (from, to_name) = (
            format!("oci:{}:x", layout.display()),
            format!("dir:{}", to.display()),
        );
        let arguments = ["--insecure-policy", "copy", "--dest-decompress", &from, &to_name];
        run("skopeo", &arguments);
        let layer = to.join(packed.layer.diff_id.hex());
        let tar = fs::read(&layer).unwrap();
        assert_eq!(DiffId::of(&tar), packed.layer.diff_id, "{compression}");
    }
}
