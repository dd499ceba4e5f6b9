//! Reads small workspaces and repositories with the real cargo and git.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]
#![allow(dead_code, unreachable_pub, reason = "shared modules")]

mod outside;
mod support;

#[path = "project/freshness.rs"]
mod freshness;
#[cfg(unix)]
#[path = "project/remembered.rs"]
mod remembered;

use std::fs;
use std::path::Path;

use cargo_gantry::environment::Environment;
use cargo_gantry::project::{Choice, Git, Project, ProjectError, Question};
use cargo_gantry::tool::{Call, Tools};

fn tools(directory: &Path) -> Tools {
    let mut environment = Environment::capture().unwrap();
    // What cargo tells its tests would send these calls to another manifest or folder.
    for name in [
        "CARGO_TARGET_DIR",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "GIT_DIR",
    ] {
        environment = environment.without(name);
    }
    let mut inside = Environment::empty(directory);
    for (name, value) in environment.variables() {
        inside = inside.with(name, value);
    }
    Tools::new(inside)
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A workspace whose member `api` has a C dependency only with feature `c`, while its sibling has it always.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let native = "[package]\nname='native'\nversion='1.0.0'\n[build-dependencies]\ncc={path='../cc',optional=true}\n[features]\nc=['dep:cc']\n";
    write(
        folder.path(),
        &[
            (
                "Cargo.toml",
                "[workspace]\nmembers=['api','sibling','native','cc','makro']\ndefault-members=['api']\nresolver='2'\n[workspace.metadata.gantry]\nschema=1\n",
            ),
            (
                "api/Cargo.toml",
                "[package]\nname='api'\nversion='1.2.3-rc.1'\nlicense='MIT'\ndescription='An API'\nauthors=['A <a@h.example>']\nhomepage='https://h.example'\nrepository='https://h.example/r'\ndocumentation='https://h.example/d'\ndefault-run='api'\n[dependencies]\nnative={path='../native'}\nmakro={path='../makro'}\n[features]\nc=['native/c']\nadmin=[]\n[[bin]]\nname='api'\npath='src/main.rs'\n[[bin]]\nname='admin'\npath='src/main.rs'\nrequired-features=['admin']\n[package.metadata.gantry]\nuser='1:1'\n",
            ),
            ("api/src/main.rs", "fn main() {}"),
            (
                "sibling/Cargo.toml",
                "[package]\nname='sibling'\nversion='1.0.0'\n[dependencies]\nnative={path='../native',features=['c']}\n",
            ),
            ("sibling/src/main.rs", "fn main() {}"),
            ("native/Cargo.toml", native),
            ("native/src/lib.rs", ""),
            ("native/build.rs", "fn main() {}"),
            (
                "makro/Cargo.toml",
                "[package]\nname='makro'\nversion='1.0.0'\n[lib]\nproc-macro=true\n[build-dependencies]\ncc={path='../cc'}\n",
            ),
            ("makro/src/lib.rs", ""),
            ("makro/build.rs", "fn main() {}"),
            ("cc/Cargo.toml", "[package]\nname='cc'\nversion='1.0.0'\n"),
            ("cc/src/lib.rs", ""),
        ],
    );
    folder
}

#[test]
fn a_workspace_is_read_from_a_members_folder() {
    let folder = workspace();
    let root = folder.path().canonicalize().unwrap();
    let project = Project::load(&tools(&root.join("api/src")), &Question::default()).unwrap();
    assert_eq!(project.root, root);
    assert_eq!(Some(project.name.as_str()), root.file_name().unwrap().to_str());
    assert_eq!(project.target_directory, root.join("target"));
    assert_eq!(project.metadata, Some(serde_json::json!({"schema": 1})));
    let api = project.package("api").unwrap();
    assert_eq!(project.default_members, [api.id.as_str()]);
    assert_eq!(api.version.to_string(), "1.2.3-rc.1");
    assert_eq!(api.directory, root.join("api"));
    assert_eq!(api.authors, ["A <a@h.example>"]);
    let texts = [
        &api.license,
        &api.description,
        &api.homepage,
        &api.repository,
        &api.documentation,
        &api.default_run,
    ];
    assert_eq!(
        texts.map(|text| text.as_deref().unwrap()),
        [
            "MIT",
            "An API",
            "https://h.example",
            "https://h.example/r",
            "https://h.example/d",
            "api"
        ]
    );
    assert_eq!(api.features, ["admin", "c"]);
    assert_eq!(api.metadata, Some(serde_json::json!({"user": "1:1"})));
    assert!(api.binary("api").unwrap().required_features.is_empty());
    assert_eq!(api.binary("admin").unwrap().required_features, ["admin"]);
    assert_eq!(project.packages.len(), 5);

    let question = Question {
        manifest_path: Some("cc/Cargo.toml".into()),
        ..Question::default()
    };
    assert_eq!(Project::load(&tools(&root), &question).unwrap().root, root);
}

