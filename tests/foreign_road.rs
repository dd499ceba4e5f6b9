//! Release scripts of projects without Cargo, end to end: Go's compiler or files that are there already, UPX, tags, a real
//! registry, and the images pulled from it by others and started in their own roots. No cargo, rustc or rustup is in `PATH`.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use support::bases::push_base;
use support::docker_registry::{DockerRegistry, Guard};
use support::launch::{self, Launch};
use support::workspace::{Ran, settled};
use support::{missing, outside};

/// What such a script has, and Debian's package of it.
const NEEDED: [(&str, &str); 3] = [
    ("git", "git"),
    ("go", "golang-go, of version 1.21 or newer"),
    ("upx", "upx-ucl"),
];

/// A folder with a project in it, a folder of programs that is all of `PATH`, and a registry.
struct Project {
    folder: tempfile::TempDir,
    registry: DockerRegistry,
}

impl Project {
    /// None, said loudly, where something is missing.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir_in(std::env::temp_dir()).unwrap();
        let own = Self {
            registry: DockerRegistry::start(&Guard::default())?,
            folder,
        };
        std::fs::create_dir(own.programs()).unwrap();
        std::fs::create_dir(own.root()).unwrap();
        own.programs_but_rust();
        for (program, package) in NEEDED {
            if !own.program(program).exists() {
                missing(&format!("`{program}` is not installed ({package})"));
                return None;
            }
        }
        Some(own)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs().join(name)
    }

    /// All that is in `PATH`, but what a machine without Rust does not have.
    fn programs_but_rust(&self) {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        for folder in std::env::split_paths(&paths) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let here = self.programs().join(&name);
                let text = name.to_string_lossy();
                let of_rust = ["cargo", "rust", "clippy"]
                    .iter()
                    .any(|begin| text.starts_with(begin));
                // The first one in `PATH` is the one that is found.
                if !of_rust && here.symlink_metadata().is_err() {
                    link(&entry.path(), &here);
                }
            }
        }
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// A program with these words, in this project, with nothing of this machine's user.
    fn command(&self, program: impl AsRef<Path>, words: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        settled(&mut command);
        command
            .args(words)
            .current_dir(self.root())
            .stdin(Stdio::null())
            .env("PATH", self.programs())
            .env("HOME", self.folder.path().join("home"))
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env_remove("CARGO_HOME")
            .env_remove("RUSTUP_HOME")
            // Go compiles its own library once for all runs of this test.
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"))
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local")
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Somebody")))
            .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "s@example.com")))
            .envs(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, "2026-01-02T03:04:05Z")));
        command
    }

    /// `cargo-gantry` itself, as release scripts call it that have no cargo.
    fn gantry(&self, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(env!("CARGO_BIN_EXE_cargo-gantry"), words))
    }

    fn messages(&self, words: &[&str], reason: &str) -> Vec<Value> {
        let ran = self.gantry(&[words, &["--message-format", "json"]].concat()).ok();
        let messages = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        messages
            .filter(|message: &Value| message["reason"] == reason)
            .collect()
    }

    fn git(&self, words: &[&str]) {
        Ran::of(&mut self.command(self.program("git"), words)).ok();
    }

    /// All that is there, committed and tagged.
    fn tagged(&self, tag: &str) {
        self.git(&["init", "--quiet"]);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "All of it"]);
        self.git(&["tag", tag]);
    }

    /// Go's own cross-compilation, as such scripts do it.
    fn go_build(&self, architecture: &str, out: &str) {
        let words = ["build", "-trimpath", "-o", out, "./cmd/lookout"];
        let mut command = self.command(self.program("go"), &words);
        command.envs([("GOOS", "linux"), ("GOARCH", architecture), ("CGO_ENABLED", "0")]);
        Ran::of(&mut command).ok();
    }

    fn raw(&self, place: &str) -> Option<Value> {
        let place = format!("docker://{}/{place}", self.registry.host());
        let said = skopeo(&["inspect", "--raw", "--tls-verify=false", &place])?;
        Some(serde_json::from_str(&said).unwrap())
    }

    /// Bytes that came out of the registry for a platform: its manifest, its config and its layers.
    fn pulled(&self, architecture: &str) -> u64 {
        let blobs = self
            .folder
            .path()
            .join(format!("pulled-{architecture}/blobs/sha256"));
        let sizes = std::fs::read_dir(blobs).unwrap();
        sizes.map(|blob| blob.unwrap().metadata().unwrap().len()).sum()
    }

    /// Copies one platform out of the registry, unpacks it, and tells where, with what a runtime starts in it.
    fn unpacked(&self, place: &str, architecture: &str) -> Option<(PathBuf, Value)> {
        let layout = self.folder.path().join(format!("pulled-{architecture}"));
        let source = format!("docker://{}/{place}", self.registry.host());
        let target = format!("oci:{}:image", layout.display());
        skopeo(&[
            "copy",
            "--quiet",
            "--src-tls-verify=false",
            "--override-os",
            "linux",
            "--override-arch",
            architecture,
            &source,
            &target,
        ])?;
        let bundle = layout.with_extension("bundle");
        let mut unpack = Command::new("umoci");
        unpack.arg("unpack").arg("--image");
        unpack.arg(format!("{}:image", layout.display())).arg(&bundle);
        let said: Ran = outside(unpack.output(), "umoci", "umoci")?.into();
        said.ok();
        let config = std::fs::read(bundle.join("config.json")).unwrap();
        let config: Value = serde_json::from_slice(&config).unwrap();
        Some((bundle.join("rootfs"), config["process"].clone()))
    }
}

