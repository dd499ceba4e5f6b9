//! Grouping needs into BuildUnits: what does not differ shares one call of cargo.

use std::collections::{BTreeMap, BTreeSet};

use super::need::{CallKey, Need, TargetKey};
use super::{BuildUnit, Link, LinkQuery, PackageUse, PlanError, UnitTarget};
use crate::spec::Digest;

/// The packages of one call for one target, before calls are joined.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Share {
    packages: BTreeSet<PackageUse>,
    /// (package, binary, whether it is packed)
    binaries: BTreeSet<(String, String, bool)>,
}

/// The units, in a fixed order: by profile and settings, never by what is selected.
pub(super) fn group(
    needs: &[Need],
    flavours: &Flavours,
    directories: &Directories,
    queries: &[LinkQuery],
    links: &[Option<Link>],
) -> Result<Vec<BuildUnit>, PlanError> {
    let mut shares: BTreeMap<(CallKey, Flavour, Option<String>, UnitTarget), Share> = BTreeMap::new();
    for need in needs {
        let target = need.answered(queries, links);
        let lane = lane(need, flavours);
        let own = directories[&lane].clone();
        let share = shares.entry((lane.0, lane.1, own, target)).or_default();
        share.packages.insert(need.package.clone());
        share
            .binaries
            .insert((need.package.package.clone(), need.binary.clone(), need.selected));
    }
    // Targets with the same packages and binaries are one call.
    let mut joined: BTreeMap<(CallKey, Flavour, Option<String>, Share), Vec<UnitTarget>> = BTreeMap::new();
    for ((call, flavour, own, target), share) in shares {
        joined
            .entry((call, flavour, own, share))
            .or_default()
            .push(target);
    }
    let mut units = Vec::new();
    for ((call, _, own, share), targets) in joined {
        refuse_same_path(&share.binaries)?;
        let packed: BTreeSet<String> = share
            .binaries
            .iter()
            .filter(|(_, _, packed)| *packed)
            .map(|(_, binary, _)| binary.clone())
            .collect();
        if packed.is_empty() {
            continue;
        }
        for targets in one_of_each_triple(targets) {
            let unit = BuildUnit {
                name: call.profile.clone(),
                why: String::new(),
                profile: call.profile.clone(),
                strip: call.strip,
                remap_paths: call.remap_paths,
                packages: share.packages.iter().cloned().collect(),
                binaries: packed.clone(),
                targets,
                isolated: call.isolated.clone(),
                environment: call.environment.clone(),
                own_directory: own.clone(),
            };
            units.push(unit);
        }
    }
    separate(&mut units);
    Ok(units)
}

/// Two uses of one package with other features cannot be one call: each use gets the number of its feature set.
/// `--no-default-features` is one switch for a whole call, so it is a part of the flavour.
type Flavour = (bool, usize);

/// The flavour of each use in each call.
pub(super) type Flavours = BTreeMap<(CallKey, PackageUse), Flavour>;

/// Numbers the feature sets of every need there is, packed or not, so that they do not depend on what is packed.
pub(super) fn flavours(needs: &[Need]) -> Flavours {
    let mut seen: BTreeMap<(CallKey, bool, String), BTreeSet<PackageUse>> = BTreeMap::new();
    for need in needs {
        let key = (
            need.call.clone(),
            need.package.default_features,
            need.package.package.clone(),
        );
        seen.entry(key).or_default().insert(need.package.clone());
    }
    let numbered = seen.into_iter().flat_map(|((call, defaults, _), uses)| {
        uses.into_iter()
            .enumerate()
            .map(move |(number, package)| ((call.clone(), package), (defaults, number)))
    });
    numbered.collect()
}

fn refuse_same_path(binaries: &BTreeSet<(String, String, bool)>) -> Result<(), PlanError> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (package, binary, _) in binaries {
        if let Some(first) = owners.insert(binary, package)
            && first != package
        {
            return Err(PlanError::SamePath {
                binary: binary.clone(),
                first: first.to_owned(),
                second: package.clone(),
            });
        }
    }
    Ok(())
}

