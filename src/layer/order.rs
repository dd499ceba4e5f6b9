//! The order of a layer's entries: sorted, complete, without contradictions.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attributes, Entry, Kind, LayerError};

/// The entries as they go into the tar: by the bytes of their paths, which puts parents before children; then the hard
/// links, whose files must come first. It refers to what was given: a layer may have very many entries.
pub(super) struct Ordered<'e> {
    given: &'e [Entry],
    /// Directories that nobody named.
    added: Vec<Entry>,
    /// Positions in `given`, then in `added`.
    order: Vec<usize>,
}

impl<'e> Ordered<'e> {
    /// Directories that nobody named are added, as `known` has them.
    ///
    /// # Errors
    /// When two entries contradict each other, or a path is none of a layer.
    pub(super) fn of(given: &'e [Entry], known: &BTreeMap<Vec<u8>, Attributes>) -> Result<Self, LayerError> {
        if let Some(entry) = given.iter().find(|entry| !is_normal(&entry.path)) {
            let path = format!("/{}", entry.shown());
            return Err(LayerError::Path { path });
        }
        if let Some(entry) = given.iter().find(|entry| is_whiteout(&entry.path)) {
            let path = format!("/{}", entry.shown());
            return Err(LayerError::Whiteout { path });
        }
        let mut order: Vec<usize> = (0..given.len()).collect();
        order.sort_by(|one, other| given[*one].path.cmp(&given[*other].path));
        for pair in order.windows(2) {
            let (one, other) = (&given[pair[0]], &given[pair[1]]);
            if one.path == other.path && (one != other || one.kind != Kind::Directory) {
                return Err(duplicate(one, other));
            }
        }
        order.dedup_by(|one, other| given[*one].path == given[*other].path);
        let find = |path: &[u8]| {
            let found = order.binary_search_by(|position| given[*position].path.as_slice().cmp(path));
            found.ok().map(|found| &given[order[found]])
        };
        let added = missing(given, &order, &find)?.into_iter().map(|path| {
            let below = known.get(&path).copied().unwrap_or(Attributes::root(0o755));
            Entry::directory(&path, below.mode).owned_by(below.uid, below.gid)
        });
        let added: Vec<Entry> = added.collect();
        for entry in given {
            if let Kind::Hardlink(target) = &entry.kind
                && !find(target).is_some_and(|file| matches!(file.kind, Kind::File(_)))
            {
                return Err(LayerError::Hardlink {
                    path: entry.shown(),
                    target: String::from_utf8_lossy(target).into_owned(),
                });
            }
        }
        let mut all = Self { given, added, order };
        let mut order = std::mem::take(&mut all.order);
        order.extend(given.len()..given.len() + all.added.len());
        order.sort_by_key(|position| {
            let entry = all.at(*position);
            (matches!(entry.kind, Kind::Hardlink(_)), entry.path.as_slice())
        });
        all.order = order;
        Ok(all)
    }

    /// The entries in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().map(|position| self.at(*position))
    }

    /// Their number.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    fn at(&self, position: usize) -> &Entry {
        let added = || &self.added[position - self.given.len()];
        self.given.get(position).unwrap_or_else(added)
    }
}

/// Whether some part of the path has a name that says what a layer hides.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts>
fn is_whiteout(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .any(|part| part.starts_with(b".wh."))
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
fn missing<'e>(
    given: &'e [Entry],
    order: &[usize],
    find: &dyn Fn(&[u8]) -> Option<&'e Entry>,
) -> Result<BTreeSet<Vec<u8>>, LayerError> {
    let mut missing = BTreeSet::new();
    for entry in order.iter().map(|position| &given[*position]) {
        let slashes = entry.path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (position, _) in slashes {
            let parent = &entry.path[..position];
            match find(parent) {
                None if missing.contains(parent) => {}
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
