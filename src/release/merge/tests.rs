//! Parts made by hand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest whose config and layer are called after `name`.
fn manifest(name: &str) -> ManifestBytes {
    let part = |what: &str| {
        let bytes = format!("{what} of {name}").into_bytes();
        json!({"mediaType": format!("application/vnd.oci.image.{what}.v1+json"), "digest": Digest::of(&bytes),
            "size": bytes.len()})
    };
    let value = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": part("config"), "layers": [part("layer")]});
    ManifestBytes::new(MANIFEST, value.to_string())
}

fn entry(manifest: &ManifestBytes, platform: &str) -> Value {
    let words: Vec<&str> = platform.split('/').collect();
    let mut platform = json!({"os": words[0], "architecture": words[1]});
    if let Some(variant) = words.get(2) {
        platform["variant"] = json!(variant);
    }
    json!({"mediaType": MANIFEST, "digest": manifest.digest(), "size": manifest.size(), "platform": platform})
}

/// An index of these entries.
fn part(name: &str, entries: Vec<Value>, manifests: Vec<ManifestBytes>, annotations: Value) -> Part {
    let root =
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations});
    let entries = entries
        .into_iter()
        .map(|entry| serde_json::from_value(entry).unwrap());
    let blobs = manifests.iter().flat_map(blobs);
    let blobs = blobs.map(|digest| BlobSource::file(digest, 1, name)).collect();
    Part {
        name: name.to_owned(),
        image: None,
        entries: entries.collect(),
        content: Content {
            root: ManifestBytes::new(INDEX, root.to_string()),
            manifests,
            blobs,
        },
    }
}

fn one(name: &str, platform: &str, annotations: Value) -> Part {
    let manifest = manifest(name);
    part(
        name,
        vec![entry(&manifest, platform)],
        vec![manifest],
        annotations,
    )
}

fn platforms(merged: &Merged) -> Vec<String> {
    merged.part.platforms().iter().map(ToString::to_string).collect()
}

#[test]
fn platforms_stand_as_asked_then_as_they_come() {
    let parts =
        ["linux/riscv64", "linux/arm64/v8", "linux/amd64"].map(|platform| one(platform, platform, json!({})));
    let order = ["linux/amd64", "linux/arm64"].map(|platform| platform.parse().unwrap());
    for (order, expected) in [
        (&order[..], ["linux/amd64", "linux/arm64", "linux/riscv64"]),
        (&[], ["linux/riscv64", "linux/arm64", "linux/amd64"]),
    ] {
        let merged = merge(&parts, order, &BTreeMap::new()).unwrap();
        assert_eq!(platforms(&merged), expected);
        assert_eq!(merged.part.content.blobs.len(), 6);
    }
}

#[test]
fn one_manifest_twice_is_one_and_two_for_a_platform_are_none() {
    let twice = [
        one("a", "linux/arm64", json!({})),
        one("a", "linux/arm64/v8", json!({})),
    ];
    assert_eq!(
        platforms(&merge(&twice, &[], &BTreeMap::new()).unwrap()),
        ["linux/arm64"]
    );
    let two = [
        one("a", "linux/arm64", json!({})),
        one("b", "linux/arm64/v8", json!({})),
    ];
    let error = merge(&two, &[], &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, MergeError::Twice { first, second, .. } if first == "a" && second == "b"));
}

#[test]
fn what_is_about_an_image_stays_and_the_rest_is_said() {
    let (image, about, alone) = (manifest("image"), manifest("about"), manifest("alone"));
    let mut attestation = entry(&about, "unknown/unknown");
    attestation["annotations"] =
        json!({ABOUT: image.digest(), "vnd.docker.reference.type": "attestation-manifest"});
    let entries = vec![
        attestation,
        entry(&image, "linux/amd64"),
        entry(&alone, "unknown/unknown"),
    ];
    let part = part(
        "made by buildx",
        entries,
        vec![about.clone(), image.clone(), alone.clone()],
        json!({}),
    );
    let other = one("other", "linux/arm64", json!({}));
    let merged = merge(&[part.clone(), other], &[], &BTreeMap::new()).unwrap();
    let listed: Vec<String> = merged
        .part
        .entries
        .iter()
        .map(|entry| entry.digest().to_string())
        .collect();
    let other = manifest("other");
    assert_eq!(
        listed,
        [&image, &other, &about].map(|manifest| manifest.digest().to_string())
    );
    assert_eq!(platforms(&merged), ["linux/amd64", "linux/arm64"]);
    assert_eq!(merged.notices.len(), 1);
    assert!(merged.notices[0].contains(&alone.digest().to_string()));
    assert_eq!(merged.part.content.manifests.len(), 3);
    // Alone it stays as it is, byte for byte.
    let same = merge(std::slice::from_ref(&part), &[], &BTreeMap::new()).unwrap();
    assert_eq!(same.part.content, part.content);
    let only = only(&part, &["linux/amd64".parse().unwrap()]).unwrap();
    assert_eq!(only.part.content, part.content);
}

#[test]
fn only_what_all_say_alike_is_said() {
    let version = "org.opencontainers.image.version";
    let parts =
        |first: Value, second: Value| [one("a", "linux/amd64", first), one("b", "linux/arm64", second)];
    let merged = merge(
        &parts(
            json!({version: "1.0.0", "x": "1", "y": "1"}),
            json!({version: "1.0.0", "x": "2", "z": "1"}),
        ),
        &[],
        &BTreeMap::from([("z".to_owned(), "3".to_owned())]),
    );
    let merged = merged.unwrap();
    let expected = [(version, "1.0.0"), ("z", "3")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(said(&merged.part.content.root), BTreeMap::from(expected));
    assert!(merged.notices[0].contains("x, y, z"), "{:?}", merged.notices);
    let error = merge(
        &parts(json!({version: "1.0.0"}), json!({version: "1.0.1"})),
        &[],
        &BTreeMap::new(),
    );
    assert!(matches!(error, Err(MergeError::Differ { what, .. }) if what == version));
    let mut parts = parts(json!({}), json!({}));
    (parts[0].image, parts[1].image) = (Some("api".to_owned()), Some("web".to_owned()));
    let error = merge(&parts, &[], &BTreeMap::new());
    assert!(matches!(error, Err(MergeError::Differ { what, .. }) if what == "image"));
}
