//! Indexes in indexes: the images in them are images of the whole, for every command that looks at one.

use serde_json::json;

use crate::made::{Image, Layer, file, image, nest, write};
use crate::message;
use crate::support::workspace::{Ran, gantry};

fn of(platform: &'static str, text: &str) -> Image {
    Image {
        platform,
        ..image([Layer::new(&[file("app", text)])])
    }
}

#[test]
fn images_of_an_index_in_an_index_are_images_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, text) in [("flat", "1"), ("before", "1"), ("after", "2")] {
        let images = [of("linux/amd64", "same"), of("linux/arm64", text)];
        write(&folder.join(name), &images);
    }
    nest(&folder.join("before"), &[]);
    nest(&folder.join("after"), &[]);
    let flat = message(folder, &["inspect", "oci:flat"]);
    let report = message(folder, &["inspect", "oci:before"]);
    assert_eq!(report["platforms"], flat["platforms"]);
    assert_eq!(report["others"][0]["kind"], "index");
    let size = |report: &serde_json::Value| report["total-size"].as_u64().unwrap();
    assert_eq!(size(&report), size(&flat) + report["size"].as_u64().unwrap());
    let one = ["inspect", "oci:before", "--platform", "linux/arm64", "--raw"];
    assert_eq!(message(folder, &one)["digest"], flat["platforms"][1]["digest"]);
    for before in ["oci:flat", "oci:before"] {
        let found = message(folder, &["diff", before, "oci:after"]);
        let states = found["platforms"].as_array().unwrap().iter();
        let states: Vec<_> = states.map(|platform| &platform["state"]).collect();
        assert_eq!(states, ["same", "changed"], "{found:#}");
    }
}

#[test]
fn images_of_an_index_in_an_index_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(
        &folder.join("i"),
        &[of("linux/amd64", "script"), of("linux/arm64", "script")],
    );
    nest(&folder.join("i"), &[]);
    let mut check = gantry(folder);
    check.args(["check", "oci:i", "--message-format", "json"]);
    let ran = Ran::of(check.env("XDG_CACHE_HOME", folder.join("cache")));
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    for platform in ["linux/amd64", "linux/arm64"] {
        assert!(ran.stdout.contains(platform), "{}", ran.stdout);
    }
}

#[test]
fn indexes_in_indexes_have_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("i"), &[of("linux/amd64", "1")]);
    for _ in 1..8 {
        nest(&folder.join("i"), &[]);
    }
    message(folder, &["inspect", "oci:i"]);
    nest(
        &folder.join("i"),
        &[json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 500,
            "digest": cargo_gantry::spec::Digest::of(b"never read"),
            "platform": {"os": "unknown", "architecture": "unknown"},
        })],
    );
    for word in ["inspect", "check"] {
        let mut command = gantry(folder);
        command
            .args([word, "oci:i"])
            .env("XDG_CACHE_HOME", folder.join("cache"));
        let ran = Ran::of(&mut command).fails(2);
        assert!(
            ran.stderr.contains("8 indexes below each other"),
            "{}",
            ran.stderr
        );
    }
}
