//! Grouping needs into BuildUnits: what does not differ shares one call of cargo.

use std::collections::{BTreeMap, BTreeSet};

use super::need::{CallKey, Need};
use super::{BuildUnit, Link, LinkQuery, PackageUse, PlanError, UnitTarget};
use crate::spec::{Digest, json};

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
    queries: &[LinkQuery],
    links: &[Option<Link>],
) -> Result<Vec<BuildUnit>, PlanError> {
    let mut shares: BTreeMap<(CallKey, Flavour, UnitTarget), Share> = BTreeMap::new();
    for need in needs {
        let target = need.target.answered(queries, links);
        let flavour = flavours[&(need.call.clone(), need.package.clone())];
        let share = shares.entry((need.call.clone(), flavour, target)).or_default();
        share.packages.insert(need.package.clone());
        share
            .binaries
            .insert((need.package.package.clone(), need.binary.clone(), need.selected));
    }
    // Targets with the same packages and binaries are one call.
    let mut joined: BTreeMap<(CallKey, Flavour, Share), Vec<UnitTarget>> = BTreeMap::new();
    for ((call, flavour, target), share) in shares {
        joined.entry((call, flavour, share)).or_default().push(target);
    }
    let mut units = Vec::new();
    for ((call, _, share), targets) in joined {
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
                own_directory: None,
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

/// Gives names, reasons, and target directories where two units would write over each other's files.
fn separate(units: &mut [BuildUnit]) {
    for position in 1..units.len() {
        let (before, rest) = units.split_at_mut(position);
        let unit = &mut rest[0];
        let clash = before
            .iter()
            .filter(|other| other.own_directory.is_none())
            .any(|other| {
                other.targets.iter().any(|theirs| {
                    let same_triple = unit.targets.iter().find(|ours| ours.triple == theirs.triple);
                    same_triple.is_some_and(|ours| {
                        ours != theirs
                            || other.environment != unit.environment
                            || folder(&other.profile) == folder(&unit.profile)
                                && !other.binaries.is_disjoint(&unit.binaries)
                    })
                })
            });
        if clash {
            // The name depends on this unit alone, so that it stays when other units come and go.
            let identity = (
                &unit.targets,
                &unit.packages,
                &unit.environment,
                (&unit.profile, &unit.strip, unit.remap_paths),
                &unit.isolated,
            );
            unit.own_directory = Some(Digest::of(&json::to_vec(&identity)).hex()[..12].to_owned());
        }
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