fn link(path: &Path, at: &Path) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(path, at).unwrap();
    #[cfg(not(unix))]
    panic!("{} and {}: no links here", path.display(), at.display());
}

fn skopeo(words: &[&str]) -> Option<String> {
    let said: Ran = outside(Command::new("skopeo").args(words).output(), "skopeo", "skopeo")?.into();
    Some(said.ok().stdout)
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Whether a file was packed by UPX, which leaves its mark in what it makes.
fn is_packed(path: &Path) -> bool {
    let content = std::fs::read(path).unwrap();
    content.windows(4).any(|word| word == b"UPX!")
}

/// `go build` per platform, `upx`, two tags, one push: what Faktory's Makefile does by hand.
#[test]
fn a_go_module_is_built_packed_and_published_without_cargo() {
    let Some(project) = Project::new() else { return };
    let host = project.registry.host();
    for folder in ["cmd", "vendor"] {
        copied(&example("go").join(folder), &project.root().join(folder));
    }
    project.write("go.mod", std::fs::read(example("go").join("go.mod")).unwrap());
    project.write(
        "gantry.toml",
        format!(
            r#"schema = 1

[binary.lookout]
go = "./cmd/lookout"
ldflags = ["-X main.version={{version}}"]

[image.lookout]
repository = "{host}/go/lookout"
platforms = ["linux/amd64", "linux/arm64"]
base = "scratch"
tags = ["{{version}}", {{ tag = "latest", moves = "always" }}]
upx = true
smoke = ["--version"]
"#
        ),
    );
    project.tagged("v1.2.3");

    let sizes = project.messages(&["build"], "size");
    let published = project.messages(&["publish"], "published");
    assert_eq!(published.len(), 1);
    let Some(index) = project.raw("go/lookout:1.2.3") else {
        return;
    };
    assert_eq!(project.raw("go/lookout:latest").unwrap(), index);
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    for architecture in ["amd64", "arm64"] {
        let Some((root, process)) = project.unpacked("go/lookout:1.2.3", architecture) else {
            return;
        };
        let program = root.join("usr/local/bin/lookout");
        assert!(is_packed(&program), "{architecture}");
        let of_platform = |message: &&Value| message["platform"] == format!("linux/{architecture}");
        let size = sizes.iter().find(of_platform).unwrap();
        assert_eq!(size["image-pulled"], project.pulled(architecture), "{size}");
        assert_eq!(size["programs"][0]["packed"], program.metadata().unwrap().len());
        if !launch::possible() {
            return;
        }
        let mut process = process;
        process["args"].as_array_mut().unwrap().push("--version".into());
        let Some(launch) = Launch::new(&root, &process, architecture, None) else {
            return;
        };
        let ended = launch.run();
        assert_eq!(ended.fault(), None, "{architecture}");
        assert_eq!(ended.stdout, format!("lookout 1.2.3 on linux/{architecture}\n"));
    }

    let again = project.messages(&["publish"], "published");
    assert_eq!(again[0]["unchanged"], Value::Bool(true), "{again:?}");
    assert_eq!(again[0]["reference"], published[0]["reference"]);
}

/// Files laid out by hand as `tmp/OS/ARCH`, a base per platform from a registry that speaks plain http.
#[test]
fn binaries_that_are_there_already_get_a_base_per_platform() {
    let Some(project) = Project::new() else { return };
    let host = project.registry.host();
    let bases = [
        ("amd64", "debian-bookworm-slim", "Debian GNU/Linux 12"),
        ("arm64", "debian-trixie-slim", "Debian GNU/Linux 13"),
    ];
    for (_, base, _) in bases {
        if push_base(base, &host, &format!("bases/{base}"), "latest").is_none() {
            return;
        }
    }
    for folder in ["cmd", "vendor"] {
        copied(&example("go").join(folder), &project.root().join(folder));
    }
    project.write("go.mod", std::fs::read(example("go").join("go.mod")).unwrap());
    for (architecture, ..) in bases {
        project.go_build(architecture, &format!("tmp/linux/{architecture}"));
    }
    project.write(".gitignore", "/tmp\n");
    project.write(
        "gantry.toml",
        format!(
            r#"schema = 1

[binary.lookout]
path = "tmp/{{os}}/{{arch}}"

[image.lookout]
repository = "{host}/prebuilt/lookout"
platforms = ["linux/amd64", "linux/arm64"]
base = {{ default = "{host}/bases/debian-bookworm-slim:latest", "linux/arm64" = "{host}/bases/debian-trixie-slim:latest" }}
tags = ["edge"]
"#
        ),
    );
    project.tagged("v2.0.0");

    let published = project.messages(&["publish"], "published");
    assert_eq!(published.len(), 1);
    for (architecture, _, system) in bases {
        let Some((root, _)) = project.unpacked("prebuilt/lookout:edge", architecture) else {
            return;
        };
        let release = std::fs::read_to_string(root.join("usr/lib/os-release")).unwrap();
        assert!(release.contains(system), "{architecture}: {release}");
        // Others made it: it is taken as it is.
        let given = std::fs::read(project.root().join("tmp/linux").join(architecture)).unwrap();
        let packed = std::fs::read(root.join("usr/local/bin/lookout")).unwrap();
        assert!(given == packed, "{architecture}");
    }
}
