//! What the user's flags for rustc have to say of linkers.

use super::*;

#[test]
fn flags_for_a_compiler_are_given_to_no_bare_linker() {
    let machine = Machine::new(&[("zig", ZIG), ("i686-linux-musl-gcc", GCC)]);
    let shown = |name: &str, flags: &str, linker: Asked| {
        let machine = Machine {
            folder: TempDir::new().unwrap(),
            environment: machine.environment.clone().with(name, flags),
            catalog: Catalog::builtin(),
        };
        let wanted = Wanted { linker, ..pure() };
        machine.choose(I686_MUSL, &wanted).map(|choice| choice.shown)
    };
    let own = "CARGO_TARGET_I686_UNKNOWN_LINUX_MUSL_RUSTFLAGS";
    for (name, flags, expected) in [
        (own, "-Clink-arg=-s", "rust-lld"),
        (own, "-C link-arg=-fuse-ld=lld", "zig 0.17.0 (musl)"),
        ("RUSTFLAGS", "-Clink-arg=-Wl,-z,now", "zig 0.17.0 (musl)"),
    ] {
        assert_eq!(shown(name, flags, Asked::Auto).unwrap(), expected, "{flags}");
    }
    let gcc = shown("RUSTFLAGS", "-Clink-arg=-Wl,-z,now", Asked::Kind(LinkerKind::Gcc));
    assert_eq!(gcc.unwrap(), "i686-linux-musl-gcc");
    let refused = shown(
        "RUSTFLAGS",
        "-Clink-arg=-Wl,-z,now",
        Asked::Kind(LinkerKind::RustLld),
    );
    let part = "rust-lld: the user's flags for rustc give it `-Wl,-z,now`, which is for a compiler";
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains(part), "{refused}");
}
