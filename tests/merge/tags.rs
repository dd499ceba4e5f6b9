//! Promotion: new names within a registry, and not one byte of a blob sent.

use serde_json::Value;

use crate::place;
use crate::project::{Machine, PLATFORMS, Project, gantry, messages};
use crate::support::registry::{Registry, kind};
use crate::support::workspace::Ran;

const VERSION: &str = "org.opencontainers.image.version";

/// A registry with an image `team/lookout:edge` of version 1.2.3, and the machine that it came from.
fn published() -> (Registry, Project, Machine, String) {
    let registry = Registry::plain();
    let project = Project::new(
        &format!("{}/team/lookout", registry.host()),
        "tags = [{ tag = \"edge\", moves = \"always\" }]",
    );
    let machine = project.machine("one", "1.2.3");
    let published = machine.messages(&["publish"], "published");
    let digest = published[0]["digest"].as_str().unwrap().to_owned();
    registry.clear_log();
    (registry, project, machine, digest)
}

fn root(registry: &Registry, digest: &str) -> Value {
    registry.store(|store| serde_json::from_slice(&store.of("team/lookout").manifests[digest].1).unwrap())
}

/// Requests that would bring or move a blob.
fn blobs_moved(registry: &Registry) -> Vec<String> {
    let log = registry.log();
    let moved = log.iter().filter(|asked| kind(&asked.path) == "upload");
    moved
        .map(|asked| format!("{} {}", asked.method, asked.path))
        .collect()
}

