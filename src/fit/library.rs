//! [`Check::Library`] and [`Check::Glibc`]: every library is in the image, and has the symbol versions that are needed.
//!
//! Names: `DT_NEEDED` (gABI, "Dynamic Section"), looked up as [`super::loader`] says. Versions: the loader holds each entry
//! of `DT_VERNEED` against `DT_VERDEF` of the library; a library without versions is taken as it is, and a weak need only
//! warns (`_dl_check_map_versions` and `match_symbol` in glibc's `elf/dl-version.c`). musl looks at no needs.
//! <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>

use std::collections::{BTreeMap, BTreeSet};

use super::loader::{Closure, Loader, Object};
use super::scene::{Program, Scene, shown};
use super::{Check, Finding, packages, propose};
use crate::binary::Glibc;

/// What helps where ldconfig was not run.
const UNLISTED: &str = "set `LD_LIBRARY_PATH` to the library's directory, lay it into one that the loader knows by itself, \
                        or run ldconfig on the whole image";

pub(super) fn check(
    scene: &Scene<'_>,
    program: &Program<'_>,
    loader: &Loader<'_>,
    closure: &Closure<'_>,
    out: &mut Vec<Finding>,
) {
    for missing in &closure.missing {
        let mut message = format!(
            "{} needs `{}`",
            needing(program, closure, missing.by),
            missing.library
        );
        match (&missing.foreign, &missing.unlisted) {
            (Some(path), _) => message += &format!(", and `{}` is for another machine", shown(path)),
            (None, Some(path)) => {
                message += &format!(", and `/etc/ld.so.cache` does not have `{}`", shown(path));
            }
            (None, None) => message += &format!(", which {} does not have", scene.base()),
        }
        let mut finding = scene
            .finding(Check::Library, &program.path, message)
            .needed(&missing.library)
            .help(match missing.unlisted {
                Some(_) => UNLISTED.to_owned(),
                None => way_out(scene, program, &missing.library),
            });
        let there = missing.foreign.as_ref().or(missing.unlisted.as_ref());
        finding.found = there.map(|path| shown(path));
        out.push(finding);
    }
    if loader.is_glibc() {
        versions(scene, program, closure, out);
    }
}

/// One finding for each library and object that lacks versions of it: the highest is named, and the others counted.
fn versions(scene: &Scene<'_>, program: &Program<'_>, closure: &Closure<'_>, out: &mut Vec<Finding>) {
    let mut definitions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (index, object) in closure.objects.iter().enumerate() {
        let Some(elf) = object.elf else { continue };
        let mut lacking: BTreeMap<&str, (Vec<&str>, &Object<'_>)> = BTreeMap::new();
        for need in elf.version_needs.iter().filter(|need| !need.weak) {
            let Some(library) = closure.named(&need.library) else {
                continue;
            };
            let Some(defined) = library.elf.map(|elf| &elf.version_definitions) else {
                continue;
            };
            let known = definitions.entry(&need.library);
            let defined = known.or_insert_with(|| defined.iter().map(String::as_str).collect());
            if !defined.is_empty() && !defined.contains(need.version.as_str()) {
                let entry = lacking
                    .entry(&need.library)
                    .or_insert_with(|| (Vec::new(), library));
                entry.0.push(&need.version);
            }
        }
        for (name, (mut versions, library)) in lacking {
            versions.sort_by_key(|version| numbers(version));
            versions.dedup();
            let highest = versions.last().copied().unwrap_or_default();
            let has = library
                .elf
                .and_then(|elf| newest(&elf.version_definitions, highest));
            let mut message = format!(
                "{} needs `{highest}` of `{name}`",
                needing(program, closure, index)
            );
            if versions.len() > 1 {
                message += &format!(" (and {} more)", versions.len() - 1);
            }
            message += &match has {
                Some(has) => format!(", and {} has `{has}` at most", scene.base()),
                None => format!(", which in {} has no such version", scene.base()),
            };
            let mut finding = scene
                .finding(Check::Glibc, &program.path, message)
                .needed(highest);
            finding.found = has.map(str::to_owned);
            out.push(finding.help(newer(scene, program, highest, has, index == 0)));
        }
    }
}

/// The way to a library that is new enough.
fn newer(scene: &Scene<'_>, program: &Program<'_>, needed: &str, has: Option<&str>, own: bool) -> String {
    let bases = propose::sentence(scene, program.elf);
    let glibc = Glibc::of_symbol_version;
    if !own {
        return format!("take libraries and base from the same release; {bases}");
    }
    if needed == "GLIBC_ABI_DT_RELR" {
        return format!(
            "link with `-Wl,-z,nopack-relative-relocs`, or take a base with glibc 2.36 or later; {bases}"
        );
    }
    match (glibc(needed), has.and_then(glibc)) {
        (Some(needed), Some(has)) if needed > has => {
            format!("build with `glibc = \"{has}\"`, or take a base with glibc {needed} or later; {bases}")
        }
        _ => format!("build against the base's own libraries; {bases}"),
    }
}

fn way_out(scene: &Scene<'_>, program: &Program<'_>, library: &str) -> String {
    let bases = propose::sentence(scene, program.elf);
    match packages::of(library, scene.question.tree) {
        Some(package) => format!("{package}; {bases}"),
        None => format!("add the file to the image, or link it statically; {bases}"),
    }
}

/// Who needs something: the program, or a library that it loads.
fn needing(program: &Program<'_>, closure: &Closure<'_>, object: usize) -> String {
    match closure.objects.get(object).filter(|_| object > 0) {
        Some(library) => format!("`{}`, which `{}` loads,", shown(&library.path), program.path),
        None => format!("`{}`", program.path),
    }
}

/// The highest of the versions of the same family: `GLIBC_2.36` for `GLIBC_2.39`.
fn newest<'v>(defined: &'v [String], needed: &str) -> Option<&'v str> {
    let family = |version: &str| version.rsplit_once('_').map(|(family, _)| family.to_owned());
    let needed = match Glibc::of_symbol_version(needed) {
        Some(_) => Some("GLIBC".to_owned()),
        None => family(needed),
    }?;
    let same = defined
        .iter()
        .filter(|version| family(version).as_ref() == Some(&needed) && !numbers(version).is_empty());
    same.max_by_key(|version| numbers(version)).map(String::as_str)
}

