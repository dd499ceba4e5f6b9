//! What can be wrong with a program.

use std::path::PathBuf;

use super::Mismatch;
use crate::tool::ToolError;

/// A program cannot be read, is not what its target promises, or cannot be made smaller.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum BinaryError {
    /// The file cannot be read.
    #[error("cannot read the program `{}`", path.display())]
    #[diagnostic(code(gantry::binary::read))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It begins like an ELF file, and is none.
    #[error("`{}` is no valid ELF file", path.display())]
    #[diagnostic(code(gantry::binary::broken))]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: super::ElfError,
    },
    /// It was built for something else.
    #[error("`{}` is no program for `{triple}`: {}", path.display(), joined(mismatches))]
    #[diagnostic(
        code(gantry::binary::promise),
        help(
            "the linker or a C compiler of another target was used, or the file was taken from another platform"
        )
    )]
    Promise {
        /// The file.
        path: PathBuf,
        /// The target's triple.
        triple: String,
        /// All that differs.
        mismatches: Vec<Mismatch>,
    },
    /// It is for other machines than those that were asked for.
    #[error("`{}` is no program for {}", path.display(), platforms.join(" or "))]
    #[diagnostic(
        code(gantry::binary::platform),
        help("leave `--platform` out: what a program is for is read from its file")
    )]
    Platform {
        /// The file.
        path: PathBuf,
        /// The platforms that were asked for.
        platforms: Vec<String>,
    },
    /// No program here can strip it.
    #[error("cannot strip `{}`: {}", path.display(), tried(attempts))]
    #[diagnostic(
        code(gantry::binary::strip),
        help(
            "any llvm-objcopy will do (`rustup component add llvm-tools`, or the system's package `llvm`), and so will the binutils of its machine; `strip = \"none\"` leaves it as it is"
        )
    )]
    Strip {
        /// The file.
        path: PathBuf,
        /// What was tried, and why it did not do.
        attempts: Vec<String>,
    },
    /// It is another one than it was when it was first looked at.
    #[error("the program `{}` changed while it was made ready", path.display())]
    #[diagnostic(
        code(gantry::binary::changed),
        help(
            "wait until whatever writes it (a compiler started by an editor, say) has finished, then try again"
        )
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// UPX is asked for and not installed.
    #[error("`upx` not found")]
    #[diagnostic(
        code(gantry::binary::no_upx),
        help(
            "install it (Debian and Ubuntu: `upx-ucl`, on Debian 12 from its backports; Fedora, Alpine, Homebrew: `upx`), or set `upx = false`"
        )
    )]
    NoUpx,
    /// A finished program cannot be kept.
    #[error("cannot keep finished programs in `{}`", path.display())]
    #[diagnostic(code(gantry::binary::keep), help("make room there, and make it writable"))]
    Keep {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// See [`ToolError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tool(#[from] ToolError),
}

fn tried(attempts: &[String]) -> String {
    if attempts.is_empty() {
        return "no program that could was found".to_owned();
    }
    attempts.join("; ")
}

fn joined(mismatches: &[Mismatch]) -> String {
    let each: Vec<_> = mismatches.iter().map(Mismatch::to_string).collect();
    each.join("; ")
}
