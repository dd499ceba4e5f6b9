//! Stripped by whatever program is here, with the debug information kept aside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cargo_gantry::binary::{BinaryError, Facts, Finishing, StripLevel, Workshop};
use miette::Diagnostic;

use crate::outside::installed;
use crate::programs::{TEXT, compile, only, said, sysroot, target, workshop};

const SYMBOLS: Finishing = Finishing {
    strip: Some(StripLevel::Symbols),
    debuginfo: false,
    upx: None,
};

const KEPT: Finishing = Finishing {
    debuginfo: true,
    ..SYMBOLS
};

/// Something like a list of crates and like build information of Go, neither of which is loaded.
pub const SECTIONS: &str = r#"
__asm__(".section .dep-v0,\"\"\n.ascii \"crates\"\n.section .go.buildinfo,\"\"\n.ascii \"modules\"\n.text");
"#;

/// Triple, compiler, linking.
const PROGRAMS: &[(&str, &str, &[&str])] = &[
    ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu-gcc", &["-static"]),
    ("x86_64-unknown-linux-gnu", "x86_64-linux-gnu-gcc", &[]),
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", &["-static"]),
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc", &[]),
    ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc", &[]),
    ("i686-unknown-linux-gnu", "i686-linux-gnu-gcc", &[]),
    ("powerpc64le-unknown-linux-gnu", "powerpc64le-linux-gnu-gcc", &[]),
    (
        "riscv64gc-unknown-linux-gnu",
        "riscv64-linux-gnu-gcc",
        &["-static"],
    ),
    ("riscv64gc-unknown-linux-gnu", "riscv64-linux-gnu-gcc", &[]),
    ("s390x-unknown-linux-gnu", "s390x-linux-gnu-gcc", &[]),
];

#[test]
fn every_machine_is_stripped_and_its_debug_information_kept() {
    if !installed("readelf") {
        return;
    }
    for &(triple, compiler, options) in PROGRAMS {
        let folder = tempfile::tempdir().unwrap();
        let options = [&["-g", "-O1"], options].concat();
        let text = format!("{SECTIONS}{TEXT}");
        let Some(program) = compile(folder.path(), compiler, &options, "hello", &text) else {
            continue;
        };
        let before = fs::read(&program).unwrap();
        let made = Facts::read(&program).unwrap();
        for level in [StripLevel::Debuginfo, StripLevel::Symbols] {
            let what = format!("{triple} {options:?} {level:?}");
            let wish = Finishing {
                strip: Some(level),
                ..KEPT
            };
            let finish = |shop: &str| {
                let shop = workshop(&folder.path().join(shop));
                shop.finish(&program, &target(triple), &wish, &|_| Ok(()))
                    .unwrap_or_else(|error| panic!("{what}: {error}"))
            };
            let finished = finish("one");
            let elf = finished.facts.elf().unwrap();
            assert!(!elf.debug_information, "{what}");
            assert_eq!(elf.stripped, level == StripLevel::Symbols, "{what}");
            assert_eq!(elf.needed, made.elf().unwrap().needed, "{what}");
            assert!(finished.sizes.stripped < Some(finished.sizes.made), "{what}");
            assert_eq!(
                finished.sizes.stripped,
                Some(finished.path.metadata().unwrap().len())
            );
            assert_eq!(finished.notices, Vec::<String>::new(), "{what}");
            for section in [".dep-v0", ".go.buildinfo"] {
                let held = said("readelf", &["-p", section], &finished.path);
                assert!(
                    held.contains("crates") || held.contains("modules"),
                    "{what}: {held}"
                );
            }
            let debug = finished.debug_file.clone().unwrap();
            assert!(
                said("readelf", &["-SW"], &debug).contains(".debug_info"),
                "{what}"
            );
            let (name, crc) = link(&finished.path);
            assert_eq!(name, "hello.debug", "{what}");
            assert_eq!(crc, crc32(&fs::read(&debug).unwrap()), "{what}");
            // The same again, by another workshop.
            let again = finish("two");
            assert!(
                fs::read(&again.path).unwrap() == fs::read(&finished.path).unwrap(),
                "{what}"
            );
            assert!(
                fs::read(again.debug_file.unwrap()).unwrap() == fs::read(&debug).unwrap(),
                "{what}"
            );
        }
        assert!(
            before == fs::read(&program).unwrap(),
            "{triple}: the program was changed"
        );
    }
}

