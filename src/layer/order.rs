//! The order of a layer's entries: sorted, complete, without contradictions.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attributes, Entry, Kind, LayerError};

/// The entries as they go into the tar: by the bytes of their paths, which puts parents before children; then
/// the hard links, whose files must come first. Directories that nobody named are added, as `known` has them.
pub(super) fn ordered(
    entries: Vec<Entry>,
    known: &BTreeMap<Vec<u8>, Attributes>,
) -> Result<Vec<Entry>, LayerError> {
    let mut tree: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
    for entry in entries {
        if !is_normal(&entry.path) {
            let path = format!("/{}", entry.shown());
            return Err(LayerError::Path { path });
        }
        match tree.get(&entry.path) {
            None => drop(tree.insert(entry.path.clone(), entry)),
            Some(same) if *same == entry && entry.kind == Kind::Directory => {}
            Some(other) => return Err(duplicate(other, &entry)),
        }
    }
    let missing = parents(&tree)?;
    for path in missing {
        let below = known.get(&path).copied().unwrap_or(Attributes::root(0o755));
        let directory = Entry::directory(&path, below.mode).owned_by(below.uid, below.gid);
        tree.insert(path, directory);
    }
    let (links, others): (Vec<Entry>, Vec<Entry>) = tree
        .into_values()
        .partition(|entry| matches!(entry.kind, Kind::Hardlink(_)));
    let files: BTreeSet<&[u8]> = others
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::File(_)))
        .map(|entry| entry.path.as_slice())
        .collect();
    for link in &links {
        if let Kind::Hardlink(target) = &link.kind
            && !files.contains(target.as_slice())
        {
            return Err(LayerError::Hardlink {
                path: link.shown(),
                target: String::from_utf8_lossy(target).into_owned(),
            });
        }
    }
    Ok(others.into_iter().chain(links).collect())
}

fn is_normal(path: &[u8]) -> bool {
    let part = |part: &[u8]| !part.is_empty() && part != b"." && part != b"..";
    !path.contains(&0) && path.split(|byte| *byte == b'/').all(part)
}

/// The two in an order that does not depend on how they came.
fn duplicate(one: &Entry, other: &Entry) -> LayerError {
    let mut origins = [one.origin(), other.origin()];
    origins.sort();
    let [first, second] = origins;
    LayerError::Duplicate {
        path: one.shown(),
        first,
        second,
    }
}

/// The parents that no entry is.
fn parents(tree: &BTreeMap<Vec<u8>, Entry>) -> Result<BTreeSet<Vec<u8>>, LayerError> {
    let mut missing = BTreeSet::new();
    for entry in tree.values() {
        let slashes = entry.path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (position, _) in slashes {
            let parent = &entry.path[..position];
            match tree.get(parent) {
                None => drop(missing.insert(parent.to_vec())),
                Some(parent) if parent.kind == Kind::Directory => {}
                Some(parent) => {
                    return Err(LayerError::Parent {
                        path: entry.shown(),
                        parent: parent.shown(),
                        what: parent.origin(),
                    });
                }
            }
        }
    }
    Ok(missing)
}
