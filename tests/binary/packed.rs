//! Packed with UPX, for every machine that has a cross compiler here: unpacked again by UPX, the same each time, and
//! started with a large environment.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_gantry::binary::{Accept, Facts, Finishing, Packing, StripLevel, UpxLevel, Workshop};
use miette::Diagnostic;
use serde_json::json;

use crate::finish::SECTIONS;
use crate::outside::installed;
use crate::programs::{TEXT, compile, only, rust, target, workshop};
use crate::support::launch::{Launch, possible};

/// Bytes of environment that a packed program must bear.
const ENVIRONMENT: usize = 100_000;

/// How it is linked.
const STATIC: &[&str] = &["-O1", "-g", "-static", "-no-pie"];
const STATIC_PIE: &[&str] = &["-O1", "-g", "-static-pie"];
const DYNAMIC: &[&str] = &["-O1", "-g", "-pie", "-fPIE"];
/// By rustc, which links musl itself.
const RUST: &[&str] = &["-O", "-Clinker=rust-lld"];

/// What is expected of UPX.
#[derive(Clone, Copy, Debug)]
enum Upx {
    Packs,
    /// It packs, and what it packed does not start, or does not end: with some of its versions.
    /// <https://github.com/upx/upx/issues/758>
    Breaks,
    Refuses,
}
use Upx::{Breaks, Packs, Refuses};

/// Triple, compiler, linking, and what UPX makes of it.
const PROGRAMS: &[(&str, &str, &[&str], Upx)] = &[
    ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu-gcc", STATIC, Packs),
    (
        "x86_64-unknown-linux-gnu",
        "x86_64-linux-gnu-gcc",
        STATIC_PIE,
        Packs,
    ),
    ("x86_64-unknown-linux-musl", "rustc", RUST, Packs),
    (
        "aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-gcc",
        STATIC,
        Breaks,
    ),
    (
        "aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-gcc",
        STATIC_PIE,
        Breaks,
    ),
    (
        "aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-gcc",
        DYNAMIC,
        Packs,
    ),
    ("aarch64-unknown-linux-musl", "rustc", RUST, Packs),
    (
        "armv7-unknown-linux-gnueabihf",
        "arm-linux-gnueabihf-gcc",
        STATIC,
        Breaks,
    ),
    (
        "armv7-unknown-linux-gnueabihf",
        "arm-linux-gnueabihf-gcc",
        DYNAMIC,
        Packs,
    ),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", STATIC, Packs),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", STATIC_PIE, Packs),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", DYNAMIC, Packs),
    ("i686-unknown-linux-musl", "rustc", RUST, Packs),
    (
        "powerpc64le-unknown-linux-gnu",
        "powerpc64le-linux-gnu-gcc",
        STATIC,
        Packs,
    ),
    (
        "powerpc64le-unknown-linux-gnu",
        "powerpc64le-linux-gnu-gcc",
        DYNAMIC,
        Packs,
    ),
    (
        "riscv64gc-unknown-linux-gnu",
        "riscv64-linux-gnu-gcc",
        STATIC,
        Refuses,
    ),
    ("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc", DYNAMIC, Refuses),
];

