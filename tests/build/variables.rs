//! What CMake, pkg-config and libclang find with the variables that build scripts are given.

use cargo_gantry::build::link::Wanted;
use cargo_gantry::target::LinkerKind;

use super::traps::{choose, fixture};
use super::*;

const ARM_GNU: &str = "aarch64-unknown-linux-gnu";
const ARM_MUSL: &str = "aarch64-unknown-linux-musl";
const I686_MUSL: &str = "i686-unknown-linux-musl";

/// A value as a build script would find it, for one target and way.
fn value(clone: &Clone, triple: &str, kind: LinkerKind, name: &str) -> Option<String> {
    let choice = choose(clone, triple, kind, Wanted::default())?;
    let name = format!("{name}_{}", triple.replace('-', "_"));
    Some(choice.variables[&name].to_str().unwrap().to_owned())
}

#[test]
fn libclang_reads_the_headers_of_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let clone = fixture(folder.path());
    let tools = clone.tools();
    if tools.find("clang").is_none() {
        return missing("`clang` is not installed");
    }
    // What bindgen lets libclang do, in its words.
    let header = |libc: &str, pointer: u8| {
        format!(
            "#include <stdint.h>\n#include <stddef.h>\n#include <stdarg.h>\n#include <stdio.h>\n#include <sys/stat.h>\n#include <pthread.h>\n\
             #if {libc}\n#error another C library\n#endif\n\
             _Static_assert(sizeof(uint64_t) == 8, \"\");\n_Static_assert(sizeof(void *) == {pointer}, \"\");\n"
        )
    };
    let (glibc, musl) = ("!defined(__GLIBC__)", "defined(__GLIBC__)");
    for (triple, kind, libc, pointer) in [
        (ARM_GNU, LinkerKind::Gcc, glibc, 8),
        (ARM_GNU, LinkerKind::Clang, glibc, 8),
        (
            ARM_GNU,
            LinkerKind::Zig,
            "!defined(__GLIBC__) || __GLIBC_MINOR__ != 28",
            8,
        ),
        (ARM_MUSL, LinkerKind::Zig, musl, 8),
        (ARM_MUSL, LinkerKind::Gcc, musl, 8),
        (I686_MUSL, LinkerKind::Clang, musl, 4),
    ] {
        let Some(arguments) = value(&clone, triple, kind, "BINDGEN_EXTRA_CLANG_ARGS") else {
            continue;
        };
        let call = Call::new("clang")
            .args(arguments.split(' '))
            .args(["-fsyntax-only", "-Werror", "-x", "c", "-"])
            .input(header(libc, pointer));
        if let Err(error) = tools.run(&call) {
            panic!("{triple} {kind}: {error}");
        }
    }
}

#[test]
fn cmake_compiles_for_the_target_and_finds_nothing_of_the_host() {
    const PROJECT: &str = "cmake_minimum_required(VERSION 3.13)\nproject(x C)\n\
        if(NOT CMAKE_CROSSCOMPILING)\nmessage(FATAL_ERROR \"for the host\")\nendif()\n\
        find_path(HEADER gantry-host.h PATHS /usr/include)\nfind_library(LIBRARY gantry-host PATHS ${CMAKE_SOURCE_DIR})\n\
        if(HEADER OR LIBRARY)\nmessage(FATAL_ERROR \"found ${HEADER} ${LIBRARY}\")\nendif()\n\
        add_library(x STATIC x.c)\n";
    let folder = tempfile::tempdir().unwrap();
    let clone = fixture(folder.path());
    let tools = clone.tools();
    if tools.find("cmake").is_none() {
        return missing("`cmake` is not installed");
    }
    let project = folder.path().join("cmake");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("CMakeLists.txt"), PROJECT).unwrap();
    fs::write(project.join("libgantry-host.a"), "!<arch>\n").unwrap();
    fs::write(
        project.join("x.c"),
        "#include <stdint.h>\n_Static_assert(sizeof(uint64_t) == 8, \"\");\nint x;\n",
    )
    .unwrap();
    for (triple, kind) in [
        (ARM_GNU, LinkerKind::Gcc),
        (ARM_GNU, LinkerKind::Clang),
        (ARM_MUSL, LinkerKind::Zig),
        (ARM_MUSL, LinkerKind::Gcc),
        (I686_MUSL, LinkerKind::Clang),
    ] {
        let Some(file) = value(&clone, triple, kind, "CMAKE_TOOLCHAIN_FILE") else {
            continue;
        };
        let out = folder.path().join(format!("{triple}-{kind}"));
        let configure = Call::new("cmake")
            .arg(format!("-DCMAKE_TOOLCHAIN_FILE={file}"))
            .args(["-G", "Unix Makefiles", "-S"])
            .arg(&project)
            .arg("-B")
            .arg(&out);
        for call in [configure, Call::new("cmake").arg("--build").arg(&out)] {
            if let Err(error) = tools.run(&call) {
                panic!("{triple} {kind}: {error:?}");
            }
        }
        let objects = out.join("CMakeFiles/x.dir/x.c.o");
        let machine = u16::from(fs::read(objects).unwrap()[18]);
        let expected = if triple == I686_MUSL { 3 } else { 183 };
        assert_eq!(machine, expected, "{triple} {kind}");
    }
}

#[test]
fn pkg_config_finds_no_library_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let clone = fixture(folder.path());
    let tools = clone.tools();
    if tools.find("pkg-config").is_none() {
        return missing("`pkg-config` is not installed");
    }
    let host = folder.path().join("host");
    fs::create_dir(&host).unwrap();
    let text = "Name: host\nDescription: of the host\nVersion: 1\nLibs: -lhost\n";
    fs::write(host.join("gantry-host.pc"), text).unwrap();
    let asked = |libdir: &str, path: &str| {
        let call = Call::new("pkg-config")
            .args(["--libs", "gantry-host"])
            .var("PKG_CONFIG_LIBDIR", libdir)
            .var("PKG_CONFIG_PATH", path);
        tools.run(&call).is_ok()
    };
    let here = host.to_str().unwrap();
    assert!(asked("", here));
    for (triple, kind) in [(ARM_MUSL, LinkerKind::Zig), (I686_MUSL, LinkerKind::Clang)] {
        let get = |name| value(&clone, triple, kind, name);
        let (Some(libdir), Some(path)) = (get("PKG_CONFIG_LIBDIR"), get("PKG_CONFIG_PATH")) else {
            continue;
        };
        assert!(!asked(&libdir, &path), "{triple}");
        assert!(fs::read_dir(libdir).unwrap().next().is_none());
    }
}
