//! What goes well.

use serde_json::Value;

use crate::outside::missing;
use crate::snapshot;
use crate::support::workspace::{Ran, Workspace, std_installed};

/// The lines of `stdout`, each a JSON object with a reason.
pub(crate) fn messages(stdout: &str) -> Vec<Value> {
    let message = |line| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(value["reason"].is_string(), "{line}");
        value
    };
    stdout.lines().map(message).collect()
}

/// The one message with this reason.
pub(crate) fn message(stdout: &str, reason: &str) -> Value {
    let mut found: Vec<Value> = messages(stdout);
    found.retain(|value| value["reason"] == reason);
    assert_eq!(found.len(), 1, "{stdout}");
    found.remove(0)
}

#[test]
fn help() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    for verb in [
        "", "build", "publish", "plan", "inspect", "diff", "targets", "doctor",
    ] {
        let arguments: Vec<&str> = [verb, "--help"]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let mut command = workspace.command([]);
        let ran = crate::support::workspace::Ran::of(command.args(arguments)).ok();
        assert_eq!(ran.stderr, "");
        let name = if verb.is_empty() {
            "help".to_owned()
        } else {
            format!("help_{verb}")
        };
        snapshot::assert(&name, &workspace, &ran.stdout);
    }
}

#[test]
fn plans_as_tables_and_as_json() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let json = ["plan", "--message-format", "json"];
    let shown = |name: &str| {
        let ran = workspace.run(["plan"]).ok();
        assert_eq!(ran.stderr, "");
        snapshot::assert(name, &workspace, &ran.stdout);
        let ran = workspace.run(json).ok();
        assert_eq!(ran.stderr, "");
        let plan = serde_json::to_string_pretty(&message(&ran.stdout, "plan")).unwrap();
        snapshot::assert(&format!("{name}_json"), &workspace, &plan);
    };
    shown("plan_with_matrix");
    if !std_installed("aarch64-unknown-linux-musl") {
        return missing("the standard library for aarch64-unknown-linux-musl is not installed");
    }
    std::fs::remove_file(workspace.path("gantry.toml")).unwrap();
    shown("plan_without_matrix");
    assert!(!workspace.path("target").exists(), "a plan writes nothing");
}

#[test]
fn targets_say_what_is_here() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    let ran = workspace.run(["targets", "--message-format", "json"]).ok();
    let targets = message(&ran.stdout, "targets")["targets"].clone();
    let targets = targets.as_array().unwrap();
    assert!(targets.len() > 15);
    for target in targets {
        let keys: Vec<&String> = target.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["linker", "linker-for-c", "platform", "std-installed", "triple"]
        );
        assert!(target["std-installed"].is_boolean() && target["triple"].is_string());
    }
    let musl = targets
        .iter()
        .find(|target| target["triple"] == crate::support::workspace::TRIPLE)
        .unwrap();
    assert_eq!(
        (&musl["platform"], &musl["std-installed"]),
        (&"linux/amd64".into(), &true.into())
    );
    let ran = workspace.run(["targets", "--platform", "linux/s390x"]).ok();
    assert!(
        ran.stdout
            .lines()
            .skip(1)
            .all(|line| line.starts_with("linux/s390x "))
    );
    assert!(ran.stdout.starts_with("PLATFORM "));
}

#[test]
fn the_schema_is_json_and_completions_are_scripts() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    let ran = workspace.run(["schema"]).ok();
    let schema: Value = serde_json::from_str(&ran.stdout).unwrap();
    jsonschema::validator_for(&schema).unwrap();
    for (verb, reason) in [
        (&["schema"][..], "schema"),
        (&["completions", "bash"], "completions"),
    ] {
        let mut command = workspace.command(["--message-format", "json"]);
        let ran = Ran::of(command.args(verb)).ok();
        let message: Value = serde_json::from_str(ran.stdout.trim_end()).unwrap();
        assert_eq!(
            (ran.stdout.lines().count(), &message["reason"]),
            (1, &reason.into())
        );
        assert!(
            message["schema"] == schema || message["text"].is_string(),
            "{message}"
        );
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = workspace.run(["completions", shell]).ok();
        assert!(ran.stdout.contains("publish") && ran.stderr.is_empty(), "{shell}");
    }
}