#[test]
fn what_is_shipped_starts_with_a_large_environment() {
    if !possible() || !installed("upx") {
        return;
    }
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    for &(triple, compiler, options, upx) in PROGRAMS {
        let folder = tempfile::tempdir().unwrap();
        let Some(program) = program(folder.path(), triple, compiler, options) else {
            continue;
        };
        let target = target(triple);
        let root = folder.path().join("root");
        libraries(&Facts::read(&program).unwrap(), compiler, &root);
        let starts = |packed: &Path| {
            fs::copy(packed, root.join("hello")).unwrap();
            started(&root, target.platform.architecture())
        };
        for level in [Some(1), None] {
            // LZMA takes long: once for each target.
            let lzma = level.is_none();
            if lzma && !seen.insert(triple) {
                continue;
            }
            let wish = Finishing {
                strip: Some(StripLevel::Symbols),
                debuginfo: false,
                upx: Some(UpxLevel { level, lzma }),
            };
            let finish = |shop: &str, accept: Accept<'_>| {
                let shop = workshop(&folder.path().join(shop));
                shop.finish(&program, &target, &wish, accept).unwrap()
            };
            let finished = finish("one", &starts);
            let mut fault = starts(&finished.path).err();
            match (&finished.upx, upx) {
                (Some(Packing::Packed), Packs | Breaks) => {
                    assert!(finished.sizes.packed < finished.sizes.stripped);
                    let again = finish("two", &|_| Ok(()));
                    if fs::read(&again.path).unwrap() != fs::read(&finished.path).unwrap() {
                        fault = Some("packed otherwise the second time".to_owned());
                    }
                }
                (Some(Packing::Refused(_)), Breaks | Refuses) if finished.path == finished.facts.path => {}
                (other, _) => fault = Some(format!("{other:?}")),
            }
            let fault = fault.map(|fault| format!("{triple} {options:?} lzma {lzma}: {fault}"));
            faults.extend(fault);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn program(folder: &Path, triple: &str, compiler: &str, options: &[&str]) -> Option<PathBuf> {
    if compiler == "rustc" {
        return rust(folder, triple, options);
    }
    compile(folder, compiler, options, "hello", TEXT)
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
    let Some(program) = compile(folder.path(), "x86_64-linux-gnu-gcc", &["-O1"], "hello", TEXT) else {
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
    let file = |name: &str, options: &[&str], text: &str| {
        compile(folder.path(), "x86_64-linux-gnu-gcc", options, name, text)
    };
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
    let mut state = 1_u64;
    let noise: Vec<_> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56).to_string()
    })
    .take(60_000)
    .collect();
    let noise = format!(
        "const unsigned char noise[] = {{{}}}; void f(void) {{ for (;;) {{}} }}",
        noise.join(",")
    );
    let noise = file(
        "noise",
        &["-nostdlib", "-static", "-s", "-Wl,-e,f,-z,noseparate-code"],
        &noise,
    )
    .unwrap();
    for (path, triple, expected) in [
        (
            &program,
            "s390x-unknown-linux-gnu",
            "UPX packs no programs for `s390x-unknown-linux-gnu`",
        ),
        (library.as_ref().unwrap(), amd64, "it is a library, no program"),
        (&script, amd64, "it is no ELF file"),
        (&packed.path, amd64, "it is packed already"),
        (&noise, amd64, "UPX says `NotCompressibleException"),
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
    let Some(program) = compile(
        folder.path(),
        "x86_64-linux-gnu-gcc",
        &["-O1", "-static"],
        "hello",
        TEXT,
    ) else {
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

#[test]
fn what_a_packed_program_hides_is_said() {
    if !installed("upx") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{SECTIONS}{TEXT}");
    let Some(program) = compile(folder.path(), "x86_64-linux-gnu-gcc", &["-g"], "hello", &text) else {
        return;
    };
    let wish = Finishing {
        strip: Some(StripLevel::Symbols),
        debuginfo: true,
        upx: Some(UpxLevel::default()),
    };
    let target = target("x86_64-unknown-linux-gnu");
    let finished = workshop(folder.path())
        .finish(&program, &target, &wish, &|_| Ok(()))
        .unwrap();
    let debug = finished.debug_file.unwrap();
    assert_eq!(
        finished.notices,
        [
            "`hello` is packed with UPX: what reads its `.dep-v0` finds nothing there".to_owned(),
            "`hello` is packed with UPX: what reads its `.go.buildinfo` finds nothing there".to_owned(),
            format!(
                "`hello` is packed with UPX: `{}` serves debuggers only with the unpacked program",
                debug.display()
            ),
        ]
    );
}

#[test]
fn upx_that_is_not_here_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compile(folder.path(), "x86_64-linux-gnu-gcc", &["-s"], "hello", TEXT) else {
        return;
    };
    let shop = Workshop::new(&only(folder.path(), &[]), folder.path().join("shop"));
    let target = target("x86_64-unknown-linux-gnu");
    let wish = Finishing {
        upx: Some(UpxLevel::default()),
        ..Finishing::default()
    };
    let error = shop.finish(&program, &target, &wish, &|_| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "`upx` not found");
    assert!(error.help().unwrap().to_string().contains("`upx-ucl`"));
    assert!(shop.alternatives(&program, &target).unwrap().is_empty());
}
