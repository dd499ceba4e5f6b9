//! Images of the same layers and settings that differ all the same: `diff` says in what.

use std::path::Path;

use cargo_gantry::blob::BlobStore;
use cargo_gantry::spec::{Digest, MediaType};
use serde_json::{Value, json};

use crate::{difference, run};

/// What is said of an image beside the usual.
#[derive(Clone, Default)]
struct Said {
    config: Value,
    manifest: Value,
    layer: Value,
    entry: Value,
    index: Value,
    /// More entries of the index.
    more: Vec<Value>,
    /// All manifests are written on several lines.
    pretty: bool,
}

/// An object with some fields more, or others.
fn with(mut object: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
    object
}

/// Writes a layout of an image of one platform.
fn lay(folder: &Path, said: &Said) {
    let store = BlobStore::open(folder).unwrap();
    let put = |value: &Value, media_type| {
        let text = match said.pretty {
            true => serde_json::to_string_pretty(value).unwrap(),
            false => value.to_string(),
        };
        let blob = store.put(text.as_bytes()).unwrap();
        serde_json::to_value(blob.descriptor(media_type)).unwrap()
    };
    let layer = store.put(b"layer").unwrap().descriptor(MediaType::ImageLayer);
    let layer = with(serde_json::to_value(layer).unwrap(), &said.layer);
    let config = with(
        json!({
            "os": "linux", "architecture": "amd64", "created": "2026-01-01T00:00:00Z", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"layer")]}, "history": [{"created_by": "COPY"}],
        }),
        &said.config,
    );
    let config = put(&config, MediaType::ImageConfig);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MediaType::ImageManifest, "config": config, "layers": [layer],
    });
    let entry = put(&with(manifest, &said.manifest), MediaType::ImageManifest);
    let entry = with(
        entry,
        &json!({"platform": {"os": "linux", "architecture": "amd64"}}),
    );
    let entries = [&[with(entry, &said.entry)], said.more.as_slice()].concat();
    let index = json!({"schemaVersion": 2, "mediaType": MediaType::ImageIndex, "manifests": entries});
    let index = put(&with(index, &said.index), MediaType::ImageIndex);
    let index = json!({"schemaVersion": 2, "manifests": [index]});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

/// The difference between the usual and what is said, as JSON and as text.
fn told(before: &Said, after: &Said) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    lay(&folder.path().join("before"), before);
    lay(&folder.path().join("after"), after);
    let text = run(folder.path(), &["diff", "oci:before", "oci:after"]).ok();
    (difference(folder.path()), text.stdout)
}

/// An attestation as BuildKit lists it.
fn attestation(text: &str, annotations: Value) -> Value {
    let annotations = with(
        json!({"vnd.docker.reference.type": "attestation-manifest"}),
        &annotations,
    );
    json!({
        "mediaType": MediaType::ImageManifest, "size": 500, "digest": Digest::of(text.as_bytes()),
        "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": annotations,
    })
}

#[test]
fn whatever_differs_in_an_image_is_said() {
    let usual = Said::default();
    let config = |config| Said {
        config,
        ..usual.clone()
    };
    let manifest = |manifest| Said {
        manifest,
        ..usual.clone()
    };
    let subject = json!({"mediaType": MediaType::ImageManifest, "digest": Digest::of(b"it"), "size": 3});
    let other = Digest::of(b"other").to_string();
    let other_id = config(json!({"rootfs": {"type": "layers", "diff_ids": [other]}}));
    for (after, key, name, line) in [
        (
            config(json!({"history": [{"created_by": "RUN"}]})),
            "history",
            "0",
            "  history:",
        ),
        (other_id, "config", "diff-id 0", "    ~ diff-id 0: sha256:"),
        (
            config(json!({"rootfs": {"type": "other", "diff_ids": [Digest::of(b"layer")]}})),
            "config",
            "rootfs type",
            "    ~ rootfs type: layers -> other",
        ),
        (
            manifest(json!({"subject": subject})),
            "fields",
            "subject",
            "    + subject: {",
        ),
        (
            manifest(json!({"artifactType": "a/b"})),
            "fields",
            "artifactType",
            "    + artifactType: a/b",
        ),
        (
            Said {
                entry: json!({"annotations": {"k": "v"}}),
                ..usual.clone()
            },
            "index-annotations",
            "k",
            "    + k: v",
        ),
        (
            Said {
                entry: json!({"platform": {"os": "linux", "architecture": "amd64", "os.version": "1"}}),
                ..usual.clone()
            },
            "index-fields",
            "platform os.version",
            "    + platform os.version: 1",
        ),
    ] {
        let (found, text) = told(&usual, &after);
        let platform = &found["platforms"][0];
        assert_eq!(platform[key][0]["name"], name, "{found:#}");
        assert_eq!(platform[key].as_array().unwrap().len(), 1, "{found:#}");
        assert!(
            text.lines().any(|found| found.starts_with(line)),
            "{line}\n{text}"
        );
        assert_eq!(
            (&platform["rewritten"], &found["rewritten"]),
            (&json!(false), &json!(false))
        );
    }
}

