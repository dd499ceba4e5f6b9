//! `binaries` of an image.

use super::error::MatrixError;
use super::node::{Node, Place, Table};
use super::{BinaryUse, Strip};

/// The binaries of an image; `profile` is the image's, `bin_dir` where they land.
pub(super) fn uses(
    image: &Table,
    profile: &str,
    bin_dir: &str,
    faults: &mut Vec<MatrixError>,
) -> Vec<BinaryUse> {
    let mut uses = Vec::new();
    let mut landed: Vec<(String, &Place)> = Vec::new();
    for item in image.items_of("binaries") {
        let Some(binary) = one(item, profile) else {
            continue;
        };
        let dest = match &binary.dest {
            Some(dest) => dest.clone(),
            None => format!("{bin_dir}{}", binary.binary),
        };
        match landed.iter().find(|(before, _)| *before == dest) {
            Some((_, first)) => {
                let help = "give one of them another `dest`";
                faults.push(MatrixError::twice("the file", &dest, help, first, &item.at));
            }
            None => landed.push((dest, &item.at)),
        }
        uses.push(binary);
    }
    uses
}

fn one(item: &Node, profile: &str) -> Option<BinaryUse> {
    let usual = BinaryUse {
        default_features: true,
        profile: profile.to_owned(),
        ..BinaryUse::default()
    };
    let Some(table) = item.table() else {
        return Some(BinaryUse {
            binary: item.text()?.to_owned(),
            ..usual
        });
    };
    Some(BinaryUse {
        binary: table.text("binary")?,
        package: table.text("package"),
        features: table.texts("features").unwrap_or_default(),
        default_features: table.flag("default-features").unwrap_or(true),
        profile: table.text("profile").unwrap_or(usual.profile),
        dest: table.text("dest"),
    })
}

/// `strip`, if it is said.
pub(super) fn strip(table: &Table) -> Option<Strip> {
    match table.text("strip")?.as_str() {
        "none" => Some(Strip::None),
        "debuginfo" => Some(Strip::DebugInfo),
        "symbols" => Some(Strip::Symbols),
        _ => None,
    }
}
