//! What build scripts read beside the compilers.

use super::*;

const BINDGEN: &str = "BINDGEN_EXTRA_CLANG_ARGS";
const CMAKE: &str = "CMAKE_TOOLCHAIN_FILE";
const LIBDIR: &str = "PKG_CONFIG_LIBDIR";
const GCC_S390X: (&str, &str) = ("s390x-linux-gnu-gcc", GCC);

/// The value for a target, without the folder of the machine.
fn value(machine: &Machine, triple: &str, name: &str) -> Option<String> {
    let choice = machine.choose(triple, &with_c()).unwrap();
    let value = choice
        .variables
        .get(&format!("{name}_{}", triple.replace('-', "_")))?;
    let folder = machine.folder.path().to_str().unwrap();
    let value = value.to_str().unwrap().replace(folder, "~");
    // A digest of what is in it, the machine's folder too.
    let cmake = value
        .split_once("toolchain-")
        .map(|(folder, _)| format!("{folder}toolchain-*.cmake"));
    Some(cmake.unwrap_or(value))
}

#[test]
fn what_finds_libraries_and_headers_finds_those_of_the_target() {
    let zig = ("zig", ZIG_WITH_HEADERS);
    let cache = format!("~/.cache/cargo-gantry/{}/", env!("CARGO_PKG_VERSION"));
    for (triple, programs, name, expected) in [
        (
            S390X,
            GCC_S390X,
            BINDGEN,
            "--target=s390x-linux-gnu -nostdlibinc -isystem /gcc/include -isystem '/a b/include'".to_owned(),
        ),
        (
            S390X,
            zig,
            BINDGEN,
            "--target=s390x-linux-gnu -nostdlibinc -isystem /zig/generic -D__GLIBC_MINOR__=28".to_owned(),
        ),
        (
            I686_MUSL,
            zig,
            BINDGEN,
            "--target=i686-linux-musl -nostdlibinc -isystem /zig/generic".to_owned(),
        ),
        (S390X, GCC_S390X, LIBDIR, format!("{cache}{S390X}/empty")),
        (I686_MUSL, zig, LIBDIR, format!("{cache}{I686_MUSL}/empty")),
        (
            S390X,
            GCC_S390X,
            CMAKE,
            format!("{cache}{S390X}/gcc/toolchain-*.cmake"),
        ),
        (
            S390X,
            zig,
            CMAKE,
            format!("{cache}{S390X}/zig.2.28/toolchain-*.cmake"),
        ),
    ] {
        let machine = Machine::new(&[programs]);
        assert_eq!(value(&machine, triple, name), Some(expected), "{triple} {name}");
    }
    // A toolchain with a root of its own has its libraries there.
    let machine = Machine::new(&[GCC_S390X]);
    let root = machine.folder.path().join("root");
    fs::create_dir_all(root.join("usr/lib/pkgconfig")).unwrap();
    let machine = machine.with("SYSROOT", root.to_str().unwrap());
    for (name, expected) in [
        (LIBDIR, Some("~/root/usr/lib/pkgconfig")),
        ("PKG_CONFIG_SYSROOT_DIR", Some("~/root")),
        ("PKG_CONFIG_ALLOW_CROSS", None),
    ] {
        assert_eq!(value(&machine, S390X, name).as_deref(), expected, "{name}");
    }
    let file = fs::read_to_string(cmake(&machine, &with_c())).unwrap();
    let folder = machine.folder.path().to_str().unwrap();
    insta::assert_snapshot!(file.replace(folder, "~"), @r"
    # Written by cargo-gantry: changes are lost.
    set(CMAKE_SYSTEM_NAME Linux)
    set(CMAKE_SYSTEM_PROCESSOR s390x)
    set(CMAKE_C_COMPILER [==[~/bin/s390x-linux-gnu-gcc]==])
    set(CMAKE_ASM_COMPILER [==[~/bin/s390x-linux-gnu-gcc]==])
    set(CMAKE_FIND_ROOT_PATH [==[~/root]==])
    set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
    set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
    set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
    set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
    ");
}

/// CMake's file for a target.
fn cmake(machine: &Machine, wanted: &Wanted) -> PathBuf {
    let choice = machine.choose(S390X, wanted).unwrap();
    PathBuf::from(&choice.variables["CMAKE_TOOLCHAIN_FILE_s390x_unknown_linux_gnu"])
}

#[test]
fn two_programs_for_one_target_have_a_file_each() {
    let machine = Machine::new(&[("one", GCC), ("two", GCC)]);
    let file = |program: &str| {
        let linker = Asked::Program(program.to_owned());
        cmake(&machine, &Wanted { linker, ..with_c() })
    };
    let files = ["one", "two", "one"].map(file);
    assert_eq!(files[0], files[2]);
    for (file, program) in files.iter().zip(["/bin/one]==]", "/bin/two]==]"]) {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(program), "{text}");
    }
}

