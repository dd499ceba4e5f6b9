//! Which tools hold for a target, for those who call them themselves.

use super::*;

const LINKER: &str = "CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER";

fn go() -> Wanted {
    Wanted {
        cc_links: true,
        no_rust: true,
        ..pure()
    }
}

fn command() -> Wanted {
    Wanted {
        no_rust: false,
        ..go()
    }
}

/// CC, CXX, AR, RANLIB and the linker, as text; scripts without their folder.
fn tools(choice: &LinkChoice) -> [String; 5] {
    let Compilers {
        cc,
        cxx,
        ar,
        ranlib,
        linker,
    } = &choice.compilers;
    [cc, cxx, ar, ranlib, linker].map(|tool| {
        let text = tool.as_ref().map(|tool| tool.to_str().unwrap().to_owned());
        let text = text.unwrap_or_default();
        let script = text.rsplit_once("/s390x-unknown-linux-gnu/");
        script.map_or(text.clone(), |(_, script)| script.to_owned())
    })
}

#[test]
fn the_tools_of_each_way_are_told() {
    let gcc = ("s390x-linux-gnu-gcc", GCC);
    let ar = ("s390x-linux-gnu-ar", "");
    let said = Some("gcc of tests 12.2.0");
    for (programs, variables, wanted, expected, identity) in [
        (
            vec![gcc, ar],
            vec![],
            with_c(),
            [
                "s390x-linux-gnu-gcc",
                "",
                "s390x-linux-gnu-ar",
                "",
                "s390x-linux-gnu-gcc",
            ],
            said,
        ),
        (
            vec![("zig", ZIG)],
            vec![],
            go(),
            [
                "zig.2.28/cc",
                "zig.2.28/c++",
                "zig.2.28/ar",
                "zig.2.28/ranlib",
                "zig.2.28/cc",
            ],
            Some("zig 0.17.0"),
        ),
        // The user's own tools hold, and are asked too.
        (
            vec![("zig", ZIG), ("mine", GCC)],
            vec![
                ("CC_s390x_unknown_linux_gnu", "mine -m31"),
                ("TARGET_AR", "archive"),
            ],
            with_c(),
            [
                "mine -m31",
                "zig.2.28/c++",
                "archive",
                "zig.2.28/ranlib",
                "zig.2.28/cc",
            ],
            Some("zig 0.17.0; gcc of tests 12.2.0"),
        ),
        (
            vec![gcc, ("mine", GCC)],
            vec![(LINKER, "mine")],
            with_c(),
            ["", "", "", "", "mine"],
            said,
        ),
        // Where C links, the user's compiler is asked for, and cargo's linker is left to cargo.
        (
            vec![gcc, ("mine", GCC)],
            vec![("TARGET_CC", "mine")],
            go(),
            ["mine", "", "", "", "mine"],
            said,
        ),
        (
            vec![gcc, ("mine", GCC)],
            vec![(LINKER, "mine")],
            command(),
            ["s390x-linux-gnu-gcc", "", "", "", "mine"],
            said,
        ),
        (
            vec![gcc, ("mine", GCC)],
            vec![(LINKER, "mine")],
            go(),
            ["s390x-linux-gnu-gcc", "", "", "", "s390x-linux-gnu-gcc"],
            said,
        ),
    ] {
        let machine = variables
            .iter()
            .fold(Machine::new(&programs), |machine, (name, value)| {
                machine.with(name, value)
            });
        let choice = machine.choose(S390X, &wanted).unwrap();
        assert_eq!(tools(&choice), expected, "{variables:?} {wanted:?}");
        assert_eq!(choice.identity.as_deref(), identity, "{variables:?} {wanted:?}");
        // Nothing is said for rustc that it does not need, nor where the user said it.
        let says = !wanted.no_rust && variables.iter().all(|(name, _)| *name != LINKER);
        assert_eq!(
            choice.variables.contains_key(LINKER),
            says,
            "{variables:?} {wanted:?}"
        );
    }
    // rustc brings it.
    let choice = Machine::new(&[]).choose(I686_MUSL, &pure()).unwrap();
    assert_eq!((tools(&choice)[4].as_str(), choice.identity), ("rust-lld", None));
}

#[test]
fn who_only_compiles_does_not_link_c() {
    let headers = ("i686-linux-gnu-gcc", GCC);
    let error = Machine::new(&[headers, ("clang", GCC)])
        .choose(I686_MUSL, &go())
        .unwrap_err()
        .to_string();
    for part in [
        "rust-lld: it links Rust only, and the C compiler must link",
        "clang: with musl's headers alone it does not link",
        "a gcc with musl's headers alone does not link",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(Machine::new(&[]).choose("wasm32-wasip1", &go()).is_err());
    let musl = [headers, ("i686-linux-musl-gcc", GCC)];
    let choice = Machine::new(&musl).choose(I686_MUSL, &go()).unwrap();
    assert_eq!(choice.shown, "i686-linux-musl-gcc");
    assert_eq!(choice.compilers.linker.unwrap(), "i686-linux-musl-gcc");
    // A program that does not even compile is no compiler for it.
    let named = Wanted {
        linker: Asked::Program("broken".to_owned()),
        ..go()
    };
    let error = Machine::new(&[("broken", "exit 1")])
        .choose(S390X, &named)
        .unwrap_err();
    assert!(matches!(error, LinkError::Miscompiles { .. }), "{error}");
}

#[test]
fn compilers_are_chosen_without_rust() {
    let zig = ("zig", ZIG);
    for (triple, programs, shown) in [
        ("i686-unknown-linux-gnu", vec![("cc", GCC), zig], "cc"),
        (
            "i686-unknown-linux-gnu",
            vec![("cc", FOREIGN), zig],
            "zig 0.17.0 (gnu.2.28)",
        ),
        (S390X, vec![("cc", GCC), zig], "zig 0.17.0 (gnu.2.28)"),
        (I686_MUSL, vec![zig], "zig 0.17.0 (musl)"),
    ] {
        let choice = Machine::new(&programs).without_rust(triple, &go()).unwrap();
        assert_eq!(choice.shown, shown, "{triple}");
        assert!(choice.rustflags.is_empty(), "{triple}");
        assert!(choice.compilers.cc.is_some(), "{triple}");
    }
    // The host's plain CC is glibc's as far as anybody knows.
    let machine = Machine::new(&[zig, ("mine", GCC)]).with("CC", "mine");
    for (triple, shown) in [
        ("i686-unknown-linux-gnu", "mine"),
        (I686_MUSL, "zig 0.17.0 (musl)"),
    ] {
        assert_eq!(
            machine.without_rust(triple, &go()).unwrap().shown,
            shown,
            "{triple}"
        );
    }
}
