//! What cargo's answers about a workspace depend on, so that they can be remembered.
//!
//! Cargo resolves from manifests, the lock file, its configuration and nothing else: what comes from a registry or from
//! git is fixed by the lock file, to the bit. Packages of a path are not, so each of their manifests is looked at, and those above
//! it, from which it may inherit; where one of them cannot be found, nothing is remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Project;
use super::place::manifests;
use crate::tool::Grounds;

impl Project {
    /// What cargo's answers about this project depend on, given what those of `cargo` depend on; none where that cannot be
    /// known. `drawing` is what `cargo tree` has said, if it was asked.
    pub fn grounds(&self, cargo: &Grounds, drawing: &str) -> Option<Grounds> {
        let lock = self.root.join("Cargo.lock");
        let text = std::fs::read_to_string(&lock).ok()?;
        let members = self.packages.iter();
        let members = members.map(|package| (package.name.as_str(), package.directory.clone()));
        let beside = self
            .beside
            .iter()
            .map(|(name, folder)| (name.as_str(), folder.clone()));
        let drawn = drawing.lines().filter_map(package_of_path);
        let known: BTreeSet<(&str, PathBuf)> = members.chain(beside).chain(drawn).collect();
        // A package that lies in a path of which we do not know may change at any time.
        let knows =
            |(name, count): (&String, &usize)| known.iter().filter(|known| known.0 == name).count() >= *count;
        of_paths(&text)?.iter().all(knows).then_some(())?;
        let mut files = BTreeSet::from([lock, self.root.join("Cargo.toml")]);
        for (_, folder) in known {
            let manifest = folder.join("Cargo.toml");
            // Of our own workspace the root is known; another one's is looked for above.
            match folder.starts_with(&self.root) {
                true => files.extend([manifest]),
                false if names_workspace(&folder) => return None,
                false => files.extend(manifests(&manifest)?),
            }
        }
        files.extend(cargo.files.iter().cloned());
        Some(Grounds {
            facts: self.basis(cargo)?,
            files: files.into_iter().collect(),
        })
    }

    /// As much of that as is known before anybody is asked.
    pub(super) fn basis(&self, cargo: &Grounds) -> Option<Vec<u8>> {
        let told = self.told.as_ref()?;
        Some([told.hex().as_bytes(), b"\0", &cargo.facts].concat())
    }
}

/// Whether the package there says itself where its workspace is, from which it may inherit; also where that cannot be read.
fn names_workspace(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok();
    let manifest: Option<toml::Table> = manifest.and_then(|text| toml::from_str(&text).ok());
    let package = manifest.as_ref().map(|manifest| manifest.get("package"));
    package.is_none_or(|package| package.is_some_and(|package| package.get("workspace").is_some()))
}

/// The name and folder of a package of a path, as in `|-- name v1.0.0 (/a folder/name)`.
fn package_of_path(line: &str) -> Option<(&str, PathBuf)> {
    let text = line.trim_start_matches([' ', '|', '`', '-']);
    let (package, rest) = text.split_once(" (")?;
    let rest = rest.trim_end_matches(" (*)").strip_suffix(')')?;
    // A procedural macro says so first.
    let folder = rest.strip_prefix("proc-macro) (").unwrap_or(rest);
    let folder = Path::new(folder);
    folder
        .is_absolute()
        .then(|| (package.split(' ').next().unwrap_or(package), folder.to_owned()))
}

/// The packages of a lock file that come from no source: how many there are of a name, which may have several versions.
fn of_paths(lock: &str) -> Option<BTreeMap<String, usize>> {
    let lock: toml::Table = toml::from_str(lock).ok()?;
    let mut counts = BTreeMap::new();
    let Some(packages) = lock.get("package") else {
        return Some(counts);
    };
    for package in packages.as_array()? {
        if package.get("source").is_none() {
            let name = package.get("name")?.as_str()?.to_owned();
            *counts.entry(name).or_default() += 1;
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_paths_are_told_from_others() {
        for (line, expected) in [
            ("app v0.1.0 (/a folder/app)", Some(("app", "/a folder/app"))),
            ("|-- own v0.1.0 (/w/own) (*)", Some(("own", "/w/own"))),
            (
                "|   `-- mac v0.1.0 (proc-macro) (/w/mac)",
                Some(("mac", "/w/mac")),
            ),
            ("|-- mac v0.1.0 (proc-macro)", None),
            ("|-- far v0.1.0 (https://h.example/far#1234)", None),
            ("`-- cc v1.2.0 (*)", None),
            ("    [build-dependencies]", None),
        ] {
            let found = package_of_path(line);
            let expected = expected.map(|(name, folder)| (name, PathBuf::from(folder)));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn what_has_no_source_lies_in_a_path() {
        let lock = "version = 4\n[[package]]\nname = 'a'\nversion = '1.0.0'\n\
                    [[package]]\nname = 'a'\nversion = '2.0.0'\n\
                    [[package]]\nname = 'b'\nversion = '1.0.0'\nsource = 'registry+https://h.example'\n";
        assert_eq!(of_paths(lock), Some(BTreeMap::from([("a".to_owned(), 2)])));
        assert_eq!(of_paths(""), Some(BTreeMap::new()));
        assert_eq!(of_paths("package = 1"), None);
    }
}