/// A zig that says where its headers are.
const ZIG_WITH_HEADERS: &str = r#"case "$*" in version) echo 0.17.0 ;; env) echo '.{ .lib_dir = "/zig/lib", }' ;; *-v*-x*) printf '#include <...> search starts here:\n /zig/generic\nEnd\n' >&2 ;; esac"#;

#[test]
fn a_form_of_the_users_is_left_alone() {
    let has = |name: &str, set: &[(&str, &str)]| {
        let machine = set
            .iter()
            .fold(Machine::new(&[GCC_S390X]), |machine, (name, value)| {
                machine.with(name, value)
            });
        value(&machine, S390X, name).is_some()
    };
    for (name, set, ours) in [
        (BINDGEN, vec![], true),
        (BINDGEN, vec![(BINDGEN, "-DX")], false),
        (
            BINDGEN,
            vec![("BINDGEN_EXTRA_CLANG_ARGS_s390x-unknown-linux-gnu", "-DX")],
            false,
        ),
        // Headers and tools of one's own compiler are one's own.
        (BINDGEN, vec![("TARGET_CC", "mine")], false),
        (BINDGEN, vec![("TARGET_CC", "")], true),
        (CMAKE, vec![], true),
        (CMAKE, vec![("TARGET_CXX", "")], true),
        (CMAKE, vec![("TARGET_CMAKE_TOOLCHAIN_FILE", "/f")], false),
        (CMAKE, vec![("TARGET_CXX", "mine")], false),
        (
            LIBDIR,
            vec![("PKG_CONFIG_PATH_s390x_unknown_linux_gnu", "/p")],
            false,
        ),
        (LIBDIR, vec![("TARGET_PKG_CONFIG_SYSROOT_DIR", "/p")], false),
        // The host's path alone is not the target's; with the word that it is, it is.
        (LIBDIR, vec![("PKG_CONFIG_PATH", "/p")], true),
        (LIBDIR, vec![("PKG_CONFIG_ALLOW_CROSS", "1")], true),
        (
            LIBDIR,
            vec![("PKG_CONFIG_ALLOW_CROSS", "1"), ("PKG_CONFIG_PATH", "/p")],
            false,
        ),
        (LIBDIR, vec![("PKG_CONFIG_SYSROOT_DIR", "/p")], false),
        (
            LIBDIR,
            vec![("CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER", "mine")],
            false,
        ),
    ] {
        assert_eq!(has(name, &set), ours, "{name} {set:?}");
    }
}

