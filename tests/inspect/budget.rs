//! `max-size` and `max-growth`, at the limit and one byte beyond it.

use serde_json::Value;

use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::workspace::{Ran, Workspace};

/// Sets the checks of the one image.
fn set(workspace: &Workspace, checks: &str) {
    let image = "schema = 1\n\n[image.tiny]\nplatforms = [\"linux/amd64\"]\n";
    workspace.write(
        "gantry.toml",
        format!("{image}tags = [\"{{version}}\"]\n{checks}"),
    );
}

/// A file of noise in the image.
fn noise(workspace: &Workspace, bytes: usize) {
    let mut state = 1_u32;
    let content: Vec<u8> = (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    workspace.write("noise", content);
}

const FILES: &str = "[[image.tiny.files]]\nfrom = \"noise\"\nto = \"/noise\"\n";

/// What the layers of the built image hold.
fn held(workspace: &Workspace) -> u64 {
    let ran = workspace.run(["build", "-q", "--message-format", "json"]).ok();
    let built: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let place = built["place"].as_str().unwrap();
    let ran = workspace.run(["inspect", place, "--message-format", "json"]).ok();
    let report: Value = serde_json::from_str(ran.stdout.trim()).unwrap();
    let layers = report["platforms"][0]["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["size"].as_u64().unwrap()).sum()
}

#[test]
fn a_build_ends_with_5_one_byte_over_the_limit() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    set(&workspace, "");
    let held = held(&workspace);
    set(&workspace, &format!("checks = {{ max-size = \"{held}B\" }}\n"));
    workspace.run(["build", "-q"]).ok();
    let limit = held - 1;
    set(&workspace, &format!("checks = {{ max-size = \"{limit}B\" }}\n"));
    let ran = workspace.run(["build", "-q", "-o", "oci:out"]).fails(5);
    for want in [
        "gantry::inspect::over_budget",
        "linux/amd64",
        &format!("{held} bytes, 1 more than the {limit} of `max-size`"),
        "/usr/local/bin/tiny (",
    ] {
        assert!(ran.stderr.contains(want), "{want}\n{}", ran.stderr);
    }
    assert!(!workspace.path("out").exists());
    // Nobody packs for this.
    workspace.run(["check", "-q"]).ok();
}

fn publish(workspace: &Workspace, repository: &str, tag: &str) -> Ran {
    workspace.run(["publish", "--repository", repository, "--tag", tag])
}

#[test]
fn growth_is_measured_against_what_is_published() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let repository = format!("{}/x/tiny", registry.host());
    noise(&workspace, 100_000);
    set(&workspace, FILES);
    let before = held(&workspace);
    set(
        &workspace,
        &format!("checks = {{ max-growth = \"10%\" }}\n{FILES}"),
    );
    // A build has no network to ask.
    let ran = workspace.run(["build", "--offline"]).ok();
    assert!(
        ran.stderr.contains("`max-growth` is for `publish`"),
        "{}",
        ran.stderr
    );
    let ran = publish(&workspace, &repository, "1.2.2").ok();
    assert!(ran.stderr.contains("nothing is published"), "{}", ran.stderr);
    // One byte more than may be, against the version before ours: there is no `latest`.
    noise(&workspace, 150_000);
    set(&workspace, FILES);
    let grown = held(&workspace);
    let by = grown - before;
    let growth = |by: u64| {
        set(
            &workspace,
            &format!("checks = {{ max-growth = \"{by}B\" }}\n{FILES}"),
        )
    };
    growth(by - 1);
    let ran = publish(&workspace, &repository, "1.2.3").fails(5);
    let want = format!(
        "{grown} bytes, 1 more than the {} of `max-growth` since `1.2.2` ({before} bytes)",
        grown - 1
    );
    assert!(
        ran.stderr.contains(&want) && ran.stderr.contains("/noise (150000)"),
        "{want}\n{}",
        ran.stderr
    );
    let dry = workspace.run([
        "publish",
        "--dry-run",
        "--repository",
        &repository,
        "--tag",
        "1.2.3",
    ]);
    assert_eq!(dry.code, Some(5), "{}", dry.stderr);
    let tags = |name: &str| {
        workspace
            .run(["inspect", "-q", &format!("{repository}:{name}")])
            .code
    };
    assert_eq!(tags("1.2.3"), Some(8), "something was sent");
    growth(by);
    publish(&workspace, &repository, "1.2.3").ok();
    // `latest` comes before all versions.
    workspace
        .run(["publish", "-q", "--repository", &repository, "--tag", "latest"])
        .ok();
    growth(0);
    publish(&workspace, &repository, "1.2.3").ok();
    noise(&workspace, 160_000);
    let ran = publish(&workspace, &repository, "1.2.4").fails(5);
    assert!(ran.stderr.contains("since `latest`"), "{}", ran.stderr);
}
