//! [`Diagnosis`]: what a matrix needs here, and for each gap the one command that closes it on this system.
//!
//! In: what the caller found that a project needs, as plain values: triples, ways of linking, programs, bases,
//! repositories. Out: a [`Check`] for each, in the order in which they are needed. Nothing stops at the first gap, and
//! nothing is installed: commands are only told. What a command is made of is data in `packages.toml`, and in the
//! targets' own sheets.

mod linker;
mod program;
mod registry;
mod remedy;
mod rust;
mod system;
mod trial;

use serde::Serialize;

pub use linker::{host, linker};
pub use program::{Go, Program, go, program, repository_refused};
pub use registry::{Base, base, repository};
pub use remedy::Remedy;
pub use rust::{cargo, compiler, dependencies, standard};
pub use system::System;
pub use trial::{emulator, root};

/// Everything that was looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Each thing that is needed, in the order in which it is needed.
    pub checks: Vec<Check>,
    /// One line for a shell that closes every gap that a command closes; none where there are fewer than two such.
    pub at_once: Option<String>,
}

/// One thing that is needed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// What it belongs to.
    pub need: Need,
    /// What it is, in a few words.
    pub subject: String,
    /// Whether it is there.
    pub status: Status,
    /// What was found, or what is wrong.
    pub message: String,
    /// Who needs it.
    pub why: Vec<String>,
    /// The command for a shell that closes the gap; none if there is no gap, or no such command.
    pub command: Option<String>,
    /// What to do where no command closes the gap, or else.
    pub advice: Option<String>,
    #[serde(skip)]
    remedy: Remedy,
}

/// What a check belongs to; in this order they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Cargo and rustc.
    Rust,
    /// Standard libraries.
    Target,
    /// Linkers and C compilers.
    Linker,
    /// Programs that make, pack or name binaries.
    Program,
    /// What images start from.
    Base,
    /// Where images are published.
    Registry,
    /// What `run` and `smoke` start programs with.
    Trial,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is.
    Ok,
    /// It is not, and the job fails without it.
    Missing,
    /// It is not, and the job can do without it.
    Warning,
}

impl Diagnosis {
    /// What these checks say together.
    pub fn new(mut checks: Vec<Check>, system: &System) -> Self {
        checks.sort_by_key(|check| check.need);
        let closed: Vec<&Remedy> = checks
            .iter()
            .filter(|check| check.status == Status::Missing && check.command.is_some())
            .map(|check| &check.remedy)
            .collect();
        let at_once = (closed.len() > 1).then(|| Remedy::joined(closed).command(system));
        Self {
            checks,
            at_once: at_once.flatten(),
        }
    }

    /// How many checks ended so.
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }
}

impl Check {
    /// Something that is there.
    pub fn found(need: Need, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            need,
            subject: subject.into(),
            status: Status::Ok,
            message: message.into(),
            why: Vec::new(),
            command: None,
            advice: None,
            remedy: Remedy::default(),
        }
    }

    /// Something that the job fails without.
    pub fn missing(need: Need, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status: Status::Missing,
            ..Self::found(need, subject, message)
        }
    }

    /// Something that the job can do without.
    pub fn warning(need: Need, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status: Status::Warning,
            ..Self::found(need, subject, message)
        }
    }

    /// Says who needs it.
    #[must_use]
    pub fn needed_by(mut self, why: &[String]) -> Self {
        self.why = why.to_vec();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Says what closes the gap.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy, system: &System) -> Self {
        self.command = remedy.command(system);
        if self.command.is_none() && self.advice.is_none() {
            self.advice = remedy.source().map(|url| format!("install it from {url}"));
        }
        self.remedy = remedy;
        self
    }
}

/// An error with its causes on one line.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests;
