//! Gaps made up, and the commands that close them on each family of systems.

use std::path::Path;

use super::*;
use crate::build::link::{Asked, LinkError, Wanted, choose};
use crate::build::toolchain::Toolchain;
use crate::environment::Environment;
use crate::target::{Catalog, LinkerKind};
use crate::tool::Tools;

const BOOKWORM: &str =
    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
const NOBLE: &str = "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n";
const FEDORA: &str = "ID=fedora\nVERSION_ID=42\n";
const ROCKY: &str = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
const ALPINE: &str = "ID=alpine\n";
const ARCH: &str = "ID=arch\n";
const LEAP: &str = "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n";
const NIXOS: &str = "ID=nixos\n";

const ZIG: &str = "python3 -m venv /opt/ziglang && /opt/ziglang/bin/pip install ziglang && \
                   ln -sf /opt/ziglang/lib/python3*/site-packages/ziglang/zig /usr/local/bin/zig";
const APT: &str = "apt-get update && apt-get install -y --no-install-recommends";

fn root(release: &str) -> System {
    System::described(release, true)
}

/// Nothing is installed there.
fn bare() -> Tools {
    Tools::new(Environment::empty("/nonexistent").with("PATH", "/nonexistent"))
}

fn refused(triple: &str, wanted: &Wanted) -> LinkError {
    let toolchain = Toolchain::without_rust(&bare(), Path::new("/nonexistent"));
    let catalog = Catalog::builtin();
    choose(catalog.by_triple(triple).unwrap(), wanted, &toolchain).unwrap_err()
}

fn command(triple: &str, wanted: &Wanted, system: &System) -> Option<String> {
    let toolchain = Toolchain::without_rust(&bare(), Path::new("/nonexistent"));
    let catalog = Catalog::builtin();
    let target = catalog.by_triple(triple).unwrap();
    let error = refused(triple, wanted);
    let check = linker(target, wanted, Err(&error), (&toolchain, system), &[]);
    assert_eq!((check.status, check.need), (Status::Missing, Need::Linker));
    assert!(
        check.command.is_some() || check.advice.is_some(),
        "{triple}: no way out"
    );
    check.command
}

#[test]
fn systems_are_known_by_what_they_say_of_themselves() {
    for (release, family) in [
        (BOOKWORM, Some("debian")),
        (NOBLE, Some("debian")),
        (FEDORA, Some("fedora")),
        (ROCKY, Some("rhel")),
        (ALPINE, Some("alpine")),
        (ARCH, Some("arch")),
        (LEAP, Some("suse")),
        (NIXOS, None),
        ("", None),
        ("ID='debian'\n", Some("debian")),
        ("IDENTITY=debian\n", None),
    ] {
        let found = root(release).family().map(|family| family.name.as_str());
        assert_eq!(found, family, "{release:?}");
    }
}

#[test]
fn a_tool_has_its_package_on_each_family() {
    let user = System::described(NOBLE, false);
    for (tool, system, expected) in [
        ("git", &root(BOOKWORM), Some(format!("{APT} git"))),
        (
            "git",
            &user,
            Some("sudo apt-get update && sudo apt-get install -y --no-install-recommends git".to_owned()),
        ),
        ("git", &root(ALPINE), Some("apk add git".to_owned())),
        (
            "go",
            &root(BOOKWORM),
            Some(format!(
                "echo 'deb http://deb.debian.org/debian bookworm-backports main' > \
                 /etc/apt/sources.list.d/bookworm-backports.list && {APT} -t bookworm-backports golang-go"
            )),
        ),
        (
            "upx",
            &System::described(BOOKWORM, false),
            Some(
                "echo 'deb http://deb.debian.org/debian bookworm-backports main' | sudo tee \
                 /etc/apt/sources.list.d/bookworm-backports.list > /dev/null && sudo apt-get update && \
                 sudo apt-get install -y --no-install-recommends -t bookworm-backports upx-ucl"
                    .to_owned(),
            ),
        ),
        ("upx", &root(NOBLE), Some(format!("{APT} upx-ucl"))),
        ("upx", &root(FEDORA), Some("dnf install -y upx".to_owned())),
        ("qemu", &root(ROCKY), None),
        (
            "qemu",
            &root(LEAP),
            Some("zypper --non-interactive install qemu-linux-user".to_owned()),
        ),
        (
            "llvm-objcopy",
            &root(ARCH),
            Some("pacman -Sy --needed --noconfirm llvm".to_owned()),
        ),
        ("upx", &root(NIXOS), None),
        ("nobody-knows-it", &root(BOOKWORM), None),
    ] {
        let needed = Program {
            tool,
            names: vec![tool.to_owned()],
            need: Need::Program,
            required: true,
            why: Vec::new(),
            without: "",
        };
        let check = program(&needed, &bare(), system);
        assert_eq!(check.command, expected, "{tool}");
        assert_eq!(check.status, Status::Missing);
        assert_eq!(check.advice.is_some(), expected.is_none(), "{tool}: one way out");
    }
}

