//! What the doctor finds: on this machine as it is, and on one that lacks things.

use serde_json::Value;

use crate::output::{message, messages};
use crate::outside::missing;
use crate::snapshot;
use crate::support::authority::Authority;
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::registry::{Auth, Registry, Setup};
use crate::support::workspace::{Ran, Workspace};

const JSON: [&str; 3] = ["doctor", "--message-format", "json"];

/// The checks, each as `need status subject`.
fn checks(ran: &Ran) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    messages(&ran.stdout)
        .iter()
        .filter(|message| message["reason"] == "doctor")
        .map(|check| {
            format!(
                "{} {} {}",
                text(&check["need"]),
                text(&check["status"]),
                text(&check["subject"])
            )
        })
        .collect()
}

fn check(ran: &Ran, subject: &str) -> Value {
    let found = messages(&ran.stdout)
        .into_iter()
        .find(|message| message["subject"] == subject);
    found.unwrap_or_else(|| panic!("no check of `{subject}`: {}", ran.stdout))
}

/// Runs a doctor who finds gaps: what he finds is data, that there are some is an error.
fn gaps(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(4), "{}{}", ran.stdout, ran.stderr);
    ran
}

/// Without what differs from machine to machine: versions, and what programs are started with.
fn same_everywhere(stdout: &str) -> String {
    let mut lines = Vec::new();
    for line in stdout.lines() {
        if line == "To start programs here" {
            break;
        }
        let version = ["  ✓ cargo: ", "  ✓ rustc: "]
            .into_iter()
            .find(|start| line.starts_with(start));
        lines.push(version.map_or_else(|| line.to_owned(), |start| format!("{start}[VERSION]")));
    }
    lines.extend(stdout.lines().last().map(str::to_owned));
    lines.join("\n")
}

#[test]
fn a_project_that_needs_little_lacks_nothing() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let ran = workspace.run(["doctor"]).ok();
    assert_eq!(ran.stderr, "");
    snapshot::assert("doctor", &workspace, &same_everywhere(&ran.stdout));
    let ran = workspace.run(JSON).ok();
    let last = message(&ran.stdout, "diagnosed");
    assert_eq!((&last["missing"], &last["command"]), (&0.into(), &Value::Null));
    assert!(
        !workspace.path("target").exists(),
        "the doctor writes nothing there"
    );
}

#[test]
fn a_worktree_without_its_repository_is_a_gap() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write(".git", "gitdir: /nowhere/.git/worktrees/tiny\n");
    let ran = gaps(workspace.run(JSON));
    assert_eq!(check(&ran, "git")["status"], "missing");
    let ran = workspace.run(["build"]).fails(3);
    assert!(
        ran.stderr.contains("gantry::project::half_repository"),
        "{}",
        ran.stderr
    );
}

#[test]
fn roots_are_tried_where_a_build_sets_them_up() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    // Nothing that is tried goes into the user's cache.
    workspace.write("file", "");
    let mut command = workspace.command(JSON);
    let ran = Ran::of(command.env("XDG_CACHE_HOME", workspace.path("file"))).ok();
    assert_eq!(checks(&ran), checks(&workspace.run(JSON)));
}

#[test]
fn no_gap_hides_another() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write(
        "gantry.toml",
        r#"schema = 1
[image.tiny]
platforms = ["linux/amd64"]

[image.other]
binaries = ["tiny"]
platforms = ["linux/amd64"]
linker = "no-such-linker"

[image.based]
binaries = ["tiny"]
platforms = ["linux/amd64"]
base = "oci:nowhere"

[image.made]
platforms = ["linux/amd64"]

[binary.made]
command = ["no-such-maker", "{out}"]
"#
        .replace(
            "linker = \"no-such-linker\"\n",
            "\n[image.other.platform.\"linux/amd64\"]\nlinker = \"no-such-linker\"\n",
        ),
    );
    let ran = gaps(workspace.run(JSON));
    let found = checks(&ran);
    for expected in [
        "linker ok linker for x86_64-unknown-linux-musl",
        "linker missing linker for x86_64-unknown-linux-musl",
        "program missing no-such-maker",
        "base missing base oci:nowhere for linux/amd64",
    ] {
        assert!(
            found.iter().any(|found| found == expected),
            "{expected}: {found:#?}"
        );
    }
    assert_eq!(message(&ran.stdout, "diagnosed")["missing"], 3);
    assert_eq!(message(&ran.stdout, "error")["exit-code"], 4);
    // What is chosen alone is looked at. Bases are read all the same: they decide which features unify.
    let mut command = workspace.command(JSON);
    let ran = gaps(Ran::of(command.args(["-i", "tiny"])));
    assert_eq!(message(&ran.stdout, "diagnosed")["missing"], 1);
    workspace.write("gantry.toml", "schema = 1\n[image.tiny]\nplatfroms = []\n");
    workspace.run(["doctor"]).fails(3);
}

