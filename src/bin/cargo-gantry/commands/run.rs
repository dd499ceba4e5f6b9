//! `cargo gantry run`

use cargo_gantry::pipeline::{Error, Gantry};

use super::runtime;
use crate::args::Run;
use crate::report::report;
use crate::reporter::Reporter;

pub(crate) fn run(
    arguments: &Run,
    gantry: &Gantry,
    reporter: &Reporter,
    hand_over: &dyn Fn() -> Result<(), Error>,
) -> Result<u8, Error> {
    let own = &arguments.arguments;
    let own = (!own.is_empty()).then_some(own.as_slice());
    let request = arguments.selecting.request();
    let staged = runtime()?.block_on(gantry.stage(&request))?;
    reporter.finish();
    hand_over()?;
    match staged.run(own) {
        // As container runtimes tell it: 127 where there is no such program, 126 where it is none.
        Err(error @ Error::Trial(_)) => match refused(&error) {
            Some(code) => {
                report(&error, reporter);
                Ok(code)
            }
            None => Err(error),
        },
        ended => ended,
    }
}

fn refused(error: &Error) -> Option<u8> {
    let Error::Trial(error) = error else { return None };
    u8::try_from(error.exit_code()?).ok()
}
