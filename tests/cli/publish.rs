//! Publishing, as its caller sees it, and as the registry does.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::output::message;
use crate::outside::missing;
use crate::snapshot;
use crate::support::registry::{Act, Auth, Fault, Registry, Setup};
use crate::support::workspace::{Ran, Workspace, std_installed};

/// Every request that would change something.
fn writes(registry: &Registry) -> Vec<String> {
    let mut kinds = registry.kinds();
    kinds.retain(|kind| !kind.starts_with("HEAD") && !kind.starts_with("GET"));
    kinds
}

#[test]
fn a_second_publish_sends_nothing_and_says_so() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let registry = Registry::plain();
    let repository = format!("{}/x/tiny", registry.host());
    let first = workspace.run(["publish", "--repository", &repository]).ok();
    snapshot::assert(
        "publish",
        &workspace,
        &format!("{}--\n{}", first.stdout, first.stderr),
    );
    assert!(first.stdout.starts_with(&format!("{repository}@sha256:")) && first.stdout.lines().count() == 1);
    assert!(!writes(&registry).is_empty());
    registry.clear_log();
    let second = workspace.run(["publish", "--repository", &repository]).ok();
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(writes(&registry), Vec::<String>::new());
    assert!(registry.log().len() <= 2, "{:?}", registry.kinds());
    snapshot::assert("publish_again", &workspace, &second.stderr);
    registry.clear_log();
    let json = ["publish", "--repository", &repository, "--message-format", "json"];
    let third = message(&workspace.run(json).ok().stdout, "published");
    assert_eq!(
        (
            &third["unchanged"],
            &third["blobs-sent"],
            &third["manifests-sent"]
        ),
        (&true.into(), &0.into(), &0.into())
    );
    assert_eq!(writes(&registry), Vec::<String>::new());
}

#[test]
fn a_tag_that_names_something_else_is_exit_9() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let registry = Registry::plain();
    let repository = format!("{}/x/tiny", registry.host());
    workspace.run(["publish", "-q", "--repository", &repository]).ok();
    workspace.write("src/main.rs", "fn main() {\n    println!(\"changed\");\n}\n");
    registry.clear_log();
    let ran = workspace
        .run(["publish", "-q", "--repository", &repository])
        .fails(9);
    snapshot::assert("error_tag_taken", &workspace, &ran.stderr);
    assert_eq!(writes(&registry), Vec::<String>::new());
    workspace
        .run(["publish", "-q", "--repository", &repository, "--replace"])
        .ok();
}

#[test]
fn fewer_platforms_than_declared_are_exit_9_but_there_by_digest() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    if !std_installed("aarch64-unknown-linux-musl") {
        return missing("the standard library for aarch64-unknown-linux-musl is not installed");
    }
    let registry = Registry::plain();
    let repository = format!("{}/x/tiny", registry.host());
    workspace.write(
        "gantry.toml",
        format!("schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\nrepository = \"{repository}\"\n"),
    );
    let ran = workspace.run(["publish", "-q", "--platform", "linux/amd64"]);
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    let digest = ran.stdout.trim().strip_prefix(&format!("{repository}@")).unwrap();
    snapshot::assert("error_partial", &workspace, &ran.stderr);
    registry.store(|store| {
        let stored = store.of("x/tiny");
        assert!(stored.manifests.contains_key(digest) && stored.tags.is_empty());
    });
    let allowed = ["publish", "-q", "--platform", "linux/amd64", "--allow-partial"];
    let again = workspace.run(allowed).ok();
    assert_eq!(again.stdout, ran.stdout);
    assert!(registry.store(|store| store.of("x/tiny").tags.contains_key("1.2.3")));
}

#[test]
fn a_registry_that_is_not_there_is_exit_6_soon() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    // Bound and let go: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let repository = format!("127.0.0.1:{port}/x/tiny");
    workspace.digest();
    let begin = Instant::now();
    let ran = workspace
        .run(["publish", "-q", "--repository", &repository])
        .fails(6);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    snapshot::assert("error_unreachable", &workspace, &ran.stderr);
}

