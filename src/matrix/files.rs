//! `files` and `volumes`: what is laid over the base beside the binaries.

use super::error::MatrixError;
use super::grammar::owner;
use super::node::{Node, Table};
use super::{Files, Volume};

/// Who owns what nobody is named for.
const ROOT: (u32, u32) = (0, 0);

/// The keys that say which kind of element it is, and the keys that go with each.
const KINDS: [(&str, &[&str]); 3] = [
    ("from", &["to", "include", "exclude", "mode", "owner"]),
    ("dir", &["mode", "owner"]),
    ("link", &["target"]),
];

/// The elements of `files`.
pub(super) fn files(image: &Table, faults: &mut Vec<MatrixError>) -> Vec<Files> {
    image
        .items_of("files")
        .iter()
        .filter_map(|item| element(item, faults))
        .collect()
}

fn element(item: &Node, faults: &mut Vec<MatrixError>) -> Option<Files> {
    let table = item.table()?;
    let kinds = || {
        KINDS
            .iter()
            .filter_map(|(kind, keys)| Some((table.entry(kind)?, *keys)))
    };
    let Some((kind, keys)) = kinds().next() else {
        let help = "say `from` and `to`, or `dir`, or `link` and `target`";
        faults.push(MatrixError::missing(
            "from",
            "an element of `files`",
            help,
            &item.at,
        ));
        return None;
    };
    for entry in &table.entries {
        let known = KINDS
            .iter()
            .any(|(key, keys)| entry.key == *key || keys.contains(&entry.key.as_str()));
        if known && entry.key != kind.key && !keys.contains(&entry.key.as_str()) {
            faults.push(MatrixError::conflict(
                (&kind.key, &kind.key_at),
                (&entry.key, &entry.key_at),
            ));
        }
    }
    let mut needed = |key: &str| {
        let text = table.text(key);
        if table.node(key).is_none() {
            let help = format!("`{}` needs it", kind.key);
            faults.push(MatrixError::missing(
                key,
                "an element of `files`",
                &help,
                &item.at,
            ));
        }
        text
    };
    let owner = owner_of(table).unwrap_or(ROOT);
    let mode = mode_of(table);
    match kind.key.as_str() {
        "from" => Some(Files::Copy {
            to: needed("to")?,
            from: kind.node.text()?.to_owned(),
            include: table.texts("include").unwrap_or_default(),
            exclude: table.texts("exclude").unwrap_or_default(),
            mode,
            owner,
        }),
        "dir" => Some(Files::Directory {
            path: kind.node.text()?.to_owned(),
            mode,
            owner,
        }),
        _ => Some(Files::Link {
            target: needed("target")?,
            path: kind.node.text()?.to_owned(),
        }),
    }
}

/// The elements of `volumes`.
pub(super) fn volumes(image: &Table, faults: &mut Vec<MatrixError>) -> Vec<Volume> {
    let mut volumes: Vec<Volume> = Vec::new();
    let mut places = Vec::new();
    for item in image.items_of("volumes") {
        let fields = item.table();
        let path = fields
            .map_or(Some(item), |fields| fields.node("path"))
            .and_then(Node::text);
        let Some(path) = path else { continue };
        if let Some(before) = volumes.iter().position(|volume| volume.path == path) {
            faults.push(MatrixError::twice(
                "volume",
                path,
                "keep one of them",
                places[before],
                &item.at,
            ));
        }
        places.push(&item.at);
        volumes.push(Volume {
            path: path.to_owned(),
            owner: fields.and_then(owner_of),
            mode: fields.and_then(mode_of),
        });
    }
    volumes
}

fn owner_of(table: &Table) -> Option<(u32, u32)> {
    owner(&table.text("owner")?)
}

fn mode_of(table: &Table) -> Option<u32> {
    u32::from_str_radix(&table.text("mode")?, 8).ok()
}
