//! The language of `gantry.toml`, held against files: each in `valid/` is read, each in `invalid/` is named for its
//! fault, each in `unsupported/` is right but asks for what this version does not do. The snapshots beside them show
//! what a person gets to see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_gantry::fit::Check;
use cargo_gantry::matrix::{self, Compression, Files, MatrixError, Source};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;

/// Files of `invalid/` with a fault that a JSON Schema cannot express: numbers in texts, what is the same when
/// normalised or defaulted, variables that have no value there, and values that are right only beside those of other
/// keys.
const BEYOND_SCHEMA: [&str; 27] = [
    "base_platform_not_declared",
    "base_transport",
    "base_upper_case",
    "base_with_protocol",
    "binary_command_without_out",
    "binary_path_with_out",
    "binary_use_with_package",
    "compression_level_gzip",
    "compression_level_of_none",
    "dest_twice",
    "files_glob",
    "format_docker_zstd",
    "image_name_upper_case",
    "index_never_of_two_platforms",
    "index_never_of_usual_platforms",
    "owner_too_high",
    "platform_key_twice_normalised",
    "platform_not_declared",
    "platform_of_uname",
    "platform_twice_normalised",
    "port_range_backwards",
    "sha256_platform_missing",
    "sha256_platform_twice",
    "tag_semver_moves",
    "tag_too_long",
    "tag_twice",
    "user_number_twice",
];

fn files(folder: &str) -> BTreeMap<String, (PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/matrix")
        .join(folder);
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
    faults
        .filter_map(|fault| Some(fault.code()?.to_string()))
        .collect()
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
            assert!(
                fault.labels().is_some_and(|mut labels| labels.next().is_some()),
                "{name}: {fault}"
            );
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

/// A `gantry.toml` beside metadata in Cargo.toml files, and what they say together.
#[test]
fn sources_say_one_thing_together() {
    let workspace = "[workspace]\nmembers = [\"api\"]\n\n[workspace.metadata.gantry]\n\
                     defaults = { user = \"1000\", env = { A = \"1\" } }\n";
    let package = "[package]\nname = \"api\"\n\n[package.metadata.gantry]\nenv = { B = \"2\" }\n";
    let silent = "[package]\nname = \"lib\"\n";
    let matrix = matrix::parse_sources(&[
        Source::workspace("Cargo.toml", workspace),
        Source::package("lib/Cargo.toml", silent, "lib"),
        Source::package("api/Cargo.toml", package, "api"),
    ])
    .expect("both are right");
    let images: Vec<_> = matrix
        .images
        .iter()
        .map(|i| (i.name.as_str(), i.user.as_deref(), i.env.len()))
        .collect();
    assert_eq!(images, [("api", Some("1000"), 2)]);

    let none = matrix::parse_sources(&[Source::workspace("Cargo.toml", silent)]).expect("nothing is said");
    let platforms: Vec<_> = none
        .unnamed
        .platforms
        .iter()
        .map(|p| p.platform.to_string())
        .collect();
    assert!(none.images.is_empty());
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
}

#[test]
fn sources_that_say_the_same_or_are_wrong_are_refused() {
    let file = "schema = 1\n\n[image.api]\nuser = \"0\"\n";
    let workspace = "[workspace.metadata.gantry]\nschema = 1\n";
    let package = "[package.metadata.gantry]\nuser = \"1\"\nplatform = \"linux/amd64\"\nbinary = {}\n";
    let sources = [
        Source::file("gantry.toml", file),
        Source::workspace("Cargo.toml", workspace),
        Source::package("api/Cargo.toml", package, "api"),
    ];
    let error = matrix::parse_sources(&sources).expect_err("said twice");
    snapshot("sources", "said_twice", &rendered(&error));
    let inherited =
        "[workspace.metadata.gantry.defaults]\nusers = { a = 1 }\n# A long text, so that places differ.\n";
    let sources = [
        Source::workspace("Cargo.toml", inherited),
        Source::package(
            "api/Cargo.toml",
            "[package.metadata.gantry]\nusers = { b = 1 }\n",
            "api",
        ),
    ];
    let error = matrix::parse_sources(&sources).expect_err("a number twice");
    snapshot("sources", "twice_across_texts", &rendered(&error));
    let table = Source::workspace("Cargo.toml", "[workspace.metadata]\ngantry = true\n");
    let error = matrix::parse_sources(&[table]).expect_err("no table");
    snapshot("sources", "no_table", &rendered(&error));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z0-9 .=\"'\\[\\]{}:/\\n-]{0,80}") {
        let _ = matrix::parse("gantry.toml", &text).map_err(|error| rendered(&error));
    }

    #[test]
    fn no_value_makes_it_panic(key in proptest::sample::select(keys()), value in "[a-z0-9\"\\[\\]{}=,:/ é-]{0,24}") {
        let text = format!("[image.api]\n{key} = {value}\n");
        let _ = matrix::parse("gantry.toml", &text).map_err(|error| rendered(&error));
    }

    #[test]
    fn what_is_written_is_what_is_read(
        name in "[a-z][a-z0-9]{0,8}",
        env in "[^\\p{C}{}\"\\\\]{0,20}",
        level in 1..=9u32,
        mode in 0..=0o7777u32,
        (first, last) in (1..=65535u16, 1..=65535u16),
    ) {
        let (first, last) = (first.min(last), first.max(last));
        let text = format!(
            "[image.{name}]\nenv = {{ X = \"{env}\" }}\nports = [\"{first}-{last}/udp\"]\n\
             compression = {{ algorithm = \"gzip\", level = {level} }}\n\
             files = [{{ dir = \"/{name}\", mode = \"{mode:04o}\" }}]\n"
        );
        let matrix = matrix::parse("gantry.toml", &text).expect("all of it is right");
        let image = &matrix.images[0];
        prop_assert_eq!(&image.name, &name);
        prop_assert_eq!(&image.env["X"], &env);
        prop_assert_eq!(&image.ports, &[format!("{first}-{last}/udp")]);
        prop_assert_eq!(image.compression, Compression::Gzip(level));
        let is_directory = matches!(&image.files[0], Files::Directory { mode: Some(read), .. } if *read == mode);
        prop_assert!(is_directory);
    }
}

