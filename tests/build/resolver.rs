//! A root package whose edition is older than cargo's second resolver: what is said of features without a package's name
//! is said to it alone.

use super::*;

/// What the programs say of their features, built in one call.
fn said(clone: &Clone, selections: Vec<Selection>) -> Result<Vec<String>, BuildError> {
    let unit = clone.unit(selections, &[&host_fact("host")]);
    let mut said: Vec<String> = clone
        .build(&unit)?
        .iter()
        .map(|artifact| clone.tools().run(&Call::new(&artifact.path)).unwrap().text())
        .collect();
    said.sort();
    Ok(said)
}

#[test]
fn features_reach_the_package_that_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().canonicalize().unwrap();
    let clone = Clone::of("resolver", place.join("w"), |environment| environment);
    let select = |package: &str, features: &[&str], default_features: bool| Selection {
        default_features,
        ..clone.select(package, &[package], features)
    };
    let pg = &["pg"][..];
    assert_eq!(
        said(&clone, vec![select("cli", pg, false)]).unwrap(),
        ["cli loud false pg true"]
    );
    assert_eq!(
        said(&clone, vec![select("root", pg, false)]).unwrap(),
        ["root loud false pg true"]
    );
    assert_eq!(
        said(&clone, vec![select("cli", pg, true), select("root", pg, true)]).unwrap(),
        ["cli loud true pg true", "root loud true pg true"]
    );
    let both = vec![select("cli", &[], false), select("root", &[], false)];
    assert!(matches!(
        said(&clone, both).unwrap_err(),
        BuildError::Inexpressible { .. }
    ));
}
