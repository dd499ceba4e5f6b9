//! `cargo gantry run`

use cargo_gantry::pipeline::{Error, Gantry};

use super::runtime;
use crate::args::Run;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &Run, gantry: &Gantry, reporter: &Reporter) -> Result<u8, Error> {
    let own = &arguments.arguments;
    let own = (!own.is_empty()).then_some(own.as_slice());
    let request = arguments.selecting.request();
    let staged = runtime()?.block_on(gantry.stage(&request))?;
    reporter.finish();
    Ok(staged.run(own)?)
}
