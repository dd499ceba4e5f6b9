//! Cargo is asked again what packages are made of when something has changed that it goes by, and only then.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use cargo_gantry::project::{Choice, Project, Question};
use cargo_gantry::tool::{Grounds, Tools};
use tempfile::TempDir;

struct Workspace(TempDir);

impl Workspace {
    /// A member, a package beside the workspace that it uses, and one that this uses.
    fn new() -> Self {
        let workspace = Self(tempfile::tempdir().unwrap());
        let package = |path: &str, rest: &str| {
            let name = path.rsplit('/').next().unwrap();
            workspace.write(
                &format!("{path}/Cargo.toml"),
                &format!("[package]\nname='{name}'\nversion='1.0.0'\n[dependencies]\n{rest}"),
            );
            workspace.write(&format!("{path}/src/lib.rs"), "");
        };
        workspace.write("w/Cargo.toml", "[workspace]\nmembers=['app']\nresolver='2'\n");
        package("w/app", "far.path='../../far'\n");
        package("far", "further.path='../further'\n");
        package("further", "");
        package("new", "");
        let cargo = workspace.path("cargo");
        workspace.write(
            "cargo",
            "#!/bin/sh\necho \"$1\" >> \"$CALLS\"\nexec \"$REAL\" \"$@\"\n",
        );
        fs::set_permissions(cargo, fs::Permissions::from_mode(0o755)).unwrap();
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        super::write(self.0.path(), &[(name, text)]);
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.path(name);
        let before = fs::read_to_string(&path).unwrap();
        fs::write(path, before + text).unwrap();
    }

    /// The root of the project that a folder belongs to, what is linked into `app`, and what cargo was asked for.
    fn asked(&self, manifest: &str) -> (PathBuf, Vec<String>, Vec<String>) {
        let environment = super::tools(self.0.path()).environment().clone();
        let real = environment.non_empty("CARGO").unwrap_or("cargo").to_owned();
        let environment = environment
            .with("REAL", real)
            .with("CARGO", self.path("cargo"))
            .with("CALLS", self.path("calls"))
            .with("XDG_CACHE_HOME", self.path("cache"));
        let _ = fs::remove_file(self.path("calls"));
        let tools = Tools::new(environment);
        let question = Question {
            manifest_path: Some(self.path(manifest)),
            ..Question::default()
        };
        let project = Project::load(&tools, &question).unwrap();
        let app = Choice {
            package: "app".into(),
            features: Vec::new(),
            default_features: true,
        };
        let graph = project.graph(
            &tools,
            &[app],
            "x86_64-unknown-linux-musl",
            Some(&Grounds::default()),
        );
        let linked = graph.unwrap().linked_into("app").into_iter().collect();
        let calls = fs::read_to_string(self.path("calls")).unwrap();
        (project.root, linked, calls.lines().map(str::to_owned).collect())
    }
}

/// A change, and what is linked then.
type Change = (&'static str, fn(&Workspace), &'static [&'static str]);

const CHANGES: &[Change] = &[
    (
        "a member",
        |w| w.append("w/app/Cargo.toml", "new.path='../../new'\n"),
        &["far", "further", "new"],
    ),
    (
        "a package beside",
        |w| w.append("far/Cargo.toml", "new.path='../new'\n"),
        &["far", "further", "new"],
    ),
    (
        "one behind that",
        |w| w.append("further/Cargo.toml", "new.path='../new'\n"),
        &["far", "further", "new"],
    ),
    (
        "the root",
        |w| w.append("w/Cargo.toml", "[profile.release]\nlto=true\n"),
        &["far", "further"],
    ),
    (
        "no lock file",
        |w| fs::remove_file(w.path("w/Cargo.lock")).unwrap(),
        &["far", "further"],
    ),
];

fn settle() {
    std::thread::sleep(std::time::Duration::from_secs(4));
}

#[test]
fn cargo_is_asked_for_the_graph_when_something_changed() {
    let workspaces: Vec<_> = CHANGES.iter().map(|change| (Workspace::new(), change)).collect();
    for (workspace, _) in &workspaces {
        assert_eq!(
            workspace.asked("w/Cargo.toml").2,
            ["locate-project", "metadata", "tree"]
        );
    }
    settle();
    for (workspace, (name, change, linked)) in &workspaces {
        workspace.asked("w/Cargo.toml");
        let (_, before, calls) = workspace.asked("w/Cargo.toml");
        assert_eq!(
            (before.as_slice(), calls.as_slice()),
            (
                &["far", "further"].map(String::from)[..],
                &["metadata".to_owned()][..]
            )
        );
        change(workspace);
        let (_, now, calls) = workspace.asked("w/Cargo.toml");
        assert_eq!(now, *linked, "{name}");
        assert!(calls.contains(&"tree".to_owned()), "{name}: not noticed");
    }
}

/// A package of a path inherits from the manifest of its own workspace.
#[test]
fn what_a_package_beside_inherits_is_noticed() {
    let workspace = Workspace::new();
    let inherited = |package: &str| {
        let manifest = format!(
            "[workspace]\nmembers=['kin']\nresolver='2'\n[workspace.dependencies]\n\
             dep={{path='../{package}',package='{package}'}}\n"
        );
        workspace.write("other/Cargo.toml", &manifest);
    };
    inherited("new");
    workspace.write(
        "other/kin/Cargo.toml",
        "[package]\nname='kin'\nversion='1.0.0'\n[dependencies]\ndep.workspace=true\n",
    );
    workspace.write("other/kin/src/lib.rs", "");
    workspace.append("w/app/Cargo.toml", "kin.path='../../other/kin'\n");
    workspace.asked("w/Cargo.toml");
    settle();
    workspace.asked("w/Cargo.toml");
    let (_, before, calls) = workspace.asked("w/Cargo.toml");
    assert_eq!(
        (before.join(" ").as_str(), calls.join(" ").as_str()),
        ("far further kin new", "metadata")
    );
    inherited("further");
    let (_, now, calls) = workspace.asked("w/Cargo.toml");
    assert_eq!(now.join(" "), "far further kin");
    assert!(calls.contains(&"tree".to_owned()));
    // Where it says itself where that is, nothing is believed.
    workspace.write(
        "other/kin/Cargo.toml",
        "[package]\nname='kin'\nversion='1.0.0'\nworkspace='..'\n[dependencies]\ndep.workspace=true\n",
    );
    workspace.asked("w/Cargo.toml");
    settle();
    workspace.asked("w/Cargo.toml");
    assert!(workspace.asked("w/Cargo.toml").2.contains(&"tree".to_owned()));
}

/// Another manifest above may make another workspace of it.
#[test]
fn a_workspace_that_comes_or_goes_is_noticed() {
    let workspace = Workspace::new();
    let root = |workspace: &Workspace| workspace.asked("w/app/Cargo.toml").0;
    root(&workspace);
    settle();
    root(&workspace);
    assert_eq!(root(&workspace), workspace.path("w"));
    fs::remove_file(workspace.path("w/Cargo.toml")).unwrap();
    assert_eq!(root(&workspace), workspace.path("w/app"));
    workspace.write("Cargo.toml", "[workspace]\nmembers=['w/app']\nresolver='2'\n");
    assert_eq!(root(&workspace), workspace.path(".").canonicalize().unwrap());
    assert!(workspace.path("Cargo.lock").is_file());
}
