//! Binaries that do not come from cargo: Go's, ready ones, and those that a command makes.
//!
//! Each is needed once per (binary, triple) and way of making it: two images that use it alike share it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::rendering::Rendering;
use super::target::Decision;
use super::{Link, LinkQuery, PlanError, Question};
use crate::matrix::{BinarySource, DebugInfo, Image, PlatformSettings, Strip};
use crate::spec::Platform;
use crate::target::Libc;

/// One call, or one kind of look-up, that yields binaries without cargo.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "maker", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ForeignUnit {
    /// One `go build` per target.
    Go(GoUnit),
    /// Files that are there already.
    Prebuilt(PrebuiltUnit),
    /// Commands, one per binary and platform.
    Command(CommandUnit),
}

/// Go packages built alike.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct GoUnit {
    /// `go`, `go-2`, ...
    pub name: String,
    /// The packages by the name of their binary.
    pub binaries: BTreeMap<String, String>,
    /// What all of it has in common.
    #[serde(flatten)]
    pub settings: GoSettings,
    /// The targets, each triple once.
    pub targets: Vec<GoTarget>,
    /// Names the folder that it builds into.
    #[serde(skip)]
    pub folder: String,
}

/// What separates two calls of Go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct GoSettings {
    /// Go code may call C.
    pub cgo: bool,
    /// Build tags.
    pub tags: Vec<String>,
    /// No path of the build machine in a binary.
    pub remap_paths: bool,
    /// What Go's linker leaves out.
    pub strip: Strip,
    /// Variables of the call.
    pub environment: BTreeMap<String, String>,
}

/// One target of a [`GoUnit`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct GoTarget {
    /// The triple whose facts say how Go names it.
    pub triple: String,
    /// The platform.
    pub platform: Platform,
    /// Flags for Go's linker.
    pub ldflags: Vec<String>,
    /// The C compiler, where C may be called.
    pub link: Option<Link>,
    /// Where C is called, the program must load no library.
    pub is_static: bool,
}

/// Files that are there already.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PrebuiltUnit {
    /// `prebuilt`, `prebuilt-2`, ...
    pub name: String,
    /// The files.
    pub files: Vec<PrebuiltFile>,
}

/// One file that is there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PrebuiltFile {
    /// The triple that it serves.
    pub triple: String,
    /// The platform.
    pub platform: Platform,
    /// The binary's name.
    pub binary: String,
    /// Path below the matrix's folder.
    pub path: String,
    /// What it must hash to.
    pub sha256: Option<String>,
    /// The binary's path inside it, if it is an archive.
    pub member: Option<String>,
}

/// Commands that make binaries.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct CommandUnit {
    /// `command`, `command-2`, ...
    pub name: String,
    /// The calls.
    pub runs: Vec<CommandRun>,
}

/// One command for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct CommandRun {
    /// The triple that it builds for.
    pub triple: String,
    /// The platform.
    pub platform: Platform,
    /// The binary's name.
    pub binary: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The file that it must make.
    pub out: PathBuf,
    /// The C compiler and linker, if there are some for the target.
    pub link: Option<Link>,
    /// Variables of the call.
    pub environment: BTreeMap<String, String>,
}

/// One foreign binary that is packed.
#[derive(Clone, Debug)]
pub(super) struct ForeignNeed {
    pub image: String,
    pub platform: Platform,
    /// Its place among the binaries of its image.
    pub position: usize,
    pub(super) triple: String,
    pub(super) binary: String,
    pub(super) work: Work,
    /// The question for its C compiler.
    pub(super) query: Option<LinkQuery>,
}

/// How it is made.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Go {
        package: String,
        settings: GoSettings,
        ldflags: Vec<String>,
        is_static: bool,
    },
    Prebuilt(PrebuiltFile),
    /// The command is rendered once it is known where its result goes.
    Command {
        rendered: Vec<Words>,
        environment: BTreeMap<String, String>,
    },
}

/// A word of a command: what stands around `{out}`.
pub(super) type Words = Vec<String>;

/// What stands for `{out}` until the place is known: nothing that a matrix or a variable can hold.
const OUT: &str = "\0out\0";

