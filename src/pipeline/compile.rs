//! Compiling: a unit at a time, and what can be packed once an artifact arrived.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::lay::Placed;
use super::prepare::Prepared;
use super::{Error, Gantry, convert};
use crate::build::{self, Artifact, BuildError, link};
use crate::event::Stage;
use crate::plan::{BuildUnit, ForeignUnit, Maker, Plan, PlannedImage};
use crate::tool::Tools;

/// A place in the plan: image and platform.
pub(super) type Spot = (usize, usize);

/// A unit of the plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Cargo(usize),
    Foreign(usize),
}

impl Unit {
    fn of(maker: &Maker) -> Self {
        match maker {
            Maker::Cargo { unit, .. } => Self::Cargo(*unit),
            Maker::Foreign { unit } => Self::Foreign(*unit),
        }
    }

    /// What is not cargo's comes first: it is there sooner, and what is wrong with it is told sooner.
    fn all(plan: &Plan) -> impl Iterator<Item = Self> + use<> {
        let foreign = (0..plan.foreign.len()).map(Self::Foreign);
        foreign.chain((0..plan.units.len()).map(Self::Cargo))
    }
}

/// How often it is asked whether a compiler that runs works in vain.
const LOOK: Duration = Duration::from_millis(100);

/// Compiles everything, and gives each (image, platform) to `work` as soon as its binaries are there, on as many
/// threads as there are processors. Once some work failed, or `failed` says why all of it is in vain, nothing more is
/// compiled, and the compiler that runs is ended.
pub(super) fn as_they_arrive<T: Send>(
    gantry: &Gantry,
    prepared: &Prepared,
    failed: impl Fn() -> Option<Error> + Sync,
    work: impl Fn(Spot, &[Placed]) -> Result<T, Error> + Sync,
) -> Result<BTreeMap<Spot, T>, Error> {
    let plan = &prepared.plan;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = mpsc::channel::<(Spot, Vec<Placed>)>();
    let receiver = Mutex::new(receiver);
    let results = Mutex::new(Ok(BTreeMap::new()));
    let stopped = AtomicBool::new(false);
    let has_failed = || results.lock().unwrap_or_else(PoisonError::into_inner).is_err();
    let worker = || {
        loop {
            let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((spot, binaries)) = next else { return };
            // What is left is in vain.
            if has_failed() || stopped.load(Ordering::Relaxed) {
                continue;
            }
            let result = work(spot, &binaries);
            let mut all = results.lock().unwrap_or_else(PoisonError::into_inner);
            match (&mut *all, result) {
                (Ok(map), Ok(result)) => drop(map.insert(spot, result)),
                (Ok(_), Err(error)) => *all = Err(error),
                (Err(_), _) => {}
            }
        }
    };
    // Of its own, since what is under way in the workers goes on.
    let compilers = gantry.tools.part();
    let in_vain = Mutex::new(None);
    let told = || in_vain.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (over, ended) = mpsc::channel::<()>();
    let watch = |ended: Receiver<()>| {
        while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let why = failed();
            if why.is_some() || has_failed() {
                *in_vain.lock().unwrap_or_else(PoisonError::into_inner) = why;
                return compilers.cancel();
            }
        }
    };
    let compiled = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(worker);
        }
        scope.spawn(|| watch(ended));
        let mut arrivals = Arrivals::new(plan);
        let mut all = || {
            for unit in Unit::all(plan) {
                if let Some(error) = failed() {
                    return Err(error);
                }
                // What failed is among the results.
                if has_failed() {
                    return Ok(false);
                }
                let compiled = compile(gantry, &compilers, prepared, unit, &mut |artifact| {
                    for ready in arrivals.take(plan, unit, artifact) {
                        // The workers only go when the sender does.
                        let _ = sender.send(ready);
                    }
                });
                // Why it was ended, instead of that.
                if compiled.is_err() && !gantry.tools.cancelled() && has_failed() {
                    return Ok(false);
                }
                told().map_or(compiled, Err)?;
            }
            Ok(true)
        };
        let compiled = all();
        drop(over);
        stopped.store(compiled.is_err(), Ordering::Relaxed);
        drop(sender);
        match compiled? {
            true => arrivals.complete(plan),
            false => Ok(()),
        }
    });
    compiled?;
    told().map_or(Ok(()), Err)?;
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn compile(
    gantry: &Gantry,
    tools: &Tools,
    prepared: &Prepared,
    unit: Unit,
    each: &mut dyn FnMut(Artifact),
) -> Result<(), Error> {
    let observer = gantry.observer.as_ref();
    match unit {
        Unit::Cargo(position) => {
            let unit = &prepared.plan.units[position];
            let call = gantry.traced(Stage::Build, "flags", || convert::unit(gantry, prepared, unit))?;
            let result = build::cargo(tools, observer, &call, each);
            result.map_err(|error| failure(error, prepared, unit))?;
        }
        Unit::Foreign(position) => match &prepared.plan.foreign[position] {
            ForeignUnit::Go(unit) => {
                build::go(tools, observer, &convert::go(prepared, unit)?, each)?;
            }
            ForeignUnit::Prebuilt(unit) => {
                build::prebuilt(tools, observer, &convert::prebuilt(prepared, unit), each)?;
            }
            ForeignUnit::Command(unit) => {
                build::command(tools, observer, &convert::command(prepared, unit), each)?;
            }
        },
    }
    Ok(())
}

