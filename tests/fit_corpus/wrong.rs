//! Pairs that do not fit.

use cargo_gantry::fit::Check;
use serde_json::json;

use crate::pair::{APP, Cache, Pair, Start, directory, file, gone, link, text};
use crate::program::{HELLO, c, cross, library, musl, rust};
use crate::sources::{
    SOFT_FLOAT, alone, calls, calls_on_musl, liba, liba_on_musl, libb, libb_on_musl, looks_up, of_glibc_2_39,
    of_level_3, old_glibc, reads_certificates, reads_zone, relr, with_newer_openssl, with_openssl,
    writes_data, writes_tmp,
};

const BOOKWORM: &str = "debian-bookworm-slim";
const CC: &str = "distroless-cc";

pub(crate) fn pairs() -> Vec<Pair> {
    let all = [
        libraries(),
        machines(),
        users(),
        starts(),
        places(),
        surroundings(),
    ];
    all.into_iter().flatten().collect()
}

/// C libraries, loaders, libraries, versions.
fn libraries() -> Vec<Pair> {
    let origin = "-Wl,-rpath,$ORIGIN/../lib,--enable-new-dtags";
    let runpath = "-Wl,-rpath,/opt/lib,--enable-new-dtags";
    vec![
        Pair::new("glibc too old", BOOKWORM, of_glibc_2_39()).wrong([Check::Glibc]),
        Pair::new("packed relocations on an old glibc", CC, relr())
            .lay([file("lib/x86_64-linux-gnu/libc.so.6", 0o755, old_glibc())])
            .wrong([Check::Glibc]),
        Pair::new("glibc program on musl", "musl", c(HELLO)).wrong([Check::Libc]),
        Pair::new("musl program on glibc", BOOKWORM, musl(HELLO)).wrong([Check::Libc]),
        Pair::new("glibc program on scratch", "scratch", c(HELLO)).wrong([Check::Interpreter]),
        Pair::new(
            "loader at a place of its own",
            BOOKWORM,
            c(HELLO).with("-Wl,--dynamic-linker=/opt/ld.so"),
        )
        .wrong([Check::Interpreter]),
        Pair::new("loader is gone", CC, c(HELLO))
            .lay([gone("lib64/ld-linux-x86-64.so.2")])
            .wrong([Check::Interpreter]),
        Pair::new("libssl.so.3 missing", BOOKWORM, with_openssl()).wrong([Check::Library]),
        Pair::new("libssl.so.3 too old", CC, with_newer_openssl()).wrong([Check::Glibc]),
        Pair::new(
            "libgcc_s.so.1 missing",
            CC,
            rust("fn main() { println!(\"fits\"); }\n"),
        )
        .lay([gone("lib/x86_64-linux-gnu/libgcc_s.so.1")])
        .wrong([Check::Library]),
        Pair::new("a library's library missing", CC, calls(runpath))
            .lay([file("opt/lib/liba.so", 0o755, liba())])
            .wrong([Check::Library]),
        Pair::new("RUNPATH is not for libraries' libraries", CC, calls(runpath))
            .lay([
                file("opt/lib/liba.so", 0o755, liba()),
                file("opt/lib/libb.so", 0o755, libb()),
            ])
            .wrong([Check::Library]),
        Pair::new("$ORIGIN leads nowhere", CC, calls(origin)).wrong([Check::Library]),
        Pair::new(
            "library for another machine",
            CC,
            calls("-Wl,-rpath,/opt/lib,--disable-new-dtags"),
        )
        .lay([
            file("opt/lib/liba.so", 0o755, liba()),
            file(
                "opt/lib/libb.so",
                0o755,
                cross("aarch64-linux-gnu-gcc", "int b(void) { return 7; }\n").line("-shared -fPIC"),
            ),
        ])
        .wrong([Check::Library]),
        Pair::new(
            "library that the loader's cache does not know",
            BOOKWORM,
            calls("-Wl,-O1"),
        )
        .lay([
            file("usr/local/lib/liba.so", 0o755, liba()),
            file("usr/local/lib/libb.so", 0o755, libb()),
        ])
        .cache(Cache::Before)
        .wrong([Check::Library]),
        Pair::new(
            "library as a program",
            CC,
            library("#include <stdio.h>\nint main(void) { return puts(\"fits\"); }\n"),
        )
        .wrong([Check::Interpreter]),
        Pair::new(
            "library of musl in a program of glibc",
            CC,
            calls("-Wl,-rpath,/opt/lib,--disable-new-dtags"),
        )
        .lay([
            file("opt/lib/liba.so", 0o755, liba()),
            file("opt/lib/libb.so", 0o755, libb_on_musl()),
        ])
        .wrong([Check::Library]),
        Pair::new(
            "musl's own list of directories leaves one out",
            "musl",
            calls_on_musl("-Wl,-O1"),
        )
        .lay([
            file("usr/local/lib/liba.so", 0o755, liba_on_musl()),
            file("usr/local/lib/libb.so", 0o755, libb_on_musl()),
            text("etc/ld-musl-x86_64.path", 0o644, "/lib\n/opt/lib\n"),
        ])
        .wrong([Check::Library]),
        Pair::new("library where no loader looks", CC, calls("-Wl,-O1"))
            .lay([
                file("opt/lib/liba.so", 0o755, liba()),
                file("opt/lib/libb.so", 0o755, libb()),
            ])
            .wrong([Check::Library]),
    ]
}

