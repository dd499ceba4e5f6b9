//! `cargo gantry run`: the program's own streams and exit code.

use std::io::Write;
use std::process::Stdio;

use super::project;
use crate::support::launch::possible;
use crate::support::workspace::Ran;

#[test]
fn streams_arguments_and_exit_code_are_the_programs() {
    if !possible() {
        return;
    }
    let Some(workspace) = project("cmd = [\"3\", \"own\"]\n") else {
        return;
    };
    let own = workspace.run(["run", "--quiet"]);
    assert_eq!(
        (own.code, own.stdout.as_str()),
        (Some(3), "said [\"3\", \"own\"]\n"),
        "{}",
        own.stderr
    );
    assert_eq!(own.stderr, "warned\n");
    let given = workspace.run(["run", "--", "0", "--quiet", "two words"]).ok();
    assert_eq!(given.stdout, "said [\"0\", \"--quiet\", \"two words\"]\n");
    assert!(given.stderr.ends_with("warned\n"), "{}", given.stderr);

    let mut command = workspace.command(["run", "-q", "--", "read"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a line\n").unwrap();
    let read = Ran::from(child.wait_with_output().unwrap()).ok();
    assert_eq!(read.stdout, "said [\"read\"]\nread a line\n");
    let left = std::fs::read_dir(workspace.store().join("roots")).unwrap();
    assert_eq!(left.count(), 0, "roots are gone");
}

#[test]
fn of_several_images_one_must_be_named() {
    let Some(workspace) =
        project("cmd = [\"5\"]\n[image.other]\nplatforms = [\"linux/amd64\"]\nbinaries = [\"tiny\"]\n")
    else {
        return;
    };
    let ran = workspace.run(["run"]).fails(2);
    assert!(
        ran.stderr.contains("tiny") && ran.stderr.contains("--image"),
        "{}",
        ran.stderr
    );
    assert!(!workspace.path("target").exists(), "nothing is compiled before");
    if !possible() {
        return;
    }
    let ran = workspace.run(["run", "--quiet", "--image", "tiny"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(5), "said [\"5\"]\n"),
        "{}",
        ran.stderr
    );
}
