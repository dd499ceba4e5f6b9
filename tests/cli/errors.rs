//! What goes wrong before anything is published: what is said, with which exit code, and how early.

use crate::output::message;
use crate::outside::missing;
use crate::snapshot;
use crate::support::workspace::{Ran, Workspace, gantry, std_installed};

/// Runs, and compares what is said; nothing may have been compiled.
fn refused<const N: usize>(workspace: &Workspace, name: &str, code: i32, arguments: [&str; N]) {
    let ran = workspace.run(arguments).fails(code);
    snapshot::assert(&format!("error_{name}"), workspace, &ran.stderr);
    assert!(!workspace.path("target").exists(), "{name} came after compiling");
}

#[test]
fn wrong_matrices_are_exit_3() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let matrix = |text: &str| workspace.write("gantry.toml", text);
    matrix("schema = 1\n\n[image.tiny]\nplatfroms = [\"linux/amd64\"]\n");
    refused(&workspace, "unknown_key", 3, ["build"]);
    matrix("schema = 1\n[image.tiny\n");
    refused(&workspace, "no_toml", 3, ["build"]);
    matrix("schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\nbinaries = [\"tinny\"]\n");
    refused(&workspace, "unknown_binary", 3, ["build"]);
    matrix("schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\npackages = [\"libpq5\"]\n");
    refused(&workspace, "unsupported", 3, ["build"]);
    matrix("schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\n");
    refused(&workspace, "unknown_image", 3, ["build", "-i", "tyni"]);
    refused(
        &workspace,
        "unknown_platform",
        3,
        ["build", "--platform", "linux/arm64"],
    );
    refused(&workspace, "no_repository", 3, ["publish"]);
    refused(
        &workspace,
        "repository",
        3,
        ["publish", "--repository", "Not A Name"],
    );
    refused(&workspace, "no_matrix", 3, ["plan", "--matrix", "other.toml"]);
    matrix("schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\nbase = \"oci:nowhere\"\n");
    refused(&workspace, "no_base", 3, ["build"]);
}

#[test]
fn what_is_not_installed_is_exit_3_before_compiling() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let loong = ["loongarch64-unknown-linux-musl", "loongarch64-unknown-linux-gnu"];
    if loong.iter().any(|triple| std_installed(triple)) {
        return missing("the standard library for loongarch64 is installed: its absence cannot be shown");
    }
    workspace.write(
        "gantry.toml",
        "schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\", \"linux/loong64\"]\n",
    );
    refused(&workspace, "no_std", 3, ["build"]);
}

#[test]
fn files_that_are_not_there_are_said_before_compiling() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write("there", "");
    workspace.write(
        "gantry.toml",
        "schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\n\
         files = [{ from = \"there\", to = \"/srv/\" }, { from = \"assets/\", to = \"/srv/\" }]\n",
    );
    let ran = workspace.run(["plan"]).ok();
    let expected = "Note image `tiny`: `files` takes `assets/`, which is not there yet\n";
    assert_eq!(ran.stderr.trim_start(), expected);
}

#[test]
fn no_project_is_exit_3() {
    let Some(workspace) = Workspace::empty("nothing here") else {
        return;
    };
    refused(&workspace, "no_cargo", 3, ["build"]);
    refused(
        &workspace,
        "no_cargo_there",
        3,
        ["build", "--manifest-path", "there/Cargo.toml"],
    );
}

#[test]
fn wrong_words_are_exit_2() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    refused(&workspace, "verb", 2, ["biuld"]);
    refused(&workspace, "option", 2, ["build", "--platfrom", "linux/amd64"]);
    refused(&workspace, "platform", 2, ["build", "--platform", "arm64"]);
    refused(&workspace, "username_alone", 2, ["publish", "--username", "me"]);
    refused(&workspace, "nothing_to_inspect", 2, ["inspect", "oci:nowhere"]);
    refused(&workspace, "no_jobs", 2, ["build", "-j", "0"]);
    refused(
        &workspace,
        "no_targets",
        2,
        ["targets", "--platform", "linux/x86_64"],
    );
}

#[test]
fn code_that_does_not_compile_is_exit_4() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    workspace.write("src/main.rs", "fn main() {\n    nothing();\n}\n");
    let ran = workspace.run(["build", "-q"]).fails(4);
    assert!(
        ran.stderr.contains("cannot find function `nothing`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("gantry::build::cargo"), "{}", ran.stderr);
    let ran = workspace.run(["build", "-q", "--message-format", "json"]);
    assert_eq!(ran.code, Some(4));
    let error = message(&ran.stdout, "error");
    assert_eq!(
        (&error["exit-code"], &error["code"]),
        (&4.into(), &"gantry::build::cargo".into())
    );
}

#[test]
fn a_matrix_is_named_as_it_lies_from_here() {
    let Some(workspace) = Workspace::empty("several") else {
        return;
    };
    workspace.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"api\"]\nresolver = \"3\"\n",
    );
    workspace.write(
        "api/Cargo.toml",
        "[package]\nname = \"api\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
    );
    workspace.write("api/src/main.rs", "fn main() {}\n");
    workspace.write("gantry.toml", "schema = 1\nimages = []\n");
    let named = |folder: &str| {
        Ran::of(gantry(&workspace.path(folder)).arg("plan"))
            .fails(3)
            .stderr
    };
    assert!(named("").contains("[gantry.toml:2:1]"), "{}", named(""));
    let path = workspace.path("gantry.toml");
    let from_below = named("api");
    assert!(
        from_below
            .replace(['\n', ' '], "")
            .contains(&format!("[{}:2:1]", path.display())),
        "{from_below}"
    );

    // One that nobody reads is told of.
    workspace.write("gantry.toml", "schema = 1\n");
    workspace.write("api/gantry.toml", "schema = 1\nimages = []\n");
    let ran = Ran::of(gantry(&workspace.path("api")).arg("plan")).ok();
    assert!(ran.stderr.contains("`gantry.toml` is not read"), "{}", ran.stderr);
    let ran = workspace.run(["plan"]).ok();
    assert!(
        ran.stderr.contains("`api/gantry.toml` is not read"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_machine_is_told_where_each_fault_is() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let faults = |text: &str| {
        workspace.write("gantry.toml", text);
        let ran = workspace.run(["build", "--message-format", "json"]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        message(&ran.stdout, "error")
    };
    let first = "schema = 1\n[image.tiny]\nplatfroms = [\"linux/amd64\"]\n";
    let place = |line: u64, column: u64, label: &str| serde_json::json!([{"file": "gantry.toml", "line": line, "column": column, "label": label}]);
    let one = faults(first);
    assert_eq!(one["places"], place(3, 1, "unknown"));
    assert_eq!(one["related"], serde_json::json!([]));
    let both = faults(&format!("{first}user = 5\n"));
    let found = [0, 1].map(|position| &both["related"][position]);
    assert_eq!(
        found.map(|fault| &fault["code"]),
        ["gantry::matrix::unknown_key", "gantry::matrix::wrong_type"]
    );
    assert_eq!(found[0]["places"], one["places"]);
    assert_eq!(found[1]["places"], place(4, 8, "expected a string"));
    assert!(
        found
            .iter()
            .all(|fault| fault["message"].is_string() && fault["help"].is_string())
    );
}