#[test]
fn the_same_version_is_the_same_index_under_more_names() {
    let (registry, project, _, digest) = published();
    let source = format!("{}/team/lookout:edge", registry.host());
    let words = ["tag", &source, "v1.2.3", "--semver", "--message-format", "json"];
    let tagged = Ran::of(&mut gantry(&project.path("one"), &words)).ok();
    let tagged = messages(&tagged, "tagged");
    assert_eq!(tagged[0]["digest"], digest.as_str());
    assert_eq!(
        tagged[0]["tags"],
        serde_json::json!(["v1.2.3", "v1.2", "v1", "latest"])
    );
    assert_eq!(tagged[0]["bytes-sent"], 0);
    assert_eq!(blobs_moved(&registry), Vec::<String>::new());
    // Exact first, floating last: whoever lists by time sees `latest` on top.
    let log = registry.log();
    let put = log.iter().filter(|asked| asked.method == "PUT");
    let put: Vec<&str> = put.map(|asked| asked.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(put, ["v1.2.3", "v1.2", "v1", "latest"]);
    registry.clear_log();
    let again = messages(&Ran::of(&mut gantry(&project.path("one"), &words)).ok(), "tagged");
    assert_eq!(again[0]["unchanged"], true);
    assert!(registry.log().iter().all(|asked| asked.method != "PUT"));
}

#[test]
fn another_version_is_a_new_index_of_the_same_manifests() {
    let (registry, project, _, digest) = published();
    let folder = project.path("one");
    let source = format!("{}/team/lookout:edge", registry.host());
    let words = [
        "tag",
        &source,
        "2.0.0",
        "stable",
        "--semver",
        "--message-format",
        "json",
    ];
    let tagged = messages(&Ran::of(&mut gantry(&folder, &words)).ok(), "tagged");
    let new = tagged[0]["digest"].as_str().unwrap();
    assert_ne!(new, digest);
    for tag in ["2.0.0", "2.0", "2", "latest", "stable"] {
        assert_eq!(
            place::tag(&registry, "team/lookout", tag).as_deref(),
            Some(new),
            "{tag}"
        );
    }
    assert_eq!(
        place::tag(&registry, "team/lookout", "edge"),
        Some(digest.clone())
    );
    let (before, after) = (root(&registry, &digest), root(&registry, new));
    assert_eq!(before["manifests"], after["manifests"]);
    assert_eq!(
        (&before["annotations"][VERSION], &after["annotations"][VERSION]),
        (&"1.2.3".into(), &"2.0.0".into())
    );
    let mut same = before["annotations"].clone();
    same[VERSION] = "2.0.0".into();
    assert_eq!(same, after["annotations"]);
    assert_eq!(blobs_moved(&registry), Vec::<String>::new());
    registry.clear_log();
    let again = messages(&Ran::of(&mut gantry(&folder, &words)).ok(), "tagged");
    assert_eq!(
        (again[0]["unchanged"].as_bool(), again[0]["digest"].as_str()),
        (Some(true), Some(new))
    );

    // Forward only, and a version never moves.
    let tag = |words: &[&str]| Ran::of(&mut gantry(&folder, &[&["tag", &source], words].concat()));
    let said = tag(&["1.9.9", "--semver"]).ok();
    assert!(
        said.stderr.contains("tag `latest` stays at 2.0.0"),
        "{}",
        said.stderr
    );
    let refused = tag(&["1.9.9", "latest"]);
    assert_eq!(refused.code, Some(9), "{refused:?}");
    assert!(refused.stderr.contains("tags_kept"), "{}", refused.stderr);
    assert_eq!(
        place::tag(&registry, "team/lookout", "latest").as_deref(),
        Some(new)
    );
    tag(&["1.9.9", "latest", "--force-tags"]).ok();
    let moved = place::tag(&registry, "team/lookout", "latest").unwrap();
    assert_eq!(root(&registry, &moved)["annotations"][VERSION], "1.9.9");
    // Whichever of them is promoted, one version is one index.
    let stable = format!("{}/team/lookout:stable", registry.host());
    let again = gantry(&folder, &["tag", &stable, "1.9.9"]).output();
    assert!(again.unwrap().status.success());
}

#[test]
fn a_version_that_is_taken_stays_unless_it_is_replaced() {
    let (registry, project, machine, digest) = published();
    let source = format!("{}/team/lookout:edge", registry.host());
    machine.run(&["tag", &source, "1.2.3"]).ok();
    let two = project.machine("two", "1.2.3");
    two.write(
        "dist/linux-amd64",
        std::fs::read(machine.root.join("dist/linux-arm64-v8")).unwrap(),
    );
    two.write("dist/linux-amd64", changed(&machine));
    let published = two.messages(&["publish"], "published");
    let other = published[0]["digest"].as_str().unwrap();
    assert_ne!(other, digest);
    let refused = two.run(&["tag", &source, "1.2.3", "latest"]).fails(9);
    assert!(refused.stderr.contains("tag_taken"), "{}", refused.stderr);
    assert_eq!(place::tag(&registry, "team/lookout", "1.2.3"), Some(digest));
    assert_eq!(place::tag(&registry, "team/lookout", "latest"), None);
    two.run(&["tag", &source, "1.2.3", "latest", "--replace"]).ok();
    assert_eq!(
        place::tag(&registry, "team/lookout", "1.2.3").as_deref(),
        Some(other)
    );
}

/// The program for linux/amd64 with one byte more.
fn changed(machine: &Machine) -> Vec<u8> {
    let mut program = std::fs::read(machine.root.join("dist/linux-amd64")).unwrap();
    program.push(b'!');
    program
}

#[test]
fn another_repository_of_the_registry_mounts_the_blobs() {
    let (registry, project, _, digest) = published();
    let source = format!("{}/team/lookout@{digest}", registry.host());
    let target = format!("{}/public/lookout:1.2.3", registry.host());
    let words = ["tag", &source, &target, "--message-format", "json"];
    let tagged = messages(&Ran::of(&mut gantry(&project.path("one"), &words)).ok(), "tagged");
    assert_eq!(
        (tagged[0]["blobs-sent"].as_u64(), tagged[0]["bytes-sent"].as_u64()),
        (Some(0), Some(0))
    );
    assert_eq!(tagged[0]["blobs-mounted"], 2 * PLATFORMS.len());
    let there = place::in_registry(&registry, "public/lookout", &digest);
    assert_eq!(there, place::in_registry(&registry, "team/lookout", &digest));
    assert_eq!(place::tag(&registry, "public/lookout", "1.2.3"), Some(digest));
    assert_eq!(registry.uploaded(), 0);
}

#[test]
fn a_manifest_that_stands_alone_is_only_tagged() {
    let (registry, project, _, digest) = published();
    let manifest = root(&registry, &digest)["manifests"][1]["digest"].clone();
    let manifest = manifest.as_str().unwrap();
    let source = format!("{}/team/lookout@{manifest}", registry.host());
    let ran = Ran::of(&mut gantry(
        &project.path("one"),
        &["tag", &source, "3.0.0", "amd64"],
    ))
    .ok();
    assert!(ran.stderr.contains("it is only tagged"), "{}", ran.stderr);
    for tag in ["3.0.0", "amd64"] {
        assert_eq!(
            place::tag(&registry, "team/lookout", tag).as_deref(),
            Some(manifest)
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let (registry, project, _, digest) = published();
    let host = registry.host();
    let source = format!("{host}/team/lookout:edge");
    let digested = format!("{host}/team/lookout@{digest}");
    for (words, code) in [
        (vec!["tag", &source, "1.2.3", "1.2.4"], "two_versions"),
        (vec!["tag", &source, "ghcr.io/team/lookout:1"], "tag_elsewhere"),
        (vec!["tag", &source, &digested], "tag_digest"),
        (vec!["tag", "oci:out", "1.2.3"], "tag_source"),
        (vec!["tag", &source, "a b"], "release::tag"),
    ] {
        let ran = Ran::of(&mut gantry(&project.path("one"), &words)).fails(2);
        assert!(ran.stderr.contains(code), "{words:?}: {}", ran.stderr);
    }
    assert!(registry.log().iter().all(|asked| asked.method != "PUT"));
}
