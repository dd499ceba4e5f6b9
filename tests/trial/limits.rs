//! What a program that is tried may use, and that nothing of it is left.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use cargo_gantry::tool::ToolError;
use cargo_gantry::trial::{Limits, TrialError, Verdict};

use crate::image::{Image, both_ways, owned, tools};

const HERE: &str = "linux/amd64";

#[test]
fn a_limit_that_is_met_is_named() {
    both_ways("limits::a_limit_that_is_met_is_named");
    let Some(image) = Image::with_probe(HERE) else {
        return;
    };
    let stage = image.set();
    let limits = Limits {
        time: Some(Duration::from_secs(60)),
        memory: 64 << 20,
        output: 1 << 20,
        kept: 100,
    };
    let short = Limits {
        time: Some(Duration::from_secs(1)),
        ..limits
    };
    for (words, expected) in [
        (vec!["sleep", "60"], "it did not end within 1 second"),
        (vec!["close", "sleep", "60"], "it did not end within 1 second"),
        (vec!["write-on"], "it wrote more than 1 MiB"),
        (
            vec!["fill", "100"],
            "exit code 9; each of its processes may have 64 MiB of memory",
        ),
        (vec!["signal", "11"], "signal 11 (SIGSEGV)"),
        (vec!["signal", "15"], "signal 15"),
        (vec!["exit", "127"], "exit code 127"),
    ] {
        let limits = if expected.ends_with("1 second") {
            short
        } else {
            limits
        };
        match stage.smoke(&owned(&words), &limits).unwrap() {
            Verdict::Failed { how, output } => {
                assert_eq!(how, expected, "{words:?}");
                assert!(output.len() <= 100, "{output}");
            }
            other => panic!("{words:?}: {other:?}"),
        }
    }
    for words in [vec!["fill", "40"], vec!["reserve", "100000"]] {
        assert_eq!(
            stage.smoke(&owned(&words), &limits).unwrap(),
            Verdict::Passed,
            "{words:?}"
        );
    }
}

#[test]
fn there_is_no_network_but_its_own() {
    both_ways("limits::there_is_no_network_but_its_own");
    let Some(image) = Image::with_probe(HERE) else {
        return;
    };
    let said = image.said(&["reach", "127.0.0.1", "reach", "192.0.2.1"]);
    assert_eq!(said, "127.0.0.1: reached\n192.0.2.1: Network unreachable\n");
}

#[test]
fn nothing_of_the_host_is_seen() {
    both_ways("limits::nothing_of_the_host_is_seen");
    let Some(image) = Image::with_probe(HERE) else {
        return;
    };
    let names = [
        "/etc/passwd",
        "/etc/resolv.conf",
        "/etc/hosts",
        "/proc/1/comm",
        "/dev/null",
        "/root",
    ];
    let words: Vec<_> = names.iter().flat_map(|name| ["show", *name]).collect();
    let said = image.said(&words);
    let expected = "/etc/passwd: No such file or directory\n\
                    /etc/resolv.conf: \n\
                    /etc/hosts: 127.0.0.1\tlocalhost\n::1\tlocalhost\n\n\
                    /proc/1/comm: sh\n\n\
                    /dev/null: \n\
                    /root: No such file or directory\n";
    assert_eq!(said, expected);
    let said = image.said(&["env"]);
    assert!(!said.contains("SECRET"), "{said}");
    // Neither what lies there, nor the way that a command took.
    let said = image.said(&["show", "/proc/self/environ"]);
    assert!(!said.contains("SECRET") && !said.contains("ENTERED"), "{said}");
    let mounts = image.said(&["write", "/dev/null", "write", "/new", "show", "/new"]);
    assert_eq!(mounts, "/dev/null: written\n/new: written\n/new: x\n");
}

/// Root inside may be root outside: what is lent by the host stays as it is, and so do the settings of its kernel.
#[test]
fn nothing_of_the_host_is_changed() {
    both_ways("limits::nothing_of_the_host_is_changed");
    let Some(image) = Image::with_probe(HERE) else {
        return;
    };
    let said = image.said(&["mode", "/dev/null", "mode", "/dev/full", "mode", "/dev/shm"]);
    assert_eq!(said, "/dev/null: kept\n/dev/full: kept\n/dev/shm: changed\n");
    // A name that is a namespace's own: the test would harm nobody.
    let said = image.said(&["write", "/proc/sys/kernel/domainname"]);
    assert!(!said.contains("written"), "{said}");
}

/// The first process is in the host's root, and knows where things lie there.
#[test]
fn the_first_process_keeps_to_itself() {
    both_ways("limits::the_first_process_keeps_to_itself");
    let Some(image) = Image::with_probe(HERE) else {
        return;
    };
    let said = image.said(&["show", "/proc/1/environ", "show", "/proc/1/root/etc/passwd"]);
    assert_eq!(
        said,
        "/proc/1/environ: Permission denied\n/proc/1/root/etc/passwd: Permission denied\n"
    );
}

/// Children in sessions of their own, deaf to every signal, end with the program that left them.
#[test]
fn no_process_stays() {
    both_ways("limits::no_process_stays");
    let Some(image) = Image::with_probe(HERE) else {
        return;
    };
    let stage = image.set();
    // What is in no other command line of this machine.
    let mark = format!("mark-{}", std::process::id());
    let words = owned(&["leave", "20", "exit", "0", &mark]);
    assert_eq!(stage.smoke(&words, &Limits::default()).unwrap(), Verdict::Passed);
    assert!(gone(&mark), "after its end");
    let limits = Limits {
        time: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    let words = owned(&["leave", "20", "sleep", "60", &mark]);
    let verdict = stage.smoke(&words, &limits).unwrap();
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    assert!(gone(&mark), "after its time");
    drop(stage);
    assert_eq!(fs::read_dir(&image.stages).unwrap().count(), 0);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let folder = image.folder.path().to_str().unwrap();
    assert!(!mounts.contains(folder), "{mounts}");
}

#[test]
fn a_cancel_ends_it() {
    both_ways("limits::a_cancel_ends_it");
    let Some(image) = Image::with_probe(HERE) else {
        return;
    };
    let tools = tools();
    let stage = image.set_with(&tools).unwrap().unwrap();
    let mark = format!("mark-{}", std::process::id());
    let started = Instant::now();
    let canceller = {
        let mark = mark.clone();
        thread::spawn(move || {
            while !running(&mark) {
                assert!(started.elapsed() < Duration::from_secs(60), "never started");
                thread::sleep(Duration::from_millis(20));
            }
            tools.cancel();
        })
    };
    let words = owned(&["leave", "3", "sleep", "600", &mark]);
    let limits = Limits {
        time: Some(Duration::from_secs(300)),
        ..Limits::default()
    };
    let error = stage.smoke(&words, &limits).unwrap_err();
    canceller.join().unwrap();
    let cancelled = matches!(error, TrialError::Tool(ToolError::Cancelled { .. }));
    assert!(cancelled, "{error:?}");
    assert!(gone(&mark));
    drop(stage);
    assert_eq!(fs::read_dir(&image.stages).unwrap().count(), 0);
}

/// Whether a process with this word in its command line runs.
pub(crate) fn running(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()))
}

/// Whether no such process runs, some seconds from now at the latest.
pub(crate) fn gone(mark: &str) -> bool {
    (0..100).any(|_| {
        thread::sleep(Duration::from_millis(50));
        !running(mark)
    })
}
