//! What is said of registries before anything is sent, and what is written of what was done: for people, for scripts, and
//! for GitHub's jobs.

use std::path::PathBuf;

use cargo_gantry::release::Digests;
use serde_json::Value;

use crate::output::{message, messages};
use crate::snapshot;
use crate::support::prebuilt::Prebuilt;
use crate::support::registry::Registry;
use crate::support::workspace::Ran;

const MATRIX: &str = r#"schema = 1

[binary.app]
path = "dist/{os}/{arch}/app"

[image.app]
repository = "HOST/x/app"
platforms = ["linux/amd64", "linux/arm64"]
base = "HOST/x/base:1.2.2"
tags = ["semver", "{version}-{platform}", "edge"]
"#;

/// A project on a base that lies in the registry, where 1.2.2 was released; 1.2.3 is checked out.
struct Place {
    project: Prebuilt,
    registry: Registry,
}

impl Place {
    fn new() -> Option<Self> {
        let registry = Registry::plain();
        let matrix = MATRIX.replace("HOST", &registry.host());
        let based = "base = ";
        let without_base: Vec<&str> = matrix.lines().filter(|line| !line.starts_with(based)).collect();
        let place = Self {
            project: Prebuilt::new(&without_base.join("\n"))?,
            registry,
        };
        place.version("1.2.2");
        let base = format!("{}/x/base", place.registry.host());
        place.run(&["publish", "--repository", &base]).ok();
        place.project.write("gantry.toml", matrix);
        place
            .project
            .git(&["commit", "--all", "--quiet", "--message", "base"]);
        place.project.git(&["tag", "--force", "v1.2.2"]);
        place.run(&["publish"]).ok();
        place.version("1.2.3");
        place.registry.clear_log();
        Some(place)
    }

    fn version(&self, version: &str) {
        self.project.commit(version);
        self.project.git(&["tag", &format!("v{version}")]);
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.project.run(words)
    }

    fn json(&self, words: &[&str]) -> Ran {
        self.run(&[words, &["--message-format", "json"]].concat())
    }

    /// Nothing was written, and nothing but manifests and blobs was asked for.
    fn untouched(&self) {
        let kinds = self.registry.kinds();
        assert!(!kinds.is_empty());
        let asks = |kind: &String| kind.starts_with("HEAD ") || kind.starts_with("GET ");
        assert!(kinds.iter().all(asks), "{kinds:?}");
    }

    fn snapshot(&self, name: &str, content: &str) {
        let root = self.project.root();
        snapshot::assert_in(name, &root, self.project.outside(), content);
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.project.outside().join(name)
    }
}

/// The message, in many lines, with sizes taken out.
fn pretty(mut value: Value) -> String {
    fn mask(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(mask),
            Value::Object(fields) => {
                for (name, field) in fields {
                    match name.as_str() {
                        "size" => *field = "[SIZE]".into(),
                        _ => mask(field),
                    }
                }
            }
            _ => {}
        }
    }
    mask(&mut value);
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn a_dry_run_says_what_a_publish_would_do() {
    let Some(place) = Place::new() else { return };
    let words = ["publish", "--dry-run"];
    let ran = place.run(&words).ok();
    place.snapshot("dry_run", &format!("{}--\n{}", ran.stdout, ran.stderr));
    let said = message(&place.json(&words).ok().stdout, "rehearsed");
    place.snapshot("dry_run_json", &pretty(said));
    // Elsewhere at the same registry, layers of the base come from where it lies.
    let fresh = format!("{}/x/fresh", place.registry.host());
    let ran = place
        .run(&["publish", "--dry-run", "--quiet", "--repository", &fresh])
        .ok();
    place.snapshot("dry_run_mounts", &ran.stdout);
    place.untouched();

    place.run(&["publish"]).ok();
    place.registry.clear_log();
    let said = message(&place.json(&words).ok().stdout, "rehearsed");
    for list in ["blobs", "manifests", "tags"] {
        for item in said[list].as_array().unwrap() {
            assert_eq!(item["state"], "present", "{item}");
        }
    }
    place.untouched();
}

/// It ends as the publish would, after it has shown everything.
#[test]
fn a_dry_run_of_what_is_refused_ends_so() {
    let Some(place) = Place::new() else { return };
    place.run(&["publish"]).ok();
    // The same version with another program.
    place.project.commit("changed");
    place.project.git(&["tag", "--force", "v1.2.3"]);
    place.registry.clear_log();
    let ran = place.run(&["publish", "--dry-run"]);
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    let tags = ran.stdout.split_once("TAG ").unwrap().1;
    place.snapshot("dry_run_refused", &format!("TAG {tags}--\n{}", ran.stderr));
    place.untouched();
}

#[test]
fn a_plan_says_what_registries_have() {
    let Some(place) = Place::new() else { return };
    let words = ["plan", "--remote"];
    let ran = place.run(&words).ok();
    let outlook = ran.stdout.split_once("app at ").unwrap().1;
    place.snapshot("plan_remote", &format!("app at {outlook}"));
    let said = message(&place.json(&words).ok().stdout, "outlook");
    place.snapshot("plan_remote_json", &pretty(said));
    place.untouched();
    // Nothing was built for it.
    let unasked = place.json(&["plan"]).ok().stdout;
    assert!(
        messages(&unasked)
            .iter()
            .all(|message| message["reason"] != "outlook")
    );
}

