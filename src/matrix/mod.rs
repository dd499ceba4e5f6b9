//! [`Matrix`]: what `gantry.toml` says, every default applied and every override merged.
//!
//! In: TOML text (a file, or `[workspace.metadata.gantry]`). Out: a Matrix, or an error with a span into that text.
//! This room reads no file, knows no project and decides nothing: templates stay templates.

mod binaries;
mod check;
mod checks;
mod error;
mod files;
mod finish;
mod grammar;
mod image;
mod limits;
mod node;
mod parse;
mod platforms;
mod reference;
mod schema;
mod sources;
mod suggest;
mod tags;
mod template;
mod unsupported;

use std::collections::{BTreeMap, BTreeSet};

pub use checks::{CheckLevel, Checks};
pub use error::MatrixError;
pub use limits::Growth;
pub use parse::{Source, parse, parse_sources};
pub use reference::reference;
pub use schema::schema;
pub use template::{Template, TemplateError};

pub use crate::spec::ManifestFormat;
use crate::spec::Platform;

/// What the user wrote, resolved.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Matrix {
    /// The images, in the order of the file. None means: one image per binary of the project, with
    /// [`Matrix::unnamed`]'s settings.
    pub images: Vec<Image>,
    /// `[defaults]` as an image of no name, for images that the project implies.
    pub unnamed: Image,
    /// Platforms that settings of all images are for, whether an image is for them or not.
    pub shared: BTreeSet<Platform>,
    /// `[binary.X]`: binaries that do not come from cargo.
    pub binaries: BTreeMap<String, BinarySource>,
    /// Whether compilers may change between builds.
    pub toolchain: ToolchainRule,
}

impl Matrix {
    /// The images; where none is declared, the one of no name that stands for those that the project implies.
    pub fn declared(&self) -> &[Image] {
        match self.images.is_empty() {
            true => std::slice::from_ref(&self.unnamed),
            false => &self.images,
        }
    }
}

/// `[image.NAME]` with the defaults merged in.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Image {
    /// NAME.
    pub name: String,
    /// Templates of the repositories it is published to; empty means it can only be built.
    pub repositories: Vec<String>,
    /// The declared platforms, each with its settings, in the order of the file.
    pub platforms: Vec<PlatformSettings>,
    /// The binaries, in the order of the file; empty means the cargo binary of the image's name. Where there is none
    /// in the file but a `[binary.NAME]` of the image's name, this holds that one.
    pub binaries: Vec<BinaryUse>,
    /// Cargo profile of the binaries; each of [`Image::binaries`] has it already, unless it says another.
    pub profile: String,
    /// Tags to set.
    pub tags: Vec<TagRule>,
    /// In which order they are set.
    pub tag_order: TagOrder,
    /// How layers are compressed.
    pub compression: Compression,
    /// What is stripped from binaries.
    pub strip: Strip,
    /// No path of the build machine in a binary.
    pub remap_paths: bool,
    /// A BuildUnit of its own.
    pub isolated: bool,
    /// Where binaries land; `/usr/local/bin/` by default.
    pub bin_dir: String,
    /// Overrides the first binary as entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Default arguments.
    pub cmd: Option<Vec<String>>,
    /// Environment of the running program; templates and `$X` of the base.
    pub env: BTreeMap<String, String>,
    /// `uid[:gid]` or names.
    pub user: Option<String>,
    /// Users appended to passwd and group.
    pub users: BTreeMap<String, u32>,
    /// Working directory.
    pub workdir: Option<String>,
    /// `8080/tcp`, `9000-9003/udp`.
    pub ports: Vec<String>,
    /// Volumes; their directories are made.
    pub volumes: Vec<Volume>,
    /// Labels of the config.
    pub labels: BTreeMap<String, String>,
    /// Annotations of index and manifests.
    pub annotations: BTreeMap<String, String>,
    /// The `org.opencontainers.image.*` keys that are not derived from Cargo.toml and git.
    pub omit_annotations: Vec<String>,
    /// Signal that stops the program.
    pub stop_signal: Option<String>,
    /// What `static` carries, or what is added to another base.
    pub provide: Option<Vec<Provide>>,
    /// Files laid over the base, in order.
    pub files: Vec<Files>,
    /// What becomes of debug information.
    pub debuginfo: DebugInfo,
    /// Whether and how binaries are packed with UPX.
    pub upx: Option<Upx>,
    /// How the entrypoint is tried before anything is published.
    pub smoke: Option<Smoke>,
    /// What findings do.
    pub checks: Checks,
    /// Whether an index is published.
    pub index: IndexRule,
    /// Whose media types manifests and layers have.
    pub format: ManifestFormat,
}

/// One declared platform of an image, `[platform."..."]` and `[image.X.platform."..."]` merged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlatformSettings {
    /// The platform.
    pub platform: Platform,
    /// What the image starts from here.
    pub base: Base,
    /// The triple, if the user chose one.
    pub target: Option<String>,
    /// How to link.
    pub linker: Linker,
    /// The glibc floor, if the user chose one (`2.31`); none is `from-base`.
    pub glibc: Option<String>,
    /// Added to the user's effective rustflags.
    pub rustflags: Vec<String>,
    /// Environment of the compiler.
    pub env: BTreeMap<String, String>,
}

/// What an image starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Base {
    /// The built-in base: CA bundle, passwd, group, /tmp.
    #[default]
    Static,
    /// Nothing.
    Scratch,
    /// A reference, or `oci:`/`oci-archive:` path.
    Image(String),
}

/// A linker as the user asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Linker {
    /// The first of the target's that can do the job.
    #[default]
    Auto,
    /// One of the named ways.
    Kind(crate::target::LinkerKind),
    /// A program, by name or path.
    Program(String),
}

