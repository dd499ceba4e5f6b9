//! A release that is killed after any of its requests: no tag ever names something incomplete, and the next run ends in
//! exactly the state that an undisturbed one ends in.

use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::prebuilt::Prebuilt;
use crate::support::registry::{Act, Asked, Fault, Registry, Repository};
use crate::support::workspace::Ran;

pub(crate) const NAME: &str = "x/app";

const MATRIX: &str = r#"schema = 1

[binary.app]
path = "dist/{os}/{arch}/app"

[image.app]
platforms = ["linux/amd64", "linux/arm64"]
tags = ["semver", "{version}-{platform}"]
"#;

/// In the order in which they are set.
const TAGS: [&str; 6] = [
    "1.2.3",
    "1.2.3-linux-amd64",
    "1.2.3-linux-arm64",
    "1.2",
    "1",
    "latest",
];

/// A project whose commits can be released.
fn project() -> Option<Prebuilt> {
    let project = Prebuilt::new(MATRIX)?;
    for version in ["1.2.2", "1.2.3", "1.2.4"] {
        project.commit(version);
        project.git(&["tag", &format!("v{version}")]);
    }
    Some(project)
}

/// The release of what is checked out.
fn release(project: &Prebuilt, registry: &Registry) -> Command {
    let repository = format!("{}/{NAME}", registry.host());
    project.gantry(&["publish", "--repository", &repository])
}

/// A registry that holds this.
pub(crate) fn holding(repository: &Repository) -> Registry {
    let registry = Registry::plain();
    registry.store(|store| store.repositories.insert(NAME.to_owned(), repository.clone()));
    registry
}

/// What it holds of the repository: everything that is there is right.
fn held(registry: &Registry) -> Repository {
    let held = registry.store(|store| store.repositories.get(NAME).cloned());
    let held = held.unwrap_or_default();
    assert_eq!(held.problems(), Vec::<String>::new());
    held
}

/// What became of a repository by an undisturbed release of `version`.
fn released(project: &Prebuilt, before: &Repository, version: &str) -> Repository {
    project.git(&["checkout", "--quiet", &format!("v{version}")]);
    let registry = holding(before);
    Ran::of(&mut release(project, &registry)).ok();
    held(&registry)
}

/// Runs a command to its end, or until the registry keeps it waiting: then it is killed. Whether it was.
fn killed(mut command: Command, registry: &Registry) -> bool {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = Pid::from_child(&child);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let mut ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        let waiting = tokio::time::timeout(Duration::from_secs(120), registry.hung());
        tokio::select! {
            status = &mut ended => {
                assert!(status.unwrap().success());
                false
            }
            hung = waiting => {
                hung.expect("it ends or is kept waiting");
                kill_process(id, Signal::KILL).unwrap();
                ended.await.unwrap();
                true
            }
        }
    })
}

/// The digests that were uploaded.
fn uploads(log: &[Asked]) -> Vec<String> {
    let closing = log
        .iter()
        .filter(|asked| asked.method == "PUT" && asked.path.contains("/uploads/"));
    let digest = |asked: &Asked| asked.path.rsplit_once("digest=").unwrap().1.replace("%3A", ":");
    closing.map(digest).collect()
}

/// Kills the release of what is checked out at every request, where `before` was held, and expects `after` at the end.
fn at_every_request(project: &Prebuilt, before: &Repository, after: &Repository) -> usize {
    let mut kills = 0;
    // Before a request is done; what only asks is the same afterwards.
    for fault in [
        Fault::first(Act::Hang),
        Fault::first(Act::HangAfter).on("PUT", "upload"),
        Fault::first(Act::HangAfter).on("PUT", "manifest"),
    ] {
        for n in 1.. {
            let fault = fault.clone().at(n);
            let at = format!("{fault:?}");
            let registry = holding(before);
            registry.fail([fault]);
            if !killed(release(project, &registry), &registry) {
                assert_eq!(held(&registry), *after, "{at}");
                break;
            }
            kills += 1;
            let left = held(&registry);
            // Each tag is as it was or as it will be, and they are set in their order.
            let states = TAGS.map(|tag| (left.tags.get(tag), before.tags.get(tag), after.tags.get(tag)));
            assert!(
                states.iter().all(|(now, old, new)| now == old || now == new),
                "{at}: {states:?}"
            );
            let moving = states.iter().filter(|(_, old, new)| old != new);
            assert!(
                moving.map(|(now, _, new)| now == new).is_sorted_by(|a, b| a >= b),
                "{at}: {states:?}"
            );
            registry.clear_log();
            let again = Ran::of(&mut release(project, &registry)).ok();
            assert_eq!(held(&registry), *after, "{at}");
            let sent = uploads(&registry.log());
            assert!(
                sent.iter().all(|digest| !left.blobs.contains_key(digest)),
                "{at}: {sent:?}"
            );
            let nothing_left = left.tags == after.tags;
            assert_eq!(
                again.stderr.contains("nothing was sent"),
                nothing_left,
                "{at}: {}",
                again.stderr
            );
        }
    }
    kills
}

#[test]
fn a_first_release() {
    let Some(project) = project() else { return };
    let before = Repository::default();
    let after = released(&project, &before, "1.2.3");
    let mut tags = TAGS;
    tags.sort_unstable();
    assert_eq!(after.tags.keys().collect::<Vec<_>>(), tags);
    let kills = at_every_request(&project, &before, &after);
    println!("killed {kills} times");
    assert!(kills > 30, "only {kills} requests");
}

#[test]
fn a_release_that_moves_tags() {
    let Some(project) = project() else { return };
    let before = released(&project, &Repository::default(), "1.2.2");
    let after = released(&project, &before, "1.2.3");
    assert!(
        ["1.2", "1", "latest"]
            .iter()
            .all(|tag| after.tags[*tag] == after.tags["1.2.3"])
    );
    let kills = at_every_request(&project, &before, &after);
    println!("killed {kills} times");
    assert!(kills > 30, "only {kills} requests");
}

#[test]
fn a_release_that_leaves_tags_where_they_are() {
    let Some(project) = project() else { return };
    let before = released(&project, &Repository::default(), "1.2.4");
    let after = released(&project, &before, "1.2.3");
    assert!(
        ["1.2", "1", "latest"]
            .iter()
            .all(|tag| after.tags[*tag] == before.tags["1.2.4"])
    );
    let kills = at_every_request(&project, &before, &after);
    println!("killed {kills} times");
    assert!(kills > 30, "only {kills} requests");
}
