//! Halves of a matrix, built on two machines, are the whole.

use serde_json::Value;

use crate::place;
use crate::project::{PLATFORMS, Project, gantry};
use crate::support::registry::Registry;
use crate::support::workspace::{Ran, Workspace};

#[test]
fn two_halves_give_the_digest_of_the_whole() {
    let registry = Registry::plain();
    let project = Project::new(
        &format!("{}/team/lookout", registry.host()),
        "tags = [\"semver\"]",
    );
    let whole = project.machine("whole", "1.2.3");
    let expected = whole.build(&PLATFORMS, "oci:out/all");
    let (one, two) = (project.machine("one", "1.2.3"), project.machine("two", "1.2.3"));
    // Neither half is in the order of the matrix.
    one.build(&["linux/arm64", "linux/arm/v7"], "oci:out/api:1.2.3");
    two.build(&["linux/arm/v6", "linux/amd64"], "oci-archive:out/api.tar");
    let first = format!("oci:{}", one.root.join("out/api").display());
    let second = format!("oci-archive:{}", two.root.join("out/api.tar").display());
    let joins = project.machine("joins", "1.2.3");
    for sources in [[&first, &second], [&second, &first]] {
        let published = joins.messages(&["publish", sources[0], sources[1]], "published");
        assert_eq!(published[0]["digest"], expected.as_str());
        assert_eq!(published[0]["image"], "lookout");
    }
    for tag in ["1.2.3", "1.2", "1", "latest"] {
        assert_eq!(
            place::tag(&registry, "team/lookout", tag).as_deref(),
            Some(&*expected),
            "{tag}"
        );
    }
    let pushed = place::in_registry(&registry, "team/lookout", &expected);
    assert_eq!(pushed, place::in_layout(&whole.root.join("out/all"), &expected));
}

#[test]
fn halves_that_were_pushed_by_digest_are_merged_where_they_are() {
    let registry = Registry::plain();
    let keys = r#"tags = ["semver", "{version}-{platform-full}"]"#;
    let project = Project::new(&format!("{}/team/lookout", registry.host()), keys);
    let expected = project.machine("whole", "1.2.3").build(&PLATFORMS, "oci:out/all");
    for (name, platforms) in [
        ("one", "linux/arm64,linux/arm/v7"),
        ("two", "linux/amd64,linux/arm/v6"),
    ] {
        let words = ["publish", "--platform", platforms, "--digests-file", "half.json"];
        let ran = project.machine(name, "1.2.3").run(&words);
        assert_eq!(ran.code, Some(9), "{ran:?}");
    }
    for tag in ["1.2.3", "latest"] {
        assert_eq!(place::tag(&registry, "team/lookout", tag), None);
    }
    registry.clear_log();
    let joins = project.machine("joins", "1.2.3");
    let halves = ["digests:../one/half.json", "digests:../two/half.json"];
    let rehearsed = joins.messages(&["publish", halves[0], halves[1], "--dry-run"], "rehearsed");
    assert_eq!(rehearsed.len(), 1);
    assert_eq!(place::tag(&registry, "team/lookout", "1.2.3"), None);
    for sources in [halves, [halves[1], halves[0]]] {
        let published = joins.messages(&["publish", sources[0], sources[1]], "published");
        assert_eq!(published[0]["digest"], expected.as_str());
        assert_eq!(published[0]["blobs-sent"], 0);
        assert_eq!(published[0]["version"].as_str().unwrap_or("1.2.3"), "1.2.3");
    }
    assert_eq!(registry.uploaded(), 0);
    let index: Value =
        serde_json::from_slice(&place::in_registry(&registry, "team/lookout", &expected)[&expected]).unwrap();
    assert_eq!(place::tag(&registry, "team/lookout", "1.2.3"), Some(expected));
    for (position, tag) in [
        "1.2.3-linux-arm-v7",
        "1.2.3-linux-amd64",
        "1.2.3-linux-arm64-v8",
        "1.2.3-linux-arm-v6",
    ]
    .iter()
    .enumerate()
    {
        let manifest = index["manifests"][position]["digest"].as_str().map(str::to_owned);
        assert_eq!(place::tag(&registry, "team/lookout", tag), manifest);
    }
}

