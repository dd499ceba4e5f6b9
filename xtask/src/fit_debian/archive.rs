//! The packages that apt knows, as its lists describe them.

use anyhow::{Result, ensure};

use crate::step::Step;

/// One package in the version that apt would install.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) section: String,
    architecture: String,
    /// Whether it is of one architecture.
    pub(crate) native: bool,
    pub(crate) essential: bool,
    /// What it needs: one of the names of each.
    pub(crate) depends: Vec<Vec<String>>,
    pub(crate) provides: Vec<String>,
    pub(crate) size: u64,
}

impl Package {
    /// What apt calls the file.
    pub(crate) fn file(&self) -> String {
        format!(
            "{}_{}_{}.deb",
            self.name,
            self.version.replace(':', "%3a"),
            self.architecture
        )
    }
}

/// All of them, by name.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let text = Step::line("apt-cache dumpavail").output()?;
    let mut packages: Vec<Package> = text.split("\n\n").filter_map(package).collect();
    packages.sort();
    packages.dedup_by(|a, b| a.name == b.name);
    ensure!(
        packages.len() > 1000,
        "apt has no lists here: `apt-get update` first"
    );
    Ok(packages)
}

fn package(stanza: &str) -> Option<Package> {
    let field = |name: &str| {
        stanza.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            (key == name).then_some(value)
        })
    };
    // Only Debian's own lists have the digest of a description: other people's packages are not declared as carefully.
    field("Description-md5")?;
    let alternatives = |list: &str| -> Vec<Vec<String>> {
        let one = |alternatives: &str| alternatives.split('|').map(plain).collect();
        list.split(',').map(one).collect()
    };
    let architecture = field("Architecture")?;
    Some(Package {
        name: field("Package")?.to_owned(),
        version: field("Version")?.to_owned(),
        section: field("Section").unwrap_or_default().to_owned(),
        native: architecture != "all",
        architecture: architecture.to_owned(),
        essential: field("Essential") == Some("yes"),
        depends: ["Pre-Depends", "Depends"]
            .into_iter()
            .filter_map(field)
            .flat_map(alternatives)
            .collect(),
        provides: field("Provides").map_or_else(Vec::new, |list| list.split(',').map(plain).collect()),
        size: field("Size")?.parse().ok()?,
    })
}

/// A name without version and architecture. Lists of one suite agree with themselves: versions need no look.
fn plain(dependency: &str) -> String {
    let name = dependency.split_whitespace().next().unwrap_or_default();
    name.split(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_is_read() {
        let read = package(
            "Package: tool\nArchitecture: amd64\nVersion: 1:2.0-1+b1\nSection: utils\nSize: 7\n\
             Pre-Depends: libc6 (>= 2.36)\nDepends: python3:any | perl, libfoo1 (= 1)\n\
             Provides: editor, vi (= 3)\nDescription: x\nDescription-md5: 0",
        )
        .unwrap();
        assert_eq!(read.file(), "tool_1%3a2.0-1+b1_amd64.deb");
        assert_eq!(
            read.depends,
            [vec!["libc6"], vec!["python3", "perl"], vec!["libfoo1"]]
        );
        assert_eq!(read.provides, ["editor", "vi"]);
        assert!(read.native && !read.essential);
        assert!(package("Package: other\nArchitecture: amd64\nVersion: 1\nSize: 1").is_none());
    }
}
