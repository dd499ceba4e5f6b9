//! How a unit's selections are said to cargo, and which cannot be said in one call.

use std::collections::{BTreeMap, BTreeSet};

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
    if !default_features(&unit.selections)? {
        arguments.push("--no-default-features".to_owned());
    }
    for feature in features(&unit.selections, ids.len() == 1)? {
        arguments.extend(["--features".to_owned(), feature]);
    }
    Ok(arguments)
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

fn features(selections: &[Selection], single: bool) -> Result<BTreeSet<String>, BuildError> {
    let mut all = BTreeSet::new();
    let mut of_package: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for one in selections {
        let set: BTreeSet<&String> = one.features.iter().collect();
        // Two builds of one package with different features: one call would unite them in silence.
        if *of_package.entry(&one.id).or_insert_with(|| set.clone()) != set {
            return Err(BuildError::Inexpressible {
                what: format!("package `{}` with two sets of features", one.package),
            });
        }
        for feature in &one.features {
            all.insert(match (single, feature.contains('/')) {
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
