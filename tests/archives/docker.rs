//! Into docker: its API, played on a socket.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::engine::{Engine, Mood, nowhere};
use super::support::missing;
use super::support::registry::{Registry, Setup};
use super::support::workspace::{Ran, Workspace, gantry, std_installed};
use super::{Image, NAMES, lines, project};

const BOTH: &str = "\"linux/amd64\", \"linux/arm64\"";

fn load(workspace: &Workspace, host: &str, more: &[&str]) -> Ran {
    let mut command = workspace.command(["load", "--quiet"]);
    Ran::of(command.args(more).env("DOCKER_HOST", host))
}

#[test]
fn docker_gets_its_platform_under_the_exact_names() {
    let Some(workspace) = project(BOTH) else { return };
    let engine = Engine::start("amd64", Mood::Good);
    let ran = load(&workspace, &engine.host(), &[]).ok();
    let loaded = engine.loaded();
    assert_eq!(loaded.len(), 1, "{loaded:?}");
    assert_eq!(loaded[0].names, NAMES);
    let expected: Vec<(&str, &str)> = NAMES
        .iter()
        .map(|name| (loaded[0].config.as_str(), *name))
        .collect();
    assert_eq!(lines(&ran.stdout), expected);
    // The same image that a build of both has: only this platform was compiled.
    let ran = workspace.run([
        "build",
        "--platform",
        "linux/amd64",
        "-o",
        "oci:out",
        "--message-format",
        "json",
    ]);
    let index = layout_root(&workspace, &ran.ok());
    assert_eq!(index.config, loaded[0].config);
    assert_eq!(index.diff_ids, loaded[0].diff_ids);
    let ran = load(
        &workspace,
        &engine.host(),
        &["--into", "docker", "--message-format", "json"],
    )
    .ok();
    let result = ran
        .stdout
        .lines()
        .find(|line| line.contains("\"reason\":\"loaded\""))
        .unwrap();
    let result: serde_json::Value = serde_json::from_str(result).unwrap();
    assert_eq!(
        (&result["runtime"], &result["platform"]),
        (&"docker".into(), &"linux/amd64".into())
    );
}

/// The one image of the one platform in `out`.
fn layout_root(workspace: &Workspace, _: &Ran) -> Image {
    let folder = workspace.path("out");
    let read = |path: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join(path)).unwrap()).unwrap()
    };
    let index = super::text(&read("index.json")["manifests"][0]["digest"]);
    let index = read(&format!(
        "blobs/sha256/{}",
        index.strip_prefix("sha256:").unwrap()
    ));
    Image::in_layout(&folder, &super::text(&index["manifests"][0]["digest"]))
}

#[test]
fn what_docker_says_of_a_failure_is_shown() {
    let Some(workspace) = project("\"linux/amd64\"") else {
        return;
    };
    large(&workspace);
    for (mood, expected) in [
        (
            Mood::Late,
            "docker failed to load the image: invalid diffID for layer 0",
        ),
        (
            Mood::Refusing,
            "docker failed to load the image: no space left on device",
        ),
        (
            Mood::Forgetful,
            "docker failed to find `registry.example/acme/tiny:1.2.3`",
        ),
    ] {
        let engine = Engine::start("amd64", mood);
        let ran = load(&workspace, &engine.host(), &[]).fails(4);
        assert!(
            unwrapped(&ran.stderr).contains(expected),
            "{expected}: {}",
            ran.stderr
        );
    }
}

/// More than a socket holds: who does not read stops the writer.
fn large(workspace: &Workspace) {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    workspace.write("noise", (0..8 << 20).map(|_| noise()).collect::<Vec<u8>>());
    let matrix = std::fs::read_to_string(workspace.path("gantry.toml")).unwrap();
    let file = "\n[[image.tiny.files]]\nfrom = \"noise\"\nto = \"/noise\"\n";
    workspace.write("gantry.toml", matrix + file);
}

#[test]
fn platforms_are_chosen_before_anything_is_compiled() {
    let Some(workspace) = project(BOTH) else { return };
    let engine = Engine::start("s390x", Mood::Good);
    let ran = load(&workspace, &engine.host(), &[]).fails(3);
    let said = unwrapped(&ran.stderr);
    assert!(
        said.contains("docker runs linux/s390x, and image `tiny` is for linux/amd64, linux/arm64"),
        "{said}"
    );
    // Go's word for Arm does not say which: the kernel's does.
    let arm = Engine::start("arm", Mood::Good);
    let ran = load(&workspace, &arm.host(), &[]).fails(3);
    assert!(
        unwrapped(&ran.stderr).contains("docker runs linux/arm/v6"),
        "{}",
        ran.stderr
    );
    assert!(!workspace.path("target").exists());
    let mut command = workspace.command(["load", "--platform", "linux/amd64"]);
    let ran = Ran::of(command.env("DOCKER_HOST", engine.host())).ok();
    assert!(
        ran.stderr
            .contains("docker runs linux/s390x: what is loaded for linux/amd64 may not start")
    );
    assert_eq!(engine.loaded().len(), 1);
    load(
        &workspace,
        &engine.host(),
        &["--platform", "linux/amd64,linux/arm64"],
    )
    .fails(2);
}

