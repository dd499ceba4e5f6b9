//! The commands, as their callers see them.

use serde_json::Value;

use crate::fixture::{NAME, Release, Shelf, writes};
use crate::support::registry::{Habits, Registry, TagDelete};
use crate::support::workspace::{Ran, gantry};

fn run(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    Ran::of(gantry(folder.path()).args(arguments).env("HOME", folder.path()))
}

async fn stocked(habits: Habits) -> (Registry, Shelf, String) {
    let registry = crate::fixture::with(habits);
    let shelf = Shelf::at(&registry.host());
    Release::push(&shelf).await;
    let name = format!("{}/{NAME}", registry.host());
    (registry, shelf, name)
}

/// Without what differs from run to run.
fn assert_said(name: &str, said: &str, registry: &Registry) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let plain = said.replace(&registry.host(), "[HOST]");
    settings.bind(|| insta::assert_snapshot!(name, plain));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_listed_for_people_and_machines() {
    let (registry, _, name) = stocked(Habits::PLAIN).await;
    let ran = run(&["tags", &name]).ok();
    assert_said("tags", &ran.stdout, &registry);
    assert_eq!(ran.stderr, "");
    let ran = run(&["tags", &name, "--message-format", "json"]).ok();
    assert_said("tags_json", &ran.stdout, &registry);
    assert_eq!(
        writes(&registry)
            .iter()
            .filter(|kind| *kind == "DELETE manifest")
            .count(),
        0
    );
    assert_eq!(run(&["tags", &format!("{name}:v1")]).fails(2).code, Some(2));
    assert_eq!(
        run(&["tags", &format!("{}/no/such", registry.host())])
            .fails(8)
            .code,
        Some(8)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prune_is_shown_and_then_done() {
    let (registry, shelf, name) = stocked(Habits::PLAIN).await;
    let wanted = [
        "prune",
        &name,
        "--pattern",
        "pr-*",
        "--pattern",
        "v*",
        "--keep-last",
        "1",
        "--untagged",
    ];
    registry.clear_log();
    let ran = run(&wanted).ok();
    assert_said(
        "prune_dry",
        &format!("{}--\n{}", ran.stdout, ran.stderr),
        &registry,
    );
    assert_eq!(writes(&registry), Vec::<String>::new());
    let json = [&wanted[..], &["--message-format", "json"]].concat();
    assert_said("prune_dry_json", &run(&json).ok().stdout, &registry);
    let really = [&wanted[..], &["--delete"]].concat();
    let ran = run(&really).ok();
    assert_said("prune", &format!("{}--\n{}", ran.stdout, ran.stderr), &registry);
    assert_eq!(shelf.tag_names().await, ["latest", "main", "pr-2", "v2"]);
    let ran = run(&["prune", &name, "--pattern", "gone-*", "--delete"]).ok();
    assert_eq!(ran.stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_trouble_has_its_exit_code() {
    let rigid = Habits {
        tag_delete: TagDelete::Refused(405, "UNSUPPORTED"),
        digest_delete: false,
        ..Habits::PLAIN
    };
    let (registry, shelf, name) = stocked(rigid).await;
    let before = shelf.tags().await;
    let missing = format!("{}/no/such", registry.host());
    for (arguments, code) in [
        (vec!["prune", &name], 2),
        (vec!["prune", &name, "--pattern", "["], 2),
        (vec!["prune", &name, "--pattern", "*", "--older-than", "1y"], 2),
        (vec!["prune", &name, "--pattern", "*", "--older-than", "30d"], 0),
        (vec!["prune", &missing, "--pattern", "*"], 8),
        (vec!["prune", &name, "--pattern", "v*"], 0),
        (vec!["prune", &name, "--pattern", "v1", "--delete"], 9),
    ] {
        let ran = run(&arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}", ran.stderr);
    }
    let ran = run(&[
        "prune",
        &name,
        "--pattern",
        "v1",
        "--delete",
        "--message-format",
        "json",
    ]);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reasons: Vec<&str> = lines
        .iter()
        .map(|line| line["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["prune-tag", "pruned", "error"]);
    assert_eq!(
        (&lines[0]["outcome"], &lines[2]["code"]),
        (&"failed".into(), &"gantry::release::cannot_delete".into())
    );
    assert_eq!(shelf.tags().await, before);
}
