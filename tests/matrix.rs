//! The language of `gantry.toml`, held against files: each in `valid/` is read, each in `invalid/` is named for its
//! fault, each in `unsupported/` is right but asks for what this version does not do. The snapshots beside them show
//! what a person gets to see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_gantry::matrix::{self, MatrixError};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

/// Files of `invalid/` with a fault that a JSON Schema cannot express: the order of numbers, what is the same when
/// normalised, keys that stand in other tables, names in templates of other keys.
const BEYOND_SCHEMA: [&str; 24] = [""; 24];

fn files(folder: &str) -> BTreeMap<String, (PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matrix").join(folder);
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of fixtures") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let stem = path.file_stem().expect("a stem").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a readable fixture");
            files.insert(stem, (path, text));
        }
    }
    files
}

/// As the command shows it, without colours.
fn rendered(error: &MatrixError) -> String {
    let mut out = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(110)
        .render_report(&mut out, error)
        .expect("rendering to a string");
    out
}

fn snapshot(folder: &str, name: &str, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new("matrix").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, content));
}

fn codes(error: &MatrixError) -> Vec<String> {
    let faults = error.faults().iter();
    faults.filter_map(|fault| Some(fault.code()?.to_string())).collect()
}

#[test]
fn valid_files_are_read() {
    let files = files("valid");
    assert!(files.len() >= 8);
    for (name, (_, text)) in files {
        match matrix::parse("gantry.toml", &text) {
            Ok(matrix) => snapshot("valid", &name, &format!("{matrix:#?}")),
            Err(error) => panic!("{name}: {}", rendered(&error)),
        }
    }
}

#[test]
fn invalid_files_are_refused_with_place_and_help() {
    let files = files("invalid");
    assert!(files.len() >= 30);
    for (name, (_, text)) in files {
        let Err(error) = matrix::parse("gantry.toml", &text) else {
            panic!("{name} is read");
        };
        for fault in error.faults() {
            assert!(fault.code().is_some(), "{name}: {fault}");
            assert!(fault.labels().is_some_and(|mut labels| labels.next().is_some()), "{name}: {fault}");
            let inner = fault.diagnostic_source().and_then(|source| source.help());
            assert!(fault.help().or(inner).is_some(), "{name}: {fault}");
        }
        snapshot("invalid", &name, &rendered(&error));
    }
}

#[test]
fn what_is_not_done_yet_is_an_error_that_names_the_key() {
    for (name, (_, text)) in files("unsupported") {
        let Err(error) = matrix::parse("gantry.toml", &text) else {
            panic!("{name} is read");
        };
        for code in codes(&error) {
            assert_eq!(code, "gantry::matrix::unsupported", "{name}");
        }
        snapshot("unsupported", &name, &rendered(&error));
    }
}

#[test]
fn schema_agrees_with_the_parser() {
    let schema = matrix::schema();
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let refuses = |text: &str| {
        let table: Option<toml::Table> = text.parse().ok();
        let Some(table) = table else { return true };
        let value = serde_json::to_value(table).expect("TOML without dates is JSON");
        !validator.is_valid(&value)
    };
    for folder in ["valid", "unsupported"] {
        for (name, (_, text)) in files(folder) {
            assert!(!refuses(&text), "the schema refuses {folder}/{name}");
        }
    }
    let accepted: Vec<_> =
        files("invalid").into_iter().filter(|(_, (_, text))| !refuses(text)).map(|(name, _)| name).collect();
    assert_eq!(accepted, BEYOND_SCHEMA);
}

#[test]
fn reference_is_what_the_language_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/matrix.md");
    let written = std::fs::read_to_string(&path).expect("the reference");
    let generated = matrix::reference();
    if !written.ends_with(&generated) {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix.md");
        std::fs::write(&fresh, &generated).expect("a writable target folder");
        panic!("{} does not end with what {} holds", path.display(), fresh.display());
    }
}
