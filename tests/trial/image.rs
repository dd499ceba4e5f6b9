//! Images made up by a test, and both ways into their roots.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_gantry::environment::Environment;
use cargo_gantry::spec::{MediaType, Platform};
use cargo_gantry::target::{Catalog, Libc, Target};
use cargo_gantry::tool::Tools;
use cargo_gantry::trial::{LayerFile, Limits, NotTried, Scene, Stage, TrialError, Verdict};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::bases::base;
use crate::support::{missing, outside};

/// Set for the half of a test that runs as an ordinary user.
const ORDINARY: &str = "GANTRY_TEST_ORDINARY";
/// That user.
const NOBODY: &str = "65534";

/// Who compiles the probe, statically: for a platform, with a compiler of Debian's.
const COMPILERS: [(&str, &str, &str); 5] = [
    ("linux/amd64 with glibc", "gcc", "gcc"),
    ("linux/amd64", "musl-gcc", "musl-tools"),
    ("linux/arm64", "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    (
        "linux/arm/v7",
        "arm-linux-gnueabihf-gcc",
        "gcc-arm-linux-gnueabihf",
    ),
    ("linux/386", "i686-linux-gnu-gcc", "gcc-i686-linux-gnu"),
];

/// An image on its way.
pub(crate) struct Image {
    pub(crate) folder: TempDir,
    pub(crate) platform: Platform,
    pub(crate) config: Value,
    /// Where its stages are.
    pub(crate) stages: PathBuf,
    layers: Vec<LayerFile>,
}

