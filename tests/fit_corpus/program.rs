//! Programs, made by the compilers that other tests use, each once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use crate::support::{missing, outside};

/// How one is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Program {
    compiler: &'static str,
    /// Debian's, that brings the compiler.
    package: &'static str,
    source: &'static str,
    arguments: Vec<&'static str>,
    /// Libraries that lie beside the source when it is compiled.
    beside: Vec<(&'static str, Program)>,
    /// Its versions: a script for the linker, `map`.
    versions: &'static str,
}

pub(crate) const HELLO: &str = "#include <stdio.h>\nint main(void) { puts(\"fits\"); return 0; }\n";

fn made(compiler: &'static str, package: &'static str, source: &'static str) -> Program {
    Program {
        compiler,
        package,
        source,
        arguments: Vec::new(),
        beside: Vec::new(),
        versions: "",
    }
}

/// C with glibc, for amd64.
pub(crate) fn c(source: &'static str) -> Program {
    made("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu", source)
}

/// C with musl, for amd64.
pub(crate) fn musl(source: &'static str) -> Program {
    made("x86_64-linux-musl-gcc", "musl-tools", source)
}

/// C by one of Debian's cross compilers.
pub(crate) fn cross(compiler: &'static str, source: &'static str) -> Program {
    made(compiler, "crossbuild-essential-*", source)
}

/// C by zig, for a target of zig's.
pub(crate) fn zig(target: &'static str, source: &'static str) -> Program {
    made("zig", "ziglang of PyPI", source)
        .with("-target")
        .with(target)
}

/// Rust for the machine that compiles it.
pub(crate) fn rust(source: &'static str) -> Program {
    made("rustc", "rustc", source)
}

/// A shared library of that name: its file's, and the one that programs ask for.
pub(crate) fn library(source: &'static str) -> Program {
    c(source).with("-shared").with("-fPIC")
}

impl Program {
    /// One more argument, after the source.
    pub(crate) fn with(mut self, argument: &'static str) -> Self {
        self.arguments.push(argument);
        self
    }

    /// Words of a command line.
    pub(crate) fn line(mut self, arguments: &'static str) -> Self {
        self.arguments.extend(arguments.split_whitespace());
        self
    }

    /// Linked with a library, which lies beside it as `name`.
    pub(crate) fn linked(mut self, name: &'static str, library: Self) -> Self {
        self.beside.push((name, library));
        self.with(name)
    }

    /// A library whose symbols have versions.
    pub(crate) fn versioned(mut self, versions: &'static str) -> Self {
        self.versions = versions;
        self.with("-Wl,--version-script=map")
    }

    /// A file that lies beside the source.
    pub(crate) fn beside(mut self, name: &'static str, library: Self) -> Self {
        self.beside.push((name, library));
        self
    }
}

/// What was made, by how.
pub(crate) struct Workshop {
    folder: tempfile::TempDir,
    made: Mutex<BTreeMap<Program, Option<PathBuf>>>,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            made: Mutex::default(),
        }
    }

    /// The file; none, said loudly, where the compiler is missing.
    pub(crate) fn make(&self, program: &Program) -> Option<PathBuf> {
        if let Some(known) = self.made.lock().unwrap().get(program) {
            return known.clone();
        }
        let file = self.compile(program);
        self.made.lock().unwrap().insert(program.clone(), file.clone());
        file
    }

    fn compile(&self, program: &Program) -> Option<PathBuf> {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        for (name, library) in &program.beside {
            std::fs::copy(self.make(library)?, folder.join(name)).unwrap();
        }
        std::fs::write(folder.join("map"), program.versions).unwrap();
        let source = match program.compiler {
            "rustc" => "program.rs",
            _ => "program.c",
        };
        std::fs::write(folder.join(source), program.source).unwrap();
        let mut command = compiler(program)?;
        let arguments = program.arguments.iter().copied();
        command
            .args(["-o", "program", source])
            .args(arguments)
            .current_dir(&folder);
        let output = outside(command.output(), program.compiler, program.package)?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program:?}\n{said}");
        Some(folder.join("program"))
    }
}

fn compiler(program: &Program) -> Option<Command> {
    if program.compiler != "zig" {
        return Some(Command::new(program.compiler));
    }
    let works = |mut command: Command| command.output().is_ok_and(|output| output.status.success());
    let mut own = Command::new("zig");
    own.arg("version");
    let mut python = Command::new("python3");
    python.args(["-m", "ziglang", "version"]);
    let mut command = if works(own) {
        Command::new("zig")
    } else if works(python) {
        let mut command = Command::new("python3");
        command.args(["-m", "ziglang"]);
        command
    } else {
        missing("zig is not installed");
        return None;
    };
    command.arg("cc");
    Some(command)
}
