//! podman: what it loads of ours, and what we read of what it saves.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cargo_gantry::archive::import_docker;
use cargo_gantry::blob::{Blob, BlobStore};
use serde_json::Value;

use super::engine::nowhere;
use super::support::workspace::{Ran, settled};
use super::{Image, NAMES, lines, outside, project, said, text, texts};

/// A podman with a storage of its own.
struct Podman {
    folder: tempfile::TempDir,
}

impl Podman {
    fn new() -> Option<Self> {
        if !outside::installed("podman") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (graph, run) = (folder.path().join("graph"), folder.path().join("run"));
        fs::write(
            folder.path().join("storage.conf"),
            format!("[storage]\ndriver = \"vfs\"\ngraphroot = {graph:?}\nrunroot = {run:?}\n"),
        )
        .unwrap();
        fs::write(
            folder.path().join("containers.conf"),
            "[engine]\ntmp_dir = \"/tmp\"\n",
        )
        .unwrap();
        let podman = Self { folder };
        // Where nothing can be unpacked there is no podman either.
        let works = Ran::of(&mut podman.command(&["info", "--format", "{{.Store.GraphRoot}}"]));
        if works.code != Some(0) {
            outside::missing(&format!("podman cannot be used here: {}", works.stderr));
            return None;
        }
        assert_eq!(
            works.stdout.trim(),
            graph.display().to_string(),
            "nobody else's storage"
        );
        Some(podman)
    }

    fn settings(&self, command: &mut Command) {
        command.env("CONTAINERS_STORAGE_CONF", self.folder.path().join("storage.conf"));
        command.env("CONTAINERS_CONF", self.folder.path().join("containers.conf"));
        command.env("XDG_RUNTIME_DIR", self.folder.path());
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.args(arguments);
        settled(&mut command);
        self.settings(&mut command);
        command
    }

    fn says(&self, arguments: &[&str]) -> String {
        said(&mut self.command(arguments))
    }

    /// The names of all images, and what each is.
    fn images(&self) -> Vec<(String, Image)> {
        let listed = self.says(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
        let mut names: Vec<&str> = listed.lines().collect();
        names.sort_unstable();
        let image = |name: &&str| {
            let found: Value = serde_json::from_str(&self.says(&["image", "inspect", name])).unwrap();
            let found = &found[0];
            let image = Image {
                config: format!("sha256:{}", text(&found["Id"])),
                diff_ids: texts(&found["RootFS"]["Layers"]),
            };
            ((*name).to_owned(), image)
        };
        names.iter().map(image).collect()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.command(&["rmi", "--all", "--force"]).output();
    }
}

fn expected(image: impl Fn() -> Image) -> Vec<(String, Image)> {
    NAMES.iter().map(|name| ((*name).to_owned(), image())).collect()
}

/// The digest of the manifest that a line of a build names with a place.
fn manifest(stdout: &str, place: &str) -> String {
    let found = lines(stdout)
        .into_iter()
        .find(|(_, named)| named.starts_with(place));
    found.unwrap().0.to_owned()
}

#[test]
fn podman_loads_what_we_write() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    let Some(podman) = Podman::new() else { return };
    let outputs = [
        "build",
        "--quiet",
        "-o",
        "docker-archive:{image}.tar",
        "-o",
        "oci-archive:{image}.oci",
    ];
    let ran = workspace.run(outputs).ok();
    let manifest = manifest(&ran.stdout, "docker-archive:");
    let image = || Image::built(&workspace, &manifest);
    let load = |file: &str| {
        podman.says(&[
            "load",
            "--quiet",
            "--input",
            &workspace.path(file).display().to_string(),
        ])
    };
    load("tiny.tar");
    assert_eq!(podman.images(), expected(image));
    podman.says(&["rmi", "--all", "--force"]);
    load("tiny.oci");
    let found = podman.images();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, image());
}

