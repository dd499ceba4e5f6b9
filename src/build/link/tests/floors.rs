//! Which glibc a program is linked with, and what the plan says of it.

use super::*;

/// A gcc that does not say which glibc it has.
const SILENT: &str = "while read -r line; do :; done\ncase \"$*\" in *-print*) echo libc.a ;; esac";
const POWER: &str = "powerpc64le-unknown-linux-gnu";

#[test]
fn a_floor_is_kept_for_sure_or_said_not_to_be() {
    let gcc = ("s390x-linux-gnu-gcc", GCC);
    let power = ("powerpc64le-linux-gnu-gcc", GCC);
    let silent = ("s390x-linux-gnu-gcc", SILENT);
    let zig = ("zig", ZIG);
    let checked = "the finished programs are checked";
    for (triple, programs, wanted, shown, why) in [
        (
            S390X,
            vec![gcc, zig],
            floor(with_c(), "2.41"),
            "s390x-linux-gnu-gcc",
            "its glibc 2.36 keeps the floor 2.41",
        ),
        (
            S390X,
            vec![gcc, zig],
            floor(with_c(), "2.36"),
            "s390x-linux-gnu-gcc",
            "its glibc 2.36 keeps the floor 2.36",
        ),
        (
            S390X,
            vec![gcc, zig],
            floor(with_c(), "2.31"),
            "zig 0.17.0 (gnu.2.31)",
            "zig links with glibc 2.31",
        ),
        (
            S390X,
            vec![silent, zig],
            floor(pure(), "2.31"),
            "zig 0.17.0 (gnu.2.31)",
            "zig links with glibc 2.31",
        ),
        (
            S390X,
            vec![silent],
            floor(pure(), "2.31"),
            "s390x-linux-gnu-gcc",
            checked,
        ),
        (
            S390X,
            vec![gcc],
            floor(pure(), "2.34"),
            "s390x-linux-gnu-gcc",
            checked,
        ),
        (
            POWER,
            vec![zig],
            floor(pure(), "2.31"),
            "zig 0.17.0 (gnu.2.32)",
            checked,
        ),
        (
            POWER,
            vec![zig, power],
            floor(with_c(), "2.35"),
            "zig 0.17.0 (gnu.2.35)",
            "zig links with glibc 2.35",
        ),
    ] {
        let choice = Machine::new(&programs).choose(triple, &wanted).unwrap();
        assert_eq!(choice.shown, shown, "{wanted:?}");
        assert!(choice.why.contains(why), "{}", choice.why);
        assert_eq!(choice.why.contains(checked), why == checked, "{}", choice.why);
    }
    let own = Machine::new(&[gcc]).with("CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER", "mine");
    for (wanted, unkept) in [(floor(pure(), "2.36"), true), (pure(), false)] {
        assert_eq!(own.choose(S390X, &wanted).unwrap().why.contains(checked), unkept);
    }
    for (glibc, unkept) in [("2.36", false), ("2.35", true)] {
        let named = Wanted {
            linker: Asked::Program("s390x-linux-gnu-gcc".to_owned()),
            ..floor(pure(), glibc)
        };
        let choice = Machine::new(&[gcc]).choose(S390X, &named).unwrap();
        assert_eq!(choice.why.contains(checked), unkept, "{glibc}");
    }
}

#[test]
fn zig_is_not_asked_for_a_glibc_that_it_does_not_know() {
    const WITH_LIBRARY: &str =
        r#"case $1 in version) echo 0.17.0 ;; env) echo ".{ .lib_dir = \"${0%/*}/lib\", }" ;; esac"#;
    let machine = Machine::new(&[("zig", WITH_LIBRARY)]);
    let folder = machine.folder.path().join("bin/lib/libc/glibc");
    fs::create_dir_all(&folder).unwrap();
    let chosen = |content: &[u8], glibc: &str| {
        fs::write(folder.join("abilists"), content).unwrap();
        let choice = machine.choose(S390X, &floor(with_c(), glibc)).unwrap();
        (choice.glibc.unwrap(), choice.why)
    };
    let known = b"\x02m\0c\0\x03\x02\x1f\0\x02\x26\0\x02\x04\0rest";
    for (glibc, linked) in [("2.31", "2.31"), ("2.38", "2.38"), ("2.41", "2.38")] {
        let (got, why) = chosen(known, glibc);
        assert_eq!(
            (got.as_str(), why.contains("the newest that it knows")),
            (linked, glibc == "2.41")
        );
    }
    // What is no such file says nothing.
    for broken in [&b""[..], b"\xff", b"\x01m", b"\x01m\0\xff\x02"] {
        assert_eq!(chosen(broken, "2.41").0, "2.41");
    }
}
