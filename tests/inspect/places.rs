//! The same images in layouts, archives and registries, made by other tools.

use std::path::Path;
use std::process::Command;

use cargo_gantry::codec::Compression;
use serde_json::Value;

use crate::made::{Image, Layer, file, image, pair};
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::outside;
use crate::support::registry::{Act, Fault, Registry};
use crate::{message, run};

/// Runs another program; none, said loudly, where it is missing.
fn tool(folder: &Path, words: &[&str]) -> Option<Vec<u8>> {
    let ran = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .output();
    let ran = outside(ran, words[0], words[0])?;
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{words:?}: {said}");
    Some(ran.stdout)
}

/// Copies an image to a registry, byte for byte; whether skopeo is there.
fn push(folder: &Path, from: &str, to: &str) -> bool {
    let copy = [
        "skopeo",
        "copy",
        "-q",
        "--all",
        "--preserve-digests",
        "--dest-tls-verify=false",
    ];
    let to = match to.starts_with("oci-archive:") {
        true => to.to_owned(),
        false => format!("docker://{to}"),
    };
    tool(folder, &[copy.as_slice(), &[from, &to]].concat()).is_some()
}

/// A difference without the names that it was asked by.
fn nameless(mut difference: Value) -> Value {
    for side in ["before", "after"] {
        difference[side]["name"] = Value::Null;
    }
    difference
}

#[test]
fn layouts_archives_and_registries_differ_alike() {
    let layers = |text: &str| {
        let zstd = Layer {
            compression: Compression::Zstd(3),
            ..Layer::new(&[file("b", text)])
        };
        [Layer::new(&[file("a", &text.repeat(20_000))]), zstd]
    };
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let folder = pair(image(layers("one")), image(layers("other")));
    let folder = folder.path();
    let here = nameless(message(folder, &["diff", "oci:before", "oci:after"]));
    let host = registry.host();
    for name in ["before", "after"] {
        let from = format!("oci:{name}:x");
        for to in [format!("{host}/{name}:x"), format!("oci-archive:{name}.tar:x")] {
            if !push(folder, &from, &to) {
                return;
            }
        }
    }
    let there = format!("{host}/after:x");
    for (before, after) in [
        (format!("{host}/before:x").as_str(), there.as_str()),
        ("oci-archive:before.tar", "oci-archive:after.tar:x"),
        ("oci-archive:before.tar", there.as_str()),
    ] {
        assert_eq!(
            nameless(message(folder, &["diff", before, after])),
            here,
            "{before} {after}"
        );
    }
    // As skopeo gives it.
    let reference = format!("docker://{there}");
    let theirs = tool(
        folder,
        &["skopeo", "inspect", "--raw", "--tls-verify=false", &reference],
    )
    .unwrap();
    let ours = run(folder, &["inspect", "--raw", &there]).ok().stdout;
    assert_eq!(ours.as_bytes(), theirs);
    run(folder, &["diff", &there, &format!("{host}/after:none")]).fails(8);
}

#[test]
fn a_layer_of_a_registry_is_checked_to_its_end() {
    let folder = pair(
        image([Layer::new(&[file("a", "1")])]),
        image([Layer::new(&[file("a", "2")])]),
    );
    let folder = folder.path();
    let registry = Registry::plain();
    let there = format!("{}/after:x", registry.host());
    if !push(folder, "oci:after:x", &there) {
        return;
    }
    let diff = ["diff", "oci:before", there.as_str()];
    let want = message(folder, &diff);
    // The first blob is the config.
    let on_layer = |act| Fault::first(act).on("GET", "blob").at(2);
    registry.fail([on_layer(Act::Truncate(50))]);
    assert_eq!(message(folder, &diff), want);
    registry.fail([on_layer(Act::Flip).times(100)]);
    run(folder, &diff).fails(6);
}

