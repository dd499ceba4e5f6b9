//! The first half: what the user wants, what the project is, what is installed here, and the plan that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::abreast::abreast;
use super::ground::{self, Purpose};
use super::{Error, Gantry, Request, blocking, ci, convert, lay, links, pinned, repository, workplace};
use crate::base::Bases;
use crate::build::link;
use crate::build::toolchain::Toolchain;
use crate::event::Stage;
use crate::matrix::{self, Matrix, Source, ToolchainRule};
use crate::plan::{self, Candidates, Overrides, Plan, Question, Selection};
use crate::project::{self, Git, Place, Project, ProjectError};
use crate::target::Catalog;

/// Everything that building needs to know.
pub(super) struct Prepared {
    pub plan: Plan,
    pub project: Project,
    pub toolchain: Toolchain,
    pub catalog: Catalog,
    /// How each way of linking was chosen, to explain a link that fails.
    pub links: Vec<Linked>,
    /// The folder that `files` are relative to.
    pub directory: PathBuf,
    /// The bases that images start from, if any does.
    pub bases: Option<Bases>,
    pub request: Request,
}

/// One way of linking: what was wanted, what was chosen, and what the plan calls it.
pub(super) struct Linked {
    pub triple: String,
    pub wanted: link::Wanted,
    pub choice: link::LinkChoice,
    pub planned: plan::Link,
    /// The crates that are linked into each package.
    pub crates: BTreeMap<String, BTreeSet<String>>,
}

/// What can be known without any base.
struct Known {
    project: Project,
    git: Option<Git>,
    matrix: Matrix,
    directory: PathBuf,
    toolchain: Toolchain,
}

/// Decides everything. Unless it is only to be told of, the lock file is brought up to date.
pub(super) async fn prepare(gantry: &Gantry, request: &Request, purpose: Purpose) -> Result<Prepared, Error> {
    let known = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || known(&gantry, &request)).await?
    };
    let lock = ground::lock_file(gantry, request, &known.directory);
    let place = (known.directory.as_path(), lock.as_path());
    let (bases, facts) = ground::resolve(gantry, request, &known.matrix, place, purpose).await?;
    let (gantry, request) = (gantry.clone(), request.clone());
    blocking(move || planned(&gantry, &request, known, facts, bases, purpose)).await
}

/// The matrix of the project alone, with the folder and the lock file that belong to it.
pub(super) fn matrix_alone(gantry: &Gantry, request: &Request) -> Result<(Matrix, PathBuf, PathBuf), Error> {
    let project = load(gantry, request)?;
    let (matrix, directory) = matrix(gantry, request, &project)?;
    let lock = ground::lock_file(gantry, request, &directory);
    Ok((matrix, directory, lock))
}

pub(super) fn load(gantry: &Gantry, request: &Request) -> Result<Project, Error> {
    let question = question(gantry, request);
    Ok(place(gantry, request, &question)?.read(&gantry.tools, &question)?)
}

fn question(gantry: &Gantry, request: &Request) -> project::Question {
    project::Question {
        manifest_path: request.manifest_path.as_ref().map(|path| gantry.absolute(path)),
        locked: request.locked,
        offline: request.offline,
        frozen: request.frozen,
    }
}

fn place(gantry: &Gantry, request: &Request, question: &project::Question) -> Result<Place, Error> {
    let matrix = request.matrix.as_ref().map(|path| gantry.absolute(path));
    match (Place::find(&gantry.tools, question), &matrix) {
        // Where a matrix is named there is a project, be it without cargo.
        (Err(ProjectError::NoCargo { .. }), Some(matrix)) => Ok(Place::of_matrix(matrix)),
        (found, _) => Ok(found?),
    }
}

/// Cargo, git and rustc are asked at the same time: none of them needs to know what another says.
fn known(gantry: &Gantry, request: &Request) -> Result<Known, Error> {
    let question = question(gantry, request);
    let place = place(gantry, request, &question)?;
    let root = place.root();
    let (project, git, toolchain) = std::thread::scope(|scope| {
        let git = scope.spawn(|| gantry.traced(Stage::Project, "git", || Git::read(&gantry.tools, &root)));
        let toolchain = scope.spawn(|| {
            let _span = gantry.span(Stage::Project, "toolchain");
            match place.is_cargo() {
                true => Toolchain::survey(&gantry.tools, &root),
                false => Ok(Toolchain::without_rust(&gantry.tools, &root)),
            }
        });
        let project = gantry.traced(Stage::Project, "cargo metadata", || {
            place.read(&gantry.tools, &question)
        });
        let whole = "asking does not panic";
        (project, git.join().expect(whole), toolchain.join().expect(whole))
    });
    let (project, git) = (project?, git?);
    repository::unasked(gantry, &project.root, git.as_ref());
    let (matrix, directory) =
        gantry.traced(Stage::Project, "matrix", || matrix(gantry, request, &project))?;
    Ok(Known {
        project,
        git,
        matrix,
        directory,
        toolchain: toolchain?,
    })
}

