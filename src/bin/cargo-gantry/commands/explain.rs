//! The table of `cargo gantry build --explain-size`.

use cargo_gantry::binary::UpxLevel;
use cargo_gantry::codec::Compression;
use cargo_gantry::pipeline::{Alternative, Start};
use serde_json::{Value, json};

use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

const COLUMNS: [&str; 8] = [
    "IMAGE", "PLATFORM", "PROGRAMS", "LAYER AS", "LAYER", "CHANGE", "START", "NOTE",
];

const MEASURED: &str = "START is the median wall time of the `smoke`, with what it takes to enter its root: the \
                        difference tells.";

/// What each way to store the programs would give, a way a line.
pub(crate) fn show(alternatives: &[Alternative], reporter: &Reporter) {
    if reporter.json() {
        for alternative in alternatives {
            reporter.result("alternative", "", object(alternative));
        }
        return;
    }
    let mut before = None;
    let mut rows = Vec::new();
    for alternative in alternatives {
        let same = |other: &&Alternative| spot(other) == spot(alternative);
        let in_use = alternatives.iter().filter(same).find(|other| other.in_use);
        rows.push(line(alternative, in_use, before));
        before = Some(alternative);
    }
    reporter.table(&table(&COLUMNS, &rows));
    if alternatives.iter().any(|alternative| alternative.start.is_some()) {
        reporter.table(MEASURED);
    }
}

fn object(alternative: &Alternative) -> Value {
    let (algorithm, level) = match alternative.compression {
        Compression::Gzip(level) => ("gzip", json!(level)),
        Compression::Zstd(level) => ("zstd", json!(level)),
        Compression::None => ("none", Value::Null),
    };
    let start = alternative
        .start
        .map(|start| json!({"ms": milliseconds(&start), "starts": start.starts, "emulated": start.emulated}));
    json!({
        "image": alternative.image, "platform": alternative.platform, "upx": alternative.upx,
        "compression": {"algorithm": algorithm, "level": level}, "in-use": alternative.in_use,
        "layer": alternative.layer, "start": start, "why": alternative.why,
    })
}

/// The first line of an image's platform says which it is, and the first of its programs what they all share.
fn line(
    alternative: &Alternative,
    in_use: Option<&Alternative>,
    before: Option<&Alternative>,
) -> Vec<String> {
    let same_spot = before.is_some_and(|before| spot(before) == spot(alternative));
    let same_programs = same_spot && before.is_some_and(|before| before.upx == alternative.upx);
    let first = |same: bool, text: String| if same { String::new() } else { text };
    let compression = match alternative.in_use {
        true => format!("{}, in use", alternative.compression),
        false => alternative.compression.to_string(),
    };
    let now = in_use
        .and_then(|in_use| in_use.layer)
        .filter(|_| !alternative.in_use);
    let change = alternative.layer.zip(now).map(|(layer, now)| change(layer, now));
    vec![
        first(same_spot, alternative.image.clone()),
        first(same_spot, alternative.platform.to_string()),
        first(same_programs, packed(alternative.upx)),
        compression,
        alternative.layer.map_or_else(|| "-".to_owned(), bytes_text),
        change.unwrap_or_default(),
        first(
            same_programs,
            alternative.start.map_or_else(|| "-".to_owned(), started),
        ),
        first(same_programs, alternative.why.join("; ")),
    ]
}

fn spot(alternative: &Alternative) -> (&str, String) {
    (&alternative.image, alternative.platform.to_string())
}

fn packed(upx: Option<UpxLevel>) -> String {
    let Some(UpxLevel { level, lzma }) = upx else {
        return "not packed".to_owned();
    };
    let level = level.map_or_else(String::new, |level| format!(" -{level}"));
    let lzma = if lzma { " --lzma" } else { "" };
    format!("UPX{level}{lzma}")
}

fn change(layer: u64, now: u64) -> String {
    let percent = (layer as f64 / now as f64 - 1.0) * 100.0;
    format!("{percent:+.1} %")
}

fn started(start: Start) -> String {
    let how = if start.emulated {
        ", under qemu, which says little"
    } else {
        ""
    };
    format!("{:.1} ms of {} starts{how}", milliseconds(&start), start.starts)
}

fn milliseconds(start: &Start) -> f64 {
    start.median.as_secs_f64() * 1000.0
}
