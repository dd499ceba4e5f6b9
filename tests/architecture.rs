//! The rooms of `src/`, the arrows between them and the fences around the outside world, as data.
//!
//! `docs/architecture.md` tells what each room is; this test reads every source file and fails with file and
//! line where one of them does what its room may not. It reads text, not syntax trees: comments and string
//! literals are blanked first, so that words about a rule do not break it.

#[path = "architecture/scan.rs"]
mod scan;
#[path = "architecture/verdicts.rs"]
mod verdicts;

use std::fs;
use std::path::{Path, PathBuf};

use scan::{Fault, scan};

/// A room and the rooms it may use. `spec` is written out each time: nothing is implied.
pub(crate) struct Room {
    name: &'static str,
    uses: &'static [&'static str],
}

const fn room(name: &'static str, uses: &'static [&'static str]) -> Room {
    Room { name, uses }
}

/// Every room of the library. A room may be missing from disk; a folder may not be missing from here.
pub(crate) const ROOMS: &[Room] = &[
    room("spec", &[]),
    room("event", &["spec"]),
    room("environment", &[]),
    room("tool", &["event", "environment"]),
    room("project", &["tool", "spec"]),
    room("target", &["spec"]),
    room("matrix", &["target", "spec"]),
    room("plan", &["matrix", "target", "project", "spec"]),
    // `environment` as a value: cargo's own settings are variables and files found through them. `codec`: programs that
    // others made may lie in archives.
    room(
        "build",
        &["target", "tool", "event", "environment", "codec", "spec"],
    ),
    // Of what was read of a program, and which file that was, it keeps records.
    room("binary", &["target", "tool", "blob", "spec"]),
    room("blob", &["spec"]),
    room("codec", &["spec"]),
    room("archive", &["blob", "codec", "spec"]),
    room("layer", &["blob", "codec", "spec"]),
    // What an ELF file of a base says is kept in the tree: reading it a second time would be reading the layer again.
    room("rootfs", &["binary", "blob", "codec", "spec"]),
    room("fit", &["binary", "rootfs", "target", "spec"]),
    // Layers are unpacked here, and what an ELF file is for decides who starts it.
    room("trial", &["binary", "rootfs", "codec", "tool", "target", "spec"]),
    room("image", &["blob", "spec"]),
    room("index", &["image", "blob", "spec"]),
    room("registry", &["blob", "tool", "event", "environment", "spec"]),
    room(
        "base",
        &[
            "registry",
            "archive",
            "rootfs",
            "blob",
            "codec",
            "environment",
            "event",
            "spec",
        ],
    ),
    room("release", &["registry", "archive", "index", "event", "spec"]),
    room("hub", &["registry", "spec"]),
    // `environment` as a value: where docker's daemon is stands in variables and in files found through them.
    room(
        "publish",
        &[
            "environment",
            "release",
            "registry",
            "archive",
            "index",
            "image",
            "blob",
            "tool",
            "event",
            "spec",
        ],
    ),
    // Tars of layers are read entry by entry: what two of them differ in is no tree.
    room("inspect", &["registry", "archive", "blob", "codec", "spec"]),
    room(
        "doctor",
        &[
            "plan",
            "build",
            "target",
            "tool",
            "registry",
            "environment",
            "spec",
        ],
    ),
    room("pipeline", ALL),
];

const ALL: &[&str] = &[
    "spec",
    "event",
    "environment",
    "tool",
    "project",
    "target",
    "matrix",
    "plan",
    "build",
    "binary",
    "blob",
    "codec",
    "archive",
    "layer",
    "rootfs",
    "fit",
    "trial",
    "image",
    "index",
    "registry",
    "base",
    "release",
    "hub",
    "publish",
    "inspect",
    "doctor",
];

/// What only some rooms may say. `bin` is the command, `xtask` the chores.
pub(crate) struct Fence {
    /// The path or macro, as it is written.
    word: &'static str,
    rooms: &'static [&'static str],
    /// Whether test code may, too.
    tests: bool,
}

const fn fence(word: &'static str, rooms: &'static [&'static str], tests: bool) -> Fence {
    Fence { word, rooms, tests }
}

pub(crate) const FENCES: &[Fence] = &[
    fence("std::process", &["tool"], true),
    fence("std::env", &["environment"], true),
    fence("println!", &["bin"], false),
    fence("print!", &["bin"], false),
    fence("eprintln!", &["bin"], false),
    fence("eprint!", &["bin"], false),
    fence("dbg!", &[], false),
    fence(
        "tokio",
        &[
            "registry", "base", "release", "hub", "publish", "inspect", "doctor", "pipeline", "bin",
        ],
        false,
    ),
];

/// A file above this says more than one thing.
const MOST_LINES: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "misc"];

#[test]
fn every_file_keeps_to_its_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    let files = sources(&root.join("src"));
    assert!(files.len() > 10, "no sources found below {}", root.display());
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file is readable");
        let shown = path.strip_prefix(root).expect("it was found below the root");
        faults.extend(scan(&slashed(shown), &text).iter().map(Fault::to_string));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_file_is_small_named_and_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for folder in ["src", "xtask", "tests"] {
        for path in sources(&root.join(folder)) {
            let text = fs::read_to_string(&path).expect("a source file is readable");
            let shown = slashed(path.strip_prefix(root).expect("it was found below the root"));
            faults.extend(shape(&shown, &text));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn shape(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        faults.push(format!("{path}: {lines} lines, {MOST_LINES} are the most"));
    }
    let named = path.trim_end_matches(".rs").split('/');
    if let Some(name) = named.into_iter().find(|part| EMPTY_NAMES.contains(part)) {
        faults.push(format!("{path}: `{name}` says nothing about what is inside"));
    }
    // Test code is named after what it tests; the module it belongs to is documented.
    let is_tests = path.ends_with("/tests.rs") || path.contains("/tests/");
    if !is_tests && !text.trim_start().starts_with("//!") {
        faults.push(format!("{path}:1: has no module documentation (`//!`)"));
    }
    faults
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a source folder is readable") {
            let path = entry.expect("a source folder is readable").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn slashed(path: &Path) -> String {
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn the_arrows_make_no_circle() {
    for room in ROOMS {
        let mut seen = Vec::new();
        let mut open: Vec<&str> = room.uses.to_vec();
        while let Some(name) = open.pop() {
            assert_ne!(name, room.name, "`{}` uses itself by way of {seen:?}", room.name);
            if !seen.contains(&name) {
                seen.push(name);
                let known = ROOMS.iter().find(|other| other.name == name);
                open.extend(known.expect("an arrow leads to a room of the table").uses);
            }
        }
    }
    let others = ROOMS
        .iter()
        .map(|room| room.name)
        .filter(|&name| name != "pipeline");
    assert!(others.eq(ALL.iter().copied()), "ALL and ROOMS differ");
}
