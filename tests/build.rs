//! Compiles a small workspace with the real cargo: what arrives, what is refused, and that the same source gives the
//! same bytes wherever it lies.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail, and must say what it skips"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use cargo_gantry::binary::{ElfKind, Facts};
use cargo_gantry::build::{self, Artifact, BuildError, CargoUnit, Remap, Selection, Strip, TargetBuild};
use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer, Silent};
use cargo_gantry::project::{Project, Question};
use cargo_gantry::tool::{Call, Tools};

#[path = "build/fetched.rs"]
mod fetched;
#[path = "build/folders.rs"]
mod folders;
#[path = "build/resolver.rs"]
mod resolver;
#[path = "build/traps.rs"]
mod traps;
#[path = "build/variables.rs"]
mod variables;

/// A clone of the fixture, and the environment to build it in.
struct Clone {
    root: PathBuf,
    environment: Environment,
    project: Project,
}

impl Clone {
    fn new(root: PathBuf, change: impl FnOnce(Environment) -> Environment) -> Self {
        Self::of("build", root, change)
    }

    fn of(fixture: &str, root: PathBuf, change: impl FnOnce(Environment) -> Environment) -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        copy(&fixtures.join(fixture), &root);
        let clone = Self::at(root);
        let cargo = clone.environment.non_empty("CARGO").unwrap_or("cargo");
        // Here, with the user's own CARGO_HOME, everything is downloaded that is not there yet.
        let fetch = Call::new(cargo).args(["fetch", "--locked"]).dir(&clone.root);
        clone.tools().run(&fetch).unwrap();
        Self {
            environment: change(clone.environment),
            ..clone
        }
    }

    /// What lies in a folder.
    fn at(root: PathBuf) -> Self {
        let mut environment = Environment::empty(&root);
        let outer = Environment::capture().unwrap();
        for (name, value) in outer.variables() {
            let name_text = name.to_string_lossy();
            let ours = [
                "CARGO_TARGET_",
                "CARGO_BUILD_",
                "CARGO_PROFILE_",
                "CARGO_INCREMENTAL",
                "RUSTFLAGS",
            ];
            if !ours.iter().any(|prefix| name_text.starts_with(prefix)) {
                environment = environment.with(name, value);
            }
        }
        environment = environment.with_home(outer.home().unwrap());
        let project = Project::load(&Tools::new(environment.clone()), &Question::default()).unwrap();
        Self {
            root,
            environment,
            project,
        }
    }

    fn tools(&self) -> Tools {
        Tools::new(self.environment.clone())
    }

    fn select(&self, package: &str, binaries: &[&str], features: &[&str]) -> Selection {
        let found = self.project.package(package).unwrap();
        Selection {
            id: found.id.clone(),
            package: package.into(),
            manifest: found.directory.join("Cargo.toml"),
            binaries: binaries.iter().map(|&name| name.into()).collect(),
            has: found.binaries.iter().map(|binary| binary.name.clone()).collect(),
            features: features.iter().map(|&name| name.into()).collect(),
            default_features: true,
        }
    }

    fn unit(&self, selections: Vec<Selection>, triples: &[&str]) -> CargoUnit {
        CargoUnit {
            name: "unit".into(),
            workspace: self.root.clone(),
            selections,
            addressed: self.project.addressed.clone(),
            profile: "release".into(),
            targets: triples.iter().map(|triple| target(triple)).collect(),
            offline: true,
            target_directory: self.project.target_directory.clone(),
            ..CargoUnit::default()
        }
    }

    fn build(&self, unit: &CargoUnit) -> Result<Vec<Artifact>, BuildError> {
        let mut seen = Vec::new();
        let built = build::cargo(&self.tools(), &Silent, unit, &mut |artifact| seen.push(artifact))?;
        assert_eq!(built.artifacts, seen);
        Ok(seen)
    }
}

fn target(triple: &str) -> TargetBuild {
    let mut target = TargetBuild {
        triple: triple.into(),
        ..TargetBuild::default()
    };
    if triple.ends_with("musl") {
        let name = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
        target.variables.insert(name, "rust-lld".into());
    }
    target
}

fn rustc(arguments: &[&str]) -> String {
    let tools = Tools::new(Environment::capture().unwrap());
    tools.run(&Call::new("rustc").args(arguments)).unwrap().text()
}

fn host_fact(name: &str) -> String {
    let version = rustc(&["-vV"]);
    let line = version.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim_start_matches(':').trim().to_owned()
}

/// The host's own triple, and its musl sibling if that can be built here.
fn triples() -> (String, Option<String>) {
    let host = host_fact("host");
    let musl = host.replace("-gnu", "-musl");
    let installed =
        musl != host && Path::new(&rustc(&["--print", "target-libdir", "--target", &musl])).is_dir();
    if !installed {
        missing(&format!("the std of `{musl}` is not installed"));
    }
    (host, installed.then_some(musl))
}