fn planned(
    gantry: &Gantry,
    request: &Request,
    known: Known,
    facts: plan::Bases,
    mut bases: Option<Bases>,
    purpose: Purpose,
) -> Result<Prepared, Error> {
    let Known {
        project,
        git,
        matrix,
        directory,
        toolchain,
    } = known;
    let catalog = Catalog::builtin();
    let selection = Selection {
        images: request.images.clone(),
        platforms: request.platforms.clone(),
    };
    let candidates = plan::candidates(&matrix, &catalog, &selection, &facts)?;
    let installed = match project.is_cargo() {
        true => gantry.traced(Stage::Plan, "standard libraries", || {
            installed(gantry, request, &toolchain, &candidates)
        })?,
        false => BTreeSet::new(),
    };
    let draft_span = gantry.span(Stage::Plan, "draft");
    let packages: Vec<plan::Package> = project
        .packages
        .iter()
        .map(|package| convert::package(package, &project))
        .collect();
    let draft = plan::draft(&Question {
        matrix: &matrix,
        packages: &packages,
        catalog: &catalog,
        bases: facts,
        git: git
            .as_ref()
            .map(|git| ci::completed(convert::git(git), gantry.tools.environment())),
        installed,
        selection,
        overrides: Overrides {
            repositories: request.repositories.clone(),
            tags: request.tags.clone(),
        },
        variables: variables(gantry),
        created: created(gantry, git.as_ref())?,
        out: workplace::store(&project).join("made"),
    })?;
    drop(draft_span);
    let links_span = gantry.span(Stage::Plan, "linkers");
    let links = links::links(gantry, draft.queries(), &project, &toolchain, &catalog)?;
    drop(links_span);
    let ways: Vec<Option<plan::Link>> = links
        .iter()
        .map(|link| Some(link.as_ref()?.planned.clone()))
        .collect();
    let plan = gantry.traced(Stage::Plan, "plan", || draft.plan(&ways))?;
    for notice in plan.notices.iter().chain(&lay::absent(&plan, &directory)) {
        gantry.notice(notice);
    }
    if request.to_publish {
        repository::uncommitted(gantry, &plan, git.as_ref());
    }
    let links: Vec<Linked> = links.into_iter().flatten().collect();
    if let (ToolchainRule::Pinned, Some(bases)) = (plan.toolchain, &mut bases) {
        bases.pin_compilers(&pinned::here(gantry, &directory, &plan, &toolchain, &links)?)?;
        if purpose != Purpose::Plan {
            bases.save(&ground::used(&matrix))?;
        }
    }
    let homeless = |image: &&plan::PlannedImage| request.to_publish && image.repositories.is_empty();
    if let Some(image) = plan.images.iter().find(homeless) {
        let image = image.name.clone();
        return Err(Error::NoRepository { image });
    }
    Ok(Prepared {
        plan,
        project,
        toolchain,
        catalog,
        links,
        directory,
        bases,
        request: request.clone(),
    })
}

