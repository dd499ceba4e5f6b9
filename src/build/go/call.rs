//! [`Caller`]: calls of go, with the variables and flags that all of them share.

use std::path::{Path, PathBuf};

use super::advice::advice;
use super::flags::{self, GoFlags};
use super::{GoTarget, GoUnit};
use crate::build::{BuildError, GoFailure};
use crate::event::Observer;
use crate::tool::{Call, Ended, Tools};

/// Starts calls of go for one unit.
pub(super) struct Caller<'a> {
    pub(super) tools: &'a Tools,
    pub(super) observer: &'a dyn Observer,
    pub(super) unit: &'a GoUnit,
    program: PathBuf,
    temporary: &'a Path,
    /// The user's own flags for each call.
    own: GoFlags,
}

impl<'a> Caller<'a> {
    /// Finds go, and asks it for the flags that the user's settings give to every call.
    pub(super) fn new(
        tools: &'a Tools,
        observer: &'a dyn Observer,
        unit: &'a GoUnit,
        temporary: &'a Path,
    ) -> Result<Self, BuildError> {
        let mut caller = Self {
            tools,
            observer,
            unit,
            program: program(tools).ok_or(BuildError::GoMissing)?,
            temporary,
            own: GoFlags::default(),
        };
        // Not only the variable: `go env -w` keeps settings in a file of its own.
        let call = caller.call(None).args(["env", "GOFLAGS"]);
        let flags = caller.run(&call, None)?;
        caller.own = GoFlags::read(flags.trim()).ok_or_else(|| BuildError::GoFlags {
            what: "GOFLAGS",
            value: flags.trim().to_owned(),
        })?;
        if unit.locked && caller.own.may_change_modules {
            return Err(BuildError::GoUnlocked);
        }
        Ok(caller)
    }

    /// A call for a target, without arguments.
    pub(super) fn call(&self, target: Option<&GoTarget>) -> Call {
        let unit = self.unit;
        // Go renames what it has linked if it can: a copy that is cut short would count as built the next time.
        let mut call = Call::new(&self.program)
            .dir(&unit.directory)
            .var("GOTMPDIR", self.temporary)
            .var("CGO_ENABLED", if unit.cgo { "1" } else { "0" });
        let variables = target.map(|target| &target.variables);
        for (name, value) in variables.into_iter().flatten() {
            call = call.var(name, value);
        }
        for (name, value) in &unit.environment {
            if !["GOOS", "GOARCH"].contains(&name.as_str()) {
                call = call.var(name, value);
            }
        }
        if unit.offline {
            // Modules that match GOPRIVATE would be fetched past the proxy.
            call = call.var("GOPROXY", "off").var("GONOPROXY", "none");
        }
        call
    }

    /// `go build` for a target, without output and packages.
    pub(super) fn build(&self, target: &GoTarget) -> Result<Call, BuildError> {
        let unit = self.unit;
        let mut call = self.call(Some(target)).args(["build", "-v"]);
        if unit.trimpath {
            call = call.arg("-trimpath");
        }
        if let Some(jobs) = unit.jobs {
            call = call.arg("-p").arg(jobs.to_string());
        }
        let tags = self.own.tags_with(&unit.tags);
        if !unit.tags.is_empty() {
            call = call.arg("-tags").arg(tags);
        }
        let ldflags = flags::ldflags(&self.own, unit, target)?;
        if !ldflags.is_empty() {
            call = call.arg("-ldflags").arg(ldflags);
        }
        Ok(call)
    }

    /// `go list` of one package, as a target sees it.
    pub(super) fn list(&self, target: &GoTarget) -> Call {
        // -find: without what it imports, which may have to be downloaded.
        let call = self.call(Some(target)).args(["list", "-find"]);
        match self.unit.tags.is_empty() {
            true => call,
            false => call.arg("-tags").arg(self.own.tags_with(&self.unit.tags)),
        }
    }

    /// Runs a call whose output is an answer.
    pub(super) fn run(&self, call: &Call, target: Option<&GoTarget>) -> Result<String, BuildError> {
        let output = self.tools.output(&call.clone().keep(ANSWER))?;
        if output.ended == Ended::Code(0) {
            return Ok(output.text());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        Err(self.failure(call, target, output.ended, said.clone(), said))
    }

    /// The error of a call that ended badly.
    pub(super) fn failure(
        &self,
        call: &Call,
        target: Option<&GoTarget>,
        ended: Ended,
        lines: String,
        said: String,
    ) -> BuildError {
        // The only words that go has for it; an error before anything is built, and so within the first lines.
        // <https://github.com/golang/go/blob/go1.24.0/src/cmd/go/internal/work/init.go#L411>
        const UNKNOWN: &str = "unsupported GOOS/GOARCH pair ";
        if let Some(target) = target
            && let Some((_, pair)) = lines.split_once(UNKNOWN)
        {
            return BuildError::GoPlatform {
                triple: target.triple.clone(),
                pair: pair.lines().next().unwrap_or_default().to_owned(),
            };
        }
        BuildError::Go(Box::new(GoFailure {
            unit: self.unit.name.clone(),
            triple: target.map(|target| target.triple.clone()),
            command: call.shown(),
            ended,
            help: advice(&said),
            lines,
            said,
        }))
    }
}

/// More than any answer of go.
const ANSWER: usize = 1 << 20;

/// The go that builds: that of `PATH`, else that of `GOROOT`; none where there is neither.
pub fn program(tools: &Tools) -> Option<PathBuf> {
    if tools.find("go").is_some() {
        return Some("go".into());
    }
    let root = tools.environment().non_empty("GOROOT");
    let below = root.map(|root| Path::new(root).join("bin").join("go"));
    below.and_then(|path| {
        tools
            .find(&path)
            .or_else(|| tools.find(path.with_extension("exe")))
    })
}
