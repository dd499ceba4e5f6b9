//! Choices among made-up compilers, and the script around zig run with a zig that tells what it was given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use tempfile::TempDir;

use super::*;
use crate::environment::Environment;
use crate::target::Catalog;
use crate::tool::{Call, Tools};

/// A gcc with glibc 2.36 that passes every check and has no `libc.a`.
const GCC: &str = r#"while read -r line; do :; done
case "$*" in
*-v*-x*) printf '#include <...> search starts here:\n /gcc/include\n /a b/include\nEnd\n' >&2 ;;
*-E*) echo 2 36 ;;
*-print-file-name=include*) echo /gcc/include ;;
*-print-sysroot*) echo "$SYSROOT" ;;
*-print-multiarch*) echo tests-linux-none ;;
*-print*) echo libc.a ;;
*--version) echo gcc of tests 12.2.0; echo more ;;
esac"#;
/// A cross gcc of Fedora.
const BARE: &str = "while read -r line; do :; done\necho '<stdin>:2:10: fatal error: stdio.h: No such file or directory' >&2\nexit 1";
/// A musl-gcc of another architecture.
const FOREIGN: &str = "while read -r line; do :; done\necho 'gantry: another architecture' >&2\nexit 1";
const ZIG: &str = r#"case $1 in version) echo 0.17.0 ;; env) echo '.{ .lib_dir = "/zig/lib", }' ;; *) for a in "$@"; do echo "$a"; done; esac"#;

mod compilers;
mod explain;
mod flags;
mod floors;
mod variables;

struct Machine {
    folder: TempDir,
    environment: Environment,
    catalog: Catalog,
}

