//! What can go wrong while a layer is made.

use std::io;
use std::path::PathBuf;

use crate::blob::BlobError;
use crate::codec::CodecError;

/// A layer could not be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum LayerError {
    /// A path that cannot stand in a layer.
    #[error("`{path}` is no path within an image")]
    #[diagnostic(
        code(gantry::layer::path),
        help("paths are below the image's root, without `..` and NUL, and name something")
    )]
    Path {
        /// The path.
        path: String,
    },
    /// A name with a meaning of its own in layers.
    #[error(
        "`{path}` would not be in the image: in a layer, a name that begins with `.wh.` hides what lies below it"
    )]
    #[diagnostic(code(gantry::layer::whiteout), help("exclude it, or give it another name"))]
    Whiteout {
        /// The path.
        path: String,
    },
    /// Two things for one place.
    #[error("`{path}` is put into the image twice: as {first} and as {second}")]
    #[diagnostic(
        code(gantry::layer::duplicate),
        help("remove one of them, or give it another destination")
    )]
    Duplicate {
        /// The place.
        path: String,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// Something below what is no directory.
    #[error("`{path}` cannot lie below `{parent}`, which is {what}")]
    #[diagnostic(code(gantry::layer::parent))]
    Parent {
        /// What lies below.
        path: String,
        /// What is no directory.
        parent: String,
        /// What it is.
        what: String,
    },
    /// A hard link to what is no file of the layer.
    #[error("`{path}` is to be another name of `{target}`, which is no file of the same layer")]
    #[diagnostic(code(gantry::layer::hardlink))]
    Hardlink {
        /// The link.
        path: String,
        /// What it should be a name of.
        target: String,
    },
    /// There is no such file or folder.
    #[error("`from = \"{from}\"`: there is no `{}`", path.display())]
    #[diagnostic(code(gantry::layer::missing), help("{help}"))]
    Missing {
        /// As the matrix has it.
        from: String,
        /// Where it should be.
        path: PathBuf,
        /// The way out.
        help: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::layer::unreadable))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that was written to, or replaced, while it was packed.
    #[error("`{}` changed while it was packed", path.display())]
    #[diagnostic(
        code(gantry::layer::changed),
        help("wait until whatever writes it has finished, then try again")
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Neither file, directory nor symbolic link.
    #[error("`{}` is {what}, which cannot be packed", path.display())]
    #[diagnostic(code(gantry::layer::special), help("exclude it"))]
    Special {
        /// Where it lies.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A symbolic link that leads out of the packed folder.
    #[error("the link `{}` leads out of the packed folder: its target is `{target}`", link.display())]
    #[diagnostic(
        code(gantry::layer::link_escapes),
        help(
            "make the link relative to something within the folder, or exclude it and use `link` and `target`"
        )
    )]
    LinkEscapes {
        /// The link.
        link: PathBuf,
        /// Its target as it is written.
        target: String,
    },
    /// `from` is not below the folder of the matrix.
    #[error("`{from}` lies outside of `{}`", root.display())]
    #[diagnostic(
        code(gantry::layer::from_escapes),
        help(
            "`from` is relative to the folder of the matrix and stays below it, also through symbolic links"
        )
    )]
    FromEscapes {
        /// `from` as it is written.
        from: String,
        /// The folder of the matrix.
        root: PathBuf,
    },
    /// Nothing is left to be packed.
    #[error("`{from}` matches nothing")]
    #[diagnostic(
        code(gantry::layer::nothing),
        help(
            ".git, cargo's target directory, .env and what .gitignore names are skipped unless `include` names them"
        )
    )]
    Nothing {
        /// `from` as it is written.
        from: String,
    },
    /// A glob that is none.
    #[error("`{glob}` is no glob")]
    #[diagnostic(code(gantry::layer::glob))]
    Glob {
        /// The glob.
        glob: String,
        /// Why.
        #[source]
        source: globset::Error,
    },
    /// A `.gitignore` that cannot be understood.
    #[error("cannot read the rules of `{}`", path.display())]
    #[diagnostic(code(gantry::layer::ignore_rules))]
    Rules {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ignore::Error,
    },
    /// A name that this system does not give as text.
    #[error("the name of `{}` is not Unicode", path.display())]
    #[diagnostic(code(gantry::layer::name))]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// The store would not take it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] BlobError),
    /// The compression is none.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Codec(#[from] CodecError),
}

impl LayerError {
    /// Whether the disk of the store is at fault (exit code 7).
    pub fn is_disk(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_disk())
    }
}
