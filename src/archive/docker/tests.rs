use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::*;
use crate::archive::ArchiveError;
use crate::blob::{Blob, BlobStore};
use crate::codec::tar::{Attributes, TarWriter};
use crate::codec::{Compression, decoder};
use crate::spec::{DiffId, Digest, ImageManifest, MediaType, json};

fn store(folder: &Path, name: &str) -> BlobStore {
    BlobStore::open(folder.join(name)).unwrap()
}

/// A tar with one file.
fn layer(text: &str) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new(), 0);
    let size = text.len() as u64;
    let attributes = Attributes::root(0o644);
    tar.file(b"file", attributes, size, &mut text.as_bytes(), &|_| ())
        .unwrap();
    tar.finish().unwrap()
}

fn compressed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = compression.encoder(Vec::new()).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn config(architecture: &str, layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<DiffId> = layers.iter().map(|layer| DiffId::of(layer)).collect();
    // As others write it: not sorted, with what we do not know.
    format!(
        r#"{{"rootfs":{{"type":"layers","diff_ids":{}}}, "os":"linux", "architecture":"{architecture}", "x-unknown": [1]}}"#,
        json::to_string(&diff_ids)
    )
    .into_bytes()
}

enum Put<'a> {
    File(&'a [u8]),
    Link(&'a str),
    Hard(&'a str),
}

/// A docker archive of somebody else.
fn archive(folder: &Path, members: &[(&str, Put<'_>)]) -> PathBuf {
    let mut tar = TarWriter::new(Vec::new(), 0);
    let attributes = Attributes::root(0o644);
    for (name, put) in members {
        match put {
            Put::File(bytes) => tar
                .file(
                    name.as_bytes(),
                    attributes,
                    bytes.len() as u64,
                    &mut &**bytes,
                    &|_| (),
                )
                .unwrap(),
            Put::Link(target) => tar
                .symlink(name.as_bytes(), target.as_bytes(), attributes)
                .unwrap(),
            Put::Hard(target) => tar
                .hardlink(name.as_bytes(), target.as_bytes(), attributes)
                .unwrap(),
        }
    }
    let path = folder.join("foreign.tar");
    fs::write(&path, tar.finish().unwrap()).unwrap();
    path
}

/// An image of the store, with layers stored in different ways.
fn stored(store: &BlobStore, architecture: &str, layers: &[(&[u8], Compression)]) -> Digest {
    let tars: Vec<&[u8]> = layers.iter().map(|(tar, _)| *tar).collect();
    let config = store.put(&config(architecture, &tars)).unwrap();
    let layers: Vec<_> = layers
        .iter()
        .map(|(tar, compression)| {
            let blob = store.put(&compressed(*compression, tar)).unwrap();
            blob.descriptor(compression.media_type())
        })
        .collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "config": config.descriptor(MediaType::ImageConfig),
        "layers": layers,
    });
    store.put(&json::to_vec(&manifest)).unwrap().digest
}

fn saved(manifest: Digest, name: &str) -> SavedImage {
    SavedImage {
        manifest,
        names: vec![name.to_owned()],
    }
}

/// The config and the unpacked layers of an imported image.
fn content(store: &BlobStore, image: &DockerImage) -> (Vec<u8>, Vec<Vec<u8>>) {
    let digest = Blob::described(&image.descriptor).unwrap().digest;
    let manifest: ImageManifest = serde_json::from_slice(&store.read(&digest, 1 << 20).unwrap()).unwrap();
    let blob = |descriptor| {
        let digest = Blob::described(descriptor).unwrap().digest;
        store.read(&digest, 1 << 20).unwrap()
    };
    let layers = manifest.layers().iter().map(|layer| {
        let (mut tar, stored) = (Vec::new(), blob(layer));
        let mut decoder = decoder(layer.media_type(), stored.as_slice(), 1 << 20).unwrap();
        decoder.read_to_end(&mut tar).unwrap();
        tar
    });
    (blob(manifest.config()), layers.collect())
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let from = store(folder.path(), "from");
    let (one, two, three) = (layer("one"), layer("two"), layer(&"three ".repeat(100_000)));
    let (gzip, zstd) = (Compression::default(), Compression::Zstd(3));
    let images = [
        saved(stored(&from, "amd64", &[(&one, gzip), (&three, zstd)]), "app:1"),
        saved(
            stored(&from, "arm", &[(&one, gzip), (&two, Compression::None)]),
            "ghcr.io/a/b:2",
        ),
    ];
    let path = folder.path().join("deep/out.tar");
    write_docker(&from, &images, &path).unwrap();
    let mut streamed = Vec::new();
    stream_docker(&from, &images, &mut streamed).unwrap();
    assert!(streamed == fs::read(&path).unwrap());
    // The shared layer is there once.
    let names: Vec<String> = crate::codec::members(fs::File::open(&path).unwrap())
        .unwrap()
        .into_iter()
        .map(|member| String::from_utf8(member.path).unwrap())
        .collect();
    assert_eq!((names.len(), names[0].as_str()), (1 + 2 + 3, "manifest.json"));
    assert!(names.contains(&format!("{}.tar", DiffId::of(&two).hex())));
    let to = store(folder.path(), "to");
    let found = import_docker(&path, None, &to).unwrap();
    let platforms: Vec<String> = found.iter().map(|image| image.platform.to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v7"]);
    assert_eq!(found[1].names, ["ghcr.io/a/b:2"]);
    assert_eq!(
        content(&to, &found[0]),
        (config("amd64", &[&one, &three]), vec![one.clone(), three])
    );
    assert_eq!(
        content(&to, &found[1]),
        (config("arm", &[&one, &two]), vec![one, two])
    );
    for (reference, expected) in [
        ("docker.io/library/app:1", Some(0)),
        ("app:1", Some(0)),
        ("ghcr.io/a/b:2", Some(1)),
        ("@1", Some(1)),
        ("@2", None),
        ("@x", None),
        ("app", None),
    ] {
        match (import_docker(&path, Some(reference), &to), expected) {
            (Ok(chosen), Some(position)) => {
                let digest = |image: &DockerImage| image.descriptor.digest().to_string();
                assert_eq!(chosen.len(), 1, "{reference}");
                assert_eq!(digest(&chosen[0]), digest(&found[position]), "{reference}");
            }
            (Err(ArchiveError::NoName { known, .. }), None) => {
                assert!(known.contains("app:1, ghcr.io/a/b:2"), "{known}");
            }
            (found, _) => panic!("{reference}: {found:?}"),
        }
    }
}

#[test]
fn archives_of_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let to = store(folder.path(), "to");
    let (one, two) = (layer("one"), layer("two"));
    let config = config("arm64", &[&one, &two, &one]);
    let named = format!("{}.json", Digest::of(&config).hex());
    let manifest = |config: &str, layers: [&str; 3]| {
        let entry =
            serde_json::json!([{"Config": config, "RepoTags": null, "Layers": layers, "Parent": "x"}]);
        json::to_vec(&entry)
    };
    let old = manifest(&named, ["a/layer.tar", "b/layer.tar", "c/layer.tar"]);
    let hex = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let (gzip, zstd) = (
        compressed(Compression::Gzip(1), &one),
        compressed(Compression::Zstd(3), &two),
    );
    let blobs = [&config, &one, &zstd, &gzip].map(|bytes| hex(bytes));
    let new = manifest(&blobs[0], [&blobs[1], &blobs[2], &blobs[3]]);
    let long = format!("{}/layer.tar", "x".repeat(150));
    let far = manifest("./config.json", [&long, "b/../two", "h"]);
    let cases: [Vec<(&str, Put<'_>)>; 3] = [
        vec![
            (&named, Put::File(&config)),
            ("a/layer.tar", Put::File(&one)),
            ("b/layer.tar", Put::File(&two)),
            ("c/layer.tar", Put::Link("../a/layer.tar")),
            ("manifest.json", Put::File(&old)),
        ],
        vec![
            ("oci-layout", Put::File(b"{}")),
            (&blobs[0], Put::File(&config)),
            (&blobs[1], Put::File(&one)),
            (&blobs[2], Put::File(&zstd)),
            (&blobs[3], Put::File(&gzip)),
            ("manifest.json", Put::File(&new)),
        ],
        vec![
            ("./manifest.json", Put::File(&far)),
            ("config.json", Put::File(&config)),
            (&long, Put::File(&one)),
            ("two", Put::File(&two)),
            ("h", Put::Hard(&long)),
        ],
    ];
    let mut digests = Vec::new();
    for members in cases {
        let path = archive(folder.path(), &members);
        let plain = import_docker(&path, None, &to).unwrap();
        fs::write(
            &path,
            compressed(Compression::default(), &fs::read(&path).unwrap()),
        )
        .unwrap();
        let gzipped = import_docker(&path, Some("@0"), &to).unwrap();
        for image in plain.iter().chain(&gzipped) {
            digests.push(image.descriptor.digest().to_string());
            let expected = (config.clone(), vec![one.clone(), two.clone(), one.clone()]);
            assert_eq!(content(&to, image), expected);
            assert!(image.names.is_empty());
        }
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
    let scratch = fs::read_dir(to.root().join(".unfinished")).unwrap();
    assert_eq!(scratch.count(), 0);
}

#[test]
fn broken_archives_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let to = store(folder.path(), "to");
    let (one, two) = (layer("one"), layer("two"));
    let good = config("amd64", &[&one]);
    let entry = |config: &str, layers: &[&str]| {
        json::to_vec(&serde_json::json!([{"Config": config, "RepoTags": ["a:1"], "Layers": layers}]))
    };
    let usual = entry("c.json", &["l.tar"]);
    let misnamed = format!("{}.json", Digest::of(b"other").hex());
    let nowhere = config("", &[&one]);
    let escape = entry("../c.json", &["l.tar"]);
    let many = entry("c.json", &["l.tar"; 1001]);
    let crowd = json::to_vec(&vec![serde_json::json!({"Config": "c"}); 1001]);
    let huge = vec![b' '; (4 << 20) + 1];
    let wrong = entry(&misnamed, &["l.tar"]);
    let fewer = entry("c.json", &[]);
    let cut = &compressed(Compression::default(), &one)[..20];
    let cases: Vec<(&str, Vec<(&str, Put<'_>)>)> = vec![
        ("is no docker archive", vec![("c.json", Put::File(&good))]),
        ("is no docker archive", vec![("oci-layout", Put::File(b"{}"))]),
        (
            "`manifest.json` of",
            vec![("manifest.json", Put::File(b"{\"x\":1}"))],
        ),
        ("is larger than", vec![("manifest.json", Put::File(&huge))]),
        (
            "1000 images of 1000 layers",
            vec![("manifest.json", Put::File(&many))],
        ),
        (
            "1000 images of 1000 layers",
            vec![("manifest.json", Put::File(&crowd))],
        ),
        ("has no image `any`", vec![("manifest.json", Put::File(b"[]"))]),
        ("names `c.json`", vec![("manifest.json", Put::File(&usual))]),
        (
            "names `../c.json`",
            vec![
                ("c.json", Put::File(&good)),
                ("l.tar", Put::File(&one)),
                ("manifest.json", Put::File(&escape)),
            ],
        ),
        (
            "names `l.tar`",
            vec![
                ("c.json", Put::File(&good)),
                ("manifest.json", Put::File(&usual)),
                ("l.tar", Put::Link("l.tar")),
            ],
        ),
        (
            "names `l.tar`",
            vec![
                ("c.json", Put::File(&good)),
                ("manifest.json", Put::File(&usual)),
                ("l.tar", Put::Link("../../../etc/passwd")),
            ],
        ),
        (
            "does not match the digest in its name",
            vec![
                (&misnamed, Put::File(&good)),
                ("l.tar", Put::File(&one)),
                ("manifest.json", Put::File(&wrong)),
            ],
        ),
        (
            "which platform",
            vec![
                ("c.json", Put::File(b"{\"rootfs\":{},\"os\":\"linux\"}")),
                ("manifest.json", Put::File(&usual)),
            ],
        ),
        (
            "is not a platform",
            vec![
                ("c.json", Put::File(&nowhere)),
                ("l.tar", Put::File(&one)),
                ("manifest.json", Put::File(&usual)),
            ],
        ),
        (
            "it has 1 layers",
            vec![("c.json", Put::File(&good)), ("manifest.json", Put::File(&fewer))],
        ),
        (
            "is not the one that the config means",
            vec![
                ("c.json", Put::File(&good)),
                ("l.tar", Put::File(&two)),
                ("manifest.json", Put::File(&usual)),
            ],
        ),
        (
            "cannot read",
            vec![
                ("c.json", Put::File(&good)),
                ("l.tar", Put::File(cut)),
                ("manifest.json", Put::File(&usual)),
            ],
        ),
    ];
    for (expected, members) in cases {
        let path = archive(folder.path(), &members);
        let error = import_docker(&path, None, &to).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    // Of the blobs that were begun, nothing is left.
    assert_eq!(fs::read_dir(to.root().join("blobs/sha256")).unwrap().count(), 0);
    fs::write(folder.path().join("foreign.tar"), b"x".repeat(2048)).unwrap();
    for path in [
        folder.path().join("foreign.tar"),
        folder.path().join("none"),
        folder.path().to_owned(),
    ] {
        let error = import_docker(&path, None, &to).unwrap_err();
        assert!(matches!(error, ArchiveError::Read { .. }), "{error:?}");
    }
}

#[test]
fn what_is_wrong_in_the_store_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let from = store(folder.path(), "from");
    let (one, two) = (layer("one"), layer("two"));
    let path = folder.path().join("out.tar");
    let manifest = |layer: &[u8]| {
        let config = from.put(&config("amd64", &[&one])).unwrap();
        let layer = from.put(layer).unwrap().descriptor(MediaType::ImageLayer);
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "config": config.descriptor(MediaType::ImageConfig),
            "layers": [layer],
        });
        from.put(&json::to_vec(&manifest)).unwrap().digest
    };
    let other = manifest(&two);
    let error = write_docker(&from, &[saved(other, "a:1")], &path).unwrap_err();
    assert!(matches!(error, ArchiveError::DockerLayer { .. }), "{error:?}");
    let altered = manifest(&one);
    fs::write(from.path(&Digest::of(&one)), &two).unwrap();
    let error = write_docker(&from, &[saved(altered, "a:1")], &path).unwrap_err();
    assert!(error.to_string().contains("altered"), "{error:?}");
    assert!(!path.exists());
    let mut streamed = Vec::new();
    stream_docker(&from, &[saved(altered, "a:1")], &mut streamed).unwrap_err();
    assert!(streamed.is_empty());
}