/// A binary of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BinaryUse {
    /// Name of the cargo binary, or of a `[binary.X]`.
    pub binary: String,
    /// The cargo package, where the binary's name alone does not tell.
    pub package: Option<String>,
    /// Features of that package.
    pub features: Vec<String>,
    /// Whether its default features are on.
    pub default_features: bool,
    /// Cargo profile.
    pub profile: String,
    /// Where it lies in the image; below `bin-dir` under its own name by default.
    pub dest: Option<String>,
}

/// A binary that does not come from cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BinarySource {
    /// `go build` of a package.
    Go(GoSource),
    /// A file that exists already.
    Prebuilt(PrebuiltSource),
    /// What a command makes.
    Command(CommandSource),
}

/// `go build` of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GoSource {
    /// The package as `go build` takes it, seen from the matrix's folder.
    pub package: String,
    /// Templates of flags for Go's linker.
    pub ldflags: Vec<String>,
    /// Build tags.
    pub tags: Vec<String>,
    /// Whether Go code may call C.
    pub cgo: bool,
}

/// A file that exists already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrebuiltSource {
    /// Template of its path below the matrix's folder.
    pub path: String,
    /// What the file at `path` must hash to, in lower-case hexadecimal digits.
    pub sha256: BTreeMap<Platform, String>,
    /// Template of the path inside the archive that `path` is.
    pub member: Option<String>,
    /// What is stripped from it; nothing by default, as it was made by others.
    pub strip: Option<Strip>,
}

/// What a command makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandSource {
    /// Templates of program and arguments; `{out}` is the file to make.
    pub command: Vec<String>,
    /// What is stripped from what it made; nothing by default.
    pub strip: Option<Strip>,
}

/// How binaries are packed with UPX.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Upx {
    /// 1 to 9; UPX's own default if none.
    pub level: Option<u8>,
    /// LZMA instead of UPX's own method.
    pub lzma: bool,
    /// Only on these platforms; on all that UPX can do if none.
    pub platforms: Option<Vec<Platform>>,
}

/// How the entrypoint is tried before anything is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Smoke {
    /// Its arguments, in place of the image's `cmd`.
    pub args: Vec<String>,
    /// A platform that cannot be tried here is a failure.
    pub required: bool,
}

/// What becomes of debug information that is stripped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DebugInfo {
    /// It is gone.
    #[default]
    Drop,
    /// It is kept in a file beside the store.
    File,
}

/// Whether compilers may change between builds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ToolchainRule {
    /// Whatever is installed.
    #[default]
    Any,
    /// What gantry.lock records; with `--locked` another one is refused.
    Pinned,
}

/// A tag to set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TagRule {
    /// Template of the tag.
    pub template: String,
    /// When it may move from one digest to another.
    pub moves: Moves,
    /// It is not set for pre-releases, and is no major version of 0.
    pub releases_only: bool,
    /// When it is set; always if none.
    pub when: Option<Condition>,
}

/// When a tag may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Moves {
    /// Never: it names one digest for good.
    Never,
    /// To a higher version only.
    Forward,
    /// Always.
    Always,
}

/// When a tag is set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// A git tag names the commit.
    GitTag,
    /// The branch matches a glob.
    Branch(String),
    /// It is done by a CI: its variable `CI` says so.
    Ci,
    /// An environment variable has a value.
    Variable {
        /// Its name.
        name: String,
        /// The value.
        value: String,
    },
}

/// In which order tags are set. Many registries show the newest on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagOrder {
    /// Tags that never move, then those that move forward, then the others.
    #[default]
    ExactFirst,
    /// As the matrix lists them.
    Given,
}

/// Compression of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compression {
    /// gzip at a level from 1 to 9.
    Gzip(u32),
    /// zstd at a level from 1 to 19.
    Zstd(i32),
    /// None.
    None,
}

impl Default for Compression {
    fn default() -> Self {
        Self::Gzip(6)
    }
}

/// Whether an index is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexRule {
    /// Always, even for one platform.
    #[default]
    Always,
    /// Never: the manifest of the only declared platform is what tags name. AWS Lambda wants that.
    Never,
}

/// What is stripped from a binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strip {
    /// Nothing.
    None,
    /// Debug information.
    DebugInfo,
    /// Debug information and symbols.
    #[default]
    Symbols,
}

/// A part of the built-in base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provide {
    /// `/etc/ssl/certs/ca-certificates.crt`.
    CaCertificates,
    /// `/usr/share/zoneinfo`.
    Tzdata,
    /// `/etc/passwd` and `/etc/group`.
    Passwd,
    /// `/tmp`, mode 1777.
    Tmp,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Volume {
    /// Absolute path in the image.
    pub path: String,
    /// `uid:gid` of its directory; the image's user by default.
    pub owner: Option<(u32, u32)>,
    /// Mode of its directory.
    pub mode: Option<u32>,
}

/// `[[image.X.files]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Files {
    /// A file or a folder's content.
    Copy {
        /// Template of the path below the matrix's folder.
        from: String,
        /// Template of the absolute path in the image; a trailing slash means "into".
        to: String,
        /// Only these, if there are any.
        include: Vec<String>,
        /// Never these.
        exclude: Vec<String>,
        /// Mode of files; directories get the matching search bits.
        mode: Option<u32>,
        /// `uid:gid`; root by default.
        owner: Option<(u32, u32)>,
    },
    /// An empty directory.
    Directory {
        /// Template of its absolute path.
        path: String,
        /// Its mode; 0755 by default, or what the base has.
        mode: Option<u32>,
        /// `uid:gid`; root by default, or what the base has.
        owner: Option<(u32, u32)>,
    },
    /// A symbolic link.
    Link {
        /// Template of its absolute path.
        path: String,
        /// What it points to.
        target: String,
    },
}
