//! How each target of a plan is linked: what its packages are made of, and the linker that can do it.

use std::collections::{BTreeMap, BTreeSet};

use super::abreast::abreast;
use super::prepare::Linked;
use super::{Error, Gantry, convert};
use crate::build::link;
use crate::build::toolchain::Toolchain;
use crate::plan::LinkQuery;
use crate::project::{self, Project};
use crate::target::Catalog;

/// The answer to each query; none where an optional one has none.
pub(super) fn links(
    gantry: &Gantry,
    queries: &[LinkQuery],
    project: &Project,
    toolchain: &Toolchain,
    catalog: &Catalog,
) -> Result<Vec<Option<Linked>>, Error> {
    let (mut links, mut gaps) = (Vec::new(), Vec::new());
    let crates = abreast(queries, |query| crates(gantry, query, project, toolchain));
    for (query, crates) in queries.iter().zip(crates) {
        match crates.and_then(|crates| linked(query, crates, toolchain, catalog)) {
            Ok(linked) => links.push(Some(linked)),
            Err(Error::Link(_)) if query.optional => links.push(None),
            // Every gap is told at once: closing them one by one would cost a run each.
            Err(Error::Link(gap)) => gaps.push(gap),
            Err(error) => return Err(error),
        }
    }
    match gaps.len() {
        0 => Ok(links),
        1 => Err(gaps.remove(0).into()),
        _ => Err(Error::Links { gaps }),
    }
}

/// The answer to one query.
pub(super) fn link(
    gantry: &Gantry,
    query: &LinkQuery,
    project: &Project,
    toolchain: &Toolchain,
    catalog: &Catalog,
) -> Result<Linked, Error> {
    let crates = crates(gantry, query, project, toolchain)?;
    linked(query, crates, toolchain, catalog)
}

/// The crates of a query.
struct Crates {
    /// Those that compile C.
    compiles_c: BTreeSet<String>,
    /// Those that are linked into each package.
    linked: BTreeMap<String, BTreeSet<String>>,
}

fn crates(
    gantry: &Gantry,
    query: &LinkQuery,
    project: &Project,
    toolchain: &Toolchain,
) -> Result<Crates, Error> {
    let cargo = toolchain.cargo_grounds();
    let mut compiles_c = query.binaries.clone();
    let mut crates = BTreeMap::new();
    // Packages with and without default features cannot be one cargo call.
    for default_features in [true, false] {
        let choices: Vec<project::Choice> = query
            .packages
            .iter()
            .filter(|package| package.default_features == default_features)
            .map(convert::choice)
            .collect();
        if choices.is_empty() {
            continue;
        }
        let graph = project.graph(&gantry.tools, &choices, &query.triple, cargo.as_ref())?;
        compiles_c.extend(graph.compiles_c());
        for choice in choices {
            let linked = graph.linked_into(&choice.package);
            crates
                .entry(choice.package)
                .or_insert_with(BTreeSet::new)
                .extend(linked);
        }
    }
    Ok(Crates {
        compiles_c: compiles_c.into_iter().collect(),
        linked: crates,
    })
}

fn linked(
    query: &LinkQuery,
    crates: Crates,
    toolchain: &Toolchain,
    catalog: &Catalog,
) -> Result<Linked, Error> {
    let target = catalog
        .by_triple(&query.triple)
        .expect("queries name triples of the catalog");
    let wanted = link::Wanted {
        linker: convert::asked(&query.linker),
        compiles_c: crates.compiles_c.into_iter().collect(),
        glibc: query.glibc.clone(),
        static_: query.static_glibc,
        environment: query.environment.clone(),
        // What cargo does not make has no Rust in it, as far as we know, and is linked by its C compiler.
        cc_links: !query.binaries.is_empty(),
        no_rust: !query.binaries.is_empty(),
    };
    let choice = link::choose(target, &wanted, toolchain)?;
    let planned = convert::link(&choice);
    Ok(Linked {
        triple: query.triple.clone(),
        wanted,
        choice,
        planned,
        crates: crates.linked,
    })
}
