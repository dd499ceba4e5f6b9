//! What is measured: triples, programs, linkers.

use std::fmt;

/// One triple with one way to have a C library.
#[derive(Debug)]
pub(crate) struct Triple {
    pub(crate) platform: &'static str,
    /// As tools name the platform that write a variant always.
    pub(crate) full: &'static str,
    pub(crate) triple: &'static str,
    pub(crate) libc: &'static str,
    pub(crate) header: Header,
}

/// What `readelf -h` says of every program of a platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) class: &'static str,
    pub(crate) data: &'static str,
    pub(crate) machine: &'static str,
    /// Words of its flags.
    pub(crate) flags: &'static str,
}

/// One program: the package and its binary, and how the page names it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) package: &'static str,
    pub(crate) shown: &'static str,
}

/// A cell of the table.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) triple: &'static Triple,
    pub(crate) program: &'static Program,
    pub(crate) linker: &'static str,
}

/// The columns. What compiles longest comes last.
pub(crate) const PROGRAMS: &[Program] = &[
    program("pure", "Rust alone"),
    program("ring-program", "ring"),
    program("sqlite-zstd", "SQLite, Zstandard"),
    program("cpp", "C++"),
    program("aws-lc", "AWS-LC"),
];

/// glibc linked statically stands where the built-in base `static` falls back to it, for want of a musl std.
pub(crate) const TRIPLES: &[Triple] = &[
    triple("linux/amd64", "x86_64-unknown-linux-musl", MUSL, AMD64),
    triple("linux/amd64", "x86_64-unknown-linux-gnu", GNU, AMD64),
    Triple {
        full: "linux/arm64/v8",
        ..triple("linux/arm64", "aarch64-unknown-linux-musl", MUSL, ARM64)
    },
    Triple {
        full: "linux/arm64/v8",
        ..triple("linux/arm64", "aarch64-unknown-linux-gnu", GNU, ARM64)
    },
    triple("linux/arm/v7", "armv7-unknown-linux-musleabihf", MUSL, ARM),
    triple("linux/arm/v7", "armv7-unknown-linux-gnueabihf", GNU, ARM),
    triple("linux/arm/v7", "armv7-unknown-linux-gnueabihf", STATIC_GNU, ARM),
    triple("linux/arm/v6", "arm-unknown-linux-musleabihf", MUSL, ARM),
    triple("linux/arm/v6", "arm-unknown-linux-gnueabihf", GNU, ARM),
    triple("linux/386", "i686-unknown-linux-musl", MUSL, I386),
    triple("linux/386", "i686-unknown-linux-gnu", GNU, I386),
    triple("linux/riscv64", "riscv64gc-unknown-linux-musl", MUSL, RISCV64),
    triple("linux/riscv64", "riscv64gc-unknown-linux-gnu", GNU, RISCV64),
    triple(
        "linux/riscv64",
        "riscv64gc-unknown-linux-gnu",
        STATIC_GNU,
        RISCV64,
    ),
    triple("linux/ppc64le", "powerpc64le-unknown-linux-musl", MUSL, PPC64LE),
    triple("linux/ppc64le", "powerpc64le-unknown-linux-gnu", GNU, PPC64LE),
    triple(
        "linux/ppc64le",
        "powerpc64le-unknown-linux-gnu",
        STATIC_GNU,
        PPC64LE,
    ),
    triple("linux/s390x", "s390x-unknown-linux-musl", MUSL, S390X),
    triple("linux/s390x", "s390x-unknown-linux-gnu", GNU, S390X),
    triple("linux/s390x", "s390x-unknown-linux-gnu", STATIC_GNU, S390X),
];

pub(crate) const MUSL: &str = "musl";
pub(crate) const GNU: &str = "glibc";
pub(crate) const STATIC_GNU: &str = "glibc, static";

const LINKERS: &[&str] = &["rust-lld", "gcc", "clang", "zig"];

const AMD64: Header = header("ELF64", "little", "Advanced Micro Devices X86-64", "");
const ARM64: Header = header("ELF64", "little", "AArch64", "");
const ARM: Header = header("ELF32", "little", "ARM", "Version5 EABI, hard-float ABI");
const I386: Header = header("ELF32", "little", "Intel 80386", "");
const RISCV64: Header = header("ELF64", "little", "RISC-V", "RVC, double-float ABI");
const PPC64LE: Header = header("ELF64", "little", "PowerPC64", "abiv2");
const S390X: Header = header("ELF64", "big", "IBM S/390", "");

const fn header(
    class: &'static str,
    data: &'static str,
    machine: &'static str,
    flags: &'static str,
) -> Header {
    Header {
        class,
        data,
        machine,
        flags,
    }
}

const fn triple(platform: &'static str, triple: &'static str, libc: &'static str, header: Header) -> Triple {
    Triple {
        platform,
        full: platform,
        triple,
        libc,
        header,
    }
}

const fn program(package: &'static str, shown: &'static str) -> Program {
    Program { package, shown }
}

/// All cells: a program for every triple before the next program.
pub(crate) fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for program in PROGRAMS {
        for triple in TRIPLES {
            cells.extend(triple.linkers().into_iter().map(|linker| Cell {
                triple,
                program,
                linker,
            }));
        }
    }
    cells
}

impl Triple {
    /// The rows of this triple. The machine's own `cc` has no name in a matrix, so it is reached by `auto`.
    pub(crate) fn linkers(&self) -> Vec<&'static str> {
        let own = self.triple == "x86_64-unknown-linux-gnu";
        let kinds = LINKERS.iter().copied();
        own.then_some("auto").into_iter().chain(kinds).collect()
    }

    /// The name of what is kept of it.
    pub(crate) fn name(&self) -> String {
        let way = if self.libc == STATIC_GNU { "-static" } else { "" };
        format!("{}{way}", self.triple)
    }
}

impl Cell {
    /// What `--only` may say.
    pub(crate) fn words(&self) -> [&str; 5] {
        let Triple {
            platform,
            triple,
            libc,
            ..
        } = self.triple;
        [platform, triple, libc, self.program.package, self.linker]
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.triple.name();
        write!(f, "{name} {} {}", self.program.package, self.linker)
    }
}
