//! A project's releases as its maintainer makes them, by the command and git alone, at the real docker-registry: images
//! of every commit, tags of a version in order, hot-fixes, release candidates, clean-up, and a repository that docker
//! filled before.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use support::docker_registry::{DockerRegistry, Guard};
use support::hub::Hub;
use support::outside;
use support::prebuilt::{self, Prebuilt};
use support::workspace::Ran;

const MATRIX: &str = r#"schema = 1

[binary.app]
path = "dist/{os}/{arch}{variant}/app"

[image.app]
repository = "HOST/foo/bar"
platforms = ["linux/amd64", "linux/arm/v6", "linux/arm64"]
base = "scratch"
smoke = ["--version"]
tag-order = "given"
tags = [
    { tag = "{major}", when = "git-tag" },
    { tag = "{major}.{minor}", when = "git-tag" },
    { tag = "{version}", when = "git-tag" },
    { tag = "latest", when = "git-tag" },
    # A commit that becomes a version gets another image than before: its annotations name the version.
    { tag = "{commit:6}-{platform-full}", moves = "always", when = "ci" },
]
"#;

/// A project and a registry that takes what it publishes.
struct Road {
    project: Prebuilt,
    registry: DockerRegistry,
}

/// What each tag names.
type Tags = BTreeMap<String, String>;

impl Road {
    fn new() -> Option<Self> {
        let registry = DockerRegistry::start(&Guard {
            deletes: true,
            ..Guard::default()
        })?;
        let project = Prebuilt::new(&MATRIX.replace("HOST", &registry.host()))?;
        Some(Self { project, registry })
    }

    fn repository(&self) -> String {
        format!("{}/foo/bar", self.registry.host())
    }

    /// The command as a CI runs it.
    fn ci(&self, words: &[&str]) -> Ran {
        Ran::of(self.project.gantry(words).env("CI", "true"))
    }

