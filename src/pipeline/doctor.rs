//! Asking the doctor: what the matrix needs here, gathered past every gap that a build would stop at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::prepare::{self, Linked};
use super::{Access, Error, Gantry, Request, blocking, convert, ground};
use crate::base::{Bases, Mode};
use crate::build::link::{self, LinkError};
use crate::build::toolchain::Toolchain;
use crate::doctor::{self, Check, Diagnosis, System};
use crate::event::{Event, Observer};
use crate::matrix::{Base, Matrix};
use crate::plan::{self, LinkQuery, Overrides, Plan, Question, Selection};
use crate::project::{Git, Project, ProjectError};
use crate::registry::{Client, Repository, Settings, user_settings};
use crate::spec::Reference;
use crate::target::Catalog;

/// What is wanted, as far as it can be known.
struct Known {
    project: Option<Project>,
    matrix: Matrix,
    directory: PathBuf,
    system: System,
    checks: Vec<Check>,
}

/// Looks at everything that is asked for. Nothing is written but the scripts that linkers are called through.
pub(super) async fn diagnose(
    gantry: &Gantry,
    request: &Request,
    access: &Access,
) -> Result<Diagnosis, Error> {
    let mut known = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || known(&gantry, &request)).await?
    };
    let client = client(gantry, access)?;
    let (facts, checks) = bases(gantry, request, &known, &client).await?;
    known.checks.extend(checks);
    known.matrix = with_known_bases(known.matrix, &facts);
    let system = known.system.clone();
    let (mut checks, plan) = {
        let (gantry, request) = (gantry.clone(), request.clone());
        blocking(move || compilers(&gantry, &request, known, facts)).await?
    };
    if !request.offline && !request.frozen {
        checks.extend(registries(&client, plan.as_ref()).await);
    }
    Ok(Diagnosis::new(checks, &system))
}

fn known(gantry: &Gantry, request: &Request) -> Result<Known, Error> {
    let system = System::here(&gantry.tools);
    let cargo = doctor::cargo(&gantry.tools, &system, &[]);
    let project = match prepare::load(gantry, request) {
        Ok(project) => Some(project),
        // Without cargo nothing else is said of the project, and the matrix stands where we are.
        Err(Error::Project(ProjectError::Tool(_))) if cargo.status == doctor::Status::Missing => None,
        Err(error) => return Err(error),
    };
    let (matrix, directory) = match &project {
        Some(project) => prepare::matrix(gantry, request, project)?,
        None => alone(gantry, request)?,
    };
    Ok(Known {
        project,
        matrix,
        directory,
        system,
        checks: vec![cargo],
    })
}

/// The matrix where there is no project that could say more.
fn alone(gantry: &Gantry, request: &Request) -> Result<(Matrix, PathBuf), Error> {
    let path = gantry.absolute(request.matrix.as_deref().unwrap_or(Path::new("gantry.toml")));
    let folder = path.parent().unwrap_or(&path).to_owned();
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && request.matrix.is_none() => {
            String::new()
        }
        Err(source) => return Err(Error::Read { path, source }),
        Ok(text) => text,
    };
    Ok((crate::matrix::parse(&path.display().to_string(), &text)?, folder))
}

/// A client that gives up soon: who asks what is missing does not want to wait.
fn client(gantry: &Gantry, access: &Access) -> Result<Client, Error> {
    let mut settings = Settings::new(gantry.tools.clone());
    settings.plain_http = access.plain_http.clone();
    settings.hosts = user_settings(&settings.environment)?;
    settings.patience.tries = 2;
    settings.patience.connect = Duration::from_secs(5);
    settings.patience.stall = Duration::from_secs(10);
    settings.patience.longest_asked = Duration::from_secs(5);
    Ok(Client::new(settings, Arc::new(Unheard))?)
}

/// What happens on the way is of no interest: the checks tell how it ended.
struct Unheard;

