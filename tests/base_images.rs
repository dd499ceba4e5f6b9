//! The bases that other tests start from are what they are taken for: `cargo xtask bases` made them.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_gantry::binary::Elf;
use cargo_gantry::fit::{Level, Question, check};
use cargo_gantry::rootfs::{Kind, Node, Tree};
use cargo_gantry::target::Catalog;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use support::bases::{BASES, base, push_base};
use support::docker_registry::{DockerRegistry, Guard};
use support::outside;

#[test]
fn a_base_reaches_a_registry_byte_for_byte() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    for name in ["musl", "distroless-cc", "debian-bookworm-slim-docker"] {
        let Some(digest) = push_base(name, &registry.host(), "bases/a", name) else {
            return;
        };
        let place = format!("docker://{}/bases/a@{digest}", registry.host());
        let raw = Command::new("skopeo")
            .args(["inspect", "--raw", "--tls-verify=false", &place])
            .output();
        let Some(raw) = outside(raw, "skopeo", "skopeo") else {
            return;
        };
        let index: Value = serde_json::from_slice(&raw.stdout).expect("an index");
        let docker = name.ends_with("-docker");
        assert_eq!(
            index["mediaType"]
                .as_str()
                .expect("a media type")
                .contains("docker"),
            docker
        );
        assert_eq!(index["manifests"].as_array().expect("manifests").len(), 3);
    }
}

/// What a program finds there: what must exist, and what must not.
const EXPECTED: &[(&str, &[&str], &[&str])] = &[
    (
        "debian-bookworm-slim",
        &[
            "./bin -> usr/bin",
            "./usr/bin/bash",
            "./tmp/",
            "./etc/ld.so.conf",
            "./var/lib/dpkg/status",
        ],
        &[
            "ca-certificates.crt",
            "./etc/apt/sources.list\n",
            "./etc/resolv.conf",
            "./dev/null",
        ],
    ),
    (
        "debian-trixie-slim",
        &["./lib -> usr/lib", "./usr/bin/sh -> dash", "./etc/passwd"],
        &[
            "ca-certificates.crt",
            "./etc/apt/sources.list\n",
            "./etc/resolv.conf",
            "./dev/null",
        ],
    ),
    (
        "musl",
        &[
            "./lib/ld-musl-",
            "./bin/sh -> /bin/busybox",
            "./etc/ssl/cert.pem -> ",
        ],
        &["ld-linux", "./usr/lib/ld-musl", "mmdebstrap", "./etc/apt"],
    ),
    (
        "distroless-cc",
        &[
            "/libssl.so.3",
            "/libgcc_s.so.1",
            "./home/nonroot/",
            "ca-certificates.crt",
            "zoneinfo/Europe/",
        ],
        &["bin/sh", "busybox", "./lib -> ", "mmdebstrap", "./etc/apt"],
    ),
];

#[test]
fn a_base_holds_what_it_is_taken_for() {
    for (name, there, absent) in EXPECTED {
        let Some(layout) = base(name) else {
            continue;
        };
        for platform in ["amd64", "arm64", "arm"] {
            let list = listing(&layout, platform);
            for what in *there {
                assert!(list.contains(what), "{name} {platform} has no {what}");
            }
            for what in *absent {
                assert!(!list.contains(what), "{name} {platform} has {what}");
            }
            // Everybody may write to /tmp, and deletes only what is theirs.
            assert!(
                list.lines()
                    .any(|line| line.starts_with("drwxrwxrwt") && line.ends_with(" ./tmp/")),
                "{name} {platform}"
            );
        }
    }
}

#[test]
fn every_program_of_a_base_fits_it() {
    let catalog = Catalog::builtin();
    for (name, ..) in EXPECTED {
        let Some(layout) = base(name) else {
            continue;
        };
        for (platform, architecture) in [
            ("linux/amd64", "amd64"),
            ("linux/arm64", "arm64"),
            ("linux/arm/v7", "arm"),
        ] {
            let mut tree = Tree::default();
            for layer in layers(&layout, architecture) {
                let file = std::fs::File::open(layer).expect("a blob");
                tree.apply(MultiGzDecoder::new(file)).expect("a tar");
            }
            let programs: Vec<String> = tree
                .iter()
                .filter(|(_, node)| is_program(node))
                .map(|(path, _)| format!("/{}", String::from_utf8_lossy(path)))
                .collect();
            // busybox and the loader, or nothing at all where there is no shell.
            let expected = match *name {
                "musl" => 2..3,
                "distroless-cc" => 0..1,
                _ => 100..1000,
            };
            assert!(
                expected.contains(&programs.len()),
                "{name} {platform}: {programs:?}"
            );
            let mut findings = check(&Question {
                platform: &platform.parse().expect("a platform"),
                base: name,
                catalog: &catalog,
                tree: &tree,
                // As if they were ours: these do not hide anything.
                base_layers: Some(0),
                config: &serde_json::json!({"config": {}}),
                programs: &programs,
                crates: &BTreeMap::new(),
                static_glibc: &BTreeSet::new(),
                levels: &BTreeMap::new(),
            });
            findings.retain(|finding| finding.level == Level::Deny);
            assert!(findings.is_empty(), "{name} {platform}: {findings:#?}");
        }
    }
}

/// Whether it is there to be started, with an interpreter or static. glibc itself can be started, too.
fn is_program(node: &Node) -> bool {
    let Kind::File(facts) = &node.kind else {
        return false;
    };
    let is = |elf: &Elf| elf.soname.is_none() && (elf.interpreter.is_some() || elf.needed.is_empty());
    node.mode & 0o111 != 0 && facts.elf.as_deref().is_some_and(is)
}

/// What GNU tar says of all layers of one platform.
fn listing(layout: &Path, architecture: &str) -> String {
    let mut list = String::new();
    for layer in layers(layout, architecture) {
        let said = Command::new("tar").arg("-tvzf").arg(layer).output().expect("tar");
        assert!(said.status.success());
        list += &String::from_utf8_lossy(&said.stdout);
    }
    list
}

/// The files of all layers of one platform, lowest first.
fn layers(layout: &Path, architecture: &str) -> Vec<PathBuf> {
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().expect("a digest");
        layout.join("blobs").join(digest.replace(':', "/"))
    };
    let read = |path: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(path).expect("a blob")).expect("JSON")
    };
    let index = read(&blob(&read(&layout.join("index.json"))["manifests"][0]));
    let of_platform = |manifest: &&Value| manifest["platform"]["architecture"] == architecture;
    let mut manifests = index["manifests"].as_array().expect("manifests").iter();
    let manifest = read(&blob(manifests.find(of_platform).expect("the platform")));
    let layers = manifest["layers"].as_array().expect("layers");
    layers.iter().map(blob).collect()
}

#[test]
fn there_is_no_base_that_nothing_is_known_of() {
    for name in BASES {
        let known = name.trim_end_matches("-docker");
        assert!(EXPECTED.iter().any(|(name, ..)| *name == known), "{name}");
    }
}
