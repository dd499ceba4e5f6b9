//! The rooms of `src/`, the arrows between them and the fences around the outside world, as data.
//!
//! `docs/architecture.md` tells what each room is; this test reads every source file and fails with file and
//! line where one of them does what its room may not. It reads text, not syntax trees: comments and string
//! literals are blanked first, so that words about a rule do not break it.

#[path = "architecture/scan.rs"]
mod scan;

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
    room("build", &["target", "tool", "event", "spec"]),
    room("binary", &["target", "tool", "spec"]),
    room("blob", &["spec"]),
    room("codec", &["spec"]),
    room("archive", &["blob", "codec", "spec"]),
    room("layer", &["blob", "codec", "spec"]),
    room("rootfs", &["blob", "codec", "spec"]),
    room("fit", &["binary", "rootfs", "target", "spec"]),
    room("trial", &["rootfs", "tool", "target", "spec"]),
    room("image", &["blob", "spec"]),
    room("index", &["image", "blob", "spec"]),
    room("registry", &["blob", "tool", "event", "environment", "spec"]),
    room(
        "base",
        &["registry", "archive", "rootfs", "blob", "event", "spec"],
    ),
    room("release", &["registry", "archive", "index", "event", "spec"]),
    room("hub", &["registry", "spec"]),
    room(
        "publish",
        &[
            "release", "registry", "archive", "index", "image", "blob", "tool", "event", "spec",
        ],
    ),
    room("inspect", &["registry", "archive", "rootfs", "blob", "spec"]),
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

