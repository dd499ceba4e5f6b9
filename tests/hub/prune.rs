//! `cargo gantry prune` where only the vendor can remove a tag.

use std::io::Write;
use std::process::Stdio;

use cargo_gantry::hub::Vendor;
use cargo_gantry::spec::Digest;
use serde_json::json;

use crate::support::hub::{ACCOUNT, Act, Hub, Right};
use crate::support::registry::{Auth, Habits, Registry, Setup, TagDelete};
use crate::support::workspace::{Ran, gantry};
use crate::way::EVERYWHERE;

const NAME: &str = "team/app";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry that deletes nothing by itself, and the vendor's API for it; both know the same tags.
fn registry(tags: &[(&str, &str)]) -> (Registry, Hub) {
    let registry = Registry::start(Setup {
        auth: Auth::Basic(ACCOUNT.0, ACCOUNT.1),
        habits: Habits {
            tag_delete: TagDelete::Refused(405, "UNSUPPORTED"),
            digest_delete: false,
            ..Habits::PLAIN
        },
        ..Setup::default()
    });
    let mut known = Vec::new();
    for (tag, seed) in tags {
        let config = json!({"architecture": "amd64", "os": "linux", "author": seed}).to_string();
        registry.hold(NAME, config.as_bytes());
        let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest::of(config.as_bytes()).to_string(), "size": config.len()});
        let manifest =
            json!({"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": []}).to_string();
        let digest = Digest::of(manifest.as_bytes()).to_string();
        registry.store(|store| {
            let repository = store.repositories.get_mut(NAME).unwrap();
            repository
                .manifests
                .insert(digest.clone(), (OCI.to_owned(), manifest.into_bytes()));
            repository.tags.insert((*tag).to_owned(), digest.clone());
        });
        known.push((*tag, digest));
    }
    let known: Vec<(&str, &str)> = known
        .iter()
        .map(|(tag, digest)| (*tag, digest.as_str()))
        .collect();
    let hub = Hub::with(NAME, &known);
    (registry, hub)
}

fn prune(registry: &Registry, hub: &Hub, vendor: Vendor) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("gantry")).unwrap();
    let settings = format!(
        "[registry.\"{}\"]\nvendor = \"{vendor}\"\nvendor-api = \"{}\"\n",
        registry.host(),
        hub.origin()
    );
    std::fs::write(folder.path().join("gantry/config.toml"), settings).unwrap();
    let place = format!("{}/{NAME}", registry.host());
    let mut command = gantry(folder.path());
    command
        .args([
            "prune",
            &place,
            "--pattern",
            "pr-*",
            "--delete",
            "--username",
            ACCOUNT.0,
            "--password-stdin",
        ])
        .env("XDG_CONFIG_HOME", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", ACCOUNT.1).unwrap();
    child.wait_with_output().unwrap().into()
}

fn left(hub: &Hub) -> Vec<String> {
    hub.listed(NAME).tags.into_keys().collect()
}

#[test]
fn the_vendor_removes_what_the_registry_does_not() {
    for (vendor, _) in EVERYWHERE {
        let (registry, hub) = registry(&[("pr-1", "a"), ("pr-2", "b"), ("v1", "c"), ("latest", "c")]);
        let ran = prune(&registry, &hub, vendor).ok();
        assert_eq!(left(&hub), ["latest", "v1"], "{vendor}: {}", ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(ACCOUNT.1));
    }
}

#[test]
fn missing_rights_are_said_and_change_nothing() {
    for (vendor, _) in EVERYWHERE {
        let (registry, hub) = registry(&[("pr-1", "a"), ("pr-2", "b"), ("v1", "c")]);
        hub.state(|state| state.right = Right::Read);
        let before = registry.store(|store| store.of(NAME).tags.clone());
        let ran = prune(&registry, &hub, vendor);
        assert_eq!(ran.code, Some(8), "{vendor}: {}", ran.stderr);
        assert_eq!(left(&hub).len(), 3, "{vendor}");
        assert_eq!(
            registry.store(|store| store.of(NAME).tags.clone()),
            before,
            "{vendor}"
        );
    }
}

#[test]
fn a_tag_with_others_at_its_manifest_goes_alone() {
    for (vendor, _) in EVERYWHERE
        .into_iter()
        .filter(|(vendor, _)| *vendor != Vendor::Ghcr)
    {
        let (registry, hub) = registry(&[("pr-1", "a"), ("v1", "a")]);
        prune(&registry, &hub, vendor).ok();
        assert_eq!(left(&hub), ["v1"], "{vendor}");
    }
}

#[test]
fn a_vendor_that_hides_a_tag_has_not_removed_it() {
    for (vendor, _) in EVERYWHERE {
        let (registry, hub) = registry(&[("pr-1", "a"), ("v1", "c")]);
        hub.fail("DELETE", Act::Answer(404, Vec::new(), "{}".to_owned()));
        let ran = prune(&registry, &hub, vendor);
        assert_eq!(ran.code, Some(8), "{vendor}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(left(&hub).len(), 2);
    }
}