#[test]
fn docker_archives_are_looked_at_too() {
    let folder = pair(
        image([Layer::new(&[file("a", "one")])]),
        image([Layer::new(&[file("a", "two")])]),
    );
    let folder = folder.path();
    let save = |from: &str, to: &str| tool(folder, &["skopeo", "copy", "-q", from, to]).is_some();
    if !save("oci:before:x", "docker-archive:one.tar:a/b:1")
        || !save("oci:after:x", "docker-archive:two.tar:a/b:2")
    {
        return;
    }
    let report = message(folder, &["inspect", "docker-archive:one.tar"]);
    assert_eq!(report["name"], "docker-archive:one.tar");
    assert_eq!(report["platforms"].as_array().unwrap().len(), 1, "{report:#}");
    let found = message(
        folder,
        &["diff", "docker-archive:one.tar", "docker-archive:two.tar"],
    );
    let layer = &found["platforms"][0]["layers"][0];
    assert_eq!(
        (&layer["state"], &layer["files"][0]["path"]),
        (&"changed".into(), &"/a".into()),
        "{found:#}"
    );
    // The same tar, whoever has compressed it.
    let same = message(folder, &["diff", "oci:before", "docker-archive:one.tar"]);
    assert!(
        same["platforms"][0]["layers"][0]
            .get("files")
            .is_none_or(|files| files.as_array().is_none_or(Vec::is_empty)),
        "{same:#}"
    );
    run(folder, &["inspect", "docker-archive:one.tar:a/b:3"]).fails(2);
}

#[test]
fn images_of_umoci_and_buildah_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("hello"), "hello").unwrap();
    let steps: [&[&str]; 5] = [
        &["umoci", "init", "--layout", "um"],
        &["umoci", "new", "--image", "um:one"],
        &[
            "umoci",
            "insert",
            "--rootless",
            "--image",
            "um:one",
            "hello",
            "/srv/hello",
        ],
        &["umoci", "tag", "--image", "um:one", "two"],
        &[
            "umoci",
            "config",
            "--image",
            "um:two",
            "--config.env",
            "NEW=yes",
            "--config.user",
            "7",
        ],
    ];
    for step in steps {
        if tool(folder, step).is_none() {
            return;
        }
    }
    let found = message(folder, &["diff", "oci:um:one", "oci:um:two"]);
    let platform = &found["platforms"][0];
    let names = platform["config"].as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|change| change["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"env NEW") && names.contains(&"user"), "{names:?}");
    assert_eq!(platform["layers"][0]["state"], "same");
    // buildah's layers of the same file have other times.
    let buildah = [
        "sh",
        "-c",
        "set -e; export STORAGE_DRIVER=vfs; b='buildah --root '$PWD'/root --runroot '$PWD'/run'; c=$($b from scratch); \
         $b copy -q $c hello /srv/hello >&2; $b commit -q $c oci:bu:three >&2",
    ];
    if tool(folder, &["buildah", "--version"]).is_none() || tool(folder, &buildah).is_none() {
        return;
    }
    let found = message(folder, &["diff", "oci:um:one", "oci:bu:three"]);
    let layer = &found["platforms"][0]["layers"][0];
    assert_eq!(layer["state"], "changed", "{found:#}");
    let content = layer["files"].as_array().unwrap().iter().any(|file| {
        let what = file["what"].as_array().unwrap();
        file["path"] == "/srv/hello" && what.contains(&"content".into())
    });
    assert!(!content, "{found:#}");
}

#[test]
fn platforms_of_one_registry_share_what_is_read() {
    let shared = |text: &str| Layer::new(&[file("data", &text.repeat(3000))]);
    let of = |platform, text: &str| Image {
        platform,
        ..image([shared(text)])
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("before", "1"), ("after", "2")] {
        let images = [of("linux/amd64", text), of("linux/arm64", text)];
        crate::made::write(&folder.path().join(name), &images);
    }
    let registry = Registry::plain();
    let host = registry.host();
    for name in ["before", "after"] {
        if !push(
            folder.path(),
            &format!("oci:{name}:x"),
            &format!("{host}/{name}:x"),
        ) {
            return;
        }
    }
    registry.clear_log();
    let (before, after) = (format!("{host}/before:x"), format!("{host}/after:x"));
    let found = message(folder.path(), &["diff", &before, &after]);
    let layer = found["platforms"][1]["layers"][0]["after"]["digest"]
        .as_str()
        .unwrap();
    let log = registry.log();
    let read = log
        .iter()
        .filter(|asked| asked.method == "GET" && asked.path.ends_with(layer));
    assert_eq!(read.count(), 1);
}
