//! [`propose`]: which well-known bases would fit programs.
//!
//! In: what the programs need. Out: bases of `bases.toml` that have all of it. It looks at nothing in the network, and
//! proposes nothing that its table does not know to fit.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::library::numbers;
use super::scene::Scene;
use crate::binary::{Elf, Glibc};
use crate::spec::{BaseLibc, Platform};
use crate::target::{Catalog, Libc};

static BASES: LazyLock<Bases> =
    LazyLock::new(|| toml::from_str(include_str!("bases.toml")).expect("the table is tested"));

/// How many bases a sentence names.
const NAMED: usize = 2;

/// A well-known base that programs would run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Proposal {
    /// As `base` in the matrix has it.
    pub base: &'static str,
    /// Its C library, as in `glibc 2.36`.
    pub libc: &'static str,
    /// What one should know of it.
    pub note: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bases {
    base: Vec<Base>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    name: String,
    platforms: Option<Vec<Platform>>,
    libc: String,
    /// Highest version of each family, by soname.
    #[serde(default)]
    libraries: BTreeMap<String, Vec<String>>,
    note: Option<String>,
}

/// Sonames of glibc's own libraries, wherever glibc is.
/// <https://sourceware.org/glibc/manual/latest/html_node/Installed-Programs-and-Libraries.html>
const OF_GLIBC: [&str; 9] = [
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    "libmvec.so.1",
];

/// The bases that all of `programs` would run on, the smallest first. `catalog` tells whose loader a program names.
/// Paths that are built into a program (`DT_RUNPATH`) count for nothing: no well-known base has them.
pub fn propose(catalog: &Catalog, platform: &Platform, programs: &[&Elf]) -> Vec<Proposal> {
    let fitting = BASES.base.iter().filter(|base| {
        let served = base
            .platforms
            .as_ref()
            .is_none_or(|platforms| platforms.contains(platform));
        served && programs.iter().all(|elf| base.fits(catalog, elf))
    });
    let proposals = fitting.map(|base| Proposal {
        base: &base.name,
        libc: &base.libc,
        note: base.note.as_deref(),
    });
    proposals.collect()
}

/// Bases for a program, as the end of a help text.
pub(super) fn sentence(scene: &Scene<'_>, program: Option<&Elf>) -> String {
    let programs: Vec<_> = program.into_iter().collect();
    let found = propose(scene.question.catalog, scene.question.platform, &programs);
    let names: Vec<_> = found.iter().map(|one| format!("`{}`", one.base)).collect();
    match names.as_slice() {
        [] => "no well-known base is known to fit".to_owned(),
        names if names.len() <= NAMED => format!("{} would fit", names.join(" and ")),
        names => format!("{} and {} would fit", names[0], another(names)),
    }
}

/// A second name that is no sister of the first: what comes with a package manager.
fn another(names: &[String]) -> &String {
    let family = |name: &String| name.split(['/', ':']).next().map(str::to_owned);
    let other = names.iter().find(|name| family(name) != family(&names[0]));
    other.unwrap_or(&names[1])
}

impl Base {
    fn fits(&self, catalog: &Catalog, elf: &Elf) -> bool {
        let Ok(libc) = self.libc.parse::<BaseLibc>() else {
            return false;
        };
        let Some(interpreter) = elf.interpreter.as_deref() else {
            return elf.needed.is_empty();
        };
        let wanted = catalog.iter().find(|target| {
            let promised = target.elf.as_ref().and_then(|elf| elf.interpreter.as_deref());
            promised == Some(interpreter) && target.elf.as_ref().is_some_and(|own| own.machine == elf.machine)
        });
        let has = |library: &String| self.libraries.contains_key(library);
        match (wanted.map(|target| target.libc), &libc) {
            (Some(Libc::Gnu), BaseLibc::Glibc(version)) => {
                let enough = version
                    .parse::<Glibc>()
                    .is_ok_and(|has| elf.glibc().is_none_or(|needs| needs <= has));
                let own =
                    |library: &String| OF_GLIBC.contains(&library.as_str()) || interpreter.ends_with(library);
                enough && elf.needed.iter().all(|library| own(library) || has(library)) && self.defines(elf)
            }
            (Some(Libc::Musl), BaseLibc::Musl(_)) => {
                let own = |library: &String| super::loader::musl_has(library);
                elf.needed.iter().all(|library| own(library) || has(library))
            }
            _ => false,
        }
    }