/// What `.gnu_debuglink` says: a name, and behind it, at a multiple of four, a checksum.
/// <https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html>
fn link(program: &Path) -> (String, u32) {
    let listed = said("readelf", &["-x", ".gnu_debuglink"], program);
    let bytes: Vec<u8> = listed
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("0x"))
        .flat_map(|line| {
            let words = line.split_whitespace().skip(1);
            words.take_while(|word| word.len() <= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
        .flat_map(|word| word.as_bytes().chunks(2).collect::<Vec<_>>())
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let end = bytes.iter().position(|&byte| byte == 0).unwrap();
    let at = (end + 1).next_multiple_of(4);
    let crc: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
    let big = said("readelf", &["-h"], program).contains("big endian");
    let crc = if big {
        u32::from_be_bytes(crc)
    } else {
        u32::from_le_bytes(crc)
    };
    (String::from_utf8(bytes[..end].to_vec()).unwrap(), crc)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn a_debugger_finds_what_was_kept() {
    if !installed("gdb") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compile(
        folder.path(),
        "x86_64-linux-gnu-gcc",
        &["-g", "-O1"],
        "hello",
        TEXT,
    ) else {
        return;
    };
    let shop = workshop(folder.path());
    let target = target("x86_64-unknown-linux-gnu");
    let finished = shop.finish(&program, &target, &KEPT, &|_| Ok(())).unwrap();
    let line = |program: &Path| said("gdb", &["-nx", "-batch", "-ex", "info line main"], program);
    assert!(
        line(&finished.path).contains("source.c"),
        "{}",
        line(&finished.path)
    );
    fs::remove_file(finished.debug_file.unwrap()).unwrap();
    assert!(!line(&finished.path).contains("source.c"));
}

#[test]
fn any_of_the_programs_that_strip_will_do() {
    if !["llvm-objcopy", "objcopy", "aarch64-linux-gnu-objcopy"]
        .into_iter()
        .all(installed)
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = ["-g", "-O1", "-static"];
    let Some(program) = compile(folder.path(), "aarch64-linux-gnu-gcc", &options, "hello", TEXT) else {
        return;
    };
    let target = target("aarch64-unknown-linux-gnu");
    let finish = |name: &str, programs: &[&str], with: &dyn Fn(Workshop) -> Workshop| {
        let folder = folder.path().join(name);
        let shop = with(Workshop::new(&only(&folder, programs), folder.join("shop")));
        shop.finish(&program, &target, &KEPT, &|_| Ok(()))
    };
    // rustc's own needs nothing else, not even for what GNU ld linked statically.
    finish("rust", &[], &|shop| shop.with_sysroot(sysroot())).unwrap();
    finish("llvm", &["llvm-objcopy"], &|shop| shop).unwrap();
    finish("gnu", &["aarch64-linux-gnu-objcopy"], &|shop| shop).unwrap();
    let none = finish("none", &[], &|shop| shop).unwrap_err();
    assert_eq!(
        none.to_string(),
        format!(
            "cannot strip `{}`: no program that could was found",
            program.display()
        )
    );
    assert!(
        none.help()
            .unwrap()
            .to_string()
            .contains("rustup component add llvm-tools")
    );
    // That of the host does not know the machine, and says so.
    let BinaryError::Strip { attempts, .. } = finish("host", &["objcopy"], &|shop| shop).unwrap_err() else {
        panic!("no error of stripping")
    };
    assert!(attempts[0].contains("objcopy"), "{attempts:?}");
}

#[test]
fn a_tool_that_spoils_a_program_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{SECTIONS}{TEXT}");
    let Some(program) = compile(folder.path(), "x86_64-linux-gnu-gcc", &["-g"], "hello", &text) else {
        return;
    };
    let other = compile(
        folder.path(),
        "x86_64-linux-gnu-gcc",
        &["-static"],
        "other",
        &text,
    )
    .unwrap();
    let objcopy = only(folder.path(), &["objcopy"]).find("objcopy").unwrap();
    let real = fs::canonicalize(&objcopy).unwrap();
    fs::remove_file(&objcopy).unwrap();
    let run = |script: &str, name: &str| {
        let text = format!("#!/bin/sh\n[ \"$1\" = --version ] && echo one && exit\n{script}\n");
        fs::write(&objcopy, text).unwrap();
        fs::set_permissions(&objcopy, fs::Permissions::from_mode(0o755)).unwrap();
        let tools = only(folder.path(), &[]);
        let shop = Workshop::new(&tools, folder.path().join(name));
        let target = target("x86_64-unknown-linux-gnu");
        shop.finish(&program, &target, &SYMBOLS, &|_| Ok(()))
    };
    let real = real.display();
    for (name, script, expected) in [
        (
            "drops",
            format!("exec {real} -R .dep-v0 --strip-all \"$4\" \"$5\""),
            "does not keep the section `.dep-v0`",
        ),
        (
            "spoils",
            format!("exec /bin/cp {} \"$5\"", other.display()),
            "changes what the loader reads",
        ),
        ("fails", "echo no luck >&2; exit 3".to_owned(), "no luck"),
    ] {
        let error = run(&script, name).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
        let left: Vec<_> = fs::read_dir(folder.path().join(name))
            .unwrap()
            .map(|found| found.unwrap().file_name())
            .collect();
        assert!(
            // Digests of programs are known from then on.
            left.iter()
                .all(|name| name.to_string_lossy().ends_with(".lock") || name == "known"),
            "{left:?}"
        );
    }
    let made = run(&format!("exec {real} \"$@\""), "works").unwrap();
    // The second time nothing is run but the question for the version.
    let again = run("exit 9", "works").unwrap();
    assert_eq!((again.path, again.sizes), (made.path, made.sizes));
}

/// Of a program that it read before, a workshop knows the digest for as long as the file is the same.
#[test]
fn another_program_of_the_same_name_size_and_time_is_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compile(folder.path(), "x86_64-linux-gnu-gcc", &["-g"], "hello", TEXT) else {
        return;
    };
    let shop = workshop(folder.path());
    let target = target("x86_64-unknown-linux-gnu");
    let stripped = || {
        let finished = shop.finish(&program, &target, &SYMBOLS, &|_| Ok(())).unwrap();
        fs::read(finished.path).unwrap()
    };
    // Until it counts as left alone, so that its digest is written down.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let first = stripped();
    assert!(stripped() == first);
    let known = fs::read_dir(folder.path().join("shop/known"));
    assert!(known.is_ok_and(|known| known.count() == 1) || cfg!(not(target_os = "linux")));

    let before = fs::metadata(&program).unwrap();
    let mut bytes = fs::read(&program).unwrap();
    let text = bytes.windows(6).position(|word| word == b"%zu %d").unwrap();
    bytes[text] ^= 0x20;
    fs::write(&program, &bytes).unwrap();
    let times = fs::FileTimes::new().set_modified(before.modified().unwrap());
    fs::File::options()
        .write(true)
        .open(&program)
        .unwrap()
        .set_times(times)
        .unwrap();
    assert_eq!(fs::metadata(&program).unwrap().len(), before.len());
    let second = stripped();
    assert!(second != first && second.len() == first.len());
}

#[test]
fn what_needs_nothing_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compile(folder.path(), "x86_64-linux-gnu-gcc", &["-s"], "hello", TEXT) else {
        return;
    };
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let wasm = folder.path().join("wasm");
    fs::write(&wasm, b"\0asm\x01\0\0\0").unwrap();
    let shop = Workshop::new(&only(folder.path(), &[]), folder.path().join("shop"));
    let target = target("x86_64-unknown-linux-gnu");
    let bare = Finishing { strip: None, ..KEPT };
    let no_elf = |name: &str| format!("`{name}` is no ELF file: it is not stripped");
    for (path, wish, notice) in [
        (&program, SYMBOLS, None),
        (&program, Finishing::default(), None),
        (&script, Finishing::default(), None),
        (&script, SYMBOLS, Some(no_elf("script"))),
        (&wasm, KEPT, Some(no_elf("wasm"))),
        (&program, bare, Some("`hello` is not stripped: there is nothing to keep aside".to_owned())),
        (
            &program,
            KEPT,
            Some("`hello` was built without debug information: set `debug = \"line-tables-only\"` in its profile to have some kept".to_owned()),
        ),
    ] {
        let finished = shop.finish(path, &target, &wish, &|_| Ok(())).unwrap();
        assert_eq!(&finished.path, path);
        assert_eq!(finished.notices, Vec::from_iter(notice));
        assert!(finished.debug_file.is_none() && finished.sizes.stripped.is_none());
    }
    assert!(!folder.path().join("shop").exists());
}
