//! How a unit's selections are said to cargo, and which cannot be said in one call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{BuildError, CargoUnit, Selection};

/// A name that binaries of several packages have. Cargo would write them to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Collision {
    /// The binaries' name.
    pub binary: String,
    /// Names of the packages, in the unit's order.
    pub packages: Vec<String>,
}

/// The binaries of a unit that cargo would write to one path. `--bin NAME` means NAME in every selected package:
/// also a binary that nobody asked for can collide.
pub fn collisions(unit: &CargoUnit) -> Vec<Collision> {
    let wanted: BTreeSet<&String> = unit.selections.iter().flat_map(|one| &one.binaries).collect();
    wanted
        .into_iter()
        .filter_map(|binary| {
            let having = unit
                .selections
                .iter()
                .filter(|one| one.binaries.contains(binary) || one.has.contains(binary));
            // Keyed by id: one package may stand in several selections.
            let packages: BTreeMap<&str, &str> = having
                .map(|one| (one.id.as_str(), one.package.as_str()))
                .collect();
            (packages.len() > 1).then(|| Collision {
                binary: binary.clone(),
                packages: packages.into_values().map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// The arguments of `cargo build` that select packages, binaries and features.
pub(super) fn arguments(unit: &CargoUnit) -> Result<Vec<String>, BuildError> {
    let collisions = collisions(unit);
    if !collisions.is_empty() {
        return Err(BuildError::Collision { collisions });
    }
    let mut arguments = Vec::new();
    let ids: BTreeSet<&str> = unit.selections.iter().map(|one| one.id.as_str()).collect();
    for id in &ids {
        arguments.extend(["--package".to_owned(), (*id).to_owned()]);
    }
    let binaries: BTreeSet<&String> = unit.selections.iter().flat_map(|one| &one.binaries).collect();
    for binary in binaries {
        arguments.extend(["--bin".to_owned(), binary.clone()]);
    }
    let (defaults, single) = (default_features(&unit.selections)?, ids.len() == 1);
    let features = features(unit, single)?;
    if !defaults && !single && unit.addressed.is_some() {
        let packages: BTreeSet<_> = unit.selections.iter().map(|one| &one.package).collect();
        let packages: Vec<_> = packages.iter().map(|name| format!("`{name}`")).collect();
        return Err(BuildError::Inexpressible {
            what: format!(
                "{} without default features, with cargo's first resolver,",
                packages.join(" and ")
            ),
        });
    }
    if !defaults {
        arguments.push("--no-default-features".to_owned());
    }
    for feature in features {
        arguments.extend(["--features".to_owned(), feature]);
    }
    Ok(arguments)
}

/// The manifest that cargo runs on: the workspace's, unless what is said of features would go to another package than the
/// one that is built.
pub(super) fn manifest(unit: &CargoUnit) -> PathBuf {
    let root = unit.workspace.join("Cargo.toml");
    let (Some(addressed), Some(first)) = (&unit.addressed, unit.selections.first()) else {
        return root;
    };
    let alone = unit.selections.iter().all(|one| one.id == first.id);
    let silent = first.default_features && first.features.is_empty();
    match alone && !silent && first.id != *addressed {
        true => first.manifest.clone(),
        false => root,
    }
}

/// `--no-default-features` holds for all selected packages.
fn default_features(selections: &[Selection]) -> Result<bool, BuildError> {
    let with = selections.iter().find(|one| one.default_features);
    let without = selections.iter().find(|one| !one.default_features);
    match (with, without) {
        (Some(with), Some(without)) => Err(BuildError::Inexpressible {
            what: format!(
                "`{}` with and `{}` without default features",
                with.package, without.package
            ),
        }),
        (_, without) => Ok(without.is_none()),
    }
}

fn features(unit: &CargoUnit, single: bool) -> Result<BTreeSet<String>, BuildError> {
    let mut all = BTreeSet::new();
    let mut of_package: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for one in &unit.selections {
        let set: BTreeSet<&String> = one.features.iter().collect();
        // Two builds of one package with different features: one call would unite them in silence.
        if *of_package.entry(&one.id).or_insert_with(|| set.clone()) != set {
            return Err(BuildError::Inexpressible {
                what: format!("package `{}` with two sets of features", one.package),
            });
        }
        for feature in &one.features {
            // With the name of the package it runs on, cargo's first resolver looks for a dependency.
            let plain = single || unit.addressed.as_ref() == Some(&one.id);
            all.insert(match (plain, feature.contains('/')) {
                (true, _) => feature.clone(),
                (false, false) => format!("{}/{feature}", one.package),
                (false, true) => {
                    return Err(BuildError::Inexpressible {
                        what: format!(
                            "feature `{feature}` of package `{}` beside other packages",
                            one.package
                        ),
                    });
                }
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(package: &str, binaries: &[&str], has: &[&str], features: &[&str]) -> Selection {
        let owned = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Selection {
            id: format!("path+file:///w#{package}@1.0.0"),
            package: package.into(),
            manifest: format!("/w/{package}/Cargo.toml").into(),
            binaries: owned(binaries),
            has: owned(has),
            features: owned(features),
            default_features: true,
        }
    }

    fn unit(selections: Vec<Selection>) -> CargoUnit {
        CargoUnit {
            selections,
            ..CargoUnit::default()
        }
    }

    #[test]
    fn binaries_of_one_name_collide_wanted_or_not() {
        for (selections, expected) in [
            (
                vec![select("a", &["x"], &[], &[]), select("b", &["y"], &[], &[])],
                vec![],
            ),
            (
                vec![select("a", &["x"], &[], &[]), select("a", &["x"], &[], &[])],
                vec![],
            ),
            (
                vec![
                    select("a", &["x"], &["x", "z"], &[]),
                    select("b", &["y"], &["y", "z"], &[]),
                ],
                vec![],
            ),
            (
                vec![select("a", &["x"], &[], &[]), select("b", &["x"], &[], &[])],
                vec!["x"],
            ),
            (
                vec![
                    select("a", &["x"], &["x"], &[]),
                    select("b", &["y"], &["x", "y"], &[]),
                ],
                vec!["x"],
            ),
        ] {
            let unit = unit(selections);
            let found = collisions(&unit);
            let names: Vec<_> = found.iter().map(|one| one.binary.as_str()).collect();
            assert_eq!(names, expected, "{unit:?}");
            assert_eq!(arguments(&unit).is_err(), !expected.is_empty());
        }
        let error = arguments(&unit(vec![
            select("a", &["x"], &[], &[]),
            select("b", &["x"], &[], &[]),
        ]));
        assert_eq!(
            error.unwrap_err().to_string(),
            "binary `x` of the packages `a` and `b` would be written to one path"
        );
    }

    #[test]
    fn features_are_said_of_their_package() {
        let one = unit(vec![select("a", &["x"], &[], &["f", "dep/g"])]);
        assert_eq!(
            arguments(&one).unwrap().join(" "),
            "--package path+file:///w#a@1.0.0 --bin x --features dep/g --features f"
        );
        let mut two = unit(vec![
            select("a", &["x"], &[], &["f"]),
            select("b", &["y"], &[], &["f", "h"]),
        ]);
        let said = arguments(&two).unwrap().join(" ");
        assert!(
            said.ends_with("--bin x --bin y --features a/f --features b/f --features b/h"),
            "{said}"
        );
        for selection in &mut two.selections {
            selection.default_features = false;
        }
        let said = arguments(&two).unwrap().join(" ");
        assert!(
            said.contains("--bin y --no-default-features --features"),
            "{said}"
        );
    }

    #[test]
    fn the_first_resolver_is_told_of_the_package_that_is_built() {
        let root = "path+file:///w#root@1.0.0";
        let said = |selections: Vec<Selection>| {
            let unit = CargoUnit {
                workspace: "/w".into(),
                addressed: Some(root.to_owned()),
                ..unit(selections)
            };
            let said = arguments(&unit).map_err(|error| error.to_string())?;
            let (_, said) = said.split_at(said.iter().rposition(|word| word == "--bin").unwrap() + 2);
            Ok::<_, String>(format!("{} {}", manifest(&unit).display(), said.join(" ")))
        };
        let without = |selection: Selection| Selection {
            default_features: false,
            ..selection
        };
        let (at_root, at_a) = (
            select("root", &["r"], &[], &["f"]),
            select("a", &["x"], &[], &["f"]),
        );
        for (selections, expected) in [
            (
                vec![without(at_root.clone())],
                "/w/Cargo.toml --no-default-features --features f",
            ),
            (
                vec![without(at_a.clone())],
                "/w/a/Cargo.toml --no-default-features --features f",
            ),
            (
                vec![select("a", &["x"], &[], &["d/f"])],
                "/w/a/Cargo.toml --features d/f",
            ),
            (vec![select("a", &["x"], &[], &[])], "/w/Cargo.toml "),
            (
                vec![at_root.clone(), at_a.clone()],
                "/w/Cargo.toml --features a/f --features f",
            ),
        ] {
            assert_eq!(said(selections).as_deref(), Ok(expected));
        }
        assert_eq!(
            said(vec![without(at_root), without(at_a)]).unwrap_err(),
            "`a` and `root` without default features, with cargo's first resolver, cannot be said in one call of cargo"
        );
    }

    #[test]
    fn what_one_call_cannot_say_is_refused() {
        let without = Selection {
            default_features: false,
            ..select("b", &["y"], &[], &[])
        };
        for (selections, expected) in [
            (
                vec![select("a", &["x"], &[], &[]), without],
                "`a` with and `b` without default features",
            ),
            (
                vec![select("a", &["x"], &[], &["d/f"]), select("b", &["y"], &[], &[])],
                "feature `d/f` of package `a` beside other packages",
            ),
            (
                vec![select("a", &["x"], &[], &["f"]), select("a", &["y"], &[], &[])],
                "package `a` with two sets of features",
            ),
        ] {
            let error = arguments(&unit(selections)).unwrap_err().to_string();
            assert_eq!(error, format!("{expected} cannot be said in one call of cargo"));
        }
    }
}