/// Says what is left out, which is a failure where nothing may be.
fn missing(what: &str) {
    let required = Environment::capture().unwrap().var("GANTRY_TEST_REQUIRE") == Some("all");
    assert!(!required, "{what}");
    eprintln!("SKIPPED in part: {what}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().map(Result::unwrap) {
        let (name, path) = (entry.file_name(), entry.path());
        match path.is_dir() {
            true if name == "target" => {}
            true => copy(&path, &to.join(name)),
            false => fs::write(to.join(name), fs::read(path).unwrap()).unwrap(),
        }
    }
}

fn touch(folder: &Path) {
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true if entry.file_name() == "target" => {}
            true => touch(&entry.path()),
            false => {
                let file = fs::File::options().append(true).open(entry.path()).unwrap();
                file.set_modified(SystemTime::now() + Duration::from_secs(2))
                    .unwrap();
            }
        }
    }
}

/// A CARGO_HOME of its own that has the user's downloads, and a cargo that runs under another umask.
fn elsewhere(folder: &Path, environment: Environment) -> Environment {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (home, user) = (
        folder.join("another/cargo-home"),
        environment.cargo_home().unwrap(),
    );
    fs::create_dir_all(home.join("registry")).unwrap();
    for part in ["registry/index", "registry/cache", "config.toml"] {
        if user.join(part).exists() {
            symlink(user.join(part), home.join(part)).unwrap();
        }
    }
    let cargo = environment.non_empty("CARGO").unwrap_or("cargo").to_owned();
    let script = folder.join("cargo");
    fs::write(&script, format!("#!/bin/sh\numask 077\nexec '{cargo}' \"$@\"\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    environment
        .with("CARGO_HOME", home)
        .with("CARGO", script)
        .with("LC_ALL", "tr_TR.UTF-8")
        .with("TZ", "Pacific/Kiritimati")
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn the_same_source_gives_the_same_bytes_anywhere() {
    let (gnu, musl) = triples();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    let here = Clone::new(place.join("here"), |environment| environment);
    let there = Clone::new(place.join("another/place/there"), |environment| {
        elsewhere(&place, environment)
    });
    let remap = Some(Remap {
        sysroot: Some(rustc(&["--print", "sysroot"]).into()),
        commit: Some(host_fact("commit-hash")),
        build_directory: None,
    });
    let build = |clone: &Clone, directory: &Path| {
        let mut found = Vec::new();
        let mut pure = clone.unit(vec![clone.select("app", &["app"], &[])], &[]);
        pure.targets = musl.iter().map(|triple| target(triple)).collect();
        let native = clone.unit(vec![clone.select("app", &["app"], &["native"])], &[&gnu]);
        for mut unit in [pure, native] {
            if !unit.targets.is_empty() {
                unit.remap = remap.clone();
                unit.target_directory = directory.to_owned();
                found.extend(clone.build(&unit).unwrap());
            }
        }
        found
    };
    let (first, second) = (
        build(&here, &here.project.target_directory),
        build(&there, &place.join("elsewhere/built")),
    );
    assert_eq!(first.len(), if musl.is_some() { 2 } else { 1 });
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one.triple, other.triple);
        let (bytes, others) = (fs::read(&one.path).unwrap(), fs::read(&other.path).unwrap());
        assert!(
            bytes == others,
            "`{}` and `{}` differ",
            one.path.display(),
            other.path.display()
        );
        assert!(
            !contains(&bytes, place.to_str().unwrap()),
            "{}",
            one.path.display()
        );
        let home = here.environment.cargo_home().unwrap();
        assert!(
            !contains(&bytes, home.to_str().unwrap()),
            "{}",
            one.path.display()
        );
        // The names of the files are there, under the names that stand for their folders.
        assert!(contains(&bytes, "/out/generated.rs") && contains(&bytes, "/target/"));
        assert!(contains(&bytes, "/cargo/registry/src/base64-"));
        assert_eq!(
            contains(&bytes, "/workspace/native/src/place.c"),
            one.triple == gnu
        );
        let facts = Facts::read(&one.path).unwrap();
        assert!(facts.elf().unwrap().stripped);
    }
    let fresh = build(&there, &place.join("elsewhere/built"));
    assert!(fresh.iter().all(|artifact| artifact.fresh), "{fresh:?}");
    touch(&here.root);
    let bytes: Vec<_> = first.iter().map(|one| fs::read(&one.path).unwrap()).collect();
    let again = build(&here, &here.project.target_directory);
    assert!(again.iter().all(|artifact| !artifact.fresh), "{again:?}");
    for (artifact, before) in again.iter().zip(bytes) {
        assert!(fs::read(&artifact.path).unwrap() == before, "{artifact:?}");
    }
}

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::SpanBegan { .. } | Event::SpanEnded { .. }) {
            return;
        }
        self.0.lock().unwrap().push(match event {
            Event::BuildStarted { .. } => "started".into(),
            Event::Compiled { package, fresh, .. } => format!("{package} {fresh}"),
            Event::BuildFinished { .. } => "finished".into(),
            Event::ToolOutput { text, .. } => format!("said {text}"),
            other => format!("{other:?}"),
        });
    }
}

/// What `twin` says of a feature that it has on musl only.
fn far(artifact: &Artifact) -> &'static str {
    if artifact.triple.ends_with("musl") {
        " far"
    } else {
        ""
    }
}

