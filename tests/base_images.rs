//! The bases that other tests start from are what they are taken for: `cargo xtask bases` made them.

mod support;

use std::path::Path;
use std::process::Command;

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

/// What GNU tar says of all layers of one platform.
fn listing(layout: &Path, architecture: &str) -> String {
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
    let mut list = String::new();
    for layer in manifest["layers"].as_array().expect("layers") {
        let said = Command::new("tar")
            .arg("-tvzf")
            .arg(blob(layer))
            .output()
            .expect("tar");
        assert!(said.status.success());
        list += &String::from_utf8_lossy(&said.stdout);
    }
    list
}

#[test]
fn there_is_no_base_that_nothing_is_known_of() {
    for name in BASES {
        let known = name.trim_end_matches("-docker");
        assert!(EXPECTED.iter().any(|(name, ..)| *name == known), "{name}");
    }
}
