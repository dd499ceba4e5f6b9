//! Path remapping: no path of the build machine in what is compiled, and the same bytes from any folder.
//!
//! In: where things lie here. Out: flags for rustc, and flags for C compilers. Rustc and gcc take the last prefix
//! that matches, so folders inside of others come after them.
//!
//! Cargo (measured with 1.95) leaves flags out of `-C metadata` when a `--remap-path-prefix` is among them, so symbol
//! names and the names of build folders do not depend on where the workspace or CARGO_HOME lies. They do depend on
//! where a path dependency outside of the workspace lies; its files are in no folder that is replaced here, either.

use std::path::{Path, PathBuf};

use super::{BuildError, CargoUnit, Remap};

/// Folders of this machine and the names that stand for them, folders inside of others last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefixes(Vec<(String, String)>);

impl Prefixes {
    /// The prefixes for a unit, and for the user's home and CARGO_HOME.
    pub(super) fn of(
        unit: &CargoUnit,
        remap: &Remap,
        home: Option<&Path>,
        cargo_home: Option<&Path>,
    ) -> Result<Self, BuildError> {
        let mut found: Vec<(PathBuf, String)> = Vec::new();
        let mut add = |folder: PathBuf, name: &str| found.push((folder, name.to_owned()));
        if let Some(home) = home {
            add(home.to_owned(), "/home");
        }
        if let Some(sysroot) = &remap.sysroot {
            add(sysroot.clone(), "/rustc");
            if let Some(commit) = &remap.commit {
                // As the shipped standard library has it, whether or not its source is installed here.
                add(sysroot.join("lib/rustlib/src/rust"), &format!("/rustc/{commit}"));
            }
        }
        if let Some(home) = cargo_home {
            for source in registry_sources(home) {
                add(source, "/cargo/registry/src");
            }
            add(home.to_owned(), "/cargo");
        }
        add(unit.workspace.clone(), "/workspace");
        if let Some(build) = &remap.build_directory {
            add(build.clone(), "/target");
        }
        add(unit.target_directory.clone(), "/target");
        found.retain(|(folder, _)| folder.components().count() > 1);
        // Stable: of two names for one folder the later one above wins.
        found.sort_by_key(|(folder, _)| folder.components().count());
        found
            .into_iter()
            .map(|(folder, name)| match folder.to_str() {
                Some(text) => Ok((text.trim_end_matches('/').to_owned(), name)),
                None => Err(BuildError::NotUnicode { path: folder }),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn rustflags(&self) -> Vec<String> {
        let flag = |(folder, name): &(String, String)| format!("--remap-path-prefix={folder}={name}");
        self.0.iter().map(flag).collect()
    }

    /// Flags for gcc and clang as one text, and the folders that cannot be said in it: build scripts split the text
    /// at blanks, and compilers split a flag at its first `=`.
    pub(super) fn cflags(&self) -> (String, Vec<&str>) {
        let (sayable, not): (Vec<_>, Vec<_>) = self
            .0
            .iter()
            .partition(|(folder, _)| !folder.contains(|c: char| c.is_whitespace() || c == '=' || c == '\''));
        let flags: Vec<_> = sayable
            .into_iter()
            .map(|(folder, name)| format!("-ffile-prefix-map={folder}={name}"))
            .collect();
        let not = not.into_iter().map(|(folder, _)| folder.as_str()).collect();
        (flags.join(" "), not)
    }
}

/// All folders that change when sources of a registry or of git come or go: a registry's has one for each package, git's
/// one for each repository with one for each commit.
pub(super) fn folders_of_sources(cargo_home: &Path) -> Vec<PathBuf> {
    let inside = |folder: &PathBuf| {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let registries = cargo_home.join("registry/src");
    let repositories = cargo_home.join("git/checkouts");
    let mut folders = [inside(&registries), inside(&repositories)].concat();
    folders.extend([registries, repositories]);
    folders.sort();
    folders
}

/// Folders that hold a registry's sources. Their names depend on the mirror that the sources came from, which must
/// not be seen in what is built.
fn registry_sources(cargo_home: &Path) -> Vec<PathBuf> {
    let Ok(entries) = cargo_home.join("registry/src").read_dir() else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

/// The variables through which C flags reach a build script that compiles for `triple`, with ours appended.
///
/// `known` answers with the value that a variable has otherwise. Of its forms, old versions of the `cc` crate read
/// only the most specific one that is set, new versions join them all: so ours go into the most specific one, behind
/// what the build script would have read.
pub(super) fn c_variables<'a>(
    triple: &str,
    flags: &str,
    known: impl Fn(&str) -> Option<&'a str>,
) -> Vec<(String, String)> {
    ["CFLAGS", "CXXFLAGS"]
        .into_iter()
        .map(|kind| {
            let dashed = format!("{kind}_{triple}");
            let plain = format!("{kind}_{}", triple.replace(['-', '.'], "_"));
            let general = [format!("TARGET_{kind}"), kind.to_owned()];
            let inherited = || general.iter().find_map(|name| known(name));
            let (name, before) = match (known(&dashed), known(&plain)) {
                (Some(before), _) => (dashed, Some(before)),
                (None, Some(before)) => (plain, Some(before)),
                (None, None) => (plain, inherited()),
            };
            let value = match before.filter(|before| !before.trim().is_empty()) {
                Some(before) => format!("{before} {flags}"),
                None => flags.to_owned(),
            };
            (name, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(unit: &CargoUnit, home: &Path, cargo_home: &Path) -> Prefixes {
        let remap = Remap {
            sysroot: Some("/h/.rustup/t".into()),
            commit: Some("abc".into()),
            build_directory: Some("/b".into()),
        };
        Prefixes::of(unit, &remap, Some(home), Some(cargo_home)).unwrap()
    }

    #[test]
    fn folders_inside_of_others_come_last() {
        let unit = CargoUnit {
            workspace: "/h/w".into(),
            target_directory: "/h/w/target".into(),
            ..CargoUnit::default()
        };
        let found = prefixes(&unit, Path::new("/h"), Path::new("/h/.cargo"));
        assert_eq!(
            found.rustflags(),
            [
                "--remap-path-prefix=/h=/home",
                "--remap-path-prefix=/b=/target",
                "--remap-path-prefix=/h/.cargo=/cargo",
                "--remap-path-prefix=/h/w=/workspace",
                "--remap-path-prefix=/h/.rustup/t=/rustc",
                "--remap-path-prefix=/h/w/target=/target",
                "--remap-path-prefix=/h/.rustup/t/lib/rustlib/src/rust=/rustc/abc",
            ]
        );
        let root = CargoUnit {
            workspace: "/".into(),
            target_directory: "/t t".into(),
            ..CargoUnit::default()
        };
        let bare = Prefixes::of(&root, &Remap::default(), None, None).unwrap();
        assert_eq!(bare.rustflags(), ["--remap-path-prefix=/t t=/target"]);
        assert_eq!(bare.cflags(), (String::new(), vec!["/t t"]));
    }

    #[test]
    fn the_mirrors_name_is_not_seen() {
        let home = tempfile::tempdir().unwrap();
        let source = home.path().join("registry/src/mirror-0123");
        std::fs::create_dir_all(&source).unwrap();
        let unit = CargoUnit {
            workspace: "/w".into(),
            target_directory: "/w/t".into(),
            ..CargoUnit::default()
        };
        let flags = prefixes(&unit, Path::new("/h"), home.path()).rustflags();
        let place = |end: &str| flags.iter().position(|flag| flag.ends_with(end));
        let inner = place("/registry/src/mirror-0123=/cargo/registry/src");
        assert!(
            inner > place("=/cargo") && place("=/cargo").is_some(),
            "{flags:?}"
        );
    }

    #[test]
    fn c_flags_stand_behind_what_would_have_been_read() {
        let triple = "x86_64-unknown-linux-gnu";
        for (known, expected) in [
            (None, "CFLAGS_x86_64_unknown_linux_gnu=-f"),
            (Some("CFLAGS"), "CFLAGS_x86_64_unknown_linux_gnu=-O1 -f"),
            (Some("TARGET_CFLAGS"), "CFLAGS_x86_64_unknown_linux_gnu=-O1 -f"),
            (
                Some("CFLAGS_x86_64-unknown-linux-gnu"),
                "CFLAGS_x86_64-unknown-linux-gnu=-O1 -f",
            ),
            (
                Some("CFLAGS_x86_64_unknown_linux_gnu"),
                "CFLAGS_x86_64_unknown_linux_gnu=-O1 -f",
            ),
        ] {
            let variables = c_variables(triple, "-f", |name| (Some(name) == known).then_some("-O1"));
            let (name, value) = &variables[0];
            assert_eq!(format!("{name}={value}"), expected);
            assert_eq!(
                variables[1],
                ("CXXFLAGS_x86_64_unknown_linux_gnu".into(), "-f".into())
            );
        }
    }
}