    /// What is there: asked by others.
    fn tags(&self) -> Tags {
        let listed = skopeo(&["list-tags", "--tls-verify=false", &self.place("")]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let names = listed["Tags"].as_array().unwrap().iter();
        let names = names.map(|tag| tag.as_str().unwrap().to_owned());
        names.map(|tag| (tag.clone(), self.digest(&tag))).collect()
    }

    fn place(&self, tag: &str) -> String {
        let tag = if tag.is_empty() {
            String::new()
        } else {
            format!(":{tag}")
        };
        format!("docker://{}{tag}", self.repository())
    }

    fn digest(&self, tag: &str) -> String {
        use sha2::Digest;
        let raw = self.raw(tag);
        let hash = sha2::Sha256::digest(raw.as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn raw(&self, tag: &str) -> String {
        skopeo(&["inspect", "--raw", "--tls-verify=false", &self.place(tag)])
    }

    /// The tags of platforms of this commit are removed, which is shown before; all others stay.
    fn pruned(&self, short: &str) {
        let pattern = format!("{short}-linux-*");
        let tags = self.tags();
        let repository = self.repository();
        let words = ["prune", &repository, "--pattern", &pattern];
        let shown = self.project.run(&words).ok();
        assert_eq!(self.tags(), tags, "{}", shown.stdout);
        let ran = self.project.run(&[&words[..], &["--delete"]].concat()).ok();
        let (gone, stay): (Tags, Tags) = tags
            .into_iter()
            .partition(|(tag, _)| tag.starts_with(&format!("{short}-linux-")));
        assert_eq!(self.tags(), stay);
        for (tag, digest) in gone {
            for said in [&shown, &ran] {
                let line = said.stdout.lines().find(|line| line.contains(&tag)).unwrap();
                assert!(line.contains("deleted") && line.contains(&digest), "{line}");
            }
        }
        self.whole();
    }

    /// Every tag can be copied with all that it leads to.
    fn whole(&self) {
        let copies = tempfile::tempdir().unwrap();
        for tag in self.tags().keys() {
            let to = format!("oci:{}:{tag}", copies.path().join("copy").display());
            let from = self.place(tag);
            skopeo(&["copy", "--quiet", "--all", "--src-tls-verify=false", &from, &to]);
        }
    }

    /// The tags that were written since the log was `before` long, in their order.
    fn written(&self, before: usize) -> Vec<String> {
        let log = self.registry.log();
        let requests = log[before..]
            .lines()
            .filter_map(|line| line.split_once("\"PUT /v2/foo/bar/manifests/"));
        let names = requests.map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
        names.filter(|name| !name.starts_with("sha256:")).collect()
    }

    /// How long its log is.
    fn log(&self) -> usize {
        self.registry.log().len()
    }

    /// A version is committed, tagged and published by a CI, which sets these tags, in this order, and no others but
    /// those of platforms.
    fn release(&self, version: &str, set: &[&str]) -> Ran {
        self.project.commit(version);
        self.project.git(&["tag", &format!("v{version}")]);
        let (before, tags) = (self.log(), self.tags());
        let ran = self.ci(&["publish"]).ok();
        let mut written = self.written(before);
        let of_platforms = written.split_off(set.len());
        assert_eq!(written, set, "{version}");
        let short = self.project.short(6);
        let platforms = ["amd64", "arm-v6", "arm64-v8"].map(|name| format!("{short}-linux-{name}"));
        assert_eq!(of_platforms, platforms, "{version}");
        // What was not written is as it was.
        let mut after = self.tags();
        after.retain(|tag, _| !set.contains(&tag.as_str()) && !platforms.contains(tag));
        let untouched = tags.into_iter().filter(|(tag, _)| !set.contains(&tag.as_str()));
        assert_eq!(after, untouched.collect(), "{version}");
        ran
    }

    /// An image without annotations under this tag, by another program.
    fn pushed_by_others(&self, tag: &str) {
        let storage = self.project.outside().join("storage");
        let buildah = |words: &[&str]| {
            let mut command = Command::new("buildah");
            command
                .args(["--storage-driver", "vfs", "--root"])
                .arg(storage.join("root"));
            command.arg("--runroot").arg(storage.join("run")).args(words);
            Ran::of(&mut command).ok().stdout
        };
        let container = buildah(&["from", "--quiet", "scratch"]);
        let container = container.trim();
        buildah(&["config", "--label", "made-by=others", container]);
        let to = self.place(tag);
        let pushed = [
            "commit",
            "--quiet",
            "--rm",
            "--tls-verify=false",
            "--timestamp",
            "0",
            container,
            &to,
        ];
        buildah(&pushed);
    }
}

fn skopeo(words: &[&str]) -> String {
    let said: Ran = Command::new("skopeo").args(words).output().unwrap().into();
    said.ok().stdout
}

/// Whether the programs of others are here.
fn others() -> bool {
    let here = |program| outside(Command::new(program).arg("--version").output(), program, program).is_some();
    ["skopeo", "buildah"].into_iter().all(here)
}

#[test]
fn versions_and_hot_fixes_of_a_project() {
    let Some(road) = Road::new() else { return };
    if !others() {
        return;
    }
    // Every commit has an image, and a tag for each of its platforms.
    let mut shorts = Vec::new();
    for text in ["one", "two"] {
        road.project.commit(text);
        road.ci(&["publish"]).ok();
        shorts.push(road.project.short(6));
    }
    let of_commits: Vec<String> = shorts
        .iter()
        .flat_map(|short| ["amd64", "arm-v6", "arm64-v8"].map(|name| format!("{short}-linux-{name}")))
        .collect();
    let mut expected = of_commits.clone();
    expected.sort();
    assert_eq!(road.tags().into_keys().collect::<Vec<_>>(), expected);

    // The last of them becomes a version.
    road.project.git(&["tag", "v1.2.3"]);
    let before = road.log();
    road.ci(&["publish"]).ok();
    assert_eq!(
        road.written(before)[..4],
        ["1", "1.2", "1.2.3", "latest"].map(str::to_owned)
    );
    road.whole();
    let first = road.tags();
    let release = &first["1.2.3"];
    assert!(["1", "1.2", "latest"].iter().all(|tag| first[*tag] == *release));
    let index: Value = serde_json::from_str(&road.raw("1.2.3")).unwrap();
    let platforms = index["manifests"].as_array().unwrap().iter();
    let platforms: Vec<String> = platforms.map(|child| child["platform"].to_string()).collect();
    assert_eq!(
        platforms,
        [
            r#"{"architecture":"amd64","os":"linux"}"#,
            r#"{"architecture":"arm","os":"linux","variant":"v6"}"#,
            r#"{"architecture":"arm64","os":"linux","variant":"v8"}"#,
        ]
    );
    // The tags of its platforms have served; the images that they named are in the index.
    for short in &shorts {
        road.pruned(short);
    }
    assert_eq!(
        road.tags().into_keys().collect::<Vec<_>>(),
        ["1", "1.2", "1.2.3", "latest"]
    );

    // Again: nothing is written but what was removed.
    let before = road.log();
    let again = road.project.run(&["publish"]).ok();
    assert!(again.stderr.contains("nothing was sent"), "{}", again.stderr);
    assert_eq!(road.written(before), Vec::<String>::new());

    // A hot-fix of an older version is there under its own name, and moves nothing back.
    road.project
        .git(&["checkout", "--quiet", "-b", "hot-fix", "HEAD~1"]);
    let ran = road.release("1.2.2", &["1.2.2"]);
    for tag in ["1", "1.2", "latest"] {
        let said = format!("tag `{tag}` stays at 1.2.3: 1.2.2 is lower");
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        assert_eq!(road.digest(tag), *release);
    }
    assert_ne!(road.digest("1.2.2"), *release);

    // A release candidate moves nothing, and says so.
    road.project.git(&["checkout", "--quiet", "main"]);
    let ran = road.release("1.3.0-rc.1", &["1.3.0-rc.1"]);
    let said = "1.3.0-rc.1 is a pre-release, so it gets no tag 1, 1.3, latest";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);

    road.release("1.3.0", &["1", "1.3", "1.3.0", "latest"]);
    let newest = road.digest("1.3.0");
    assert!(
        ["1", "1.3", "latest"]
            .iter()
            .all(|tag| road.digest(tag) == newest)
    );
    assert_eq!(road.digest("1.2"), *release);

    // Afterwards the line before gets a fix: it moves, and nothing beside it.
    road.project.git(&["checkout", "--quiet", "v1.2.3"]);
    road.release("1.2.4", &["1.2", "1.2.4"]);
    assert_eq!(road.digest("1.2"), road.digest("1.2.4"));
    assert!(
        ["1", "1.3", "latest"]
            .iter()
            .all(|tag| road.digest(tag) == newest)
    );
    road.whole();

    for commit in ["v1.2.2", "v1.3.0-rc.1", "v1.3.0", "v1.2.4"] {
        road.project.git(&["checkout", "--quiet", commit]);
        road.pruned(&road.project.short(6));
    }
    let left: Vec<String> = road.tags().into_keys().collect();
    let versions = ["1.2.2", "1.2.3", "1.2.4", "1.3", "1.3.0", "1.3.0-rc.1"];
    assert_eq!(left, [&["1", "1.2"], &versions[..], &["latest"]].concat());

    // A part of the platforms is there by digest and by the tags of platforms only.
    road.project.git(&["checkout", "--quiet", "main"]);
    road.project.commit("three");
    road.project.git(&["tag", "v1.4.0"]);
    let (tags, before) = (road.tags(), road.log());
    let ran = road.ci(&["publish", "--platform", "linux/amd64"]);
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    let short = format!("{}-linux-amd64", road.project.short(6));
    assert_eq!(road.written(before), [&*short]);
    let mut after = road.tags();
    assert!(after.remove(&short).is_some());
    assert_eq!(after, tags);
    let reference = ran.stdout.trim();
    let by_digest = format!("docker://{reference}");
    let index = skopeo(&["inspect", "--raw", "--tls-verify=false", &by_digest]);
    let index: Value = serde_json::from_str(&index).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "{index}");
    road.whole();
}

/// What does not run on one platform is not pushed for any.
#[test]
fn what_does_not_run_is_not_pushed() {
    let Some(road) = Road::new() else { return };
    road.project.commit("one");
    for (path, program, said) in [
        ("dist/linux/arm64/app", prebuilt::amd64("x"), "linux/arm64"),
        ("dist/linux/amd64/app", prebuilt::failing(), "linux/amd64"),
    ] {
        road.project.write(path, program);
        road.project
            .git(&["commit", "--all", "--quiet", "--message", "broken"]);
        let ran = road.ci(&["publish"]).fails(5);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        // Blobs of a platform that runs may be there: nobody sees them.
        let asked = road.registry.log();
        assert!(!asked.contains("\"PUT /v2/foo/bar/manifests/"), "{asked}");
        road.project.git(&["checkout", "--quiet", "HEAD~1", "--", "dist"]);
    }
}

/// The README goes to Docker Hub, which a server on this machine plays, after its links were made to work there.
#[test]
fn the_readme_of_a_release() {
    let Some(road) = Road::new() else { return };
    let hub = Hub::with("foo/bar", &[]);
    road.project
        .write("README.md", "# Bar\n\nSee [the guide](docs/guide.md).\n");
    road.project.git(&[
        "remote",
        "add",
        "origin",
        "https://me:secret@github.com/foo/bar.git",
    ]);
    road.project.commit("one");
    road.project.git(&["tag", "v1.2.3"]);
    let settings = format!("[registry.\"docker.io\"]\nvendor-api = \"{}\"\n", hub.origin());
    road.project.write("../config/gantry/config.toml", settings);
    let auth = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6aHVudGVyMg=="}}}"#;
    road.project.write("../docker/config.json", auth);
    let readme = || {
        let mut command = road.project.gantry(&["readme", "docker.io/foo/bar"]);
        command
            .env("XDG_CONFIG_HOME", road.project.outside().join("config"))
            .env("DOCKER_CONFIG", road.project.outside().join("docker"));
        Ran::of(&mut command).ok()
    };
    let expected = "# Bar\n\nSee [the guide](https://github.com/foo/bar/blob/v1.2.3/docs/guide.md).\n";
    for said in ["Described", "Unchanged"] {
        let ran = readme();
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(hub.listed("foo/bar").text, expected);
    }
}

/// What docker leaves: an index or manifest without annotations, under tags that say little.
#[test]
fn the_first_release_where_docker_was_before() {
    let Some(road) = Road::new() else { return };
    if !others() {
        return;
    }
    road.project.commit("one");
    road.project.git(&["tag", "v1.2.3"]);
    for tag in ["latest", "1"] {
        road.pushed_by_others(tag);
    }
    let tags = road.tags();
    // What cannot be known is said, with the way out, and nothing has been sent.
    let before = road.log();
    let ran = road.project.run(&["publish"]).fails(9);
    let one_line = ran.stderr.replace("\n  │ ", " ").replace("\n        ", " ");
    for said in [
        "nothing tells which version tag `1` of",
        "names, so it may not come to name 1.2.3",
        "no annotation `org.opencontainers.image.version`",
        "--force-tags",
    ] {
        assert!(one_line.contains(said), "{said}:\n{}", ran.stderr);
    }
    assert_eq!(road.tags(), tags);
    assert!(
        !road.registry.log()[before..].contains("\"PUT "),
        "nothing is written"
    );
    assert!(
        !road.registry.log()[before..].contains("\"POST "),
        "nothing is sent"
    );

    // A tag of a version beside them tells it.
    road.pushed_by_others("1.2.0");
    road.project.run(&["publish"]).ok();
    let ours = road.digest("1.2.3");
    assert!(["1", "1.2", "latest"].iter().all(|tag| road.digest(tag) == ours));

    // Somebody who knows better may say so, once.
    road.pushed_by_others("latest");
    road.project.git(&["tag", "--delete", "v1.2.3"]);
    road.project.commit("two");
    road.project.git(&["tag", "v1.1.0"]);
    // Docker's image is the one of 1.2.0 still.
    let ran = road.project.run(&["publish"]).ok();
    assert!(
        ran.stderr.contains("tag `latest` stays at 1.2.0"),
        "{}",
        ran.stderr
    );
    road.project.run(&["publish", "--force-tags"]).ok();
    assert!(
        ["1", "1.1", "latest"]
            .iter()
            .all(|tag| road.digest(tag) == road.digest("1.1.0"))
    );
    road.whole();
}
