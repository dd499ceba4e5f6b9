//! Where the files of a unit of cargo lie.

use std::path::{Path, PathBuf};

use crate::plan::BuildUnit;

/// The folders of one unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folders {
    /// The target directory.
    pub target: PathBuf,
    /// Where cargo is told to keep intermediate files.
    pub told: Option<PathBuf>,
    /// Where its configuration has it keep them, if it is not told.
    pub configured: Option<PathBuf>,
}

/// The folders of `unit`, given those that cargo has for the project. A folder of its own holds intermediate files too: build
/// scripts leave theirs among them, under names that other units' have as well.
pub(super) fn of(unit: &BuildUnit, target: &Path, build: Option<&Path>) -> Folders {
    let build = build.map(Path::to_owned);
    match &unit.own_directory {
        None => Folders {
            target: target.to_owned(),
            told: None,
            configured: build,
        },
        Some(name) => {
            let own = target.join("gantry-units").join(name);
            Folders {
                told: build.map(|_| own.clone()),
                target: own,
                configured: None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::matrix::Strip;

    #[test]
    fn a_folder_of_its_own_holds_all_files() {
        let folders = |own: Option<&str>, build: Option<&str>| {
            let unit = BuildUnit {
                name: "release".into(),
                why: String::new(),
                profile: "release".into(),
                strip: Strip::Symbols,
                remap_paths: true,
                packages: Vec::new(),
                binaries: BTreeSet::new(),
                targets: Vec::new(),
                isolated: None,
                environment: BTreeMap::new(),
                own_directory: own.map(str::to_owned),
            };
            let found = of(&unit, Path::new("/t"), build.map(Path::new));
            let text = |path: PathBuf| path.to_str().unwrap().to_owned();
            (
                text(found.target),
                found.told.map(text),
                found.configured.map(text),
            )
        };
        let some = |path: &str| Some(path.to_owned());
        let own = "/t/gantry-units/1a";
        for (name, build, expected) in [
            (None, None, ("/t".to_owned(), None, None)),
            (None, Some("/b"), ("/t".to_owned(), None, some("/b"))),
            (Some("1a"), None, (own.to_owned(), None, None)),
            (Some("1a"), Some("/b"), (own.to_owned(), some(own), None)),
        ] {
            assert_eq!(folders(name, build), expected);
        }
    }
}
