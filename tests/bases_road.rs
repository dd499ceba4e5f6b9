//! From bases in a real registry to images that run: one crate on each kind of base, for three platforms, published by the
//! command, pulled by skopeo, unpacked by umoci and started in its own root.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::bases::push_base;
use support::docker_registry::{DockerRegistry, Guard};
use support::launch::{self, Launch};
use support::workspace::{Ran, Workspace, std_installed};
use support::{missing, outside};

const BASES: [&str; 4] = [
    "debian-bookworm-slim",
    "debian-trixie-slim",
    "musl",
    "distroless-cc",
];

/// Platform, and its architecture as Rust names it.
const PLATFORMS: [(&str, &str); 3] = [
    ("linux/amd64", "x86_64"),
    ("linux/arm64", "aarch64"),
    ("linux/arm/v7", "arm"),
];

/// What must be installed. Where the std for musl is not to be had, a musl base gets static programs of glibc.
const TRIPLES: [&str; 5] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "armv7-unknown-linux-gnueabihf",
];

const MAIN: &str = "fn main() {\n    println!(\"tiny on {}\", std::env::consts::ARCH);\n}\n";

/// A project with an image on every base, and the registry with the bases.
struct Road {
    registry: DockerRegistry,
    workspace: Workspace,
}

impl Road {
    /// None, said loudly, where something is missing.
    fn new(bases: &[&str]) -> Option<Self> {
        let lacking: Vec<_> = TRIPLES.iter().filter(|triple| !std_installed(triple)).collect();
        if !lacking.is_empty() {
            missing(&format!(
                "the standard libraries of {lacking:?} are not installed"
            ));
            return None;
        }
        let registry = DockerRegistry::start(&Guard::default())?;
        for base in bases {
            push_base(base, &registry.host(), &format!("bases/{base}"), "latest")?;
        }
        let workspace = Workspace::tiny()?;
        workspace.write("src/main.rs", MAIN);
        let host = registry.host();
        let mut matrix = format!(
            "schema = 1\n[defaults]\nplatforms = {:?}\nrepository = \"{host}/road/{{image}}\"\n",
            PLATFORMS.map(|(platform, _)| platform)
        );
        for base in bases {
            matrix +=
                &format!("[image.{base}]\nbinaries = [\"tiny\"]\nbase = \"{host}/bases/{base}:latest\"\n");
        }
        workspace.write("gantry.toml", matrix);
        Some(Self { registry, workspace })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.workspace.command([]);
        command
            .args(line.split_whitespace())
            .env("XDG_CACHE_HOME", self.workspace.outside().join("cache"));
        command
    }

    fn run(&self, line: &str) -> Ran {
        Ran::of(&mut self.command(line))
    }

    /// The messages of one kind that a command printed.
    fn messages(&self, line: &str, reason: &str) -> Vec<Value> {
        let ran = self.run(&format!("{line} --message-format json")).ok();
        let messages = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        messages
            .filter(|message: &Value| message["reason"] == reason)
            .collect()
    }

    fn lock(&self) -> String {
        std::fs::read_to_string(self.workspace.path("gantry.lock")).unwrap()
    }

    fn raw(&self, place: &str) -> Option<Value> {
        let place = format!("docker://{place}");
        let said = skopeo(&["inspect", "--raw", "--tls-verify=false", &place])?;
        Some(serde_json::from_str(&said).unwrap())
    }
}

fn skopeo(arguments: &[&str]) -> Option<String> {
    let said = outside(
        Command::new("skopeo").args(arguments).output(),
        "skopeo",
        "skopeo",
    )?;
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{arguments:?}: {text}");
    Some(String::from_utf8(said.stdout).unwrap())
}

/// Copies one platform to a layout, unpacks and starts it: what it said.
fn pulled_and_started(source: &str, platform: &str, folder: &Path) -> Option<String> {
    let mut words = platform.split('/').skip(1);
    let architecture = words.next().unwrap();
    let place = folder.join(platform.replace('/', "-"));
    let target = format!("oci:{}:image", place.display());
    let mut copy = vec![
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        "--override-os",
        "linux",
    ];
    copy.extend(["--override-arch", architecture]);
    copy.extend(
        words
            .next()
            .into_iter()
            .flat_map(|variant| ["--override-variant", variant]),
    );
    copy.extend([source, &target]);
    skopeo(&copy)?;
    started(&place, architecture)
}

