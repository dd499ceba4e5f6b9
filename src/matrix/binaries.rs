//! `binaries` of an image, and `[binary.NAME]`: binaries that do not come from cargo.

use super::error::MatrixError;
use super::node::{Node, Place, Table};
use super::{BinarySource, BinaryUse, CommandSource, GoSource, PrebuiltSource};

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

/// What `[binary.NAME]` says.
pub(super) fn source(table: &Table) -> Option<BinarySource> {
    if let Some(package) = table.text("go") {
        return Some(BinarySource::Go(GoSource {
            package,
            ldflags: table.texts("ldflags").unwrap_or_default(),
            tags: table.texts("tags").unwrap_or_default(),
            cgo: table.flag("cgo").unwrap_or(false),
        }));
    }
    if let Some(path) = table.text("path") {
        return Some(BinarySource::Prebuilt(PrebuiltSource {
            path,
            member: table.text("member"),
            ..PrebuiltSource::default()
        }));
    }
    let command = table.texts("command")?;
    Some(BinarySource::Command(CommandSource {
        command,
        ..CommandSource::default()
    }))
}
