//! `[image.NAME]`, the defaults merged in already, as an [`Image`].
//!
//! What a key alone may hold has been checked before; here it is taken over, and keys are held against each other.
//! Where that check found a fault the value is passed over: the faults are told in any case, the Image is not used.

use std::collections::{BTreeMap, BTreeSet};

use super::error::MatrixError;
use super::node::{Entry, Node, Place, Table, Value};
use super::template::Template;
use super::{
    Checks, Compression, Image, IndexRule, ManifestFormat, Provide, binaries, files, finish, platforms, tags,
};

/// Where binaries land.
const BIN_DIR: &str = "/usr/local/bin/";

/// Levels that are used if none is given.
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// Highest level of gzip.
const GZIP_MAXIMUM: i64 = 9;

/// Reads an image. `name` is empty for the defaults, `platform` are the settings for all images.
pub(super) fn read(name: &str, table: &Table, platform: &[Entry], faults: &mut Vec<MatrixError>) -> Image {
    let title = match name {
        "" => "the defaults".to_owned(),
        name => format!("image `{name}`"),
    };
    let profile = table.text("profile").unwrap_or_else(|| "release".to_owned());
    let notes = Notes::read(table);
    Image {
        name: name.to_owned(),
        repositories: repositories(name, table, faults),
        platforms: platforms::read(table, platform, table.entries_of("platform"), &title, faults),
        binaries: binaries::uses(table, &profile, BIN_DIR, faults),
        profile,
        tags: tags::read(table, faults),
        tag_order: tags::order(table),
        compression: compression(table, faults),
        strip: binaries::strip(table).unwrap_or_default(),
        remap_paths: table.flag("remap-paths").unwrap_or(true),
        isolated: table.flag("isolated").unwrap_or(false),
        bin_dir: BIN_DIR.to_owned(),
        entrypoint: table.texts("entrypoint"),
        cmd: table.texts("cmd"),
        env: platforms::texts(table.entries_of("env")),
        user: table.text("user"),
        users: users(table, faults),
        workdir: table.text("workdir"),
        ports: table
            .texts("ports")
            .unwrap_or_default()
            .into_iter()
            .map(with_protocol)
            .collect(),
        volumes: files::volumes(table, faults),
        labels: notes.labels,
        annotations: notes.annotations,
        omit_annotations: notes.omitted,
        stop_signal: table.text("stop-signal"),
        provide: table.node("provide").map(provide),
        files: files::files(table),
        debuginfo: finish::debuginfo(table),
        upx: finish::upx(table),
        smoke: finish::smoke(table),
        checks: Checks::read(table),
        index: match table.text("index").as_deref() {
            Some("never") => IndexRule::Never,
            _ => IndexRule::Always,
        },
        format: match table.text("format").as_deref() {
            Some("docker") => ManifestFormat::Docker,
            _ => ManifestFormat::Oci,
        },
    }
}

/// Holds against each other what stands in `table` alone or is inherited: an image that nobody makes may contradict
/// itself, as what its heirs say makes it whole.
pub(super) fn agrees(image: &Image, table: &Table, faults: &mut Vec<MatrixError>) {
    let at = |key: &str| table.entry(key).map(|entry| &entry.node.at);
    if let (IndexRule::Never, Some(index)) = (image.index, at("index"))
        && image.platforms.len() > 1
    {
        faults.push(MatrixError::no_index(
            image.platforms.len(),
            index,
            at("platforms"),
        ));
    }
    if let (ManifestFormat::Docker, Compression::Zstd(_)) = (image.format, image.compression)
        && let (Some(format), Some(compression)) = (at("format"), at("compression"))
    {
        faults.push(MatrixError::conflict(
            ("format = \"docker\"", format),
            ("compression = \"zstd\"", compression),
        ));
    }
}

