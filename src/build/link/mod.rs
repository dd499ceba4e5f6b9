//! How a target is linked, and its C compiled: the first of the target's linkers that is here and can do the job.
//!
//! In: a [`Target`], what the build needs ([`Wanted`]), and the [`Toolchain`]. Out: a [`LinkChoice`]: variables for
//! cargo, flags, and why. It never overrides what the user set for a target, never sets a variable that would reach
//! the host's own compiler (`CC`, `CFLAGS`), and takes no compiler on trust: each is asked whether it compiles for
//! this architecture with this C library. Why so: `docs/decisions/0003-linkers.md`.

mod clang;
mod compiler;
mod compilers;
mod driver;
mod error;
mod explain;
mod gcc;
mod script;
mod surroundings;
mod variables;
mod zig;

use std::collections::BTreeMap;
use std::ffi::OsString;

pub use compilers::Compilers;
pub use error::{LinkError, Refusal};
pub use explain::explain;

use super::toolchain::Toolchain;
use crate::target::{Libc, LinkerKind, Target};

/// What a link must be able to do.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// How the user wants to link.
    pub linker: Asked,
    /// Names of the crates in the graph that compile C or C++; empty if the graph is pure Rust.
    pub compiles_c: Vec<String>,
    /// The glibc that the programs must still run on, as in `2.31`; for gnu targets.
    pub glibc: Option<String>,
    /// Programs of a gnu target must be fully static. Programs of musl targets are static anyway.
    pub static_: bool,
    /// Variables that the call of cargo is given, over those of the user's own environment.
    pub environment: BTreeMap<String, String>,
    /// The C compiler must also link whole programs for the target, as Go with cgo and makefiles let it do: one that
    /// only compiles will not do, and the user's own is `CC`, not cargo's linker.
    pub cc_links: bool,
    /// No Rust is compiled: settings of cargo do not count, and nothing is said for rustc.
    pub no_rust: bool,
}

impl Wanted {
    /// Whether C is compiled.
    fn compiles(&self) -> bool {
        self.cc_links || !self.compiles_c.is_empty()
    }
}

/// A linker as the user asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// The first of the target's that can do the job.
    #[default]
    Auto,
    /// This way and no other.
    Kind(LinkerKind),
    /// A program, by name or path.
    Program(String),
}

/// How a target will be linked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkChoice {
    /// Which way; none for a program of the user's.
    pub kind: Option<LinkerKind>,
    /// For tables: `rust-lld`, `aarch64-linux-gnu-gcc`, `zig 0.17.0 (gnu.2.28)`.
    pub shown: String,
    /// Why this one, half a sentence.
    pub why: String,
    /// Variables for cargo, with the target in their names. None of them is set by the user in a form that names
    /// the target.
    pub variables: BTreeMap<String, OsString>,
    /// Flags for rustc: the target's own, and where asked for those that make it static.
    pub rustflags: Vec<String>,
    /// The glibc that it links against; none if unknown, or if there is none.
    pub glibc: Option<String>,
    /// The tools that hold for this target, the user's own among them.
    pub compilers: Compilers,
    /// What the compiler and the linker say of their versions, as `aarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0`
    /// or `zig 0.17.0`; none where they say nothing, and for `rust-lld`, which belongs to rustc.
    pub identity: Option<String>,
}

/// Why a linker of Rust programs is not taken for others.
const ONLY_RUST: &str = "it links Rust only, and the C compiler must link";

/// Chooses how to link `target`.
///
/// # Errors
/// When nothing here can do it, with the reasons of each way and one command that helps.
pub fn choose(target: &Target, wanted: &Wanted, toolchain: &Toolchain) -> Result<LinkChoice, LinkError> {
    let attempt = Attempt {
        target,
        wanted,
        toolchain,
        strict: true,
    };
    let chosen = attempt.choose()?;
    attempt.check_own()?;
    Ok(attempt.identified(attempt.equipped(chosen)))
}

/// One question: can it be done this way?
#[derive(Clone, Copy)]
struct Attempt<'a> {
    target: &'a Target,
    wanted: &'a Wanted,
    toolchain: &'a Toolchain,
    /// The glibc floor must be kept for sure.
    strict: bool,
}

/// A way to link, or why not so.
type Answer = Result<LinkChoice, String>;