#[test]
fn podman_is_loaded_into_where_docker_is_missing() {
    let Some(workspace) = project("\"linux/amd64\", \"linux/arm64\", \"linux/s390x\"") else {
        return;
    };
    let Some(podman) = Podman::new() else { return };
    if cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let mut command = workspace.command(["load", "--quiet"]);
    command.env("DOCKER_HOST", nowhere(workspace.outside()));
    podman.settings(&mut command);
    let ran = Ran::of(&mut command).ok();
    let found = podman.images();
    let shown: Vec<(&str, &str)> = found
        .iter()
        .map(|(name, image)| (image.config.as_str(), name.as_str()))
        .collect();
    assert_eq!(lines(&ran.stdout), shown);
    let ran = workspace
        .run([
            "build",
            "--quiet",
            "--platform",
            "linux/amd64",
            "-o",
            "docker-archive:x",
        ])
        .ok();
    let manifest = manifest(&ran.stdout, "docker-archive:");
    assert_eq!(found, expected(|| Image::built(&workspace, &manifest)));
}

/// The API of docker, as somebody else made it.
#[test]
fn podman_is_docker_where_its_socket_is_named() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    let Some(podman) = Podman::new() else { return };
    let socket = workspace.outside().join("podman.sock");
    let host = format!("unix://{}", socket.display());
    let mut service = podman
        .command(&["system", "service", "--time", "0", &host])
        .spawn()
        .unwrap();
    let started = Instant::now();
    while UnixStream::connect(&socket).is_err() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let arguments = ["load", "--quiet", "--into", "docker", "--platform", "linux/amd64"];
    let ran = Ran::of(workspace.command(arguments).env("DOCKER_HOST", &host));
    service.kill().unwrap();
    service.wait().unwrap();
    let ran = ran.ok();
    let found = podman.images();
    let shown: Vec<(&str, &str)> = found
        .iter()
        .map(|(name, image)| (image.config.as_str(), name.as_str()))
        .collect();
    assert_eq!(lines(&ran.stdout), shown);
    assert_eq!(shown.len(), NAMES.len());
}

#[test]
fn what_podman_saves_is_read() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    let Some(podman) = Podman::new() else { return };
    let ran = workspace
        .run(["build", "--quiet", "-o", "docker-archive:first.tar"])
        .ok();
    let image = Image::built(&workspace, &manifest(&ran.stdout, "docker-archive:"));
    let path = |name: &str| -> PathBuf { workspace.path(name) };
    podman.says(&[
        "load",
        "--quiet",
        "--input",
        &path("first.tar").display().to_string(),
    ]);
    let saved = path("saved.tar").display().to_string();
    podman.says(&[
        "save",
        "--quiet",
        "--format",
        "docker-archive",
        "--output",
        &saved,
        NAMES[0],
    ]);
    said(Command::new("gzip").args(["--keep", &saved]));
    let store = BlobStore::open(workspace.outside().join("imported")).unwrap();
    let import = |path: &Path, name: Option<&str>| import_docker(path, name, &store).unwrap();
    let found = [
        import(&path("saved.tar"), None),
        import(&path("saved.tar.gz"), Some(NAMES[0])),
        import(&path("first.tar"), Some(NAMES[1])),
    ];
    for images in found {
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].platform.to_string(), "linux/amd64");
        assert!(images[0].names.contains(&NAMES[0].to_owned()));
        let manifest = Blob::described(&images[0].descriptor).unwrap().digest;
        assert_eq!(Image::in_layout(store.root(), &manifest.to_string()), image);
        // Layers are compressed as we compress: also the blobs are the same.
        assert_eq!(
            layers(store.root(), &manifest.to_string()),
            layers(&workspace.store(), &built(&ran.stdout))
        );
    }
    assert!(import_docker(&path("saved.tar"), Some("registry.example/acme/tiny:9"), &store).is_err());
}

fn built(stdout: &str) -> String {
    manifest(stdout, "docker-archive:")
}

fn layers(layout: &Path, manifest: &str) -> Vec<Value> {
    let hex = manifest.strip_prefix("sha256:").unwrap();
    let manifest = fs::read(layout.join("blobs/sha256").join(hex)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["layers"].as_array().unwrap().clone()
}
