//! Copies in every direction are the same, byte for byte, and nothing is sent twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::place;
use crate::project::{Machine, PLATFORMS, Project, gantry, messages};
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::outside;
use crate::support::registry::Registry;
use crate::support::workspace::Ran;

type Blobs = BTreeMap<String, Vec<u8>>;

/// An image `team/lookout:1.2.3` in a registry: its digest, and all of it.
struct Published {
    registry: Registry,
    project: Project,
    digest: String,
    all: Blobs,
}

fn published() -> Published {
    let registry = Registry::plain();
    let project = Project::new(&format!("{}/team/lookout", registry.host()), "");
    let machine: Machine = project.machine("one", "1.2.3");
    let published = machine.messages(&["publish"], "published");
    let digest = published[0]["digest"].as_str().unwrap().to_owned();
    let all = place::in_registry(&registry, "team/lookout", &digest);
    registry.clear_log();
    Published {
        registry,
        project,
        digest,
        all,
    }
}

fn copy(words: &[&str]) -> Value {
    let words = [&["copy"], words, &["--message-format", "json"]].concat();
    let ran = Ran::of(&mut gantry(Path::new("/"), &words)).ok();
    messages(&ran, "copied").remove(0)
}

/// An archive's content, as a layout.
fn unpacked(archive: &Path) -> PathBuf {
    let folder = archive.with_extension("unpacked");
    tar::Archive::new(std::fs::File::open(archive).unwrap())
        .unpack(&folder)
        .unwrap();
    folder
}

#[test]
fn copies_in_every_direction_are_the_same() {
    let Published {
        registry,
        project,
        digest,
        all,
    } = published();
    let other = Registry::plain();
    let source = format!("{}/team/lookout:1.2.3", registry.host());
    let (layout, archive) = (project.path("layout"), project.path("a/all.tar"));

    // registry -> layout
    let in_layout = format!("oci:{}", layout.display());
    let copied = copy(&[&source, &in_layout]);
    assert_eq!(copied["digest"], digest.as_str());
    assert_eq!(copied["place"], format!("{in_layout}:1.2.3"));
    assert_eq!(copied["blobs-sent"], 2 * PLATFORMS.len());
    assert_eq!(
        place::entries(&layout),
        [(Some("1.2.3".to_owned()), digest.clone())]
    );
    assert_eq!(place::in_layout(&layout, &digest), all);
    registry.clear_log();
    let again = copy(&[&source, &in_layout]);
    assert_eq!(
        (again["unchanged"].as_bool(), again["blobs-sent"].as_u64()),
        (Some(true), Some(0))
    );
    assert!(
        registry.kinds().iter().all(|kind| !kind.ends_with("blob")),
        "{:?}",
        registry.kinds()
    );

    // layout -> archive, registry -> archive
    let in_archive = format!("oci-archive:{}", archive.display());
    for from in [&in_layout, &source] {
        copy(&[from, &in_archive]);
        let unpacked = unpacked(&archive);
        assert_eq!(
            place::entries(&unpacked),
            [(Some("1.2.3".to_owned()), digest.clone())]
        );
        assert_eq!(place::in_layout(&unpacked, &digest), all);
        let beside = std::fs::read_dir(archive.parent().unwrap()).unwrap();
        let names: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        std::fs::remove_dir_all(unpacked).unwrap();
    }

    // layout, archive, registry -> registry
    for (number, from) in [&in_layout, &in_archive, &source].into_iter().enumerate() {
        let repository = format!("copy{number}/lookout");
        let target = format!("{}/{repository}:1.2.3", other.host());
        other.clear_log();
        let copied = copy(&[from, &target]);
        assert_eq!(copied["place"], format!("{}/{repository}@{digest}", other.host()));
        assert_eq!(copied["blobs-sent"], 2 * PLATFORMS.len(), "{from}");
        assert_eq!(place::in_registry(&other, &repository, &digest), all);
        assert_eq!(place::tag(&other, &repository, "1.2.3"), Some(digest.clone()));
        other.clear_log();
        assert_eq!(copy(&[from, &target])["unchanged"], true);
        assert!(
            other
                .log()
                .iter()
                .all(|asked| !["PUT", "POST", "PATCH"].contains(&&*asked.method))
        );
    }

    // Within a registry nothing moves at all.
    registry.clear_log();
    let mounted = copy(&[&source, &format!("{}/public/lookout:1.2.3", registry.host())]);
    assert_eq!(mounted["blobs-mounted"], 2 * PLATFORMS.len());
    assert_eq!(registry.uploaded(), 0);
    assert!(
        registry.log().iter().all(|asked| asked.status != Some(200)
            || asked.method != "GET"
            || !asked.path.contains("/blobs/"))
    );

    // A tag beside the digest is set as well.
    copy(&[
        &source,
        &format!("{}/public/lookout:exact@{digest}", registry.host()),
    ]);
    assert_eq!(
        place::tag(&registry, "public/lookout", "exact"),
        Some(digest.clone())
    );

    // archive -> layout, beside what is there; by digest, so under its version.
    let by_digest = format!("{}/team/lookout@{digest}", registry.host());
    for (from, name) in [(&in_archive, "second"), (&by_digest, "third")] {
        let target = format!("{in_layout}:{name}");
        assert_eq!(copy(&[from, &target])["blobs-sent"], 0);
    }
    assert_eq!(place::entries(&layout).len(), 3);
}