/// Tags that never move, and tags of nobody's version: neither can be judged before the build.
#[test]
fn a_plan_tells_what_it_cannot_know() {
    let Some(place) = Place::new() else { return };
    place.run(&["publish"]).ok();
    place.registry.store(|store| {
        let repository = store.repositories.get_mut("x/app").unwrap();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let empty = format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[]}}"#);
        let digest = cargo_gantry::spec::Digest::of(empty.as_bytes()).to_string();
        repository
            .manifests
            .insert(digest.clone(), (media_type.to_owned(), empty.into_bytes()));
        repository.tags.insert("latest".to_owned(), digest);
    });
    let said = message(&place.json(&["plan", "--remote"]).ok().stdout, "outlook");
    let tags = said["tags"].as_array().unwrap();
    let states: Vec<(&str, &str)> = tags
        .iter()
        .map(|tag| (tag["tag"].as_str().unwrap(), tag["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [
            ("1.2.3", "fixed"),
            ("1.2.3-linux-amd64", "fixed"),
            ("1.2.3-linux-arm64", "fixed"),
            ("1.2", "moves"),
            ("1", "moves"),
            ("latest", "unknown"),
            ("edge", "moves"),
        ]
    );
}

/// The platforms of the one image, each with its digest.
fn platforms(digests: &Digests) -> Vec<(String, String)> {
    let platforms = digests.images[0].platforms.iter();
    platforms
        .map(|one| (one.platform.to_string(), one.digest.to_string()))
        .collect()
}

#[test]
fn digests_are_written_for_others() {
    let Some(place) = Place::new() else { return };
    let (built, published) = (place.outside("out/built.json"), place.outside("published.json"));
    let layout = place.outside("layout");
    let output = format!("oci:{}", layout.display());
    let built_file = built.to_str().unwrap();
    let ran = place
        .json(&["build", "-o", &output, "--digests-file", built_file])
        .ok();
    let digest = message(&ran.stdout, "built")["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let first = Digests::read(&built).unwrap();
    let image = &first.images[0];
    assert_eq!((first.images.len(), image.image.as_str()), (1, "app"));
    assert_eq!(
        (image.version.as_deref(), image.digest.to_string()),
        (Some("1.2.3"), digest.clone())
    );
    assert_eq!(image.media_type, "application/vnd.oci.image.index.v1+json");
    assert!(
        image.places.iter().any(|written| written.starts_with(&output)),
        "{:?}",
        image.places
    );
    let names: Vec<String> = platforms(&first).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["linux/amd64", "linux/arm64"]);

    // What is published is the same, and lies elsewhere; what was in the file is replaced.
    std::fs::write(&published, "x".repeat(10_000)).unwrap();
    let other = format!("{}/x/other", place.registry.host());
    let app = format!("{}/x/app", place.registry.host());
    let words = ["publish", "--repository", &app, "--repository", &other];
    place
        .run(&[&words[..], &["--digests-file", published.to_str().unwrap()]].concat())
        .ok();
    let second = Digests::read(&published).unwrap();
    assert_eq!(platforms(&first), platforms(&second));
    assert_eq!(second.images.len(), 1);
    assert_eq!(
        second.images[0].places,
        [app, other].map(|place| format!("{place}@{digest}"))
    );

    // Refused before anything was published: no file speaks of it, nor of what was before.
    let none = place.outside("none.json");
    std::fs::write(&none, "of an earlier run").unwrap();
    place.project.commit("changed");
    place.project.git(&["tag", "--force", "v1.2.3"]);
    place
        .run(&["publish", "--digests-file", none.to_str().unwrap()])
        .fails(9);
    assert!(!none.exists());
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_anything_is_made() {
    let Some(place) = Place::new() else { return };
    place.project.write("file", "");
    place.project.write("folder/file", "");
    for verb in ["build", "publish"] {
        for path in ["file/digests.json", "folder"] {
            let ran = place.run(&[verb, "--quiet", "--digests-file", path]).fails(7);
            assert!(ran.stderr.contains(path), "{}", ran.stderr);
        }
    }
    for variable in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
        let mut command = place.project.gantry(&["publish", "--quiet"]);
        let ran = Ran::of(command.env(variable, "folder")).fails(7);
        assert!(ran.stderr.contains("folder"), "{}", ran.stderr);
    }
    assert!(!place.project.root().join("target").exists());
    assert!(place.registry.log().is_empty(), "{:?}", place.registry.kinds());
}

#[test]
fn a_job_of_github_is_told() {
    let Some(place) = Place::new() else { return };
    let (output, summary) = (place.outside("output"), place.outside("summary"));
    let told = |words: &[&str]| {
        let mut command = place.project.gantry(words);
        command
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary);
        let ran = Ran::of(&mut command);
        [&output, &summary].map(|file| (ran.code, std::fs::read_to_string(file).unwrap_or_default()))
    };
    // What only asks tells nothing.
    let [(_, said), (_, shown)] = told(&["publish", "--dry-run"]);
    assert_eq!((said.as_str(), shown.as_str()), ("", ""));
    // Others have written before.
    std::fs::write(&output, "before=1\n").unwrap();
    let [(code, said), (_, shown)] = told(&["publish"]);
    assert_eq!(code, Some(0));
    let lines: Vec<(&str, &str)> = said.lines().map(|line| line.split_once('=').unwrap()).collect();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["before", "digest", "reference", "digests"]);
    let digests: Value = serde_json::from_str(lines[3].1).unwrap();
    assert_eq!(digests["images"][0]["digest"], lines[1].1);
    assert_eq!(
        lines[2].1,
        format!("{}/x/app@{}", place.registry.host(), lines[1].1)
    );
    place.snapshot("github_summary", &shown);
    // A part that is there by digest is told, too, though it ends with 9.
    let [(code, said), _] = told(&["publish", "--platform", "linux/amd64"]);
    assert_eq!(code, Some(9));
    assert_eq!(said.lines().filter(|line| line.starts_with("digest=")).count(), 2);
}
