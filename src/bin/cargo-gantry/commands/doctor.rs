//! `cargo gantry doctor`

use cargo_gantry::doctor::{Check, Diagnosis, Need, Status};
use cargo_gantry::pipeline::{Access, Error, Gantry};
use serde_json::json;

use super::runtime;
use crate::args::Selecting;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &Selecting, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = Access {
        plain_http: arguments.plain.plain_http.clone(),
        login: None,
    };
    let diagnosis = runtime()?.block_on(gantry.doctor(&arguments.request(), &access))?;
    let count = diagnosis.count(Status::Missing);
    for check in &diagnosis.checks {
        let value = serde_json::to_value(check).expect("checks are representable as JSON");
        reporter.result("doctor", "", value);
    }
    let warnings = diagnosis.count(Status::Warning);
    let value = json!({"missing": count, "warnings": warnings, "command": diagnosis.at_once});
    reporter.result("diagnosed", &text(&diagnosis), value);
    match count {
        0 => Ok(()),
        count => Err(Error::Gaps { count }),
    }
}

/// The checks below what they belong to, and how many gaps there are.
fn text(diagnosis: &Diagnosis) -> String {
    let mut lines = Vec::new();
    let mut title = None;
    for check in &diagnosis.checks {
        if title != Some(check.need) {
            title = Some(check.need);
            lines.push(heading(check.need).to_owned());
        }
        lines.extend(shown(check));
    }
    let gaps = match diagnosis.count(Status::Missing) {
        0 => "nothing is missing".to_owned(),
        1 => "1 gap".to_owned(),
        count => format!("{count} gaps"),
    };
    lines.push(match &diagnosis.at_once {
        Some(command) => format!("{gaps}; all at once:\n  {command}"),
        None => gaps,
    });
    lines.join("\n")
}

fn heading(need: Need) -> &'static str {
    match need {
        Need::Rust => "Rust",
        Need::Target => "Standard libraries",
        Need::Linker => "Linkers and C compilers",
        Need::Program => "Programs",
        Need::Base => "Bases",
        Need::Registry => "Registries",
        Need::Trial => "To start programs here",
        _ => "Others",
    }
}

fn shown(check: &Check) -> Vec<String> {
    let mark = match check.status {
        Status::Ok => "✓",
        Status::Missing => "✗",
        Status::Warning => "!",
    };
    let mut lines = vec![format!("  {mark} {}: {}", check.subject, check.message)];
    if check.status == Status::Ok {
        return lines;
    }
    lines.extend(check.why.iter().map(|why| format!("      for {why}")));
    lines.extend(
        check
            .command
            .iter()
            .map(|command| format!("      run: {command}")),
    );
    lines.extend(check.advice.iter().map(|advice| format!("      help: {advice}")));
    lines
}
