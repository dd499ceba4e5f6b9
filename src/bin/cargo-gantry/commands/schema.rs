//! `cargo gantry schema` and `cargo gantry completions`

use cargo_gantry::matrix;
use cargo_gantry::pipeline::Error;
use cargo_gantry::spec::json;
use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use crate::args::Arguments;
use crate::reporter::Reporter;

/// The JSON Schema: a document, and among messages one of them.
pub(crate) fn run(reporter: &Reporter) -> Result<(), Error> {
    let schema = matrix::schema();
    match reporter.json() {
        true => reporter.result("schema", "", json!({"schema": schema})),
        false => reporter.document(&json::to_string_pretty(&schema)),
    }
    Ok(())
}

/// A completion script for `cargo-gantry`, the name that shells complete.
pub(crate) fn completions(shell: Shell, reporter: &Reporter) -> Result<(), Error> {
    // Not to standard output directly: the generator panics when its reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "cargo-gantry", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Bash {
        // Where it goes from one state to the next the generator replaces the dash by two signs, and by more where it looks
        // the state up.
        script = script.replace("cargo__subcmd__gantry", "cargo__gantry");
    }
    match reporter.json() {
        true => reporter.result(
            "completions",
            "",
            json!({"shell": shell.to_string(), "text": script}),
        ),
        false => reporter.document(script.trim_end()),
    }
    Ok(())
}
