//! `kill -9` at every event, and inside cargo.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer, Silent};
use cargo_gantry::pipeline::{Access, Gantry, Request, Terms};
use cargo_gantry::tool::Tools;
use rustix::process::{Signal, getpid, kill_process};

use crate::outside::{child, role};
use crate::support::registry::Registry;
use crate::support::workspace::{Workspace, settled};
use crate::{interrupt, whole};

/// Ends this process, as nothing can be prepared for, when it is told for the `at`-th time.
struct End {
    at: usize,
    told: AtomicUsize,
}

impl End {
    fn at(at: usize) -> Arc<Self> {
        let told = AtomicUsize::new(0);
        Arc::new(Self { at, told })
    }

    fn count(&self) {
        if self.told.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            kill_process(getpid(), Signal::KILL).unwrap();
            // The signal may reach another thread first.
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}

impl Observer for End {
    fn event(&self, event: &Event<'_>) {
        if matches!(
            event,
            Event::UploadStarted { .. }
                | Event::UploadProgress { .. }
                | Event::UploadFinished { .. }
                | Event::ManifestPushed { .. }
        ) {
            self.count();
        }
    }
}

fn tools() -> Tools {
    Tools::new(Environment::capture().unwrap())
}

/// Runs the named test as a child in `workspace`, to its end or ours.
fn run(name: &str, role: &str, workspace: &Workspace) -> ExitStatus {
    let mut child = child(name, role);
    settled(&mut child);
    child
        .env(crate::outside::ROLE, role)
        .current_dir(workspace.root());
    child.stdout(Stdio::null()).stderr(Stdio::null());
    let status = child.status().unwrap();
    assert!(
        status.success() || status.signal() == Some(Signal::KILL.as_raw()),
        "{role}: {status}"
    );
    status
}

#[test]
fn at_every_event_of_the_store() {
    const NAME: &str = "kill::at_every_event_of_the_store";
    if let Some(role) = role() {
        let end = End::at(role.parse().unwrap());
        let gantry = Gantry::new(tools(), Arc::new(Silent)).with_faults(Arc::new(move |_| end.count()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(gantry.build(&Request::default())).unwrap();
        return;
    }
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write("data/x", "some data");
    workspace.write("gantry.toml", WITH_FILES);
    let expected = workspace.digest();
    let mut events = 0;
    loop {
        events += 1;
        fs::remove_dir_all(workspace.store()).unwrap();
        let ended = run(NAME, &events.to_string(), &workspace);
        whole::store(&workspace.store());
        if ended.success() {
            break;
        }
        // Again on what was left, then to the end.
        run(NAME, &events.to_string(), &workspace);
        whole::store(&workspace.store());
        assert_eq!(workspace.digest(), expected, "event {events}");
        whole::store(&workspace.store());
        assert_eq!(whole::entries(&workspace.store()), 1, "event {events}");
        let left = fs::read_dir(workspace.store().join(".unfinished"));
        assert_eq!(left.unwrap().count(), 0, "event {events}");
    }
    println!("killed at {} events of the store", events - 1);
    assert!(events > 30, "only {events} events");
}

const WITH_FILES: &str = r#"
schema = 1

[image.tiny]
platforms = ["linux/amd64"]
tags = ["{version}", { tag = "latest", moves = "always" }]
files = [{ from = "data/", to = "/srv/" }]
"#;

#[test]
fn at_every_event_of_the_registry() {
    const NAME: &str = "kill::at_every_event_of_the_registry";
    if let Some(role) = role() {
        let (host, at) = role.split_once(' ').unwrap();
        let gantry = Gantry::new(tools(), End::at(at.parse().unwrap()));
        let request = Request {
            repositories: vec![format!("{host}/x/tiny")],
            ..Request::default()
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let built = runtime.block_on(gantry.build(&request)).unwrap();
        runtime
            .block_on(gantry.publish(&built, &Access::default(), &Terms::default()))
            .unwrap();
        return;
    }
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write("data/x", "some data");
    workspace.write("gantry.toml", WITH_FILES);
    let expected = workspace.digest();
    let mut events = 0;
    loop {
        events += 1;
        let registry = Registry::plain();
        let role = format!("{} {events}", registry.host());
        let ended = run(NAME, &role, &workspace);
        whole::registry(&registry, "x/tiny");
        if ended.success() {
            break;
        }
        run(NAME, &role, &workspace);
        whole::registry(&registry, "x/tiny");
        let repository = format!("{}/x/tiny", registry.host());
        let ran = workspace
            .run(["publish", "--quiet", "--repository", &repository])
            .ok();
        assert_eq!(ran.stdout, format!("{repository}@{expected}\n"), "event {events}");
        whole::registry(&registry, "x/tiny");
        for tag in ["1.2.3", "latest"] {
            assert_eq!(
                whole::tag(&registry, "x/tiny", tag).as_ref(),
                Some(&expected),
                "event {events}"
            );
        }
    }
    println!("killed at {} events of the registry", events - 1);
    assert!(events > 12, "only {events} events");
}

#[test]
fn at_ten_moments_inside_cargo() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write("build.rs", BUILD_SCRIPT);
    workspace.write(
        "src/lib.rs",
        "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n",
    );
    workspace.write(
        "src/main.rs",
        "fn main() {\n    println!(\"{}\", tiny::made(41));\n}\n",
    );
    let target = workspace.path("target");
    let begin = Instant::now();
    let expected = workspace.digest();
    let mut longest = begin.elapsed();
    let mut state: u32 = 20_261_121;
    let (mut killed, mut tries) = (0, 0);
    // A run that was over before its moment does not count.
    while killed < 10 {
        tries += 1;
        assert!(tries < 40, "only {killed} of {tries} runs were killed");
        fs::remove_dir_all(&target).unwrap();
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let after = longest.mul_f64(f64::from(state >> 8) / f64::from(1 << 24));
        let mark = format!("{}-{tries}", std::process::id());
        let mut child = workspace.command(["build", "--quiet"]);
        child
            .env(interrupt::MARK, &mark)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let begin = Instant::now();
        let mut child = child.process_group(0).spawn().unwrap();
        while begin.elapsed() < after && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        if child.wait().unwrap().signal().is_none() {
            longest = longest.min(begin.elapsed());
            continue;
        }
        killed += 1;
        // At once: compilers that were orphaned may still be at work.
        assert_eq!(workspace.digest(), expected, "try {tries}, after {after:?}");
        whole::store(&workspace.store());
        interrupt::assert_nobody_left(&mark, Duration::from_secs(20));
    }
    println!("killed at 10 moments within {longest:?}");
}

/// Makes enough code that the compiler is busy for a while.
const BUILD_SCRIPT: &str = r#"
use std::fmt::Write;

fn main() {
    let mut text = String::new();
    for n in 0..40 {
        writeln!(text, "pub fn f{n}(x: u64) -> String {{ let v: Vec<u64> = (0..x).map(|y| y * {n}).collect(); format!(\"{{v:?}}\") }}").unwrap();
    }
    writeln!(text, "pub fn made(x: u64) -> usize {{ let mut n = 0;").unwrap();
    for n in 0..40 {
        writeln!(text, "n += f{n}(x).len();").unwrap();
    }
    writeln!(text, "n }}").unwrap();
    let path = std::path::Path::new(&std::env::var_os("OUT_DIR").unwrap()).join("made.rs");
    std::fs::write(path, text).unwrap();
}
"#;