#[test]
fn linkers_are_closed_by_what_fits_target_floor_and_system() {
    let plain = Wanted::default();
    let c = Wanted {
        compiles_c: vec!["zstd-sys".to_owned()],
        ..Wanted::default()
    };
    let floor = |glibc: &str| Wanted {
        glibc: Some(glibc.to_owned()),
        ..c.clone()
    };
    let fixed = Wanted {
        static_: true,
        ..plain.clone()
    };
    let asked = |linker| Wanted {
        linker,
        ..plain.clone()
    };
    let (arm64, musl) = ("aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl");
    let mut bookworm = root(BOOKWORM);
    bookworm.glibc = Some((2, 36));
    let cross = format!("{APT} gcc-aarch64-linux-gnu libc6-dev-arm64-cross");
    let venv = format!("{APT} python3-venv && {ZIG}");
    let clang = format!("{APT} python3-venv clang lld && {ZIG}");
    let none = None::<&str>;
    for (triple, wanted, system, expected) in [
        (arm64, &plain, &bookworm, Some(cross.as_str())),
        (arm64, &c, &bookworm, Some(&cross)),
        // What Debian's gcc links runs on bookworm, and not before.
        (arm64, &floor("2.36"), &bookworm, Some(&cross)),
        (arm64, &floor("2.31"), &bookworm, Some(&venv)),
        (arm64, &fixed, &bookworm, Some(&cross)),
        (musl, &c, &bookworm, Some(&venv)),
        (
            arm64,
            &asked(Asked::Kind(LinkerKind::Zig)),
            &bookworm,
            Some(&venv),
        ),
        (
            arm64,
            &asked(Asked::Kind(LinkerKind::Gcc)),
            &bookworm,
            Some(&cross),
        ),
        (
            arm64,
            &asked(Asked::Program("aarch64-linux-gnu-gcc".to_owned())),
            &bookworm,
            Some(&cross),
        ),
        (
            musl,
            &asked(Asked::Kind(LinkerKind::Clang)),
            &bookworm,
            Some(&clang),
        ),
        (arm64, &asked(Asked::Program("mold".to_owned())), &bookworm, none),
        (arm64, &plain, &root(FEDORA), Some("dnf install -y zig")),
        (musl, &c, &root(ALPINE), Some("apk add zig")),
        (arm64, &fixed, &root(FEDORA), none),
        (
            arm64,
            &plain,
            &root(ROCKY),
            Some(&format!("dnf install -y python3 && {ZIG}")),
        ),
        (arm64, &plain, &root(NIXOS), none),
    ] {
        let found = command(triple, wanted, system);
        assert_eq!(found.as_deref(), expected, "{triple} {wanted:?}");
    }
    let mut user = System::described(BOOKWORM, false);
    user.own_bin = Some("/home/me/.local/bin".to_owned());
    let found = command(musl, &c, &user).unwrap();
    assert!(
        found.ends_with("site-packages/ziglang/zig /home/me/.local/bin/zig")
            && found.contains("mkdir -p /home/me")
            && found.matches("sudo").count() == 2,
        "only apt needs rights: {found}"
    );
}

