//! Why a layer is another one: each reason, made for real.

use cargo_gantry::codec::Compression;
use serde_json::{Value, json};

use crate::made::{Entry, Image, Layer, file, image, link, pair, tar, with_headers, write};
use crate::{difference, message, run};

/// The reasons of the first layer that is not the same, and its files as `path what`.
fn told(difference: &Value) -> (Vec<String>, Vec<String>) {
    let layers = difference["platforms"][0]["layers"].as_array().unwrap();
    let layer = layers.iter().find(|layer| layer["state"] != "same").unwrap();
    let reasons = layer["reasons"].as_array().unwrap().iter();
    let words = |value: &Value| -> Vec<String> {
        let words = value.as_array().unwrap().iter();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let files = layer["files"].as_array().unwrap().iter().map(|file| {
        let (path, state) = (file["path"].as_str().unwrap(), file["state"].as_str().unwrap());
        format!("{path} {state} {}", words(&file["what"]).join("+"))
    });
    let reason = |reason: &Value| reason["reason"].as_str().unwrap().to_owned();
    (reasons.map(reason).collect(), files.collect())
}

#[test]
fn a_layer_that_changed_says_why() {
    let base = [file("a", "one"), file("b", "two"), link("l", "a")];
    let with = |change: fn(&mut Vec<Entry>)| {
        let mut entries = base.to_vec();
        change(&mut entries);
        Layer::new(&entries)
    };
    let zstd = Layer {
        compression: Compression::Zstd(3),
        ..Layer::new(&base)
    };
    let ustar = Layer::of(with_headers(&base, tar::Header::new_ustar));
    for (after, reason, files) in [
        (zstd, "compression", vec![]),
        (with(|all| all.swap(0, 1)), "order", vec![]),
        (ustar, "encoding", vec![]),
        (with(|all| all[0].time = 7), "metadata", vec!["/a changed time"]),
        (
            with(|all| all[0].mode = 0o755),
            "metadata",
            vec!["/a changed mode"],
        ),
        (with(|all| all[1].owner = 5), "metadata", vec!["/b changed owner"]),
        (
            with(|all| all[1].attribute = Some("v")),
            "metadata",
            vec!["/b changed attributes"],
        ),
        // The time is not worth telling beside anything else.
        (
            with(|all| (all[0].time, all[0].mode) = (7, 0o755)),
            "metadata",
            vec!["/a changed mode"],
        ),
        (
            with(|all| all[0].content = b"two".to_vec()),
            "files",
            vec!["/a changed content"],
        ),
        (
            with(|all| all[0].content = b"longer".to_vec()),
            "files",
            vec!["/a changed content+size"],
        ),
        (
            with(|all| all[2].target = "b"),
            "files",
            vec!["/l changed target"],
        ),
        (
            with(|all| all[0] = link("a", "b")),
            "files",
            vec!["/a changed type+content+size+target"],
        ),
        (with(|all| drop(all.remove(1))), "files", vec!["/b removed "]),
        (with(|all| all.push(file("c", "new"))), "files", vec!["/c added "]),
    ] {
        let folder = pair(image([Layer::new(&base)]), image([after]));
        let found = difference(folder.path());
        let want = files.into_iter().map(str::to_owned).collect();
        assert_eq!(told(&found), (vec![reason.to_owned()], want), "{found:#}");
        assert_eq!(found["same"], false);
        assert!(found["platforms"][0]["layers"][0]["after"]["uncompressed"].as_u64() > Some(1024));
    }
}

#[test]
fn a_base_that_changed_is_the_reason_of_its_layers() {
    let on = |digest: &str, base: &str, own: &str| {
        let ours = Layer {
            created_by: "cargo gantry: binaries",
            ..Layer::new(&[file("app", own)])
        };
        let lowest = Layer::new(&[file("etc/os-release", base)]);
        let mut image = image([lowest, ours]);
        image.annotations = json!({
            "org.opencontainers.image.base.name": "docker.io/library/debian:12",
            "org.opencontainers.image.base.digest": digest,
        });
        image
    };
    let folder = pair(on("sha256:aa", "12.1", "app"), on("sha256:bb", "12.2", "new"));
    let found = difference(folder.path());
    let platform = &found["platforms"][0];
    assert_eq!(
        platform["base"]["before"],
        "docker.io/library/debian:12@sha256:aa"
    );
    let reasons = |at: usize| {
        let reasons = platform["layers"][at]["reasons"].as_array().unwrap().iter();
        reasons.map(|reason| reason["reason"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(reasons(0), ["base", "files"]);
    assert_eq!(reasons(1), ["files"]);
    // The same words for people.
    let text = run(folder.path(), &["diff", "oci:before", "oci:after"])
        .ok()
        .stdout;
    for line in [
        "  base: docker.io/library/debian:12@sha256:aa -> docker.io/library/debian:12@sha256:bb",
        "    the base changed from docker.io/library/debian:12@sha256:aa to docker.io/library/debian:12@sha256:bb",
        "    files differ: 1 changed",
        "    ~ /app: content (3 B)",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn layers_are_the_same_moved_added_or_removed() {
    let layer = |name: &'static str| Layer::new(&[file(name, name)]);
    let folder = pair(
        image([layer("a"), layer("b"), layer("c")]),
        image([layer("b"), layer("a"), layer("c"), layer("d")]),
    );
    let found = difference(folder.path());
    let layers = found["platforms"][0]["layers"].as_array().unwrap();
    let states: Vec<&str> = layers
        .iter()
        .map(|layer| layer["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["same", "moved", "same", "added"]);
    // What is only somewhere else is not read.
    assert_eq!(layers[1]["after"]["uncompressed"], Value::Null);
    assert_eq!(layers[3]["files"][0]["path"], "/d");
}

#[test]
fn platforms_settings_and_annotations_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let of = |platform, text: &str| Image {
        platform,
        ..image([Layer::new(&[file("a", text)])])
    };
    let mut other = of("linux/arm64", "1");
    other.config = json!({"Entrypoint": ["/app", "-v"], "Env": ["A=2", "B=1"], "User": "65532"});
    other.annotations = json!({"k": "v"});
    write(
        &folder.path().join("before"),
        &[
            of("linux/amd64", "1"),
            of("linux/arm64", "1"),
            of("linux/386", "1"),
        ],
    );
    write(
        &folder.path().join("after"),
        &[of("linux/amd64", "1"), other, of("linux/s390x", "1")],
    );
    let found = difference(folder.path());
    let platforms = found["platforms"].as_array().unwrap();
    let states: Vec<String> = platforms
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one["platform"].as_str().unwrap(),
                one["state"].as_str().unwrap()
            )
        })
        .collect();
    let want = [
        "linux/amd64 same",
        "linux/arm64 changed",
        "linux/386 removed",
        "linux/s390x added",
    ];
    assert_eq!(states, want);
    let changes = |name: &str| {
        let changes = platforms[1][name].as_array().unwrap().iter();
        let shown = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let line = |change: &Value| {
            format!(
                "{}: {} > {}",
                shown(&change["name"]),
                shown(&change["before"]),
                shown(&change["after"])
            )
        };
        changes.map(line).collect::<Vec<_>>()
    };
    let want = [
        "entrypoint: [\"/app\"] > [\"/app\",\"-v\"]",
        "env A: 1 > 2",
        "env B: - > 1",
        "user: - > 65532",
    ];
    assert_eq!(changes("config"), want);
    assert_eq!(changes("annotations"), ["k: - > v"]);
    // One platform that is the same is no difference, nor is a whole image with itself.
    let one = [
        "diff",
        "oci:before",
        "oci:after",
        "--platform",
        "linux/amd64",
        "--exit-code",
    ];
    assert_eq!(message(folder.path(), &one)["same"], true);
    run(
        folder.path(),
        &["diff", "oci:before", "oci:before", "--exit-code"],
    )
    .ok();
    let differs = run(folder.path(), &["diff", "oci:before", "oci:after", "--exit-code"]);
    assert_eq!(differs.code, Some(9), "{}", differs.stderr);
    assert!(
        differs.stdout.contains("linux/s390x: added"),
        "{}",
        differs.stdout
    );
    let nowhere = ["diff", "oci:before", "oci:after", "--platform", "linux/riscv64"];
    let ran = run(folder.path(), &nowhere).fails(2);
    assert!(ran.stderr.contains("linux/s390x"), "{}", ran.stderr);
}

#[test]
fn the_largest_differences_come_first_and_the_rest_with_v() {
    let many: Vec<Entry> = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
        .into_iter()
        .enumerate()
        .map(|(at, path)| file(path, &"x".repeat(100 * (at + 1))))
        .collect();
    let folder = pair(image([Layer::new(&many[..1])]), image([Layer::of(tar(&many))]));
    let short = run(folder.path(), &["diff", "oci:before", "oci:after"])
        .ok()
        .stdout;
    let files: Vec<&str> = short.lines().filter(|line| line.starts_with("    + ")).collect();
    assert_eq!(files.len(), 8, "{short}");
    assert_eq!((files[0], files[7]), ("    + /j 1.0 kB", "    + /c 300 B"));
    assert!(short.contains("    … 1 more: -v lists them"), "{short}");
    let long = run(folder.path(), &["-v", "diff", "oci:before", "oci:after"])
        .ok()
        .stdout;
    assert!(long.contains("    + /b 200 B"), "{long}");
}
