//! What can go wrong in the whole job.

use std::path::PathBuf;

use super::output::OutputError;
use super::{DeliveryError, Failure, GatherError, PublishedImage, TagError, Unfit};
use crate::archive::ArchiveError;
use crate::base::BaseError;
use crate::binary::BinaryError;
use crate::blob::BlobError;
use crate::build::BuildError;
use crate::build::link::LinkError;
use crate::build::toolchain::ToolchainError;
use crate::codec::CodecError;
use crate::hub::HubError;
use crate::image::ImageError;
use crate::index::IndexError;
use crate::inspect::InspectError;
use crate::layer::LayerError;
use crate::matrix::MatrixError;
use crate::plan::PlanError;
use crate::project::ProjectError;
use crate::publish::PublishError;
use crate::publish::daemon::DaemonError;
use crate::registry::RegistryError;
use crate::release::ReleaseError;
use crate::rootfs::RootfsError;
use crate::spec::ReferenceError;
use crate::target::TargetError;
use crate::tool::ToolError;
use crate::trial::TrialError;

/// What can go wrong in the whole job.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// A password was given for more than one registry.
    #[error("one password is not for several registries: {}", registries.join(", "))]
    #[diagnostic(
        code(gantry::pipeline::several_registries),
        help("name the repositories of one of them, or sign in to each with `docker login`")
    )]
    SeveralRegistries {
        /// The registries.
        registries: Vec<String>,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    #[diagnostic(code(gantry::pipeline::read))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    #[diagnostic(code(gantry::pipeline::write))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A folder of ours cannot be made or locked.
    #[error("cannot use `{}`", path.display())]
    #[diagnostic(
        code(gantry::pipeline::store),
        help(
            "images are made there: it needs space and must be writable; in a cargo project `CARGO_TARGET_DIR` \
             names another place"
        )
    )]
    Store {
        /// The path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// `SOURCE_DATE_EPOCH` is no number.
    #[error("SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds from 1970 to the year 9999")]
    #[diagnostic(
        code(gantry::pipeline::source_date_epoch),
        help("unset it, or set it to seconds since 1970")
    )]
    SourceDateEpoch {
        /// Its value.
        text: String,
    },
    /// An image has no repository to be published to.
    #[error("image `{image}` has no repository")]
    #[diagnostic(
        code(gantry::pipeline::no_repository),
        help("set `repository = \"registry/path/{{image}}\"` in gantry.toml, or give `--repository`")
    )]
    NoRepository {
        /// The image.
        image: String,
    },
    /// A reference cannot be understood.
    #[error("`{text}` is not a reference")]
    #[diagnostic(code(gantry::pipeline::reference), help("write `registry/repository:tag`"))]
    Reference {
        /// The text.
        text: String,
        /// Why not.
        #[source]
        source: ReferenceError,
    },
    /// A repository was asked for, and an image was given.
    #[error("`{text}` is not a repository alone")]
    #[diagnostic(
        code(gantry::pipeline::not_a_repository),
        help("write `registry/repository`, without tag and digest")
    )]
    NotARepository {
        /// The text.
        text: String,
    },
    /// What was built cannot be written where it should be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Output(#[from] OutputError),
    /// Something that the matrix needs is not here.
    #[error("{count} of the things that the matrix needs {} missing", if *count == 1 { "is" } else { "are" })]
    #[diagnostic(
        code(gantry::pipeline::gaps),
        help("each is listed above with what closes it")
    )]
    Gaps {
        /// How many.
        count: usize,
    },
    /// Fewer platforms than declared were published.
    #[error("fewer platforms than declared: the tags of {} were not set", images.join(", "))]
    #[diagnostic(
        code(gantry::pipeline::partial),
        help(
            "publish all platforms, or say --allow-partial to move the tags anyway; without it, images are sent by digest alone"
        )
    )]
    Partial {
        /// Images whose tags were held back.
        images: Vec<String>,
        /// What was published by digest.
        published: Vec<PublishedImage>,
    },
    /// Some images were published, then one failed.
    #[error("{cause}")]
    #[diagnostic(code(gantry::pipeline::halfway))]
    Halfway {
        /// Why the next one was not.
        cause: Box<Error>,
        /// What was published before.
        published: Vec<PublishedImage>,
    },
    /// Something that is no directory would hide one with something in it.
    #[error("`{path}` would take the place of a directory: `{inner}` would be gone")]
    #[diagnostic(
        code(gantry::pipeline::over_directory),
        help("end `to` with a slash to put it into the directory, or name another place")
    )]
    OverDirectory {
        /// Where it would go.
        path: String,
        /// Something in the directory.
        inner: String,
    },
    /// A directory would take the place of a file.
    #[error("`{path}` would take the place of the file `{file}`")]
    #[diagnostic(
        code(gantry::pipeline::below_file),
        help("name a place where the base, `files` and `binaries` have no file")
    )]
    BelowFile {
        /// What was asked for.
        path: String,
        /// The file, which is no directory.
        file: String,
    },
    /// `files` and `binaries` bring the same path.
    #[error("`files` and `binaries` both bring `{path}`")]
    #[diagnostic(
        code(gantry::pipeline::file_and_binary),
        help("remove it from `files`, or give the binary another `dest`")
    )]
    FileAndBinary {
        /// The path, without links of the base.
        path: String,
    },
    /// What was built would not run.
    #[error("{}", super::examine::unfit(findings.len()))]
    #[diagnostic(code(gantry::pipeline::unfit))]
    Unfit {
        /// The way out of all of them; none where they are about something of somebody else.
        #[help]
        help: Option<String>,
        /// Why, for each.
        #[related]
        findings: Vec<Unfit>,
    },
    /// What was built does not start.
    #[error("{}", super::tried::not_started(failures.len()))]
    #[diagnostic(
        code(gantry::pipeline::smoke),
        help("nothing was published; `cargo gantry run --platform ... -- ARGS` starts it the same way")
    )]
    Smoke {
        /// Why, for each.
        #[related]
        failures: Vec<Failure>,
    },
    /// Go has no name for a platform.
    #[error("Go builds nothing for {platform}")]
    #[diagnostic(
        code(gantry::pipeline::no_go_target),
        help("leave the platform out; `cargo gantry targets` lists what is known")
    )]
    NoGoTarget {
        /// The platform.
        platform: crate::spec::Platform,
    },
    /// Only one image can be started.
    #[error("which image? there are {}", images.join(", "))]
    #[diagnostic(code(gantry::pipeline::which_image), help("name one with `--image`"))]
    WhichImage {
        /// Their names.
        images: Vec<String>,
    },
    /// An archive holds several images, and none was named.
    #[error("`{name}` holds several images")]
    #[diagnostic(
        code(gantry::pipeline::which_entry),
        help("name one, as in `docker-archive:FILE:NAME`: {}", entries.join(", "))
    )]
    WhichEntry {
        /// The archive.
        name: String,
        /// What there is.
        entries: Vec<String>,
    },
    /// Only one platform can be started, or loaded.
    #[error("an image is started, and loaded, for one platform")]
    #[diagnostic(code(gantry::pipeline::one_platform), help("give `--platform` once"))]
    OnePlatform,
    /// A container runtime could not be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Daemon(#[from] DaemonError),
    /// An image cannot be started on this machine.
    #[error("it cannot be started here: {why}")]
    #[diagnostic(code(gantry::pipeline::not_tried))]
    NotTried {
        /// The reason.
        why: String,
    },
    /// A base that the matrix does not have was to be updated.
    #[error("no image starts from `{name}`")]
    #[diagnostic(code(gantry::pipeline::unknown_base), help("bases are: {}", known.join(", ")))]
    UnknownBase {
        /// Its name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// What was to be checked is no ELF file.
    #[error("`{}` is no ELF program", path.display())]
    #[diagnostic(
        code(gantry::pipeline::no_program),
        help("name the compiled program, not a script around it")
    )]
    NoProgram {
        /// The file.
        path: PathBuf,
    },
    /// What was to be checked cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Program(BinaryError),
    /// The base is not there for the program's machine.
    #[error("base `{base}` has nothing for `{}`, which is made for {}", program.display(), wanted.join(" or "))]
    #[diagnostic(
        code(gantry::pipeline::no_base_platform),
        help("it has: {}", has.join(", "))
    )]
    NoBasePlatform {
        /// The program.
        program: PathBuf,
        /// The base.
        base: String,
        /// Platforms that the program may be for.
        wanted: Vec<String>,
        /// Platforms that the base has.
        has: Vec<String>,
    },
    /// Pins could move: for a caller that wants that to be an error.
    #[error("{count} of the bases could be moved")]
    #[diagnostic(code(gantry::pipeline::outdated), help("`cargo gantry update` moves them"))]
    Outdated {
        /// How many.
        count: usize,
    },
    /// Layers of a base cannot be looked at.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rootfs(#[from] RootfsError),
    /// A compiler did not give a binary that was asked for.
    #[error("nothing built `{binary}` for `{triple}`")]
    #[diagnostic(
        code(gantry::pipeline::no_artifact),
        help("cargo leaves out a binary with `required-features` unless they are on: set `features` on it")
    )]
    NoArtifact {
        /// The binary.
        binary: String,
        /// The target.
        triple: String,
    },
    /// Linking failed in a way that is known.
    #[error("{failure}")]
    #[diagnostic(code(gantry::pipeline::link))]
    LinkFailed {
        /// What cargo said.
        failure: Box<BuildError>,
        /// What it means, and the way out.
        #[help]
        help: String,
    },
    /// The password could not be read.
    #[error("cannot read the password from standard input")]
    #[diagnostic(code(gantry::pipeline::password))]
    Password(#[source] std::io::Error),
    /// A login without a password.
    #[error("the password is empty")]
    #[diagnostic(
        code(gantry::pipeline::no_password),
        help("`--password-stdin` reads it from standard input: is the variable set that it comes from?")
    )]
    NoPassword,
    /// A result could not be written to standard output.
    #[error("cannot write to standard output")]
    #[diagnostic(code(gantry::pipeline::result))]
    Result(#[source] std::io::Error),
    /// No runtime for the network could be started.
    #[error("cannot start the network runtime")]
    #[diagnostic(code(gantry::pipeline::runtime))]
    Runtime(#[source] std::io::Error),
    /// See [`ProjectError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] ProjectError),
    /// See [`MatrixError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Matrix(#[from] MatrixError),
    /// See [`PlanError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    /// See [`TargetError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Target(#[from] TargetError),
    /// See [`ToolchainError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Toolchain(#[from] ToolchainError),
    /// See [`LinkError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Link(#[from] LinkError),
    /// Several targets cannot be linked.
    #[error("{} targets cannot be linked here", gaps.len())]
    #[diagnostic(code(gantry::pipeline::links))]
    Links {
        /// Why, for each.
        #[related]
        gaps: Vec<LinkError>,
    },
    /// See [`BuildError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),
    /// See [`ToolError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tool(#[from] ToolError),
    /// Setting up or entering an image's root.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Trial(#[from] TrialError),
    /// See [`BinaryError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Binary(#[from] BinaryError),
    /// See [`BlobError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Blob(#[from] BlobError),
    /// See [`CodecError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Codec(#[from] CodecError),
    /// See [`LayerError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Layer(#[from] LayerError),
    /// See [`BaseError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Base(#[from] BaseError),
    /// The same of an image that was named to be checked, and is in no matrix.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Named(BaseError),
    /// See [`ImageError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Image(#[from] ImageError),
    /// See [`IndexError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Index(#[from] IndexError),
    /// See [`ArchiveError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Archive(#[from] ArchiveError),
    /// See [`RegistryError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Registry(#[from] RegistryError),
    /// See [`PublishError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Publish(#[from] PublishError),
    /// See [`DeliveryError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Delivery(#[from] DeliveryError),
    /// See [`TagError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Tag(#[from] TagError),
    /// See [`GatherError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Gather(#[from] GatherError),
    /// See [`ReleaseError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] ReleaseError),
    /// See [`HubError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Hub(#[from] HubError),
    /// See [`InspectError`].
    #[error(transparent)]
    #[diagnostic(transparent)]
    Inspect(#[from] InspectError),
}
