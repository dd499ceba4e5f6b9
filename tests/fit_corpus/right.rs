//! Pairs that fit.

use serde_json::json;

use crate::pair::{APP, Cache, Pair, directory, file, link, name, text};
use crate::program::{HELLO, c, cross, musl, rust, zig};
use crate::sources::{
    SOFT_FLOAT, alone, calls, calls_on_musl, liba, liba_on_musl, libb, libb_on_musl, of_glibc_2_39,
    of_level_3, reads_certificates, reads_zone, relr, with_openssl, writes_data, writes_tmp,
};

const BOOKWORM: &str = "debian-bookworm-slim";
const TRIXIE: &str = "debian-trixie-slim";
const CC: &str = "distroless-cc";

pub(crate) fn pairs() -> Vec<Pair> {
    let all = [
        libraries(),
        loaders(),
        machines(),
        users(),
        starts(),
        surroundings(),
    ];
    all.into_iter().flatten().collect()
}

/// Programs on the base that has what they need.
fn libraries() -> Vec<Pair> {
    let rust = || rust("fn main() { println!(\"fits\"); }\n");
    vec![
        Pair::new("glibc program on bookworm", BOOKWORM, c(HELLO)),
        Pair::new("glibc program on trixie", TRIXIE, c(HELLO)),
        Pair::new("glibc program on distroless", CC, c(HELLO)),
        Pair::new("new glibc", TRIXIE, of_glibc_2_39()),
        Pair::new("packed relocations", BOOKWORM, relr()),
        Pair::new("musl program on musl", "musl", musl(HELLO)),
        Pair::new("libssl.so.3 of the base", CC, with_openssl()),
        Pair::new("Rust with libgcc_s.so.1 of bookworm", BOOKWORM, rust()),
        Pair::new("Rust with libgcc_s.so.1 of distroless", CC, rust()),
        Pair::new("static on scratch", "scratch", c(HELLO).with("-static")),
        Pair::new("static-pie on scratch", "scratch", c(HELLO).with("-static-pie")),
        Pair::new("static musl on glibc", BOOKWORM, alone()),
        Pair::new("static musl on scratch", "scratch", alone()),
    ]
}

/// Libraries at all the places where loaders look.
fn loaders() -> Vec<Pair> {
    let runpath = "-Wl,-rpath,/opt/lib,--enable-new-dtags";
    let in_opt = || {
        [
            file("opt/lib/liba.so", 0o755, liba()),
            file("opt/lib/libb.so", 0o755, libb()),
        ]
    };
    vec![
        Pair::new(
            "RPATH is for libraries' libraries",
            CC,
            calls("-Wl,-rpath,/opt/lib,--disable-new-dtags"),
        )
        .lay(in_opt()),
        Pair::new("RUNPATH of both", CC, calls(runpath)).lay([
            file(
                "opt/lib/liba.so",
                0o755,
                liba().with("-Wl,-rpath,$ORIGIN,--enable-new-dtags"),
            ),
            file("opt/lib/libb.so", 0o755, libb()),
        ]),
        Pair::new("musl hands RUNPATH on", "musl", calls_on_musl(runpath)).lay([
            file("opt/lib/liba.so", 0o755, liba_on_musl()),
            file("opt/lib/libb.so", 0o755, libb_on_musl()),
        ]),
        Pair::new(
            "$ORIGIN of a link's target",
            CC,
            calls("-Wl,-rpath,$ORIGIN/../lib,--disable-new-dtags"),
        )
        .lay([
            file("usr/local/lib/liba.so", 0o755, liba()),
            file("usr/local/lib/libb.so", 0o755, libb()),
            link("app", "usr/local/bin/app"),
        ])
        .with("Entrypoint", json!(["/app"])),
        Pair::new("LD_LIBRARY_PATH", CC, calls("-Wl,-O1"))
            .lay(in_opt())
            .with("Env", json!(["PATH=/bin", "LD_LIBRARY_PATH=/none:/opt/lib"])),
        Pair::new("LD_LIBRARY_PATH on musl", "musl", calls_on_musl("-Wl,-O1"))
            .lay([
                file("opt/lib/liba.so", 0o755, liba_on_musl()),
                file("opt/lib/libb.so", 0o755, libb_on_musl()),
            ])
            .with("Env", json!(["PATH=/bin", "LD_LIBRARY_PATH=/opt/lib"])),
        Pair::new(
            "$LIB of Debian",
            CC,
            calls("-Wl,-rpath,/opt/$LIB,--disable-new-dtags"),
        )
        .lay([
            file("opt/lib/x86_64-linux-gnu/liba.so", 0o755, liba()),
            file("opt/lib/x86_64-linux-gnu/libb.so", 0o755, libb()),
        ]),
        Pair::new("musl's own list of directories", "musl", calls_on_musl("-Wl,-O1")).lay([
            file("opt/lib/liba.so", 0o755, liba_on_musl()),
            file("opt/lib/libb.so", 0o755, libb_on_musl()),
            text("etc/ld-musl-x86_64.path", 0o644, "/lib\n/opt/lib\n"),
        ]),
        Pair::new(
            "library of glibc in a program of musl",
            "musl",
            calls_on_musl(runpath),
        )
        .lay([
            file("opt/lib/liba.so", 0o755, liba_on_musl()),
            file("opt/lib/libb.so", 0o755, libb()),
        ]),
        Pair::new("/usr/local/lib on musl", "musl", calls_on_musl("-Wl,-O1")).lay([
            file("usr/local/lib/liba.so", 0o755, liba_on_musl()),
            file("usr/local/lib/libb.so", 0o755, libb_on_musl()),
        ]),
        Pair::new("ld.so.conf.d and its cache", BOOKWORM, calls("-Wl,-O1"))
            .lay(in_opt())
            .lay([text("etc/ld.so.conf.d/own.conf", 0o644, "/opt/lib\n")])
            .cache(Cache::After),
        Pair::new(
            "/usr/local/lib and the loader's cache",
            BOOKWORM,
            calls("-Wl,-O1"),
        )
        .lay([
            file("usr/local/lib/liba.so", 0o755, liba()),
            file("usr/local/lib/libb.so", 0o755, libb()),
        ])
        .cache(Cache::After),
        Pair::new("through the link of /lib", BOOKWORM, calls("-Wl,-O1")).lay([
            file("lib/x86_64-linux-gnu/liba.so", 0o755, liba()),
            file("usr/lib/x86_64-linux-gnu/libb.so", 0o755, libb()),
        ]),
        Pair::new(
            "library behind links",
            CC,
            calls("-Wl,-rpath,/opt/lib,--disable-new-dtags"),
        )
        .lay([
            directory("opt/real", 0o755),
            file("opt/real/liba.so.1.0", 0o755, liba()),
            file("opt/real/libb.so", 0o755, libb()),
            link("opt/real/liba.so", "/opt/real/liba.so.1.0"),
            link("opt/lib", "real"),
        ]),
    ]
}