#[test]
fn a_tag_is_looked_at_as_often_as_its_rule_asks() {
    let Published { registry, digest, .. } = published();
    let source = format!("{}/team/lookout:1.2.3", registry.host());
    // Each manifest is read and written, each blob mounted.
    let moved = 2 * (PLATFORMS.len() + 1) + 2 * PLATFORMS.len();
    for (number, (tag, forced, looks)) in [
        ("edge", false, 1),
        ("1.2.3", false, 2),
        ("latest", false, 3),
        ("latest", true, 1),
        ("1.2.3", true, 2),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("{}/copy{number}/lookout:{tag}", registry.host());
        registry.clear_log();
        copy(&[&source, &target, "--force-tags"][..2 + usize::from(forced)]);
        let asked = registry.log();
        let looked = asked.iter().filter(|asked| asked.method == "HEAD");
        assert_eq!(looked.count(), looks, "{tag} {forced}");
        assert_eq!(asked.len(), moved + looks, "{tag} {forced}");
        let set = place::tag(&registry, &format!("copy{number}/lookout"), tag);
        assert_eq!(set.as_ref(), Some(&digest));
    }
}

#[test]
fn some_platforms_are_an_index_of_their_own() {
    let Published {
        registry,
        project,
        digest,
        all,
    } = published();
    let source = format!("{}/team/lookout:1.2.3", registry.host());
    let layout = project.path("layout");
    let target = format!("oci:{}", layout.display());
    let words = ["copy", &source, &target, "--platform", "linux/arm64,linux/amd64"];
    let ran = Ran::of(&mut gantry(Path::new("/"), &words)).ok();
    assert!(ran.stderr.contains("2 of 4 platforms"), "{}", ran.stderr);
    let (_, part) = place::entries(&layout).remove(0);
    assert_ne!(part, digest);
    let copied = place::in_layout(&layout, &part);
    assert_eq!(copied.len(), 1 + 2 * 3);
    assert_eq!(
        std::fs::read_dir(layout.join("blobs/sha256")).unwrap().count(),
        copied.len()
    );
    let index: Value = serde_json::from_slice(&copied[&part]).unwrap();
    let whole: Value = serde_json::from_slice(&all[&digest]).unwrap();
    assert_eq!(
        index["manifests"],
        serde_json::json!([whole["manifests"][1], whole["manifests"][2]])
    );
    assert_eq!(index["annotations"], whole["annotations"]);
    // It is what a build of these alone gives, and merges with one of the others to the whole again.
    let machine = project.machine("two", "1.2.3");
    assert_eq!(machine.build(&["linux/amd64", "linux/arm64"], "oci:out"), part);
    machine.build(&["linux/arm/v6", "linux/arm/v7"], "oci:rest");
    let merged = machine.messages(&["publish", &target, "oci:rest"], "published");
    assert_eq!(merged[0]["digest"], digest.as_str());

    let none = ["copy", &source, &target, "--platform", "linux/s390x"];
    let ran = Ran::of(&mut gantry(Path::new("/"), &none)).fails(2);
    assert!(
        ran.stderr.contains("gantry::release::no_platform") && ran.stderr.contains("linux/arm/v6"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_index_is_made_of_what_lies_anywhere() {
    let Published {
        registry,
        project,
        digest,
        all,
    } = published();
    let host = registry.host();
    let whole: Value = serde_json::from_slice(&all[&digest]).unwrap();
    let manifest = |position: usize| {
        whole["manifests"][position]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // Two manifests by digest, one index with one platform, one docker archive.
    let by_digest = [0, 1].map(|position| format!("{host}/team/lookout@{}", manifest(position)));
    let machine = project.machine("two", "1.2.3");
    machine.build(&["linux/arm64"], "oci-archive:arm64.tar");
    machine.build(&["linux/arm/v6"], "docker-archive:armv6.tar");
    let target = format!("{host}/team/made:edge");
    let words = [
        "index",
        "create",
        &target,
        &by_digest[0],
        &by_digest[1],
        "oci-archive:arm64.tar",
        "docker-archive:armv6.tar",
        "--tag",
        "stable",
        "--annotation",
        "com.acme.made=by hand",
    ];
    let ran = machine.run(&words).ok();
    let made = ran
        .stdout
        .trim()
        .strip_prefix(&format!("{host}/team/made@"))
        .unwrap();
    assert!(ran.stderr.contains("the index does not say"), "{}", ran.stderr);
    let index: Value =
        serde_json::from_slice(&place::in_registry(&registry, "team/made", made)[made]).unwrap();
    let listed = index["manifests"].as_array().unwrap();
    assert_eq!(&listed[..3], &whole["manifests"].as_array().unwrap()[..3]);
    assert_eq!(listed[3]["platform"]["variant"], "v6");
    assert_eq!(
        index["annotations"],
        serde_json::json!({"com.acme.made": "by hand"})
    );
    for tag in ["edge", "stable"] {
        assert_eq!(
            place::tag(&registry, "team/made", tag).as_deref(),
            Some(made),
            "{tag}"
        );
    }
    // Without the archive of docker, which says nothing of itself, all that they say alike is kept.
    let words = ["index", "create", "oci:made:x", &by_digest[1], &by_digest[0]];
    machine.run(&words).ok();
    let (_, made) = place::entries(&machine.root.join("made")).remove(0);
    let index: Value = serde_json::from_slice(&place::blob(&machine.root.join("made"), &made)).unwrap();
    assert_eq!(index["manifests"][0]["digest"], manifest(1).as_str());
    assert_eq!(index["annotations"], whole["annotations"]);
}

fn skopeo(words: &[&str]) -> Option<String> {
    let said: Ran = outside(Command::new("skopeo").args(words).output(), "skopeo", "skopeo")?.into();
    Some(said.ok().stdout)
}

#[test]
fn other_tools_copy_the_same() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let host = registry.host();
    let project = Project::new(&format!("{host}/team/lookout"), "tags = [\"semver\"]");
    let machine = project.machine("one", "1.2.3");
    let published = machine.messages(&["publish"], "published");
    let digest = published[0]["digest"].as_str().unwrap();
    machine.run(&["build", "--quiet", "-o", "oci:ours:x"]).ok();
    let ours = place::in_layout(&machine.root.join("ours"), digest);

    let theirs = project.path("theirs");
    let words = |from: &str, to: &str| -> Option<String> {
        skopeo(&[
            "copy",
            "--quiet",
            "--all",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            from,
            to,
        ])
    };
    let from = format!("docker://{host}/team/lookout:1.2");
    let Some(_) = words(&from, &format!("oci:{}:x", theirs.display())) else {
        return;
    };
    assert_eq!(place::in_layout(&theirs, digest), ours);

    // Theirs is read by us, ours by them; a real registry mounts.
    let copied = copy(&[
        &format!("oci:{}", theirs.display()),
        &format!("{host}/team/again:1.2.3"),
    ]);
    assert_eq!(copied["digest"], digest);
    let mounted = copy(&[
        &format!("{host}/team/lookout:1.2.3"),
        &format!("{host}/public/lookout:1.2.3"),
    ]);
    assert_eq!(
        (mounted["bytes-sent"].as_u64(), mounted["blobs-mounted"].as_u64()),
        (Some(0), Some(8))
    );
    let back = project.path("back");
    for (repository, name) in [("team/again", "a"), ("public/lookout", "b")] {
        words(
            &format!("docker://{host}/{repository}:1.2.3"),
            &format!("oci:{}:{name}", back.display()),
        )
        .unwrap();
        assert_eq!(place::in_layout(&back, digest), ours);
    }
    let archive = project.path("arm64.tar");
    let name = format!("docker-archive:{}:acme/lookout:1.2.3", archive.display());
    copy(&[
        &format!("{host}/team/lookout:1.2.3"),
        &name,
        "--platform",
        "linux/arm64",
    ]);
    let said = skopeo(&["inspect", &format!("docker-archive:{}", archive.display())]).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["Architecture"], "arm64");
    let listed = std::fs::read(unpacked(&archive).join("manifest.json")).unwrap();
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed[0]["RepoTags"], serde_json::json!(["acme/lookout:1.2.3"]));
    let many = ["copy", &format!("{host}/team/lookout:1.2.3"), &name];
    let ran = Ran::of(&mut gantry(Path::new("/"), &many)).fails(2);
    assert!(ran.stderr.contains("one_platform_archive"), "{}", ran.stderr);
}