#[test]
fn all_gaps_are_closed_by_one_line_in_which_nothing_is_said_twice() {
    let system = root(BOOKWORM);
    let missing = |remedy: Remedy| Check::missing(Need::Program, "x", "y").remedy(remedy, &system);
    let one = Diagnosis::new(vec![missing(Remedy::tool("git", &system))], &system);
    assert_eq!(one.at_once, None, "a single command stands above");
    let target = |triple| missing(Remedy::target(triple));
    let checks = vec![
        target("a-musl"),
        missing(Remedy::zig(&system)),
        missing(Remedy::packages("gcc-x libc-x")),
        Check::warning(Need::Trial, "x", "y").remedy(Remedy::tool("qemu", &system), &system),
        missing(Remedy::tool("upx", &system)),
        missing(Remedy::zig(&system)),
        target("b-musl"),
        missing(Remedy::tool("go", &system)),
        Check::missing(Need::Base, "x", "y").advise("nothing closes it"),
    ];
    let all = Diagnosis::new(checks, &system);
    assert_eq!(all.count(Status::Missing), 8);
    assert_eq!(
        all.at_once.unwrap(),
        format!(
            "echo 'deb http://deb.debian.org/debian bookworm-backports main' > \
             /etc/apt/sources.list.d/bookworm-backports.list && {APT} -t bookworm-backports upx-ucl golang-go && \
             apt-get install -y --no-install-recommends python3-venv gcc-x libc-x && {ZIG} && rustup target add a-musl b-musl"
        )
    );
}

#[test]
fn a_machine_without_rust_is_told_of_rustup() {
    let mut system = root(BOOKWORM);
    let check = cargo(&bare(), &system);
    let script =
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y && . \"$HOME/.cargo/env\"";
    assert_eq!(check.command.as_deref(), Some(script));
    system.curl = false;
    let check = cargo(&bare(), &system);
    assert_eq!(
        check.command.unwrap(),
        format!("{APT} curl ca-certificates && {script}")
    );
}

#[test]
fn what_starts_programs_is_missing_only_where_it_must_be_there() {
    let (system, catalog) = (root(BOOKWORM), Catalog::builtin());
    let arm = catalog.by_triple("armv7-unknown-linux-gnueabihf").unwrap();
    let entering = format!("{APT} util-linux mount");
    let qemu = format!("{APT} qemu-user-static");
    for (refused, required, status) in [
        (None, true, Status::Ok),
        (Some("why"), true, Status::Missing),
        (Some("why"), false, Status::Warning),
    ] {
        let gap = |command: &String| refused.map(|_| command.clone());
        let check = super::root(refused, required, &bare(), &system);
        assert_eq!((check.status, check.command), (status, gap(&entering)));
        let check = emulator(arm, refused, required, &system);
        assert_eq!((check.status, check.command), (status, gap(&qemu)));
    }
}

#[test]
fn a_repository_of_somebody_else_is_made_safe_by_a_command() {
    let said = "fatal: detected dubious ownership in repository at '/w'";
    for (folder, said, command) in [
        (
            "/w x",
            said,
            Some("git config --global --add safe.directory '/w x'"),
        ),
        ("/o'clock", said, None),
        ("/w", "fatal: bad object HEAD", None),
    ] {
        let check = repository_refused(Path::new(folder), said, &root(BOOKWORM));
        assert_eq!(check.command.as_deref(), command, "{folder}");
        assert_eq!(check.advice.is_none(), command.is_some());
    }
}

#[test]
fn bases_say_how_they_are_pinned() {
    let digest = || "sha256:0".to_owned();
    for (found, locked, status) in [
        (Base::Pinned(digest()), true, Status::Ok),
        (Base::Unpinned(digest()), false, Status::Ok),
        (Base::Unpinned(digest()), true, Status::Missing),
        (Base::Gap("gone".to_owned(), None), false, Status::Missing),
    ] {
        assert_eq!(
            base("debian:12", "linux/amd64", &found, locked).status,
            status,
            "{found:?}"
        );
    }
}
