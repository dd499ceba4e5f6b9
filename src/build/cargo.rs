//! `cargo build`: one call for each triple of a unit.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::messages::Reader;
use super::remap::{Prefixes, c_variables, folders_of_sources};
use super::rustflags::{handover, upper};
use super::{Artifact, BuildError, Built, CargoFailure, CargoUnit, Strip, TargetBuild, selection};
use crate::event::{Event, Observer, Span, Stage};
use crate::tool::{Call, Ended, Output, Stream, ToolError, Tools};

/// Builds a unit. `each` gets every artifact when cargo reports it: the file is whole then, other triples may still
/// be compiled.
///
/// # Errors
/// Before cargo runs: when binaries would overwrite each other, or one call cannot say what is asked. After that:
/// when cargo fails, or did not report each (triple, package, binary) exactly once.
pub fn cargo(
    tools: &Tools,
    observer: &dyn Observer,
    unit: &CargoUnit,
    each: &mut dyn FnMut(Artifact),
) -> Result<Built, BuildError> {
    let selected = selection::arguments(unit)?;
    observer.event(&Event::BuildStarted {
        unit: &unit.name,
        steps: None,
    });
    let environment = tools.environment();
    let mut reader = Reader::new(unit, observer, each);
    let prefixes = match &unit.remap {
        Some(remap) => {
            let _span = Span::lent(
                observer,
                Stage::Build,
                (None, None),
                &format!("cargo fetch ({})", unit.name),
            );
            fetch(tools, observer, unit)?;
            let cargo_home = environment.cargo_home();
            let prefixes = Prefixes::of(unit, remap, environment.home(), cargo_home.as_deref())?;
            tell_unsayable(&prefixes, observer);
            Some(prefixes)
        }
        None => None,
    };
    let call = call(tools, unit, selected, prefixes.as_ref());
    for target in &unit.targets {
        let flags = handover(&target.triple, &flags(target, prefixes.as_ref()));
        let mut call = call.clone().arg("--target").arg(&target.triple);
        for (name, value) in flags.variables {
            call = call.var(name, value);
        }
        for name in flags.remove {
            call = call.without(name);
        }
        let what = format!("{} ({})", target.triple, unit.name);
        let _span = Span::lent(observer, Stage::Build, (None, None), &what);
        reader = run(tools, &call, unit, reader)?;
    }
    let built = reader.finished()?;
    observer.event(&Event::BuildFinished { unit: &unit.name });
    Ok(built)
}

/// Downloads and unpacks what will be compiled, because the folders it comes to lie in are known only then. Flags
/// that differ from the next build's would make that one compile everything anew. Where cargo has done so before, nothing
/// has changed since of what it goes by, and those folders are still the same, it need not look again.
///
/// Cargo wants more here than the build does: what the tests of each member need. So nothing comes of its failure. What
/// the build lacks, it says itself.
fn fetch(tools: &Tools, observer: &dyn Observer, unit: &CargoUnit) -> Result<(), BuildError> {
    let mut call = start(tools, unit, ("fetch", &unit.workspace.join("Cargo.toml")));
    for target in &unit.targets {
        call = call.args(["--target", &target.triple]);
    }
    let fetched = || -> Result<Output, ToolError> {
        let ended = tools.stream(&call, &mut |_, line| {
            // Without the network, nothing can be said of it but what is missing.
            if !unit.offline && !unit.frozen {
                let line = String::from_utf8_lossy(line);
                let (tool, text) = ("cargo", line.trim_end());
                observer.event(&Event::ToolOutput { tool, text });
            }
        })?;
        Ok(Output {
            ended,
            ..Output::default()
        })
    };
    let Some(known) = &unit.grounds else {
        fetched()?;
        return Ok(());
    };
    let folders = |_: &Output| {
        let home = tools.environment().cargo_home()?;
        let sources = [known.files.clone(), folders_of_sources(&home)];
        Some(sources.concat())
    };
    tools.remembered_of(&call, &known.facts, folders, fetched)?;
    Ok(())
}

fn run<'a>(
    tools: &Tools,
    call: &Call,
    unit: &CargoUnit,
    mut reader: Reader<'a>,
) -> Result<Reader<'a>, BuildError> {
    let ended = tools.stream(call, &mut |stream, line| match stream {
        Stream::Stdout => reader.message(line.trim_ascii_end()),
        Stream::Stderr => reader.text(&String::from_utf8_lossy(line)),
    })?;
    if ended == Ended::Code(0) {
        return Ok(reader);
    }
    let words = reader.failed();
    Err(BuildError::Cargo(Box::new(CargoFailure {
        unit: unit.name.clone(),
        command: call.shown(),
        ended,
        lines: words.lines,
        said: words.said,
    })))
}

/// The beginning of each call.
fn start(tools: &Tools, unit: &CargoUnit, (verb, manifest): (&str, &Path)) -> Call {
    let mut call = Call::new(tools.environment().non_empty("CARGO").unwrap_or("cargo"))
        .args([verb, "--color", "never", "--manifest-path"])
        .arg(manifest)
        .dir(&unit.workspace)
        .var("CARGO_TERM_PROGRESS_WHEN", "never");
    for (set, flag) in [
        (unit.locked, "--locked"),
        (unit.offline, "--offline"),
        (unit.frozen, "--frozen"),
    ] {
        call = if set { call.arg(flag) } else { call };
    }
    call
}

