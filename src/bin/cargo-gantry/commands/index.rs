//! `cargo gantry index`

use cargo_gantry::pipeline::{Error, Gantry, Order};

use super::copy::{finished, terms};
use super::publish::access;
use super::runtime;
use crate::args::index::{Create, Index, Verb};
use crate::reporter::Reporter;

pub(crate) fn run(arguments: &Index, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    match &arguments.verb {
        Verb::Create(create) => self::create(create, gantry, reporter),
    }
}

fn create(arguments: &Create, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let mut order = Order::default();
    order.tags = arguments.tags.clone();
    order.annotations = arguments.annotations.iter().cloned().collect();
    let terms = terms(&arguments.moving);
    let created = runtime()?.block_on(gantry.create_index(
        &arguments.target,
        &arguments.sources,
        &order,
        &access,
        &terms,
    ));
    finished("created", created.map(|created| vec![created]), reporter)
}
