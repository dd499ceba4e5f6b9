//! `cargo gantry inspect`

use cargo_gantry::inspect::{PlatformReport, Report};
use cargo_gantry::pipeline::{Error, Gantry};

use super::publish::access;
use super::runtime;
use crate::args::Inspect;
use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

pub(crate) fn run(arguments: &Inspect, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let report = runtime()?.block_on(gantry.inspect(&arguments.name, &access))?;
    let value = serde_json::to_value(&report).expect("a report is representable as JSON");
    reporter.result("inspected", &text(&report), value);
    Ok(())
}

fn text(report: &Report) -> String {
    let mut parts = vec![format!(
        "{}\n{} {}",
        report.name, report.media_type, report.digest
    )];
    if !report.annotations.is_empty() {
        let lines: Vec<String> = report
            .annotations
            .iter()
            .map(|(key, value)| format!("  {key}: {value}"))
            .collect();
        parts.push(format!("Annotations:\n{}", lines.join("\n")));
    }
    let rows: Vec<Vec<String>> = report
        .platforms
        .iter()
        .map(|platform| {
            let layers = platform.layers.len().to_string();
            vec![
                platform.platform.to_string(),
                layers,
                bytes_text(platform.size),
                platform.digest.to_string(),
            ]
        })
        .collect();
    parts.push(table(&["PLATFORM", "LAYERS", "SIZE", "MANIFEST"], &rows));
    parts.extend(report.platforms.iter().map(platform_text));
    parts.join("\n\n")
}

fn platform_text(platform: &PlatformReport) -> String {
    let rows: Vec<Vec<String>> = platform
        .layers
        .iter()
        .map(|layer| {
            let made_by = layer.created_by.clone().unwrap_or_default();
            vec![
                bytes_text(layer.size),
                layer.media_type.clone(),
                layer.digest.to_string(),
                made_by,
            ]
        })
        .collect();
    let mut lines = vec![format!("{}:", platform.platform)];
    for (name, words) in [
        ("entrypoint", &platform.entrypoint),
        ("cmd", &platform.cmd),
        ("env", &platform.env),
    ] {
        if !words.is_empty() {
            lines.push(format!("  {name}: {}", words.join(" ")));
        }
    }
    if let Some(user) = &platform.user {
        lines.push(format!("  user: {user}"));
    }
    let layers = table(&["SIZE", "MEDIA TYPE", "DIGEST", "MADE BY"], &rows);
    lines.extend(layers.lines().map(|line| format!("  {line}")));
    lines.join("\n")
}