/// One call names each triple once: further settings of the same triple are calls of their own.
fn one_of_each_triple(targets: Vec<UnitTarget>) -> Vec<Vec<UnitTarget>> {
    let mut calls: Vec<Vec<UnitTarget>> = Vec::new();
    for target in targets {
        let lacks = |call: &&mut Vec<UnitTarget>| call.iter().all(|other| other.triple != target.triple);
        match calls.iter_mut().find(lacks) {
            Some(call) => call.push(target),
            None => calls.push(vec![target]),
        }
    }
    calls
}

/// One way of building for one target: what one target directory holds without harm.
type Lane = (CallKey, Flavour, TargetKey);

/// The names of the directories that lanes have for themselves; the others share the workspace's.
pub(super) type Directories = BTreeMap<Lane, Option<String>>;

fn lane(need: &Need, flavours: &Flavours) -> Lane {
    let flavour = flavours[&(need.call.clone(), need.package.clone())];
    (need.call.clone(), flavour, need.target.clone())
}

/// Gives target directories of their own to lanes that would write over another one's files, have cargo compile everything
/// again, or find what was made under other variables. Every need counts, packed or not: what is selected must not move a directory.
pub(super) fn directories(needs: &[Need], flavours: &Flavours) -> Directories {
    let mut lanes: BTreeMap<Lane, BTreeSet<&str>> = BTreeMap::new();
    for need in needs {
        lanes
            .entry(lane(need, flavours))
            .or_default()
            .insert(&need.binary);
    }
    let mut shared: Vec<(&Lane, &BTreeSet<&str>)> = Vec::new();
    let mut directories = BTreeMap::new();
    for (lane, binaries) in &lanes {
        let clash = shared.iter().any(|(other, theirs)| {
            let ((call, _, target), (their_call, _, their_target)) = (lane, *other);
            target.triple == their_target.triple
                && (target != their_target
                    || folder(&call.profile) == folder(&their_call.profile) && !theirs.is_disjoint(binaries))
        });
        // What a build script makes of a variable is not made again when that changes, unless the script says so.
        let apart = clash || !lane.0.environment.is_empty();
        if !apart {
            shared.push((lane, binaries));
        }
        directories.insert(lane.clone(), apart.then(|| own_name(lane)));
    }
    directories
}

/// Depends on the lane alone, so that it stays when others come and go; targets that differ in nothing but the triple are
/// one unit, and so have one name.
fn own_name((call, flavour, target): &Lane) -> String {
    let anywhere = TargetKey {
        triple: String::new(),
        ..target.clone()
    };
    Digest::of(format!("{call:?} {flavour:?} {anywhere:?}").as_bytes()).hex()[..12].to_owned()
}

/// Gives names and reasons.
fn separate(units: &mut [BuildUnit]) {
    for position in 1..units.len() {
        let (before, rest) = units.split_at_mut(position);
        let unit = &mut rest[0];
        unit.why = reason(&before[position - 1], unit);
        let namesakes = before
            .iter()
            .filter(|other| other.profile == unit.profile)
            .count();
        if namesakes > 0 {
            unit.name = format!("{}-{}", unit.profile, namesakes + 1);
        }
    }
}

/// The folder that a profile's executables lie in.
/// <https://doc.rust-lang.org/cargo/reference/build-cache.html>
fn folder(profile: &str) -> &str {
    match profile {
        "dev" | "test" => "debug",
        "bench" => "release",
        other => other,
    }
}

fn reason(before: &BuildUnit, unit: &BuildUnit) -> String {
    let differs = [
        ("profile", before.profile != unit.profile),
        ("strip", before.strip != unit.strip),
        ("remap-paths", before.remap_paths != unit.remap_paths),
        ("isolated", before.isolated != unit.isolated),
        ("compiler environment", before.environment != unit.environment),
        ("packages or features", before.packages != unit.packages),
    ];
    let named: Vec<&str> = differs
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| *name)
        .collect();
    if named.is_empty() {
        "same target, other flags or linker".to_owned()
    } else {
        format!("other {}", named.join(", "))
    }
}