#[test]
fn the_time_of_the_image_is_said_once() {
    let at = |time: &str| Said {
        config: json!({"created": time, "history": [{"created": time, "created_by": "COPY"}]}),
        ..Said::default()
    };
    let (found, _) = told(&at("2026-01-01T00:00:00Z"), &at("2026-01-02T00:00:00Z"));
    let platform = &found["platforms"][0];
    assert_eq!(platform["config"][0]["name"], "created");
    assert_eq!(platform["history"], json!([]), "{found:#}");
}

#[test]
fn a_layer_that_is_described_in_other_words_says_so() {
    let after = Said {
        layer: json!({"annotations": {"k": "v"}}),
        ..Said::default()
    };
    let (found, text) = told(&Said::default(), &after);
    let layer = &found["platforms"][0]["layers"][0];
    assert_eq!(layer["state"], "same");
    assert_eq!(
        layer["reasons"],
        json!([{"reason": "described", "what": ["annotations"]}])
    );
    assert!(
        text.contains("    same bytes, described in other words: annotations"),
        "{text}"
    );
}

#[test]
fn whatever_differs_in_an_index_is_said() {
    let usual = Said::default();
    let manifest = Digest::of(b"of no image").to_string();
    let about = json!({"vnd.docker.reference.digest": manifest});
    let listing = |more: &[Value]| Said {
        more: more.to_vec(),
        ..usual.clone()
    };
    let one = listing(&[attestation("one", about.clone())]);
    let two = listing(&[attestation("two", about.clone())]);
    let more = listing(&[attestation("one", with(about, &json!({"k": "v"})))]);
    for (before, after, state, line) in [
        (&usual, &one, "added", "attestation: added, sha256:"),
        (&one, &usual, "removed", "attestation: removed, sha256:"),
        (&one, &two, "changed", "attestation: changed, sha256:"),
        (&one, &more, "changed", "    + k: v"),
    ] {
        let (found, text) = told(before, after);
        assert_eq!(found["platforms"][0]["state"], "same");
        let others = found["others"].as_array().unwrap();
        assert_eq!(
            (others.len(), &others[0]["state"]),
            (1, &json!(state)),
            "{found:#}"
        );
        assert!(
            text.lines().any(|found| found.starts_with(line)),
            "{line}\n{text}"
        );
    }
    let artifact = Said {
        index: json!({"artifactType": "a/b"}),
        ..usual.clone()
    };
    let (found, text) = told(&usual, &artifact);
    assert_eq!(found["fields"][0]["name"], "artifactType", "{found:#}");
    assert!(text.contains("\n  + artifactType: a/b\n"), "{text}");
}

#[test]
fn an_attestation_is_paired_by_the_platform_that_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let layout = |name: &str, said: &Said| {
        let path = folder.path().join(name);
        lay(&path, said);
        let report = crate::message(folder.path(), &["inspect", &format!("oci:{name}")]);
        let about = json!({"vnd.docker.reference.digest": report["platforms"][0]["digest"]});
        let more = vec![attestation(name, about)];
        lay(&path, &Said { more, ..said.clone() });
    };
    layout("before", &Said::default());
    let config = json!({"author": "me"});
    layout(
        "after",
        &Said {
            config,
            ..Said::default()
        },
    );
    let found = difference(folder.path());
    let other = &found["others"][0];
    assert_eq!(
        (&other["state"], &other["about"]),
        (&json!("changed"), &json!("linux/amd64"))
    );
    // That the image is another one is said already.
    assert_eq!(other["index-annotations"], json!([]), "{found:#}");
    assert_eq!(found["others"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_written_in_another_way_alone_says_so() {
    let pretty = Said {
        pretty: true,
        ..Said::default()
    };
    let (found, text) = told(&Said::default(), &pretty);
    assert_eq!(found["platforms"][0]["rewritten"], true, "{found:#}");
    assert!(
        text.contains("\n  says the same, written in another way"),
        "{text}"
    );
    let listing = |more: [&str; 2]| Said {
        more: more.map(|text| attestation(text, json!({}))).to_vec(),
        ..Said::default()
    };
    let (found, text) = told(&listing(["a", "b"]), &listing(["b", "a"]));
    assert_eq!(
        (&found["same"], &found["rewritten"]),
        (&json!(false), &json!(true)),
        "{found:#}"
    );
    assert!(
        text.contains("index: says the same, written in another way or order"),
        "{text}"
    );
}