#[test]
fn wrong_or_no_credentials_are_exit_8() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let registry = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        ..Setup::default()
    });
    let repository = format!("{}/x/tiny", registry.host());
    let ran = workspace
        .run(["publish", "-q", "--repository", &repository])
        .fails(8);
    snapshot::assert("error_no_credentials", &workspace, &ran.stderr);
    let with = |password: &str| {
        let login = [
            "publish",
            "-q",
            "--repository",
            &repository,
            "--username",
            "me",
            "--password-stdin",
        ];
        let mut command = workspace.command(login);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(password.as_bytes())
            .unwrap();
        Ran::from(child.wait_with_output().unwrap())
    };
    let ran = with("wrong-secret").fails(8);
    assert!(!ran.stderr.contains("wrong-secret"), "{}", ran.stderr);
    snapshot::assert("error_wrong_password", &workspace, &ran.stderr);
    let ran = with("\n").fails(2);
    assert!(
        ran.stderr.contains("gantry::pipeline::no_password"),
        "{}",
        ran.stderr
    );
    with("hunter2\n").ok();
}

fn git(workspace: &Workspace, line: &str) {
    let mut git = std::process::Command::new("git");
    let ended = git.args(line.split(' ')).current_dir(workspace.root()).status();
    assert!(ended.expect("git runs").success(), "{line}");
}

/// Makes a repository of it, with one commit.
fn commit(workspace: &Workspace) {
    git(workspace, "init --quiet");
    git(workspace, "add .");
    git(
        workspace,
        "-c user.name=a -c user.email=a@h.example -c commit.gpgsign=false commit --quiet -m one",
    );
}

#[test]
fn tags_for_good_of_what_is_in_no_commit_are_told() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let registry = Registry::plain();
    let matrix = format!(
        "schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\nrepository = \"{}/x/tiny\"\ntags = \
         [\"{{version}}\", {{ tag = \"edge\", moves = \"always\" }}]\n",
        registry.host()
    );
    workspace.write("gantry.toml", &matrix);
    commit(&workspace);
    let differ = "files differ from commit";
    assert!(
        !workspace
            .run(["publish", "--dry-run"])
            .ok()
            .stderr
            .contains(differ)
    );
    workspace.write("src/main.rs", "fn main() {\n    println!(\"other\");\n}\n");
    let ran = workspace.run(["publish", "--dry-run"]).ok();
    assert!(
        ran.stderr
            .contains("`1.2.3` will name for good what is published now"),
        "{}",
        ran.stderr
    );
    assert!(
        !workspace.run(["plan"]).stderr.contains(differ),
        "nothing is published"
    );
}

#[test]
fn a_password_in_the_remotes_address_is_not_published() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let address = "https://me:sw0rdfish@git.example/acme/tiny.git?private_token=sw0rdfish";
    commit(&workspace);
    git(&workspace, &format!("remote add origin {address}"));
    let registry = Registry::plain();
    let repository = format!("{}/x/tiny", registry.host());
    let ran = workspace.run(["publish", "--repository", &repository, "-v"]).ok();
    let (mut told, mut stored) = (Vec::new(), Vec::new());
    registry.store(|store| {
        let repository = store.of("x/tiny");
        told.extend(repository.manifests.values().map(|(_, bytes)| bytes.clone()));
        stored.extend(repository.blobs.values().cloned());
    });
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    for bytes in told.iter().chain(&stored) {
        assert!(!holds(bytes, "sw0rdfish"));
    }
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("sw0rdfish"));
    // That the address as such is there shows that this has looked in the right place.
    assert!(
        told.iter()
            .all(|bytes| holds(bytes, "https://git.example/acme/tiny"))
    );
    assert!(
        stored
            .iter()
            .any(|bytes| holds(bytes, "https://git.example/acme/tiny"))
    );
}

/// What is compiled for a registry that lets nobody in is compiled in vain, also where there is but one call to compile it all.
#[test]
fn nothing_is_compiled_to_its_end_for_a_registry_that_lets_nobody_in() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    // Known only once the compiler runs.
    let answer = Arc::new(tokio::sync::Notify::new());
    let registry = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        faults: vec![Fault::first(Act::Wait(answer.clone()))],
        ..Setup::default()
    });
    workspace.write(
        "build.rs",
        "fn main() {\n    std::fs::write(\"began\", \"\").unwrap();\n    \
         std::thread::sleep(std::time::Duration::from_secs(60));\n    \
         std::fs::write(\"compiled\", \"\").unwrap();\n}\n",
    );
    let began = workspace.path("began");
    let saying = std::thread::spawn(move || {
        while !began.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        answer.notify_one();
    });
    let repository = format!("{}/team/tiny", registry.host());
    let ran = workspace
        .run(["publish", "-q", "--tag", "v1", "--repository", &repository])
        .fails(8);
    assert!(
        ran.stderr.contains("gantry::registry::unauthorized"),
        "{}",
        ran.stderr
    );
    saying.join().unwrap();
    assert!(!workspace.path("compiled").exists());
}