#[cfg(unix)]
#[test]
fn a_link_to_the_project_is_the_project() {
    let folder = workspace();
    let root = folder.path().canonicalize().unwrap();
    let place = tempfile::tempdir().unwrap();
    let link = place.path().join("link");
    std::os::unix::fs::symlink(&root, &link).unwrap();
    let question = Question {
        manifest_path: Some(link.join("Cargo.toml")),
        ..Question::default()
    };
    let tools = tools(place.path());
    let project = Project::load(&tools, &question).unwrap();
    assert_eq!(project.root, root);
    let sibling = Choice {
        package: "sibling".into(),
        features: Vec::new(),
        default_features: true,
    };
    let found = project.graph(&tools, &[sibling], "x86_64-unknown-linux-gnu", None);
    let found = found.unwrap();
    assert!(found.compiles_c().contains("native"));
    assert!(found.linked_into("sibling").contains("native"));
}

#[test]
fn no_cargo_toml_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let named = Question {
        manifest_path: Some("x/Cargo.toml".into()),
        ..Question::default()
    };
    let fault = |question| Project::load(&tools(folder.path()), &question).unwrap_err();
    assert!(matches!(fault(Question::default()), ProjectError::NoCargo { .. }));
    assert!(matches!(fault(named), ProjectError::NoSuchCargo { .. }));
    write(folder.path(), &[("Cargo.toml", "[package]\nnam='x'\n")]);
    let error = Project::load(&tools(folder.path()), &Question::default()).unwrap_err();
    assert!(error.to_string().contains("locate-project"), "{error}");
}

#[test]
fn locked_is_asked_of_cargo() {
    let folder = workspace();
    let question = Question {
        locked: true,
        ..Question::default()
    };
    // There is no Cargo.lock yet. Reading the members alone needs none.
    let tools = tools(folder.path());
    let project = Project::load(&tools, &question).unwrap();
    let choice = Choice {
        package: "api".into(),
        features: Vec::new(),
        default_features: true,
    };
    let error = project
        .graph(&tools, &[choice], "x86_64-unknown-linux-musl", None)
        .unwrap_err();
    assert!(error.to_string().contains("--locked"), "{error}");
    assert!(!folder.path().join("Cargo.lock").exists());
}

#[test]
fn c_counts_only_where_the_selection_compiles_it_for_the_target() {
    let folder = workspace();
    let tools = tools(folder.path());
    let project = Project::load(&tools, &Question::default()).unwrap();
    let choice = |package: &str, features: &[&str]| Choice {
        package: package.into(),
        features: features.iter().map(|&feature| feature.into()).collect(),
        default_features: true,
    };
    for (choices, expected) in [
        // The proc macro's own C, and what only the sibling switches on, do not count.
        (vec![choice("api", &[])], vec![]),
        (vec![choice("api", &["c"])], vec!["native"]),
        (vec![choice("api", &["native/c"])], vec!["native"]),
        (vec![choice("sibling", &[])], vec!["native"]),
        (
            vec![choice("api", &["admin"]), choice("sibling", &[])],
            vec!["native"],
        ),
    ] {
        for triple in ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu"] {
            let found = project.graph(&tools, &choices, triple, None).unwrap();
            assert_eq!(
                found.compiles_c().into_iter().collect::<Vec<_>>(),
                expected,
                "{choices:?}"
            );
        }
    }
    let error = project
        .graph(
            &tools,
            &[choice("api", &["nonsense"])],
            "x86_64-unknown-linux-musl",
            None,
        )
        .unwrap_err();
    assert!(error.to_string().contains("nonsense"), "{error}");
}

