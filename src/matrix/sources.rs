//! `[binary.NAME]`: binaries that do not come from cargo, and what images may say of them.

use std::collections::BTreeMap;

use super::binaries::strip;
use super::error::MatrixError;
use super::node::{Entry, Node, Table};
use super::template::Template;
use super::{BinarySource, BinaryUse, CommandSource, GoSource, Image, PrebuiltSource};

/// Keys of an element of `binaries` that speak to cargo.
const OF_CARGO: [&str; 4] = ["package", "features", "default-features", "profile"];

/// Each `[binary.NAME]`, and the entry it stands in.
pub(super) struct Sources<'a> {
    entries: &'a [Entry],
    read: BTreeMap<String, BinarySource>,
}

impl<'a> Sources<'a> {
    /// Reads the entries of `binary`.
    pub(super) fn read(entries: &'a [Entry], faults: &mut Vec<MatrixError>) -> Self {
        let mut read = BTreeMap::new();
        for entry in entries {
            let Some(table) = entry.node.table() else { continue };
            makes_something(table, faults);
            if let Some(source) = source(table) {
                read.insert(entry.key.clone(), source);
            }
        }
        Self { entries, read }
    }

    /// What they say, by name.
    pub(super) fn known(self) -> BTreeMap<String, BinarySource> {
        self.read
    }

    /// Gives an image without binaries the one of its name, and holds against each other what `table`, which the image
    /// was read from, and these say.
    pub(super) fn named_by(&self, image: &mut Image, table: &Table, faults: &mut Vec<MatrixError>) {
        if table.node("binaries").is_none() && self.read.contains_key(&image.name) {
            image.binaries = vec![BinaryUse {
                binary: image.name.clone(),
                default_features: true,
                profile: image.profile.clone(),
                ..BinaryUse::default()
            }];
        }
        for item in table.items_of("binaries") {
            self.without_cargo(item, faults);
        }
        for of in &image.binaries {
            self.has_digests(&of.binary, image, faults);
        }
    }

    /// A binary that cargo does not make has no package.
    fn without_cargo(&self, item: &Node, faults: &mut Vec<MatrixError>) {
        let Some(fields) = item.table() else { return };
        let Some(name) = fields.text("binary") else { return };
        if !self.read.contains_key(&name) {
            return;
        }
        for entry in fields
            .entries
            .iter()
            .filter(|entry| OF_CARGO.contains(&entry.key.as_str()))
        {
            let (text, at) = entry.key_at.shown();
            faults.push(MatrixError::NotCargo {
                key: entry.key.clone(),
                binary: name.clone(),
                text,
                at,
            });
        }
    }

    /// A digest that is forgotten would be a file that is not compared with anything.
    fn has_digests(&self, name: &str, image: &Image, faults: &mut Vec<MatrixError>) {
        let Some(BinarySource::Prebuilt(PrebuiltSource { sha256, .. })) = self.read.get(name) else {
            return;
        };
        let entry = self.entries.iter().find(|entry| entry.key == name);
        let node = entry.and_then(|entry| entry.node.table()?.node("sha256"));
        // What is no table is told of already.
        let Some(node) = node.filter(|node| node.table().is_some()) else {
            return;
        };
        let platforms = image.platforms.iter().map(|settings| &settings.platform);
        for platform in platforms.filter(|platform| !sha256.contains_key(platform)) {
            let (text, at) = node.at.shown();
            faults.push(MatrixError::NoDigest {
                binary: name.to_owned(),
                platform: platform.to_string(),
                image: image.name.clone(),
                text,
                at,
            });
        }
    }
}

/// A command that is not told where to put the file cannot make it.
fn makes_something(table: &Table, faults: &mut Vec<MatrixError>) {
    let Some(node) = table.node("command") else { return };
    let words = node.texts();
    let out = |word: &String| Template::parse(word).is_ok_and(|template| template.uses("out"));
    if words.is_empty() || words.iter().any(out) {
        return;
    }
    let (text, at) = node.at.shown();
    faults.push(MatrixError::Value {
        value: words.join(" "),
        expected: "a command that makes `{out}`",
        help: "hand it the file to make, as in `OUT={out}`".to_owned(),
        text,
        at,
    });
}

fn source(table: &Table) -> Option<BinarySource> {
    if let Some(package) = table.text("go") {
        return Some(BinarySource::Go(GoSource {
            package,
            ldflags: table.texts("ldflags").unwrap_or_default(),
            tags: table.texts("tags").unwrap_or_default(),
            cgo: table.flag("cgo").unwrap_or(false),
        }));
    }
    if let Some(path) = table.text("path") {
        let digests = table.entries_of("sha256").iter();
        return Some(BinarySource::Prebuilt(PrebuiltSource {
            path,
            sha256: digests
                .filter_map(|entry| Some((entry.key.parse().ok()?, entry.node.text()?.to_owned())))
                .collect(),
            member: table.text("member"),
            strip: strip(table),
        }));
    }
    Some(BinarySource::Command(CommandSource {
        command: table.texts("command")?,
        strip: strip(table),
    }))
}
