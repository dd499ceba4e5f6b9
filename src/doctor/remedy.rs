//! [`Remedy`]: what closes a gap, until it becomes a line for a shell; several can become one line.

use std::collections::BTreeSet;

use super::system::{self, System};

/// What closes a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// In the order in which they are done.
    steps: Vec<Step>,
    /// Where it can be had, where no step is known.
    source: Option<&'static str>,
}

/// Done in this order: what comes later may need what came before.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Packages of the system.
    Packages { names: Vec<String>, backports: bool },
    /// Anything else, with `sudo` where it is needed.
    Shell(String),
    /// Rust itself.
    Rustup,
    /// Standard libraries.
    Targets(Vec<String>),
}

impl Remedy {
    /// The packages that bring a tool, as far as `packages.toml` knows it.
    pub(super) fn tool(tool: &str, system: &System) -> Self {
        let steps = match system.packages_of(tool) {
            Some((names, backports)) => vec![Step::Packages {
                names: names.to_vec(),
                backports,
            }],
            None => Vec::new(),
        };
        Self {
            steps,
            source: system::packages(tool).map(|packages| packages.url.as_str()),
        }
    }

    /// Packages by name, as one writes them with blanks between them.
    pub(super) fn packages(names: &str) -> Self {
        Self::of(Step::Packages {
            names: names.split_whitespace().map(str::to_owned).collect(),
            backports: false,
        })
    }

    /// A line for a shell.
    pub(super) fn shell(line: impl Into<String>) -> Self {
        Self::of(Step::Shell(line.into()))
    }

    /// The standard library for a triple.
    pub(super) fn target(triple: &str) -> Self {
        Self::of(Step::Targets(vec![triple.to_owned()]))
    }

    /// rustup, which brings cargo and rustc.
    pub(super) fn rustup(system: &System) -> Self {
        let rustup = Self::of(Step::Rustup);
        match system.has_curl() {
            true => rustup,
            false => Self::joined([&Self::tool("curl", system), &rustup]),
        }
    }

    /// zig: a package where there is one; else Python's, with the program where it is found.
    pub(super) fn zig(system: &System) -> Self {
        let package = Self::tool("zig", system);
        if !package.steps.is_empty() || system.family().is_none() {
            return package;
        }
        let (folder, bin, sudo, made) = match system.own_bin() {
            Some(bin) => ("~/.local/share/ziglang", bin, "", format!("mkdir -p {bin} && ")),
            None => ("/opt/ziglang", "/usr/local/bin", system.sudo(), String::new()),
        };
        // Python keeps the package's own folder, and zig finds its files beside what the link points to.
        let line = format!(
            "{sudo}python3 -m venv {folder} && {sudo}{folder}/bin/pip install ziglang && \
             {made}{sudo}ln -sf {folder}/lib/python3*/site-packages/ziglang/zig {bin}/zig"
        );
        Self {
            source: package.source,
            ..Self::joined([&Self::tool("python3-venv", system), &Self::shell(line)])
        }
    }

    /// All of these at once, each step once.
    pub(super) fn joined<'a>(remedies: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        for step in remedies.into_iter().flat_map(|remedy| &remedy.steps) {
            let merged = steps.iter_mut().any(|known| known.merge(step));
            if !merged {
                steps.push(step.clone());
            }
        }
        // Backports come first, as their suite must be known before lists are brought up to date.
        steps.sort_by_key(|step| match step {
            Step::Packages { backports, .. } => (0, !*backports),
            Step::Shell(_) => (1, false),
            Step::Rustup => (2, false),
            Step::Targets(_) => (3, false),
        });
        Self { steps, source: None }
    }

    /// Where it can be had, where no command is known.
    pub(super) fn source(&self) -> Option<&'static str> {
        self.source
    }

    /// The line for a shell; none if no step is known.
    pub(super) fn command(&self, system: &System) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        for step in &self.steps {
            for part in step.commands(system) {
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        (!parts.is_empty()).then(|| parts.join(" && "))
    }

    fn of(step: Step) -> Self {
        Self {
            steps: vec![step],
            source: None,
        }
    }
}

impl Step {
    /// Takes in another step of the same kind.
    fn merge(&mut self, other: &Self) -> bool {
        let (ours, theirs) = match (&mut *self, other) {
            (
                Self::Packages { names, backports },
                Self::Packages {
                    names: theirs,
                    backports: other,
                },
            ) if backports == other => (names, theirs),
            (Self::Targets(ours), Self::Targets(theirs)) => (ours, theirs),
            _ => return self == other,
        };
        let known: BTreeSet<String> = ours.iter().cloned().collect();
        ours.extend(theirs.iter().filter(|name| !known.contains(*name)).cloned());
        true
    }

    fn commands(&self, system: &System) -> Vec<String> {
        match self {
            Self::Packages { names, backports } => installing(names, *backports, system),
            Self::Shell(line) => vec![line.clone()],
            Self::Rustup => vec![
                "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y".to_owned(),
                ". \"$HOME/.cargo/env\"".to_owned(),
            ],
            Self::Targets(triples) => vec![format!("rustup target add {}", triples.join(" "))],
        }
    }
}

fn installing(names: &[String], backports: bool, system: &System) -> Vec<String> {
    let Some(family) = system.family() else {
        return Vec::new();
    };
    let sudo = if family.sudo { system.sudo() } else { "" };
    let mut commands = Vec::new();
    let mut suite = String::new();
    if let (true, Some((name, unknown))) = (backports, system.backports()) {
        suite = format!(" -t {name}");
        if unknown {
            let line = format!("echo 'deb http://deb.debian.org/debian {name} main'");
            let list = format!("/etc/apt/sources.list.d/{name}.list");
            commands.push(match system.is_root() {
                true => format!("{line} > {list}"),
                false => format!("{line} | sudo tee {list} > /dev/null"),
            });
        }
    }
    commands.extend(family.refresh.as_ref().map(|refresh| format!("{sudo}{refresh}")));
    commands.push(format!("{sudo}{}{suite} {}", family.install, names.join(" ")));
    commands
}
