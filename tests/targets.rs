//! The fact sheets held against rustc, the `cc` crate, and the folder they lie in.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of any test function"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use cargo_gantry::target::{Catalog, Endian, Libc, LinkerKind, Target};

fn rustc(arguments: &[&str]) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(arguments).output().unwrap();
    assert!(output.status.success(), "rustc {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sheets() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let sheets = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let named = sheets.map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    });
    named.collect()
}

#[test]
fn the_embedded_sheets_are_those_of_the_folder() {
    let catalog = Catalog::builtin();
    let embedded: Vec<_> = catalog.iter().map(|target| target.triple.as_str()).collect();
    let sheets = sheets();
    assert_eq!(embedded, sheets.keys().collect::<Vec<_>>());
    for (name, text) in &sheets {
        let comments = text.lines().take_while(|line| line.starts_with("# ")).count();
        assert_eq!(comments, 2, "{name}: two lines of comment");
        catalog.clone().overlay(&format!("{name}.toml"), text).unwrap();
    }
}

#[test]
fn rustc_knows_them_and_agrees() {
    let known = rustc(&["--print", "target-list"]);
    let known: BTreeSet<_> = known.lines().collect();
    for target in Catalog::builtin().iter() {
        assert!(known.contains(target.triple.as_str()), "{}", target.triple);
        let cfg = rustc(&["--print", "cfg", "--target", &target.triple]);
        let says = |key: &str, value: &str| {
            let line = format!("target_{key}=\"{value}\"");
            assert!(
                cfg.lines().any(|cfg| cfg == line),
                "{} has no {line}",
                target.triple
            );
        };
        let (os, environment) = match target.libc {
            Libc::Gnu => ("linux", "gnu"),
            Libc::Musl => ("linux", "musl"),
            Libc::None => ("wasi", "p1"),
        };
        says("os", os);
        says("arch", &target.arch);
        says("env", environment);
        assert!(target.platform.os() == os, "{}", target.triple);
        if let Some(elf) = &target.elf {
            says("pointer_width", &elf.class.to_string());
            let endian = if elf.endian == Endian::Big {
                "big"
            } else {
                "little"
            };
            says("endian", endian);
        }
    }
}

#[test]
fn programs_for_musl_are_static() {
    for target in Catalog::builtin()
        .iter()
        .filter(|target| target.libc == Libc::Musl)
    {
        let flags: Vec<_> = target.rustflags.iter().map(String::as_str).collect();
        let cfg = rustc(&[&["--print", "cfg", "--target", &target.triple], &flags[..]].concat());
        let fixed = "target_feature=\"crt-static\"";
        assert!(cfg.lines().any(|line| line == fixed), "{}", target.triple);
    }
}

/// Triples whose gcc the `cc` crate does not know by a prefix of their own, with what it takes instead.
const CC_HAS_NO_PREFIX: &[(&str, &str)] = &[
    // Debian's wrapper of the host's gcc, which miscompiles for this target.
    ("i686-unknown-linux-musl", "musl"),
    ("loongarch64-unknown-linux-musl", ""),
    ("powerpc64le-unknown-linux-musl", ""),
    ("s390x-unknown-linux-musl", ""),
];

#[test]
fn gcc_prefixes_are_those_of_the_cc_crate() {
    for target in Catalog::builtin().iter() {
        let Some(prefix) = target.gcc_prefix.as_deref() else {
            continue;
        };
        let odd = CC_HAS_NO_PREFIX
            .iter()
            .find(|(triple, _)| *triple == target.triple);
        let expected = odd.map_or(prefix, |(_, prefix)| prefix);
        let seen = seen_by_cc(target);
        // Of several prefixes the crate takes the first that is installed, and musl-gcc serves its own host.
        let same = seen == expected || (target.triple == "x86_64-unknown-linux-musl" && seen == "musl");
        assert!(same, "{}: `{expected}` here, `{seen}` there", target.triple);
    }
}

fn seen_by_cc(target: &Target) -> String {
    let mut build = cc::Build::new();
    let build = build
        .target(&target.triple)
        .host("aarch64-apple-darwin")
        .opt_level(0);
    let compiler = build.cargo_metadata(false).cargo_warnings(false).get_compiler();
    let program = compiler.path().file_name().unwrap().to_str().unwrap().to_owned();
    program.strip_suffix("-gcc").unwrap_or_default().to_owned()
}

#[test]
fn each_serves_its_platform_alone() {
    let catalog = Catalog::builtin();
    let mut served = BTreeSet::new();
    for target in catalog.iter() {
        assert!(
            served.insert((&target.platform, target.libc)),
            "{}",
            target.triple
        );
        let found = catalog.for_platform(&target.platform, target.libc).unwrap();
        assert_eq!(found.triple, target.triple);
    }
}

#[test]
fn sheets_hold_what_their_linkers_need() {
    for target in Catalog::builtin().iter() {
        let triple = &target.triple;
        assert!(!target.linkers.is_empty(), "{triple}");
        for kind in &target.linkers {
            let enough = match kind {
                LinkerKind::Gcc => target.gcc_prefix.is_some() && target.compiler_check.is_some(),
                LinkerKind::Clang => target.clang.is_some() && target.compiler_check.is_some(),
                LinkerKind::Zig => target.zig.is_some(),
                LinkerKind::RustLld => target.libc == Libc::Musl && target.musl_headers.is_some(),
                _ => true,
            };
            assert!(enough, "{triple}: {kind}");
        }
        let can_be_static = !target.static_rustflags.is_empty();
        assert_eq!(can_be_static, target.libc == Libc::Gnu, "{triple}");
        if let Some(flags) = target.elf.as_ref().and_then(|elf| elf.flags) {
            assert_eq!(flags.value & !flags.mask, 0, "{triple}: a value outside its mask");
        }
    }
}