/// Machines, ABIs, processors.
fn machines() -> Vec<Pair> {
    let arm = |source| cross("arm-linux-gnueabihf-gcc", source);
    let soft = || arm(SOFT_FLOAT).line("-mfloat-abi=soft -marm -nostdlib");
    vec![
        Pair::new(
            "arm64 program for amd64",
            "scratch",
            cross("aarch64-linux-gnu-gcc", HELLO).with("-static"),
        )
        .wrong([Check::Machine]),
        Pair::new("amd64 program for arm64", BOOKWORM, c(HELLO))
            .on("linux/arm64")
            .wrong([Check::Machine]),
        Pair::new("64 bits for 386", "scratch", alone())
            .on("linux/386")
            .processor("max")
            .wrong([Check::Machine]),
        Pair::new(
            "386 program without its libraries",
            BOOKWORM,
            cross("i686-linux-gnu-gcc", HELLO),
        )
        .wrong([Check::Interpreter]),
        Pair::new(
            "big endian for ppc64le",
            "scratch",
            cross("powerpc64le-linux-gnu-gcc", "void _start(void) { for (;;); }\n")
                .line("-mbig -mabi=elfv2 -nostdlib -static"),
        )
        .on("linux/ppc64le")
        .wrong([Check::Machine]),
        Pair::new(
            "s390x program for riscv64",
            "scratch",
            cross("s390x-linux-gnu-gcc", HELLO).with("-static"),
        )
        .on("linux/riscv64")
        .wrong([Check::Machine]),
        Pair::new("ARMv7 for arm/v6", "scratch", arm(HELLO).with("-static"))
            .on("linux/arm/v6")
            .processor("arm1176")
            .wrong([Check::Machine]),
        Pair::new(
            "soft float for arm/v7",
            BOOKWORM,
            soft()
                .linked("libc.so", soft().line("-shared -Wl,-soname,libc.so.6"))
                .line("-Wl,--no-as-needed -Wl,--dynamic-linker=/lib/ld-linux.so.3"),
        )
        .on("linux/arm/v7")
        .wrong([Check::Machine]),
        Pair::new("object file", "scratch", c(HELLO).with("-c")).wrong([Check::Machine]),
        Pair::new("level v3 for any amd64", BOOKWORM, of_level_3())
            .processor("qemu64")
            .doubtful(Check::Cpu, Start::Fails),
    ]
}

