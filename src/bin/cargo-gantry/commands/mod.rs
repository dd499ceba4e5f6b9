//! One verb, one file; here they are told apart.

mod build;
mod inspect;
mod plan;
mod publish;
mod schema;
mod targets;

use cargo_gantry::pipeline::{Error, Gantry};

use crate::args::Command;
use crate::reporter::Reporter;

/// Runs what was asked for.
pub(crate) fn run(command: Command, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    match command {
        Command::Build(build) => build::run(&build, gantry, reporter),
        Command::Publish(publish) => publish::run(&publish, gantry, reporter),
        Command::Plan(selecting) => plan::run(&selecting, gantry, reporter),
        Command::Inspect(inspect) => inspect::run(&inspect, gantry, reporter),
        Command::Targets(targets) => targets::run(&targets, gantry, reporter),
        Command::Schema => schema::run(reporter),
        Command::Completions { shell } => schema::completions(shell, reporter),
    }
}
