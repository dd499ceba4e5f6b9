//! What compilers and linkers write into ELF files, read back.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
#![allow(dead_code, unreachable_pub)]

mod outside;
mod support;

#[path = "binary/finish.rs"]
mod finish;
#[path = "binary/packed.rs"]
mod packed;
#[path = "binary/programs.rs"]
mod programs;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_gantry::binary::{Elf, ElfKind, dependencies};
use outside::installed;

/// Compiles `text` and reads what came out.
fn compiled(folder: &Path, compiler: &str, arguments: &[&str], text: &str) -> Elf {
    let source = folder.join("source.c");
    fs::write(&source, text).unwrap();
    let file: PathBuf = folder.join("out");
    let mut command = Command::new(compiler);
    command.args(arguments).arg("-o").arg(&file).arg(&source);
    let output = command.current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    Elf::read(File::open(&file).unwrap()).unwrap()
}

#[test]
fn a_library_says_its_name_its_versions_and_its_paths() {
    if !installed("gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("versions"),
        "X_1.0 { global: one; local: *; }; X_1.1 { global: two; } X_1.0;",
    )
    .unwrap();
    let library = |arguments: &[&str]| {
        let fixed = [
            "-shared",
            "-fPIC",
            "-Wl,-soname,libx.so.1",
            "-Wl,--version-script=versions",
        ];
        let text = "int one(void) { return 1; } int two(void) { return 2; }";
        compiled(folder.path(), "gcc", &[&fixed, arguments].concat(), text)
    };
    let found = library(&["-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib:/opt/lib"]);
    assert_eq!(found.kind, ElfKind::Dyn);
    assert_eq!(found.soname.as_deref(), Some("libx.so.1"));
    assert_eq!(found.version_definitions, ["X_1.0", "X_1.1"]);
    assert_eq!(
        (found.rpath.len(), found.runpath),
        (0, vec!["$ORIGIN/../lib".into(), "/opt/lib".into()])
    );

    let found = library(&[
        "-Wl,--disable-new-dtags,-rpath,/opt/lib",
        "-Wl,-z,now,-z,relro,-z,execstack",
    ]);
    assert_eq!(
        (found.rpath, found.runpath.len()),
        (vec!["/opt/lib".to_owned()], 0)
    );
    assert!(found.bind_now && found.relro && found.executable_stack);

    let found = library(&["-Wl,-z,lazy,-z,norelro,-z,noexecstack"]);
    assert!(!found.bind_now && !found.relro && !found.executable_stack);
    let stored = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Elf>(&stored).unwrap(), found);
}

#[test]
fn levels_of_x86_64_are_seen() {
    if !cfg!(target_arch = "x86_64") || !installed("gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (option, level) in [
        ("-Wl,-z,x86-64-v2", 2),
        ("-Wl,-z,x86-64-v3", 3),
        ("-Wl,-z,now", 1),
    ] {
        let found = compiled(folder.path(), "gcc", &[option], "int main(void) { return 0; }");
        // The first level may be said or not.
        assert_eq!(found.isa_level.unwrap_or(1), level, "{option}");
    }
}

#[test]
fn processors_of_arm_are_seen() {
    if !installed("clang") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (target, version, floats) in [
        ("armv5te-linux-gnueabi", 5, 0),
        ("armv6-linux-gnueabihf", 6, 1),
        ("armv7a-linux-gnueabihf", 7, 1),
        ("armv7a-linux-gnueabi", 7, 0),
        ("armv8a-linux-gnueabihf", 8, 1),
    ] {
        let target = format!("--target={target}");
        let found = compiled(
            folder.path(),
            "clang",
            &[&target, "-c"],
            "float f(float x) { return x; }",
        );
        let arm = found.arm.unwrap_or_else(|| panic!("{target}: {found:?}"));
        assert_eq!(
            (arm.version(), arm.vfp_args),
            (Some(version), floats),
            "{target}: {arm:?}"
        );
    }
    let found = compiled(
        folder.path(),
        "clang",
        &["--target=aarch64-linux-gnu", "-c"],
        "int x;",
    );
    assert_eq!(found.arm, None);
}

#[test]
fn crates_are_listed_where_a_program_lists_them() {
    if !installed("gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let listed = |list: &[u8], cut: usize| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(list).unwrap();
        let mut bytes = encoder.finish().unwrap();
        bytes.truncate(bytes.len() - cut);
        let text = format!(
            "__attribute__((section(\".dep-v0\"), used)) const unsigned char list[] = {{{}}}; int main(void) {{ return 0; }}",
            bytes
                .iter()
                .map(|byte| byte.to_string())
                .collect::<Vec<_>>()
                .join(",")
        );
        compiled(folder.path(), "gcc", &[], &text);
        dependencies(&folder.path().join("out")).map(|names| names.into_iter().collect::<Vec<_>>().join(" "))
    };
    let list = br#"{"packages": [
        {"name": "app", "version": "1.0.0", "source": "local", "root": true, "dependencies": [1, 2]},
        {"name": "cc", "version": "1.0.0", "source": "crates.io", "kind": "build"},
        {"name": "tempfile", "version": "3.0.0", "source": "crates.io", "kind": "runtime"}]}"#;
    assert_eq!(listed(list, 0).as_deref(), Some("app tempfile"));
    assert_eq!(listed(list, 20), None);
    assert_eq!(listed(b"[]", 0), None);
    // More than is read.
    let large = [vec![b' '; 9 << 20].as_slice(), list].concat();
    assert_eq!(listed(&large, 0), None);
    assert_eq!(dependencies(&folder.path().join("source.c")), None);
    assert_eq!(dependencies(&folder.path().join("none")), None);
}
