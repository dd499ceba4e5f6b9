//! What a package needs, and what that needs, to the end.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::Package;

/// The packages by name, and by what they provide.
pub(crate) struct Archive {
    packages: BTreeMap<String, Package>,
    /// Names of providers, by the name provided.
    provided: BTreeMap<String, Vec<String>>,
}

impl Archive {
    pub(crate) fn new(packages: Vec<Package>) -> Self {
        let mut provided: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in &packages {
            for name in &package.provides {
                provided
                    .entry(name.clone())
                    .or_default()
                    .push(package.name.clone());
            }
        }
        Self {
            packages: packages
                .into_iter()
                .map(|package| (package.name.clone(), package))
                .collect(),
            provided,
        }
    }

    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// What every system has, so that nobody declares it.
    pub(crate) fn essential(&self) -> BTreeSet<&Package> {
        let essential = self.packages().filter(|package| package.essential);
        essential
            .filter_map(|package| self.closure(package).ok())
            .flatten()
            .collect()
    }

    /// The package with everything that it needs: of alternatives the first that can be had, of providers the first by
    /// name.
    ///
    /// # Errors
    /// The names of which nothing is there.
    pub(crate) fn closure(&self, package: &Package) -> Result<BTreeSet<&Package>, String> {
        let mut closure = BTreeSet::new();
        let mut open = vec![&self.packages[&package.name]];
        while let Some(package) = open.pop() {
            if !closure.insert(package) {
                continue;
            }
            for alternatives in &package.depends {
                let there = |name: &String| self.packages.get(name);
                let provider = |name: &String| self.provided.get(name)?.iter().find_map(there);
                let found = alternatives
                    .iter()
                    .find_map(|name| there(name).or_else(|| provider(name)));
                open.push(found.ok_or_else(|| alternatives.join(" or "))?);
            }
        }
        Ok(closure)
    }
}