/// Users, groups, rights.
fn users() -> Vec<Pair> {
    vec![
        Pair::new("unknown user", "musl", alone())
            .with("User", json!("web"))
            .wrong([Check::User]),
        Pair::new("unknown group", "musl", alone())
            .with("User", json!("nobody:web"))
            .wrong([Check::User]),
        Pair::new("unknown user on scratch", "scratch", alone())
            .with("User", json!("nonroot"))
            .wrong([Check::User]),
        Pair::of("entrypoint that nobody may execute", "musl")
            .lay([file(APP, 0o644, alone())])
            .wrong([Check::Permission]),
        Pair::of("entrypoint in PATH that nobody may execute", "musl")
            .lay([file(APP, 0o644, alone())])
            .with("Entrypoint", json!(["app"]))
            .wrong([Check::Permission]),
        Pair::of("entrypoint for root only", "musl")
            .lay([file(APP, 0o700, alone())])
            .wrong([Check::Permission]),
        Pair::of("program in a directory of root's", BOOKWORM)
            .lay([file("root/app", 0o755, c(HELLO))])
            .with("Entrypoint", json!(["/root/app"]))
            .wrong([Check::Permission]),
        Pair::of("link through a directory of root's", "musl")
            .lay([file("srv/app", 0o755, alone()), link("root/app", "/srv/app")])
            .with("Entrypoint", json!(["/root/app"]))
            .wrong([Check::Permission]),
        Pair::of("further groups are not those of a named group", "musl")
            .lay([
                file(APP, 0o750, alone()).of(44),
                text("etc/passwd", 0o644, "api:x:1000:1001::/:/bin/sh\n"),
                text("etc/group", 0o644, "api:x:1001:\nmedia:x:44:mary,api\n"),
            ])
            .with("User", json!("api:api"))
            .wrong([Check::Permission]),
        Pair::of("script that the user may not read", "musl")
            .lay([text(APP, 0o711, "#!/bin/sh\necho fits\n")])
            .wrong([Check::Permission]),
        Pair::new(
            "library that the user may not read",
            CC,
            calls("-Wl,-rpath,/opt/lib,--disable-new-dtags"),
        )
        .lay([
            file("opt/lib/liba.so", 0o755, liba()),
            file("opt/lib/libb.so", 0o600, libb()),
        ])
        .wrong([Check::Permission]),
        Pair::new(
            "libraries in a directory of root's",
            CC,
            calls("-Wl,-rpath,/opt/lib,--disable-new-dtags"),
        )
        .lay([
            directory("opt/lib", 0o700),
            file("opt/lib/liba.so", 0o755, liba()),
            file("opt/lib/libb.so", 0o755, libb()),
        ])
        .wrong([Check::Permission]),
        Pair::new("loader that nobody may execute", "scratch", musl(HELLO))
            .lay([file(
                "lib/ld-musl-x86_64.so.1",
                0o644,
                musl("int a;\n").line("-shared -fPIC"),
            )])
            .wrong([Check::Permission]),
    ]
}

/// Entrypoints, scripts, shells.
fn starts() -> Vec<Pair> {
    let script = |name, base, content| Pair::of(name, base).lay([text(APP, 0o755, content)]);
    vec![
        Pair::of("entrypoint missing", "musl").wrong([Check::Entrypoint]),
        Pair::of("entrypoint not in PATH", "musl")
            .with("Entrypoint", json!(["app"]))
            .wrong([Check::Entrypoint]),
        Pair::of("entrypoint is a directory", "musl")
            .lay([directory("app", 0o755)])
            .with("Entrypoint", json!(["/app"]))
            .wrong([Check::Entrypoint]),
        Pair::of("entrypoint is a link to itself", "musl")
            .lay([link("app", "app")])
            .with("Entrypoint", json!(["/app"]))
            .wrong([Check::Entrypoint]),
        Pair::of("entrypoint below a file", "musl")
            .with("Entrypoint", json!(["/etc/passwd/app"]))
            .wrong([Check::Entrypoint]),
        Pair::of("entrypoint of no letters", "musl")
            .with("Entrypoint", json!([""]))
            .wrong([Check::Entrypoint]),
        Pair::of("entrypoint is a link to nowhere", "musl")
            .lay([link("app", "usr/bin/application")])
            .with("Entrypoint", json!(["/app"]))
            .wrong([Check::Entrypoint]),
        Pair::new("entrypoint relative to another directory", "musl", alone())
            .with("Entrypoint", json!(["./app"]))
            .wrong([Check::Entrypoint]),
        script(
            "script without its interpreter",
            BOOKWORM,
            "#!/usr/bin/python3\nprint('fits')\n",
        )
        .wrong([Check::Shell]),
        script(
            "script of a program that env cannot find",
            BOOKWORM,
            "#!/usr/bin/env python3\nprint('fits')\n",
        )
        .wrong([Check::Shell]),
        script("#!/bin/sh without a shell", CC, "#!/bin/sh\necho fits\n").wrong([Check::Shell]),
        script(
            "script with lines of Windows",
            BOOKWORM,
            "#!/bin/sh\r\necho fits\r\n",
        )
        .wrong([Check::Shell]),
        script("script without a first line", BOOKWORM, "echo fits\n").wrong([Check::Entrypoint]),
        script("empty file", BOOKWORM, "").wrong([Check::Entrypoint]),
        Pair::of("shell line without a shell", CC)
            .with("Entrypoint", json!(["/bin/sh", "-c", "echo fits"]))
            .wrong([Check::Shell]),
        Pair::new("health check without its program", CC, alone())
            .with(
                "Healthcheck",
                json!({"Test": ["CMD", "curl", "-f", "http://localhost/"]}),
            )
            .doubtful(Check::Healthcheck, Start::HealthFails),
    ]
}

