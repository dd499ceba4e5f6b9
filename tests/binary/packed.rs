//! Packed with UPX, for every machine that has a cross compiler here: unpacked again by UPX, the same each time, and
//! started with a large environment.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use cargo_gantry::binary::{Facts, Finishing, Packing, StripLevel, UpxLevel};
use serde_json::json;

use crate::outside::installed;
use crate::programs::{TEXT, compile, target, workshop};
use crate::support::launch::{Launch, possible};

/// Bytes of environment that a packed program must bear.
const ENVIRONMENT: usize = 100_000;

/// How it is linked.
const STATIC: &[&str] = &["-O1", "-g", "-static", "-no-pie"];
const STATIC_PIE: &[&str] = &["-O1", "-g", "-static-pie"];
const DYNAMIC: &[&str] = &["-O1", "-g", "-pie", "-fPIE"];

/// Triple, compiler, linking, and whether UPX does for it.
const PROGRAMS: &[(&str, &str, &[&str], bool)] = &[
    ("x86_64-unknown-linux-gnu", "gcc", STATIC, true),
    ("x86_64-unknown-linux-gnu", "gcc", STATIC_PIE, true),
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", STATIC, true),
    (
        "aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-gcc",
        STATIC_PIE,
        true,
    ),
    (
        "aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-gcc",
        DYNAMIC,
        true,
    ),
    (
        "armv7-unknown-linux-gnueabihf",
        "arm-linux-gnueabihf-gcc",
        STATIC,
        true,
    ),
    (
        "armv7-unknown-linux-gnueabihf",
        "arm-linux-gnueabihf-gcc",
        DYNAMIC,
        true,
    ),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", STATIC, true),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", STATIC_PIE, true),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", DYNAMIC, true),
    (
        "powerpc64le-unknown-linux-gnu",
        "powerpc64le-linux-gnu-gcc",
        STATIC,
        true,
    ),
    (
        "powerpc64le-unknown-linux-gnu",
        "powerpc64le-linux-gnu-gcc",
        DYNAMIC,
        true,
    ),
    (
        "riscv64gc-unknown-linux-gnu",
        "riscv64-linux-gnu-gcc",
        STATIC,
        false,
    ),
    ("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc", DYNAMIC, false),
];