impl Observer for Unheard {
    fn event(&self, _: &Event<'_>) {}
}

/// What is known of each base on each of its platforms, and a check for each.
async fn bases(
    gantry: &Gantry,
    request: &Request,
    known: &Known,
    client: &Client,
) -> Result<(plan::Bases, Vec<Check>), Error> {
    let lock = ground::lock_file(gantry, request, &known.directory);
    let open = |locked: bool| {
        let mode = Mode {
            locked,
            offline: request.offline || request.frozen,
        };
        let client = client.clone().through_mirrors();
        let directory = known.directory.clone();
        Bases::open(client, gantry.tools.environment(), lock.clone(), directory, mode)
    };
    let (mut facts, mut checks) = (plan::Bases::new(), Vec::new());
    for (name, platforms) in plan::bases(&known.matrix) {
        for platform in platforms {
            let one = std::slice::from_ref(&platform);
            // What the lock file says is known without asking anybody.
            let (answer, pinned) = match open(true)?.facts(&name, one).await {
                Ok(found) => (Ok(found), true),
                Err(_) => (open(false)?.facts(&name, one).await, false),
            };
            let found = match answer {
                Ok(found) => {
                    let digest = found.first().map(|facts| facts.manifest.to_string());
                    facts.extend(
                        found
                            .into_iter()
                            .map(|found| ((name.clone(), platform.clone()), found)),
                    );
                    let digest = digest.unwrap_or_default();
                    match pinned {
                        true => doctor::Base::Pinned(digest),
                        false => doctor::Base::Unpinned(digest),
                    }
                }
                Err(error) => {
                    let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
                    doctor::Base::Gap(with_causes(&error), help)
                }
            };
            let locked = request.locked || request.frozen;
            checks.push(doctor::base(&name, &platform.to_string(), &found, locked));
        }
    }
    Ok((facts, checks))
}

/// The matrix without the platforms of whose base nothing is known: what they need cannot be told.
fn with_known_bases(mut matrix: Matrix, facts: &plan::Bases) -> Matrix {
    let unnamed = std::iter::once(&mut matrix.unnamed);
    for image in matrix.images.iter_mut().chain(unnamed) {
        image.platforms.retain(|settings| match &settings.base {
            Base::Image(name) => facts.contains_key(&(name.clone(), settings.platform.clone())),
            _ => true,
        });
    }
    matrix
}

/// Everything that compiling needs, and the plan as it will be once all of it is there.
fn compilers(
    gantry: &Gantry,
    request: &Request,
    known: Known,
    facts: plan::Bases,
) -> Result<(Vec<Check>, Option<Plan>), Error> {
    let Known {
        project,
        matrix,
        directory,
        system,
        mut checks,
    } = known;
    let toolchain = Toolchain::survey(&gantry.tools, &directory);
    checks.push(doctor::compiler(toolchain.as_ref(), &system, &[]));
    let (Some(project), Ok(toolchain)) = (project, toolchain) else {
        return Ok((checks, None));
    };
    let catalog = Catalog::builtin();
    let selection = Selection {
        images: request.images.clone(),
        platforms: request.platforms.clone(),
    };
    let mut installed = BTreeSet::new();
    let mut standards = BTreeMap::new();
    for candidates in plan::candidates(&matrix, &catalog, &selection, &facts)? {
        let targets = candidates
            .triples
            .iter()
            .filter_map(|triple| catalog.by_triple(triple));
        let standard = doctor::Standard {
            targets: targets.collect(),
            why: Vec::new(),
        };
        let (triple, check) = doctor::standard(&standard, &toolchain, &system)?;
        installed.insert(triple.clone());
        if candidates.packed {
            standards.insert(triple, check);
        }
    }
    let git = Git::read(&gantry.tools, &project.root)?;
    let packages: Vec<plan::Package> = project
        .packages
        .iter()
        .map(|package| convert::package(package, &project))
        .collect();
    let variables = gantry.tools.environment().variables();
    let variables =
        variables.filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())));
    let draft = plan::draft(&Question {
        matrix: &matrix,
        packages: &packages,
        catalog: &catalog,
        bases: facts,
        git: git.as_ref().map(convert::git),
        installed,
        selection,
        overrides: Overrides {
            repositories: request.repositories.clone(),
            tags: request.tags.clone(),
        },
        variables: variables.collect(),
        created: 0,
    })?;
    let queries = draft.queries().to_vec();
    let answers: Vec<_> = queries
        .iter()
        .map(|query| prepare::link(gantry, query, &project, &toolchain, &catalog))
        .collect();
    let ways = answers.iter().map(way).collect::<Vec<_>>();
    let plan = draft.plan(&ways)?;
    for (triple, check) in standards {
        let why = users(&plan, |platform| platform.triple == triple);
        checks.push(check.needed_by(&why));
    }
    for (query, answer) in queries.iter().zip(&answers) {
        let why = users(&plan, |platform| platform.triple == query.triple);
        checks.push(linker(query, answer, &toolchain, (&catalog, &system), &why));
    }
    Ok((checks, Some(plan)))
}

