//! What compiling needs, and the plan as it will be once all of it is there.

use std::collections::{BTreeMap, BTreeSet};

use super::Known;
use crate::build::link::{self, LinkError};
use crate::build::toolchain::Toolchain;
use crate::doctor::{self, Check, Need, System};
use crate::matrix::Matrix;
use crate::pipeline::links;
use crate::pipeline::prepare::Linked;
use crate::pipeline::{Error, Gantry, Request, convert, workplace};
use crate::plan::{self, Bases, Draft, LinkQuery, Overrides, Plan, PlannedPlatform, Question, Selection};
use crate::project::{Git, ProjectError};
use crate::target::Catalog;

/// What was found of compilers.
pub(super) struct Looked {
    pub checks: Vec<Check>,
    /// The plan, and what it was made with; none where nothing can be told without cargo.
    pub plan: Option<(Plan, Toolchain)>,
}

/// Checks compilers, and plans as if all that can be had were there.
pub(super) fn look(gantry: &Gantry, request: &Request, known: &Known, facts: Bases) -> Result<Looked, Error> {
    let (catalog, system) = (Catalog::builtin(), &known.system);
    let selection = Selection {
        images: request.images.clone(),
        platforms: request.platforms.clone(),
    };
    let candidates = plan::candidates(&known.matrix, &catalog, &selection, &facts)?;
    let needs_rust = !candidates.is_empty() && (known.project.is_cargo() || known.is_lost());
    let mut checks = Vec::new();
    let mut toolchain = Toolchain::without_rust(&gantry.tools, &known.project.root);
    let mut matrix = known.matrix.clone();
    if needs_rust {
        let surveyed = Toolchain::survey(&gantry.tools, &known.project.root);
        checks.push(known.cargo.clone());
        checks.push(doctor::compiler(surveyed.as_ref(), &gantry.tools, system));
        match surveyed {
            Ok(surveyed) if !known.is_lost() => toolchain = surveyed,
            _ => {
                matrix = without_cargo(matrix);
                if matrix.images.is_empty() {
                    return Ok(Looked { checks, plan: None });
                }
            }
        }
    }
    let (mut installed, mut standards) = (BTreeSet::new(), BTreeMap::new());
    for candidates in candidates.iter().filter(|_| toolchain.rustc().is_some()) {
        let triples = candidates.triples.iter();
        let targets: Vec<_> = triples.filter_map(|triple| catalog.by_triple(triple)).collect();
        let (triple, check) = doctor::standard(&targets, &toolchain, system)?;
        installed.insert(triple.clone());
        if candidates.packed {
            standards.insert(triple, check);
        }
    }
    let packages: Vec<plan::Package> = known
        .project
        .packages
        .iter()
        .map(|package| convert::package(package, &known.project))
        .collect();
    let variables = gantry.tools.environment().variables();
    let variables =
        variables.filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())));
    let question = Question {
        matrix: &matrix,
        packages: &packages,
        catalog: &catalog,
        bases: facts,
        git: None,
        installed,
        selection,
        overrides: Overrides {
            repositories: request.repositories.clone(),
            tags: request.tags.clone(),
        },
        variables: variables.collect(),
        created: 0,
        out: workplace::store(&known.project).join("made"),
    };
    let draft = draft(gantry, known, question, &mut checks)?;
    let queries = draft.queries().to_vec();
    let answers: Vec<_> = queries
        .iter()
        .map(|query| links::link(gantry, query, &known.project, &toolchain, &catalog))
        .collect();
    let ways: Vec<_> = queries
        .iter()
        .zip(&answers)
        .map(|(query, answer)| way(query, answer))
        .collect();
    let plan = draft.plan(&ways)?;
    for (triple, check) in standards {
        checks.push(check.needed_by(&users(&plan, |platform| platform.triple == triple)));
    }
    for (query, answer) in queries.iter().zip(&answers) {
        let why = users(&plan, |platform| platform.triple == query.triple);
        checks.extend(linker(query, answer, &toolchain, (&catalog, system), &why));
    }
    Ok(Looked {
        checks,
        plan: Some((plan, toolchain)),
    })
}

