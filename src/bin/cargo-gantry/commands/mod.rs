//! One verb, one file; here they are told apart.

mod build;
mod cache;
mod check;
mod copy;
mod diff;
mod digests;
mod doctor;
mod explain;
mod index;
mod inspect;
mod load;
mod pins;
mod plan;
mod prune;
mod publish;
mod readme;
mod remote;
mod run;
mod schema;
mod sizes;
mod tag;
mod tags;
mod targets;

use cargo_gantry::pipeline::{Error, Gantry};

use crate::args::Command;
use crate::reporter::Reporter;

/// Runs what was asked for, and gives the exit code: that of the program for `run`, else 0. `hand_over` is called before
/// the terminal is a program's.
pub(crate) fn run(
    command: Command,
    gantry: &Gantry,
    reporter: &Reporter,
    hand_over: &dyn Fn() -> Result<(), Error>,
) -> Result<u8, Error> {
    let done = match command {
        Command::Run(run) => return run::run(&run, gantry, reporter, hand_over),
        Command::Build(build) => build::run(&build, gantry, reporter),
        Command::Publish(publish) => publish::run(&publish, gantry, reporter),
        Command::Load(load) => load::run(&load, gantry, reporter),
        Command::Plan(selecting) => plan::run(&selecting, gantry, reporter),
        Command::Check(check) => check::run(&check, gantry, reporter),
        Command::Update(update) => pins::update(&update, gantry, reporter),
        Command::Outdated(selecting) => pins::outdated(&selecting, gantry, reporter),
        Command::Cache(cache) => cache::run(&cache, gantry, reporter),
        Command::Index(index) => index::run(&index, gantry, reporter),
        Command::Tag(tag) => tag::run(&tag, gantry, reporter),
        Command::Copy(copy) => copy::run(&copy, gantry, reporter),
        Command::Inspect(inspect) => inspect::run(&inspect, gantry, reporter),
        Command::Tags(tags) => tags::run(&tags, gantry, reporter),
        Command::Prune(prune) => prune::run(&prune, gantry, reporter),
        Command::Diff(diff) => diff::run(&diff, gantry, reporter),
        Command::Readme(readme) => readme::run(&readme, gantry, reporter),
        Command::Targets(targets) => targets::run(&targets, gantry, reporter),
        Command::Doctor(selecting) => doctor::run(&selecting, gantry, reporter),
        Command::Schema => schema::run(reporter),
        Command::Completions { shell } => schema::completions(shell, reporter),
    };
    done.map(|()| 0)
}

/// The runtime belongs to the binary: the library only gives futures.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Runtime)
}