#[test]
fn registries_say_whether_they_know_us() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let asked = |registry: &str, arguments: &[&str]| {
        let repository = format!("{registry}/x/tiny");
        let mut command = workspace.command(JSON);
        Ran::of(command.args(["--repository", &repository]).args(arguments))
    };
    let open = Registry::plain();
    let ran = asked(&open.host(), &[]).ok();
    let answer = check(&ran, &format!("registry {}", open.host()));
    assert_eq!(answer["message"], "answers without credentials");
    let closed = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        ..Setup::default()
    });
    let ran = asked(&closed.host(), &[]).ok();
    let credentials = check(&ran, &format!("credentials for {}/x/tiny", closed.host()));
    assert_eq!(credentials["status"], "warning");
    assert!(credentials["advice"].as_str().unwrap().contains(&closed.host()));
    // Nobody listens on the port of discard.
    let ran = gaps(asked("127.0.0.1:9", &[]));
    assert_eq!(check(&ran, "registry 127.0.0.1:9")["status"], "missing");
    let ran = asked("127.0.0.1:9", &["--offline"]).ok();
    assert!(!ran.stdout.contains("registry 127.0.0.1:9"), "{}", ran.stdout);
}

#[test]
fn a_certificate_of_strangers_is_told_with_its_way_out() {
    let (Some(workspace), Some(authority)) = (Workspace::tiny(), Authority::new()) else {
        return;
    };
    let guard = Guard {
        tls: Some(authority.folder()),
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    let repository = format!("{}/x/tiny", registry.host());
    let asked = || {
        let mut command = workspace.command(JSON);
        command.args(["--repository", &repository]);
        command
    };
    let subject = format!("registry {}", registry.host());
    let ran = gaps(Ran::of(&mut asked()));
    let stranger = check(&ran, &subject);
    let text = |key: &str| stranger[key].as_str().unwrap().to_owned();
    assert!(text("message").contains("is not trusted"), "{stranger}");
    assert!(text("advice").contains("`ca` of `[registry."), "{stranger}");
    let ran = Ran::of(asked().env("SSL_CERT_FILE", authority.certificate())).ok();
    assert_eq!(check(&ran, &subject)["status"], "ok");
}

#[test]
fn a_machine_without_rust_is_told_of_it_and_asked_for_the_rest() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let bare = |workspace: &Workspace| Ran::of(workspace.command(JSON).env("PATH", workspace.outside()));
    let ran = gaps(bare(&workspace));
    assert_eq!(checks(&ran), ["rust missing cargo", "rust missing rustc"]);
    // Without anything from cargo, nothing of Rust is wanted.
    std::fs::remove_file(workspace.path("Cargo.toml")).unwrap();
    workspace.write("go.mod", "module example.com/worker\n\ngo 1.21\n");
    workspace.write(
        "gantry.toml",
        "schema = 1\n[image.worker]\ntags = [\"edge\"]\n[binary.worker]\ngo = \".\"\n",
    );
    let ran = gaps(bare(&workspace));
    let found = checks(&ran);
    assert!(found.contains(&"program missing go".to_owned()), "{found:#?}");
    assert!(!found.iter().any(|found| found.starts_with("rust")), "{found:#?}");
}

#[test]
fn an_old_go_is_no_go() {
    use std::os::unix::fs::PermissionsExt;
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    workspace.write(
        "gantry.toml",
        "schema = 1\n[image.worker]\ntags = [\"edge\"]\n[binary.worker]\ngo = \".\"\n",
    );
    let folder = workspace.outside().join("bin");
    std::fs::create_dir(&folder).unwrap();
    let go = folder.join("go");
    for (version, wanted, status) in [
        ("go1.19.8", "1.22", "missing"),
        ("go1.19.8", "1.19", "ok"),
        // Newer ones fetch what a module asks for.
        ("go1.21.0", "1.23", "ok"),
    ] {
        std::fs::write(&go, format!("#!/bin/sh\necho {version}\n")).unwrap();
        std::fs::set_permissions(&go, PermissionsExt::from_mode(0o755)).unwrap();
        workspace.write("go.mod", format!("module example.com/worker\n\ngo {wanted}\n"));
        let ran = Ran::of(
            workspace
                .command(JSON)
                .env("PATH", format!("{}:/usr/bin:/bin", folder.display())),
        );
        assert_eq!(
            check(&ran, "go")["status"],
            status,
            "{version} for {wanted}: {}",
            ran.stdout
        );
    }
    if !std::path::Path::new("/bin/sh").exists() {
        missing("there is no /bin/sh");
    }
}