#[test]
fn archives_come_with_their_file_of_digests() {
    let registry = Registry::plain();
    let project = Project::new(&format!("{}/team/lookout", registry.host()), "");
    let expected = project.machine("whole", "1.2.3").build(&PLATFORMS, "oci:out/all");
    let joins = project.machine("joins", "1.2.3");
    for (name, platforms, output) in [
        ("one", "linux/arm64,linux/arm/v7", "oci-archive:out/{image}.tar"),
        // A file for each platform.
        (
            "two",
            "linux/amd64,linux/arm/v6",
            "oci-archive:out/{image}-{platform}.tar",
        ),
    ] {
        let machine = project.machine(name, "1.2.3");
        let words = [
            "build",
            "--platform",
            platforms,
            "-o",
            output,
            "--digests-file",
            "half.json",
        ];
        machine.run(&words).ok();
        // As a CI brings artifacts: in a folder of their own.
        let brought = joins.root.join("artifacts").join(name);
        std::fs::create_dir_all(&brought).unwrap();
        std::fs::copy(machine.root.join("half.json"), brought.join("half.json")).unwrap();
        std::fs::rename(machine.root.join("out"), brought.join("out")).unwrap();
    }
    let halves = [
        "digests:artifacts/one/half.json",
        "digests:artifacts/two/half.json",
    ];
    for sources in [halves, [halves[1], halves[0]]] {
        let published = joins.messages(&["publish", sources[0], sources[1]], "published");
        assert_eq!(published[0]["digest"], expected.as_str());
    }
    assert_eq!(place::tag(&registry, "team/lookout", "1.2.3"), Some(expected));
}

/// One machine compiles with cargo, another has a program that somebody made; a third has neither and publishes both.
#[test]
fn cargo_and_what_is_there_already_make_one_image() {
    let Some(cargo) = Workspace::tiny() else { return };
    let registry = Registry::plain();
    cargo.write(
        "gantry.toml",
        "schema = 1\n[image.lookout]\nbinaries = [{ binary = \"tiny\", dest = \"/usr/local/bin/lookout\" }]\n\
         platforms = [\"linux/amd64\"]\nbase = \"scratch\"\n",
    );
    cargo.run(["build", "-o", "oci-archive:half.tar"]).ok();
    let project = Project::new(&format!("{}/team/lookout", registry.host()), "");
    let there = project.machine("there", "1.2.3");
    there.build(
        &["linux/arm64", "linux/arm/v7", "linux/arm/v6"],
        "oci-archive:half.tar",
    );
    let first = format!("oci-archive:{}", cargo.path("half.tar").display());
    let published = there.messages(&["publish", &first, "oci-archive:half.tar"], "published");
    let digest = published[0]["digest"].as_str().unwrap();
    let index: Value =
        serde_json::from_slice(&place::in_registry(&registry, "team/lookout", digest)[digest]).unwrap();
    let of = |position: usize| {
        let platform = &index["manifests"][position]["platform"];
        format!(
            "{}{}",
            platform["architecture"].as_str().unwrap(),
            platform["variant"].as_str().unwrap_or_default()
        )
    };
    assert_eq!([0, 1, 2, 3].map(of), ["armv7", "amd64", "arm64v8", "armv6"]);
    assert_eq!(index["annotations"]["org.opencontainers.image.version"], "1.2.3");
    assert_eq!(
        place::tag(&registry, "team/lookout", "1.2.3").as_deref(),
        Some(digest)
    );
}

/// Where there is no project, the command line says where it goes; what a docker archive holds has no name of its own.
#[test]
fn without_a_project_the_command_line_names_it() {
    let registry = Registry::plain();
    let project = Project::new("localhost:1/none", "");
    let machine = project.machine("one", "1.2.3");
    machine.build(&["linux/amd64"], "docker-archive:amd64.tar");
    machine.build(&["linux/arm64"], "docker-archive:arm64.tar");
    let index = machine.build(&["linux/arm/v7", "linux/amd64"], "oci:out");
    let empty = project.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let repository = format!("{}/team/any", registry.host());
    let publish = |sources: &[&str], tags: &[&str]| {
        let words = [&["publish", "--repository", &repository], sources, tags].concat();
        Ran::of(&mut gantry(&empty, &words))
    };
    let saved = [
        "docker-archive:../one/amd64.tar",
        "docker-archive:../one/arm64.tar",
    ];
    let ran = publish(&saved, &["--tag", "edge"]).ok();
    let digest = ran.stdout.trim().rsplit('@').next().unwrap().to_owned();
    let all = place::in_registry(&registry, "team/any", &digest);
    assert_eq!(all.len(), 1 + 2 * 3);
    assert_eq!(place::tag(&registry, "team/any", "edge"), Some(digest));
    publish(&["oci:../one/out"], &["--tag", "1.2.3", "--tag", "latest"]).ok();
    assert_eq!(place::tag(&registry, "team/any", "1.2.3"), Some(index.clone()));
    // A version is for ever, whoever names it.
    let taken = publish(&saved, &["--tag", "1.2.3"]).fails(9);
    assert!(taken.stderr.contains("tag_taken"), "{}", taken.stderr);
    assert_eq!(place::tag(&registry, "team/any", "1.2.3"), Some(index));
}
