//! [`Need`]: one binary of one image on one platform, with everything its compilation depends on.

use std::collections::{BTreeMap, BTreeSet};

use super::{BuildUnit, Link, LinkQuery, PackageUse, UnitTarget};
use crate::matrix::{Linker, Strip};
use crate::spec::Platform;

/// One binary that must be built.
#[derive(Clone, Debug)]
pub(super) struct Need {
    pub image: String,
    pub platform: Platform,
    /// Its place among the binaries of its image.
    pub position: usize,
    /// Whether it is packed: what is not packed still counts for the unification of features.
    pub selected: bool,
    pub package: PackageUse,
    pub binary: String,
    pub call: CallKey,
    pub target: TargetKey,
}

/// What separates two calls of cargo.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallKey {
    pub profile: String,
    pub strip: Strip,
    pub remap_paths: bool,
    pub isolated: Option<String>,
    pub environment: BTreeMap<String, String>,
}

/// What separates two builds for a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TargetKey {
    pub triple: String,
    pub linker: Linker,
    pub glibc: Option<String>,
    pub static_glibc: bool,
    pub rustflags: Vec<String>,
}

impl TargetKey {
    /// The same way of linking: one query.
    fn links_as(&self, other: &Self) -> bool {
        self.way() == other.way()
    }

    fn way(&self) -> (&String, &Linker, &Option<String>, bool) {
        (&self.triple, &self.linker, &self.glibc, self.static_glibc)
    }
}

impl Need {
    fn asks(&self, query: &LinkQuery) -> bool {
        query.binaries.is_empty()
            && self.target.way() == (&query.triple, &query.linker, &query.glibc, query.static_glibc)
            && self.call.environment == query.environment
    }

    /// The target as a unit has it.
    pub(super) fn answered(&self, queries: &[LinkQuery], links: &[Option<Link>]) -> UnitTarget {
        let position = queries.iter().position(|query| self.asks(query));
        let link = position
            .and_then(|position| links.get(position)?.as_ref())
            .expect("every query was answered");
        UnitTarget {
            triple: self.target.triple.clone(),
            link: link.clone(),
            rustflags: self.target.rustflags.clone(),
            glibc: self.target.glibc.clone(),
        }
    }

    /// Whether this unit builds it.
    pub(super) fn is_in(&self, unit: &BuildUnit, queries: &[LinkQuery], links: &[Option<Link>]) -> bool {
        let target = self.answered(queries, links);
        unit.profile == self.call.profile
            && unit.strip == self.call.strip
            && unit.remap_paths == self.call.remap_paths
            && unit.environment == self.call.environment
            && unit.isolated == self.call.isolated
            && unit.packages.contains(&self.package)
            && unit.binaries.contains(&self.binary)
            && unit.targets.contains(&target)
    }
}

/// Drops the needs that share no way of linking with anything packed: nothing of theirs is built, so no linker, and
/// no std, is wanted for them.
pub(super) fn drop_unlinked(needs: &mut Vec<Need>) {
    let packed: Vec<TargetKey> = needs
        .iter()
        .filter(|need| need.selected)
        .map(|need| need.target.clone())
        .collect();
    needs.retain(|need| packed.iter().any(|key| key.links_as(&need.target)));
}

/// One query for each way to link under the same variables, with all packages that are linked so.
pub(super) fn queries(needs: &[Need]) -> Vec<LinkQuery> {
    let mut queries: Vec<LinkQuery> = Vec::new();
    for need in needs {
        let target = &need.target;
        match queries.iter_mut().find(|query| need.asks(query)) {
            Some(query) => {
                query.packages.insert(need.package.clone());
            }
            None => queries.push(LinkQuery {
                triple: target.triple.clone(),
                linker: target.linker.clone(),
                glibc: target.glibc.clone(),
                static_glibc: target.static_glibc,
                environment: need.call.environment.clone(),
                packages: BTreeSet::from([need.package.clone()]),
                binaries: BTreeSet::new(),
                optional: false,
            }),
        }
    }
    queries
}
