//! `check` of what others made: what it says, and what it must not say.

use std::fs;
use std::process::Command;

use crate::support::workspace::{Ran, Workspace};

/// `check` with these arguments, in a folder that is no project.
fn check<const N: usize>(workspace: &Workspace, arguments: [&str; N]) -> Ran {
    let mut command = workspace.command(["check"]);
    let cache = workspace.path("cache");
    Ran::of(command.args(arguments).env("XDG_CACHE_HOME", cache))
}

#[test]
fn a_program_is_held_against_a_base_as_it_would_be_built() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    let own = std::env::current_exe().unwrap();
    let ran = check(&workspace, ["--base", "static", own.to_str().unwrap()]);
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert!(ran.stdout.contains("deny interpreter"), "{}", ran.stdout);
    // An image of ours on this base would run as 65532.
    assert!(!ran.stdout.contains("warn root"), "{}", ran.stdout);
    // Nothing of it stands in a matrix.
    assert!(!ran.stderr.contains("gantry.toml"), "{}", ran.stderr);
}

#[test]
fn programs_that_cannot_be_read_are_exit_2() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    workspace.write("script", "#!/bin/sh\n");
    workspace.write("broken", "\x7fELF");
    let pipe = Command::new("mkfifo").arg(workspace.path("pipe")).status();
    assert!(pipe.unwrap().success());
    for program in ["nothing", "broken", "script", ".", "pipe"] {
        let ran = check(&workspace, ["--base", "static", program]).fails(2);
        assert!(ran.stderr.contains(program), "{}", ran.stderr);
    }
}

#[test]
fn an_index_without_images_does_not_fit() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let digest = cargo_gantry::spec::Digest::of(index.as_bytes());
    workspace.write("base/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    workspace.write(&format!("base/blobs/sha256/{}", digest.hex()), index);
    let entry = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{digest}","size":{}}}]}}"#,
        index.len()
    );
    workspace.write("base/index.json", entry);
    let own = std::env::current_exe().unwrap();
    for arguments in [
        vec!["oci:base"],
        vec!["--base", "oci:base", own.to_str().unwrap()],
    ] {
        let mut command = workspace.command(["check"]);
        let ran = Ran::of(command.args(arguments)).fails(2);
        assert!(ran.stderr.contains("has no image at all"), "{}", ran.stderr);
    }
    assert!(fs::exists(workspace.path("base/index.json")).unwrap());
}

#[test]
fn a_base_that_is_none_is_a_wrong_argument() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    let own = std::env::current_exe().unwrap();
    for base in ["nope:", "oci:nothing"] {
        check(&workspace, ["--base", base, own.to_str().unwrap()]).fails(2);
        // Alone it is an image, and not a base.
        let ran = check(&workspace, [base]).fails(2);
        assert!(!ran.stderr.contains(" base "), "{}", ran.stderr);
    }
}

#[test]
fn transports_of_others_are_not_asked_of_a_registry() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    let ran = check(&workspace, ["docker-archive:x.tar"]).fails(2);
    assert!(
        ran.stderr.contains("skopeo copy docker-archive:x.tar"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_platform_that_is_not_there_is_exit_2() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.run(["build", "-q", "-o", "oci:out"]).ok();
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    let other = ["--platform", "linux/s390x"];
    check(&workspace, ["oci:out", "--platform", "linux/amd64"]).ok();
    let ran = check(&workspace, ["oci:out", other[0], other[1]]).fails(2);
    assert!(ran.stderr.contains("is for linux/amd64"), "{}", ran.stderr);
    for base in ["static", "oci:out"] {
        let ran = check(&workspace, ["--base", base, own, other[0], other[1]]).fails(2);
        assert!(
            ran.stderr.contains("is no program for linux/s390x"),
            "{}",
            ran.stderr
        );
    }
    // Nothing is chosen by what images of a project have.
    for word in ["--image", "--tag", "--repository"] {
        check(&workspace, ["oci:out", word, "x"]).fails(2);
    }
}

#[test]
fn what_was_found_is_shown_before_the_next_is_looked_at() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.run(["build", "-q", "-o", "oci:out"]).ok();
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    let ran = check(&workspace, ["oci:out", "oci:nowhere"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("oci:out linux/amd64: "), "{}", ran.stdout);
    let ran = check(&workspace, ["--base", "static", own, "nothing"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stdout.starts_with(own), "{}", ran.stdout);
}
