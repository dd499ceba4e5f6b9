//! What the checker says of a pair, and what happens when it is started, held against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::fit::{Check, Finding, Level, Question, check};
use cargo_gantry::pipeline::{Access, Gantry};
use cargo_gantry::target::Catalog;
use cargo_gantry::tool::Tools;

use crate::image::{Image, Yard};
use crate::pair::{APP, Pair, Start};
use crate::program::{Program, Workshop};
use crate::support;
use crate::support::launch::{self, Launch};

/// Bases whose layers are read in no time: images on them are checked through the library's door as well.
const SMALL: [&str; 3] = ["scratch", "musl", "distroless-cc"];

/// Makes, checks and starts all of them, and tells everything before it fails.
pub(crate) fn hold(kind: &str, pairs: Vec<Pair>) {
    let only = std::env::var("GANTRY_TEST_PAIR").unwrap_or_default();
    let pairs: Vec<_> = pairs
        .into_iter()
        .filter(|pair| pair.name.contains(&only))
        .collect();
    let yard = Yard::new();
    let startable = launch::possible();
    let next = AtomicUsize::new(0);
    let told = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = yard.make(pair).map(|image| of_pair(pair, &image, startable));
                    told.lock().unwrap().insert(pair.name, result);
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    let mut out = std::io::stderr();
    let mut faults = Vec::new();
    for (name, result) in &told {
        let line = match result {
            Some(Ok(line)) => line.clone(),
            Some(Err(fault)) => {
                faults.push(format!("{name}: {fault}"));
                format!("FAULT: {fault}")
            }
            None => "SKIPPED: something is missing here".to_owned(),
        };
        let _ = writeln!(out, "{kind} {name}: {line}");
    }
    let skipped = told.values().filter(|result| result.is_none()).count();
    let _ = writeln!(
        out,
        "{kind} pairs: {} held, {skipped} skipped, {} faults",
        told.len() - skipped - faults.len(),
        faults.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A line that tells both, or where they are not what they must be.
fn of_pair(pair: &Pair, image: &Image, startable: bool) -> Result<String, String> {
    let found = findings(pair, image);
    let mut codes: Vec<(Check, Level)> = found.iter().map(|one| (one.check, one.level)).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut expected = pair.expected.clone();
    expected.sort_unstable();
    let mut line = String::new();
    for one in &found {
        let _ = write!(line, "[{}] {}; ", one.check.name(), one.message);
    }
    if codes != expected {
        return Err(format!("found {line:?} instead of {expected:?}"));
    }
    if pair.crates.is_empty() && SMALL.contains(&pair.base) {
        let published = published(image);
        if published != codes {
            return Err(format!(
                "as an image of anybody {published:?} is found instead of {expected:?}"
            ));
        }
    }
    if !startable {
        return Ok(line + "not started: not possible here");
    }
    let why = match started(pair, image)? {
        Ok(why) => why,
        Err(reason) => return Ok(format!("{line}NOT STARTED: {reason}")),
    };
    match (why, pair.start) {
        (None, Start::Runs) => Ok(line + "runs"),
        (Some(why), Start::Fails | Start::HealthFails) => Ok(format!("{line}does not run: {why}")),
        (None, _) => Err(format!("{line}but it runs")),
        (Some(why), _) => Err(format!("{line}but it does not run: {why}")),
    }
}

/// What went wrong when it was started, or why it could not be tried.
fn started(pair: &Pair, image: &Image) -> Result<Result<Option<String>, String>, String> {
    if let Start::Not(reason) = pair.start {
        return Ok(Err(reason.to_owned()));
    }
    let Some(process) = launch::process(&image.layout, "pair", &image.root) else {
        return Ok(Err("umoci is missing".to_owned()));
    };
    let mut process = match process {
        Ok(process) => process,
        // It is as good as a runtime that refuses the image.
        Err(said) => return Ok(Ok(Some(said.lines().last().unwrap_or_default().to_owned()))),
    };
    if pair.start == Start::HealthFails {
        let test = image.config["config"]["Healthcheck"]["Test"].as_array().unwrap();
        process["args"] = test[1..].into();
    }
    // A runtime makes volumes that are not there.
    let volumes = image.config["config"]["Volumes"].as_object();
    for (path, _) in volumes.into_iter().flatten() {
        std::fs::create_dir_all(image.root.join(path.trim_start_matches('/'))).unwrap();
    }
    let architecture = pair.platform.split('/').nth(1).unwrap();
    let Some(launch) = Launch::new(&image.root, &process, architecture, pair.processor) else {
        return Ok(Err("qemu is missing".to_owned()));
    };
    let ended = launch.run();
    match ended.fault() {
        None if ended.stdout != "fits\n" => Err(format!("it said {:?}", ended.stdout)),
        fault => Ok(Ok(fault)),
    }
}

/// What `cargo gantry check --base BASE PROGRAM` finds that is denied, and how many bases it proposes instead. None,
/// said loudly, where something is missing.
pub(crate) fn on_base(base: &str, program: &Program) -> Option<(Vec<Check>, usize)> {
    let workshop = Workshop::new();
    let program = workshop.make(program)?;
    let name = format!("oci:{}", support::bases::base(base)?.display());
    let folder = tempfile::tempdir().unwrap();
    let gantry = Gantry::new(Tools::new(Environment::empty(folder.path())), Arc::new(Silent));
    let access = Access {
        plain_http: Vec::new(),
        login: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut checked = Vec::new();
    let mut found = |one| checked.push(one);
    let programs = [program];
    let checking = gantry.check_on(&name, &programs, &[], &access, &mut found);
    let ended = runtime.unwrap().block_on(checking);
    ended.unwrap_or_else(|error| panic!("{error:?}"));
    let checked = checked.remove(0);
    let denied = checked.findings.iter().filter(|one| one.level == Level::Deny);
    Some((denied.map(|one| one.check).collect(), checked.proposals.len()))
}

/// What `cargo gantry check oci:..` finds, which knows nothing of the pair but the layout.
fn published(image: &Image) -> Vec<(Check, Level)> {
    let folder = tempfile::tempdir().unwrap();
    let gantry = Gantry::new(Tools::new(Environment::empty(folder.path())), Arc::new(Silent));
    let access = Access {
        plain_http: Vec::new(),
        login: None,
    };
    let name = format!("oci:{}:pair", image.layout.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let checked = runtime.unwrap().block_on(gantry.check_image(&name, &[], &access));
    let checked = checked.unwrap_or_else(|error| panic!("{error:?}"));
    let found = checked.iter().flat_map(|one| &one.findings);
    let mut codes: Vec<_> = found.map(|one| (one.check, one.level)).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn findings(pair: &Pair, image: &Image) -> Vec<Finding> {
    let app = format!("/{APP}");
    let there = pair.layers.iter().flatten().any(|entry| entry.path == APP);
    let programs: Vec<String> = there.then(|| app.clone()).into_iter().collect();
    let names = pair.crates.iter().map(|name| (*name).to_owned()).collect();
    let mut static_glibc = BTreeSet::new();
    if pair.static_glibc {
        static_glibc.insert(app.clone());
    }
    check(&Question {
        platform: &pair.platform.parse().unwrap(),
        base: pair.base,
        catalog: &Catalog::builtin(),
        tree: &image.tree,
        base_layers: Some(image.base_layers),
        config: &image.config,
        programs: &programs,
        crates: &BTreeMap::from([(app, names)]),
        static_glibc: &static_glibc,
        levels: &BTreeMap::new(),
    })
}
