//! C that wrong headers, a wrong compiler or a missing library break, compiled and linked each way there is.

use cargo_gantry::binary::Elf;
use cargo_gantry::build::link::{self, Asked, LinkChoice, Wanted};
use cargo_gantry::build::toolchain::Toolchain;
use cargo_gantry::target::{Catalog, LinkerKind};

use super::*;

/// What the program says if nothing is wrong.
const RIGHT: &str = "7 true 1 0xffffffffffffffff 1.50";

/// The fixture, and a cache of ours that is not the user's; zig keeps its own, as it fills slowly.
pub(super) fn fixture(folder: &Path) -> Clone {
    let place = folder.canonicalize().unwrap();
    let cache = place.join("cache");
    Clone::of("traps", place.join("w"), |environment| {
        let zig = environment.cache_dir().unwrap().join("zig");
        let zig = environment
            .var_os("ZIG_GLOBAL_CACHE_DIR")
            .map_or(zig, PathBuf::from);
        environment
            .with("XDG_CACHE_HOME", cache)
            .with("ZIG_GLOBAL_CACHE_DIR", zig)
    })
}

/// The choice of one way, or why it cannot be had here.
pub(super) fn choose(clone: &Clone, triple: &str, kind: LinkerKind, wanted: Wanted) -> Option<LinkChoice> {
    let toolchain = Toolchain::survey(&clone.tools(), &clone.root).unwrap();
    let wanted = Wanted {
        linker: Asked::Kind(kind),
        compiles_c: vec!["app".to_owned()],
        ..wanted
    };
    if !toolchain.std_installed(triple).unwrap() {
        missing(&format!("the std of `{triple}` is not installed"));
        return None;
    }
    let catalog = Catalog::builtin();
    match link::choose(catalog.triple(triple).unwrap(), &wanted, &toolchain) {
        Ok(choice) => Some(choice),
        Err(error) => {
            missing(&format!("{error}"));
            None
        }
    }
}

/// The program built so, and what its file says.
fn built(clone: &Clone, triple: &str, choice: &LinkChoice) -> (PathBuf, Elf) {
    let mut unit = clone.unit(vec![clone.select("app", &["app"], &[])], &[]);
    // The crates that std itself is made of are not those of the fixture.
    unit.offline = clone.environment.var("CARGO_UNSTABLE_BUILD_STD").is_none();
    unit.targets = vec![TargetBuild {
        triple: triple.to_owned(),
        variables: choice.variables.clone(),
        rustflags: choice.rustflags.clone(),
    }];
    let artifacts = clone
        .build(&unit)
        .map_err(|error| format!("{triple} {}: {error}", choice.shown))
        .unwrap();
    let path = artifacts[0].path.clone();
    let facts = Facts::read(&path).unwrap();
    let elf = facts.elf().unwrap().clone();
    let promise = Catalog::builtin().triple(triple).unwrap().elf.clone().unwrap();
    assert_eq!(
        (elf.machine, elf.class),
        (promise.machine, promise.class),
        "{triple}"
    );
    (path, elf)
}

/// Runs a static program, a foreign one by `qemu`.
fn runs(clone: &Clone, path: &Path, qemu: Option<&str>) {
    let tools = clone.tools();
    let call = match qemu {
        None => Call::new(path),
        Some(qemu) if tools.find(qemu).is_some() => Call::new(qemu).arg(path),
        Some(qemu) => return missing(&format!("`{qemu}` is not installed")),
    };
    assert_eq!(tools.run(&call).unwrap().text(), RIGHT, "{}", path.display());
}

