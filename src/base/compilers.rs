//! [`CompilerVersions`]: versions of what compiles and links for each triple, pinned in the lock file beside the bases.
//!
//! In: what the caller found out about the tools that are here. Out: whether they are those that are recorded. Nothing
//! is asked of any tool, and a record moves only when somebody says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{BaseError, Bases};
use crate::event::Event;

/// Versions of compilers and linkers by triple, as people read them: `1.95.0 (59807616e 2026-04-14)`, `zig 0.17.0`.
/// Where one triple is built in several ways, a part is played by several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompilerVersions {
    by_triple: BTreeMap<String, Parts>,
}

type Parts = BTreeMap<CompilerPart, BTreeSet<String>>;

/// The part that a tool plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CompilerPart {
    /// The Rust compiler.
    Rustc,
    /// The Go toolchain.
    Go,
    /// What links, and compiles C: one program, or several with `; ` between them.
    Linker,
}

/// A difference between what is recorded and what is here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompilerChange {
    /// The part that differs.
    pub part: CompilerPart,
    /// The triples where it differs so, sorted.
    pub triples: Vec<String>,
    /// The versions that are recorded, sorted; empty if none is.
    pub recorded: Vec<String>,
    /// The versions that are here, sorted.
    pub here: Vec<String>,
}

impl CompilerVersions {
    /// Adds a version of what plays a part for a triple; what is there already is there once. Only the first line of
    /// `version` counts, without space around it; nothing is added if that is empty.
    pub fn add(&mut self, triple: &str, part: CompilerPart, version: &str) {
        let version = version.lines().next().unwrap_or_default().trim();
        if !version.is_empty() {
            let parts = self.by_triple.entry(triple.to_owned()).or_default();
            parts.entry(part).or_default().insert(version.to_owned());
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.by_triple.is_empty()
    }

    /// What `here` has and this does not, grouped by what differs. What this has beside is no difference: a build may
    /// be of a part of the matrix.
    pub fn differences(&self, here: &Self) -> Vec<CompilerChange> {
        let mut found: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (triple, parts) in &here.by_triple {
            for (part, versions) in parts {
                let recorded = self.of(triple, *part);
                if !recorded.is_some_and(|recorded| versions.is_subset(recorded)) {
                    let key = (*part, recorded.cloned().unwrap_or_default(), versions.clone());
                    found.entry(key).or_default().push(triple.clone());
                }
            }
        }
        let change = |((part, recorded, here), triples): ((_, BTreeSet<String>, BTreeSet<String>), _)| {
            CompilerChange {
                part,
                triples,
                recorded: recorded.into_iter().collect(),
                here: here.into_iter().collect(),
            }
        };
        found.into_iter().map(change).collect()
    }

    /// Takes over what `here` has of parts that are not recorded at all.
    fn extend(&mut self, here: &Self) {
        for (triple, parts) in &here.by_triple {
            let known = self.by_triple.entry(triple.clone()).or_default();
            for (part, versions) in parts {
                known.entry(*part).or_insert_with(|| versions.clone());
            }
        }
    }

    fn of(&self, triple: &str, part: CompilerPart) -> Option<&BTreeSet<String>> {
        self.by_triple.get(triple)?.get(&part)
    }

    /// Each triple with its parts, sorted.
    pub(super) fn triples(&self) -> impl Iterator<Item = (&str, &Parts)> {
        self.by_triple
            .iter()
            .map(|(triple, parts)| (triple.as_str(), parts))
    }
}

impl Bases {
    /// The compilers that the lock file records; none are without `toolchain = "pinned"`.
    pub fn compilers(&self) -> &CompilerVersions {
        &self.lock.compilers
    }

    /// Says which compilers are used, where the matrix pins them. What is not recorded yet is recorded (in memory:
    /// [`Bases::save`]). Others than those that are recorded are an error in locked mode, and otherwise a notice; the
    /// record stays until [`Bases::update_compilers`].
    ///
    /// # Errors
    /// [`BaseError::Toolchain`] in locked mode, where the record has others or none.
    pub fn pin_compilers(&mut self, here: &CompilerVersions) -> Result<(), BaseError> {
        let changes = self.lock.compilers.differences(here);
        if self.mode.locked && !changes.is_empty() {
            return Err(BaseError::Toolchain { changes });
        }
        for change in changes.iter().filter(|change| !change.recorded.is_empty()) {
            self.client.observer().event(&Event::Notice {
                text: &format!(
                    "a compiler is not that of gantry.lock, so digests may differ: {change}; `cargo gantry update` \
                     records what is here"
                ),
            });
        }
        self.lock.compilers.extend(here);
        Ok(())
    }

