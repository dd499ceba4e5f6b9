//! What can be wrong with a program.

use std::path::PathBuf;

use super::Mismatch;

/// A program cannot be read, or is not what its target promises.
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
}

fn joined(mismatches: &[Mismatch]) -> String {
    let each: Vec<_> = mismatches.iter().map(Mismatch::to_string).collect();
    each.join("; ")
}