/// One entry of a layer.
pub(crate) enum Put<'a> {
    Folder(&'a str, u32),
    File(&'a str, u32, &'a [u8]),
    Link(&'a str, &'a str),
    Same(&'a str, &'a str),
    Device(&'a str),
}

impl Image {
    /// An image without anything.
    pub(crate) fn empty(platform: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            stages: folder.path().join("stages"),
            folder,
            platform: platform.parse().unwrap(),
            config: json!({ "config": {} }),
            layers: Vec::new(),
        }
    }

    /// With the probe as `/probe` and as its entrypoint. None, said loudly, where its compiler is missing.
    pub(crate) fn with_probe(platform: &str) -> Option<Self> {
        let mut image = Self::empty(platform);
        let probe = probe(image.folder.path(), platform, true)?;
        let probe = std::fs::read(probe).unwrap();
        image.layer(&[Put::File("probe", 0o755, &probe)]);
        image.config["config"]["Entrypoint"] = json!(["/probe"]);
        Some(image)
    }

    /// One layer more.
    pub(crate) fn layer(&mut self, entries: &[Put<'_>]) {
        let mut tar = tar::Builder::new(Vec::new());
        for entry in entries {
            put(&mut tar, entry);
        }
        self.layer_of(&tar.into_inner().unwrap(), MediaType::ImageLayer);
    }

    /// One layer more, as it is.
    pub(crate) fn layer_of(&mut self, bytes: &[u8], media_type: MediaType) {
        let path = self.folder.path().join(format!("layer{}", self.layers.len()));
        std::fs::write(&path, bytes).unwrap();
        self.layers.push(LayerFile { path, media_type });
    }

    /// The layers of a base's image for a platform, and its config. None, said loudly, where the base was not made.
    pub(crate) fn on_base(name: &str, platform: &str) -> Option<Self> {
        let layout = base(name)?;
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            layout.join("blobs").join(digest.replace(':', "/"))
        };
        let read =
            |path: PathBuf| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
        let index = read(blob(&read(layout.join("index.json"))["manifests"][0]));
        let mut image = Self::empty(platform);
        let manifests = index["manifests"].as_array().unwrap().iter();
        let is_for = |manifest: &&Value| {
            let said = &manifest["platform"];
            let word = |key: &str| said[key].as_str().unwrap_or_default();
            Platform::new(word("os"), word("architecture"), said["variant"].as_str()) == image.platform
        };
        let manifest = read(blob(manifests.clone().find(is_for).unwrap()));
        for layer in manifest["layers"].as_array().unwrap() {
            image.layers.push(LayerFile {
                path: blob(layer),
                media_type: MediaType::from(layer["mediaType"].as_str().unwrap()),
            });
        }
        image.config = read(blob(&manifest["config"]));
        Some(image)
    }

    pub(crate) fn set_with(&self, tools: &Tools) -> Result<Result<Stage, NotTried>, TrialError> {
        let catalog = Catalog::builtin();
        let scene = Scene {
            layers: self.layers.clone(),
            platform: &self.platform,
            config: &self.config,
            target: target(&catalog, &self.platform),
        };
        Stage::set(tools, &self.stages, &scene)
    }

    /// Its stage.
    pub(crate) fn set(&self) -> Stage {
        self.set_with(&tools()).unwrap().unwrap()
    }

    /// What comes of these arguments.
    pub(crate) fn smoke(&self, words: &[&str]) -> Verdict {
        self.set().smoke(&owned(words), &Limits::default()).unwrap()
    }

    /// What the probe writes, made to fail at its end.
    pub(crate) fn said(&self, words: &[&str]) -> String {
        let words = [words, &["exit", "3"]].concat();
        match self.smoke(&words) {
            Verdict::Failed { how, output } if how == "exit code 3" => output,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn tools() -> Tools {
    let environment = Environment::empty("/")
        .with("PATH", "/usr/local/bin:/usr/bin:/bin")
        .with("SECRET", "of the host");
    Tools::new(environment)
}

fn target<'c>(catalog: &'c Catalog, platform: &Platform) -> Option<&'c Target> {
    catalog.for_platform(platform, Libc::Gnu)
}

/// The probe for a platform, compiled into `folder`. None, said loudly, where its compiler is missing.
pub(crate) fn probe(folder: &Path, platform: &str, is_static: bool) -> Option<PathBuf> {
    let known = COMPILERS.iter().find(|(known, ..)| *known == platform);
    let (_, compiler, package) = known.unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trial/probe.c");
    let out = folder.join("probe");
    let mut command = Command::new(compiler);
    if is_static {
        command.arg("-static");
    }
    let done = command.args(["-w", "-O1", "-o"]).arg(&out).arg(source).output();
    let done = outside(done, compiler, package)?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Some(out)
}

fn put(tar: &mut tar::Builder<Vec<u8>>, entry: &Put<'_>) {
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    let (path, kind, target, content): (&str, _, &str, &[u8]) = match *entry {
        Put::Folder(path, mode) => {
            header.set_mode(mode);
            (path, tar::EntryType::Directory, "", b"")
        }
        Put::File(path, mode, content) => {
            header.set_mode(mode);
            header.set_size(content.len() as u64);
            (path, tar::EntryType::Regular, "", content)
        }
        Put::Link(path, target) => (path, tar::EntryType::Symlink, target, b""),
        Put::Same(path, target) => (path, tar::EntryType::Link, target, b""),
        Put::Device(path) => (path, tar::EntryType::Block, "", b""),
    };
    header.set_entry_type(kind);
    // Written as they are: `..` is what some of these tests are about.
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..path.len()].copy_from_slice(path.as_bytes());
    gnu.linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

/// Runs the test that calls this as an ordinary user, too, in a process of its own. `name` is the test's.
pub(crate) fn both_ways(name: &str) {
    if std::env::var_os(ORDINARY).is_some() {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        missing("roots are entered as root by root only");
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(copy.path(), mode).unwrap();
    let test = copy.path().join("trial");
    std::fs::copy(std::env::current_exe().unwrap(), &test).unwrap();
    let done = Command::new("setpriv")
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
        .arg(&test)
        .args(["--exact", name, "--nocapture"])
        .env(ORDINARY, "1")
        .current_dir("/")
        .output();
    let Some(done) = outside(done, "setpriv", "util-linux") else {
        return;
    };
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(
        done.status.success() && said.contains("1 passed"),
        "as an ordinary user:\n{said}"
    );
}

/// Whether this is the half of an ordinary user.
pub(crate) fn is_ordinary() -> bool {
    !rustix::process::geteuid().is_root()
}
