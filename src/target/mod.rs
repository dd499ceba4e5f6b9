//! [`Target`]: what is known about one triple. Facts are data in `targets/`, never code.
//!
//! In: `targets/*.toml`, embedded, overlaid by the user's own folder. Out: facts by triple and by platform.
//! This room never runs a tool and never decides which target is used.

mod catalog;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use catalog::{Catalog, TargetError};

use crate::spec::Platform;

/// The facts about one triple, as its file in `targets/` states them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Target {
    /// What rustc calls it; equal to the file's name.
    pub triple: String,
    /// What the image index calls it.
    pub platform: Platform,
    /// The C library that its programs use.
    pub libc: Libc,
    /// The architecture of its machines in rustc's words (`target_arch`).
    pub arch: String,
    /// What its machines call themselves (`uname -m`), for CMake.
    pub uname: Option<String>,
    /// The linkers that can be used, best first; the first that is found and can do the job is taken.
    pub linkers: Vec<LinkerKind>,
    /// Whether rustup distributes its std (upstream; a mirror may lack it all the same).
    #[serde(default = "yes")]
    pub std_in_rustup: bool,
    /// Flags given to rustc for this target, before the user's own per-platform flags.
    #[serde(default)]
    pub rustflags: Vec<String>,
    /// Flags that make a gnu target fully static, where `static` or `scratch` must be served without musl.
    #[serde(default)]
    pub static_rustflags: Vec<String>,
    /// Prefix of the cross binutils and gcc (`aarch64-linux-gnu` for `aarch64-linux-gnu-gcc`), as the `cc` crate
    /// knows it.
    pub gcc_prefix: Option<String>,
    /// Debian packages that hold that gcc and its libc, as one writes them after `apt-get install`, for advice.
    pub gcc_package: Option<String>,
    /// For a musl target: prefix of a gcc of the same architecture and ABI that brings glibc. Given musl's headers
    /// it compiles C for this target; it never links it.
    pub gnu_gcc_prefix: Option<String>,
    /// A condition of the C preprocessor that holds in every compiler for this target and in none for another
    /// architecture or ABI. Held against each gcc before it is used.
    pub compiler_check: Option<String>,
    /// Where musl's headers for this target may lie.
    pub musl_headers: Option<MuslHeaders>,
    /// How zig names it.
    pub zig: Option<Zig>,
    /// How clang names it (`--target=`).
    pub clang: Option<String>,
    /// How Go names it.
    pub go: Option<Go>,
    /// How qemu names it: `qemu-<this>-static`, or `qemu-<this>`, runs its programs elsewhere.
    pub qemu: Option<String>,
    /// Variables that crates' build scripts need, unless the user sets them; their names hold the triple.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Whether a gcc makes calls into its libatomic of some atomics of C, where other compilers make instructions.
    #[serde(default)]
    pub libatomic: bool,
    /// What every program built for it must say of itself; none for formats that are not ELF.
    pub elf: Option<ElfPromise>,
    /// Whether UPX can pack its programs and they run afterwards.
    #[serde(default)]
    pub upx: bool,
}

fn yes() -> bool {
    true
}

/// Where musl's headers for a target may lie.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct MuslHeaders {
    /// Folders below zig's `lib/libc/include`, in the order of their search: those of musl, then Linux's own.
    pub zig: Vec<String>,
    /// Folder below `/usr/include` where Debian's `musl-dev` of that architecture puts all of them.
    pub system: String,
}

/// A C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Libc {
    /// GNU libc.
    Gnu,
    /// musl.
    Musl,
    /// None that a base could lack (WASI).
    None,
}

impl std::fmt::Display for Libc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gnu => "glibc",
            Self::Musl => "musl",
            Self::None => "no C library",
        })
    }
}

/// A way to link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkerKind {
    /// `rust-lld` of the toolchain, alone: no C library is needed beyond what the std component brings.
    RustLld,
    /// The system's own `cc`: only where the host runs this target.
    Cc,
    /// A cross gcc, `<gcc-prefix>-gcc`. For musl it compiles C (with musl's headers if it brings none) and
    /// `rust-lld` links.
    Gcc,
    /// clang with lld and a sysroot on this system. For musl it compiles C with musl's headers and `rust-lld` links.
    Clang,
    /// zig, which brings headers and libraries of its own.
    Zig,
    /// What rustc takes by itself (wasm).
    Default,
}

impl std::fmt::Display for LinkerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RustLld => "rust-lld",
            Self::Cc => "cc",
            Self::Gcc => "gcc",
            Self::Clang => "clang",
            Self::Zig => "zig",
            Self::Default => "default",
        })
    }
}

/// How zig names a target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Zig {
    /// For `-target`, without a glibc version.
    pub target: String,
    /// For `-mcpu`, where zig's own default is another than rustc's.
    pub cpu: Option<String>,
    /// What becomes of `-march=` that build scripts give to a C compiler: zig spells its values in its own way.
    #[serde(default)]
    pub march: March,
    /// The lowest glibc it can link against.
    pub minimum_glibc: Option<String>,
}

/// What becomes of a C compiler's `-march=X` when zig is that compiler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum March {
    /// X is a CPU: zig writes it with `_` instead of `-` (`x86_64_v3`).
    #[default]
    Cpu,
    /// X is an architecture with extensions (`armv8.2-a+fp16`): handed on as features of a generic CPU.
    Features,
    /// zig knows no such X: dropped, [`Zig::cpu`] says enough.
    Drop,
    /// Handed on as it is.
    Keep,
}

/// How Go names a target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Go {
    /// `GOOS`.
    pub os: String,
    /// `GOARCH`.
    pub arch: String,
    /// Further variables, by their names: those that the platform itself says, as `GOARM` for a variant of ARM. What
    /// it leaves open (`GOAMD64`) is the user's.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

impl Go {
    /// Every variable that makes `go build` build for the target.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let named = [("GOOS", &self.os), ("GOARCH", &self.arch)];
        let named = named.map(|(name, value)| (name.to_owned(), value.clone()));
        self.variables.clone().into_iter().chain(named).collect()
    }
}

/// What the ELF header of a built program must say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ElfPromise {
    /// 32 or 64.
    pub class: u8,
    /// `little` or `big`.
    pub endian: Endian,
    /// `e_machine`, by its number in the gABI.
    pub machine: u16,
    /// Bits of `e_flags` that must be set so: `mask` and `value`.
    pub flags: Option<ElfFlags>,
    /// The program interpreter that a dynamic program names; a static one names none.
    pub interpreter: Option<String>,
    /// The highest version of the ARM architecture that every machine of the platform has.
    pub arm_version: Option<u8>,
    /// Further machines (`e_machine`) whose programs the kernels of the platform run.
    #[serde(default)]
    pub also_runs: Vec<u16>,
}

/// Byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// `e_flags & mask == value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ElfFlags {
    /// Which bits are looked at.
    pub mask: u32,
    /// What they must be.
    pub value: u32,
}
