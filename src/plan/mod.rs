//! [`Plan`]: every step decided, nothing done.
//!
//! In: the Matrix, the project's packages and what is installed here, all as plain values. Out: the BuildUnits
//! and, for each image and platform, what goes where under which name. Planning has two halves, because a linker
//! can only be chosen once the triple is known: [`draft`] decides triples and says which [`LinkQuery`]s it needs
//! answered, [`Draft::plan`] groups the work. This room starts nothing, reads no file and asks no network; the
//! same input is always the same plan.

mod annotation;
mod base;
mod consistency;
mod error;
mod finish;
mod foreign;
mod gather;
mod image;
mod naming;
mod need;
mod origin;
mod releases;
mod rendering;
mod tagging;
mod target;
mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

pub use base::bases;
pub use error::PlanError;
pub use foreign::{
    CommandRun, CommandUnit, ForeignUnit, GoSettings, GoTarget, GoUnit, PrebuiltFile, PrebuiltUnit,
};
pub use releases::{Release, releases};
pub use target::{Candidates, candidates};

use crate::matrix::{
    Checks, Compression, IndexRule, Linker, ManifestFormat, Matrix, Moves, Provide, Smoke, Strip,
    ToolchainRule, Upx,
};
use crate::spec::{BaseFacts, Platform};
use crate::target::Catalog;
use foreign::ForeignNeed;
use need::Need;

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// What the user wrote.
    pub matrix: &'a Matrix,
    /// The workspace's packages.
    pub packages: &'a [Package],
    /// Known targets.
    pub catalog: &'a Catalog,
    /// Facts of the repository, if there is one.
    pub git: Option<Git>,
    /// The triples whose std is installed, among the [`candidates`].
    pub installed: BTreeSet<String>,
    /// What is known of each of the [`bases`].
    pub bases: Bases,
    /// What is to be packed.
    pub selection: Selection,
    /// Repositories and tags given on the command line.
    pub overrides: Overrides,
    /// Variables that `{env.X}` may name.
    pub variables: BTreeMap<String, String>,
    /// Seconds since the epoch that everything is dated with.
    pub created: i64,
    /// The folder that commands make binaries in.
    pub out: PathBuf,
}

/// What is known of bases, by their name as the Matrix has it and the platform.
pub type Bases = BTreeMap<(String, Platform), BaseFacts>;

/// A package of the workspace, as far as planning is concerned.
#[derive(Clone, Debug, Default)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its cargo binaries.
    pub binaries: Vec<String>,
    /// Those of them that plain `cargo build` leaves out, since they need features that are off, with all features that they need.
    pub optional: BTreeMap<String, Vec<String>>,
    /// Whether plain `cargo build` would build it.
    pub default_member: bool,
    /// `description` of Cargo.toml.
    pub description: Option<String>,
    /// `authors`.
    pub authors: Vec<String>,
    /// `license`.
    pub license: Option<String>,
    /// `homepage`.
    pub homepage: Option<String>,
    /// `documentation`.
    pub documentation: Option<String>,
    /// `repository`.
    pub repository: Option<String>,
}

/// Facts of the git repository.
#[derive(Clone, Debug, Default)]
pub struct Git {
    /// HEAD's full object id.
    pub commit: String,
    /// The branch's name, unless HEAD is detached.
    pub branch: Option<String>,
    /// Tags that point to HEAD.
    pub tags: Vec<String>,
    /// Whether tracked files differ from HEAD.
    pub dirty: bool,
    /// The remote's URL, without userinfo.
    pub remote: Option<String>,
}

/// What is to be packed; empty means everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names of images.
    pub images: Vec<String>,
    /// Platforms.
    pub platforms: Vec<Platform>,
}

/// What the command line says instead of the Matrix.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Templates of repositories.
    pub repositories: Vec<String>,
    /// Templates of tags.
    pub tags: Vec<String>,
}

/// A question to the linker survey: one answer for all packages that are linked so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkQuery {
    /// What is linked for.
    pub triple: String,
    /// What the user asked for.
    pub linker: Linker,
    /// The glibc floor.
    pub glibc: Option<String>,
    /// glibc, but nothing may be loaded at run time.
    pub static_glibc: bool,
    /// Variables of the compiler, which may name C compilers; of cargo's packages alone.
    pub environment: BTreeMap<String, String>,
    /// The packages, which may bring C code.
    pub packages: BTreeSet<PackageUse>,
    /// Binaries that are not cargo's, whose makers want a C compiler that links whole programs.
    pub binaries: BTreeSet<String>,
    /// It may stay without an answer: nobody knows whether a command compiles C.
    pub optional: bool,
}

