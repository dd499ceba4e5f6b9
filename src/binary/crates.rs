//! [`dependencies`]: the crates that a program was built of, where it says so.
//!
//! <https://github.com/rust-secure-code/cargo-auditable/blob/v0.6.4/PARSING.md>

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::sections::section;

/// The section that holds the list.
pub(super) const SECTION: &[u8] = b".dep-v0";

/// The list of a program with ten thousand crates is smaller.
const LIST: u64 = 8 << 20;

#[derive(Deserialize)]
struct List {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    kind: Kind,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    #[default]
    Runtime,
    /// Of build scripts and macros: not in the program.
    #[serde(other)]
    Build,
}

/// The names of the crates that are in a program, from the list that cargo-auditable puts into it. None where there is
/// no list, or none that can be read.
pub fn dependencies(path: &Path) -> Option<BTreeSet<String>> {
    let compressed = section(path, SECTION)?;
    let list = flate2::read::ZlibDecoder::new(compressed.as_slice()).take(LIST);
    let list: List = serde_json::from_reader(list).ok()?;
    let inside = list
        .packages
        .into_iter()
        .filter(|package| package.kind == Kind::Runtime);
    Some(inside.map(|package| package.name).collect())
}