/// The images that cargo has no part in.
fn without_cargo(mut matrix: Matrix) -> Matrix {
    let foreign = &matrix.binaries;
    matrix.images.retain(|image| {
        let mut names = image.binaries.iter().map(|of| &of.binary);
        match image.binaries.is_empty() {
            true => foreign.contains_key(&image.name),
            false => names.all(|name| foreign.contains_key(name)),
        }
    });
    matrix
}

/// The draft; where git is not here and the project is in its care, as it would be with git.
fn draft(
    gantry: &Gantry,
    known: &Known,
    mut question: Question<'_>,
    checks: &mut Vec<Check>,
) -> Result<Draft, Error> {
    let root = &known.project.root;
    let is_cared_for = root.ancestors().any(|folder| folder.join(".git").exists());
    if gantry.tools.find("git").is_some() || !is_cared_for {
        question.git = match Git::read(&gantry.tools, root) {
            Ok(None) => None,
            Ok(Some(git)) => {
                let message = "tells commit, branch and origin for labels";
                checks.push(Check::found(Need::Program, "git", message));
                Some(convert::git(&git))
            }
            Err(ProjectError::Git { directory, said } | ProjectError::HalfRepository { directory, said }) => {
                checks.push(doctor::repository_refused(&directory, &said, &known.system));
                Some(made_up())
            }
            Err(error) => return Err(error.into()),
        };
        return Ok(plan::draft(&question)?);
    }
    let without = plan::draft(&question).ok();
    checks.push(doctor::program(
        &doctor::Program {
            tool: "git",
            names: vec!["git".to_owned()],
            need: Need::Program,
            required: without.is_none(),
            why: vec!["labels and tags that name the commit".to_owned()],
            without: "images will not say which commit they are of",
        },
        &gantry.tools,
        &known.system,
    ));
    if let Some(draft) = without {
        return Ok(draft);
    }
    question.git = Some(made_up());
    Ok(plan::draft(&question)?)
}

/// What git would tell, as far as a plan depends on it.
fn made_up() -> plan::Git {
    plan::Git {
        commit: "0".repeat(40),
        branch: Some("main".to_owned()),
        ..plan::Git::default()
    }
}

/// How it is linked; a name that is shown nowhere stands for what is missing.
fn way(query: &LinkQuery, answer: &Result<Linked, Error>) -> Option<plan::Link> {
    match answer {
        Ok(linked) => Some(linked.planned.clone()),
        Err(_) if query.optional => None,
        Err(_) => Some(plan::Link {
            shown: String::new(),
            why: String::new(),
            variables: BTreeMap::new(),
            compilers: BTreeMap::new(),
            rustflags: Vec::new(),
        }),
    }
}

fn linker(
    query: &LinkQuery,
    answer: &Result<Linked, Error>,
    toolchain: &Toolchain,
    (catalog, system): (&Catalog, &System),
    why: &[String],
) -> Option<Check> {
    let target = catalog
        .by_triple(&query.triple)
        .expect("queries name triples of the catalog");
    let (wanted, chosen) = match answer {
        Ok(linked) => (linked.wanted.clone(), Ok(&linked.choice)),
        // A command may need no compiler.
        Err(Error::Link(_)) if query.optional => return None,
        Err(Error::Link(error)) => (wanted(query, error), Err(error)),
        Err(error) => return Some(doctor::dependencies(&query.triple, &doctor::said(error)).needed_by(why)),
    };
    Some(doctor::linker(target, &wanted, chosen, (toolchain, system), why))
}

/// What was wanted, of somebody who did not get it.
fn wanted(query: &LinkQuery, error: &LinkError) -> link::Wanted {
    let compiles_c = match error {
        LinkError::NoLinker { crates, .. } => crates.clone(),
        _ => query.binaries.iter().cloned().collect(),
    };
    link::Wanted {
        linker: convert::asked(&query.linker),
        compiles_c,
        glibc: query.glibc.clone(),
        static_: query.static_glibc,
        environment: query.environment.clone(),
        ..link::Wanted::default()
    }
}

/// The images and platforms that are packed so.
pub(super) fn users(plan: &Plan, holds: impl Fn(&PlannedPlatform) -> bool) -> Vec<String> {
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
