//! `cargo gantry inspect`

use cargo_gantry::inspect::{Original, Other, OtherKind, PlatformReport, Report};
use cargo_gantry::pipeline::{Error, Gantry};
use serde_json::json;

use super::publish::access;
use super::runtime;
use crate::args::Inspect;
use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

pub(crate) fn run(arguments: &Inspect, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let (name, platform) = (arguments.name.as_str(), arguments.platform.as_ref());
    let runtime = runtime()?;
    if arguments.raw {
        show(
            &runtime.block_on(gantry.raw(name, platform, &access))?,
            "raw",
            reporter,
        );
    } else if arguments.config {
        show(
            &runtime.block_on(gantry.config(name, platform, &access))?,
            "config",
            reporter,
        );
    } else {
        let mut report = runtime.block_on(gantry.inspect(name, &access))?;
        if let Some(platform) = platform {
            report = report.only(platform)?;
        }
        let value = serde_json::to_value(&report).expect("a report is representable as JSON");
        reporter.result("inspected", &text(&report), value);
    }
    Ok(())
}

/// The bytes, and nothing else: somebody may hash them.
fn show(original: &Original, reason: &str, reporter: &Reporter) {
    if reporter.json() {
        let text = String::from_utf8_lossy(&original.bytes);
        let value = json!({"digest": original.digest, "media-type": original.media_type, "text": text});
        reporter.result(reason, "", value);
    } else {
        reporter.bytes(&original.bytes);
    }
}

fn text(report: &Report) -> String {
    let mut parts = vec![format!(
        "{}\n{} {}",
        report.name, report.media_type, report.digest
    )];
    if let Some(artifact) = &report.artifact_type {
        parts.push(format!("Artifact: {artifact}"));
    }
    if !report.annotations.is_empty() {
        parts.push(format!("Annotations:\n{}", pairs(&report.annotations, "  ")));
    }
    let rows: Vec<Vec<String>> = report
        .platforms
        .iter()
        .map(|platform| {
            vec![
                platform.platform.to_string(),
                platform.layers.len().to_string(),
                bytes_text(platform.size),
                bytes_text(platform.shared),
                platform.digest.to_string(),
            ]
        })
        .collect();
    let head = ["PLATFORM", "LAYERS", "SIZE", "SHARED", "MANIFEST"];
    let mut platforms = table(&head, &rows);
    if report.platforms.len() > 1 {
        let total = bytes_text(report.total_size);
        platforms.push_str(&format!(
            "\nAll of it: {total}, what platforms share counted once"
        ));
    }
    parts.push(platforms);
    if !report.others.is_empty() {
        let rows: Vec<Vec<String>> = report.others.iter().map(|other| row(other, report)).collect();
        parts.push(table(&["NOT TO BE RUN", "SIZE", "ABOUT", "MANIFEST"], &rows));
    }
    parts.extend(
        report
            .platforms
            .iter()
            .map(|platform| platform_text(platform, report)),
    );
    parts.join("\n\n")
}

/// What else is in an index.
fn row(other: &Other, report: &Report) -> Vec<String> {
    let kind = match other.kind {
        OtherKind::Attestation => "attestation".to_owned(),
        OtherKind::Index => "index".to_owned(),
        _ => other
            .artifact_type
            .clone()
            .unwrap_or_else(|| other.media_type.clone()),
    };
    let about = other.about.map(|about| {
        let platform = report.platforms.iter().find(|platform| platform.digest == about);
        platform.map_or_else(|| about.to_string(), |platform| platform.platform.to_string())
    });
    vec![
        kind,
        bytes_text(other.size),
        about.unwrap_or_default(),
        other.digest.to_string(),
    ]
}

fn platform_text(platform: &PlatformReport, report: &Report) -> String {
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
    let mut text = vec![format!("{}:", platform.platform)];
    for (name, words) in [
        ("entrypoint", &platform.entrypoint),
        ("cmd", &platform.cmd),
        ("env", &platform.env),
        ("ports", &platform.ports),
        ("volumes", &platform.volumes),
    ] {
        if !words.is_empty() {
            text.push(format!("  {name}: {}", words.join(" ")));
        }
    }
    for (name, word) in [
        ("user", &platform.user),
        ("workdir", &platform.workdir),
        ("created", &platform.created),
    ] {
        if let Some(word) = word {
            text.push(format!("  {name}: {word}"));
        }
    }
    for (name, map) in [
        ("labels", &platform.labels),
        ("annotations", &platform.annotations),
        ("annotations in the index", &platform.index_annotations),
    ] {
        // What is said above of all of it is not said again.
        let own = map
            .iter()
            .filter(|(key, value)| report.annotations.get(*key) != Some(value));
        let lines = pairs(own, "    ");
        if !lines.is_empty() {
            text.push(format!("  {name}:\n{lines}"));
        }
    }
    let layers = table(&["SIZE", "MEDIA TYPE", "DIGEST", "MADE BY"], &rows);
    text.extend(layers.lines().map(|line| format!("  {line}")));
    text.join("\n")
}

fn pairs<'m>(map: impl IntoIterator<Item = (&'m String, &'m String)>, indent: &str) -> String {
    let lines = map
        .into_iter()
        .map(|(key, value)| format!("{indent}{key}: {value}"));
    lines.collect::<Vec<_>>().join("\n")
}
