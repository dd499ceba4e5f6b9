//! Archives in files: the same bytes everywhere, and read by skopeo and umoci.

use std::fs;
use std::process::Command;

use cargo_gantry::spec::Digest;
use serde_json::Value;

use super::support::workspace::{Ran, Workspace, std_installed};
use super::{Image, NAMES, lines, outside, project, said, support, text};

#[test]
fn docker_archives_are_the_same_bytes_in_every_folder() {
    let archive = |folder: &str| -> Option<Vec<u8>> {
        let workspace = Workspace::tiny_in(folder)?;
        workspace
            .run(["build", "--quiet", "-o", "docker-archive:a/{image}-{version}.tar"])
            .ok();
        let first = fs::read(workspace.path("a/tiny-1.2.3.tar")).unwrap();
        // Once more, over what is there.
        workspace
            .run(["build", "--quiet", "-o", "docker-archive:a/tiny-1.2.3.tar"])
            .ok();
        assert!(first == fs::read(workspace.path("a/tiny-1.2.3.tar")).unwrap());
        assert_eq!(fs::read_dir(workspace.path("a")).unwrap().count(), 1);
        Some(first)
    };
    let (Some(one), Some(two)) = (archive("one"), archive("elsewhere")) else {
        return;
    };
    assert!(one == two);
}

#[test]
fn skopeo_reads_docker_archives() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    if !outside::installed("skopeo") {
        return;
    }
    let compressed = "\n[defaults]\ncompression = \"zstd\"\n";
    let matrix = fs::read_to_string(workspace.path("gantry.toml")).unwrap();
    workspace.write("gantry.toml", matrix + compressed);
    let name = "docker-archive:{image}.tar:example.org/{image}:{major}";
    let ran = workspace
        .run(["build", "--quiet", "-o", name, "-o", "docker-archive:all.tar"])
        .ok();
    let written = lines(&ran.stdout);
    assert_eq!(written[1].1, "docker-archive:tiny.tar:example.org/tiny:1");
    let image = Image::built(&workspace, written[1].0);
    let skopeo = |arguments: &[&str]| {
        said(
            Command::new("skopeo")
                .args(arguments)
                .current_dir(workspace.root()),
        )
    };
    let config = skopeo(&["inspect", "--config", "--raw", "docker-archive:tiny.tar"]);
    assert_eq!(Digest::of(config.as_bytes()).to_string(), image.config);
    let found: Value = serde_json::from_str(&skopeo(&["inspect", "docker-archive:all.tar"])).unwrap();
    assert_eq!(found["Architecture"], "amd64");
    for name in NAMES {
        let from = format!("docker-archive:all.tar:{name}");
        let to = format!("oci:copy:{}", name.rsplit(':').next().unwrap());
        skopeo(&["copy", "--quiet", "--insecure-policy", &from, &to]);
    }
    let index: Value = serde_json::from_slice(&fs::read(workspace.path("copy/index.json")).unwrap()).unwrap();
    for entry in index["manifests"].as_array().unwrap() {
        let copied = Image::in_layout(&workspace.path("copy"), &text(&entry["digest"]));
        // It writes a config of its own for a layout.
        assert_eq!(copied.diff_ids, image.diff_ids);
    }
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
}

#[test]
fn skopeo_and_umoci_read_oci_archives() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    if !outside::installed("skopeo") || !outside::installed("umoci") {
        return;
    }
    let ran = workspace
        .run([
            "build",
            "--quiet",
            "-o",
            "oci-archive:{image}.tar",
            "-o",
            "docker-archive:x",
        ])
        .ok();
    let written = lines(&ran.stdout);
    let (index, manifest) = (written[1].0, written[2].0);
    let image = Image::built(&workspace, manifest);
    let run = |program: &str, arguments: &[&str]| {
        said(
            Command::new(program)
                .args(arguments)
                .current_dir(workspace.root()),
        )
    };
    let skopeo = |arguments: &[&str]| run("skopeo", arguments);
    let raw = skopeo(&["inspect", "--raw", "oci-archive:tiny.tar:1.2.3"]);
    assert_eq!(Digest::of(raw.as_bytes()).to_string(), index);
    skopeo(&[
        "copy",
        "--quiet",
        "--insecure-policy",
        "--all",
        "oci-archive:tiny.tar",
        "oci:all:x",
    ]);
    assert_eq!(Image::in_layout(&workspace.path("all"), manifest), image);
    fs::create_dir(workspace.path("unpacked")).unwrap();
    run("tar", &["-xf", "tiny.tar", "-C", "unpacked"]);
    let tags = run("umoci", &["ls", "--layout", "unpacked"]);
    assert_eq!(tags, "1.2.3");
    let stat = run("umoci", &["stat", "--json", "--image", "unpacked:1.2.3"]);
    assert!(stat.contains("\"history\""), "{stat}");
}