#[test]
fn what_cargos_configuration_sets_is_the_users() {
    let configured = |text: &str, set: &[(&str, &str)], triple: &str| {
        let machine = Machine::new(&[GCC_S390X, ("mine", GCC), ("zig", ZIG)]);
        fs::create_dir(machine.folder.path().join(".cargo")).unwrap();
        fs::write(machine.folder.path().join(".cargo/config.toml"), text).unwrap();
        let machine = set
            .iter()
            .fold(machine, |machine, (name, value)| machine.with(name, value));
        let choice = machine.choose(triple, &with_c()).unwrap();
        let folder = machine.folder.path().display().to_string();
        let cc = choice.compilers.cc.clone().unwrap_or_default();
        (choice.variables, cc.to_str().unwrap().replace(&folder, "~"))
    };
    const CC: &str = "CC_s390x_unknown_linux_gnu";
    for (text, set, expected) in [
        (format!("env.{CC} = 'mine'"), vec![], "mine"),
        (format!("env.{CC} = {{ value = 'mine' }}"), vec![], "mine"),
        ("env.TARGET_CC = 'mine'".to_owned(), vec![], "mine"),
        (
            format!("env.{CC} = {{ value = 'bin/mine', relative = true }}"),
            vec![],
            "~/bin/mine",
        ),
        (format!("env.{CC} = 'other'"), vec![(CC, "mine")], "mine"),
        (
            format!("env.{CC} = {{ value = 'mine', force = true }}"),
            vec![(CC, "other")],
            "mine",
        ),
    ] {
        let (variables, cc) = configured(&text, &set, S390X);
        assert_eq!(cc, expected, "{text} {set:?}");
        assert!(!variables.contains_key(CC), "{text} {set:?}");
    }
    for name in [BINDGEN, CMAKE, "PKG_CONFIG_PATH_s390x_unknown_linux_gnu"] {
        let (variables, _) = configured(&format!("env.{name} = '/x'"), &[], S390X);
        let ours = name.trim_end_matches("_s390x_unknown_linux_gnu");
        let left = variables.keys().all(|variable| !variable.starts_with(ours));
        assert!(left, "{name} {variables:?}");
    }
    const ARM: &str = "aarch64-unknown-linux-musl";
    let (variables, _) = configured("env.JEMALLOC_SYS_WITH_LG_PAGE = '14'", &[], ARM);
    assert!(
        variables.keys().all(|name| !name.contains("JEMALLOC")),
        "{variables:?}"
    );
}

#[test]
fn crates_are_told_what_a_platform_needs() {
    const ARM: &str = "aarch64-unknown-linux-musl";
    const PAGE: &str = "AARCH64_UNKNOWN_LINUX_MUSL_JEMALLOC_SYS_WITH_LG_PAGE";
    let page = |machine: &Machine, triple: &str| {
        machine
            .choose(triple, &pure())
            .unwrap()
            .variables
            .get(PAGE)
            .cloned()
    };
    let machine = Machine::new(&[]);
    assert_eq!(page(&machine, ARM), Some("16".into()));
    assert_eq!(page(&machine, I686_MUSL), None);
    for name in [PAGE, "JEMALLOC_SYS_WITH_LG_PAGE"] {
        assert_eq!(page(&Machine::new(&[]).with(name, "14"), ARM), None, "{name}");
    }
}

#[test]
fn what_a_gcc_calls_is_linked() {
    const RISCV: &str = "riscv64gc-unknown-linux-gnu";
    const ATOMIC: &str = "-Clink-arg=-l:libatomic.a";
    let flags = |name: &str, gcc: &str, triple: &str| {
        Machine::new(&[(name, gcc)])
            .choose(triple, &pure())
            .unwrap()
            .rustflags
    };
    // The fake finds what is there: itself.
    let finds = GCC.replace("*-print*) echo libc.a", "*-print*) echo \"$0\"");
    assert!(flags("riscv64-linux-gnu-gcc", &finds, RISCV).contains(&ATOMIC.to_owned()));
    assert!(!flags("riscv64-linux-gnu-gcc", GCC, RISCV).contains(&ATOMIC.to_owned()));
    assert!(!flags("s390x-linux-gnu-gcc", &finds, S390X).contains(&ATOMIC.to_owned()));
    assert!(!flags("zig", ZIG, RISCV).contains(&ATOMIC.to_owned()));
}
