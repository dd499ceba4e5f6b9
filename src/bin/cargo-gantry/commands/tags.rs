//! `cargo gantry tags`

use cargo_gantry::pipeline::{Error, Gantry};
use cargo_gantry::release::listing::{TagKind, TagRow};

use super::publish::access;
use super::runtime;
use crate::args::tags::Tags;
use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

pub(crate) fn run(arguments: &Tags, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let rows = runtime()?.block_on(gantry.tags(&arguments.repository, &access))?;
    if rows.is_empty() {
        reporter.say("Empty", &format!("{} has no tags", arguments.repository));
    }
    if reporter.json() {
        for row in &rows {
            let value = serde_json::to_value(row).expect("a row is representable as JSON");
            reporter.result("tag", "", value);
        }
        return Ok(());
    }
    let cells: Vec<Vec<String>> = rows.iter().map(|row| cells(row).to_vec()).collect();
    if !rows.is_empty() {
        reporter.document(&table(&HEAD, &cells));
    }
    for row in &rows {
        if let Some(problem) = &row.problem {
            reporter.say("Warning", &format!("{}: {problem}", row.tag));
        }
    }
    Ok(())
}

pub(super) const HEAD: [&str; 6] = ["TAG", "KIND", "SIZE", "VERSION", "CREATED", "DIGEST"];

/// One row, as far as people can read it.
pub(super) fn cells(row: &TagRow) -> [String; 6] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let kind = match row.kind {
        TagKind::Index if row.platforms.is_empty() => "index".to_owned(),
        TagKind::Index => format!("index: {}", row.platforms.join(", ")),
        TagKind::Manifest => "manifest".to_owned(),
        TagKind::Artifact => format!("artifact: {}", row.artifact_type.as_deref().unwrap_or("unknown")),
        _ => "unreadable".to_owned(),
    };
    [
        row.tag.clone(),
        plain(&kind),
        row.size.map_or("?".to_owned(), bytes_text),
        plain(&or_dash(&row.version)),
        or_dash(&row.created),
        row.digest.map_or("-".to_owned(), |digest| digest.to_string()),
    ]
}

/// Words of a registry without what could drive a terminal, and no longer than a table bears.
fn plain(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control());
    kept.take(200).collect()
}
