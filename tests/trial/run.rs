//! `run`: the program in our own place.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cargo_gantry::tool::Ended;
use cargo_gantry::trial::{TrialError, Verdict};
use serde_json::json;

use crate::image::{Image, Put, both_ways, owned, probe};
use crate::limits::{gone, running};

const HERE: &str = "linux/amd64";

/// Set for a test's second process, whose streams and end are looked at: the words that it runs.
const INSIDE: &str = "GANTRY_TEST_INSIDE";

/// Starts a test again, with these words.
fn again(name: &str, words: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn with_input(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn streams_and_exit_code_are_the_programs() {
    let name = "run::streams_and_exit_code_are_the_programs";
    if let Ok(words) = std::env::var(INSIDE) {
        let image = Image::with_probe(HERE).unwrap();
        let words: Vec<_> = words.split(' ').collect();
        let ended = image.set().run(Some(&owned(&words))).unwrap();
        let Ended::Code(code) = ended else {
            panic!("{ended:?}");
        };
        std::process::exit(code);
    }
    both_ways(name);
    if probe(tempfile::tempdir().unwrap().path(), HERE, true).is_none() {
        return;
    }
    for (words, code, stdout, stderr) in [
        ("cat exit 7", 7, "over there", ""),
        ("signal 15", 143, "", ""),
        ("signal 11", 139, "", ""),
        ("nonsense", 2, "", "what is nonsense?\n"),
        ("exit 0", 0, "", ""),
    ] {
        let output = with_input(again(name, words), b"over there");
        let (said, complained) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert_eq!(output.status.code(), Some(code), "{words}: {complained}");
        assert!(
            said.ends_with(stdout) && complained == stderr,
            "{said}{complained}"
        );
    }
    let output = with_input(again(name, "show /etc/resolv.conf exit 1"), b"");
    let hosts = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.ends_with(&format!("/etc/resolv.conf: {hosts}\n")), "{said}");
}

#[test]
fn what_cannot_be_started_is_said() {
    both_ways("run::what_cannot_be_started_is_said");
    let Some(mut image) = Image::with_probe(HERE) else {
        return;
    };
    image.layer(&[
        Put::File("bin/plain", 0o644, b"#!/probe\n"),
        Put::File("bin/text", 0o755, b"exit 0\n"),
        Put::File("bin/lost", 0o755, b"#!/bin/none -x\n"),
        Put::File("bin/words", 0o755, b"#! /probe words\n"),
        Put::File(
            "bin/foreign",
            0o755,
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0",
        ),
        Put::File("etc/passwd", 0o644, b"app:x:1:1::/:\n"),
    ]);
    for (entrypoint, user, workdir, code, said) in [
        (vec![], "", "", 127, "it has neither Entrypoint nor Cmd"),
        (
            vec!["none"],
            "",
            "",
            127,
            "`none` is in no folder of its PATH (/bin)",
        ),
        (vec!["/none"], "", "", 127, "`/none` is not in it"),
        (
            vec!["plain"],
            "",
            "",
            127,
            "`plain` is in no folder of its PATH (/bin)",
        ),
        (vec!["/bin/plain"], "", "", 126, "permission denied"),
        (vec!["./plain"], "", "/bin", 126, "permission denied"),
        (vec!["/bin"], "", "", 126, "permission denied"),
        (vec!["text"], "", "", 126, "exec format error"),
        (vec!["lost"], "", "", 127, "`/bin/none` is not in it"),
        (vec!["foreign"], "", "", 126, "for another machine"),
        (
            vec!["/probe"],
            "nobody",
            "",
            126,
            "its user `nobody` is not in its /etc/passwd",
        ),
        (
            vec!["/probe"],
            "",
            "/probe",
            126,
            "its working directory `/probe` is no directory",
        ),
        (vec!["/probe"], "", "home", 126, "is not absolute"),
    ] {
        image.config = json!({ "config": {
            "Entrypoint": entrypoint, "User": user, "WorkingDir": workdir, "Env": ["PATH=/bin"],
        }});
        let error = image.set().run(None).unwrap_err();
        assert!(matches!(error, TrialError::Refused { .. }), "{error:?}");
        assert_eq!(error.exit_code(), Some(code), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    image.config = json!({ "config": { "Entrypoint": ["words"], "Env": ["PATH=/none:/bin"] }});
    match image.smoke(&["exit", "3"]) {
        Verdict::Failed { how, output } => {
            assert_eq!(how, "exit code 2");
            assert!(
                output.contains("[/probe][words][/bin/words][exit][3]\n"),
                "{output}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// What we leave when we are killed: no process, and a folder that the next stage removes.
#[test]
fn our_own_death_leaves_nothing() {
    let name = "run::our_own_death_leaves_nothing";
    if let Ok(folder) = std::env::var(INSIDE) {
        let (folder, mark) = folder.split_once(' ').unwrap();
        let mut image = Image::with_probe(HERE).unwrap();
        image.stages = folder.into();
        let stage = image.set();
        let words = owned(&["leave", "3", "sleep", "600", mark]);
        stage.run(Some(&words)).unwrap();
        return;
    }
    both_ways(name);
    let parent = tempfile::tempdir().unwrap();
    let mark = format!("mark-{}", std::process::id());
    let inside = format!("{} {mark}", parent.path().display());
    let mut child = again(name, &inside).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !running(&mark) {
        assert!(started.elapsed() < Duration::from_secs(60), "never started");
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(gone(&mark));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    let Some(mut image) = Image::with_probe(HERE) else {
        return;
    };
    image.stages = parent.path().into();
    drop(image.set());
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}
