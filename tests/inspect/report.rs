//! What `inspect` says of an image.

use cargo_gantry::spec::{Descriptor, Digest};
use serde_json::{Value, json};

use crate::made::{Image, Layer, file, image, write, write_with};
use crate::{message, run};

/// An index as BuildKit makes it: two platforms that share a layer, and an attestation about the first.
fn with_attestation(folder: &std::path::Path) -> Vec<Descriptor> {
    let shared = Layer::new(&[file("shared", &"s".repeat(5000))]);
    let of = |platform, text: &str| Image {
        platform,
        annotations: json!({"of": platform}),
        ..image([shared.clone(), Layer::new(&[file("own", text)]), shared.clone()])
    };
    let images = [of("linux/amd64", "1"), of("linux/arm64", "22")];
    write_with(&folder.join("i"), &images, |manifests| {
        let about = manifests[0].digest().to_string();
        let annotations = json!({
            "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about,
        });
        // It need not be there: nobody reads it.
        vec![json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 500, "digest": Digest::of(b"att"),
            "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": annotations,
        })]
    })
}

#[test]
fn attestations_are_no_platforms_and_shared_layers_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let manifests = with_attestation(folder.path());
    let report = message(folder.path(), &["inspect", "oci:i"]);
    let platforms = report["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    assert_eq!(report["others"][0]["kind"], "attestation");
    assert_eq!(report["others"][0]["about"], manifests[0].digest().to_string());
    let number = |value: &Value| value.as_u64().unwrap();
    let blobs = folder.path().join("i/blobs/sha256");
    let sizes = std::fs::read_dir(blobs)
        .unwrap()
        .map(|blob| blob.unwrap().metadata().unwrap().len());
    // Everything that lies there, each once.
    assert_eq!(number(&report["total-size"]), sizes.sum::<u64>());
    let layers = platforms[0]["layers"].as_array().unwrap();
    assert_eq!((layers.len(), &layers[0]["digest"]), (3, &layers[2]["digest"]));
    assert_eq!(platforms[0]["shared"], layers[0]["size"]);
    let config = message(
        folder.path(),
        &["inspect", "oci:i", "--config", "--platform", "linux/amd64"],
    );
    let parts = number(&layers[0]["size"])
        + number(&layers[1]["size"])
        + manifests[0].size()
        + config["text"].as_str().unwrap().len() as u64;
    assert_eq!(number(&platforms[0]["size"]), parts);
    assert_eq!(platforms[0]["annotations"], json!({"of": "linux/amd64"}));
    let text = run(folder.path(), &["inspect", "oci:i"]).ok().stdout;
    let line = text.lines().find(|line| line.starts_with("attestation"));
    assert!(line.is_some_and(|line| line.contains("linux/amd64")), "{text}");
    // One platform alone, and one that is not there.
    let one = message(folder.path(), &["inspect", "oci:i", "--platform", "linux/arm64"]);
    assert_eq!(one["platforms"].as_array().unwrap().len(), 1);
    run(folder.path(), &["inspect", "oci:i", "--platform", "linux/386"]).fails(2);
}

#[test]
fn raw_bytes_are_those_that_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let of = |platform| Image {
        platform,
        ..image([Layer::new(&[file("a", platform)])])
    };
    let manifests = write(&folder.path().join("i"), &[of("linux/amd64"), of("linux/arm64")]);
    let said = |arguments: &[&str]| {
        let ran = run(folder.path(), &[&["inspect", "oci:i"], arguments].concat()).ok();
        ran.stdout
    };
    let index: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("i/index.json")).unwrap()).unwrap();
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    assert_eq!(index["manifests"][0]["digest"], digest(&said(&["--raw"])));
    let manifest = said(&["--raw", "--platform", "linux/arm64"]);
    assert_eq!(manifests[1].digest().to_string(), digest(&manifest));
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let config = said(&["--config", "--platform", "linux/arm64"]);
    assert_eq!(manifest["config"]["digest"], digest(&config));
    // Of which platform is to be said.
    run(folder.path(), &["inspect", "oci:i", "--config"]).fails(2);
    let json = message(folder.path(), &["inspect", "oci:i", "--raw"]);
    assert_eq!(json["text"], said(&["--raw"]));
}

#[test]
fn what_is_no_image_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = cargo_gantry::blob::BlobStore::open(folder.path().join("i")).unwrap();
    let put = |value: Value, media_type: &str| {
        let blob = store.put(value.to_string().as_bytes()).unwrap();
        blob.descriptor(media_type.into())
    };
    let config = put(json!({}), "application/vnd.cncf.helm.config.v1+json");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
    let manifest = put(manifest, "application/vnd.oci.image.manifest.v1+json");
    store.add_entry("chart", &manifest).unwrap();
    let report = message(folder.path(), &["inspect", "oci:i"]);
    assert_eq!(report["platforms"], json!([]));
    let other = &report["others"][0];
    assert_eq!(
        (&other["kind"], &other["artifact-type"]),
        (
            &json!("artifact"),
            &json!("application/vnd.cncf.helm.config.v1+json")
        )
    );
}
