//! The table at the end of `build`.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use cargo_gantry::codec::decoder;
use serde_json::Value;

use super::{messages, project};
use crate::support::missing;

const FILES: &str = r#"base = "static"
[[image.tiny.files]]
from = "assets/"
to = "/srv/"
"#;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().unwrap();
    layout
        .join("blobs/sha256")
        .join(digest.strip_prefix("sha256:").unwrap())
}

fn size(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

/// Path and size of each regular file in a layer.
fn files(path: &Path, descriptor: &Value) -> Vec<(String, u64)> {
    let media_type = descriptor["mediaType"].as_str().unwrap().into();
    let tar = decoder(&media_type, File::open(path).unwrap(), u64::MAX).unwrap();
    let mut found = Vec::new();
    for entry in tar::Archive::new(tar).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push((path, content.len() as u64));
        }
    }
    found
}

#[test]
fn sizes_are_what_lies_on_disk() {
    let packing = std::process::Command::new("upx")
        .arg("--version")
        .output()
        .is_ok();
    if !packing {
        missing("`upx` is not installed");
    }
    for upx in [false, true] {
        if upx && !packing {
            continue;
        }
        let Some(workspace) = project(&format!("upx = {upx}\n{FILES}")) else {
            return;
        };
        workspace.write("assets/page.html", "x".repeat(5000));
        let json_run = ["build", "-o", "oci:out", "--message-format", "json"];
        let ran = workspace.run(json_run).ok();
        let [told] = messages(&ran, "size").try_into().unwrap();
        assert_eq!(
            (&told["image"], &told["platform"]),
            (&"tiny".into(), &"linux/amd64".into())
        );

        let layout = workspace.path("out");
        let index = json(&blob(&layout, &json(&layout.join("index.json"))["manifests"][0]));
        let manifest_path = blob(&layout, &index["manifests"][0]);
        let manifest = json(&manifest_path);
        let layers = manifest["layers"].as_array().unwrap();
        assert!(layers.len() >= 3, "base, files, programs: {manifest}");
        let paths: Vec<PathBuf> = layers.iter().map(|layer| blob(&layout, layer)).collect();
        let pulled: u64 = paths.iter().map(|path| size(path)).sum();
        let pulled = pulled + size(&manifest_path) + size(&blob(&layout, &manifest["config"]));
        assert_eq!(told["image-pulled"], pulled, "upx {upx}");
        assert_eq!(told["layer"], size(paths.last().unwrap()), "upx {upx}");
        let all: Vec<_> = paths
            .iter()
            .zip(layers)
            .flat_map(|(path, layer)| files(path, layer))
            .collect();
        let disk: u64 = all.iter().map(|(_, size)| size).sum();
        assert_eq!(told["on-disk"], disk, "upx {upx}: {all:?}");

        let [program] = told["programs"].as_array().unwrap().as_slice() else {
            panic!("{told}")
        };
        let compiled = workspace.path("target/x86_64-unknown-linux-musl/release/tiny");
        let shipped = all
            .iter()
            .find(|(path, _)| path == "usr/local/bin/tiny")
            .unwrap()
            .1;
        assert_eq!(program["path"], "/usr/local/bin/tiny");
        // Cargo has it stripped by the linker: nobody saw what it was before.
        assert_eq!(program["binary"], Value::Null);
        assert_eq!(program["stripped"], size(&compiled));
        match upx {
            false => assert_eq!((&program["packed"], shipped), (&Value::Null, size(&compiled))),
            true => {
                assert_eq!(program["packed"], shipped);
                assert!(shipped < size(&compiled));
            }
        }
        let shown = workspace.run(["build"]).ok().stderr;
        let line = shown
            .lines()
            .find(|line| line.contains("/usr/local/bin/tiny"))
            .unwrap();
        let cells: Vec<&str> = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        assert_eq!(&cells[..4], ["tiny", "linux/amd64", "/usr/local/bin/tiny", "-"]);
        let packed = if upx { text(shipped) } else { "-".to_owned() };
        let layer = size(paths.last().unwrap());
        assert_eq!(
            cells[4..],
            [
                text(size(&compiled)),
                packed,
                text(layer),
                text(pulled),
                text(disk)
            ]
        );
    }
}

/// Bytes as tables tell them; nothing here is as large as a megabyte of megabytes.
fn text(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
