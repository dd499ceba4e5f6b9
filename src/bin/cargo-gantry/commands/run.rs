//! `cargo gantry run`

use std::sync::atomic::{AtomicBool, Ordering};

use cargo_gantry::pipeline::{Error, Gantry};

use super::runtime;
use crate::args::Run;
use crate::reporter::Reporter;

pub(crate) fn run(
    arguments: &Run,
    gantry: &Gantry,
    reporter: &Reporter,
    handed_over: &AtomicBool,
) -> Result<u8, Error> {
    let own = &arguments.arguments;
    let own = (!own.is_empty()).then_some(own.as_slice());
    let request = arguments.selecting.request();
    let staged = runtime()?.block_on(gantry.stage(&request))?;
    reporter.finish();
    handed_over.store(true, Ordering::SeqCst);
    Ok(staged.run(own)?)
}
