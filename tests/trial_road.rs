//! A program that reads its host's files by accident: it is found out where it was made, in its image's own root.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::missing;
use support::workspace::Workspace;

/// Where programs look for the certificates that they trust.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

const MAIN: &str = r#"fn main() {
    let bundle = "/etc/ssl/certs/ca-certificates.crt";
    match std::fs::read_to_string(bundle) {
        Ok(text) => println!("{} certificates", text.matches("BEGIN CERTIFICATE").count()),
        Err(error) => {
            eprintln!("{bundle}: {error}");
            std::process::exit(1);
        }
    }
}
"#;

fn matrix(more: &str) -> String {
    format!(
        "schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\nbase = \"scratch\"\n\
         smoke = {{ args = [], required = true }}\n{more}\n"
    )
}

#[test]
fn a_program_that_needs_what_only_its_host_has_fails_its_smoke() {
    if !Path::new(BUNDLE).is_file() {
        return missing(&format!(
            "{BUNDLE} is not there: install Debian's package ca-certificates"
        ));
    }
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write("src/main.rs", MAIN);
    workspace.write("gantry.toml", matrix(""));
    let failed = workspace.run(["build"]).fails(5);
    let said = format!("{BUNDLE}: No such file or directory");
    assert!(failed.stderr.contains(&said), "{}", failed.stderr);
    // To see why, it is started all the same.
    let started = workspace.run(["run"]).fails(1);
    assert!(started.stderr.contains(&said), "{}", started.stderr);
    assert!(!started.stderr.contains("gantry::"), "{}", started.stderr);

    workspace.write("gantry.toml", matrix("provide = [\"ca-certificates\"]"));
    let ran = workspace.run(["build", "--message-format", "json"]).ok();
    let messages: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let built = messages.iter().any(|message| message["reason"] == "built");
    assert!(built, "{messages:?}");
}