#[test]
fn platforms_get_files_of_their_own() {
    let Some(workspace) = project("\"linux/amd64\", \"linux/arm64\"") else {
        return;
    };
    if !std_installed("aarch64-unknown-linux-musl") {
        return support::missing("the standard library for aarch64-unknown-linux-musl is not installed");
    }
    let outputs = [
        "build",
        "--quiet",
        "-o",
        "docker-archive:{arch}.tar",
        "-o",
        "oci:{platform-full}",
    ];
    let ran = workspace.run(outputs).ok();
    let written = lines(&ran.stdout);
    let places: Vec<&str> = written[1..].iter().map(|(_, place)| *place).collect();
    assert_eq!(
        places,
        [
            "docker-archive:amd64.tar",
            "docker-archive:arm64.tar",
            "oci:linux-amd64:1.2.3",
            "oci:linux-arm64-v8:1.2.3"
        ]
    );
    let read = |folder: &str, path: &str| -> Value {
        serde_json::from_slice(&fs::read(workspace.path(folder).join(path)).unwrap()).unwrap()
    };
    let blob = |digest: &str| format!("blobs/sha256/{}", digest.strip_prefix("sha256:").unwrap());
    let whole = read("target/gantry", &blob(written[0].0));
    for (position, folder) in ["linux-amd64", "linux-arm64-v8"].into_iter().enumerate() {
        let root = text(&read(folder, "index.json")["manifests"][0]["digest"]);
        assert_eq!(root, written[3 + position].0);
        let index = read(folder, &blob(&root));
        // The image's index, annotations and all, with this platform alone.
        let mut expected = whole.clone();
        expected["manifests"] = Value::Array(vec![whole["manifests"][position].clone()]);
        assert_eq!(index, expected);
        assert_eq!(text(&index["manifests"][0]["digest"]), written[1 + position].0);
        // As if it had been built alone.
        let platform = ["linux/amd64", "linux/arm64"][position];
        let alone = workspace.run(["build", "--quiet", "--platform", platform]).ok();
        assert_eq!(lines(&alone.stdout)[0].0, root);
        assert_eq!(
            Image::in_layout(&workspace.path(folder), written[1 + position].0),
            Image::built(&workspace, written[1 + position].0)
        );
    }
}

#[test]
fn places_that_cannot_be_are_said_before_anything_is_compiled() {
    let Some(workspace) = project("\"linux/amd64\", \"linux/arm64\"") else {
        return;
    };
    for (output, expected) in [
        ("docker-archive:x.tar", "gantry::pipeline::several_platforms"),
        ("docker-archive:{os}.tar", "gantry::pipeline::same_output"),
        ("docker-archive:{arch}.tar:a@b", "gantry::publish::destination"),
        ("docker-archive:{plat}.tar", "gantry::pipeline::output_template"),
        ("docker-daemon:app:1", "gantry::publish::transport"),
        ("docker-archive:", "gantry::publish::path"),
        ("oci-archive:src", "gantry::archive::no_file"),
    ] {
        let ran: Ran = workspace.run(["build", "-o", output]).fails(2);
        assert!(ran.stderr.contains(expected), "{output}: {}", ran.stderr);
    }
    let ran = workspace.run(["build", "-o", "oci:x", "-o", "oci:x"]).fails(2);
    let expected = "image `tiny` would be written to `oci:x` twice";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    assert!(!workspace.path("target/x86_64-unknown-linux-musl").exists());
}
