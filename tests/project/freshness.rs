//! Builds that have nothing to do compile nothing.

use crate::outside;
use crate::support::missing;
use crate::support::workspace::{Ran, Workspace, std_installed};

/// Paths of linker scripts, flags and variables are the same in every run: a difference in any of them would make
/// cargo compile all of a target again.
#[test]
fn a_second_build_recompiles_nothing_whatever_was_selected_between() {
    let Some(workspace) = shop() else { return };
    let first = compiled(&workspace, &[]);
    assert!(first.iter().any(|(_, fresh)| !fresh), "{first:?}");
    for selection in [
        &[][..],
        &["--platform", "linux/arm64"],
        &["--platform", "linux/amd64"],
        &["--image", "worker"],
        &["--image", "api", "--platform", "linux/arm64"],
        &[],
    ] {
        let again = compiled(&workspace, selection);
        assert!(!again.is_empty(), "{selection:?}");
        assert_eq!(stale(&again), &[""; 0], "compiled again by {selection:?}");
        if selection.is_empty() {
            assert_eq!(again.len(), first.len());
        }
    }

    // What has changed is seen, for both platforms, and only that.
    let main = "fn main() {\n    println!(\"changed: {}\", goods::COUNT);\n}\n";
    workspace.write("api/src/main.rs", main);
    assert_eq!(stale(&compiled(&workspace, &[])), ["api", "api"]);
}

/// Linkers of two kinds, a build script that looks at the compilers' names, and a unit with a target directory of
/// its own, because its features are others.
fn shop() -> Option<Workspace> {
    let workspace = Workspace::empty("shop")?;
    if !std_installed("aarch64-unknown-linux-musl") {
        missing("the standard library for aarch64-unknown-linux-musl is not installed");
        return None;
    }
    if !outside::installed("zig") {
        return None;
    }
    let manifest = |name: &str, rest: &str| {
        let path = format!("{name}/Cargo.toml");
        let head = format!("[package]\nname = '{name}'\nversion = '1.0.0'\nedition = '2024'\n");
        workspace.write(&path, head + rest);
    };
    let members = "[workspace]\nmembers = ['goods', 'api', 'worker']\nresolver = '3'\n";
    workspace.write("Cargo.toml", members);
    manifest("goods", "[features]\nmore = []\n");
    let count = "pub const COUNT: u32 = if cfg!(feature = \"more\") { 2 } else { 1 };\n";
    workspace.write("goods/src/lib.rs", count);
    workspace.write("goods/build.rs", BUILD_SCRIPT);
    manifest("api", "[dependencies]\ngoods.path = '../goods'\n");
    manifest(
        "worker",
        "[dependencies]\ngoods = { path = '../goods', features = ['more'] }\n",
    );
    for package in ["api", "worker"] {
        let main = "fn main() {\n    println!(\"{}\", goods::COUNT);\n}\n";
        workspace.write(&format!("{package}/src/main.rs"), main);
    }
    workspace.write("gantry.toml", MATRIX);
    Some(workspace)
}

/// As the `cc` crate does: the compilers are among the things that make it run again.
const BUILD_SCRIPT: &str = r#"fn main() {
    let target = std::env::var("TARGET").unwrap().replace('-', "_");
    for name in ["CC", "CXX", "AR", "CFLAGS", "CXXFLAGS"] {
        println!("cargo::rerun-if-env-changed={name}_{target}");
    }
}
"#;

const MATRIX: &str = r#"schema = 1

[defaults]
platforms = ["linux/amd64", "linux/arm64"]

[platform."linux/arm64"]
linker = "zig"

[image.api]

[image.worker]
isolated = true
"#;

/// The packages that cargo named in one build, each with whether there was nothing to compile.
fn compiled(workspace: &Workspace, arguments: &[&str]) -> Vec<(String, bool)> {
    let mut command = workspace.command(["build", "--message-format", "json"]);
    let ran = Ran::of(command.args(arguments)).ok();
    let messages = ran.stdout.lines().map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        message
    });
    messages
        .filter(|message| message["reason"] == "compiled")
        .map(|message| {
            let package = message["package"].as_str().unwrap().to_owned();
            (package, message["fresh"].as_bool().unwrap())
        })
        .collect()
}

/// Those that were compiled.
fn stale(compiled: &[(String, bool)]) -> Vec<&str> {
    let stale = compiled.iter().filter(|(_, fresh)| !fresh);
    stale.map(|(package, _)| package.as_str()).collect()
}