/// The matrix and the folder its paths are relative to: a named file alone, or what `gantry.toml` beside the
/// workspace's Cargo.toml and the metadata in each Cargo.toml say together.
pub(super) fn matrix(
    gantry: &Gantry,
    request: &Request,
    project: &Project,
) -> Result<(Matrix, PathBuf), Error> {
    if let Some(path) = &request.matrix {
        let path = gantry.absolute(path);
        let folder = path.parent().map_or_else(|| project.root.clone(), PathBuf::from);
        return Ok((matrix::parse(&path.display().to_string(), &read(&path)?)?, folder));
    }
    // From where the user is, if they lie there: else there may be another file of that name.
    let here = gantry.tools.environment().directory();
    let shown = |path: &Path| path.strip_prefix(here).unwrap_or(path).display().to_string();
    let text = |path: &Path| Ok::<_, Error>((shown(path), read(path)?));
    let (own, manifest) = (project.root.join("gantry.toml"), project.root.join("Cargo.toml"));
    let there = own.try_exists().map_err(|source| Error::Read {
        path: own.clone(),
        source,
    })?;
    let own = there.then(|| text(&own)).transpose()?;
    let workspace = project.metadata.is_some().then(|| text(&manifest)).transpose()?;
    let mut members = Vec::new();
    for package in &project.packages {
        if package.metadata.is_some() {
            members.push((text(&package.directory.join("Cargo.toml"))?, &package.name));
        }
        let unread = package.directory.join("gantry.toml");
        if package.directory != project.root && unread.exists() {
            gantry.notice(&format!(
                "`{}` is not read: the matrix of a workspace lies beside its Cargo.toml; say it there, as \
                 `[package.metadata.gantry]`, or give --matrix",
                shown(&unread)
            ));
        }
    }
    let own = own.iter().map(|(name, text)| Source::file(name, text));
    let workspace = workspace.iter().map(|(name, text)| Source::workspace(name, text));
    let members = members
        .iter()
        .map(|((name, text), package)| Source::package(name, text, package));
    let sources: Vec<Source<'_>> = own.chain(workspace).chain(members).collect();
    Ok((matrix::parse_sources(&sources)?, project.root.clone()))
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

/// The candidates whose std is there, after installing what is missing if that was asked for.
fn installed(
    gantry: &Gantry,
    request: &Request,
    toolchain: &Toolchain,
    candidates: &[Candidates],
) -> Result<BTreeSet<String>, Error> {
    let mut installed = BTreeSet::new();
    let best: BTreeSet<&String> = candidates
        .iter()
        .filter_map(|candidates| candidates.triples.first())
        .collect();
    let best: Vec<&String> = best.into_iter().collect();
    // What one of them comes to is told where it is asked for.
    let _ = abreast(&best, |triple| toolchain.std_installed(triple));
    for candidates in candidates {
        for triple in &candidates.triples {
            // The first that is there is taken: rustc need not be asked about the rest.
            if toolchain.std_installed(triple)? {
                installed.insert(triple.clone());
                break;
            }
        }
        if !request.install_targets
            || request.offline
            || request.frozen
            || !candidates.packed
            || candidates
                .triples
                .first()
                .is_none_or(|best| installed.contains(best))
        {
            continue;
        }
        // Best first: a worse one is only installed where a better one cannot be had.
        let mut refused = None;
        for triple in &candidates.triples {
            if installed.contains(triple) {
                break;
            }
            gantry.notice(&format!("installing the standard library for {triple}"));
            match toolchain.install_target(triple) {
                Ok(()) => {
                    installed.insert(triple.clone());
                    refused = None;
                    break;
                }
                Err(error) => {
                    gantry.notice(&format!("{error}"));
                    refused.get_or_insert(error);
                }
            }
        }
        if let (Some(error), false) = (
            refused,
            candidates.triples.iter().any(|triple| installed.contains(triple)),
        ) {
            return Err(error.into());
        }
    }
    Ok(installed)
}

/// The variables that templates may name.
pub(super) fn variables(gantry: &Gantry) -> BTreeMap<String, String> {
    let variables = gantry.tools.environment().variables();
    let text = |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| {
        Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
    };
    variables.filter_map(text).collect()
}

/// `SOURCE_DATE_EPOCH`, else the commit's time, else the epoch.
/// <https://reproducible-builds.org/specs/source-date-epoch/>
pub(super) fn created(gantry: &Gantry, git: Option<&Git>) -> Result<i64, Error> {
    match gantry.tools.environment().non_empty("SOURCE_DATE_EPOCH") {
        Some(text) => epoch(text).ok_or_else(|| Error::SourceDateEpoch {
            text: text.to_owned(),
        }),
        None => Ok(git.map_or(0, |git| git.time)),
    }
}

/// Seconds from 1970 to the last hours of the year 9999: other times cannot be written down in an image.
fn epoch(text: &str) -> Option<i64> {
    text.parse()
        .ok()
        .filter(|seconds| (0..=253_402_207_200).contains(seconds))
}

#[cfg(test)]
mod tests {
    use super::epoch;

    #[test]
    fn times_that_no_image_can_hold_are_none() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("253402207200", Some(253_402_207_200)),
            ("253402207201", None),
            ("9223372036854775807", None),
            ("-1", None),
            ("1.5", None),
            ("today", None),
        ] {
            assert_eq!(epoch(text), seconds, "{text}");
        }
    }
}
