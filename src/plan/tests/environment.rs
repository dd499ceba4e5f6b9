//! Variables that the matrix has for compilers.

use miette::Diagnostic;

use super::*;

#[test]
fn what_is_set_in_another_way_is_no_variable() {
    for (name, advice) in [
        ("RUSTFLAGS", "`rustflags`"),
        ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS", "`rustflags`"),
        ("CARGO_PROFILE_RELEASE_STRIP", "`strip`"),
        ("CARGO_TARGET_DIR", "around"),
        ("CARGO_BUILD_BUILD_DIR", "around"),
        ("RUSTUP_TOOLCHAIN", "rust-toolchain.toml"),
        ("RUSTC", "rust-toolchain.toml"),
        ("CARGO_BUILD_RUSTC", "rust-toolchain.toml"),
        ("RUSTUP_HOME", "around"),
        ("CARGO_HOME", "around"),
    ] {
        let matrix = format!("[platform.'linux/arm64']\nenv = {{ {name} = 'x' }}\n[image.app]\n");
        let error = Case::new(&matrix).plan().unwrap_err();
        assert_eq!(error.code().unwrap().to_string(), "gantry::plan::variable");
        let help = error.help().unwrap().to_string();
        assert!(help.contains(advice), "{name}: {help}");
    }
}

#[test]
fn compilers_are_chosen_under_the_variables_of_the_matrix() {
    let matrix =
        "[image.app]\n[image.b]\nbinaries = ['app']\n[image.b.platform.'linux/arm64']\nenv = { CC = 'x' }\n";
    let plan = Case::new(matrix).plan().unwrap();
    for unit in &plan.units {
        let expected = unit.environment.keys().map(String::as_str).collect::<String>();
        for target in &unit.targets {
            assert_eq!(target.link.shown, format!("Auto{expected}"), "{}", unit.name);
        }
    }
    assert!(plan.units.iter().any(|unit| !unit.environment.is_empty()));
}

#[test]
fn what_is_built_under_variables_has_a_folder_for_these_alone() {
    let folders = |of_app: &str, of_b: &str| {
        let matrix = format!(
            "[image.app]\n[image.b]\nbinaries = ['app']\n\
             [image.app.platform.'linux/arm64']\nenv = {{ {of_app} }}\n\
             [image.b.platform.'linux/arm64']\nenv = {{ {of_b} }}\n"
        );
        let plan = Case::new(&matrix).only(&[], &["linux/arm64"]).plan().unwrap();
        let folder = |unit: &BuildUnit| (unit.environment.clone(), unit.own_directory.clone());
        plan.units.iter().map(folder).collect::<BTreeMap<_, _>>()
    };
    let mut known: BTreeMap<_, _> = BTreeMap::new();
    for (of_app, of_b) in [
        ("", ""),
        ("MODE = '1'", ""),
        ("", "MODE = '1'"),
        ("MODE = '1'", "MODE = '2'"),
        ("MODE = '3'", "MODE = '2'"),
        ("MODE = '0'", ""),
    ] {
        for (environment, folder) in folders(of_app, of_b) {
            assert_eq!(folder.is_some(), !environment.is_empty(), "{of_app} {of_b}");
            let before = known.entry(environment).or_insert_with(|| folder.clone());
            assert_eq!(*before, folder, "{of_app} {of_b}");
        }
    }
    let names: BTreeSet<_> = known.values().collect();
    assert_eq!(names.len(), known.len());
}
