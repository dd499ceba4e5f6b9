//! The base images that `cargo xtask bases` made, and how they get into a registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{missing, outside};

/// All of them. Each has linux/amd64, linux/arm64 and linux/arm/v7.
pub const BASES: [&str; 5] = [
    "debian-bookworm-slim",
    "debian-bookworm-slim-docker",
    "debian-trixie-slim",
    "musl",
    "distroless-cc",
];

/// The layout of a base, with one index in it, tagged `latest`. None, said loudly, where it was not made; that is a
/// failure where `GANTRY_TEST_REQUIRE` is `all`.
pub fn base(name: &str) -> Option<PathBuf> {
    assert!(BASES.contains(&name), "no base {name}: {BASES:?}");
    let layout = target().join("gantry-bases").join(name);
    if layout.join("index.json").is_file() {
        return Some(layout);
    }
    missing(&format!("base {name} is not made: `cargo xtask bases` does"));
    None
}

/// Where the chores leave what tests use.
pub fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Copies every platform of a base, byte for byte, to `host/repository:tag` of a registry that speaks plain http.
/// Gives the digest of the index there. None, said loudly, where base or skopeo is missing.
pub fn push_base(name: &str, host: &str, repository: &str, tag: &str) -> Option<String> {
    let layout = base(name)?;
    let digest = entry(&layout.join("index.json"));
    let directory = as_directory(&layout, &digest);
    let place = format!("docker://{host}/{repository}:{tag}");
    let copied = Command::new("skopeo")
        .args([
            "copy",
            "--quiet",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
        ])
        .arg(format!("dir:{}", directory.path().display()))
        .arg(&place)
        .output();
    let copied = outside(copied, "skopeo", "skopeo")?;
    let said = String::from_utf8_lossy(&copied.stderr);
    assert!(copied.status.success(), "{place}: {said}");
    Some(digest)
}

/// The same files as skopeo's `dir:` wants them: its `oci:` refuses what has Docker's media types.
fn as_directory(layout: &Path, index: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir_in(layout.parent().expect("a folder")).expect("a folder");
    let hex = index.strip_prefix("sha256:").expect("a digest of SHA-256");
    for blob in std::fs::read_dir(layout.join("blobs/sha256")).expect("a layout") {
        let blob = blob.expect("a blob");
        let name = blob.file_name().into_string().expect("a digest");
        // Which of them are manifests is not worth knowing: each is there under both names.
        for name in [name.clone(), format!("{name}.manifest.json")] {
            std::fs::hard_link(blob.path(), directory.path().join(name)).expect("a link");
        }
        if name == hex {
            std::fs::hard_link(blob.path(), directory.path().join("manifest.json")).expect("a link");
        }
    }
    std::fs::write(
        directory.path().join("version"),
        "Directory Transport Version: 1.1\n",
    )
    .expect("a file");
    directory
}

fn entry(index: &Path) -> String {
    let text = std::fs::read(index).expect("a layout");
    let entries: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let digest = entries["manifests"][0]["digest"].as_str();
    digest.expect("a digest").to_owned()
}