/// The numbers after the family's name, for comparison.
pub(super) fn numbers(version: &str) -> Vec<u64> {
    if let Some(glibc) = Glibc::of_symbol_version(version)
        && version.contains("ABI")
    {
        return vec![glibc.major.into(), glibc.minor.into()];
    }
    let text = version.rsplit('_').next().unwrap_or_default();
    text.split('.').map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, elf, file, library, need};

    /// Debian, with a program that needs libssl.
    fn debian() -> Example {
        let mut example = Example::debian("2.36");
        let mut program = elf();
        program.needed = vec!["libssl.so.3".into(), "libc.so.6".into()];
        example.program("app", program);
        example
    }

    #[test]
    fn a_library_is_there_or_missed() {
        let mut example = debian();
        let found = example.only(Check::Library);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found[0].message,
            "`/app` needs `libssl.so.3`, which `debian:12-slim` does not have"
        );
        let help = found[0].help.as_deref().unwrap();
        assert!(help.contains("libssl3"), "{help}");

        // Its own needs are looked at, and a file for another machine is none.
        let mut ssl = library("libssl.so.3", &[]);
        ssl.needed = vec!["libcrypto.so.3".into()];
        example.elf("usr/lib/x86_64-linux-gnu/libssl.so.3", ssl);
        let mut foreign = library("libcrypto.so.3", &[]);
        foreign.machine = 183;
        example.elf("usr/lib/libcrypto.so.3", foreign);
        let found = example.only(Check::Library);
        assert_eq!(
            found[0].message,
            "`/lib/x86_64-linux-gnu/libssl.so.3`, which `/app` loads, needs `libcrypto.so.3`, and \
             `/lib/libcrypto.so.3` is for another machine"
        );
        example.elf("usr/lib/libcrypto.so.3", library("libcrypto.so.3", &[]));
        assert_eq!(example.all(), []);
        // What cannot be read is there all the same.
        example.put("usr/lib/libcrypto.so.3", file(9));
        assert_eq!(example.all(), []);
    }

    #[test]
    fn versions_are_held_against_the_library() {
        for (version, weak, expected) in [
            ("GLIBC_2.34", false, None),
            ("GLIBC_2.39", true, None),
            (
                "GLIBC_2.39",
                false,
                Some(
                    "`/app` needs `GLIBC_2.39` of `libc.so.6`, and `debian:12-slim` has `GLIBC_2.36` at most",
                ),
            ),
            (
                "GLIBC_ABI_DT_RELR",
                false,
                Some(
                    "`/app` needs `GLIBC_ABI_DT_RELR` of `libc.so.6`, and `debian:12-slim` has `GLIBC_2.36` at most",
                ),
            ),
            (
                "FOO_1",
                false,
                Some("`/app` needs `FOO_1` of `libc.so.6`, which in `debian:12-slim` has no such version"),
            ),
        ] {
            let mut example = Example::debian("2.36");
            let mut program = elf();
            program.version_needs = vec![need("libc.so.6", version, weak)];
            example.program("app", program);
            let found = example.only(Check::Glibc);
            assert_eq!(
                found.first().map(|one| one.message.as_str()),
                expected,
                "{version}"
            );
            assert_eq!(example.all().len(), found.len());
        }
        let mut example = Example::debian("2.36");
        let mut program = elf();
        let needs = ["GLIBC_2.9", "GLIBC_2.38", "GLIBC_2.40"];
        program.version_needs = needs.map(|version| need("libc.so.6", version, false)).to_vec();
        example.program("app", program);
        let found = example.only(Check::Glibc);
        assert_eq!(found[0].needed.as_deref(), Some("GLIBC_2.40"));
        let help = found[0].help.as_deref().unwrap();
        assert!(
            help.starts_with("build with `glibc = \"2.36\"`, or take a base with glibc 2.40 or later; "),
            "{help}"
        );
        assert!(
            help.contains("debian:13-slim") && !help.contains("debian:12-slim"),
            "{help}"
        );
    }

    #[test]
    fn a_library_without_versions_is_taken() {
        let mut example = debian();
        let mut program = elf();
        program.needed.push("libssl.so.3".into());
        program.version_needs = vec![need("libssl.so.3", "OPENSSL_3.0.0", false)];
        example.program("app", program);
        example.elf(
            "usr/lib/x86_64-linux-gnu/libssl.so.3",
            library("libssl.so.3", &[]),
        );
        assert_eq!(example.all(), []);
        example.elf(
            "usr/lib/x86_64-linux-gnu/libssl.so.3",
            library("libssl.so.3", &["OPENSSL_1.1.0"]),
        );
        assert_eq!(
            example.only(Check::Glibc)[0].found.as_deref(),
            Some("OPENSSL_1.1.0")
        );
    }
}
