//! Which package of a base's distribution brings a library: `packages.toml`, as a sentence.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::rootfs::{Kind, Tree};

static PACKAGES: LazyLock<Packages> =
    LazyLock::new(|| toml::from_str(include_str!("packages.toml")).expect("the table is tested"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Packages {
    library: BTreeMap<String, Package>,
}

/// The package in each family of distributions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    debian: Option<String>,
    #[serde(default)]
    t64: bool,
    alpine: Option<String>,
    rpm: Option<String>,
    only: Option<String>,
}

/// Distributions that name their packages alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Debian and Ubuntu: whether before or after the change of `time_t`; none where the release is not known.
    Debian(Option<bool>),
    Alpine,
    Rpm,
}

/// How to get a library in the distribution of the tree: for the middle of a sentence. None if nobody knows.
pub(super) fn of(library: &str, tree: &Tree) -> Option<String> {
    let package = PACKAGES.library.get(library)?;
    match family(tree) {
        Some(Family::Debian(after)) => package.debian(after),
        Some(Family::Alpine) => package
            .alpine
            .as_ref()
            .map(|name| format!("the package `{name}` brings it")),
        Some(Family::Rpm) => package
            .rpm
            .as_ref()
            .map(|name| format!("the package `{name}` brings it")),
        None => package.anywhere(),
    }
}

impl Package {
    fn debian(&self, after: Option<bool>) -> Option<String> {
        let name = self.debian.as_ref()?;
        if let Some(only) = &self.only {
            return Some(format!(
                "only {only} have it, as `{name}`: build against the base's own release"
            ));
        }
        Some(match after.filter(|_| self.t64) {
            Some(true) => format!("the package `{name}t64` brings it"),
            None if self.t64 => {
                format!("the package `{name}` (from Debian 13 and Ubuntu 24.04 on `{name}t64`) brings it")
            }
            _ => format!("the package `{name}` brings it"),
        })
    }

    fn anywhere(&self) -> Option<String> {
        let of = |distribution: &str, name: &Option<String>| {
            name.as_ref().map(|name| format!("`{name}` of {distribution}"))
        };
        let all = [
            of("Debian", &self.debian),
            of("Alpine", &self.alpine),
            of("Fedora", &self.rpm),
        ];
        let all: Vec<_> = all.into_iter().flatten().collect();
        Some(format!("the packages {} bring it", all.join(", ")))
    }
}

/// os-release(5): `ID`, else `ID_LIKE`.
fn family(tree: &Tree) -> Option<Family> {
    let found = [b"etc/os-release".as_slice(), b"usr/lib/os-release"];
    let (_, node) = found.iter().find_map(|path| tree.resolve(path))?;
    let Kind::File(facts) = &node.kind else {
        return None;
    };
    let text = String::from_utf8_lossy(facts.text.as_deref()?);
    let value = |key: &str| {
        let mut lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        lines
            .next()
            .map(|value| value.trim_matches(['"', '\'']))
            .unwrap_or_default()
    };
    let version: Option<f64> = value("VERSION_ID").parse().ok();
    let names = [value("ID"), value("ID_LIKE")].join(" ");
    names.split_ascii_whitespace().find_map(|name| match name {
        "debian" if value("ID") == "debian" => Some(Family::Debian(version.map(|version| version >= 13.0))),
        "ubuntu" if value("ID") == "ubuntu" => Some(Family::Debian(version.map(|version| version >= 24.04))),
        "debian" | "ubuntu" => Some(Family::Debian(None)),
        "alpine" | "wolfi" | "chainguard" => Some(Family::Alpine),
        "fedora" | "rhel" | "centos" | "amzn" => Some(Family::Rpm),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::Example;

    #[test]
    fn the_table_is_complete_enough() {
        let table = &PACKAGES.library;
        assert!(table.len() >= 60, "{}", table.len());
        for (soname, package) in table {
            assert!(soname.contains(".so."), "{soname}");
            assert!(package.debian.is_some() || package.alpine.is_some(), "{soname}");
            assert!(!package.t64 || package.only.is_none(), "{soname}");
        }
    }

    #[test]
    fn a_package_is_named_as_the_base_calls_it() {
        for (release, library, expected) in [
            (
                "ID=debian\nVERSION_ID=\"12\"",
                "libssl.so.3",
                "the package `libssl3` brings it",
            ),
            (
                "ID=debian\nVERSION_ID=13",
                "libssl.so.3",
                "the package `libssl3t64` brings it",
            ),
            (
                "ID=ubuntu\nVERSION_ID=\"24.04\"\nID_LIKE=debian",
                "libssl.so.3",
                "the package `libssl3t64` brings it",
            ),
            (
                "ID=ubuntu\nVERSION_ID=\"22.04\"",
                "libpq.so.5",
                "the package `libpq5` brings it",
            ),
            (
                "ID=kali\nID_LIKE=debian",
                "libssl.so.3",
                "the package `libssl3` (from Debian 13 and Ubuntu 24.04 on `libssl3t64`) brings it",
            ),
            ("ID=alpine", "libgcc_s.so.1", "the package `libgcc` brings it"),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"",
                "libz.so.1",
                "the package `zlib` brings it",
            ),
            (
                "ID=debian",
                "libssl.so.1.1",
                "only Debian 11 and Ubuntu 20.04 have it, as `libssl1.1`: build against the base's own release",
            ),
            (
                "",
                "libpq.so.5",
                "the packages `libpq5` of Debian, `libpq` of Alpine, `libpq` of Fedora bring it",
            ),
        ] {
            let mut example = Example::default();
            example.text("usr/lib/os-release", release);
            assert_eq!(of(library, &example.tree).as_deref(), Some(expected), "{release}");
        }
        assert_eq!(of("libown.so.1", &Tree::default()), None);
    }
}
