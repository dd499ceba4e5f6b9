//! `inspect` and `diff` on images of our own making, of other tools, and of nobody's good will; and the budgets of sizes.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside of any test function"
)]

mod support;

#[path = "inspect/budget.rs"]
mod budget;
#[path = "inspect/empty.rs"]
mod empty;
#[path = "inspect/hostile.rs"]
mod hostile;
#[path = "inspect/made.rs"]
mod made;
#[path = "inspect/nested.rs"]
mod nested;
#[path = "inspect/other_words.rs"]
mod other_words;
#[path = "inspect/places.rs"]
mod places;
#[path = "inspect/reasons.rs"]
mod reasons;
#[path = "inspect/report.rs"]
mod report;

use std::path::Path;

use serde_json::Value;

use support::workspace::{Ran, gantry};

/// `cargo gantry` with these arguments in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Ran {
    Ran::of(gantry(folder).args(arguments))
}

/// The one message of a command that goes well.
fn message(folder: &Path, arguments: &[&str]) -> Value {
    let json = [arguments, &["--message-format", "json"]].concat();
    let ran = run(folder, &json).ok();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let line = lines
        .last()
        .unwrap_or_else(|| panic!("nothing was said: {}", ran.stderr));
    serde_json::from_str(line).unwrap()
}

/// The difference between `oci:before` and `oci:after` in a folder.
fn difference(folder: &Path) -> Value {
    message(folder, &["diff", "oci:before", "oci:after"])
}
