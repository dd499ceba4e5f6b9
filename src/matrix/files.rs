//! `files` and `volumes`: what is laid over the base beside the binaries.

use super::error::MatrixError;
use super::grammar::owner;
use super::node::{Node, Table};
use super::{Files, Volume};

/// The elements of `files`.
pub(super) fn files(image: &Table) -> Vec<Files> {
    image
        .items_of("files")
        .iter()
        .filter_map(|item| element(item.table()?))
        .collect()
}

fn element(table: &Table) -> Option<Files> {
    let (mode, owner) = (mode_of(table), owner_of(table));
    if let Some(from) = table.text("from") {
        return Some(Files::Copy {
            from,
            to: table.text("to")?,
            include: table.texts("include").unwrap_or_default(),
            exclude: table.texts("exclude").unwrap_or_default(),
            mode,
            owner,
        });
    }
    if let Some(path) = table.text("dir") {
        return Some(Files::Directory { path, mode, owner });
    }
    Some(Files::Link {
        path: table.text("link")?,
        target: table.text("target")?,
    })
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
