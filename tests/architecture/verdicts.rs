//! The test of the test: small sources, and what is to be found in them.

use super::scan::{Fault, scan};
use super::shape;

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
            "src/bin/cargo-gantry/main.rs",
            "fn f() { std::env::args_os(); }",
            &[],
        ),
        (
            "src/plan/mod.rs",
            "fn f() { std::env::args_os(); }",
            &["1: `std::env` stands in `plan`"],
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
