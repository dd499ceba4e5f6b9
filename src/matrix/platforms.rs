//! The platforms of an image, each with the settings that hold for it.

use std::collections::BTreeMap;

use super::error::MatrixError;
use super::node::{Entry, Node, Table};
use super::{Base, Linker, PlatformSettings};
use crate::spec::Platform;
use crate::target::LinkerKind;

/// What an image is made for if nothing is said.
const USUAL: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// The declared platforms of `image` in their order. `common` are the settings for all images, `own` those of this
/// one; `title` is how people call the image.
pub(super) fn read(
    image: &Table,
    common: &[Entry],
    own: &[Entry],
    title: &str,
    faults: &mut Vec<MatrixError>,
) -> Vec<PlatformSettings> {
    let declared: Vec<Platform> = match image.texts("platforms") {
        Some(texts) => texts.iter().filter_map(|text| text.parse().ok()).collect(),
        None => USUAL.iter().filter_map(|text| text.parse().ok()).collect(),
    };
    are_declared(own, &declared, title, faults);
    declared
        .into_iter()
        .map(|platform| {
            let of = |entries: &[Entry]| settings_of(entries, &platform);
            settings(&of(common).overlaid(&of(own)), base(image, &platform), platform)
        })
        .collect()
}

/// Holds the platforms that `entries` are for against those that are declared; `title` is how people call the image.
pub(super) fn are_declared(
    entries: &[Entry],
    declared: &[Platform],
    title: &str,
    faults: &mut Vec<MatrixError>,
) {
    for entry in entries {
        let Ok(platform) = entry.key.parse::<Platform>() else {
            continue;
        };
        if !declared.contains(&platform) {
            let names: Vec<_> = declared.iter().map(|platform| format!("`{platform}`")).collect();
            let (text, at) = entry.key_at.shown();
            faults.push(MatrixError::UndeclaredPlatform {
                image: title.to_owned(),
                platform: platform.to_string(),
                declared: names.join(", "),
                text,
                at,
            });
        }
    }
}

/// The platforms that entries are for; what is for all others is left out.
pub(super) fn spoken_of(entries: &[Entry]) -> impl Iterator<Item = Platform> {
    entries.iter().filter_map(|entry| entry.key.parse().ok())
}

/// The settings under `platform`, however it is written.
fn settings_of(entries: &[Entry], platform: &Platform) -> Table {
    entries
        .iter()
        .find(|entry| is(&entry.key, platform))
        .and_then(|entry| entry.node.table().cloned())
        .unwrap_or_default()
}

fn is(key: &str, platform: &Platform) -> bool {
    key.parse::<Platform>().is_ok_and(|parsed| parsed == *platform)
}

fn settings(table: &Table, base: Base, platform: Platform) -> PlatformSettings {
    PlatformSettings {
        platform,
        base,
        target: table.text("target"),
        linker: table.text("linker").map(linker).unwrap_or_default(),
        glibc: table.text("glibc").filter(|version| version != "from-base"),
        rustflags: table.texts("rustflags").unwrap_or_default(),
        env: texts(table.entries_of("env")),
    }
}

fn base(image: &Table, platform: &Platform) -> Base {
    let Some(node) = image.node("base") else {
        return Base::default();
    };
    let Some(table) = node.table() else {
        return node.text().map(base_of).unwrap_or_default();
    };
    // An image's own entries come after those it inherits, and may write the platform otherwise.
    let of_platform = table.entries.iter().rev().find(|entry| is(&entry.key, platform));
    let chosen = of_platform
        .map(|entry| &entry.node)
        .or_else(|| table.node("default"));
    chosen.and_then(Node::text).map(base_of).unwrap_or_default()
}

fn base_of(text: &str) -> Base {
    match text {
        "static" => Base::Static,
        "scratch" => Base::Scratch,
        reference => Base::Image(reference.to_owned()),
    }
}

fn linker(text: String) -> Linker {
    match text.as_str() {
        "auto" => Linker::Auto,
        "rust-lld" => Linker::Kind(LinkerKind::RustLld),
        "zig" => Linker::Kind(LinkerKind::Zig),
        "gcc" => Linker::Kind(LinkerKind::Gcc),
        "clang" => Linker::Kind(LinkerKind::Clang),
        "cc" => Linker::Kind(LinkerKind::Cc),
        _ => Linker::Program(text),
    }
}

/// Keys and values that are texts.
pub(super) fn texts(entries: &[Entry]) -> BTreeMap<String, String> {
    entries
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.node.text()?.to_owned())))
        .collect()
}
