//! Two at once.

use std::process::Stdio;

use crate::support::registry::Registry;
use crate::support::workspace::{Ran, Workspace};
use crate::whole;

/// Starts them all, then waits for all of them.
fn together<const N: usize, const M: usize>(runs: [(&Workspace, [&str; M]); N]) -> [Ran; N] {
    runs.map(|(workspace, arguments)| {
        let mut command = workspace.command(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    })
    .map(|child| Ran::from(child.wait_with_output().unwrap()).ok())
}

#[test]
fn two_builds_of_one_workspace() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let [first, second] = together([(&workspace, ["build"]), (&workspace, ["build"])]);
    assert_eq!(first.stdout, second.stdout);
    assert!(first.stdout.starts_with("sha256:"));
    whole::store(&workspace.store());
    assert_eq!(whole::entries(&workspace.store()), 1);
}

#[test]
fn two_workspaces_with_one_target_directory_and_one_name() {
    let (Some(one), Some(other)) = (Workspace::tiny(), Workspace::tiny()) else {
        return;
    };
    other.write("src/main.rs", "fn main() {\n    println!(\"second\");\n}\n");
    let alone = [one.digest(), other.digest()];
    let shared = one.outside().join("shared");
    // As cargo gives it on: with the parent's `..` in the path.
    one.write(".cargo/config.toml", "[build]\ntarget-dir = \"../shared\"\n");
    other.write(
        ".cargo/config.toml",
        format!("[build]\ntarget-dir = {shared:?}\n"),
    );
    for _ in 0..2 {
        let runs = [(&one, ["build", "-q"]), (&other, ["build", "-q"])];
        for (ran, digest) in together(runs).iter().zip(&alone) {
            assert!(ran.stdout.starts_with(digest), "{}", ran.stdout);
        }
    }
    let folders = std::fs::read_dir(shared.join("gantry")).unwrap().flatten();
    let stores: Vec<_> = folders.filter(|entry| entry.path().is_dir()).collect();
    assert_eq!(stores.len(), 2);
    for entry in stores {
        whole::store(&entry.path());
        assert_eq!(whole::entries(&entry.path()), 1);
    }
}

#[test]
fn two_publishes_of_the_same() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let registry = Registry::plain();
    let repository = format!("{}/x/tiny", registry.host());
    let run = ["publish", "--quiet", "--repository", &repository];
    let [first, second] = together([(&workspace, run), (&workspace, run)]);
    assert_eq!(first.stdout, second.stdout);
    whole::registry(&registry, "x/tiny");
    let digest = first.stdout.trim().rsplit_once('@').unwrap().1.to_owned();
    assert_eq!(whole::tag(&registry, "x/tiny", "1.2.3"), Some(digest));
}

#[test]
fn two_publishes_of_different_content_under_one_moving_tag() {
    let (Some(one), Some(other)) = (Workspace::tiny(), Workspace::tiny()) else {
        return;
    };
    other.write("src/main.rs", "fn main() {\n    println!(\"second\");\n}\n");
    let registry = Registry::plain();
    let repository = format!("{}/x/tiny", registry.host());
    let run = ["publish", "--quiet", "--repository", &repository, "--tag", "edge"];
    let both = together([(&one, run), (&other, run)]);
    let digests = both.map(|ran| ran.stdout.trim().rsplit_once('@').unwrap().1.to_owned());
    assert_ne!(digests[0], digests[1]);
    whole::registry(&registry, "x/tiny");
    // Whoever came last has the tag; both are there.
    let tagged = whole::tag(&registry, "x/tiny", "edge").unwrap();
    assert!(digests.contains(&tagged), "{tagged}");
    for digest in &digests {
        assert!(registry.store(|store| store.of("x/tiny").manifests.contains_key(digest)));
    }
}