impl Machine {
    fn new(programs: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let real = Environment::capture().unwrap();
        let rustc = Toolchain::survey(&Tools::new(real), folder.path())
            .unwrap()
            .sysroot()
            .unwrap()
            .join("bin/rustc");
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, text) in programs {
            fs::write(bin.join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let environment = Environment::empty(folder.path())
            .with_home(folder.path())
            .with("PATH", bin)
            .with("RUSTC", rustc);
        Self {
            folder,
            environment,
            catalog: Catalog::builtin(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    fn choose(&self, triple: &str, wanted: &Wanted) -> Result<LinkChoice, LinkError> {
        choose(self.catalog.triple(triple).unwrap(), wanted, &self.toolchain())
    }

    fn without_rust(&self, triple: &str, wanted: &Wanted) -> Result<LinkChoice, LinkError> {
        let machine = crate::environment::Machine {
            arch: "x86",
            os: "linux",
        };
        let environment = self.environment.clone().without("RUSTC").with_machine(machine);
        let toolchain = Toolchain::without_rust(&Tools::new(environment), self.folder.path());
        choose(self.catalog.triple(triple).unwrap(), wanted, &toolchain)
    }

    fn toolchain(&self) -> Toolchain {
        Toolchain::survey(&Tools::new(self.environment.clone()), self.folder.path()).unwrap()
    }

    fn scripts(&self, triple: &str) -> PathBuf {
        let cache = self.folder.path().join(".cache/cargo-gantry");
        cache.join(env!("CARGO_PKG_VERSION")).join(triple)
    }
}

fn pure() -> Wanted {
    Wanted::default()
}

fn with_c() -> Wanted {
    Wanted {
        compiles_c: vec!["zstd-sys".to_owned()],
        ..pure()
    }
}

fn floor(wanted: Wanted, glibc: &str) -> Wanted {
    Wanted {
        glibc: Some(glibc.to_owned()),
        ..wanted
    }
}

const S390X: &str = "s390x-unknown-linux-gnu";
const I686_MUSL: &str = "i686-unknown-linux-musl";

#[test]
fn takes_the_first_that_can_do_it() {
    let gcc = ("s390x-linux-gnu-gcc", GCC);
    let zig = ("zig", ZIG);
    let i686 = ("i686-linux-gnu-gcc", GCC);
    let foreign = ("musl-gcc", FOREIGN);
    let foreign_gcc = ("s390x-linux-gnu-gcc", FOREIGN);
    let static_ = || Wanted {
        static_: true,
        ..pure()
    };
    for (triple, programs, wanted, shown, glibc) in [
        (I686_MUSL, vec![], pure(), "rust-lld", None),
        (
            S390X,
            vec![gcc, zig],
            with_c(),
            "s390x-linux-gnu-gcc",
            Some("2.36"),
        ),
        (
            S390X,
            vec![gcc, zig],
            floor(pure(), "2.36"),
            "s390x-linux-gnu-gcc",
            Some("2.36"),
        ),
        (
            S390X,
            vec![gcc, zig],
            floor(pure(), "2.35"),
            "zig 0.17.0 (gnu.2.35)",
            Some("2.35"),
        ),
        (
            S390X,
            vec![gcc],
            floor(pure(), "2.35"),
            "s390x-linux-gnu-gcc",
            Some("2.36"),
        ),
        (S390X, vec![zig], with_c(), "zig 0.17.0 (gnu.2.28)", Some("2.28")),
        (
            S390X,
            vec![foreign_gcc, zig],
            with_c(),
            "zig 0.17.0 (gnu.2.28)",
            Some("2.28"),
        ),
        (
            "powerpc64le-unknown-linux-gnu",
            vec![zig],
            floor(with_c(), "2.31"),
            "zig 0.17.0 (gnu.2.32)",
            Some("2.32"),
        ),
        (
            I686_MUSL,
            vec![foreign, i686, zig],
            Wanted {
                linker: Asked::Kind(LinkerKind::Gcc),
                ..with_c()
            },
            "rust-lld, C by i686-linux-gnu-gcc with musl's headers",
            None,
        ),
        // Only zig links what `configure` scripts try.
        (
            I686_MUSL,
            vec![foreign, i686, zig],
            with_c(),
            "zig 0.17.0 (musl)",
            None,
        ),
        (I686_MUSL, vec![foreign, zig], with_c(), "zig 0.17.0 (musl)", None),
        ("wasm32-wasip1", vec![], with_c(), "rustc's own", None),
    ] {
        let choice = Machine::new(&programs).choose(triple, &wanted).unwrap();
        assert_eq!(
            (choice.shown.as_str(), choice.glibc.as_deref()),
            (shown, glibc),
            "{triple} {wanted:?}"
        );
    }
    for (programs, wanted, reason) in [
        (vec![], with_c(), "gcc: `s390x-linux-gnu-gcc` is not in PATH"),
        (
            vec![gcc],
            floor(with_c(), "2.35"),
            "gcc: it links with glibc 2.36, and the programs must run on 2.35",
        ),
        (
            vec![gcc],
            floor(pure(), "2.31"),
            "gcc: it links with glibc 2.36, and the programs must run on 2.31",
        ),
        (vec![zig], static_(), "zig: zig has no static glibc"),
        (vec![gcc], static_(), "gcc: it has no static libc (`libc.a`)"),
        (
            vec![foreign_gcc],
            with_c(),
            "gcc: `s390x-linux-gnu-gcc` compiles for another architecture or ABI",
        ),
        // Fedora's cross gccs are for kernels.
        (
            vec![("s390x-linux-gnu-gcc", BARE)],
            with_c(),
            "gcc: `s390x-linux-gnu-gcc` comes without a C library",
        ),
    ] {
        let error = Machine::new(&programs).choose(S390X, &wanted).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn what_also_links_procedural_macros_is_no_bare_linker() {
    const HOST: &str = "case \"$*\" in *sysroot*) echo /r ;; -vV) printf 'release: 1.95.0\\nhost: i686-unknown-linux-musl\\n' ;; *libdir*) echo /r/lib ;; esac";
    let choose = |programs: &[(&str, &str)], wanted: Wanted| {
        let machine = Machine::new(&[programs, &[("rustc", HOST)]].concat());
        let rustc = machine.folder.path().join("bin/rustc");
        machine
            .with("RUSTC", rustc.to_str().unwrap())
            .choose(I686_MUSL, &wanted)
    };
    for (programs, shown) in [
        (vec![("cc", GCC)], "cc"),
        (vec![("zig", ZIG)], "zig 0.17.0 (musl)"),
        (vec![("i686-linux-musl-gcc", GCC)], "i686-linux-musl-gcc"),
        (vec![("musl-gcc", GCC)], "musl-gcc"),
    ] {
        for wanted in [pure(), with_c()] {
            assert_eq!(choose(&programs, wanted).unwrap().shown, shown);
        }
    }
    let error = choose(&[], pure()).unwrap_err().to_string();
    let part = "rust-lld: it does not link procedural macros, which are for this target too";
    assert!(error.contains(part), "{error}");
}

#[test]
fn says_what_is_missing_and_one_command() {
    let error = Machine::new(&[("musl-gcc", FOREIGN)])
        .choose(I686_MUSL, &with_c())
        .unwrap_err();
    insta::assert_snapshot!(format!("{error}\nhelp: {}", error.help().unwrap()), @r"
    no linker for `i686-unknown-linux-musl`
      rust-lld: it brings no C compiler
      cc: the system's own compiles for `x86_64-unknown-linux-gnu` only
      zig: neither `zig` nor the Python package `ziglang` is installed
      clang: `clang` is not in PATH
      gcc: `i686-linux-musl-gcc` is not in PATH; `musl-gcc` compiles for another architecture or ABI; `i686-linux-gnu-gcc` is not in PATH
    C is compiled by `zstd-sys`
    help: run `pip install ziglang`
    ");
    let debian = Machine::new(&[("apt-get", "")]);
    let help = |wanted| {
        debian
            .choose(S390X, &wanted)
            .unwrap_err()
            .help()
            .unwrap()
            .to_string()
    };
    assert_eq!(
        help(pure()),
        "run `apt-get install gcc-s390x-linux-gnu libc6-dev-s390x-cross`"
    );
    assert_eq!(help(floor(pure(), "2.31")), "run `pip install ziglang`");
}

#[test]
fn the_users_own_is_kept() {
    let gcc = [("s390x-linux-gnu-gcc", GCC)];
    let own = Machine::new(&gcc).with("CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER", "mine");
    let choice = own.choose(S390X, &with_c()).unwrap();
    assert_eq!(
        (choice.kind, choice.shown.as_str(), choice.variables.len()),
        (None, "mine", 0)
    );

    let configured = Machine::new(&gcc);
    fs::create_dir(configured.folder.path().join(".cargo")).unwrap();
    let text = "[target.'cfg(target_arch = \"s390x\")']\nlinker = \"mine\"\n";
    fs::write(configured.folder.path().join(".cargo/config.toml"), text).unwrap();
    assert_eq!(configured.choose(S390X, &pure()).unwrap().shown, "mine");
    let named = Wanted {
        linker: Asked::Kind(LinkerKind::Gcc),
        ..pure()
    };
    assert_eq!(
        configured.choose(S390X, &named).unwrap().shown,
        "s390x-linux-gnu-gcc"
    );

    let variables = |machine: Machine| machine.choose(S390X, &with_c()).unwrap().variables;
    let compilers = |name: &String| name.starts_with("CC_") || name.starts_with("CARGO_");
    let names = |machine| {
        let names = variables(machine).into_keys();
        names.filter(compilers).collect::<Vec<_>>()
    };
    let linker = "CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER";
    let cc = "CC_s390x_unknown_linux_gnu";
    for (set, expected) in [
        ("UNRELATED", vec![cc, linker]),
        ("CC", vec![cc, linker]),
        ("TARGET_CC", vec![linker]),
        (cc, vec![linker]),
        ("CC_s390x-unknown-linux-gnu", vec![linker]),
    ] {
        let mut names = names(Machine::new(&gcc).with(set, "mine"));
        names.sort_by_key(|name| name.starts_with("CARGO"));
        assert_eq!(names, expected, "{set}");
    }
    // With a compiler of the user's, C needs none of ours.
    let machine = Machine::new(&[]).with("CC_i686_unknown_linux_musl", "mine");
    let choice = machine.choose(I686_MUSL, &with_c()).unwrap();
    assert_eq!(choice.kind, Some(LinkerKind::RustLld));
    assert!(
        choice.why.ends_with("; C is compiled by the user's own `mine`"),
        "{}",
        choice.why
    );
}

#[test]
fn a_program_of_the_user_is_checked() {
    let asked = |program: &str| Wanted {
        linker: Asked::Program(program.to_owned()),
        ..with_c()
    };
    let machine = Machine::new(&[("musl-gcc", FOREIGN), ("good", GCC)]);
    let fault = |program| {
        machine
            .choose(I686_MUSL, &asked(program))
            .unwrap_err()
            .code()
            .unwrap()
            .to_string()
    };
    assert_eq!(fault("musl-gcc"), "gantry::build::miscompiles");
    assert_eq!(fault("none"), "gantry::build::linker_program");
    // Nor is a compiler in the environment taken on trust.
    let words = [("musl-gcc", FOREIGN)];
    let own = Machine::new(&words).with("CC_i686_unknown_linux_musl", "musl-gcc -m32");
    let error = own.choose(I686_MUSL, &with_c()).unwrap_err();
    assert!(matches!(error, LinkError::Miscompiles { .. }), "{error}");
    assert!(own.choose(I686_MUSL, &pure()).is_ok());
    let said = |name: &str, value: &str| Wanted {
        environment: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        ..with_c()
    };
    let wanted = said("CC_i686_unknown_linux_musl", "musl-gcc -m32");
    let error = Machine::new(&words).choose(I686_MUSL, &wanted).unwrap_err();
    assert!(matches!(error, LinkError::Miscompiles { .. }), "{error}");
    let wanted = said("CARGO_TARGET_I686_UNKNOWN_LINUX_MUSL_LINKER", "mine");
    let choice = Machine::new(&words).choose(I686_MUSL, &wanted).unwrap();
    assert_eq!((choice.shown.as_str(), choice.kind), ("mine", None));
    let good = machine.choose(I686_MUSL, &asked("good")).unwrap();
    assert_eq!(good.variables["CC_i686_unknown_linux_musl"], "good");
}

#[test]
fn a_forgotten_c_crate_meets_no_wrong_compiler() {
    let variables = |programs: &[_]| {
        Machine::new(programs)
            .choose(I686_MUSL, &pure())
            .unwrap()
            .variables
    };
    let guarded = variables(&[("musl-gcc", FOREIGN)]);
    assert_eq!(guarded["CC_i686_unknown_linux_musl"], "i686-linux-musl-gcc");
    assert!(!variables(&[("musl-gcc", GCC)]).contains_key("CC_i686_unknown_linux_musl"));
}

#[test]
fn zig_is_given_what_it_takes() {
    let machine = Machine::new(&[("zig", ZIG)]);
    let run = |triple: &str, arguments: &[&str]| {
        let choice = machine.choose(triple, &with_c()).unwrap();
        let script = &choice.variables[&format!("CC_{}", triple.replace('-', "_"))];
        assert!(Path::new(script).starts_with(machine.scripts(triple)));
        let tools = Tools::new(machine.environment.clone());
        let text = tools.run(&Call::new(script).args(arguments)).unwrap().text();
        let (head, given) = text.split_once("-fno-sanitize=all").unwrap();
        assert!(head.starts_with("cc\n-target\n"), "{head}");
        given
            .trim()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (triple, arguments, given) in [
        (
            S390X,
            "a b.o --target=x -target y -lgcc_s -o out",
            "a b.o -lunwind -o out",
        ),
        (
            S390X,
            "-Wl,-O1 -Wl,--no-undefined-version -Wl,-znostart-stop-gc -Wl,--fix-cortex-a53-843419 -Wl,-plugin-opt=O2",
            "",
        ),
        (
            S390X,
            "-Wp,-MD,x -Wp,-U_FORTIFY_SOURCE -Wl,--undefined=f -march=z13 -lc",
            "-Wp,-MD,x -Wl,-u,f -march=z13 -lc",
        ),
        (
            I686_MUSL,
            "/r/self-contained/crt1.o x.o -lc -Wl,-melf_i386 -march=i686 -lm",
            "x.o -lm",
        ),
        (
            "aarch64-unknown-linux-musl",
            "-march=armv8.2-a+fp16+nosve -mtune=cortex-a53",
            "-mcpu=generic+fullfp16-sve -mtune=cortex_a53",
        ),
        (
            "x86_64-unknown-linux-musl",
            "-march=x86-64-v3",
            "-march=x86_64_v3",
        ),
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        assert_eq!(run(triple, &arguments), given, "{triple}");
    }
    assert_eq!(
        run(S390X, &["with blank", "quote\"'$x", "*"]),
        "with blank quote\"'$x *"
    );
    // A response file: blanks escaped as rustc does, one argument a line, no newline at the end.
    let file = machine.folder.path().join("linker-arguments");
    fs::write(&file, "/a\\ b/c.o\n-lgcc_s\n--target=x\nback\\\\slash\n-lc").unwrap();
    let given = run(S390X, &[&format!("@{}", file.display())]);
    assert_eq!(given, format!("@{}.zig", file.display()));
    let rewritten = fs::read_to_string(file.with_extension("zig")).unwrap();
    assert_eq!(rewritten, "\"/a b/c.o\"\n-lunwind\nback\\slash\n-lc\n");
}

#[test]
fn scripts_do_not_change_between_runs() {
    let machine = Machine::new(&[("zig", ZIG)]);
    let first = machine.choose(S390X, &with_c()).unwrap();
    let script = machine.scripts(S390X).join("zig.2.28/cc");
    let before = (
        fs::read(&script).unwrap(),
        fs::metadata(&script).unwrap().modified().unwrap(),
    );
    assert_eq!(machine.choose(S390X, &with_c()).unwrap(), first);
    assert_eq!(
        (
            fs::read(&script).unwrap(),
            fs::metadata(&script).unwrap().modified().unwrap()
        ),
        before
    );
}
