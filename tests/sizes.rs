//! The sizes that `build` tells, counted again from what lies on disk; what `--explain-size` foretells, built; and
//! `run`, which gives the program's streams and exit code.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside of any test function"
)]

#[path = "sizes/explain.rs"]
mod explain;
#[path = "sizes/run.rs"]
mod run;
mod support;
#[path = "sizes/table.rs"]
mod table;

use std::fs;
use std::path::Path;

use serde_json::Value;

use support::workspace::{Ran, Workspace};

/// Says its arguments, and ends with the number that the first one is.
const PROGRAM: &str = r#"use std::io::Read;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    println!("said {words:?}");
    eprintln!("warned");
    if let Some("read") = words.first().map(String::as_str) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).unwrap();
        print!("read {text}");
    }
    let code = words.first().and_then(|word| word.parse().ok());
    std::process::exit(code.unwrap_or(0));
}
"#;

/// A project of that program; `settings` are those of its one image.
fn project(settings: &str) -> Option<Workspace> {
    let workspace = Workspace::tiny()?;
    workspace.write("src/main.rs", PROGRAM);
    set(&workspace, settings);
    Some(workspace)
}

/// Gives the image other settings.
fn set(workspace: &Workspace, settings: &str) {
    let image = "schema = 1\n\n[image.tiny]\nplatforms = [\"linux/amd64\"]\n";
    workspace.write("gantry.toml", format!("{image}{settings}"));
}

/// The messages of a reason in a run with `--message-format json`.
fn messages(ran: &Ran, reason: &str) -> Vec<Value> {
    let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|value: &Value| value["reason"] == reason).collect()
}

/// The names of all blobs of the workspace's store.
fn blobs(workspace: &Workspace) -> Vec<String> {
    let folder = workspace.store().join("blobs/sha256");
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Fills a folder with everything that `PATH` names but `without`, by whatever further name.
fn path_without(without: &str, folder: &Path) {
    let path = std::env::var_os("PATH").unwrap();
    for place in std::env::split_paths(&path) {
        let Ok(entries) = fs::read_dir(place) else {
            continue;
        };
        for entry in entries.map(Result::unwrap) {
            if !entry.file_name().to_string_lossy().starts_with(without) {
                // The first one of a name is the one that is found.
                let _ = std::os::unix::fs::symlink(entry.path(), folder.join(entry.file_name()));
            }
        }
    }
}
