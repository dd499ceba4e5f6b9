//! What the language has and this version does not act upon yet: an error, never silence.
//!
//! A line here goes when the thing works.

use super::error::MatrixError;
use super::node::{Entry, Node, Value};

/// Which values of a key are supported.
enum Only {
    /// None.
    Nothing,
    /// An empty list.
    Empty,
    /// `false`.
    Off,
    /// These words; in a table, as each of its values.
    Words(&'static [&'static str]),
}

/// Keys of an image: which values are supported, and what to do without the others.
const OF_AN_IMAGE: [(&str, Only, &str); 4] = [
    (
        "packages",
        Only::Empty,
        "copy the libraries with `files`, or choose another target",
    ),
    (
        "debuginfo",
        Only::Words(&["drop"]),
        "remove it: debug information is dropped",
    ),
    ("upx", Only::Off, "remove it: binaries are not packed"),
    (
        "smoke",
        Only::Nothing,
        "remove it, and start the image after it was built",
    ),
];

/// Keys of `checks`.
const OF_THE_CHECKS: [&str; 2] = ["max-size", "max-growth"];

/// Keys of `[binary.NAME]`.
const OF_A_BINARY: [(&str, &str); 3] = [
    ("go", "build it before, and lay it into the image with `files`"),
    ("path", "lay it into the image with `files`"),
    (
        "command",
        "run it before, and lay the result into the image with `files`",
    ),
];

/// Adds a fault for each entry of an image (or of the defaults) that is not supported.
pub(super) fn image(entries: &[Entry], faults: &mut Vec<MatrixError>) {
    for entry in entries {
        for (key, only, help) in &OF_AN_IMAGE {
            let objection = Some(&entry.node)
                .filter(|_| entry.key == *key)
                .and_then(|node| only.objects(node));
            if let Some(node) = objection {
                let what = match node.text() {
                    Some(text) => format!("`{key} = \"{text}\"`"),
                    None => format!("`{key}`"),
                };
                faults.push(MatrixError::unsupported(what, *help, &node.at));
            }
        }
        if let ("checks", Some(checks)) = (entry.key.as_str(), entry.node.table()) {
            let of_checks = checks.entries.iter();
            for limit in of_checks.filter(|entry| OF_THE_CHECKS.contains(&entry.key.as_str())) {
                let help = "remove it: sizes are not compared with anything";
                faults.push(MatrixError::unsupported(
                    format!("`{}`", limit.key),
                    help,
                    &limit.node.at,
                ));
            }
        }
        if entry.key == "tags" {
            entry.node.list().iter().for_each(|item| tag(item, faults));
        }
    }
}

/// The same for `[binary.NAME]`.
pub(super) fn binary(entries: &[Entry], faults: &mut Vec<MatrixError>) {
    for entry in entries {
        if let Some((key, help)) = OF_A_BINARY.iter().find(|(key, _)| entry.key == *key) {
            faults.push(MatrixError::unsupported(format!("`{key}`"), *help, &entry.key_at));
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
    /// The value that is not supported: `node`, or one in it.
    fn objects<'a>(&self, node: &'a Node) -> Option<&'a Node> {
        let holds = match (self, &node.value) {
            (Self::Nothing, _) => false,
            (Self::Empty, _) => node.list().is_empty(),
            (Self::Off, value) => matches!(value, Value::Boolean(false)),
            (Self::Words(_), Value::Table(table)) => {
                return table.entries.iter().find_map(|entry| self.objects(&entry.node));
            }
            // A value of another type is no word at all, which is told elsewhere.
            (Self::Words(words), _) => node.text().is_none_or(|text| words.contains(&text)),
        };
        (!holds).then_some(node)
    }
}
