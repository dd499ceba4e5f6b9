//! `--timings`: a page that says what ran when, however the run ended.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::prebuilt::Prebuilt;
use support::registry::Registry;
use support::workspace::Ran;

const MATRIX: &str = r#"schema = 1

[defaults]
platforms = ["linux/amd64", "linux/arm64"]

[image.app]
binaries = ["app"]

[binary.app]
path = "dist/{os}/{arch}/app"
"#;

fn project(matrix: &str) -> Option<Prebuilt> {
    let project = Prebuilt::new(matrix)?;
    project.commit("hello");
    Some(project)
}

/// The data of a page.
fn data(page: &Path) -> Value {
    let page = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let (_, data) = page
        .split_once("<script type=\"application/json\" id=\"timings\">")
        .unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

/// The stages that a page knows of a platform; of no platform where none is named.
fn stages(data: &Value, platform: Option<&str>) -> BTreeSet<String> {
    let spans = data["spans"].as_array().unwrap().iter();
    spans
        .filter(|span| span["platform"].as_str() == platform)
        .map(|span| span["stage"].as_str().unwrap().to_owned())
        .collect()
}

/// What holds of every page: each span ends after it began and within the run, and the chain leaves no moment out.
fn assert_sound(data: &Value) {
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value}"));
    let wall = number(&data["wall-us"]);
    let spans = data["spans"].as_array().unwrap();
    for span in spans {
        let (begin, end) = (number(&span["begin-us"]), number(&span["end-us"]));
        assert!(begin <= end && end <= wall, "{span} of {wall}");
        assert!(
            span["what"].as_str().is_some_and(|what| !what.is_empty()),
            "{span}"
        );
    }
    let known: BTreeSet<u64> = spans.iter().map(|span| number(&span["id"])).collect();
    assert_eq!(known.len(), spans.len());
    let mut moment = 0;
    for link in data["chain"].as_array().unwrap() {
        assert_eq!(number(&link["begin-us"]), moment, "{link}");
        moment = number(&link["end-us"]);
        let span = &link["span"];
        assert!(
            span.is_null() || span.as_u64().is_some_and(|id| known.contains(&id)),
            "{link}"
        );
    }
    assert_eq!(moment, wall);
}

fn all(stages: &BTreeSet<String>, wanted: &[&str]) -> bool {
    wanted.iter().all(|stage| stages.contains(*stage))
}

#[test]
fn a_build_says_what_ran_for_each_platform() {
    let Some(project) = project(MATRIX) else { return };
    // In a place that is named in the page, and must not become a part of it.
    let output = "oci:out/<script>alert(1)</script>/{image}";
    let words = ["build", "--timings", "seen/timings.html", "-o", output];
    let ran = project.run(&words).ok();
    assert!(ran.stderr.contains("Timings seen/timings.html"), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 2, "standard output is as without");
    let page = project.root().join("seen/timings.html");
    let data = data(&page);
    assert_sound(&data);
    for platform in ["linux/amd64", "linux/arm64"] {
        let stages = stages(&data, Some(platform));
        assert!(all(&stages, &["build", "finish", "fit", "pack"]), "{stages:?}");
    }
    let others = stages(&data, None);
    assert!(all(&others, &["project", "plan", "assemble"]), "{others:?}");
    assert!(
        data["spans"]
            .as_array()
            .unwrap()
            .iter()
            .all(|span| span["open"] == false)
    );
    let written = |span: &&Value| span["what"] == output;
    assert_eq!(
        data["spans"].as_array().unwrap().iter().filter(written).count(),
        1
    );
    assert_eq!(data["command"][0], "cargo");
    assert_eq!(data["command"][2], "build");
    assert_eq!(
        (&data["exit"]["state"], &data["exit"]["code"]),
        (&"done".into(), &0.into())
    );
    assert!(!std::fs::read_to_string(page).unwrap().contains("<script>alert"));
}

#[test]
fn check_and_publish_write_one_too_and_say_where() {
    let Some(project) = project(MATRIX) else { return };
    let json = |words: &[&str]| {
        let ran = project.run(&[words, &["--timings", "t.html", "--message-format", "json"]].concat());
        let ran = ran.ok();
        let lines = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let told: Vec<Value> = lines.filter(|line| line["reason"] == "timings").collect();
        assert_eq!(told.len(), 1, "{}", ran.stdout);
        assert_eq!(told[0]["path"], "t.html");
        let data = data(&project.root().join("t.html"));
        assert_sound(&data);
        stages(&data, Some("linux/arm64"))
    };
    let checked = json(&["check"]);
    assert!(
        all(&checked, &["build", "fit"]) && !checked.contains("pack"),
        "{checked:?}"
    );
    let registry = Registry::plain();
    let repository = format!("{}/x/app", registry.host());
    let published = json(&["publish", "--repository", &repository, "--tag", "one"]);
    assert!(all(&published, &["build", "fit", "pack"]), "{published:?}");
}