/// How it is linked; a name that is shown nowhere stands for what is missing.
fn way(answer: &Result<Linked, Error>) -> plan::Link {
    match answer {
        Ok(linked) => linked.planned.clone(),
        Err(_) => plan::Link {
            shown: "missing".to_owned(),
            why: String::new(),
            variables: BTreeMap::new(),
            rustflags: Vec::new(),
        },
    }
}

fn linker(
    query: &LinkQuery,
    answer: &Result<Linked, Error>,
    toolchain: &Toolchain,
    (catalog, system): (&Catalog, &System),
    why: &[String],
) -> Check {
    let target = catalog
        .by_triple(&query.triple)
        .expect("queries name triples of the catalog");
    let on = (target, catalog.by_triple(toolchain.host()));
    match answer {
        Ok(linked) => doctor::linker(on, &linked.wanted, Ok(&linked.choice), system, why),
        Err(Error::Link(error)) => {
            let crates = match error {
                LinkError::NoLinker { crates, .. } => crates.clone(),
                _ => Vec::new(),
            };
            let wanted = link::Wanted {
                linker: convert::asked(&query.linker),
                compiles_c: crates,
                glibc: query.glibc.clone(),
                static_: query.static_glibc,
            };
            doctor::linker(on, &wanted, Err(error), system, why)
        }
        Err(error) => doctor::dependencies(&query.triple, &with_causes(error)).needed_by(why),
    }
}

/// The images and platforms that are packed so.
fn users(plan: &Plan, holds: impl Fn(&plan::PlannedPlatform) -> bool) -> Vec<String> {
    let mut users = Vec::new();
    for image in &plan.images {
        let platforms = image.platforms.iter().filter(|platform| holds(platform));
        let platforms: Vec<String> = platforms.map(|platform| platform.platform.to_string()).collect();
        if !platforms.is_empty() {
            users.push(format!("image `{}` on {}", image.name, platforms.join(", ")));
        }
    }
    users
}

/// The registries that images are published to, each asked once, and who we are there.
async fn registries(client: &Client, plan: Option<&Plan>) -> Vec<Check> {
    let mut repositories: BTreeMap<Repository, Vec<String>> = BTreeMap::new();
    for image in plan.iter().flat_map(|plan| &plan.images) {
        for reference in image
            .repositories
            .iter()
            .filter_map(|text| text.parse::<Reference>().ok())
        {
            let why = repositories.entry(Repository::from(&reference)).or_default();
            why.push(format!("image `{}` is published there", image.name));
        }
    }
    let mut checks: Vec<Check> = Vec::new();
    for (repository, why) in repositories {
        for check in doctor::repository(client, &repository, &why).await {
            if !checks.iter().any(|known| known.subject == check.subject) {
                checks.push(check);
            }
        }
    }
    checks
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