#[test]
fn programs_for_musl_meet_only_musl() {
    let folder = tempfile::tempdir().unwrap();
    let clone = fixture(folder.path());
    let arm = Some("qemu-aarch64-static");
    for (triple, kind, qemu, elf_kind) in [
        ("aarch64-unknown-linux-musl", LinkerKind::Zig, arm, ElfKind::Exec),
        (
            "aarch64-unknown-linux-musl",
            LinkerKind::Clang,
            arm,
            ElfKind::Exec,
        ),
        ("aarch64-unknown-linux-musl", LinkerKind::Gcc, arm, ElfKind::Exec),
        // Debian's musl-gcc would compile this wrongly without a word.
        ("i686-unknown-linux-musl", LinkerKind::Zig, None, ElfKind::Exec),
        ("i686-unknown-linux-musl", LinkerKind::Gcc, None, ElfKind::Exec),
        // rustc asks for static-pie here, of zig too.
        ("x86_64-unknown-linux-musl", LinkerKind::Zig, None, ElfKind::Dyn),
        ("x86_64-unknown-linux-musl", LinkerKind::Gcc, None, ElfKind::Dyn),
    ] {
        let Some(choice) = choose(&clone, triple, kind, Wanted::default()) else {
            continue;
        };
        let (path, elf) = built(&clone, triple, &choice);
        assert_eq!(
            (&elf.interpreter, &elf.needed),
            (&None, &vec![]),
            "{triple} {kind}"
        );
        assert_eq!(elf.kind, elf_kind, "{triple} {kind}");
        runs(&clone, &path, qemu);
    }
}

#[test]
fn programs_with_a_static_glibc_run_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let clone = fixture(folder.path());
    for (triple, kind, qemu) in [
        // gcc calls libatomic for a byte.
        (
            "riscv64gc-unknown-linux-gnu",
            LinkerKind::Gcc,
            "qemu-riscv64-static",
        ),
        (
            "riscv64gc-unknown-linux-gnu",
            LinkerKind::Clang,
            "qemu-riscv64-static",
        ),
        (
            "armv7-unknown-linux-gnueabihf",
            LinkerKind::Gcc,
            "qemu-arm-static",
        ),
        ("s390x-unknown-linux-gnu", LinkerKind::Gcc, "qemu-s390x-static"),
        (
            "powerpc64le-unknown-linux-gnu",
            LinkerKind::Gcc,
            "qemu-ppc64le-static",
        ),
    ] {
        let wanted = Wanted {
            static_: true,
            ..Wanted::default()
        };
        let Some(choice) = choose(&clone, triple, kind, wanted) else {
            continue;
        };
        let (path, elf) = built(&clone, triple, &choice);
        assert_eq!(
            (&elf.interpreter, &elf.needed),
            (&None, &vec![]),
            "{triple} {kind}"
        );
        runs(&clone, &path, Some(qemu));
    }
}

#[test]
fn programs_keep_the_floor_that_zig_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let clone = fixture(folder.path());
    for (triple, floor, runs_here) in [
        // Build scripts and macros are linked by zig as well, as their triple is the target's.
        ("x86_64-unknown-linux-gnu", "2.28", cfg!(target_arch = "x86_64")),
        // Older ones lack what zig writes this machine's long double with.
        ("powerpc64le-unknown-linux-gnu", "2.32", false),
    ] {
        let wanted = Wanted {
            glibc: Some(floor.to_owned()),
            ..Wanted::default()
        };
        let Some(choice) = choose(&clone, triple, LinkerKind::Zig, wanted) else {
            continue;
        };
        let (path, elf) = built(&clone, triple, &choice);
        let version = |text: &str| {
            let numbers = text.strip_prefix("GLIBC_")?.split('.').map(str::parse::<u32>);
            numbers.collect::<Result<Vec<_>, _>>().ok()
        };
        let needs = elf.version_needs.iter().flat_map(|need| version(&need.version));
        let floor = version(&format!("GLIBC_{floor}")).unwrap();
        assert!(needs.max().unwrap() <= floor, "{triple} {:?}", elf.version_needs);
        if runs_here {
            runs(&clone, &path, None);
        }
    }
}