impl Attempt<'_> {
    fn choose(&self) -> Result<LinkChoice, LinkError> {
        if let Some(own) = self.own() {
            return Ok(own);
        }
        let kinds = match &self.wanted.linker {
            Asked::Program(program) => return self.program(program),
            Asked::Kind(kind) => std::slice::from_ref(kind),
            Asked::Auto => &self.target.linkers,
        };
        let mut refusals = Vec::new();
        for kind in kinds {
            match self.kind(*kind) {
                Ok(choice) => return Ok(choice),
                Err(why) => refusals.push(Refusal { kind: *kind, why }),
            }
        }
        // Nothing keeps the glibc floor for sure. Pure Rust rarely needs all of a newer glibc: better than nothing,
        // as the programs are held against their base afterwards.
        let lenient = Attempt {
            strict: false,
            ..*self
        };
        let likely = kinds.iter().find_map(|kind| lenient.kind(*kind).ok());
        likely.ok_or_else(|| LinkError::none(self.target, self.wanted, self.toolchain, refusals))
    }

    fn kind(&self, kind: LinkerKind) -> Answer {
        match kind {
            LinkerKind::RustLld => self.rust_lld(),
            LinkerKind::Cc => self.system(),
            LinkerKind::Gcc => self.gcc(),
            LinkerKind::Clang => self.clang(),
            LinkerKind::Zig => self.zig(),
            LinkerKind::Default if self.wanted.cc_links => Err(ONLY_RUST.to_owned()),
            LinkerKind::Default => Ok(self.choice(kind, "rustc's own", "rustc links it by itself")),
        }
    }

    /// What the user set for this target: the C compiler where that links, else the linker.
    fn own(&self) -> Option<LinkChoice> {
        let unkept = self.unkept();
        if self.wanted.cc_links {
            let cc = self.own_value("CC")?.to_owned();
            let why = format!("the user's own, from CC of this target{unkept}");
            let mut own = LinkChoice {
                kind: None,
                ..self.choice(LinkerKind::Default, &cc.to_string_lossy(), &why)
            };
            // Words are no linker for cargo.
            if self.toolchain.find(&cc).is_some() {
                self.link_with(&mut own, cc);
            }
            return Some(own);
        }
        let (linker, origin) = self.own_linker()?;
        let why = format!("the user's own, from {origin}{unkept}");
        let mut own = LinkChoice {
            kind: None,
            ..self.choice(LinkerKind::Default, &linker, &why)
        };
        own.compilers.linker = Some(linker.into());
        Some(own)
    }

    fn program(&self, program: &str) -> Result<LinkChoice, LinkError> {
        let missing = || LinkError::Program {
            triple: self.target.triple.clone(),
            program: program.to_owned(),
        };
        self.toolchain.find(program).ok_or_else(missing)?;
        let mut choice = LinkChoice {
            kind: None,
            ..self.choice(LinkerKind::Default, program, "named as `linker`")
        };
        self.link_with(&mut choice, program);
        let checked = self.check(program, self.target.libc);
        let kept = checked.as_ref().is_ok_and(|compiler| {
            let floor = self.floor();
            compiler
                .glibc
                .is_some_and(|glibc| floor.is_none_or(|floor| glibc <= floor))
        });
        if !kept {
            choice.why += &self.unkept();
        }
        match checked {
            Ok(_) => self.set(&mut choice, "CC", program),
            Err(compiler::Unfit::Silent(_)) if !self.wanted.cc_links => {}
            Err(unfit) if self.wanted.compiles() => {
                return Err(LinkError::Miscompiles {
                    triple: self.target.triple.clone(),
                    program: program.to_owned(),
                    why: unfit.into(),
                });
            }
            Err(_) => {}
        }
        Ok(choice)
    }

    fn rust_lld(&self) -> Answer {
        if self.target.libc != Libc::Musl {
            return Err("Rust's std component brings no glibc to link against".to_owned());
        }
        if self.wanted.cc_links {
            return Err(ONLY_RUST.to_owned());
        }
        self.rust_lld_links()?;
        if self.wanted.compiles() && !self.has_own_compiler() {
            return Err("it brings no C compiler".to_owned());
        }
        let mut choice = self.choice(
            LinkerKind::RustLld,
            "rust-lld",
            "no C is compiled: nothing else is needed",
        );
        if self.wanted.compiles() {
            choice.why = "nothing else is needed to link".to_owned();
        }
        self.link_with(&mut choice, "rust-lld");
        self.guard(&mut choice);
        Ok(choice)
    }

    /// `rust-lld` links musl from Rust's std component. For build scripts and procedural macros, which are linked by the
    /// same variable where the target is rustc's host, that is not enough: these are no static programs.
    fn rust_lld_links(&self) -> Result<(), String> {
        if self.toolchain.std_is_built(&self.target.triple) {
            return Err("a standard library that cargo builds brings no musl to link against".to_owned());
        }
        if self.toolchain.host() == Some(&self.target.triple) {
            return Err("it does not link procedural macros, which are for this target too".to_owned());
        }
        // What is wrong with the flags is said when they are handed over.
        let flags = self.toolchain.rustflags(&self.target.triple).unwrap_or_default();
        match driver::words(&flags).next() {
            Some(word) => Err(format!(
                "the user's flags for rustc give it `{word}`, which is for a compiler"
            )),
            None => Ok(()),
        }
    }

    /// If a crate compiles C after all, the `cc` crate must not fall back to the host's compiler, nor to a
    /// `musl-gcc` of another architecture: it is told a name that may not exist, and then says so.
    fn guard(&self, choice: &mut LinkChoice) {
        let fallback = "musl-gcc";
        if self.toolchain.find(fallback).is_some() && self.check(fallback, Libc::Musl).is_ok() {
            return;
        }
        if let Some(prefix) = &self.target.gcc_prefix {
            self.say(choice, "CC", format!("{prefix}-gcc"));
            self.say(choice, "CXX", format!("{prefix}-g++"));
        }
    }

    fn choice(&self, kind: LinkerKind, shown: &str, why: &str) -> LinkChoice {
        let mut rustflags = self.target.rustflags.clone();
        if self.wanted.no_rust {
            rustflags.clear();
        } else if self.wanted.static_ && self.target.libc == Libc::Gnu {
            rustflags.extend(self.target.static_rustflags.iter().cloned());
        }
        LinkChoice {
            kind: Some(kind),
            shown: shown.to_owned(),
            why: why.to_owned(),
            variables: BTreeMap::new(),
            rustflags,
            glibc: None,
            compilers: self.own_compilers(),
            identity: None,
        }
    }

    fn has_own_compiler(&self) -> bool {
        self.own_value("CC").is_some()
    }

    /// Whether what is the host's is the target's. Without rustc the host's C library is not known: it counts as glibc,
    /// since glibc's tools and libraries must not reach a program for musl.
    fn is_host(&self) -> bool {
        let known = self.toolchain.host().is_some() || self.target.libc == Libc::Gnu;
        known && self.toolchain.is_host(self.target)
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
