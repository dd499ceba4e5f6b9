//! What a failed link's words mean, and what helps.

use super::error::remedy;
use super::{Asked, LinkChoice, Toolchain, Wanted};
use crate::target::{Libc, Target};

/// Words of linkers and build scripts, what they mean, and what helps.
const KNOWN: &[(&[&str], &str, Help)] = &[
    (
        &[
            "-g++\": No such file",
            "-g++`: No such file",
            "linux-musl-g++",
            "linux-musleabihf-g++",
        ],
        "a crate compiles C++, and the C++ compiler is missing",
        Help::Cxx,
    ),
    (
        &[
            "is incompatible with elf",
            "file in wrong format",
            "Relocations in generic ELF",
        ],
        "the linker works for another architecture",
        Help::Remedy,
    ),
    (
        &["error: linker `", "ToolNotFound", "failed to find tool"],
        "a compiler or linker is missing",
        Help::Remedy,
    ),
    (
        &[
            "unable to find library -lstdc++",
            "unable to find library -lc++",
            "__libc_single_threaded",
        ],
        "C++ needs a C++ library of the target",
        Help::Cxx,
    ),
    (
        &[
            "'open64'",
            "`open64'",
            "symbol: open64",
            "`fstat64'",
            "symbol: fstat64",
            "`mmap64'",
            "symbol: mmap64",
            "__memcpy_chk",
        ],
        "C was compiled with glibc's headers for a musl target",
        Help::Say("do not set CC for it, or set it to a compiler for musl"),
    ),
    (
        &["rust-lld: error: unknown argument '-"],
        "an argument for a compiler was given to a bare linker",
        Help::Say("set `linker` to one that is a compiler: \"zig\", \"gcc\", or \"cc\" for this machine"),
    ),
    (
        &["target may not be installed"],
        "the standard library is not installed",
        Help::Std,
    ),
    (
        &["unable to parse target query"],
        "zig was given rustc's name of the target",
        Help::Say("do not set CC or the linker to zig itself: leave `linker` at \"auto\" or \"zig\""),
    ),
    (
        &["duplicate symbol: _start", "failed to open object crt1.o"],
        "zig's start files and those of Rust's std do not go together",
        Help::Say(
            "leave `linker` at \"auto\" or \"zig\"; with a std built from source add the rustflag `-Clink-self-contained=no`",
        ),
    ),
    (
        &["__snprintfieee128", "__fprintfieee128"],
        "glibc is too old for this target",
        Help::Say("set `glibc` to \"2.32\" or newer"),
    ),
    (
        &["unable to provide libc for target"],
        "zig has no libc for this target",
        Help::Say("set `linker` to \"gcc\""),
    ),
    (
        &[
            "Could not find directory of OpenSSL installation",
            "Could not find openssl via pkg-config",
        ],
        "there is no OpenSSL of the target here",
        Help::Say(
            "let it be compiled (`openssl = { version = \"0.10\", features = [\"vendored\"] }` in Cargo.toml), or take rustls \
             instead of it",
        ),
    ),
    (
        &["`__atomic_", "'__atomic_", "symbol: __atomic_"],
        "C code makes atomics by calls of libatomic, which is not linked",
        Help::Say("add the rustflag `-Clink-arg=-latomic`, or set `linker` to \"zig\""),
    ),
    (
        &["pkg-config has not been configured to support cross-compilation"],
        "a crate looks for a library of the system, and there is none of the target",
        Help::Say(
            "take the crate's feature that builds the library from source (often `vendored` or `bundled`)",
        ),
    ),
];

enum Help {
    Say(&'static str),
    Remedy,
    Cxx,
    Std,
}

/// What the output of a failed build of `target` means, if it is one of the known faults of linking: target, linker,
/// meaning, and what helps, in one text.
pub fn explain(
    stderr: &str,
    target: &Target,
    wanted: &Wanted,
    choice: &LinkChoice,
    toolchain: &Toolchain,
) -> Option<String> {
    let (_, meaning, help) = KNOWN
        .iter()
        .find(|(marks, ..)| marks.iter().any(|mark| stderr.contains(mark)))?;
    let triple = &target.triple;
    let help = match help {
        Help::Say(text) => (*text).to_owned(),
        Help::Remedy if matches!(wanted.linker, Asked::Program(_)) => {
            "correct `linker` in gantry.toml, or leave it at \"auto\"".to_owned()
        }
        Help::Remedy => remedy(target, wanted, toolchain),
        Help::Cxx if target.libc == Libc::Musl => {
            "run `pip install ziglang` and set `linker` to \"zig\"".to_owned()
        }
        Help::Cxx => match &target.gcc_package {
            // Debian's g++ packages are named as its gcc packages, and bring them.
            Some(packages) => format!("run `apt-get install {}`", packages.replacen("gcc-", "g++-", 1)),
            None => remedy(target, wanted, toolchain),
        },
        Help::Std => format!("run `rustup target add {triple}`"),
    };
    Some(format!(
        "linking `{triple}` with {} failed: {meaning}; {help}",
        choice.shown
    ))
}