/// The test of the test: small sources and what is to be found in them.
#[test]
fn the_scan_finds_what_it_should() {
    let table: &[(&str, &str, &[&str])] = &[
        // Arrows, in every way of writing them.
        ("src/image/mod.rs", "use crate::blob::Blob;", &[]),
        (
            "src/image/mod.rs",
            "\nuse crate::layer::Layer;",
            &["2: `image` may not use `layer`"],
        ),
        (
            "src/image/mod.rs",
            "use crate::{blob::Blob, layer::Layer};",
            &["1: `image` may not use `layer`"],
        ),
        (
            "src/image/mod.rs",
            "use crate::{\n    blob::{A, B},\n    plan,\n};",
            &["3: `image` may not use `plan`"],
        ),
        (
            "src/image/mod.rs",
            "use {std::io, crate::plan::Plan};",
            &["1: `image` may not use `plan`"],
        ),
        (
            "src/image/mod.rs",
            "fn f(x: &crate::plan::Plan) {}",
            &["1: `image` may not use `plan`"],
        ),
        (
            "src/image/mod.rs",
            "fn f() { crate :: plan::run() }",
            &["1: `image` may not use `plan`"],
        ),
        ("src/image/mod.rs", "pub(crate) fn f() {}", &[]),
        (
            "src/image/mod.rs",
            "use crate::nowhere::X;",
            &["1: `nowhere` is no room of the table"],
        ),
        (
            "src/image/mod.rs",
            "use crate::*;",
            &["1: `crate::*` hides which rooms are used"],
        ),
        ("src/image/mod.rs", "use crate::image::part::X;", &[]),
        (
            "src/image/deep/er.rs",
            "use crate::plan;",
            &["1: `image` may not use `plan`"],
        ),
        (
            "src/image/mod.rs",
            "use super::super::plan;",
            &["1: `super::super` leaves the room"],
        ),
        ("src/image/deep/er.rs", "use super::super::Image;", &[]),
        (
            "src/image/mod.rs",
            "mod tests { use super::super::plan; }",
            &["1: `super::super` leaves the room"],
        ),
        (
            "src/image/mod.rs",
            "use super::plan;",
            &["1: `super` leaves the room"],
        ),
        (
            "src/image/mod.rs",
            "#[cfg(test)]\nmod tests { use super::*; use crate::plan; }",
            &["2: `image` may not use `plan`"],
        ),
        ("src/pipeline/mod.rs", "use crate::{plan, layer, publish};", &[]),
        ("src/lib.rs", "pub use crate::spec::Digest;", &[]),
        (
            "src/kitchen/mod.rs",
            "",
            &["1: `kitchen` is no room of the table"],
        ),
        ("src/kitchen.rs", "", &["1: `kitchen` is no room of the table"]),
        // What is only said, not done.
        (
            "src/image/mod.rs",
            "// use crate::plan;\n/// [`crate::plan`]\n/* crate::plan /* x */ */",
            &[],
        ),
        (
            "src/image/mod.rs",
            "const A: &str = \"use crate::plan; \\\" std::env\";",
            &[],
        ),
        (
            "src/image/mod.rs",
            "const A: &str = r#\"crate::plan \"std::env\" \"#; use std::env;",
            &["1: `std::env` stands in `image`"],
        ),
        (
            "src/image/mod.rs",
            "const Q: char = '\"'; use crate::plan; const R: char = '\"';",
            &["1: `image` may not use `plan`"],
        ),
        (
            "src/image/mod.rs",
            "fn f<'a>(x: &'a str) -> &'a str { crate::plan::f(x) }",
            &["1: `image` may not use `plan`"],
        ),
        // Fences.
        ("src/tool/child.rs", "use std::process::Command;", &[]),
        (
            "src/build/mod.rs",
            "use std::process::Command;",
            &["1: `std::process` stands in `build`"],
        ),
        (
            "src/build/mod.rs",
            "use std::{io, process::Command};",
            &["1: `std::process` stands in `build`"],
        ),
        (
            "src/build/mod.rs",
            "use std::{io,\n    fs::{self, File},\n    process};",
            &["3: `std::process` stands in `build`"],
        ),
        (
            "src/build/mod.rs",
            "use std::{io, env as e};",
            &["1: `std::env` stands in `build`"],
        ),
        (
            "src/build/mod.rs",
            "use std as s;",
            &["1: `std` under another name"],
        ),
        (
            "src/build/mod.rs",
            "const V: &str = env!(\"CARGO_PKG_VERSION\");",
            &[],
        ),
        (
            "src/build/mod.rs",
            "use std::process_like::X; use std::environment::Y;",
            &[],
        ),
        (
            "src/bin/cargo-gantry/main.rs",
            "use std::process::{ExitCode, exit};",
            &[],
        ),
        (
            "src/bin/cargo-gantry/main.rs",
            "fn f() -> std::process::ExitCode { std::process::exit(2) }",
            &[],
        ),
        (
            "src/bin/cargo-gantry/main.rs",
            "use std::process::Command;",
            &["1: `std::process` stands in `bin`"],
        ),
        (
            "src/bin/cargo-gantry/main.rs",
            "use std::process::{Command, exit};",
            &["1: `std::process` stands in `bin`"],
        ),
        (
            "src/bin/cargo-gantry/main.rs",
            "use std::process;",
            &["1: `std::process` stands in `bin`"],
        ),
        (
            "src/bin/cargo-gantry/main.rs",
            "fn f() { println!(); eprintln!(); }",
            &[],
        ),
        (
            "src/bin/cargo-gantry/main.rs",
            "fn f() { std::env::var(\"X\"); }",
            &["1: `std::env` stands in `bin`"],
        ),
        (
            "src/plan/mod.rs",
            "fn f() { println!(\"x\"); }",
            &["1: `println!` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "fn f() {\n std::eprintln!(\"x\") }",
            &["2: `eprintln!` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "fn print() {} fn f() { my_print!(); if a.print != b {} }",
            &[],
        ),
        (
            "src/plan/mod.rs",
            "use tokio::fs;",
            &["1: `tokio` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "fn f() { ::tokio::spawn(x) }",
            &["1: `tokio` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "use tokio_util::io; fn tokio_like() {}",
            &["1: `tokio_util` stands in `plan`"],
        ),
        ("src/registry/mod.rs", "use tokio::fs; use tokio_util::io;", &[]),
        (
            "src/plan/mod.rs",
            "#[tokio::main] async fn f() {}",
            &["1: `tokio` stands in `plan`"],
        ),
        // Test code may read the environment and start programs, but not print.
        (
            "src/plan/mod.rs",
            "#[cfg(test)]\nmod tests { use std::env; use std::process::Command; }",
            &[],
        ),
        ("src/plan/tests.rs", "use std::env;", &[]),
        (
            "src/plan/mod.rs",
            "use std::env;\n#[cfg(test)]\nmod tests {}",
            &["1: `std::env` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "#[cfg(test)]\nuse x::y;\nuse std::env;",
            &["3: `std::env` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "#[cfg(test)] fn t() { a(); }\nuse std::env;",
            &["2: `std::env` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "#[cfg(test)]\n#[rustfmt::skip]\nmod tests { fn f() { x[0]; } }\nuse std::env;",
            &["4: `std::env` stands in `plan`"],
        ),
        (
            "src/plan/mod.rs",
            "#[cfg(test)]\nmod tests { fn f() { println!(); } }",
            &["2: `println!` stands in `plan`"],
        ),
        // Facts about triples are data.
        (
            "src/build/mod.rs",
            "if t.starts_with(\"aarch64\") {}",
            &["1: `starts_with(\"aarch64\")` asks a triple"],
        ),
        (
            "src/build/mod.rs",
            "if t.contains(\"riscv64gc-\") {}",
            &["1: `contains(\"riscv64gc-\")` asks a triple"],
        ),
        (
            "src/build/mod.rs",
            "if t.ends_with(\n  \"-musl\") {}",
            &["1: `ends_with(\"-musl\")` asks a triple"],
        ),
        (
            "src/build/mod.rs",
            "if t.strip_prefix(\"armv7\").is_some() {}",
            &["1: `strip_prefix(\"armv7\")` asks a triple"],
        ),
        (
            "src/build/mod.rs",
            "if path.starts_with(\"/usr\") || x.contains(\"alarm\") {}",
            &[],
        ),
        (
            "src/build/mod.rs",
            "#[cfg(test)]\nmod tests { fn f() { assert!(t.contains(\"aarch64\")); } }",
            &[],
        ),
    ];
    for &(path, text, expected) in table {
        let found: Vec<String> = scan(path, text).iter().map(Fault::without_path).collect();
        assert_eq!(found, expected, "{path}: {text}");
    }
}

#[test]
fn the_shape_of_a_file_is_seen() {
    let long = format!("//! A file.\n{}", "//\n".repeat(500));
    let table: &[(&str, &str, usize)] = &[
        ("src/plan/mod.rs", "//! A file.\n", 0),
        ("src/plan/mod.rs", "use std::io;\n", 1),
        ("src/plan/mod.rs", &long, 1),
        ("src/plan/tests.rs", "use super::*;\n", 0),
        ("src/plan/helpers.rs", "//! A file.\n", 1),
        ("src/util/mod.rs", "//! A file.\n", 1),
        ("xtask/src/common.rs", "", 2),
    ];
    for &(path, text, expected) in table {
        assert_eq!(shape(path, text).len(), expected, "{path}");
    }
}
