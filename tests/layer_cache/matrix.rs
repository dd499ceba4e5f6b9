//! A matrix of ready programs that is built again: what is opened, packed and told then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer, Stage};
use cargo_gantry::pipeline::{Built, Gantry, Request};
use cargo_gantry::tool::Tools;

use super::support::prebuilt::{Prebuilt, amd64, arm64};
use super::support::{missing, outside};

const MATRIX: &str = r#"schema = 1

[binary.app]
path = "dist/{os}/{arch}/app"

[binary.other]
path = "other/{os}/{arch}/app"

[defaults]
platforms = ["linux/amd64", "linux/arm64"]
files = [{ from = "data/", to = "/srv/data/" }]

[image.one]
binaries = ["app"]
# Told each time: a warning.
user = "0:0"

[image.two]
binaries = ["other"]
"#;

/// What was told of packing, and all that is for people.
#[derive(Default)]
struct Told {
    packed: Vec<String>,
    spans: usize,
    said: Vec<String>,
}

#[derive(Default)]
struct Listener(Mutex<Told>);

impl Observer for Listener {
    fn event(&self, event: &Event<'_>) {
        let mut told = self.0.lock().unwrap();
        match event {
            Event::PackStarted { image, platform, .. } => told.packed.push(format!("{image} {platform}")),
            // To look for a layer is no packing.
            Event::SpanBegan {
                stage: Stage::Pack,
                what,
                ..
            } if !what.ends_with(": looked for") => told.spans += 1,
            Event::Packed { .. } | Event::Finding { .. } | Event::Notice { .. } | Event::Warning { .. } => {
                told.said.push(format!("{event:?}"));
            }
            _ => {}
        }
    }
}

/// What came of one build.
#[derive(Debug)]
struct Run {
    packed: Vec<String>,
    spans: usize,
    said: Vec<String>,
    digests: BTreeMap<String, String>,
    sizes: String,
}

