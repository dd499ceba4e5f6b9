//! Layers that are not what they should be: an error with the layer's name, never a difference.

use cargo_gantry::codec::Compression;

use serde_json::json;

use crate::made::{Image, Layer, file, image, pair, write};
use crate::run;
use crate::support::workspace::{Ran, gantry};

fn good() -> Image {
    image([Layer::new(&[file("a", "1")])])
}

#[test]
fn what_is_wrong_with_a_layer_is_said() {
    let layer = || Layer::new(&[file("a", "2")]);
    let whole = {
        use std::io::Write;
        let mut encoder = Compression::Gzip(6).encoder(Vec::new()).unwrap();
        encoder.write_all(&layer().tar).unwrap();
        encoder.finish().unwrap()
    };
    let stored = |stored: &[u8]| Layer {
        stored: Some(stored.to_vec()),
        ..layer()
    };
    let other_tar = Layer {
        tar: Layer::new(&[file("a", "3")]).tar,
        ..stored(&whole)
    };
    // An entry that says to be larger than everything.
    let mut header = tar::Header::new_gnu();
    header.set_path("x").unwrap();
    header.set_size(1 << 50);
    header.set_cksum();
    for (layer, want) in [
        (stored(&whole[..whole.len() / 2]), "cannot be read"),
        (stored(b"rubbish"), "cannot be read"),
        (stored(b""), "cannot be read"),
        (Layer::of(b"no tar".repeat(200)), "no tar"),
        (Layer::of(header.as_bytes().to_vec()), "cannot be read"),
        (other_tar, "the config says"),
    ] {
        let folder = pair(good(), image([layer]));
        let ran = run(folder.path(), &["diff", "oci:before", "oci:after"]).fails(2);
        assert!(
            ran.stderr.contains(want) && ran.stderr.contains("sha256:"),
            "{want}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_blob_that_was_altered_is_no_difference() {
    let folder = pair(good(), image([Layer::new(&[file("a", "2")])]));
    let blobs = folder.path().join("after/blobs/sha256");
    for blob in std::fs::read_dir(&blobs)
        .unwrap()
        .map(|blob| blob.unwrap().path())
    {
        let bytes = std::fs::read(&blob).unwrap();
        let mut altered = bytes.clone();
        *altered.last_mut().unwrap() ^= 1;
        std::fs::write(&blob, altered).unwrap();
        let ran = run(folder.path(), &["diff", "oci:before", "oci:after"]);
        let code = ran.code;
        assert!(
            code == Some(2) && ran.stdout.is_empty(),
            "{code:?} {}",
            blob.display()
        );
        std::fs::write(&blob, &bytes).unwrap();
        // One byte more than its descriptor says.
        std::fs::write(&blob, [bytes.as_slice(), b" "].concat()).unwrap();
        let ran = run(folder.path(), &["diff", "oci:before", "oci:after"]);
        assert!(ran.code != Some(0) && ran.stdout.is_empty(), "{}", blob.display());
        std::fs::write(&blob, bytes).unwrap();
    }
    run(folder.path(), &["diff", "oci:before", "oci:after"]).ok();
}

#[test]
fn a_damaged_image_that_is_named_is_exit_2_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let manifests = write(&folder.join("good"), &[good()]);
    let digest = manifests[0].digest().to_string();
    let entry = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": manifests[0].size()});
    let with = |key: &str, value: serde_json::Value| {
        let mut entry = entry.clone();
        entry[key] = value;
        entry
    };
    let unusable = cargo_gantry::blob::BlobStore::open(folder.join("good")).unwrap();
    let unusable = unusable.put(b"[]").unwrap();
    for (entry, want) in [
        (
            with("digest", json!(format!("sha512:{}", "0".repeat(128)))),
            "sha512:",
        ),
        (
            with("digest", json!(format!("sha256:{}", "0".repeat(64)))),
            "is not in",
        ),
        (
            json!({"mediaType": entry["mediaType"], "digest": unusable.digest, "size": 2}),
            "sha256:4f53",
        ),
    ] {
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        std::fs::write(folder.join("good/index.json"), index.to_string()).unwrap();
        for command in [
            &["inspect", "oci:good"][..],
            &["diff", "oci:good", "oci:good"],
            &["check", "oci:good"],
        ] {
            let mut gantry = gantry(folder);
            let ran = Ran::of(gantry.args(command).env("XDG_CACHE_HOME", folder.join("cache"))).fails(2);
            assert!(ran.stderr.contains(want), "{command:?}: {}", ran.stderr);
            // There is no project, and nothing is pinned.
            let project = ["pinned", "base"].map(|word| ran.stderr.contains(&format!(" {word} ")));
            assert_eq!(project, [false; 2], "{command:?}: {}", ran.stderr);
        }
    }
    let index = json!({"schemaVersion": 2, "manifests": [with("size", json!(7))]});
    std::fs::write(folder.join("good/index.json"), index.to_string()).unwrap();
    run(folder, &["inspect", "oci:good"]).fails(2);
}

#[test]
fn names_of_files_cannot_write_on_the_terminal() {
    let folder = pair(good(), image([Layer::new(&[file("a\u{1b}[2J\nb", "2")])]));
    let text = run(folder.path(), &["diff", "oci:before", "oci:after"])
        .ok()
        .stdout;
    assert!(text.contains("    + /a\u{fffd}[2J\u{fffd}b 1 B"), "{text}");
}

/// An index that is written as a list of its fields: whoever reads it by its form takes that as well.
#[test]
fn an_index_that_is_a_list_is_no_reason_to_panic() {
    let folder = pair(good(), good());
    let layout = folder.path().join("before");
    let top = std::fs::read(layout.join("index.json")).unwrap();
    let mut top: serde_json::Value = serde_json::from_slice(&top).unwrap();
    let kind = "application/vnd.oci.image.index.v1+json";
    let inner = json!([2, kind, null, [top["manifests"][0]], null, null]).to_string();
    let digest = cargo_gantry::spec::Digest::of(inner.as_bytes());
    std::fs::write(layout.join("blobs/sha256").join(digest.hex()), &inner).unwrap();
    top["manifests"] = json!([{"mediaType": kind, "digest": digest.to_string(), "size": inner.len()}]);
    std::fs::write(layout.join("index.json"), top.to_string()).unwrap();
    for words in [
        &["inspect", "oci:before"][..],
        &["diff", "oci:before", "oci:after"],
    ] {
        let ran = run(folder.path(), words);
        assert!([Some(0), Some(2)].contains(&ran.code), "{}", ran.stderr);
    }
}