/// The keys of an image, as the schema names them.
fn keys() -> Vec<String> {
    let schema = matrix::schema();
    let properties = schema["$defs"]["an-image"]["properties"]
        .as_object()
        .expect("properties of an image");
    properties.keys().cloned().collect()
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
    let accepted: Vec<_> = files("invalid")
        .into_iter()
        .filter(|(_, (_, text))| !refuses(text))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(accepted, BEYOND_SCHEMA);
}

/// The language lists the checks without knowing the room that makes them.
#[test]
fn every_check_has_its_key_and_its_level() {
    let schema = matrix::schema();
    let properties = schema["$defs"]["the-checks"]["properties"]
        .as_object()
        .expect("properties of the checks");
    let mut known: Vec<_> = Check::ALL.into_iter().map(Check::name).collect();
    known.extend(["fit", "max-size", "max-growth"]);
    known.sort_unstable();
    let mut keys: Vec<_> = properties.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, known);
    for check in Check::ALL {
        let level = serde_json::to_value(check.level()).expect("a word");
        let description = properties[check.name()]["description"].as_str().expect("a text");
        assert!(
            description.ends_with(&format!("Default: {level}.")),
            "{description}"
        );
    }
}

#[test]
fn reference_is_what_the_language_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/matrix.md");
    let written = std::fs::read_to_string(&path).expect("the reference");
    let generated = matrix::reference();
    if !written.ends_with(&generated) {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix.md");
        std::fs::write(&fresh, &generated).expect("a writable target folder");
        panic!(
            "{} does not end with what {} holds",
            path.display(),
            fresh.display()
        );
    }
}