/// A package with its features.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageUse {
    /// Its name.
    pub package: String,
    /// Features beside the default ones.
    pub features: BTreeSet<String>,
    /// Whether the default features are on.
    pub default_features: bool,
}

/// How one target is linked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Link {
    /// For people: `rust-lld`, `aarch64-linux-gnu-gcc`, ...
    pub shown: String,
    /// Why this one.
    pub why: String,
    /// Variables that cargo and build scripts are given.
    #[serde(skip)]
    pub variables: BTreeMap<String, std::ffi::OsString>,
    /// The same for makers that build for one target at a time: `CC`, `CXX`, `AR`, ...
    #[serde(skip)]
    pub compilers: BTreeMap<String, std::ffi::OsString>,
    /// Flags that rustc is given.
    pub rustflags: Vec<String>,
}

/// Everything that will be done.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Calls of cargo, in order.
    pub units: Vec<BuildUnit>,
    /// What makes the binaries that are not cargo's, in order.
    pub foreign: Vec<ForeignUnit>,
    /// Whether compilers may differ from what the lock file records.
    pub toolchain: ToolchainRule,
    /// Images, in the order of the Matrix.
    pub images: Vec<PlannedImage>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// Packages compiled alike for some targets: one call of cargo for each target.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct BuildUnit {
    /// `release`, `release-2`, ...
    pub name: String,
    /// Why it is not one with the unit before it; empty for the first.
    pub why: String,
    /// Cargo profile.
    pub profile: String,
    /// What is stripped.
    pub strip: Strip,
    /// No path of the build machine in a binary.
    pub remap_paths: bool,
    /// Packages in the selection: all images count, whatever is packed, since features unify over them.
    pub packages: Vec<PackageUse>,
    /// Binaries that are really built.
    pub binaries: BTreeSet<String>,
    /// Targets.
    pub targets: Vec<UnitTarget>,
    /// The image that has this unit for itself.
    pub isolated: Option<String>,
    /// Variables of the compiler.
    pub environment: BTreeMap<String, String>,
    /// Name of a target directory of its own.
    pub own_directory: Option<String>,
}

/// One target of a BuildUnit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct UnitTarget {
    /// The triple.
    pub triple: String,
    /// How it is linked.
    pub link: Link,
    /// Flags after the user's own.
    pub rustflags: Vec<String>,
    /// The glibc floor.
    pub glibc: Option<String>,
}

/// One image.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PlannedImage {
    /// Its name.
    pub name: String,
    /// The version of its first cargo binary's package, else of the version tag on HEAD.
    pub version: Option<String>,
    /// Where it is published to.
    pub repositories: Vec<String>,
    /// Tags to set, in order.
    pub tags: Vec<PlannedTag>,
    /// When it counts as made, RFC 3339.
    pub created: String,
    /// The same in seconds since the epoch.
    #[serde(skip)]
    pub created_seconds: i64,
    /// Annotations of the index.
    pub annotations: BTreeMap<String, String>,
    /// The reserved annotations that nobody but the user may set.
    #[serde(skip)]
    pub omit_annotations: Vec<String>,
    /// How layers are compressed.
    pub compression: Compression,
    /// Whose media types manifests and layers have.
    pub format: ManifestFormat,
    /// Whether an index is published.
    pub index: IndexRule,
    /// What findings do.
    pub checks: Checks,
    /// How its entrypoint is tried.
    pub smoke: Option<Smoke>,
    /// How many platforms the Matrix declares.
    pub declared_platforms: usize,
    /// The platforms to be packed.
    pub platforms: Vec<PlannedPlatform>,
}

/// A tag to set.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PlannedTag {
    /// The tag.
    pub name: String,
    /// When it may move.
    pub moves: Moves,
    /// The platform whose manifest it names; none where it names the index.
    pub platform: Option<Platform>,
}

/// One platform of an image.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PlannedPlatform {
    /// The platform.
    pub platform: Platform,
    /// `static`, `scratch`, or the base's name as the Matrix has it.
    pub base: String,
    /// What is known of the base, where it is an image.
    pub base_facts: Option<BaseFacts>,
    /// The oldest glibc that the binaries must run with, where they load one.
    pub glibc: Option<String>,
    /// The triple its binaries are built for.
    pub triple: String,
    /// Why this triple.
    pub why: String,
    /// The binaries, in the order of the Matrix.
    pub binaries: Vec<PlannedBinary>,
    /// Parts of the built-in base that are laid in.
    pub provide: Vec<Provide>,
    /// Users beside the built-in ones.
    pub users: BTreeMap<String, u32>,
    /// Files laid over the base.
    #[serde(skip)]
    pub files: Vec<crate::matrix::Files>,
    /// The program and its fixed arguments.
    pub entrypoint: Vec<String>,
    /// Default arguments.
    pub cmd: Option<Vec<String>>,
    /// Variables of the program.
    pub env: BTreeMap<String, String>,
    /// The user it runs as, if said.
    pub user: Option<String>,
    /// Working directory, if said.
    pub workdir: Option<String>,
    /// Ports.
    pub ports: Vec<String>,
    /// Volumes.
    #[serde(skip)]
    pub volumes: Vec<crate::matrix::Volume>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Signal that stops the program, if said.
    pub stop_signal: Option<String>,
}

