//! `cargo gantry check`

use std::path::PathBuf;

use cargo_gantry::fit::{Finding, Level, Proposal};
use cargo_gantry::pipeline::{Access, Checked, CheckedProgram, Error, Gantry, Unfit};

use super::runtime;
use crate::args;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &args::Check, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let runtime = runtime()?;
    let access = Access {
        plain_http: arguments.selecting.plain.plain_http.clone(),
        login: None,
    };
    let request = arguments.selecting.request();
    let mut unfit = Vec::new();
    if let Some(base) = &arguments.base {
        let programs: Vec<PathBuf> = arguments.names.iter().map(PathBuf::from).collect();
        let mut found = |checked| unfit.extend(program(&checked, base, reporter));
        let checking = gantry.check_on(base, &programs, &request.platforms, &access, &mut found);
        runtime.block_on(checking)?;
    } else if arguments.names.is_empty() {
        for checked in runtime.block_on(gantry.check(&request))? {
            unfit.extend(image(&checked, reporter));
        }
    } else {
        for name in &arguments.names {
            for checked in runtime.block_on(gantry.check_image(name, &request.platforms, &access))? {
                unfit.extend(image(&checked, reporter));
            }
        }
    }
    match unfit.is_empty() {
        true => Ok(()),
        false => Err(Error::unfit(unfit, arguments.names.is_empty())),
    }
}

fn image(checked: &Checked, reporter: &Reporter) -> Vec<Unfit> {
    let subject = format!("{} {}", checked.image, checked.platform);
    let value = serde_json::to_value(checked).expect("findings are representable as JSON");
    reporter.result("checked", &text(&subject, &checked.findings, &[]), value);
    Unfit::among(&checked.image, &checked.findings)
}

fn program(checked: &CheckedProgram, base: &str, reporter: &Reporter) -> Vec<Unfit> {
    let program = checked.program.display().to_string();
    let subject = format!("{program} on {base} {}", checked.platform);
    let value = serde_json::to_value(checked).expect("findings are representable as JSON");
    let text = text(&subject, &checked.findings, &checked.proposals);
    reporter.result("checked", &text, value);
    Unfit::among(&program, &checked.findings)
}

/// What was found, a line each; what stops the build is told at the end, with its way out.
fn text(subject: &str, findings: &[Finding], proposals: &[Proposal]) -> String {
    let mut lines = vec![match findings.len() {
        0 => format!("{subject}: fits"),
        1 => format!("{subject}: 1 finding"),
        count => format!("{subject}: {count} findings"),
    }];
    for finding in findings {
        let level = match finding.level {
            Level::Deny => "deny",
            _ => "warn",
        };
        let Finding {
            check,
            subject,
            message,
            ..
        } = finding;
        lines.push(format!("  {level} {}: {subject}: {message}", check.name()));
        if let (Level::Warn, Some(help)) = (finding.level, &finding.help) {
            lines.push(format!("    help: {help}"));
        }
    }
    if !proposals.is_empty() {
        lines.push("  bases that fit:".to_owned());
    }
    for proposal in proposals {
        let note = proposal.note.map_or(String::new(), |note| format!("; {note}"));
        lines.push(format!("    {} ({}{note})", proposal.base, proposal.libc));
    }
    lines.join("\n")
}
