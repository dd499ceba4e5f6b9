//! Promotion and clean-up, killed at any of their requests.

use std::process::Command;

use crate::kill::{Killed, NAME, held, holding, named, project, released};
use crate::support::prebuilt::Prebuilt;
use crate::support::registry::{Habits, Registry, Repository, profile};
use crate::support::workspace::Ran;

/// What is there at the end when nothing disturbs.
fn undisturbed(habits: &Habits, before: &Repository, command: &dyn Fn(&Registry) -> Command) -> Repository {
    let registry = holding(habits, before);
    Ran::of(&mut command(&registry)).ok();
    held(&registry)
}

/// A registry with two versions.
fn two_versions(project: &Prebuilt) -> Repository {
    let first = released(project, &Repository::default(), "1.2.2");
    released(project, &first, "1.2.3")
}

/// A candidate becomes a version, which moves the shorter tags.
#[test]
fn a_promotion() {
    let Some(project) = project() else { return };
    project.git(&["tag", "v1.3.0-rc.1", "v1.2.4"]);
    project.git(&["tag", "--delete", "v1.2.4"]);
    let before = released(&project, &two_versions(&project), "1.3.0-rc.1");
    let promote = |registry: &Registry| {
        let from = format!("{}/{NAME}:1.3.0-rc.1", registry.host());
        project.gantry(&["tag", &from, "1.3.0", "--semver"])
    };
    let after = undisturbed(&Habits::PLAIN, &before, &promote);
    let promoted = &after.tags["1.3.0"];
    assert!(
        ["1.3", "1", "latest"]
            .iter()
            .all(|tag| after.tags[*tag] == *promoted)
    );
    assert_ne!(*promoted, after.tags["1.3.0-rc.1"]);
    assert_eq!(after.blobs, before.blobs);
    let kills = Killed {
        habits: &Habits::PLAIN,
        states: (&before, &after),
        command: &promote,
        order: &["1.3.0", "1.3", "1", "latest"],
        idle: "nothing was sent",
        between: false,
        held,
    }
    .everywhere();
    println!("killed {kills} times");
    assert!(kills > 10, "only {kills} requests");
}

/// Kills a clean-up everywhere.
fn clean_up(habits: &Habits, words: &[&str], between: bool, held: fn(&Registry) -> Repository) {
    let Some(project) = project() else { return };
    let before = two_versions(&project);
    let prune = |registry: &Registry| {
        let repository = format!("{}/{NAME}", registry.host());
        let prune = ["prune", &repository, "--pattern", "1.2.2*", "--delete"];
        project.gantry(&[&prune[..], words].concat())
    };
    let registry = holding(habits, &before);
    Ran::of(&mut prune(&registry)).ok();
    let after = held(&registry);
    let mut stay = before.tags.clone();
    stay.retain(|tag, _| !tag.starts_with("1.2.2"));
    assert_eq!(after.tags, stay);
    let kills = Killed {
        habits,
        states: (&before, &after),
        command: &prune,
        order: &["1.2.2", "1.2.2-linux-amd64", "1.2.2-linux-arm64"],
        idle: "Pruned 0 tags",
        between,
        held,
    }
    .everywhere();
    println!("killed {kills} times");
    assert!(kills > 10, "only {kills} requests");
}

#[test]
fn a_clean_up_of_tags() {
    clean_up(&Habits::PLAIN, &[], false, held);
}

/// Where a tag goes with a placeholder only. Manifests that lost their tags to a run that was killed are found by nobody:
/// registries do not list them.
#[test]
fn a_clean_up_of_manifests() {
    clean_up(&profile("distribution-2.8"), &["--untagged"], true, named);
}