/// One binary of one image and platform.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PlannedBinary {
    /// What makes it.
    #[serde(flatten)]
    pub maker: Maker,
    /// Its name.
    pub binary: String,
    /// Absolute path in the image.
    pub dest: String,
    /// What is done to it after it was made.
    pub finish: Finish,
}

/// What makes a binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    /// Cargo.
    Cargo {
        /// Index of its unit in [`Plan::units`].
        unit: usize,
        /// Its package.
        package: String,
    },
    /// Something else.
    Foreign {
        /// Index of its unit in [`Plan::foreign`].
        unit: usize,
    },
}

/// What is done to a binary after it was made, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finish {
    /// Its compiler strips it by itself.
    pub comes_stripped: bool,
    /// Its debug information is kept in a file.
    pub debuginfo: bool,
    /// What is stripped by us; none where the compiler did, or nothing is to be.
    pub strip: Option<Strip>,
    /// How it is packed with UPX.
    pub upx: Option<Upx>,
}

/// Triples are decided; linkers are not.
#[derive(Debug)]
pub struct Draft {
    needs: Vec<Need>,
    foreign: Vec<ForeignNeed>,
    out: PathBuf,
    toolchain: ToolchainRule,
    flavours: unit::Flavours,
    directories: unit::Directories,
    images: Vec<PlannedImage>,
    queries: Vec<LinkQuery>,
    notices: Vec<String>,
}

/// Decides which image is made of what, and for which triple.
///
/// # Errors
/// When the Matrix names what the project or the catalog does not have, or a std is not installed.
pub fn draft(question: &Question<'_>) -> Result<Draft, PlanError> {
    let (images, mut needs, foreign, notices) = image::images(question)?;
    let flavours = unit::flavours(&needs);
    let directories = unit::directories(&needs, &flavours);
    need::drop_unlinked(&mut needs);
    let mut queries = need::queries(&needs);
    queries.extend(foreign::queries(&foreign));
    Ok(Draft {
        needs,
        foreign,
        out: question.out.clone(),
        toolchain: question.matrix.toolchain,
        flavours,
        directories,
        images,
        queries,
        notices,
    })
}

impl Draft {
    /// What must be known before the work can be grouped.
    pub fn queries(&self) -> &[LinkQuery] {
        &self.queries
    }

    /// Groups the work. `links` answers [`Draft::queries`], in their order; only what is optional may have no answer.
    ///
    /// # Errors
    /// When cargo would write two binaries to one path.
    pub fn plan(mut self, links: &[Option<Link>]) -> Result<Plan, PlanError> {
        let units = unit::group(
            &self.needs,
            &self.flavours,
            &self.directories,
            &self.queries,
            links,
        )?;
        for need in self.needs.iter().filter(|need| need.selected) {
            let at = units
                .iter()
                .position(|unit| need.is_in(unit, &self.queries, links));
            let at = at.expect("every need was grouped into a unit");
            let place = (need.image.as_str(), &need.platform, need.position);
            if let Maker::Cargo { unit, .. } = maker(&mut self.images, place) {
                *unit = at;
            }
        }
        let (foreign, served) = gather::group(&self.out, &self.foreign, &self.queries, links);
        for (need, at) in self.foreign.iter().zip(served) {
            let place = (need.image.as_str(), &need.platform, need.position);
            *maker(&mut self.images, place) = Maker::Foreign { unit: at };
        }
        Ok(Plan {
            units,
            foreign,
            toolchain: self.toolchain,
            images: self.images,
            notices: self.notices,
        })
    }
}

/// The maker of the binary at `position` of an image's platform.
fn maker<'i>(
    images: &'i mut [PlannedImage],
    (image, platform, position): (&str, &Platform, usize),
) -> &'i mut Maker {
    let image = images.iter_mut().find(|planned| planned.name == image);
    let platform = image.and_then(|image| {
        let mut platforms = image.platforms.iter_mut();
        platforms.find(|planned| planned.platform == *platform)
    });
    &mut platform.expect("needs come from planned platforms").binaries[position].maker
}

#[cfg(test)]
mod tests;