#[test]
fn a_unit_builds_all_triples_packages_and_features() {
    let (gnu, musl) = triples();
    let folder = tempfile::tempdir().unwrap();
    // Cargo takes flags apart at blanks unless it is told where they end.
    let clone = Clone::new(
        folder.path().canonicalize().unwrap().join("with blank"),
        |environment| environment,
    );
    let all: Vec<&str> = std::iter::once(gnu.as_str()).chain(musl.as_deref()).collect();
    let mut twin = clone.select("twin", &["twin"], &["loud"]);
    // `app` is a binary of both: it is left out here, and refused below.
    twin.has = vec!["twin".into()];
    let mut unit = clone.unit(vec![twin], &all);
    unit.profile = "dist".into();
    unit.strip = Strip::None;
    unit.remap = Some(Remap::default());
    let recorder = Recorder::default();
    let mut seen = Vec::new();
    build::cargo(&clone.tools(), &recorder, &unit, &mut |artifact| {
        seen.push(artifact)
    })
    .unwrap();
    let mut found: Vec<_> = seen.iter().map(|artifact| artifact.triple.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, all);
    for artifact in &seen {
        let facts = Facts::read(&artifact.path).unwrap();
        let elf = facts.elf().unwrap();
        assert_eq!(elf.is_static(), artifact.triple.ends_with("musl"), "{elf:?}");
        assert!(!elf.stripped, "{elf:?}");
        assert!(matches!(elf.kind, ElfKind::Dyn | ElfKind::Exec));
        let said = clone.tools().run(&Call::new(&artifact.path)).unwrap().text();
        // A feature that one triple's dependencies ask for is not another one's.
        assert_eq!(said, format!("4 loud=true{}", far(artifact)));
    }
    let events = recorder.0.into_inner().unwrap();
    assert_eq!(
        (events[0].as_str(), events.last().unwrap().as_str()),
        ("started", "finished")
    );
    assert!(
        events[1].starts_with("Notice") && events[1].contains("with blank"),
        "{events:?}"
    );
    assert!(events.contains(&"part false".to_owned()), "{events:?}");
    assert!(clone.build(&unit).unwrap().iter().all(|artifact| artifact.fresh));

    // Flags of one triple, with blanks in them, are not given to the others, and those of the environment to none.
    for target in &mut unit.targets {
        target.rustflags = vec!["--cfg".into(), format!("only=\"a {}\"", target.triple)];
    }
    let tools = Tools::new(clone.environment.clone().with("RUSTFLAGS", "--cfg=never_given"));
    let built = build::cargo(&tools, &Silent, &unit, &mut |_| {}).unwrap();
    assert_eq!(built.artifacts.len(), all.len());
    for artifact in &built.artifacts {
        let said = tools.run(&Call::new(&artifact.path)).unwrap().text();
        assert_eq!(
            said,
            format!("4 loud=true{} only {}", far(artifact), artifact.triple)
        );
    }

    // A second package in one call.
    unit.selections = vec![
        clone.select("app", &["guarded"], &["native"]),
        clone.select("twin", &["twin"], &[]),
    ];
    unit.targets.truncate(1);
    let mut names: Vec<_> = clone
        .build(&unit)
        .unwrap()
        .into_iter()
        .map(|one| one.binary)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["guarded", "twin"]);
}

#[test]
fn what_cannot_be_built_is_an_error_that_shows_why() {
    let (gnu, _) = triples();
    let folder = tempfile::tempdir().unwrap();
    let clone = Clone::new(folder.path().canonicalize().unwrap().join("w"), |environment| {
        environment
    });

    let mut unit = clone.unit(vec![clone.select("app", &["app"], &["broken"])], &[&gnu]);
    unit.profile = "dev".into();
    let Err(BuildError::Cargo(failure)) = clone.build(&unit) else {
        panic!("a build that cannot succeed did");
    };
    assert!(
        failure.lines.starts_with("error: broken on purpose\n"),
        "{failure}"
    );
    assert!(failure.lines.contains("app/src/main.rs:6:1"), "{failure}");
    assert!(
        failure
            .command
            .contains("--message-format json-render-diagnostics"),
        "{failure}"
    );
    assert!(failure.said.contains("could not compile `app`"), "{failure}");

    unit.selections = vec![clone.select("app", &["guarded"], &[])];
    let error = clone.build(&unit).unwrap_err().to_string();
    assert!(error.contains("requires the features: `native`"), "{error}");

    // Were cargo run, the program would not be found.
    let none = Tools::new(clone.environment.clone().with("CARGO", "/nowhere/cargo"));
    unit.selections = vec![
        clone.select("app", &["app"], &[]),
        clone.select("twin", &["twin"], &[]),
    ];
    let error = build::cargo(&none, &Silent, &unit, &mut |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::Collision { .. }), "{error}");
    // A planner that does not tell all binaries is found out by what cargo reports.
    for selection in &mut unit.selections {
        selection.has.clear();
    }
    let error = clone.build(&unit).unwrap_err();
    assert!(matches!(error, BuildError::Twice { .. }), "{error}");
}