fn repositories(name: &str, table: &Table, faults: &mut Vec<MatrixError>) -> Vec<String> {
    let Some(node) = table.node("repository") else {
        return Vec::new();
    };
    let nodes = match node.value {
        Value::List(_) => node.list(),
        _ => std::slice::from_ref(node),
    };
    for node in nodes {
        let template = node.text().and_then(|text| Template::parse(text).ok());
        let uses_name = template.as_ref().is_some_and(|template| template.uses("image"));
        let sample = format!("host.example/{name}");
        if uses_name && !name.is_empty() && crate::spec::reference(&sample).is_err() {
            let (text, at) = node.at.shown();
            faults.push(MatrixError::Value {
                value: name.to_owned(),
                expected: "a name for a repository",
                help: "`{image}` puts the image's name here, so it must be lower-case; or write the repository out"
                    .to_owned(),
                text,
                at,
            });
        }
    }
    nodes.iter().filter_map(Node::text).map(str::to_owned).collect()
}

fn compression(table: &Table, faults: &mut Vec<MatrixError>) -> Compression {
    let Some(node) = table.node("compression") else {
        return Compression::default();
    };
    let fields = node.table();
    let algorithm = fields
        .map_or(Some(node), |fields| fields.node("algorithm"))
        .and_then(Node::text);
    let level = fields.and_then(|fields| fields.integer("level"));
    let maximum = match algorithm {
        Some("gzip") => GZIP_MAXIMUM,
        // The language bounds what zstd takes.
        _ => i64::MAX,
    };
    if let (Some(fields), Some(level)) = (fields, level) {
        let entry = |key: &str| fields.entry(key).map(|entry| &entry.key_at);
        if let (Some("none"), Some(first), Some(second)) = (algorithm, entry("algorithm"), entry("level")) {
            faults.push(MatrixError::conflict(
                ("algorithm = \"none\"", first),
                ("level", second),
            ));
        }
        if let Some(node) = fields.node("level").filter(|_| level > maximum) {
            let (text, at) = node.at.shown();
            faults.push(MatrixError::Range {
                key: "level".to_owned(),
                value: level,
                minimum: 1,
                maximum,
                text,
                at,
            });
        }
    }
    match algorithm {
        Some("zstd") => Compression::Zstd(
            level
                .and_then(|level| level.try_into().ok())
                .unwrap_or(ZSTD_LEVEL),
        ),
        Some("none") => Compression::None,
        _ => Compression::Gzip(
            level
                .and_then(|level| level.try_into().ok())
                .unwrap_or(GZIP_LEVEL),
        ),
    }
}

fn users(table: &Table, faults: &mut Vec<MatrixError>) -> BTreeMap<String, u32> {
    let mut users = BTreeMap::new();
    let mut numbers: Vec<(u32, &Place)> = Vec::new();
    for entry in table.entries_of("users") {
        let Value::Integer(number) = entry.node.value else {
            continue;
        };
        let Ok(number) = u32::try_from(number) else {
            continue;
        };
        match numbers.iter().find(|(before, _)| *before == number) {
            Some((_, first)) => {
                let help = "give each user a number of its own";
                faults.push(MatrixError::twice(
                    "user number",
                    number,
                    help,
                    first,
                    &entry.node.at,
                ));
            }
            None => numbers.push((number, &entry.node.at)),
        }
        users.insert(entry.key.clone(), number);
    }
    users
}

/// Labels and annotations, and the automatic ones that are switched off.
struct Notes {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    omitted: Vec<String>,
}

impl Notes {
    fn read(table: &Table) -> Self {
        let (labels, annotations) = (table.entries_of("labels"), table.entries_of("annotations"));
        let off = |entry: &&Entry| matches!(entry.node.value, Value::Boolean(false));
        let omitted: BTreeSet<_> = labels
            .iter()
            .chain(annotations)
            .filter(off)
            .map(|e| e.key.clone())
            .collect();
        Self {
            labels: platforms::texts(labels),
            annotations: platforms::texts(annotations),
            omitted: omitted.into_iter().collect(),
        }
    }
}

fn provide(node: &Node) -> Vec<Provide> {
    let part = |text: String| match text.as_str() {
        "ca-certificates" => Some(Provide::CaCertificates),
        "tzdata" => Some(Provide::Tzdata),
        "passwd" => Some(Provide::Passwd),
        "tmp" => Some(Provide::Tmp),
        _ => None,
    };
    node.texts().into_iter().filter_map(part).collect()
}

/// A port says its protocol; tcp if the user did not.
fn with_protocol(port: String) -> String {
    match port.contains('/') {
        true => port,
        false => format!("{port}/tcp"),
    }
}
