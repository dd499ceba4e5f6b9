//! Programs that make, pack, name or start binaries.

use std::path::Path;
use std::time::Duration;

use super::{Check, Need, Remedy, Status, System, system};
use crate::build::go_program;
use crate::tool::{Call, Tools};

/// A program that is needed.
#[derive(Clone, Debug)]
pub struct Program<'a> {
    /// What it is called, in `packages.toml`, too, if that knows it.
    pub tool: &'a str,
    /// What it is looked for as; one of them is enough.
    pub names: Vec<String>,
    /// What it belongs to.
    pub need: Need,
    /// The job fails without it.
    pub required: bool,
    /// Who needs it.
    pub why: Vec<String>,
    /// What is done without it, where it is not required.
    pub without: &'a str,
}

/// Whether a program is here.
pub fn program(program: &Program<'_>, tools: &Tools, system: &System) -> Check {
    let found = program.names.iter().find_map(|name| tools.find(name));
    if let Some(path) = found {
        let check = Check::found(program.need, program.tool, path.display().to_string());
        return check.needed_by(&program.why);
    }
    let names: Vec<String> = program.names.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("{} is not in PATH", names.join(" or "));
    let check = match program.required {
        true => Check::missing(program.need, program.tool, message),
        false => Check::warning(
            program.need,
            program.tool,
            format!("{message}: {}", program.without),
        ),
    };
    let check = check
        .needed_by(&program.why)
        .remedy(Remedy::tool(program.tool, system), system);
    match (&check.command, &check.advice) {
        (None, None) => check.advise(format!(
            "install {}, or correct what calls it",
            names.join(" or ")
        )),
        _ => check,
    }
}

/// Git is here and refuses to read the project's repository.
pub fn repository_refused(folder: &Path, said: &str, system: &System) -> Check {
    let check = Check::missing(Need::Program, "git", said);
    let folder = folder.display().to_string();
    // What git says where the folder belongs to somebody else.
    match said.contains("dubious ownership") && !folder.contains('\'') {
        true => check.remedy(
            Remedy::shell(format!("git config --global --add safe.directory '{folder}'")),
            system,
        ),
        false => check.advise("ask `git status` in the project's folder"),
    }
}

/// Go, and what it must be able to do.
#[derive(Clone, Debug, Default)]
pub struct Go {
    /// The oldest that go.mod says it takes, as numbers.
    pub oldest: Option<(u32, u32)>,
    /// Who needs it.
    pub why: Vec<String>,
}

/// The first Go that fetches a newer one by itself where a module asks for that.
/// <https://go.dev/doc/toolchain>
const FETCHES: (u32, u32) = (1, 21);

/// Whether a Go is here that can build the module.
pub fn go(go: &Go, tools: &Tools, system: &System) -> Check {
    let needed = Program {
        tool: "go",
        names: vec!["go".to_owned()],
        need: Need::Program,
        required: true,
        why: go.why.clone(),
        without: "",
    };
    let check = program(&needed, tools, system);
    // As the build finds it: also where GOROOT alone names it.
    let Some(go_itself) = go_program(tools) else {
        return check;
    };
    let check = match check.status {
        Status::Missing => {
            Check::found(Need::Program, "go", go_itself.display().to_string()).needed_by(&go.why)
        }
        _ => check,
    };
    let call = Call::new(go_itself)
        .args(["env", "GOVERSION"])
        .limit(Duration::from_secs(30));
    let Ok(output) = tools.run(&call) else {
        return check;
    };
    let said = output.text();
    let found = said.strip_prefix("go").and_then(system::version);
    match (found, go.oldest) {
        (Some(found), Some(oldest)) if found < oldest && found < FETCHES => {
            let message = format!("{said} is here, and go.mod asks for go {}.{}", oldest.0, oldest.1);
            Check::missing(Need::Program, "go", message)
                .needed_by(&go.why)
                .remedy(Remedy::tool("go", system), system)
        }
        _ => Check::found(Need::Program, "go", said).needed_by(&go.why),
    }
}
