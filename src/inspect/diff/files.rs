//! [`FileChange`]: what became of one entry of a layer.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{FileFacts, State};

/// What became of one entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct FileChange {
    /// Its path, from the root.
    pub path: String,
    /// What became of it.
    pub state: State,
    /// What differs: `type`, `content`, `size`, `mode`, `owner`, `target`, `attributes`; `time` only where nothing else does.
    pub what: Vec<&'static str>,
    /// In the first image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<FileFacts>,
    /// In the second image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<FileFacts>,
}

impl FileChange {
    /// By how many bytes it grew or shrank, and how large it is at most: the larger, the more it matters.
    fn weight(&self) -> (u64, u64) {
        let size = |facts: &Option<FileFacts>| facts.as_ref().map_or(0, |facts| facts.size);
        let (before, after) = (size(&self.before), size(&self.after));
        // What was only touched brings no bytes of its own.
        let most = if self.what.iter().all(|what| TOUCHED.contains(what)) && self.state == State::Changed {
            0
        } else {
            before.max(after)
        };
        (before.abs_diff(after), most)
    }
}

/// What may differ without the content.
pub(super) const TOUCHED: [&str; 4] = ["mode", "owner", "attributes", "time"];

/// What differs between two layers; the largest differences first.
pub(super) fn compare(
    mut before: BTreeMap<Vec<u8>, FileFacts>,
    after: BTreeMap<Vec<u8>, FileFacts>,
) -> Vec<FileChange> {
    let change = |path: &[u8], state, before, after| FileChange {
        path: String::from_utf8_lossy(path).into_owned(),
        state,
        what: Vec::new(),
        before,
        after,
    };
    let mut changes = Vec::new();
    for (path, after) in after {
        let Some(before) = before.remove(&path) else {
            changes.push(change(&path, State::Added, None, Some(after)));
            continue;
        };
        let what = differences(&before, &after);
        if !what.is_empty() {
            let change = change(&path, State::Changed, Some(before), Some(after));
            changes.push(FileChange { what, ..change });
        }
    }
    let removed = before.into_iter();
    changes.extend(removed.map(|(path, before)| change(&path, State::Removed, Some(before), None)));
    changes.sort_by_cached_key(|change| (Reverse(change.weight()), change.path.clone()));
    changes
}

fn differences(before: &FileFacts, after: &FileFacts) -> Vec<&'static str> {
    let mut what: Vec<&str> = [
        ("type", before.kind != after.kind),
        ("content", before.digest != after.digest),
        ("size", before.size != after.size),
        ("mode", before.mode != after.mode),
        ("owner", (before.uid, before.gid) != (after.uid, after.gid)),
        ("target", before.target != after.target),
        ("attributes", before.attributes != after.attributes),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect();
    if what.is_empty() && before.modified != after.modified {
        what.push("time");
    }
    what
}