#[test]
fn packed_programs_start_with_a_large_environment() {
    if !possible() || !installed("upx") {
        return;
    }
    let mut faults = Vec::new();
    for &(triple, compiler, options, packs) in PROGRAMS {
        let folder = tempfile::tempdir().unwrap();
        let Some(program) = compile(folder.path(), compiler, options, "hello", TEXT) else {
            continue;
        };
        let target = target(triple);
        let facts = Facts::read(&program).unwrap();
        let root = folder.path().join("root");
        libraries(&facts, compiler, &root);
        let starts = |packed: &Path| {
            fs::copy(packed, root.join("hello")).unwrap();
            started(&root, target.platform.architecture())
        };
        for lzma in [false, true] {
            let what = format!("{triple} {options:?} lzma {lzma}");
            let wish = Finishing {
                strip: Some(StripLevel::Symbols),
                debuginfo: false,
                upx: Some(UpxLevel { level: None, lzma }),
            };
            let finish = |shop: &str| {
                let shop = workshop(&folder.path().join(shop));
                shop.finish(&program, &target, &wish, &starts).unwrap()
            };
            let finished = finish("one");
            match (&finished.upx, packs) {
                (Some(Packing::Packed), true) => {
                    assert!(finished.sizes.packed < finished.sizes.stripped, "{what}");
                    let again = finish("two");
                    let bytes = |path: &Path| fs::read(path).unwrap();
                    assert!(bytes(&again.path) == bytes(&finished.path), "{what}");
                }
                (Some(Packing::Refused(_)), false) => assert_eq!(finished.path, finished.facts.path),
                (other, _) => faults.push(format!("{what}: {other:?}")),
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Puts the loader and the C library of the cross compiler where a dynamic program looks for them.
fn libraries(facts: &Facts, compiler: &str, root: &Path) {
    for folder in ["lib", "lib64"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let Some(interpreter) = facts.elf().and_then(|elf| elf.interpreter.clone()) else {
        return;
    };
    let from = Path::new("/usr")
        .join(compiler.trim_end_matches("-gcc"))
        .join("lib");
    let interpreter = Path::new(&interpreter);
    let loader = from.join(interpreter.file_name().unwrap());
    fs::copy(loader, root.join(interpreter.strip_prefix("/").unwrap())).unwrap();
    fs::copy(from.join("libc.so.6"), root.join("lib/libc.so.6")).unwrap();
}

/// Starts `/hello` of that root.
fn started(root: &Path, architecture: &str) -> Result<(), String> {
    let value = "x".repeat(999);
    let environment: Vec<_> = (0..ENVIRONMENT / 1000).map(|n| format!("V{n}={value}")).collect();
    let process = json!({"args": ["/hello"], "cwd": "/", "env": environment});
    let launch = Launch::new(root, &process, architecture, None).ok_or("no emulator")?;
    let ended = launch.run();
    if let Some(fault) = ended.fault() {
        return Err(fault);
    }
    let mut words = ended.stdout.split_whitespace();
    let bytes = words.next().and_then(|bytes| bytes.parse::<usize>().ok());
    match (bytes, words.next()) {
        (Some(bytes), Some("7")) if bytes > ENVIRONMENT => Ok(()),
        _ => Err(format!("said {:?}", ended.stdout)),
    }
}

#[test]
fn a_refused_program_goes_unpacked_and_is_asked_for_again() {
    if !installed("upx") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compile(folder.path(), "gcc", &["-O1"], "hello", TEXT) else {
        return;
    };
    let (shop, target) = (workshop(folder.path()), target("x86_64-unknown-linux-gnu"));
    let wish = Finishing {
        upx: Some(UpxLevel::default()),
        ..Finishing::default()
    };
    let (asked, answer) = (Cell::new(0), Cell::new(Err("it does not start")));
    let accept = |_: &Path| {
        asked.set(asked.get() + 1);
        answer.get().map_err(str::to_owned)
    };
    let before = fs::read(&program).unwrap();
    let finish = || shop.finish(&program, &target, &wish, &accept).unwrap();

    let refused = finish();
    assert_eq!(refused.upx, Some(Packing::Refused("it does not start".into())));
    assert_eq!((&refused.path, refused.sizes.packed), (&program, None));
    assert_eq!(
        refused.notices,
        ["`hello` is not packed with UPX: it does not start"]
    );
    answer.set(Ok(()));
    let packed = finish();
    assert_eq!(packed.upx, Some(Packing::Packed));
    assert!(packed.sizes.packed < Some(packed.sizes.made) && packed.sizes.stripped.is_none());
    // What the image needs is known all the same.
    assert!(
        packed
            .facts
            .elf()
            .unwrap()
            .needed
            .contains(&"libc.so.6".to_owned())
    );
    finish();
    assert_eq!(asked.get(), 2, "an accepted file is not tried again");
    assert!(before == fs::read(&program).unwrap());
}

#[test]
fn what_upx_does_not_do_for_is_refused() {
    if !installed("upx") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, options: &[&str], text: &str| compile(folder.path(), "gcc", options, name, text);
    let Some(program) = file("program", &["-O1"], TEXT) else {
        return;
    };
    let library = file(
        "library",
        &["-shared", "-fPIC", "-Wl,-soname,l.so.1"],
        "int f(void) { return 1; }",
    );
    let shop = workshop(folder.path());
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let wish = Finishing {
        upx: Some(UpxLevel::default()),
        ..Finishing::default()
    };
    let amd64 = "x86_64-unknown-linux-gnu";
    let packed = shop.finish(&program, &target(amd64), &wish, &|_| Ok(())).unwrap();
    // UPX itself finds that there is nothing to gain.
    let bare: &[&str] = &["-nostdlib", "-static", "-Wl,-e,f"];
    let bare = file("bare", bare, "void f(void) { for (;;) {} }").unwrap();
    for (path, triple, expected) in [
        (
            &program,
            "s390x-unknown-linux-gnu",
            "UPX packs no programs for `s390x-unknown-linux-gnu`",
        ),
        (library.as_ref().unwrap(), amd64, "it is a library, no program"),
        (&script, amd64, "it is no ELF file"),
        (&packed.path, amd64, "it is packed already"),
        (&bare, amd64, "UPX says `"),
    ] {
        let finished = shop
            .finish(path, &target(triple), &wish, &|_| panic!("tried"))
            .unwrap();
        let Some(Packing::Refused(reason)) = finished.upx else {
            panic!("{expected}: {:?}", finished.upx)
        };
        assert!(reason.starts_with(expected), "{reason:?} instead of {expected:?}");
        assert_eq!((&finished.path, finished.notices.len()), (path, 1));
    }
}

#[test]
fn alternatives_are_packed_in_both_ways() {
    if !installed("upx") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compile(folder.path(), "gcc", &["-O1", "-static"], "hello", TEXT) else {
        return;
    };
    let found = workshop(folder.path()).alternatives(&program, &target("x86_64-unknown-linux-gnu"));
    let sizes: Vec<_> = found
        .unwrap()
        .into_iter()
        .map(|way| (way.upx.lzma, way.file.unwrap().metadata().unwrap().len()))
        .collect();
    let [(false, normal), (true, lzma)] = sizes.as_slice() else {
        panic!("{sizes:?}")
    };
    assert!(
        lzma < normal && *normal < program.metadata().unwrap().len(),
        "{sizes:?}"
    );
}