/// Directories.
fn places() -> Vec<Pair> {
    vec![
        Pair::new("directory over the link of /lib", BOOKWORM, c(HELLO))
            .lay([directory("lib", 0o755), text("lib/readme", 0o644, "mine\n")])
            .wrong([Check::Interpreter, Check::Symlink]),
        Pair::of("directory over the link of /bin", BOOKWORM)
            .lay([text(APP, 0o755, "#!/bin/sh\necho fits\n")])
            .lay([directory("bin", 0o755), file("bin/own", 0o755, alone())])
            .wrong([Check::Shell, Check::Symlink]),
        Pair::new("working directory missing", "musl", alone())
            .with("WorkingDir", json!("/srv/app"))
            .doubtful(Check::Workdir, Start::Runs),
        Pair::new("working directory is not absolute", "musl", alone())
            .with("WorkingDir", json!("srv"))
            .wrong([Check::Workdir]),
        Pair::new("working directory is a file", "musl", alone())
            .with("WorkingDir", json!("/etc/passwd"))
            .wrong([Check::Workdir]),
        // Runtimes go there before they stop being root.
        Pair::new("working directory of root's", "musl", alone())
            .with("WorkingDir", json!("/root"))
            .doubtful(Check::Workdir, Start::Runs),
        Pair::new("volume of root's", "musl", writes_data())
            .lay([directory("data", 0o755)])
            .with("Volumes", json!({"/data": {}}))
            .doubtful(Check::Volume, Start::Fails),
        Pair::new("volume that is not there", "musl", writes_data())
            .with("Volumes", json!({"/data": {}}))
            .doubtful(Check::Volume, Start::Fails),
        Pair::new("volume over the program", "musl", alone())
            .lay([directory("usr/local/bin", 0o755).of(65532)])
            .with("Volumes", json!({"/usr/local/bin": {}}))
            .doubtful(
                Check::Volume,
                Start::Not("nothing is mounted here: it hides the program only where something is"),
            ),
    ]
}

/// What programs look for when they are running.
fn surroundings() -> Vec<Pair> {
    vec![
        Pair::new("no root certificates", BOOKWORM, reads_certificates())
            .crates(&["rustls", "rustls-native-certs"])
            .doubtful(Check::Certificates, Start::Fails),
        Pair::new("no /tmp", "scratch", writes_tmp())
            .crates(&["tempfile"])
            .doubtful(Check::Tmp, Start::Fails),
        Pair::new("/tmp of root's", "scratch", writes_tmp())
            .lay([directory("tmp", 0o755)])
            .crates(&["tempfile"])
            .doubtful(Check::Tmp, Start::Fails),
        Pair::new("no time zones", "musl", reads_zone())
            .crates(&["chrono"])
            .with("Env", json!(["PATH=/bin", "TZ=Europe/Berlin"]))
            .doubtful(Check::Timezone, Start::Fails),
        Pair::new("static glibc that looks up hosts", "scratch", looks_up())
            .crates(&["reqwest"])
            .static_glibc()
            .doubtful(Check::StaticGlibc, Start::Fails),
        Pair::new("root", "musl", alone())
            .with("User", json!(""))
            .doubtful(Check::Root, Start::Runs),
    ]
}
