//! `cargo gantry schema` and `cargo gantry completions`

use cargo_gantry::matrix;
use cargo_gantry::pipeline::Error;
use cargo_gantry::spec::json;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::reporter::Reporter;

/// The JSON Schema, always as itself: it is a document, not a message.
pub(crate) fn run(reporter: &Reporter) -> Result<(), Error> {
    reporter.document(&json::to_string_pretty(&matrix::schema()));
    Ok(())
}

/// A completion script for `cargo-gantry`, the name that shells complete.
pub(crate) fn completions(shell: Shell, reporter: &Reporter) -> Result<(), Error> {
    // Not to standard output directly: the generator panics when its reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cargo-gantry", &mut script);
    reporter.document(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
