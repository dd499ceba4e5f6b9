//! What linkers and build scripts say, and what is said of it.

use super::*;

#[test]
fn explains_what_linkers_say() {
    let machine = Machine::new(&[]);
    let explained_for = |wanted: Wanted, triple: &str, stderr: &str| {
        let target = machine.catalog.triple(triple).unwrap();
        let toolchain = machine.toolchain();
        let attempt = Attempt {
            target,
            wanted: &wanted,
            toolchain: &toolchain,
            strict: true,
        };
        let choice = attempt.choice(LinkerKind::Gcc, "some-gcc", "");
        explain(stderr, target, &wanted, &choice, &toolchain)
    };
    let explained = |triple: &str, stderr: &str| explained_for(pure(), triple, stderr);
    for (stderr, part) in [
        (
            "rust-lld: error: x.rcgu.o is incompatible with elf64-x86-64",
            "another architecture; run `pip install ziglang`",
        ),
        (
            "error: linker `aarch64-linux-gnu-gcc` not found",
            "is missing; run `pip install ziglang`",
        ),
        (
            "rust-lld: error: unable to find library -lstdc++",
            "set `linker` to \"zig\"",
        ),
        (
            "Could not find directory of OpenSSL installation\npkg-config has not been configured to support cross-compilation",
            "features = [\"vendored\"]",
        ),
        (
            "undefined reference to `__atomic_fetch_add_1'",
            "calls of libatomic",
        ),
        (
            "undefined reference to `open64'",
            "glibc's headers for a musl target",
        ),
        (
            "rust-lld: error: unknown argument '-Wl,-z,now'",
            "a bare linker; set `linker` to one that is a compiler",
        ),
        (
            "  = note: the `X` target may not be installed",
            "run `rustup target add i686-unknown-linux-musl`",
        ),
    ] {
        let text = explained(I686_MUSL, stderr).unwrap();
        assert!(
            text.starts_with("linking `i686-unknown-linux-musl` with some-gcc failed: "),
            "{text}"
        );
        assert!(text.contains(part), "{text}");
    }
    let missing =
        "error occurred in cc-rs: failed to find tool \"s390x-linux-gnu-g++\": No such file or directory";
    let text = explained(S390X, missing).unwrap();
    assert!(
        text.ends_with("run `apt-get install g++-s390x-linux-gnu libc6-dev-s390x-cross`"),
        "{text}"
    );
    assert_eq!(explained(S390X, "error[E0308]: mismatched types"), None);
    // Whoever named the linker is told of that name, not of a program to install.
    let named = Wanted {
        linker: Asked::Program("some-gcc".to_owned()),
        ..pure()
    };
    let text = explained_for(named, S390X, "ld: x.o: file in wrong format").unwrap();
    assert!(text.contains("correct `linker`"), "{text}");
}