/// The call, but for its targets and their flags.
fn call(tools: &Tools, unit: &CargoUnit, selected: Vec<String>, prefixes: Option<&Prefixes>) -> Call {
    let mut call = start(tools, unit, ("build", &selection::manifest(unit)))
        .args(["--message-format", "json-render-diagnostics"])
        .args(["--profile", &unit.profile, "--target-dir"])
        .arg(&unit.target_directory)
        .args(selected)
        .var(profile_variable(&unit.profile, "STRIP"), unit.strip.value());
    if let Some(jobs) = unit.jobs {
        call = call.arg("--jobs").arg(jobs.to_string());
    }
    // What was compiled in steps is not, byte for byte, what is compiled at once.
    if tools.environment().var_os("CARGO_INCREMENTAL").is_none() {
        call = call.var("CARGO_INCREMENTAL", "0");
    }
    // What `cargo run` says of an xtask that calls us: build scripts that look at it (ring's does) would run, and
    // their crates be compiled, again whenever the caller changes.
    for (name, _) in tools.environment().variables() {
        let of_caller = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_caller) {
            call = call.without(name);
        }
    }
    if let Some(directory) = &unit.build_directory {
        call = call.var("CARGO_BUILD_BUILD_DIR", directory);
    }
    for (name, value) in &unit.environment {
        call = call.var(name, value);
    }
    for target in &unit.targets {
        for (name, value) in variables(tools, unit, target, prefixes) {
            call = call.var(name, value);
        }
    }
    call
}

/// The flags for rustc of a triple.
fn flags(target: &TargetBuild, prefixes: Option<&Prefixes>) -> Vec<String> {
    let remapping = prefixes.map(Prefixes::rustflags).unwrap_or_default();
    target.rustflags.iter().cloned().chain(remapping).collect()
}

fn tell_unsayable(prefixes: &Prefixes, observer: &dyn Observer) {
    let (_, unsayable) = prefixes.cflags();
    if !unsayable.is_empty() {
        let text = format!(
            "if C code is compiled, these paths may stay in it, because of their blanks: `{}`",
            unsayable.join("`, `")
        );
        observer.event(&Event::Notice { text: &text });
    }
}

/// The variables of one triple.
fn variables(
    tools: &Tools,
    unit: &CargoUnit,
    target: &TargetBuild,
    prefixes: Option<&Prefixes>,
) -> BTreeMap<String, OsString> {
    let mut variables = target.variables.clone();
    // What the matrix says of a compiler or linker holds, as it does when the user's own environment says it.
    // Some crates read a variable with the triple before its name first, and the plain one then.
    let before = format!("{}_", upper(&target.triple));
    variables.retain(|name, _| {
        let plain = name.strip_prefix(&before).unwrap_or(name);
        !unit.environment.contains_key(name) && !unit.environment.contains_key(plain)
    });
    if let Some(prefixes) = prefixes {
        let (flags, _) = prefixes.cflags();
        let known = |name: &str| {
            let own = target.variables.get(name).map(OsString::as_os_str);
            own.or_else(|| unit.environment.get(name).map(OsStr::new))
                .or_else(|| tools.environment().var_os(name))
                .or_else(|| unit.configured.get(name).map(OsStr::new))
                .and_then(OsStr::to_str)
        };
        for (name, value) in c_variables(&target.triple, &flags, known) {
            variables.insert(name, value.into());
        }
    }
    variables
}

fn profile_variable(profile: &str, key: &str) -> String {
    let profile = profile.to_uppercase().replace('-', "_");
    format!("CARGO_PROFILE_{profile}_{key}")
}

impl Strip {
    fn value(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Debuginfo => "debuginfo",
            Self::Symbols => "symbols",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Remap;
    use crate::environment::Environment;

    #[test]
    fn a_compiler_that_the_matrix_names_is_not_replaced() {
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let unit = CargoUnit {
            environment: BTreeMap::from([
                owned("CC_a_b", "mine"),
                owned("CFLAGS_a_b", "-O1"),
                owned("PAGE", "14"),
            ]),
            ..CargoUnit::default()
        };
        let target = TargetBuild {
            triple: "a-b".into(),
            variables: BTreeMap::from([
                ("CC_a_b".into(), "chosen".into()),
                ("AR_a_b".into(), "chosen".into()),
                ("A_B_PAGE".into(), "16".into()),
            ]),
            ..TargetBuild::default()
        };
        let tools = Tools::new(Environment::empty("/w"));
        let set = variables(&tools, &unit, &target, None);
        assert_eq!(set, BTreeMap::from([("AR_a_b".into(), "chosen".into())]));
    }

    #[test]
    fn c_flags_of_cargos_configuration_stay() {
        let unit = CargoUnit {
            workspace: "/w".into(),
            target_directory: "/w/t".into(),
            configured: BTreeMap::from([("CFLAGS_a_b".to_owned(), "-O1".to_owned())]),
            ..CargoUnit::default()
        };
        let target = TargetBuild {
            triple: "a-b".into(),
            ..TargetBuild::default()
        };
        let prefixes = Prefixes::of(&unit, &Remap::default(), None, None).unwrap();
        let flags = |environment: Environment| {
            let set = variables(&Tools::new(environment), &unit, &target, Some(&prefixes));
            set["CFLAGS_a_b"].to_str().unwrap().to_owned()
        };
        let outer = Environment::empty("/w");
        assert!(flags(outer.clone()).starts_with("-O1 -ffile-prefix-map="));
        assert!(flags(outer.with("CFLAGS_a_b", "-O3")).starts_with("-O3 -ffile-prefix-map="));
    }
}