#[test]
fn the_first_resolver_is_asked_of_a_member_as_it_is_built() {
    for (edition, resolver, first) in [
        ("2018", "", true),
        ("2018", "resolver='2'", false),
        ("2021", "", false),
        ("2021", "resolver='1'", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let manifest = |name: &str| format!("[package]\nname='{name}'\nversion='1.0.0'\n");
        let cli =
            "[features]\ndefault=['cc']\nc=['cc']\n[build-dependencies]\ncc={path='../cc',optional=true}\n";
        write(
            folder.path(),
            &[
                (
                    "Cargo.toml",
                    &format!(
                        "{}edition='{edition}'\n[features]\nc=[]\n[workspace]\nmembers=['cli','cc']\n{resolver}\n",
                        manifest("root")
                    ),
                ),
                ("src/main.rs", "fn main() {}"),
                ("cli/Cargo.toml", &(manifest("cli") + cli)),
                ("cli/src/main.rs", "fn main() {}"),
                ("cli/build.rs", "fn main() {}"),
                ("cc/Cargo.toml", &manifest("cc")),
                ("cc/src/lib.rs", ""),
            ],
        );
        let tools = tools(folder.path());
        let project = Project::load(&tools, &Question::default()).unwrap();
        let root = project.package("root").map(|root| &root.id).filter(|_| first);
        assert_eq!(project.addressed.as_ref(), root, "{edition} {resolver}");
        for (features, default_features, expected) in [
            (vec![], true, true),
            (vec![], false, false),
            (vec!["c"], false, true),
        ] {
            let choice = |package: &str| Choice {
                package: package.to_owned(),
                features: features.iter().map(ToString::to_string).collect(),
                default_features,
            };
            let found = |choices: &[Choice]| {
                let graph = project.graph(&tools, choices, "x86_64-unknown-linux-musl", None);
                graph.unwrap().compiles_c().contains("cli")
            };
            assert_eq!(
                found(&[choice("cli")]),
                expected,
                "{edition} {resolver} {features:?}"
            );
            // Of several it may be told of more than is built, never of less.
            let both = found(&[choice("cli"), choice("root")]);
            assert!(both >= expected, "{edition} {resolver} {features:?}");
        }
    }
}

#[test]
fn git_tells_commit_branch_tags_and_changes() {
    let folder = tempfile::tempdir().unwrap();
    let tools = tools(folder.path());
    assert_eq!(
        Git::read(&tools, folder.path()).unwrap(),
        None,
        "outside of a repository"
    );
    let git = |arguments: &[&str]| {
        tools
            .run(
                &Call::new("git")
                    .args(["-c", "user.name=a", "-c", "user.email=a@h.example"])
                    .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
                    .args(arguments)
                    .var("GIT_COMMITTER_DATE", "1700000000 +0100")
                    .dir(folder.path()),
            )
            .unwrap()
    };
    git(&["init", "--quiet", "--initial-branch=trunk"]);
    assert_eq!(
        Git::read(&tools, folder.path()).unwrap(),
        None,
        "before the first commit"
    );
    write(folder.path(), &[("a/b", "1")]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    git(&["tag", "v1.0.0"]);
    git(&["tag", "-m", "annotated", "v1"]);
    git(&["remote", "add", "origin", "https://u:secret@h.example/a.git"]);
    let read = || Git::read(&tools, &folder.path().join("a")).unwrap().unwrap();
    let clean = read();
    assert_eq!(clean.commit.len(), 40);
    assert_eq!((clean.time, clean.dirty), (1_700_000_000, false));
    assert_eq!(clean.branch.as_deref(), Some("trunk"));
    assert_eq!(clean.tags, ["v1", "v1.0.0"]);
    assert_eq!(clean.remote.as_deref(), Some("https://h.example/a"));
    write(folder.path(), &[("new", "unknown to git")]);
    assert!(!read().dirty);
    write(folder.path(), &[("a/b", "2")]);
    assert!(read().dirty);
    git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(read().branch, None);
    let none = Tools::new(Environment::empty("/").with("PATH", "/nowhere"));
    assert_eq!(Git::read(&none, folder.path()).unwrap(), None, "without git");
}

#[test]
fn a_worktree_without_its_repository_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let tools = tools(folder.path());
    write(
        folder.path(),
        &[("a/.git", "gitdir: /nowhere/.git/worktrees/a\n"), ("a/b/c", "")],
    );
    let read = Git::read(&tools, &folder.path().join("a/b"));
    let Err(ProjectError::HalfRepository { said, .. }) = read else {
        panic!("{read:?}");
    };
    assert_eq!(said, "fatal: not a git repository: /nowhere/.git/worktrees/a");
}
