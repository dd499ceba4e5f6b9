//! A release that is killed after any of its requests: no tag ever names something incomplete, and the next run ends in
//! exactly the state that an undisturbed one ends in.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::prebuilt::Prebuilt;
use crate::support::registry::{Act, Asked, Fault, Habits, Registry, Repository};
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
pub(crate) fn project() -> Option<Prebuilt> {
    let project = Prebuilt::new(MATRIX)?;
    for version in ["1.2.2", "1.2.3", "1.2.4"] {
        project.commit(version);
        project.git(&["tag", &format!("v{version}")]);
    }
    Some(project)
}

/// The release of what is checked out.
pub(crate) fn release(project: &Prebuilt, registry: &Registry) -> Command {
    let repository = format!("{}/{NAME}", registry.host());
    project.gantry(&["publish", "--repository", &repository])
}

/// A registry that holds this.
pub(crate) fn holding(habits: &Habits, repository: &Repository) -> Registry {
    let registry = Registry::of_profile(habits);
    registry.store(|store| store.repositories.insert(NAME.to_owned(), repository.clone()));
    registry
}

/// What it holds of the repository: everything that is there is right.
pub(crate) fn held(registry: &Registry) -> Repository {
    let held = registry.store(|store| store.repositories.get(NAME).cloned());
    let held = held.unwrap_or_default();
    assert_eq!(held.problems(), Vec::<String>::new());
    held
}

/// What tags lead to, of what it holds of the repository: all of that is right.
pub(crate) fn named(registry: &Registry) -> Repository {
    let mut held = registry.store(|store| store.of(NAME).clone());
    let (mut reached, mut waiting) = (BTreeSet::new(), held.tags.values().cloned().collect::<Vec<_>>());
    while let Some(digest) = waiting.pop() {
        let manifest = held.manifests.get(&digest);
        let value = manifest.map(|(_, bytes)| serde_json::from_slice::<Value>(bytes).unwrap());
        let value = value.unwrap_or_default();
        let parts = ["manifests", "layers"]
            .iter()
            .filter_map(|key| value[key].as_array());
        let parts = parts.flatten().chain([&value["config"]]);
        waiting.extend(parts.filter_map(|part| Some(part["digest"].as_str()?.to_owned())));
        reached.insert(digest);
    }
    held.manifests.retain(|digest, _| reached.contains(digest));
    held.blobs.retain(|digest, _| reached.contains(digest));
    assert_eq!(held.problems(), Vec::<String>::new());
    held
}

/// What became of a repository by an undisturbed release of `version`.
pub(crate) fn released(project: &Prebuilt, before: &Repository, version: &str) -> Repository {
    project.git(&["checkout", "--quiet", &format!("v{version}")]);
    let registry = holding(&Habits::PLAIN, before);
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

/// What is killed.
pub(crate) struct Killed<'a> {
    /// The registry's habits.
    pub(crate) habits: &'a Habits,
    /// What it holds before, and what at the end.
    pub(crate) states: (&'a Repository, &'a Repository),
    /// What is run.
    pub(crate) command: &'a dyn Fn(&Registry) -> Command,
    /// The tags that change, in the order in which they do.
    pub(crate) order: &'a [&'a str],
    /// What is run again has nothing left to do.
    pub(crate) idle: &'a str,
    /// A tag may name something that is whole, but neither what it named nor what it is to name.
    pub(crate) between: bool,
    /// What counts.
    pub(crate) held: fn(&Registry) -> Repository,
}

impl Killed<'_> {
    /// Kills it at every request and runs it again; gives how often.
    pub(crate) fn everywhere(&self) -> usize {
        let (before, after) = self.states;
        let mut kills = 0;
        // Before a request is done; what only asks is the same afterwards.
        for fault in [
            Fault::first(Act::Hang),
            Fault::first(Act::HangAfter).on("PUT", "upload"),
            Fault::first(Act::HangAfter).on("PUT", "manifest"),
            Fault::first(Act::HangAfter).on("DELETE", "manifest"),
        ] {
            for n in 1.. {
                let fault = fault.clone().at(n);
                let at = format!("{fault:?}");
                let registry = holding(self.habits, before);
                registry.fail([fault]);
                if !killed((self.command)(&registry), &registry) {
                    assert_eq!((self.held)(&registry), *after, "{at}");
                    break;
                }
                kills += 1;
                let left = (self.held)(&registry);
                self.between(&left, &at);
                registry.clear_log();
                let again = Ran::of(&mut (self.command)(&registry)).ok();
                assert_eq!((self.held)(&registry), *after, "{at}");
                let sent = uploads(&registry.log());
                assert!(
                    sent.iter().all(|digest| !left.blobs.contains_key(digest)),
                    "{at}: {sent:?}"
                );
                let idle = again.stderr.contains(self.idle);
                assert_eq!(idle, left.tags == after.tags, "{at}: {}", again.stderr);
            }
        }
        kills
    }

    /// Each tag is as it was or as it will be, and they change in their order.
    fn between(&self, left: &Repository, at: &str) {
        let (before, after) = self.states;
        let all = before.tags.keys().chain(after.tags.keys());
        for tag in all.filter(|tag| !self.order.contains(&tag.as_str())) {
            assert_eq!(left.tags.get(tag), before.tags.get(tag), "{at}: {tag}");
            assert_eq!(left.tags.get(tag), after.tags.get(tag), "{at}: {tag}");
        }
        let state = |tag: &&str| {
            let [now, old, new] = [left, before, after].map(|state| state.tags.get(*tag));
            assert_ne!(old, new, "{tag}");
            assert!(
                now == old || now == new || self.between,
                "{at}: {tag} names {now:?}"
            );
            now == new
        };
        let states: Vec<bool> = self.order.iter().map(state).collect();
        assert!(states.is_sorted_by(|a, b| a >= b), "{at}: {states:?}");
    }
}

/// Kills the release of what is checked out.
fn everywhere(project: &Prebuilt, states: (&Repository, &Repository), order: &[&str]) {
    let kills = Killed {
        habits: &Habits::PLAIN,
        states,
        command: &|registry| release(project, registry),
        order,
        idle: "nothing was sent",
        between: false,
        held,
    }
    .everywhere();
    println!("killed {kills} times");
    assert!(kills > 30, "only {kills} requests");
}

#[test]
fn a_first_release() {
    let Some(project) = project() else { return };
    let before = Repository::default();
    let after = released(&project, &before, "1.2.3");
    assert_eq!(after.tags.len(), TAGS.len());
    everywhere(&project, (&before, &after), &TAGS);
}

#[test]
fn a_release_that_moves_tags() {
    let Some(project) = project() else { return };
    let before = released(&project, &Repository::default(), "1.2.2");
    let after = released(&project, &before, "1.2.3");
    let release = &after.tags["1.2.3"];
    assert!(TAGS[3..].iter().all(|tag| after.tags[*tag] == *release));
    everywhere(&project, (&before, &after), &TAGS);
}
