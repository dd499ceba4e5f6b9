//! Which tags the command sets, in which order, and what becomes of them where a platform is missing.

use serde_json::Value;

use crate::kill::{NAME, held};
use crate::support::prebuilt::Prebuilt;
use crate::support::registry::{Auth, Registry, Repository, Setup};
use crate::support::workspace::Ran;

/// The tags that were written, in their order.
fn written(registry: &Registry) -> Vec<String> {
    let log = registry.log();
    let puts = log.iter().filter(|asked| asked.method == "PUT");
    let names = puts.filter_map(|asked| Some(asked.path.split_once("/manifests/")?.1.to_owned()));
    names.filter(|name| !name.starts_with("sha256:")).collect()
}

fn matrix(image: &str) -> String {
    format!(
        r#"schema = 1

[binary.app]
path = "dist/{{os}}/{{arch}}/app"

[image.app]
platforms = ["linux/amd64", "linux/arm64"]
{image}
"#
    )
}

/// A project with this in its image's table, at a commit that is `version` where there is one.
fn project(image: &str, version: Option<&str>) -> Option<Prebuilt> {
    let project = Prebuilt::new(&matrix(image))?;
    project.commit("one");
    if let Some(version) = version {
        project.git(&["tag", &format!("v{version}")]);
    }
    Some(project)
}

fn publish(project: &Prebuilt, registry: &Registry, words: &[&str]) -> Ran {
    let repository = format!("{}/{NAME}", registry.host());
    project.run(&[&["publish", "--repository", &repository], words].concat())
}