    /// Records these compilers in place of all that were recorded (in memory: [`Bases::save`]), so they must be those
    /// of the whole matrix; none where it does not pin them. Says what differs; a record that is dropped is not listed.
    ///
    /// # Errors
    /// [`BaseError::Locked`] in locked mode, if the record would change.
    pub fn update_compilers(&mut self, here: CompilerVersions) -> Result<Vec<CompilerChange>, BaseError> {
        if self.lock.compilers == here {
            return Ok(Vec::new());
        }
        self.may_change(|| "the compilers were to be updated".to_owned())?;
        let changes = self.lock.compilers.differences(&here);
        self.lock.compilers = here;
        Ok(changes)
    }
}

impl CompilerPart {
    /// Every part, in the order of the lock file.
    pub(super) const ALL: [Self; 3] = [Self::Rustc, Self::Go, Self::Linker];

    /// Its key in the lock file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rustc => "rustc",
            Self::Go => "go",
            Self::Linker => "linker",
        }
    }
}

/// `linker is zig 0.18.0, not zig 0.17.0 (for aarch64-unknown-linux-musl)`.
impl fmt::Display for CompilerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, ", self.part.name(), self.here.join(" and "))?;
        match self.recorded.is_empty() {
            true => write!(f, "and none is recorded")?,
            false => write!(f, "not {}", self.recorded.join(" and "))?,
        }
        write!(f, " (for {})", self.triples.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::CompilerPart::{Go, Linker, Rustc};
    use super::*;

    fn compilers(of: &[(&str, CompilerPart, &str)]) -> CompilerVersions {
        let mut compilers = CompilerVersions::default();
        for (triple, part, version) in of {
            compilers.add(triple, *part, version);
        }
        compilers
    }

    #[test]
    fn tells_what_differs_and_nothing_else() {
        let recorded = compilers(&[
            ("a", Rustc, "1.95.0"),
            ("a", Linker, "zig 1"),
            ("a", Linker, "gcc 2"),
            ("b", Rustc, "1.95.0"),
        ]);
        for (here, expected) in [
            (vec![], vec![]),
            (
                vec![("a", Linker, "gcc 2"), ("b", Rustc, " 1.95.0\nmore")],
                vec![],
            ),
            (
                vec![("a", Linker, "zig 1"), ("a", Linker, "zig 2")],
                vec!["linker is zig 1 and zig 2, not gcc 2 and zig 1 (for a)"],
            ),
            (
                vec![
                    ("b", Rustc, "1.96.0"),
                    ("a", Rustc, "1.96.0"),
                    ("b", Go, "go1.27.3"),
                ],
                vec![
                    "rustc is 1.96.0, not 1.95.0 (for a, b)",
                    "go is go1.27.3, and none is recorded (for b)",
                ],
            ),
            (
                vec![("c", Rustc, "1.95.0")],
                vec!["rustc is 1.95.0, and none is recorded (for c)"],
            ),
        ] {
            let found = recorded.differences(&compilers(&here));
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{here:?}");
        }
    }

    #[test]
    fn records_what_is_new_and_keeps_the_rest() {
        let mut recorded = compilers(&[("a", Rustc, "1.95.0")]);
        recorded.extend(&compilers(&[
            ("a", Rustc, "1.96.0"),
            ("a", Go, "go1.27.3"),
            ("b", Rustc, "1.96.0"),
        ]));
        let expected = [
            ("a", Rustc, "1.95.0"),
            ("a", Go, "go1.27.3"),
            ("b", Rustc, "1.96.0"),
        ];
        assert_eq!(recorded, compilers(&expected));
        assert!(compilers(&[("a", Rustc, " \n1.95.0")]).is_empty());
    }
}
