//! Ctrl-C: gone at once, with everybody who was started.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::outside;
use crate::support::workspace::{Ran, Workspace};

/// The variable that tells the processes of a run from all others.
pub(crate) const MARK: &str = "GANTRY_TEST_MARK";

/// Command lines of all processes that carry this mark.
fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let carries = read("environ")
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes());
        if carries {
            found.push(String::from_utf8_lossy(&read("cmdline")).replace('\0', " "));
        }
    }
    found
}

/// Asserts that nobody with this mark lives after `patience`.
pub(crate) fn assert_nobody_left(mark: &str, patience: Duration) {
    let end = Instant::now() + patience;
    loop {
        let left = marked(mark);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "still there: {left:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A build whose build script sleeps, and what happens to it on a signal: the exit code, none if the signal ends us
/// before we can do anything.
fn stopped(signal: Signal, whole_group: bool, code: Option<i32>) {
    if !std::path::Path::new("/proc/self/environ").exists() {
        return outside::missing("processes are looked up in /proc");
    }
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let began = workspace.outside().join("began");
    // The script starts a process of its own: it must go as well.
    let script = format!(
        "fn main() {{\n    std::fs::write({began:?}, \"\").unwrap();\n    \
         std::process::Command::new(\"sleep\").arg(\"300\").status().unwrap();\n}}\n"
    );
    workspace.write("build.rs", script);
    let mark = format!("{}-{}-{whole_group}", std::process::id(), signal.as_raw());
    let mut command = workspace.command(["build", "--quiet"]);
    command
        .env(MARK, &mark)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let end = Instant::now() + Duration::from_secs(120);
    while !(began.exists() && marked(&mark).iter().any(|line| line.starts_with("sleep"))) {
        assert!(Instant::now() < end, "the build script was not reached");
        std::thread::sleep(Duration::from_millis(30));
    }
    let sent = Instant::now();
    match whole_group {
        true => kill_process_group(pid, signal).unwrap(),
        false => kill_process(pid, signal).unwrap(),
    }
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, code, "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(sent.elapsed() < Duration::from_secs(5), "{:?}", sent.elapsed());
    assert_nobody_left(&mark, Duration::from_secs(2));
    crate::whole::store(&workspace.store());
    // And the next run works.
    workspace.write("build.rs", "fn main() {}\n");
    workspace.digest();
}

#[test]
fn ctrl_c_is_told_to_a_machine() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let began = workspace.outside().join("began");
    let script = format!(
        "fn main() {{\n    std::fs::write({began:?}, \"\").unwrap();\n    \
         std::thread::sleep(std::time::Duration::from_secs(300));\n}}\n"
    );
    workspace.write("build.rs", script);
    let mut command = workspace.command(["build", "--message-format", "json"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(120);
    while !began.exists() {
        assert!(Instant::now() < end, "the build script was not reached");
        std::thread::sleep(Duration::from_millis(30));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    let errors: Vec<serde_json::Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|message: &serde_json::Value| message["reason"] == "error")
        .collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["exit-code"], 130);
}

#[test]
fn ctrl_c_to_the_command_alone() {
    stopped(Signal::INT, false, Some(130));
}

#[test]
fn ctrl_c_to_the_foreground_group() {
    stopped(Signal::INT, true, Some(130));
}

#[test]
fn a_polite_end() {
    stopped(Signal::TERM, false, Some(130));
}

#[test]
fn an_end_that_leaves_no_time() {
    stopped(Signal::KILL, true, None);
}