#[test]
fn tags_are_set_in_their_order() {
    let all = r#"tags = ["edge", "latest", "{major}.{minor}", "{version}-{arch}", "{version}"]"#;
    for (image, version, expected) in [
        ("", Some("1.2.3"), &["1.2.3"][..]),
        ("", None, &[]),
        (
            r#"tags = ["semver"]"#,
            Some("1.2.3"),
            &["1.2.3", "1.2", "1", "latest"],
        ),
        (r#"tags = ["semver"]"#, Some("0.3.1"), &["0.3.1", "0.3", "latest"]),
        (r#"tags = ["semver"]"#, Some("1.0.0-rc.1"), &["1.0.0-rc.1"]),
        (
            r#"tags = ["semver"]"#,
            Some("1.2.3+b.5"),
            &["1.2.3-b.5", "1.2", "1", "latest"],
        ),
        (
            all,
            Some("1.2.3"),
            &["1.2.3-amd64", "1.2.3-arm64", "1.2.3", "latest", "1.2", "edge"],
        ),
        (
            &format!("{all}\ntag-order = \"given\""),
            Some("1.2.3"),
            &["edge", "latest", "1.2", "1.2.3-amd64", "1.2.3-arm64", "1.2.3"],
        ),
        (
            r#"tags = [{ tag = "{major}", when = "git-tag" }, { tag = "edge", when = "branch=ma*" }, { tag = "x", when = "branch=ma" }]"#,
            None,
            &["edge"],
        ),
        (
            r#"tags = [{ tag = "a", when = "env.DEPLOY=yes" }, { tag = "b", when = "env.DEPLOY=no" }, { tag = "c", when = "ci" }]"#,
            None,
            &["a"],
        ),
    ] {
        let Some(project) = project(image, version) else {
            return;
        };
        let registry = Registry::plain();
        let repository = format!("{}/{NAME}", registry.host());
        let mut command = project.gantry(&["publish", "--repository", &repository]);
        Ran::of(command.env("DEPLOY", "yes").env("CI", "false")).ok();
        assert_eq!(written(&registry), expected, "{image} {version:?}");
        held(&registry);
    }
}

/// The platform of the manifest that a tag names.
fn platform(repository: &Repository, index: &Value, tag: &str) -> String {
    let at = &repository.tags[tag];
    let listed = index["manifests"].as_array().unwrap();
    let child = listed.iter().find(|child| child["digest"] == **at);
    child.unwrap_or_else(|| panic!("{tag} names no platform of {index}"))["platform"]["architecture"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_platform_alone_has_its_own_tags_only() {
    let tags = r#"tags = ["semver", "{version}-{platform}"]"#;
    let Some(project) = project(tags, Some("1.2.3")) else {
        return;
    };
    let registry = Registry::plain();
    let ran = publish(&project, &registry, &["--platform", "linux/arm64"]);
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    assert_eq!(written(&registry), ["1.2.3-linux-arm64"]);
    let alone = held(&registry);
    assert_eq!(alone.tags.len(), 1);
    assert!(ran.stderr.contains("--allow-partial"), "{}", ran.stderr);

    // All of them, then one again: what is there names the same.
    publish(&project, &registry, &[]).ok();
    let all = held(&registry);
    assert_eq!(all.tags.len(), 6);
    assert_eq!(all.tags["1.2.3-linux-arm64"], alone.tags["1.2.3-linux-arm64"]);
    let index: Value = serde_json::from_slice(&all.manifests[&all.tags["latest"]].1).unwrap();
    for architecture in ["amd64", "arm64"] {
        assert_eq!(
            platform(&all, &index, &format!("1.2.3-linux-{architecture}")),
            architecture
        );
    }
    registry.clear_log();
    let ran = publish(&project, &registry, &["--platform", "linux/amd64"]);
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    assert_eq!(
        (written(&registry), held(&registry).tags),
        (Vec::new(), all.tags.clone())
    );

    // The next version: one platform is there under its own tag, and everything else is as it was.
    project.commit("two");
    project.git(&["tag", "v1.2.4"]);
    let ran = publish(&project, &registry, &["--platform", "linux/amd64"]);
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    let mut now = held(&registry).tags;
    assert!(now.remove("1.2.4-linux-amd64").is_some());
    assert_eq!(now, all.tags);

    // Unless it is said.
    publish(
        &project,
        &registry,
        &["--platform", "linux/amd64", "--allow-partial"],
    )
    .ok();
    let partial = held(&registry);
    assert_eq!(partial.tags["latest"], partial.tags["1.2.4"]);
    assert_ne!(partial.tags["latest"], all.tags["latest"]);
    assert!(!partial.tags.contains_key("1.2.4-linux-arm64"));
    // What was published so never moves by itself: all of it is another index.
    publish(&project, &registry, &[]).fails(9);
    assert_eq!(held(&registry).tags, partial.tags);
    publish(&project, &registry, &["--replace"]).ok();
    assert!(held(&registry).tags.contains_key("1.2.4-linux-arm64"));
}

/// An image whose tags all name platforms holds nothing back.
#[test]
fn tags_of_platforms_alone_are_no_part_of_anything() {
    let Some(project) = project(r#"tags = ["{commit:7}-{platform-full}"]"#, None) else {
        return;
    };
    let registry = Registry::plain();
    for (platform, name) in [("linux/amd64", "linux-amd64"), ("linux/arm64", "linux-arm64-v8")] {
        registry.clear_log();
        publish(&project, &registry, &["--platform", platform]).ok();
        assert_eq!(written(&registry), [format!("{}-{name}", project.short(7))]);
    }
    registry.clear_log();
    publish(&project, &registry, &[]).ok();
    assert_eq!(written(&registry), Vec::<String>::new());
}

/// `--dry-run` says the same, and ends the same.
#[test]
fn a_dry_run_ends_as_the_publish_would() {
    let tags = r#"tags = ["semver", "{version}-{platform}"]"#;
    let Some(project) = project(tags, Some("1.2.3")) else {
        return;
    };
    let registry = Registry::plain();
    for (words, code) in [
        (&["--platform", "linux/amd64"][..], 9),
        (&[], 0),
        (&["--platform", "linux/amd64"], 9),
        (&["--platform", "linux/amd64", "--allow-partial"], 9),
        (&["--platform", "linux/amd64", "--allow-partial", "--replace"], 0),
    ] {
        let before = held(&registry);
        let dry = publish(&project, &registry, &[words, &["--dry-run"]].concat());
        assert_eq!(held(&registry), before, "{words:?}");
        let ran = publish(&project, &registry, words);
        assert_eq!(
            (dry.code, ran.code),
            (Some(code), Some(code)),
            "{words:?}\n{}\n{}",
            dry.stderr,
            ran.stderr
        );
    }
}

#[test]
fn several_repositories_share_what_was_learned_of_their_registry() {
    let Some(project) = project("", Some("1.2.3")) else {
        return;
    };
    let registry = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        ..Setup::default()
    });
    let host = registry.host();
    let config = format!(r#"{{"auths": {{"{host}": {{"auth": "bWU6aHVudGVyMg=="}}}}}}"#);
    std::fs::write(project.outside().join("config.json"), config).unwrap();
    let [one, other] = ["one", "other"].map(|name| format!("{host}/team/{name}"));
    let mut publish = project.gantry(&["publish", "--repository", &one, "--repository", &other]);
    Ran::of(publish.env("DOCKER_CONFIG", project.outside())).ok();
    let tagged = |name: &str| registry.store(|store| store.of(name).tags.contains_key("1.2.3"));
    assert!(tagged("team/one") && tagged("team/other"));
    let log = registry.whole_log();
    let refused = log.iter().filter(|asked| asked.status == Some(401)).count();
    assert_eq!(refused, 1, "once it has said that it wants credentials");
}
