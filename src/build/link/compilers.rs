//! The tools that hold for a target: the user's own where they are set, else those of the chosen way.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use super::{Asked, Attempt, LinkChoice};
use crate::build::rustflags::upper;
use crate::tool::{Call, Ended, Output};

/// Tools for one target, each as one calls it: a name, a path, or (the user's own) words. None where nothing says
/// which, so that whoever needs it finds it by habit or fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compilers {
    /// C compiler.
    pub cc: Option<OsString>,
    /// C++ compiler.
    pub cxx: Option<OsString>,
    /// Archiver.
    pub ar: Option<OsString>,
    /// Indexer of archives.
    pub ranlib: Option<OsString>,
    /// What rustc links with; `rust-lld` is no driver and links no C by itself.
    pub linker: Option<OsString>,
}

impl Compilers {
    /// The place of the tool that the variable `name` speaks of.
    fn place(&mut self, name: &str) -> Option<&mut Option<OsString>> {
        match name {
            "CC" => Some(&mut self.cc),
            "CXX" => Some(&mut self.cxx),
            "AR" => Some(&mut self.ar),
            "RANLIB" => Some(&mut self.ranlib),
            _ => None,
        }
    }
}

impl Attempt<'_> {
    /// The tools that the user set for this target.
    pub(super) fn own_compilers(&self) -> Compilers {
        let own = |name: &str| self.own_value(name).map(OsStr::to_owned);
        Compilers {
            cc: own("CC"),
            cxx: own("CXX"),
            ar: own("AR"),
            ranlib: own("RANLIB"),
            linker: None,
        }
    }

    /// The linker that the user set for this target in the environment, or unless gantry.toml names one, in
    /// cargo's configuration; and where.
    pub(super) fn own_linker(&self) -> Option<(String, String)> {
        if self.wanted.no_rust {
            return None;
        }
        let variable = self.linker_variable();
        let environment = self.toolchain.tools().environment();
        let said = self.wanted.environment.get(&variable).map(String::as_str);
        match said.or_else(|| environment.non_empty(&variable)) {
            Some(linker) => Some((linker.to_owned(), variable)),
            None if self.wanted.linker == Asked::Auto => Some((
                self.toolchain.configured_linker(&self.target.triple)?,
                "cargo's configuration".to_owned(),
            )),
            None => None,
        }
    }

    pub(super) fn link_with(&self, choice: &mut LinkChoice, linker: impl Into<OsString>) {
        if let Some((own, _)) = self.own_linker() {
            choice.compilers.linker = Some(own.into());
            return;
        }
        let linker = linker.into();
        if !self.wanted.no_rust {
            choice.variables.insert(self.linker_variable(), linker.clone());
        }
        choice.compilers.linker = Some(linker);
    }

    /// Sets a tool of the `cc` crate for this target, unless the user did in a form that names the target.
    pub(super) fn set(&self, choice: &mut LinkChoice, name: &str, value: impl Into<OsString>) {
        let value = value.into();
        self.holds(choice, name, value.clone());
        self.say(choice, name, value);
    }

    /// A tool that holds without being said.
    pub(super) fn holds(&self, choice: &mut LinkChoice, name: &str, value: impl Into<OsString>) {
        if let Some(place) = choice.compilers.place(name) {
            place.get_or_insert(value.into());
        }
    }

    /// Sets a variable of build scripts for this target, unless the user did in a form that names the target.
    pub(super) fn say(&self, choice: &mut LinkChoice, name: &str, value: impl Into<OsString>) {
        if self.own_value(name).is_none() {
            let variable = format!("{name}_{}", self.target.triple.replace('-', "_"));
            choice.variables.insert(variable, value.into());
        }
    }

    /// What the user set for this target in the order of the `cc` crate. The plain form (`CC`) names the host's
    /// tool, so it counts only where the target is the host.
    /// <https://docs.rs/cc/latest/cc/#external-configuration-via-environment-variables>
    pub(super) fn own_value(&self, name: &str) -> Option<&OsStr> {
        let triple = &self.target.triple;
        let mut forms = vec![
            format!("{name}_{triple}"),
            format!("{name}_{}", triple.replace('-', "_")),
        ];
        if self.is_host() {
            forms.extend([format!("HOST_{name}"), name.to_owned()]);
        } else {
            forms.push(format!("TARGET_{name}"));
        }
        // An empty name of a tool names none, for the `cc` crate as well; other variables may be empty on purpose.
        let tool = ["CC", "CXX", "AR", "RANLIB"].contains(&name);
        let mut values = forms.iter().filter_map(|form| self.variable(form));
        values.find(|value| !tool || !value.is_empty())
    }

    /// What the user set a variable to, for whoever compiles.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        if let Some(value) = self.wanted.environment.get(name) {
            return Some(OsStr::new(value));
        }
        match self.wanted.no_rust {
            true => self.toolchain.tools().environment().var_os(name),
            false => self.toolchain.variable(name),
        }
    }

    fn linker_variable(&self) -> String {
        format!("CARGO_TARGET_{}_LINKER", upper(&self.target.triple))
    }

    /// The choice with what its compiler and linker say of themselves.
    pub(super) fn identified(&self, mut choice: LinkChoice) -> LinkChoice {
        let said = choice.identity.is_some();
        let mut lines: Vec<String> = choice.identity.take().into_iter().collect();
        for (tool, own) in [
            (&choice.compilers.linker, self.own_linker().is_some()),
            (&choice.compilers.cc, self.own_value("CC").is_some()),
        ] {
            let tool = tool.as_ref().filter(|_| own || !said);
            let line = tool.and_then(|tool| self.says_of_itself(tool));
            lines.extend(line.filter(|line| !lines.contains(line)));
        }
        choice.identity = (!lines.is_empty()).then(|| lines.join("; "));
        if self.wanted.compiles()
            && !self.wanted.cc_links
            && let Some(cc) = self.own_value("CC")
        {
            choice.why += &format!("; C is compiled by the user's own `{}`", cc.display());
        }
        choice
    }

    /// The first line of what a program says of its version.
    pub(super) fn says_of_itself(&self, tool: &OsStr) -> Option<String> {
        let tool = self.call(tool)?;
        let call = tool.clone().arg("--version").limit(Duration::from_secs(60));
        let answers = |output: &Output| output.ended == Ended::Code(0);
        let output = self.ask(&tool, &call, answers).ok()?;
        let text = output.text();
        let line = text.lines().next().filter(|_| output.ended == Ended::Code(0))?;
        Some(line.trim().to_owned())
    }

    /// A call of a tool as the `cc` crate reads it: a program, else words between blanks. None if it is not here.
    pub(super) fn call(&self, tool: &OsStr) -> Option<Call> {
        if self.toolchain.find(tool).is_some() {
            return Some(Call::new(Path::new(tool)));
        }
        let mut words = tool.to_str()?.split_whitespace();
        let program = words.next()?;
        self.toolchain.find(program)?;
        Some(Call::new(program).args(words))
    }
}