/// Every platform, and what runs where it was not made for.
fn machines() -> Vec<Pair> {
    let on = |name, compiler, base, platform| Pair::new(name, base, cross(compiler, HELLO)).on(platform);
    let fixed = |name, compiler, platform| {
        Pair::new(name, "scratch", cross(compiler, HELLO).with("-static")).on(platform)
    };
    let soft = cross("arm-linux-gnueabihf-gcc", SOFT_FLOAT).line("-mfloat-abi=soft -marm -nostdlib -static");
    vec![
        on(
            "arm64 on bookworm",
            "aarch64-linux-gnu-gcc",
            BOOKWORM,
            "linux/arm64",
        ),
        on("arm64 on trixie", "aarch64-linux-gnu-gcc", TRIXIE, "linux/arm64"),
        on("arm64 on distroless", "aarch64-linux-gnu-gcc", CC, "linux/arm64"),
        on(
            "arm/v7 on bookworm",
            "arm-linux-gnueabihf-gcc",
            BOOKWORM,
            "linux/arm/v7",
        ),
        on(
            "arm/v7 on distroless",
            "arm-linux-gnueabihf-gcc",
            CC,
            "linux/arm/v7",
        ),
        fixed("386", "i686-linux-gnu-gcc", "linux/386"),
        fixed("386 on amd64", "i686-linux-gnu-gcc", "linux/amd64"),
        fixed("ppc64le", "powerpc64le-linux-gnu-gcc", "linux/ppc64le"),
        fixed("s390x", "s390x-linux-gnu-gcc", "linux/s390x"),
        fixed("riscv64", "riscv64-linux-gnu-gcc", "linux/riscv64"),
        Pair::new("static soft float on arm/v7", "scratch", soft).on("linux/arm/v7"),
        Pair::new(
            "ARMv6 on arm/v6",
            "scratch",
            zig("arm-linux-musleabihf", HELLO).with("-mcpu=arm1176jzf_s"),
        )
        .on("linux/arm/v6")
        .processor("arm1176"),
        Pair::new("level v3 for amd64/v3", "scratch", of_level_3().with("-static"))
            .on("linux/amd64/v3")
            .processor("max"),
    ]
}

