//! containerd: a real one, with a root and a socket of its own.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::support::workspace::Ran;
use super::{NAMES, lines, outside, project, said};

struct Containerd {
    child: Child,
    folder: tempfile::TempDir,
}

impl Containerd {
    /// Starts it; none where it is missing, or we are not root.
    fn start() -> Option<Self> {
        if !outside::installed("containerd") || !outside::installed("ctr") {
            return None;
        }
        if said(Command::new("id").arg("-u")) != "0" {
            outside::missing("containerd is for root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        // No pods, and nothing outside the folder.
        let config = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\", \
             \"io.containerd.internal.v1.opt\"]\n[grpc]\naddress = {:?}\n",
            path("root"),
            path("state"),
            path("socket")
        );
        fs::write(path("config.toml"), config).unwrap();
        let log = fs::File::create(path("log")).unwrap();
        let child = Command::new("containerd")
            .args(["--config", &path("config.toml")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let containerd = Self { child, folder };
        let started = Instant::now();
        while !containerd.ctr(&["version"]).output().unwrap().status.success() {
            if started.elapsed() > Duration::from_secs(60) {
                let log = fs::read_to_string(containerd.path("log")).unwrap();
                outside::missing(&format!("containerd does not start here: {log}"));
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(containerd)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn ctr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ctr");
        command
            .args(arguments)
            .env("CONTAINERD_ADDRESS", self.path("socket"));
        command
    }

    /// Name, digest and platforms of each image.
    fn images(&self, namespace: &str) -> Vec<[String; 3]> {
        let listed = said(&mut self.ctr(&["--namespace", namespace, "images", "ls"]));
        let image = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // REF TYPE DIGEST SIZE UNIT PLATFORMS LABELS
            [words[0], words[2], words[5]].map(str::to_owned)
        };
        listed.lines().skip(1).map(image).collect()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn containerd_has_the_exact_names_and_the_digest_that_is_published() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    let Some(containerd) = Containerd::start() else {
        return;
    };
    let load = |into: &str, more: &[&str]| {
        let mut command = workspace.command(["load", "--quiet", "--into"]);
        command
            .arg(into)
            .args(more)
            .env("CONTAINERD_ADDRESS", containerd.path("socket"));
        Ran::of(&mut command).ok()
    };
    let ran = load("containerd=apps", &["--platform", "linux/amd64"]);
    let found = containerd.images("apps");
    let built = workspace
        .run(["build", "--quiet", "-o", "docker-archive:x.tar"])
        .ok();
    let (manifest, _) = lines(&built.stdout)[1];
    let expected = NAMES.map(|name| [name, manifest, "linux/amd64"].map(str::to_owned));
    assert_eq!(found, expected);
    assert_eq!(lines(&ran.stdout), NAMES.map(|name| (manifest, name)));
    assert!(containerd.images("default").is_empty());
    // A name without a registry is Docker Hub's here.
    load(
        "containerd",
        &[
            "--platform",
            "linux/amd64",
            "--repository",
            "tiny",
            "--tag",
            "dev",
        ],
    );
    let [name, ..] = &containerd.images("default")[0];
    assert_eq!(name, "docker.io/library/tiny:dev");
}

#[test]
fn a_containerd_that_is_not_there_is_said_before_anything_is_compiled() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    if !outside::installed("ctr") {
        return;
    }
    let mut command = workspace.command(["load", "--into", "containerd"]);
    let ran = Ran::of(command.env("CONTAINERD_ADDRESS", "/nonexistent/socket")).fails(4);
    assert!(
        ran.stderr.contains("containerd does not answer at"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("/nonexistent/socket"), "{}", ran.stderr);
    assert!(!workspace.path("target").exists());
}