/// A failed compilation, explained where what it said is a known fault of linking.
fn failure(error: BuildError, prepared: &Prepared, unit: &BuildUnit) -> Error {
    let BuildError::Cargo(failure) = &error else {
        return error.into();
    };
    let explained = prepared.links.iter().find_map(|linked| {
        let used = unit
            .targets
            .iter()
            .any(|target| target.triple == linked.triple && target.link == linked.planned);
        let target = prepared.catalog.by_triple(&linked.triple).filter(|_| used)?;
        link::explain(
            &failure.said,
            target,
            &linked.wanted,
            &linked.choice,
            &prepared.toolchain,
        )
    });
    match explained {
        Some(help) => Error::LinkFailed {
            failure: Box::new(error),
            help,
        },
        None => error.into(),
    }
}

/// Which artifacts are there, and which platforms still wait for some.
struct Arrivals {
    /// (unit, triple, package, binary) -> executable
    arrived: BTreeMap<(Unit, String, Option<String>, String), PathBuf>,
    waiting: BTreeSet<Spot>,
}

impl Arrivals {
    fn new(plan: &Plan) -> Self {
        let spots = |(image, planned): (usize, &PlannedImage)| {
            (0..planned.platforms.len())
                .map(move |platform| (image, platform))
                .collect::<Vec<_>>()
        };
        Self {
            arrived: BTreeMap::new(),
            waiting: plan.images.iter().enumerate().flat_map(spots).collect(),
        }
    }

    /// Takes an artifact in and gives what can be packed now.
    fn take(&mut self, plan: &Plan, unit: Unit, artifact: Artifact) -> Vec<(Spot, Vec<Placed>)> {
        let key = (unit, artifact.triple, artifact.package, artifact.binary);
        self.arrived.insert(key, artifact.path);
        let ready = self
            .waiting
            .iter()
            .filter_map(|&spot| Some((spot, self.placed(plan, spot).ok()?)));
        let ready: Vec<_> = ready.collect();
        for (spot, _) in &ready {
            self.waiting.remove(spot);
        }
        ready
    }

    fn placed(&self, plan: &Plan, (image, platform): Spot) -> Result<Vec<Placed>, Error> {
        let platform = &plan.images[image].platforms[platform];
        let each = platform.binaries.iter().map(|binary| {
            let package = match &binary.maker {
                Maker::Cargo { package, .. } => Some(package.clone()),
                Maker::Foreign { .. } => None,
            };
            let key = (
                Unit::of(&binary.maker),
                platform.triple.clone(),
                package,
                binary.binary.clone(),
            );
            let path = self.arrived.get(&key).cloned().ok_or_else(|| Error::NoArtifact {
                binary: binary.binary.clone(),
                triple: platform.triple.clone(),
            })?;
            Ok(Placed {
                path,
                dest: binary.dest.clone(),
            })
        });
        each.collect()
    }

    fn complete(&self, plan: &Plan) -> Result<(), Error> {
        self.waiting
            .first()
            .map_or(Ok(()), |&spot| self.placed(plan, spot).map(drop))
    }
}
