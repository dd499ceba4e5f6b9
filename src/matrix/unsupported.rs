//! What the language has and this version does not act upon yet: an error, never silence.
//!
//! A line here goes when the thing works.

use super::error::MatrixError;
use super::node::{Entry, Node};

/// Which values of a key are supported.
enum Only {
    /// An empty list.
    Empty,
    /// These words.
    Words(&'static [&'static str]),
}

/// Keys of an image: which values are supported, and what to do without the others.
const OF_AN_IMAGE: [(&str, Only, &str); 2] = [
    (
        "packages",
        Only::Empty,
        "copy the libraries with `files`, or choose another target",
    ),
    (
        "debuginfo",
        Only::Words(&["drop", "file"]),
        "say `file`, which keeps it here; a later version publishes it beside the image",
    ),
];

/// Adds a fault for each entry of an image (or of the defaults) that is not supported.
pub(super) fn image(entries: &[Entry], faults: &mut Vec<MatrixError>) {
    for entry in entries {
        for (key, only, help) in &OF_AN_IMAGE {
            let node = &entry.node;
            if entry.key == *key && !only.holds(node) {
                let what = match node.text() {
                    Some(text) => format!("`{key} = \"{text}\"`"),
                    None => format!("`{key}`"),
                };
                faults.push(MatrixError::unsupported(what, *help, &node.at));
            }
        }
    }
}

impl Only {
    /// Whether the value is supported.
    fn holds(&self, node: &Node) -> bool {
        match self {
            Self::Empty => node.list().is_empty(),
            // A value of another type is no word at all, which is told elsewhere.
            Self::Words(words) => node.text().is_none_or(|text| words.contains(&text)),
        }
    }
}
