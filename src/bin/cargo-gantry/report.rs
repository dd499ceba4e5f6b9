//! Errors on the screen, and the exit codes: the one place where they are numbers.

use std::io::Write;

use cargo_gantry::pipeline::{Class, Error};
use cargo_gantry::spec::json;
use miette::{GraphicalReportHandler, GraphicalTheme, NarratableReportHandler};

use crate::reporter::Reporter;

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
        let value = serde_json::json!({
            "exit-code": code,
            "code": miette::Diagnostic::code(error).map(|code| code.to_string()),
            "message": message(error),
            "help": miette::Diagnostic::help(error).map(|help| help.to_string()),
        });
        reporter.result("error", "", value);
    }
    let _ = write!(
        std::io::stderr().lock(),
        "{}",
        rendered(error, reporter.colours())
    );
    code
}

/// The error with its causes in one line.
fn message(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

fn rendered(error: &Error, colours: bool) -> String {
    let mut text = String::new();
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    if handler.render_report(&mut text, error).is_err() {
        text.clear();
        // A report that cannot be drawn must still be read.
        if NarratableReportHandler::new()
            .render_report(&mut text, error)
            .is_err()
        {
            text = json::to_string(&message(error));
        }
    }
    text.push('\n');
    text
}
