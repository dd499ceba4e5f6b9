//! Errors on the screen, and the exit codes: the one place where they are numbers.

use std::io::Write;

use cargo_gantry::build::BuildError;
use cargo_gantry::pipeline::{Class, Error};
use cargo_gantry::tool::Ended;
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NarratableReportHandler, SourceCode,
};
use serde_json::{Value, json};

use crate::reporter::{Reporter, harmless};

/// The exit code of each class of errors.
pub(crate) fn exit_code(class: Class) -> u8 {
    match class {
        Class::Unexpected => 1,
        Class::Usage => 2,
        Class::Matrix => 3,
        Class::Build => 4,
        Class::Fit => 5,
        Class::Unreachable => 6,
        Class::Disk => 7,
        Class::Denied => 8,
        Class::Refused => 9,
        Class::Interrupted => 130,
        _ => 1,
    }
}

/// Shows an error and gives its exit code.
pub(crate) fn report(error: &Error, reporter: &Reporter) -> u8 {
    reporter.finish();
    let code = exit_code(error.class());
    if reporter.json() {
        let mut value = object(error, None);
        value["exit-code"] = code.into();
        reporter.result("error", "", value);
    }
    let text = match above(error).filter(|_| reporter.shows_tools()) {
        Some(short) => rendered(&short, reporter.colours()),
        None => rendered(error, reporter.colours()),
    };
    let text = match reporter.colours() {
        // Of what a terminal acts upon, only our own colours go to it.
        true => coloured(&text),
        false => harmless(&text),
    };
    let _ = write!(std::io::stderr().lock(), "{text}");
    code
}

/// Tells a machine that the run was interrupted, once. A person did it, and is told nothing.
pub(crate) fn interrupted(reporter: &Reporter) {
    let value = json!({
        "exit-code": exit_code(Class::Interrupted),
        "code": null,
        "message": "interrupted",
        "help": null,
        "places": [],
        "related": [],
    });
    reporter.once(|| reporter.result("error", "", value));
}

/// An error as an object, with those that it is made of. What shows no text of its own points into that of the error around
/// it.
fn object(error: &dyn Diagnostic, around: Option<&dyn SourceCode>) -> Value {
    let text = error.source_code().or(around);
    let labels = error.labels().into_iter().flatten();
    let places: Vec<Value> = labels.filter_map(|label| place(&label, text?)).collect();
    let related = error.related().into_iter().flatten();
    let related: Vec<Value> = related.map(|error| object(error, text)).collect();
    json!({
        "code": error.code().map(|code| code.to_string()),
        "message": message(error),
        "help": error.help().map(|help| help.to_string()),
        "places": places,
        "related": related,
    })
}

/// Where a label points to, with lines and columns from 1; columns are bytes.
fn place(label: &LabeledSpan, text: &dyn SourceCode) -> Option<Value> {
    let found = text.read_span(label.inner(), 0, 0).ok()?;
    Some(json!({
        "file": found.name(),
        "line": found.line() + 1,
        "column": found.column() + 1,
        "label": label.label(),
    }))
}

/// A failed compilation whose messages stand on the screen already.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cargo ended with {ended}: its messages are above")]
#[diagnostic(code(gantry::build::cargo))]
struct Above {
    ended: Ended,
    #[help]
    help: Option<String>,
}

fn above(error: &Error) -> Option<Above> {
    let (failure, help) = match error {
        Error::Build(failure) => (failure, None),
        Error::LinkFailed { failure, help } => (failure.as_ref(), Some(help.clone())),
        _ => return None,
    };
    match failure {
        BuildError::Cargo(failure) => Some(Above {
            ended: failure.ended,
            help,
        }),
        _ => None,
    }
}

/// Text without what a terminal would act upon, but for colours: `ESC [ numbers m`.
fn coloured(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut out = harmless(pieces.next().unwrap_or_default());
    for piece in pieces {
        let rest = piece
            .strip_prefix('[')
            .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
        let is_colour = rest.is_some_and(|rest| rest.starts_with('m'));
        out.push(if is_colour { '\u{1b}' } else { '\u{fffd}' });
        out.push_str(&harmless(piece));
    }
    out
}

/// The error with its causes in one line.
pub(crate) fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

fn rendered(error: &dyn Diagnostic, colours: bool) -> String {
    let mut text = String::new();
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(120);
    if handler.render_report(&mut text, error).is_err() {
        text.clear();
        // A report that cannot be drawn must still be read.
        if NarratableReportHandler::new()
            .render_report(&mut text, error)
            .is_err()
        {
            text = error.to_string();
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_reach_a_terminal() {
        let text = coloured("\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;title\u{7}\u{1b}");
        assert_eq!(
            text,
            "\u{1b}[1;31mred\u{1b}[0m \u{fffd}[2J\u{fffd}]0;title\u{fffd}\u{fffd}"
        );
    }
}