/// What one image needs of one `[binary.NAME]` on one platform.
pub(super) fn need(
    image: &Image,
    settings: &PlatformSettings,
    decision: &Decision<'_>,
    (position, binary, source): (usize, &str, &BinarySource),
    rendering: &Rendering<'_>,
) -> Result<ForeignNeed, PlanError> {
    let triple = &decision.target.triple;
    let texts = |texts: &[String]| -> Result<Vec<String>, PlanError> {
        texts.iter().map(|text| rendering.text(text)).collect()
    };
    let query = |optional| LinkQuery {
        triple: triple.clone(),
        linker: settings.linker.clone(),
        glibc: decision.floor.clone(),
        static_glibc: decision.static_glibc,
        environment: BTreeMap::new(),
        packages: BTreeSet::new(),
        binaries: BTreeSet::from([binary.to_owned()]),
        optional,
    };
    let (work, query) = match source {
        BinarySource::Go(go) => {
            let work = Work::Go {
                package: go.package.clone(),
                settings: GoSettings {
                    cgo: go.cgo,
                    tags: go.tags.clone(),
                    remap_paths: image.remap_paths,
                    strip: made_strip(image),
                    environment: settings.env.clone(),
                },
                ldflags: texts(&go.ldflags)?,
                is_static: decision.static_glibc || decision.target.libc != Libc::Gnu,
            };
            (work, go.cgo.then(|| query(false)))
        }
        BinarySource::Prebuilt(prebuilt) => {
            let digests = &prebuilt.sha256;
            // The matrix sees to it for the images that it declares, not for those that it implies.
            if !digests.is_empty() && !digests.contains_key(&settings.platform) {
                return Err(PlanError::NoDigest {
                    image: image.name.clone(),
                    binary: binary.to_owned(),
                    platform: settings.platform.clone(),
                });
            }
            let work = Work::Prebuilt(PrebuiltFile {
                triple: triple.clone(),
                platform: settings.platform.clone(),
                binary: binary.to_owned(),
                path: rendering.text(&prebuilt.path)?,
                sha256: prebuilt.sha256.get(&settings.platform).cloned(),
                member: prebuilt
                    .member
                    .as_ref()
                    .map(|member| rendering.text(member))
                    .transpose()?,
            });
            (work, None)
        }
        BinarySource::Command(command) => {
            let rendering = rendering.writing(OUT);
            let words = command.command.iter().map(|word| {
                let text = rendering.text(word)?;
                Ok(text.split(OUT).map(str::to_owned).collect())
            });
            let work = Work::Command {
                rendered: words.collect::<Result<_, PlanError>>()?,
                environment: settings.env.clone(),
            };
            (work, Some(query(true)))
        }
    };
    Ok(ForeignNeed {
        image: image.name.clone(),
        platform: settings.platform.clone(),
        position,
        triple: triple.clone(),
        binary: binary.to_owned(),
        work,
        query,
    })
}

/// What a compiler leaves out by itself: nothing where the debug information is to be kept in a file.
pub(super) fn made_strip(image: &Image) -> Strip {
    match image.debuginfo {
        DebugInfo::File => Strip::None,
        DebugInfo::Drop => image.strip,
    }
}

/// The questions for C compilers, each once; the binaries of one answer together.
pub(super) fn queries(needs: &[ForeignNeed]) -> Vec<LinkQuery> {
    let mut queries: Vec<LinkQuery> = Vec::new();
    for query in needs.iter().filter_map(|need| need.query.as_ref()) {
        match queries.iter_mut().find(|other| alike(other, query)) {
            Some(other) => other.binaries.extend(query.binaries.iter().cloned()),
            None => queries.push(query.clone()),
        }
    }
    queries
}

/// Whether one answer serves both.
pub(super) fn alike(one: &LinkQuery, other: &LinkQuery) -> bool {
    !one.binaries.is_empty()
        && (
            &one.triple,
            &one.linker,
            &one.glibc,
            one.static_glibc,
            one.optional,
        ) == (
            &other.triple,
            &other.linker,
            &other.glibc,
            other.static_glibc,
            other.optional,
        )
}

/// `[binary.NAME]`s that no image uses: probably a slip of the pen.
pub(super) fn unused(question: &Question<'_>, declared: &[Image]) -> Vec<String> {
    let used = |name: &String| {
        let uses = declared.iter().map(super::image::uses);
        uses.flatten().any(|of| of.binary == *name)
    };
    let names = question.matrix.binaries.keys().filter(|name| !used(name));
    names
        .map(|name| format!("no image uses `[binary.{name}]`"))
        .collect()
}