    /// Whether its libraries beyond glibc have every version that is needed.
    fn defines(&self, elf: &Elf) -> bool {
        let mut needs = elf.version_needs.iter().filter(|need| !need.weak);
        needs.all(|need| {
            let Some(versions) = self.libraries.get(&need.library) else {
                // glibc's own: its version was compared. What is no release's name is nobody's promise.
                return Glibc::of_symbol_version(&need.version).is_some();
            };
            let family = |version: &str| version.rsplit_once('_').map(|(family, _)| family.to_owned());
            let highest = versions
                .iter()
                .find(|version| family(version) == family(&need.version));
            highest.is_some_and(|highest| numbers(&need.version) <= numbers(highest))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{elf, need, static_elf};

    fn names(platform: &str, programs: &[&Elf]) -> Vec<&'static str> {
        let found = propose(&Catalog::builtin(), &platform.parse().unwrap(), programs);
        found.into_iter().map(|one| one.base).collect()
    }

    #[test]
    fn the_table_holds() {
        for base in &BASES.base {
            assert!(base.libc.parse::<BaseLibc>().is_ok(), "{}", base.name);
            let catalog = Catalog::builtin();
            for platform in base.platforms.iter().flatten() {
                assert!(
                    catalog.platforms().contains(&platform),
                    "{} {platform}",
                    base.name
                );
            }
            for version in base.libraries.values().flatten() {
                assert!(!numbers(version).is_empty(), "{version}");
            }
        }
    }

    #[test]
    fn bases_that_fit_are_proposed() {
        let glibc = |version: &str| {
            let mut elf = elf();
            elf.needed.push("libgcc_s.so.1".into());
            elf.version_needs = vec![
                need("libc.so.6", version, false),
                need("libgcc_s.so.1", "GCC_4.2.0", false),
            ];
            elf
        };
        assert_eq!(
            names("linux/amd64", &[&static_elf()]),
            BASES
                .base
                .iter()
                .map(|base| base.name.as_str())
                .collect::<Vec<_>>()
        );
        let newest = names("linux/amd64", &[&glibc("GLIBC_2.40")]);
        assert_eq!(
            newest,
            ["gcr.io/distroless/cc-debian13:nonroot", "debian:13-slim"]
        );
        let older = names("linux/amd64", &[&glibc("GLIBC_2.29")]);
        assert!(
            older.contains(&"debian:11-slim") && !older.iter().any(|name| name.contains("ubi8")),
            "{older:?}"
        );
        assert!(
            !older
                .iter()
                .any(|name| name.contains("base-nossl") || name.contains("alpine")),
            "{older:?}"
        );

        let mut own = elf();
        own.needed.push("libown.so.1".into());
        assert!(names("linux/amd64", &[&own]).is_empty());
        let mut cxx = glibc("GLIBC_2.14");
        cxx.needed.push("libstdc++.so.6".into());
        cxx.version_needs
            .push(need("libstdc++.so.6", "GLIBCXX_3.4.32", false));
        let found = names("linux/amd64", &[&cxx]);
        assert!(
            found.contains(&"ubuntu:24.04") && !found.contains(&"debian:12-slim"),
            "{found:?}"
        );
        let mut musl = elf();
        musl.interpreter = Some("/lib/ld-musl-x86_64.so.1".into());
        musl.needed = vec!["libc.so".into(), "libssl.so.3".into()];
        assert_eq!(names("linux/amd64", &[&musl]), ["alpine:3"]);
        assert!(names("linux/amd64", &[&musl, &elf()]).is_empty());
    }
}