#[test]
fn bash_completes_what_follows_a_verb() {
    let Some(workspace) = Workspace::empty("x") else {
        return;
    };
    let script = workspace.run(["completions", "bash"]).ok().stdout;
    workspace.write("script", script);
    for (words, wanted) in [
        ("pub", "publish"),
        ("publish --re", "--repository --replace"),
        ("index create --pl", "--plain-http"),
    ] {
        let asked = format!(
            ". ./script; COMP_WORDS=(cargo-gantry {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _cargo__gantry cargo-gantry \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
             echo ${{COMPREPLY[@]}}"
        );
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", &asked]).current_dir(workspace.root());
        let ran = crate::support::workspace::Ran::of(&mut bash).ok();
        assert_eq!(ran.stdout.trim(), wanted, "{}", ran.stderr);
    }
}

#[test]
fn a_reader_may_go_away_but_no_result_is_lost_in_silence() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    for verb in [["schema", "-q"], ["completions", "bash"], ["plan", "-q"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = workspace.command(verb).stdout(writer).output().unwrap();
        let ran = crate::support::workspace::Ran::from(status).ok();
        assert_eq!(ran.stderr, "", "{verb:?}");
    }
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        return missing("there is no /dev/full");
    };
    let output = workspace.command(["plan"]).stdout(full).output().unwrap();
    let ran = crate::support::workspace::Ran::from(output).fails(7);
    snapshot::assert("output_full", &workspace, &ran.stderr);
}

#[test]
fn a_build_says_the_digest_and_the_place() {
    let Some(workspace) = Workspace::tiny_in("with blanks and ümlauts") else {
        return;
    };
    let ran = workspace.run(["build"]).ok();
    snapshot::assert("build", &workspace, &format!("{}--\n{}", ran.stdout, ran.stderr));
    let digest = ran.stdout.split(' ').next().unwrap().to_owned();
    let ran = workspace
        .run([
            "build",
            "--quiet",
            "-o",
            "oci:out/{image}",
            "-o",
            "oci-archive:out.tar:one",
        ])
        .ok();
    assert_eq!(ran.stderr, "");
    snapshot::assert("build_output", &workspace, &ran.stdout);
    assert_eq!(ran.stdout.matches(&digest).count(), 3);
    for place in ["oci:out/tiny", "oci-archive:out.tar"] {
        let ran = workspace.run(["inspect", place, "--message-format", "json"]).ok();
        assert_eq!(message(&ran.stdout, "inspected")["digest"], *digest);
    }
    let ran = workspace.run(["inspect", "oci:out/tiny"]).ok();
    snapshot::assert("inspect", &workspace, &ran.stdout);
    let ran = workspace.run(["build", "--message-format", "json"]).ok();
    let reasons: Vec<String> = messages(&ran.stdout)
        .iter()
        .map(|message| message["reason"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(reasons.last().map(String::as_str), Some("built"), "{reasons:?}");
    assert_eq!(message(&ran.stdout, "built")["digest"], *digest);
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_warning_names_the_check_that_silences_it() {
    let Some(workspace) = Workspace::tiny() else {
        return;
    };
    let matrix = |more: &str| {
        let head = "schema = 1\n[image.tiny]\nplatforms = [\"linux/amd64\"]\nuser = \"root\"\n";
        workspace.write("gantry.toml", format!("{head}{more}"));
        workspace.run(["build"]).ok().stderr
    };
    let said = matrix("");
    assert!(
        said.contains("Warning tiny linux/amd64: root: user: the programs run as root"),
        "{said}"
    );
    let said = matrix("checks = { root = \"allow\" }\n");
    assert!(!said.contains("Warning"), "{said}");
}
