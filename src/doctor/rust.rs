//! Cargo, rustc and its standard libraries.

use super::{Check, Need, Remedy, System, said};
use crate::build::toolchain::{Toolchain, ToolchainError};
use crate::target::Target;
use crate::tool::{Call, Tools};

/// Whether cargo is here.
pub fn cargo(tools: &Tools, system: &System) -> Check {
    let name = tools.environment().non_empty("CARGO").unwrap_or("cargo");
    match tools.run(&Call::new(name).arg("--version")) {
        Ok(output) => Check::found(Need::Rust, "cargo", output.text()),
        Err(error) => absent("cargo", &error, tools, system),
    }
}

/// Whether rustc is here.
pub fn compiler(toolchain: Result<&Toolchain, &ToolchainError>, tools: &Tools, system: &System) -> Check {
    match toolchain {
        Ok(toolchain) => {
            let said = [toolchain.version(), toolchain.host()].map(Option::unwrap_or_default);
            let message = said.join(" for ");
            Check::found(Need::Rust, "rustc", message)
        }
        Err(error) => absent("rustc", error, tools, system),
    }
}

/// Where there is rustup it lacks the toolchain that is wanted here.
fn absent(subject: &str, error: &dyn std::error::Error, tools: &Tools, system: &System) -> Check {
    let remedy = match tools.find("rustup") {
        Some(_) => Remedy::shell("rustup toolchain install"),
        None => Remedy::rustup(system),
    };
    Check::missing(Need::Rust, subject, said(error)).remedy(remedy, system)
}

/// The dependencies of a package could not be read.
pub fn dependencies(triple: &str, error: &str) -> Check {
    let subject = format!("the dependencies for {triple}");
    Check::missing(Need::Rust, subject, error)
        .advise("what compiles C is not known without them: mend this, then ask again")
}

/// Whether a standard library for one of the targets of a platform is here, which stand best first; and the triple that
/// is built for once all gaps are closed.
///
/// # Errors
/// When rustc cannot be run.
pub fn standard(
    targets: &[&Target],
    toolchain: &Toolchain,
    system: &System,
) -> Result<(String, Check), ToolchainError> {
    let best = targets[0].triple.as_str();
    for target in targets {
        let triple = target.triple.as_str();
        if !toolchain.std_installed(triple)? {
            continue;
        }
        // That it could be better is no gap: what is better may need more, a compiler for musl among others.
        let message = match triple == best {
            true => "installed".to_owned(),
            false => format!("installed, and taken as `{best}` is not"),
        };
        let check = Check::found(Need::Target, subject(triple), message);
        return Ok((triple.to_owned(), check));
    }
    let known = known(toolchain);
    let has = |target: &&&Target| match &known {
        Some(known) => known.contains(&target.triple),
        None => target.std_in_rustup,
    };
    let Some(target) = targets.iter().find(has) else {
        let check = Check::missing(Need::Target, subject(best), "rustup does not have it")
            .advise("set another `target` for this platform, or a base with the other C library");
        return Ok((best.to_owned(), check));
    };
    let triple = target.triple.as_str();
    let message = match triple == best {
        true => "not installed".to_owned(),
        false => format!("not installed; rustup does not have `{best}`, this is the next best"),
    };
    let check = Check::missing(Need::Target, subject(triple), message);
    let check = match known {
        Some(_) => {
            let others = targets.iter().map(|target| target.triple.as_str());
            let other = others.skip_while(|other| *other != triple).nth(1);
            let check = match other {
                Some(other) => check.advise(format!(
                    "if its server has none: `rustup target add {other}` serves the platform, too"
                )),
                None => check,
            };
            check.remedy(Remedy::target(triple), system)
        }
        None => check
            .advise("this toolchain is not rustup's: `rustup target add` works in one that is, and cargo finds that first")
            .remedy(Remedy::joined([&Remedy::rustup(system), &Remedy::target(triple)]), system),
    };
    Ok((triple.to_owned(), check))
}

fn subject(triple: &str) -> String {
    format!("std for {triple}")
}

/// The triples that rustup has a standard library for; none if the toolchain is not rustup's.
fn known(toolchain: &Toolchain) -> Option<Vec<String>> {
    let call = Call::new("rustup")
        .args(["target", "list"])
        .dir(toolchain.directory());
    let list = toolchain.tools().run(&call).ok()?.text();
    let triples = list.lines().filter_map(|line| line.split(' ').next());
    Some(triples.map(str::to_owned).collect())
}