#[test]
fn images_that_are_there_already_are_loaded() {
    let Some(workspace) = project(BOTH) else {
        return;
    };
    if !std_installed("aarch64-unknown-linux-musl") {
        return missing("the standard library for aarch64-unknown-linux-musl is not installed");
    }
    let outputs = [
        "build",
        "--quiet",
        "-o",
        "docker-archive:{arch}.tar",
        "-o",
        "oci-archive:both.tar",
        "-o",
        "oci:out",
    ];
    let ran = workspace.run(outputs).ok();
    let arm = Image::built(&workspace, lines(&ran.stdout)[2].0);
    let registry = Registry::start(Setup::default());
    let repository = format!("{}/acme/tiny", registry.host());
    workspace
        .run(["publish", "--quiet", "--repository", &repository])
        .ok();
    let published = format!("{repository}:latest");
    for (named, more, names) in [
        ("docker-archive:arm64.tar", vec![], NAMES.to_vec()),
        (
            "docker-archive:arm64.tar:registry.example/acme/tiny:latest",
            vec!["--tag", "dev"],
            vec!["registry.example/acme/tiny:dev"],
        ),
        (
            "oci-archive:both.tar",
            vec!["--repository", "x/y"],
            vec!["x/y:1.2.3"],
        ),
        ("oci-archive:both.tar:1.2.3", vec![], vec!["tiny:1.2.3"]),
        ("oci:out", vec![], vec!["tiny:1.2.3"]),
        ("oci:out:5", vec![], vec![]),
        (&published, vec![], vec![&published]),
    ] {
        let engine = Engine::start("arm64", Mood::Good);
        let mut command = workspace.command(["load", "--quiet", named]);
        let ran = Ran::of(command.args(&more).env("DOCKER_HOST", engine.host()));
        if names.is_empty() {
            ran.fails(2);
            continue;
        }
        let ran = ran.ok();
        let loaded = engine.loaded();
        assert_eq!(loaded[0].names, names, "{named}");
        assert_eq!(
            (&loaded[0].config, &loaded[0].diff_ids),
            (&arm.config, &arm.diff_ids),
            "{named}"
        );
        let expected: Vec<(&str, &str)> = names.iter().map(|name| (arm.config.as_str(), *name)).collect();
        assert_eq!(lines(&ran.stdout), expected, "{named}");
    }
    let engine = Engine::start("amd64", Mood::Good);
    let load = |more: &[&str]| load(&workspace, &engine.host(), more);
    load(&["docker-archive:arm64.tar"]).fails(3);
    load(&["docker-archive:arm64.tar", "--platform", "linux/arm64"]).ok();
    load(&["oci-archive:both.tar", "--platform", "linux/s390x"]).fails(2);
    assert_eq!(engine.loaded().len(), 1);
    // What is there is told, whatever becomes of the next one.
    let ran = load(&["oci-archive:both.tar", "oci:nowhere"]);
    assert_eq!(
        (ran.code, lines(&ran.stdout).len()),
        (Some(2), 1),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_missing_docker_is_told_from_one_that_is_shut() {
    let folder = tempfile::tempdir().unwrap();
    let load = |host: &str, path: &str, into: &[&str]| {
        let mut command = gantry(folder.path());
        command
            .arg("load")
            .args(into)
            .env("DOCKER_HOST", host)
            .env("PATH", path);
        Ran::of(&mut command)
    };
    let nowhere = nowhere(folder.path());
    let dead = folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let dead = format!("unix://{}", dead.display());
    for (host, into, code, expected) in [
        (nowhere.as_str(), &[][..], 4, "no container runtime was found"),
        (
            nowhere.as_str(),
            &["--into", "docker"][..],
            4,
            "docker does not answer at",
        ),
        (
            dead.as_str(),
            &["--into", "docker"][..],
            4,
            "docker does not answer at",
        ),
        (
            nowhere.as_str(),
            &["--into", "podman"][..],
            4,
            "program `podman` not found",
        ),
        (
            nowhere.as_str(),
            &["--into", "k3s"][..],
            4,
            "program `k3s` not found",
        ),
        (
            "tcp://10.0.0.1:2375",
            &[][..],
            4,
            "DOCKER_HOST names docker at `tcp://10.0.0.1:2375`",
        ),
        (
            nowhere.as_str(),
            &["--into", "cri-o"][..],
            2,
            "`cri-o` is no container runtime",
        ),
    ] {
        let ran = load(host, "/nonexistent", into).fails(code);
        assert!(
            unwrapped(&ran.stderr).contains(expected),
            "{expected}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_socket_that_others_own_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    // Root may do everything: for root, the command runs as somebody else, from where anybody may start it.
    let program = folder.path().join("cargo-gantry");
    std::fs::copy(env!("CARGO_BIN_EXE_cargo-gantry"), &program).unwrap();
    let root = super::said(Command::new("id").arg("-u")) == "0";
    let mut command = if root {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .arg(&program);
        command
    } else {
        Command::new(&program)
    };
    command
        .args(["gantry", "load", "--into", "docker"])
        .current_dir("/");
    let ran = Ran::of(command.env("DOCKER_HOST", format!("unix://{}", socket.display()))).fails(8);
    let said = unwrapped(&ran.stderr);
    assert!(said.contains("you may not use the socket of docker"), "{said}");
    assert!(said.contains("usermod -aG docker"), "{said}");
}

/// An error without the breaks of its lines.
fn unwrapped(stderr: &str) -> String {
    let words = stderr
        .split_whitespace()
        .filter(|word| !["│", "×", "╰─▶"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}