fn users() -> Vec<Pair> {
    vec![
        Pair::new("user of the base", "musl", alone()).with("User", json!("nobody")),
        Pair::new("user and group of the base", CC, alone()).with("User", json!("nonroot:staff")),
        Pair::new("number that is nobody's", "musl", alone()).with("User", json!("4711")),
        Pair::new("user of a layer", "scratch", alone())
            .lay([text("etc/passwd", 0o644, "api:x:10001:10001::/:/sbin/nologin\n")])
            .with("User", json!("api")),
        Pair::of("group of a user's number", "musl")
            .lay([
                file(APP, 0o750, alone()).of(1001),
                text("etc/passwd", 0o644, "api:x:1000:1001::/:/bin/sh\n"),
            ])
            .with("User", json!("1000")),
        Pair::of("one of a user's further groups", "musl")
            .lay([
                file(APP, 0o750, alone()).of(44),
                text("etc/passwd", 0o644, "api:x:1000:1001::/:/bin/sh\n"),
                text("etc/group", 0o644, "api:x:1001:\nmedia:x:44:mary,api\n"),
            ])
            .with("User", json!("api")),
        Pair::of("program for its group only", "musl")
            .lay([file(APP, 0o750, alone()).of(4711)])
            .with("User", json!("65532:4711")),
        Pair::of("program in the user's own directory", CC)
            .lay([file("home/nonroot/app", 0o700, c(HELLO)).of(65532)])
            .with("Entrypoint", json!(["/home/nonroot/app"])),
        Pair::of("program that may be started and not read", "musl").lay([file(APP, 0o711, alone())]),
    ]
}

/// Entrypoints, scripts, links.
fn starts() -> Vec<Pair> {
    let script = |name, base, content| Pair::of(name, base).lay([text(APP, 0o755, content)]);
    vec![
        Pair::new("entrypoint in PATH", "musl", alone()).with("Entrypoint", json!(["app"])),
        Pair::new("entrypoint relative to the working directory", "musl", alone())
            .with("WorkingDir", json!("/usr/local"))
            .with("Entrypoint", json!(["bin/app"])),
        Pair::new("entrypoint above the working directory", "musl", alone())
            .with("WorkingDir", json!("/usr/local/bin"))
            .with("Entrypoint", json!(["../bin/./app"])),
        Pair::new("command without an entrypoint", "musl", alone())
            .with("Entrypoint", json!(null))
            .with("Cmd", json!(["/usr/local/bin/app", "x"])),
        Pair::new("entrypoint is a link", "musl", alone())
            .lay([link("app", "/usr/local/bin/app")])
            .with("Entrypoint", json!(["/app"])),
        Pair::new("entrypoint is a second name", "musl", alone())
            .lay([file("srv/one", 0o755, alone()), name("srv/two", "srv/one")])
            .with("Entrypoint", json!(["/srv/two"])),
        Pair::new("/bin is a link", BOOKWORM, alone())
            .lay([file("bin/own", 0o755, alone())])
            .with("Entrypoint", json!(["/usr/bin/own"])),
        script("script with its shell", BOOKWORM, "#!/bin/sh\necho fits\n"),
        script(
            "script with its shell on musl",
            "musl",
            "#! /bin/sh -e\necho fits\n",
        ),
        script(
            "script by way of env",
            BOOKWORM,
            "#!/usr/bin/env -S bash -e\necho fits\n",
        ),
        script("script by way of another script", "musl", "#!/opt/run\n").lay([text(
            "opt/run",
            0o755,
            "#!/bin/sh\necho fits\n",
        )]),
        Pair::of("shell line", BOOKWORM).with("Entrypoint", json!(["/bin/sh", "-c", "echo fits"])),
        Pair::new("health check with its program", "musl", alone()).with(
            "Healthcheck",
            json!({"Test": ["CMD", "wget", "-q", "http://localhost/"]}),
        ),
        Pair::new("directory of the user's to work in", "musl", alone())
            .lay([directory("srv/app", 0o700).of(65532)])
            .with("WorkingDir", json!("/srv/app")),
    ]
}

/// What programs look for when they are running.
fn surroundings() -> Vec<Pair> {
    vec![
        Pair::new("root certificates of the base", CC, reads_certificates()).crates(&["rustls-native-certs"]),
        Pair::new("root certificates of a layer", BOOKWORM, reads_certificates())
            .lay([text("etc/ssl/certs/ca-certificates.crt", 0o644, "roots\n")])
            .crates(&["rustls-native-certs"]),
        Pair::new("root certificates elsewhere", "scratch", reads_certificates())
            .lay([text("srv/roots.pem", 0o644, "roots\n")])
            .with("Env", json!(["SSL_CERT_FILE=/srv/roots.pem"]))
            .crates(&["rustls-native-certs"]),
        Pair::new("/tmp of the base", "musl", writes_tmp()).crates(&["tempfile"]),
        Pair::new("/tmp of a layer", "scratch", writes_tmp())
            .lay([directory("tmp", 0o1777)])
            .crates(&["tempfile"]),
        Pair::new("volume of the user's group", "musl", writes_data())
            .lay([directory("data", 0o2770).of(44)])
            .with("User", json!("65532:44"))
            .with("Volumes", json!({"/data": {}})),
        Pair::new("volume of the user's", "musl", writes_data())
            .lay([directory("data", 0o750).of(65532)])
            .with("Volumes", json!({"/data": {}})),
        Pair::new("time zones of the base", CC, reads_zone())
            .crates(&["chrono"])
            .with("Env", json!(["TZ=Europe/Berlin"])),
    ]
}
