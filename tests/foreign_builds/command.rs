//! Programs that commands make.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use cargo_gantry::build::{self, BuildError, Built, CommandRun, CommandUnit};
use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer};
use cargo_gantry::tool::{ToolError, Tools};
use miette::Diagnostic;

#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Observer for Said {
    fn event(&self, event: &Event<'_>) {
        if let Event::ToolOutput { tool, text } = event {
            self.0.lock().unwrap().push(format!("{tool}: {text}"));
        }
    }
}

fn environment(root: &Path) -> Environment {
    let outer = Environment::capture().unwrap();
    Environment::empty(root).with("PATH", outer.var_os("PATH").unwrap())
}

fn unit(root: &Path, commands: &[&[&str]]) -> CommandUnit {
    CommandUnit {
        name: "command".into(),
        directory: root.to_owned(),
        runs: commands
            .iter()
            .map(|command| CommandRun {
                triple: "x86_64-unknown-linux-musl".into(),
                binary: "shim".into(),
                command: command.iter().map(|&word| word.into()).collect(),
                out: root.join("out/x86_64/shim"),
                variables: [
                    ("CC".to_owned(), "target-cc".into()),
                    ("AR".to_owned(), "target-ar".into()),
                ]
                .into(),
            })
            .collect(),
        environment: [("AR".to_owned(), "mine".to_owned())].into(),
    }
}

fn built(unit: &CommandUnit, said: &Said) -> Result<Built, BuildError> {
    // The directory that is ours is not the one that commands run in.
    let tools = Tools::new(
        environment(Path::new("/"))
            .with("CC", "host-cc")
            .with("KEPT", "kept"),
    );
    let mut seen = Vec::new();
    let built = build::command(&tools, said, unit, &mut |artifact| seen.push(artifact))?;
    assert_eq!(built.artifacts, seen);
    Ok(built)
}

#[test]
fn a_command_sees_its_directory_and_variables() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::write(
        root.join("make.sh"),
        "echo \"$PWD $CC $AR $KEPT\" > \"$1\"; echo done; echo late >&2\n",
    )
    .unwrap();
    let said = Said::default();
    let out = root.join("out/x86_64/shim");
    let unit = unit(&root, &[&["sh", "make.sh", out.to_str().unwrap()]]);
    let built = built(&unit, &said).unwrap();
    assert_eq!(built.artifacts[0].path, out);
    assert_eq!(
        fs::read_to_string(out).unwrap(),
        format!("{} target-cc mine kept\n", root.display())
    );
    let mut said = said.0.into_inner().unwrap();
    said.sort();
    assert_eq!(said, ["sh: done", "sh: late"]);
}

#[test]
fn programs_beside_the_matrix_are_found() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir(root.join("tools")).unwrap();
    for script in ["tools/make", "make"] {
        let path = root.join(script);
        fs::write(
            &path,
            "#!/bin/sh\nmkdir -p out/x86_64; ln -sf /bin/sh out/x86_64/shim\n",
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for program in ["tools/make", "./make", "./tools/make"] {
        built(&unit(&root, &[&[program]]), &Said::default()).unwrap();
    }
}

#[test]
fn what_goes_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let out = root.join("out/x86_64/shim");
    fs::create_dir_all(out.parent().unwrap()).unwrap();
    // An old file does not pass for a new one.
    fs::write(&out, "old").unwrap();
    let error = built(&unit(&root, &[&["true", "x y"]]), &Said::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`true 'x y'` ended well, but made no file `{}`", out.display())
    );
    assert!(error.help().unwrap().to_string().contains("`{out}`"));
    assert!(!out.exists());

    let script = "for i in $(seq 100); do echo line $i; done; echo broken: here >&2; exit 3";
    let error = built(&unit(&root, &[&["sh", "-c", script]]), &Said::default()).unwrap_err();
    let BuildError::Command(failure) = error else {
        panic!("{error}");
    };
    let shown = failure.to_string();
    assert!(
        shown.contains("ended with exit code 3 for `shim` on `x86_64-unknown-linux-musl`:"),
        "{shown}"
    );
    assert!(
        shown.contains("broken: here") && !shown.contains("line 50\n"),
        "{shown}"
    );

    let error = built(&unit(&root, &[&["nothing-of-this-name"]]), &Said::default()).unwrap_err();
    assert!(
        matches!(error, BuildError::Tool(ToolError::NotFound { .. })),
        "{error}"
    );
    let error = built(&unit(&root, &[&[]]), &Said::default()).unwrap_err();
    assert_eq!(error.to_string(), "the command of `shim` is empty");

    // A folder that it makes is not in the way of the next.
    let made = ["mkdir", out.to_str().unwrap()];
    for _ in 0..2 {
        let error = built(&unit(&root, &[&made]), &Said::default()).unwrap_err();
        assert!(
            error.help().unwrap().to_string().contains("made a folder"),
            "{error}"
        );
        assert!(!out.exists());
    }
    // A folder in the place of the program that is not of its making is not removed.
    fs::create_dir(&out).unwrap();
    let error = built(&unit(&root, &[&["true"]]), &Said::default()).unwrap_err();
    assert!(matches!(error, BuildError::Folder { .. }), "{error}");
}

struct Cancelling(Tools);

impl Observer for Cancelling {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::ToolOutput { .. }) {
            self.0.cancel();
        }
    }
}

#[test]
fn a_cancel_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let tools = Tools::new(environment(&root));
    let unit = unit(&root, &[&["sh", "-c", "echo begun; sleep 600"], &["true"]]);
    let error = build::command(&tools, &Cancelling(tools.clone()), &unit, &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, BuildError::Tool(ToolError::Cancelled { .. })),
        "{error}"
    );
}
