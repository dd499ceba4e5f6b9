//! `cargo gantry cache`

use std::time::{Duration, SystemTime};

use cargo_gantry::base::CachedKind;
use cargo_gantry::pipeline::{Error, Gantry};
use serde_json::json;

use crate::args;
use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

const DAY: u64 = 24 * 3600;

pub(crate) fn run(arguments: &args::Cache, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let cache = gantry.cache()?;
    let place = cache.root().display().to_string();
    if arguments.clean {
        let age = arguments
            .older_than
            .map(|days| Duration::from_secs(u64::from(days) * DAY));
        let gone = cache.clean(age)?;
        let text = format!(
            "{} files, {}, removed from {place}",
            gone.blobs,
            bytes_text(gone.bytes)
        );
        let value = json!({"place": place, "files": gone.blobs, "bytes": gone.bytes});
        reporter.result("cache-cleaned", &text, value);
        return Ok(());
    }
    let all = cache.list()?;
    let mut rows = Vec::new();
    for entry in &all {
        let kind = match entry.kind {
            CachedKind::Layer => "layer",
            CachedKind::Tree => "tree",
            _ => "manifest",
        };
        let days = SystemTime::now()
            .duration_since(entry.last_used)
            .map_or(0, |age| age.as_secs() / DAY);
        rows.push((kind, entry.digest.to_string(), entry.size, days));
    }
    let total: u64 = rows.iter().map(|(_, _, size, _)| size).sum();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|(kind, digest, size, days)| {
            let used = match days {
                0 => "today".to_owned(),
                1 => "yesterday".to_owned(),
                days => format!("{days} days ago"),
            };
            vec![(*kind).to_owned(), digest.clone(), bytes_text(*size), used]
        })
        .collect();
    let files: Vec<_> = rows
        .iter()
        .map(|(kind, digest, size, days)| json!({"kind": kind, "digest": digest, "size": size, "days": days}))
        .collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text = table(&["KIND", "DIGEST", "SIZE", "LAST USED"], &cells) + "\n\n";
    }
    text.push_str(&format!(
        "{} files, {}, in {place}",
        rows.len(),
        bytes_text(total)
    ));
    let value = json!({"place": place, "bytes": total, "files": files});
    reporter.result("cache", &text, value);
    Ok(())
}
