//! What the user typed. Doc comments here are the help texts.

pub(crate) mod copy;
mod diff;
pub(crate) mod index;
mod inspect;
mod load;
pub(crate) mod prune;
mod readme;
pub(crate) mod tag;
pub(crate) mod tags;

use std::path::{Path, PathBuf};

use cargo_gantry::pipeline::Request;
use cargo_gantry::spec::{Platform, PlatformError};
use cargo_gantry::target::Catalog;
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use load::Load;
use miette::Diagnostic;

pub(crate) use diff::Diff;
pub(crate) use inspect::Inspect;
pub(crate) use readme::Readme;

/// Cross-compiles a matrix of targets and publishes one OCI image index, without a container runtime.
#[derive(Debug, Parser)]
#[command(
    name = "cargo gantry",
    bin_name = "cargo gantry",
    version,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build the matrix into the workspace's store, and write it elsewhere if asked
    Build(Build),
    /// Build, then push images and index to their repositories
    Publish(Publish),
    /// Build for the platform of a container runtime on this machine, and load the images into it; or load images that are
    /// there already
    Load(Load),
    /// Show what would be built, in which units, with which linkers, under which names
    Plan(Plan),
    /// Check whether binaries run on their bases: the project's, an image's, or any program's
    Check(Check),
    /// Build one image for one platform and start it in its own root, without a container runtime
    Run(Run),
    /// Move the bases pinned in gantry.lock to what their names stand for now
    Update(Update),
    /// List the pinned bases that `update` would move; exit code 9 if there are any
    Outdated(Selecting),
    /// Show what is kept of bases on this machine, or remove it
    Cache(Cache),
    /// Make an index of images that are there already
    Index(index::Index),
    /// Give an image of a registry more names there, without moving bytes
    Tag(tag::Tag),
    /// Copy an image between registries, layouts and archives
    Copy(copy::Copy),
    /// Show an image: its platforms, layers, sizes and history
    Inspect(Inspect),
    /// List the tags of a repository: what they name, how large and how old it is
    Tags(tags::Tags),
    /// Delete tags by pattern and age, and nothing that a remaining tag needs; shows what it would do unless told to delete
    Prune(prune::Prune),
    /// Show what differs between two images: platforms, layers and why, files, settings, annotations
    Diff(Diff),
    /// Send the README to the page of each repository: Docker Hub, Quay, Harbor
    Readme(Readme),
    /// List the targets, the linker each would use here, and whether its std is installed
    Targets(Targets),
    /// Check everything that the matrix needs here, with the command that closes each gap; exit code 4 if there is one
    Doctor(Selecting),
    /// Print the JSON Schema of gantry.toml
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Where the page of `--timings` goes.
    pub(crate) fn timings(&self) -> Option<&Path> {
        let traced = match self {
            Self::Build(build) => &build.traced,
            Self::Publish(publish) => &publish.traced,
            Self::Load(load) => &load.traced,
            Self::Check(check) => &check.traced,
            Self::Run(run) => &run.traced,
            _ => return None,
        };
        traced.timings.as_deref()
    }
}

/// How things are shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// How results and progress are written
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) message_format: Format,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: every crate, every upload
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// Human or machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables and bars
    #[default]
    Human,
    /// One JSON object a line, each with a `reason`
    Json,
}

/// Colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Where the time goes.
#[derive(Debug, Args)]
pub(crate) struct Traced {
    /// Write a page to this file that shows what ran when, and what the run waited for
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    timings: Option<PathBuf>,
}

/// What is worked on.
#[derive(Debug, Args)]
pub(crate) struct Selecting {
    /// The Cargo.toml to work on
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
    /// The matrix, instead of the gantry.toml beside the workspace's Cargo.toml
    #[arg(long, value_name = "FILE")]
    matrix: Option<PathBuf>,
    /// Pack only this image (repeatable)
    #[arg(short, long = "image", value_name = "NAME")]
    images: Vec<String>,
    /// Pack only this platform (repeatable, or separated by commas)
    #[arg(long = "platform", value_name = "OS/ARCH", value_delimiter = ',', value_parser = platform)]
    platforms: Vec<Platform>,
    /// Publish to this repository instead of the matrix's (repeatable)
    #[arg(long = "repository", value_name = "REPOSITORY")]
    repositories: Vec<String>,
    /// Set this tag instead of the matrix's (repeatable)
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Cargo.lock and gantry.lock must not change
    #[arg(long)]
    locked: bool,
    /// No network, neither for cargo nor for bases
    #[arg(long)]
    offline: bool,
    /// As --locked and --offline
    #[arg(long)]
    frozen: bool,
    /// How many compilers run at once
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Install missing standard libraries with rustup
    #[arg(long)]
    install_targets: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

impl Selecting {
    /// The same in the library's words.
    pub(crate) fn request(&self) -> Request {
        Request {
            manifest_path: self.manifest_path.clone(),
            matrix: self.matrix.clone(),
            images: self.images.clone(),
            platforms: self.platforms.clone(),
            repositories: self.repositories.clone(),
            tags: self.tags.clone(),
            locked: self.locked,
            offline: self.offline,
            frozen: self.frozen,
            jobs: self.jobs,
            install_targets: self.install_targets,
            plain_http: self.plain.plain_http.clone(),
            to_publish: false,
            outputs: Vec::new(),
        }
    }
}

/// `build`
#[derive(Debug, Args)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    /// Also write the images to `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME]` (repeatable);
    /// `{image}` and `{version}` are filled in, and with `{platform}` or `{arch}` it is a file per platform
    #[arg(short, long = "output", value_name = "TRANSPORT:PATH")]
    pub(crate) outputs: Vec<String>,
    /// Write what was built, with its digests, to this file: `digests:FILE` names it elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) digests_file: Option<PathBuf>,
    /// Also show what other compressions and UPX would give, and what they cost at each start
    #[arg(long)]
    pub(crate) explain_size: bool,
    #[command(flatten)]
    traced: Traced,
}