fn built(root: &Path) -> Run {
    let path = std::env::var_os("PATH").unwrap();
    let tools = Tools::new(
        Environment::empty(root)
            .with("PATH", path)
            .with("HOME", root.join("home")),
    );
    let listener = Arc::new(Listener::default());
    let gantry = Gantry::new(tools, Arc::clone(&listener) as Arc<dyn Observer>);
    let request = Request {
        matrix: Some(PathBuf::from("gantry.toml")),
        ..Request::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let built: Built = runtime.block_on(gantry.build(&request)).unwrap();
    let digest =
        |image: &cargo_gantry::pipeline::BuiltImage| (image.name.clone(), image.digest().to_string());
    let digests = built.images.iter().map(digest).collect();
    let sizes: Vec<_> = built.images.iter().map(|image| &image.sizes).collect();
    let mut told = std::mem::take(&mut *listener.0.lock().unwrap());
    told.packed.sort();
    told.said.sort();
    Run {
        packed: told.packed,
        spans: told.spans,
        said: told.said,
        digests,
        sizes: format!("{sizes:?}"),
    }
}

fn project() -> Option<Prebuilt> {
    let project = Prebuilt::new(MATRIX)?;
    for folder in ["dist", "other"] {
        project.write(
            &format!("{folder}/linux/amd64/app"),
            amd64(&format!("{folder}\n")),
        );
        project.write(
            &format!("{folder}/linux/arm64/app"),
            arm64(&format!("{folder}\n")),
        );
    }
    project.write("data/a", "some data");
    // Nothing of it is committed: whether the folder is as the commit has it would be in the images.
    Some(project)
}

/// Until what was written counts as left alone.
fn settle() {
    std::thread::sleep(Duration::from_millis(50));
}

/// What a store that knows nothing gives.
fn from_nothing(project: &Prebuilt) -> Run {
    let (store, aside) = (project.root().join(".gantry"), project.outside().join("aside"));
    fs::rename(&store, &aside).unwrap();
    let run = built(&project.root());
    fs::remove_dir_all(&store).unwrap();
    fs::rename(&aside, &store).unwrap();
    run
}

#[test]
fn what_is_built_again_is_neither_packed_nor_told_otherwise() {
    let Some(project) = project() else { return };
    let root = project.root();
    settle();
    let first = built(&root);
    assert_eq!(first.packed.len(), 4, "{first:?}");
    assert!(first.spans >= 4);
    assert!(
        first.said.iter().any(|said| said.contains("Finding")),
        "{:?}",
        first.said
    );
    let again = built(&root);
    assert_eq!((again.packed.len(), again.spans), (0, 0), "{again:?}");
    assert_eq!(again.digests, first.digests);
    assert_eq!(again.sizes, first.sizes);
    assert_eq!(again.said, first.said);

    // One of four programs.
    let program = root.join("other/linux/arm64/app");
    let before = fs::metadata(&program).unwrap();
    project.write("other/linux/arm64/app", arm64("OTHER\n"));
    super::set_times(&program, &before);
    let changed = built(&root);
    assert_eq!(changed.packed, ["two linux/arm64"]);
    assert_eq!(changed.spans, 1);
    assert_eq!(changed.digests["one"], first.digests["one"]);
    assert_eq!(changed.digests, from_nothing(&project).digests);
    assert_ne!(changed.digests["two"], first.digests["two"]);

    // Other times, and the same content.
    let now = fs::FileTimes::new().set_modified(std::time::SystemTime::now());
    let file = fs::File::open(root.join("dist/linux/amd64/app")).unwrap();
    file.set_times(now).unwrap();
    let touched = built(&root);
    assert_eq!((touched.packed.len(), touched.spans), (0, 0), "{touched:?}");
    assert_eq!(touched.digests, changed.digests);
}

type Change = fn(&Prebuilt);

/// What the layers, the checks or the config depend on beside the programs.
const CHANGES: [(&str, bool, Change); 9] = [
    ("nothing", true, |_| ()),
    ("a file more", false, |project| project.write("data/b", "more")),
    ("a file less", false, |project| {
        fs::remove_file(project.root().join("data/b")).unwrap()
    }),
    ("a file of the same size", false, |project| {
        project.write("data/a", "same size")
    }),
    ("a file that may be run", false, |project| {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(project.root().join("data/a"), mode).unwrap();
    }),
    ("rules of git", false, |project| {
        project.write("data/.gitignore", "a\n")
    }),
    ("a user", false, |project| {
        edit(project, "user = \"0:0\"", "user = \"5:5\"")
    }),
    ("the compression", false, |project| {
        edit(project, "[defaults]", "[defaults]\ncompression = \"zstd\"");
    }),
    ("where it goes", false, |project| {
        edit(
            project,
            "\"other\"]",
            "{ binary = \"other\", dest = \"/opt/other\" }]",
        );
    }),
];

fn edit(project: &Prebuilt, from: &str, to: &str) {
    let path = project.root().join("gantry.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn whatever_changes_the_result_is_what_a_new_store_gives() {
    let Some(project) = project() else { return };
    settle();
    let mut last = built(&project.root());
    for (name, same, change) in CHANGES {
        change(&project);
        let run = built(&project.root());
        let fresh = from_nothing(&project);
        assert_eq!(run.digests, fresh.digests, "{name}");
        assert_eq!(run.sizes, fresh.sizes, "{name}");
        assert_eq!(run.said, fresh.said, "{name}");
        assert_eq!(run.digests == last.digests, same, "{name}");
        last = run;
    }
}

/// Told by the kernel: which files the second run opens.
#[test]
fn a_program_that_did_not_change_is_not_opened() {
    let version = Command::new("strace").arg("--version").output();
    if outside(version, "strace", "strace").is_none() {
        return;
    }
    let Some(project) = project() else { return };
    settle();
    let trace = project.outside().join("trace");
    let opened = || {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=openat,open,openat2", "-o"]);
        command.arg(&trace).arg(env!("CARGO_BIN_EXE_cargo-gantry"));
        command.args(["build", "--quiet", "--matrix", "gantry.toml"]);
        let home = project.outside().join("home");
        let said = command
            .current_dir(project.root())
            .env("HOME", home)
            .output()
            .unwrap();
        if !said.status.success() {
            let text = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(
                text.contains("ptrace") || text.contains("not permitted"),
                "{text}"
            );
            missing("strace may not trace here");
            return None;
        }
        let text = fs::read_to_string(&trace).unwrap();
        let programs = ["/dist/linux/", "/other/linux/"];
        let opened = text
            .lines()
            .filter(|line| programs.iter().any(|part| line.contains(part)));
        Some(opened.map(str::to_owned).collect::<Vec<_>>())
    };
    let Some(first) = opened() else { return };
    assert!(first.len() >= 4, "{first:?}");
    assert_eq!(opened(), Some(Vec::new()));
}
