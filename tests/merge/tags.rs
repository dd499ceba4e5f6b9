//! Promotion: new names within a registry, and not one byte of a blob sent.

use cargo_gantry::spec::Digest;
use serde_json::Value;

use crate::place;
use crate::project::{Machine, PLATFORMS, Project, gantry, messages};
use crate::support::registry::{Fault, Registry, kind};
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

#[test]
fn tags_of_the_command_line_need_no_project() {
    let (registry, project, machine, _) = published();
    machine.build(&["linux/amd64"], "oci:out");
    let place = format!("oci:{}", machine.root.join("out").display());
    let repository = format!("{}/team/other", registry.host());
    let empty = project.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let publish = |tags: &[&str]| {
        let words = [
            "publish",
            &place,
            "--repository",
            &repository,
            "--message-format",
            "json",
        ];
        Ran::of(&mut gantry(&empty, &[&words, tags].concat()))
    };
    let tags = |ran: &Ran| messages(ran, "published")[0]["tags"].clone();
    let ran = publish(&["--tag", "edge", "--tag", "semver", "--tag", "edge"]).ok();
    assert_eq!(
        tags(&ran),
        serde_json::json!(["1.2.3", "1.2", "1", "latest", "edge"])
    );
    let ran = publish(&["--tag", "{image}-{version}"]).ok();
    assert_eq!(tags(&ran), serde_json::json!(["lookout-1.2.3"]));
    let ran = publish(&["--tag", "{branch}"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("gantry::plan::template"), "{}", ran.stderr);
}

#[test]
fn a_name_that_is_none_says_what_is_wrong_with_it() {
    let (registry, project, ..) = published();
    let source = format!("{}/team/lookout:edge", registry.host());
    let upper = format!("{}/Upper/case:1", registry.host());
    for (name, code) in [
        (upper.as_str(), "gantry::publish::destination"),
        (":1", "gantry::publish::destination"),
        ("ghcr.io/a/b:1", "gantry::pipeline::tag_elsewhere"),
        ("oci:x", "gantry::pipeline::tag_elsewhere"),
        ("-1", "unexpected argument"),
        ("", "gantry::release::tag"),
    ] {
        let ran = Ran::of(&mut gantry(&project.path("one"), &["tag", &source, name])).fails(2);
        assert!(ran.stderr.contains(code), "{name}: {}", ran.stderr);
    }
    let ran = Ran::of(&mut gantry(
        &project.path("one"),
        &["tag", "localhost:99999/a:1", "2"],
    ))
    .fails(2);
    assert!(ran.stderr.contains("invalid port"), "{}", ran.stderr);
}

#[test]
fn a_version_on_the_command_line_is_set_for_good() {
    let (registry, _project, machine, digest) = published();
    machine.run(&["publish", "--tag", "1.2.3"]).ok();
    let mut program = std::fs::read(machine.root.join("dist/linux-amd64")).unwrap();
    program.extend(b"more");
    machine.write("dist/linux-amd64", program);
    let ran = machine.run(&["publish", "--tag", "1.2.3"]).fails(9);
    assert!(
        ran.stderr.contains("gantry::publish::tag_taken"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        place::tag(&registry, "team/lookout", "1.2.3"),
        Some(digest.clone())
    );
    machine.run(&["publish", "--tag", "1.2.3", "--replace"]).ok();
    assert_ne!(place::tag(&registry, "team/lookout", "1.2.3"), Some(digest));
}

/// Makes images of what `team/lookout:edge` names that say no version, as other tools push them: one a tag. Their digests.
fn unsaid<const N: usize>(
    registry: &Registry,
    digest: &str,
    repository: &str,
    tags: [&str; N],
) -> [String; N] {
    let index = root(registry, digest);
    registry.store(|store| {
        let mut there = store.of("team/lookout").clone();
        let media_type = there.manifests[digest].0.clone();
        there.tags.clear();
        let digests = tags.map(|tag| {
            let mut index = index.clone();
            index["annotations"] = serde_json::json!({"number": tag});
            let digest = Digest::of(index.to_string().as_bytes()).to_string();
            let bytes = index.to_string().into_bytes();
            there
                .manifests
                .insert(digest.clone(), (media_type.clone(), bytes));
            there.tags.insert(tag.to_owned(), digest.clone());
            digest
        });
        store.repositories.insert(repository.to_owned(), there);
        digests
    })
}

#[test]
fn an_image_that_says_no_version_has_that_of_its_tags() {
    let (registry, _project, machine, digest) = published();
    let home = format!("{}/other/app", registry.host());
    let [low, high, dev] = unsaid(&registry, &digest, "other/app", ["1.0.0", "1.1.0", "dev"]);
    registry.store(|store| {
        let there = store.repositories.get_mut("other/app").unwrap();
        there.tags.insert("latest".to_owned(), low.clone());
        there.tags.insert("candidate".to_owned(), high.clone());
    });
    let at = |tag: &str| place::tag(&registry, "other/app", tag);
    let of = |tag: &str| format!("{home}:{tag}");

    // It has the name already.
    let same = machine.run(&["tag", &of("1.1.0"), "1.1.0"]).ok();
    assert_eq!(at("1.1.0"), Some(high.clone()), "{}", same.stderr);
    machine.run(&["tag", &of("candidate"), "1.1.0"]).ok();
    assert_eq!(at("1.1.0"), Some(high.clone()));

    // By its name, and by the other tags of what it names.
    for (verb, from) in [
        ("tag", "1.1.0"),
        ("tag", "candidate"),
        ("copy", "1.1.0"),
        ("copy", "candidate"),
    ] {
        registry.store(|store| {
            let there = store.repositories.get_mut("other/app").unwrap();
            there.tags.insert("latest".to_owned(), low.clone());
        });
        machine.run(&[verb, &of(from), &of("latest")]).ok();
        assert_eq!(at("latest"), Some(high.clone()), "{verb} {from}");
        let back = machine.run(&[verb, &of("1.0.0"), &of("latest")]);
        assert_eq!(back.code, Some(9), "{}", back.stderr);
        assert!(back.stderr.contains("tags_kept"), "{}", back.stderr);
        assert_eq!(at("latest"), Some(high.clone()), "{verb} {from}");
    }

    // What is compared is what it is called here, whatever it is called elsewhere.
    registry.store(|store| {
        let mut elsewhere = store.of("other/app").clone();
        elsewhere.tags = [("2024.11.3".to_owned(), low.clone())].into();
        store.repositories.insert("ci/app".to_owned(), elsewhere);
    });
    let back = machine.run(&[
        "copy",
        &format!("{}/ci/app:2024.11.3", registry.host()),
        &of("latest"),
    ]);
    assert_eq!(back.code, Some(9), "{}", back.stderr);
    assert_eq!(at("latest"), Some(high.clone()));
    // Some of its platforms are as old as all of them.
    let elsewhere = format!("{}/some/app", registry.host());
    let some = ["--platform", "linux/amd64"];
    let [older, newer] = ["1.0.0", "candidate"].map(&of);
    machine
        .run(&["copy", &newer, &format!("{elsewhere}:1.1.0"), some[0], some[1]])
        .ok();
    machine
        .run(&["copy", &newer, &format!("{elsewhere}:latest"), some[0], some[1]])
        .ok();
    let back = machine.run(&["copy", &older, &format!("{elsewhere}:latest"), some[0], some[1]]);
    assert_eq!(back.code, Some(9), "{}", back.stderr);

    // Nothing tells the version of what is brought, and it is that which is said.
    for verb in ["tag", "copy"] {
        let refused = machine.run(&[verb, &of("dev"), &of("latest")]).fails(9);
        assert!(
            refused.stderr.contains("gantry::publish::no_version"),
            "{}",
            refused.stderr
        );
        assert_eq!(at("latest"), Some(high.clone()), "{verb}");
    }
    machine.run(&["tag", &of("dev"), "latest", "--force-tags"]).ok();
    assert_eq!(at("latest"), Some(dev));
}

#[test]
fn what_one_repository_refuses_is_known_before_another_has_it() {
    let (registry, _project, machine, digest) = published();
    let [_, taken] = unsaid(&registry, &digest, "other/app", ["1.0.0", "1.2.3"]);
    let source = format!("{}/team/lookout:edge", registry.host());
    let elsewhere = |name: &str| format!("{}/{name}:1.2.3", registry.host());
    let (first, second) = (elsewhere("new/app"), elsewhere("other/app"));
    let refused = machine.run(&["tag", &source, &first, &second]).fails(9);
    assert!(refused.stderr.contains("tag_taken"), "{}", refused.stderr);
    assert_eq!(place::tag(&registry, "new/app", "1.2.3"), None);
    assert_eq!(place::tag(&registry, "other/app", "1.2.3"), Some(taken));

    let [dev, other] = unsaid(&registry, &digest, "other/two", ["dev", "latest"]);
    let latest = |name: &str| format!("{}/{name}:latest", registry.host());
    let source_of_none = format!("{}/other/two:dev", registry.host());
    let words = ["tag", &source_of_none, &latest("new/two"), &latest("other/two")];
    let refused = machine.run(&words).fails(9);
    assert!(refused.stderr.contains("no_version"), "{}", refused.stderr);
    assert_eq!(place::tag(&registry, "new/two", "latest"), None);
    assert_eq!(place::tag(&registry, "other/two", "latest"), Some(other));
    assert_ne!(dev, digest);

    // What cannot be known before: then what was done is told.
    registry.fail([Fault::status(403)
        .on("PUT", "manifest")
        .at(PLATFORMS.len() + 2)
        .times(usize::MAX)]);
    let third = elsewhere("third/app");
    let words = ["tag", &source, &first, &third, "--message-format", "json"];
    let halfway = machine.run(&words);
    assert_eq!(halfway.code, Some(8), "{}", halfway.stderr);
    let told = messages(&halfway, "tagged");
    assert_eq!(told.len(), 1, "{}", halfway.stdout);
    assert!(
        told[0]["place"].as_str().unwrap().contains("/new/app@"),
        "{told:?}"
    );
}