/// `publish`
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Build nothing, but merge and push these, as other machines made them: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
    /// `docker-archive:FILE[:NAME]`, `digests:FILE`, or a reference in a registry
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) login: Login,
    /// Set tags although a platform of the matrix is missing
    #[arg(long)]
    pub(crate) allow_partial: bool,
    /// Let tags that never move be moved
    #[arg(long)]
    pub(crate) replace: bool,
    /// Let tags that move forward only be moved to any version
    #[arg(long)]
    pub(crate) force_tags: bool,
    /// Show what would be sent and which tags would move, and write nothing to the registry
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write what was published, with its digests, to this file: `digests:FILE` names it elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) digests_file: Option<PathBuf>,
    #[command(flatten)]
    traced: Traced,
}

/// `plan`
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    pub(crate) login: Login,
    /// Also ask the registries which tags would move, and which layers of bases are there
    #[arg(long)]
    pub(crate) remote: bool,
}

/// `check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// An image of anybody: `oci:DIR`, `oci-archive:FILE`, or a reference in a registry. With --base, programs. Without
    /// either, this project is compiled and checked
    #[arg(value_name = "IMAGE|PROGRAM", conflicts_with_all = ["images", "repositories", "tags"])]
    pub(crate) names: Vec<String>,
    /// Check programs of anybody against this base: `static`, `scratch`, a reference, `oci:DIR` or `oci-archive:FILE`
    #[arg(long, value_name = "BASE", requires = "names")]
    pub(crate) base: Option<String>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    traced: Traced,
}

/// `update`
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Only these bases, as gantry.toml names them
    #[arg(value_name = "BASE")]
    pub(crate) bases: Vec<String>,
    #[command(flatten)]
    pub(crate) selecting: Selecting,
}

/// `run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) selecting: Selecting,
    #[command(flatten)]
    traced: Traced,
    /// Arguments for the program, in place of the image's own
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<String>,
}

/// `cache`
#[derive(Debug, Args)]
pub(crate) struct Cache {
    /// Remove what is kept
    #[arg(long)]
    pub(crate) clean: bool,
    /// With --clean, remove only what was not needed for so many days
    #[arg(long, value_name = "DAYS", requires = "clean")]
    pub(crate) older_than: Option<u32>,
}

/// Hosts without TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct Plain {
    /// Speak plain http to this host (loopback needs no such word)
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) plain_http: Vec<String>,
}

/// Who we are at the destination.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct Login {
    /// User name at the destination's registry
    #[arg(long, requires = "password_stdin")]
    pub(crate) username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    pub(crate) password_stdin: bool,
}

/// `targets`
#[derive(Debug, Args)]
pub(crate) struct Targets {
    /// Only what serves this platform (repeatable)
    #[arg(long = "platform", value_name = "OS/ARCH", value_delimiter = ',', value_parser = served)]
    pub(crate) platforms: Vec<Platform>,
}

/// A platform that some target serves.
fn served(text: &str) -> Result<Platform, String> {
    let platform = platform(text)?;
    let catalog = Catalog::builtin();
    let known = catalog.platforms();
    if known.contains(&&platform) {
        return Ok(platform);
    }
    let tip = match Platform::native(text) {
        Some(native) => format!("the image index calls it `{native}`"),
        None => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            format!("there are targets for {}", known.join(", "))
        }
    };
    Err(format!("no target serves it\n\n  tip: {tip}"))
}

/// A platform, with what its error advises: clap shows nothing but the message.
fn platform(text: &str) -> Result<Platform, String> {
    text.parse().map_err(|error: PlatformError| match error.help() {
        Some(help) => format!("{error}\n\n  tip: {help}"),
        None => error.to_string(),
    })
}
