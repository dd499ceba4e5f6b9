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
        if entry.key == "tags" {
            entry.node.list().iter().for_each(|item| tag(item, faults));
        }
    }
}

/// The same for an element of `tags`.
fn tag(item: &Node, faults: &mut Vec<MatrixError>) {
    let fields = item.table();
    let field = |key: &str| fields.and_then(|fields| fields.entry(key));
    if let Some(when) = field("when") {
        let help = "remove it, and choose tags with `--tag` where they are set";
        faults.push(MatrixError::unsupported("`when`", help, &when.key_at));
    }
    let moves = field("moves").map(|entry| &entry.node);
    if let Some(node) = moves.filter(|node| node.text() == Some("forward")) {
        let help = "`never` and `always` are";
        faults.push(MatrixError::unsupported("`moves = \"forward\"`", help, &node.at));
    }
    let template = fields.map_or(Some(item), |fields| fields.node("tag"));
    let Some((node, text)) = template.and_then(|node| Some((node, node.text()?))) else {
        return;
    };
    if text == "semver" {
        let help =
            "use `{version}`, and `{ tag = \"{major}.{minor}\", moves = \"always\" }` for shorter ones";
        faults.push(MatrixError::unsupported("the tag rule `semver`", help, &node.at));
    } else if moves.is_none() && super::tags::moves_forward(text) {
        let what = format!("moving `{text}` forward only, its default,");
        let help = format!("say `{{ tag = \"{text}\", moves = \"always\" }}` if it may move to any version");
        faults.push(MatrixError::unsupported(what, help, &node.at));
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
