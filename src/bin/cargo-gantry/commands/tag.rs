//! `cargo gantry tag`

use cargo_gantry::pipeline::{Error, Gantry};

use super::copy::{finished, terms};
use super::publish::access;
use super::runtime;
use crate::args::tag::Tag;
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &Tag, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let terms = terms(&arguments.moving);
    let tagged = runtime()?.block_on(gantry.tag(
        &arguments.source,
        &arguments.names,
        arguments.semver,
        &access,
        &terms,
    ));
    finished("tagged", tagged, reporter)
}