fn started(layout: &Path, architecture: &str) -> Option<String> {
    let bundle = layout.with_extension("bundle");
    let unpacked = Command::new("umoci")
        .arg("unpack")
        .arg("--image")
        .arg(format!("{}:image", layout.display()))
        .arg(&bundle)
        .output();
    let unpacked = outside(unpacked, "umoci", "umoci")?;
    let text = String::from_utf8_lossy(&unpacked.stderr);
    assert!(unpacked.status.success(), "{text}");
    if !launch::possible() {
        return None;
    }
    let config = std::fs::read(bundle.join("config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let root = bundle.join("rootfs");
    let ended = Launch::new(&root, &config["process"], architecture, None)?.run();
    assert_eq!(ended.fault(), None, "{}", layout.display());
    std::fs::remove_dir_all(bundle).unwrap();
    Some(ended.stdout)
}

/// A folder where there is room for whole images.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Layers of a manifest: digest and size.
fn layers(manifest: &Value) -> Vec<(String, u64)> {
    let layers = manifest["layers"].as_array().unwrap().iter();
    let layer = |layer: &Value| {
        let digest = layer["digest"].as_str().unwrap().to_owned();
        (digest, layer["size"].as_u64().unwrap())
    };
    layers.map(layer).collect()
}

/// Lines of the registry's log that tell of a change.
fn writes(log: &str) -> Vec<&str> {
    let changes = |line: &&str| {
        ["\"PUT ", "\"POST ", "\"PATCH "]
            .iter()
            .any(|verb| line.contains(verb))
    };
    log.lines().filter(changes).collect()
}

#[test]
fn one_crate_runs_on_every_base_and_platform() {
    let Some(road) = Road::new(&BASES) else { return };
    let host = road.registry.host();
    let published = road.messages("publish", "published");
    assert_eq!(published.len(), BASES.len());
    for base in BASES {
        let own = |message: &&Value| message["image"] == base;
        let message = published.iter().find(own).unwrap();
        let reference = message["reference"].as_str().unwrap();
        let Some(index) = road.raw(reference) else { return };
        assert_eq!(index["manifests"].as_array().unwrap().len(), PLATFORMS.len());
        let base_index = road.raw(&format!("{host}/bases/{base}:latest")).unwrap();
        // Nothing of the base was sent: it was mounted.
        let mut ours = BTreeSet::new();
        for (manifest, below) in paired(&index, &base_index) {
            let repository = reference.split('@').next().unwrap();
            let manifest = road.raw(&format!("{repository}@{manifest}")).unwrap();
            let below = layers(&road.raw(&format!("{host}/bases/{base}@{below}")).unwrap());
            let all = layers(&manifest);
            assert_eq!(all[..below.len()], below, "{base}");
            ours.extend(all[below.len()..].iter().cloned());
            let config = &manifest["config"];
            ours.insert((
                config["digest"].as_str().unwrap().to_owned(),
                config["size"].as_u64().unwrap(),
            ));
        }
        let most: u64 = ours.iter().map(|(_, size)| size).sum();
        let sent = message["bytes-sent"].as_u64().unwrap();
        assert!(
            sent > 0 && sent <= most,
            "{base}: sent {sent} of {most} bytes of ours"
        );
        let folder = folder();
        for (platform, machine) in PLATFORMS {
            let source = format!("docker://{reference}");
            let Some(said) = pulled_and_started(&source, platform, folder.path()) else {
                return;
            };
            assert_eq!(said, format!("tiny on {machine}\n"), "{base} {platform}");
        }
    }

    let before = road.registry.log();
    let again = road.messages("publish --locked", "published");
    for message in &again {
        let sent = ["bytes-sent", "blobs-sent", "manifests-sent"].map(|key| message[key].as_u64());
        assert_eq!((sent, &message["unchanged"]), ([Some(0); 3], &Value::Bool(true)));
    }
    let log = road.registry.log();
    assert_eq!(writes(&log[before.len()..]), Vec::<&str>::new());
}

/// Manifests of an image and of its base, for the same platform.
fn paired(index: &Value, base: &Value) -> Vec<(String, String)> {
    let words = |manifest: &Value| {
        let platform = &manifest["platform"];
        // arm64 has one variant, whether it is written or not.
        let variant = platform["variant"].as_str().filter(|variant| *variant != "v8");
        (platform["architecture"].clone(), variant.map(str::to_owned))
    };
    let digest = |manifest: &Value| manifest["digest"].as_str().unwrap().to_owned();
    let below = base["manifests"].as_array().unwrap();
    let all = index["manifests"].as_array().unwrap().iter();
    all.map(|manifest| {
        let base = below.iter().find(|base| words(base) == words(manifest));
        (digest(manifest), digest(base.unwrap()))
    })
    .collect()
}

#[test]
fn pins_hold_until_they_are_moved_and_serve_without_a_network() {
    let bases = ["musl", "distroless-cc"];
    let Some(road) = Road::new(&bases) else { return };
    let host = road.registry.host();
    let folder = folder();
    let layout = |name: &str| folder.path().join(name).join("{image}");
    let built = |options: &str, name: &str| {
        let line = format!("build {options} -o oci:{}", layout(name).display());
        road.run(&line).ok();
    };
    built("", "first");
    let lock = road.lock();
    for base in bases {
        let index = support::bases::base(base).unwrap().join("index.json");
        let index: Value = serde_json::from_slice(&std::fs::read(index).unwrap()).unwrap();
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        assert!(lock.contains(digest) && lock.contains(&format!("{host}/bases/{base}:latest")));
    }
    road.run("outdated").ok();

    // The name stands for another image now.
    let Some(moved) = push_base("debian-bookworm-slim", &host, "bases/distroless-cc", "latest") else {
        return;
    };
    let ran = road.run("outdated");
    assert_eq!(ran.code, Some(9), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(&moved) && !ran.stdout.contains("bases/musl"));
    built("--locked", "locked");
    assert_eq!(road.lock(), lock);
    let inside = |name: &str| {
        layout(name)
            .display()
            .to_string()
            .replace("{image}", "distroless-cc")
    };
    let same = |one: &str, other: &str| {
        let read = |name: &str| std::fs::read(PathBuf::from(inside(name)).join("index.json")).unwrap();
        read(one) == read(other)
    };
    assert!(same("first", "locked"));
    road.run("update").ok();
    assert!(road.lock() != lock && road.lock().contains(&moved));
    road.run("outdated").ok();
    built("", "moved");
    assert!(!same("first", "moved"));

    // What was read is kept: no registry is needed any more.
    let Road { registry, workspace } = road;
    drop(registry);
    let line = format!("build --offline --output oci:{}", layout("offline").display());
    let mut command = workspace.command([]);
    command
        .args(line.split_whitespace())
        .env("XDG_CACHE_HOME", workspace.outside().join("cache"));
    Ran::of(&mut command).ok();
    assert!(same("moved", "offline"));

    // The base's layers lie in the layout, for tools that know nothing of ours.
    for (platform, machine) in PLATFORMS {
        let source = format!("oci:{}", inside("offline"));
        let Some(said) = pulled_and_started(&source, platform, folder.path()) else {
            return;
        };
        assert_eq!(said, format!("tiny on {machine}\n"), "{platform}");
    }
}

#[test]
fn images_for_docker_and_without_an_index_are_what_they_say() {
    let Some(road) = Road::new(&["musl"]) else { return };
    let host = road.registry.host();
    let image = |name: &str, more: &str| {
        format!(
            "[image.{name}]\nbinaries = [\"tiny\"]\nrepository = \"{host}/road/{name}\"\n\
             base = \"{host}/bases/musl:latest\"\nplatforms = [\"linux/amd64\"]\n{more}\n"
        )
    };
    let matrix = [
        "schema = 1\n".to_owned(),
        image("docker", "format = \"docker\""),
        image("single", "index = \"never\""),
        image("both", "format = \"docker\"\nindex = \"never\""),
    ];
    road.workspace.write("gantry.toml", matrix.concat());
    road.run("publish").ok();
    let folder = folder();
    for (name, list, docker) in [
        ("docker", true, true),
        ("single", false, false),
        ("both", false, true),
    ] {
        let place = format!("{host}/road/{name}:1.2.3");
        let Some(top) = road.raw(&place) else { return };
        let expected = match (list, docker) {
            (true, _) => "application/vnd.docker.distribution.manifest.list.v2+json",
            (false, true) => "application/vnd.docker.distribution.manifest.v2+json",
            (false, false) => "application/vnd.oci.image.manifest.v1+json",
        };
        assert_eq!(top["mediaType"], expected, "{name}");
        let manifest = match top["manifests"][0]["digest"].as_str() {
            Some(digest) => road.raw(&format!("{host}/road/{name}@{digest}")).unwrap(),
            None => top,
        };
        // Nothing is mixed, whatever the base has.
        let types: Vec<_> = layers_types(&manifest);
        let words = if docker { "vnd.docker." } else { "vnd.oci." };
        assert!(types.iter().all(|one| one.contains(words)), "{name}: {types:?}");
        let source = format!("docker://{place}");
        let own = folder.path().join(name);
        std::fs::create_dir(&own).unwrap();
        let Some(said) = pulled_and_started(&source, "linux/amd64", &own) else {
            return;
        };
        assert_eq!(said, "tiny on x86_64\n", "{name}");
    }
}

fn layers_types(manifest: &Value) -> Vec<String> {
    let layers = manifest["layers"].as_array().unwrap().iter();
    layers
        .chain([&manifest["config"]])
        .map(|one| one["mediaType"].as_str().unwrap().to_owned())
        .collect()
}
