//! The command `cargo gantry`: arguments in, the library's calls, results and errors out.

mod allocator;
mod args;
mod bars;
mod commands;
mod report;
mod reporter;
mod table;
mod timings;
mod whole;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cargo_gantry::environment::Environment;
use cargo_gantry::event::Observer;
use cargo_gantry::pipeline::{Class, Error, Gantry};
use cargo_gantry::tool::Tools;
use clap::Parser;

use args::Arguments;
use reporter::Reporter;
use timings::{End, Timings};

fn main() -> ExitCode {
    allocator::settle();
    // As `cargo gantry build` we are called with `gantry` first; called directly, without.
    let words = std::env::args_os()
        .enumerate()
        .filter(|(position, word)| *position != 1 || word != "gantry");
    let words: Vec<OsString> = words.map(|(_, word)| word).collect();
    let arguments = Arguments::parse_from(&words);
    let environment = match Environment::capture() {
        Ok(environment) => environment,
        Err(error) => {
            let _ = writeln!(
                std::io::stderr(),
                "error: the working directory cannot be read: {error}"
            );
            return ExitCode::from(1);
        }
    };
    let no_colour = environment.non_empty("NO_COLOR").is_some();
    let reporter = Arc::new(Reporter::new(
        &arguments.output,
        no_colour,
        environment.non_empty("CI").is_some(),
    ));
    let timings = arguments.command.timings().map(|path| {
        let shown = words
            .iter()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned());
        Timings::begin(path, timings::shown(shown), reporter.clone()).map(Arc::new)
    });
    let timings = match timings.transpose() {
        Ok(timings) => timings,
        Err(error) => return ExitCode::from(report::report(&error, &reporter)),
    };
    let tools = Tools::new(environment);
    let handed_over = Arc::new(AtomicBool::new(false));
    end_children_on_signals(&tools, &handed_over, timings.clone(), &reporter);
    let hand_over = || {
        handed_over.store(true, Ordering::SeqCst);
        let timings = timings.as_ref();
        timings.map_or(Ok(()), |timings| timings.finish(&End::HandedOver))
    };
    let observer: Arc<dyn Observer> = match &timings {
        Some(timings) => timings.observer(),
        None => reporter.clone(),
    };
    let gantry = Gantry::new(tools, observer);
    let result = commands::run(arguments.command, &gantry, &reporter, &hand_over);
    reporter.finish();
    let result = result.and_then(|code| {
        reporter
            .unsaid()
            .take()
            .map_or(Ok(code), |error| Err(Error::Result(error)))
    });
    let result = match &timings {
        Some(timings) => timings.end(result, &reporter),
        None => result,
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.class() == Class::Interrupted => {
            report::interrupted(&reporter);
            ExitCode::from(130)
        }
        Err(error) => ExitCode::from(report::report(&error, &reporter)),
    }
}

/// How long we wait for ourselves once we were told to end.
#[cfg(unix)]
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(500);

/// On Ctrl-C or a polite kill: no child stays, and we are soon gone. Whatever we were writing is either whole
/// under its name or not there at all, so there is nothing else to save but `timings`. Once the terminal is `handed_over` to a program
/// that `run` started, the first Ctrl-C is the program's: the terminal sends it there as well, and it may end in its own
/// way.
#[cfg(unix)]
fn end_children_on_signals(
    tools: &Tools,
    handed_over: &Arc<AtomicBool>,
    timings: Option<Arc<Timings>>,
    reporter: &Arc<Reporter>,
) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    let (tools, handed_over, reporter) = (tools.clone(), Arc::clone(handed_over), reporter.clone());
    std::thread::spawn(move || {
        let ours = |signal: &i32| *signal != SIGINT || !handed_over.swap(false, Ordering::SeqCst);
        if signals.forever().find(ours).is_some() {
            tools.cancel();
            // What ends now removes what it made to try images in.
            std::thread::sleep(FAREWELL);
            // As a rule it was written by then, by whoever noticed that the children are gone.
            let end = End::Exit(130, None);
            let _ = timings.map(|timings| timings.finish(&end));
            let (told, heard) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                report::interrupted(&reporter);
                let _ = told.send(());
            });
            // Whoever reads us may have stopped reading.
            let _ = heard.recv_timeout(FAREWELL);
            std::process::exit(130);
        }
    });
}

#[cfg(not(unix))]
fn end_children_on_signals(_: &Tools, _: &Arc<AtomicBool>, _: Option<Arc<Timings>>, _: &Arc<Reporter>) {}
