//! Where the files of a unit of cargo lie.

use std::path::{Path, PathBuf};

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

/// The folders of a unit, given the name of its own folder and those that cargo has for the project. A folder of its own holds intermediate files too: build
/// scripts leave theirs among them, under names that other units' have as well.
pub(super) fn of(own: Option<&str>, target: &Path, build: Option<&Path>) -> Folders {
    let build = build.map(Path::to_owned);
    match own {
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
    use super::*;

    #[test]
    fn a_folder_of_its_own_holds_all_files() {
        let folders = |own: Option<&str>, build: Option<&str>| {
            let found = of(own, Path::new("/t"), build.map(Path::new));
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