#[test]
fn a_run_writes_it_before_the_program_has_the_terminal() {
    let Some(project) = project(MATRIX) else { return };
    if !support::launch::possible() {
        return;
    }
    let words = [
        "run",
        "--platform",
        "linux/amd64",
        "--timings",
        "t.html",
        "--",
        "secret",
    ];
    let ran = project.run(&words).ok();
    assert_eq!(ran.stdout, "hello\n");
    let data = data(&project.root().join("t.html"));
    assert_sound(&data);
    assert_eq!(data["exit"]["state"], "handed-over");
    let stages = stages(&data, Some("linux/amd64"));
    assert!(all(&stages, &["pack", "trial"]), "{stages:?}");
    assert!(
        !data.to_string().contains("secret"),
        "what is for the program is not ours to tell"
    );
}

#[test]
fn a_build_that_fails_has_one_that_says_so() {
    let failing = MATRIX.replace(
        "path = \"dist/{os}/{arch}/app\"",
        "command = [\"false\", \"{out}\"]",
    );
    let Some(project) = project(&failing) else { return };
    project.run(&["build", "-q", "--timings", "t.html"]).fails(4);
    let data = data(&project.root().join("t.html"));
    assert_sound(&data);
    assert_eq!(
        (&data["exit"]["state"], &data["exit"]["code"]),
        (&"failed".into(), &4.into())
    );
    assert!(
        data["exit"]["error"].as_str().unwrap().contains("false"),
        "{}",
        data["exit"]
    );
    assert!(all(&stages(&data, None), &["plan", "build"]));
}

#[test]
fn a_build_that_is_stopped_has_what_ran_until_then() {
    let began = "#!/bin/sh\ntouch began\nexec sleep 300\n";
    let slow = MATRIX.replace(
        "path = \"dist/{os}/{arch}/app\"",
        "command = [\"sh\", \"slow.sh\", \"{out}\"]",
    );
    let Some(project) = project(&slow) else { return };
    project.write("slow.sh", began);
    project.write("t.html", "of an earlier run");
    let mut command = project.gantry(&["build", "-q", "--timings", "t.html"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    while !project.root().join("began").exists() {
        assert!(Instant::now() < end, "the command was not reached");
        std::thread::sleep(Duration::from_millis(20));
    }
    let page = project.root().join("t.html");
    assert!(
        !page.exists(),
        "what an earlier run wrote is not to be taken for this one's"
    );
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    let data = data(&page);
    assert_sound(&data);
    assert_eq!(
        (&data["exit"]["state"], &data["exit"]["code"]),
        (&"interrupted".into(), &130.into())
    );
    let last = data["chain"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .find(|link| !link["span"].is_null());
    let spans = data["spans"].as_array().unwrap();
    let waited = spans
        .iter()
        .find(|span| span["id"] == last.unwrap()["span"])
        .unwrap();
    assert_eq!(waited["stage"], "build", "{waited}");
}

#[test]
fn what_goes_on_when_all_ends_is_in_it() {
    let Some(project) = project(MATRIX) else { return };
    project.run(&["build", "-q"]).ok();
    // As another build would hold it: nothing wakes who waits for it.
    let lock = File::create(project.root().join(".gantry/build.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = project.gantry(&["build", "--timings", "t.html"]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("waiting for another build")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let data = data(&project.root().join("t.html"));
    assert_sound(&data);
    assert_eq!(data["exit"]["state"], "interrupted");
    let open: Vec<&Value> = data["spans"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|span| span["open"] == true)
        .collect();
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(
        (&open[0]["stage"], &open[0]["end-us"]),
        (&"wait".into(), &data["wall-us"])
    );
}

#[test]
fn a_place_that_cannot_be_written_is_said_before_anything_is_built() {
    let touching = MATRIX.replace(
        "path = \"dist/{os}/{arch}/app\"",
        "command = [\"touch\", \"began\", \"{out}\"]",
    );
    let Some(project) = project(&touching) else { return };
    project.write("file", "");
    for place in ["file/t.html", "dist"] {
        let ran = project.run(&["build", "--timings", place]).fails(7);
        assert!(ran.stderr.contains("gantry::pipeline::write"), "{}", ran.stderr);
        assert!(ran.stderr.contains(place), "{}", ran.stderr);
        assert!(!project.root().join("began").exists());
    }
}