#[test]
fn compilers_link_whole_programs_without_rust() {
    const MAIN: &str = "#include <stdint.h>\n#include <stdio.h>\nint64_t size_of_directory(void);\nint swapped(void);\n\
        uint64_t wide(void);\nint written(char *, size_t);\nint main(void) {\nchar text[16];\nwritten(text, sizeof text);\n\
        printf(\"7 %s %d %#llx %s\\n\", size_of_directory() < 0 ? \"false\" : \"true\", swapped(), (unsigned long long)wide(), text);\n}\n";
    let folder = tempfile::tempdir().unwrap();
    let clone = fixture(folder.path());
    let main = folder.path().join("main.c");
    fs::write(&main, MAIN).unwrap();
    let tools = clone.tools();
    let toolchain = Toolchain::without_rust(&tools, &clone.root);
    for (triple, kind, flags, qemu) in [
        (
            "aarch64-unknown-linux-musl",
            LinkerKind::Zig,
            &[][..],
            Some("qemu-aarch64-static"),
        ),
        ("x86_64-unknown-linux-musl", LinkerKind::Gcc, &["-static"], None),
        (
            "riscv64gc-unknown-linux-gnu",
            LinkerKind::Gcc,
            &["-static", "-latomic"],
            Some("qemu-riscv64-static"),
        ),
        (
            "powerpc64le-unknown-linux-gnu",
            LinkerKind::Clang,
            &["-static"],
            Some("qemu-ppc64le-static"),
        ),
        // Before version 18, lld does not link for this machine, and clang is refused.
        (
            "s390x-unknown-linux-gnu",
            LinkerKind::Clang,
            &["-static"],
            Some("qemu-s390x-static"),
        ),
    ] {
        let wanted = Wanted {
            linker: Asked::Kind(kind),
            cc_links: true,
            no_rust: true,
            ..Wanted::default()
        };
        let choice = match link::choose(Catalog::builtin().triple(triple).unwrap(), &wanted, &toolchain) {
            Ok(choice) => choice,
            Err(error) if error.to_string().contains("it does not link: ") => continue,
            Err(error) => {
                missing(&error.to_string());
                continue;
            }
        };
        let program = folder.path().join(triple);
        let call = Call::new(choice.compilers.cc.unwrap())
            .args([&main, &clone.root.join("app/src/traps.c")])
            .arg("-o")
            .arg(&program)
            .args(flags.iter().copied());
        tools
            .run(&call)
            .unwrap_or_else(|error| panic!("{triple} {kind}: {error}"));
        assert!(
            choice
                .identity
                .is_some_and(|said| said.contains(char::is_numeric))
        );
        runs(&clone, &program, qemu);
    }
}

#[test]
fn a_std_that_cargo_builds_is_linked_by_zig() {
    const TRIPLE: &str = "armv7-unknown-linux-musleabihf";
    let folder = tempfile::tempdir().unwrap();
    let mut clone = fixture(folder.path());
    clone.environment = clone
        .environment
        .with("RUSTUP_TOOLCHAIN", "nightly")
        .with("CARGO", "cargo")
        .with("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
        .without("RUSTC");
    let toolchain = match Toolchain::survey(&clone.tools(), &clone.root) {
        Ok(toolchain) if toolchain.std_is_built(TRIPLE) => toolchain,
        _ => return missing("there is no nightly Rust with `rust-src`"),
    };
    if Environment::capture().unwrap().var("GANTRY_TEST_REQUIRE") != Some("all") {
        return missing("the standard library takes minutes to build");
    }
    let target = Catalog::builtin().triple(TRIPLE).unwrap().clone();
    let pure = link::choose(&target, &Wanted::default(), &toolchain);
    let Some(choice) = choose(&clone, TRIPLE, LinkerKind::Zig, Wanted::default()) else {
        return;
    };
    // What Rust's own component would bring is not there.
    assert_eq!(pure.unwrap().kind, Some(LinkerKind::Zig));
    let (path, elf) = built(&clone, TRIPLE, &choice);
    assert_eq!((&elf.interpreter, &elf.needed), (&None, &vec![]));
    runs(&clone, &path, Some("qemu-arm-static"));
}
