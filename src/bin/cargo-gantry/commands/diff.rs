//! `cargo gantry diff`

use cargo_gantry::inspect::{
    ConfigChange, Difference, FileChange, FileFacts, InspectError, LayerDifference, LayerSide,
    OtherDifference, OtherKind, PlatformDifference, State,
};
use cargo_gantry::pipeline::{Error, Gantry};

use serde_json::Value;

use super::publish::access;
use super::runtime;
use crate::args::Diff;
use crate::reporter::{Reporter, bytes_text};

/// Files of a layer that are shown, unless all are wanted.
const FILES: usize = 8;
/// Characters of a value that are shown, unless all are wanted.
const VALUE: usize = 60;

pub(crate) fn run(arguments: &Diff, gantry: &Gantry, reporter: &Reporter) -> Result<(), Error> {
    let access = access(&arguments.plain, &arguments.login)?;
    let (before, after) = (arguments.before.as_str(), arguments.after.as_str());
    let difference = gantry.diff(before, after, &arguments.platforms, &access);
    let difference = runtime()?.block_on(difference)?;
    if reporter.json() {
        let value = serde_json::to_value(&difference).expect("a difference is representable as JSON");
        reporter.result("difference", "", value);
    } else {
        let shown = Shown {
            all: reporter.verbose(),
        };
        reporter.result("difference", &shown.difference(&difference), Value::Null);
    }
    if arguments.exit_code && !difference.same {
        let (before, after) = (difference.before.name, difference.after.name);
        return Err(InspectError::Differs { before, after }.into());
    }
    Ok(())
}

/// The text of a difference.
struct Shown {
    all: bool,
}

impl Shown {
    fn difference(&self, difference: &Difference) -> String {
        let (before, after) = (&difference.before, &difference.after);
        let mut lines = Vec::new();
        for (sign, side) in [("-", before), ("+", after)] {
            lines.push(format!("{sign} {} {}", side.name, side.digest));
        }
        if before.digest == after.digest {
            lines.push("the same, byte by byte".to_owned());
            return lines.join("\n");
        }
        if before.media_type != after.media_type {
            lines.push(format!(
                "media type: {} -> {}",
                before.media_type, after.media_type
            ));
        }
        lines.extend(self.settings("annotations of the index", &difference.annotations, ""));
        lines.extend(self.settings("fields of the index", &difference.fields, ""));
        if difference.rewritten {
            lines.push("index: says the same, written in another way or order".to_owned());
        }
        for platform in &difference.platforms {
            lines.push(String::new());
            lines.extend(self.platform(platform));
        }
        for other in &difference.others {
            lines.push(String::new());
            lines.extend(self.other(other));
        }
        lines.join("\n")
    }

    /// What else is in an index.
    fn other(&self, other: &OtherDifference) -> Vec<String> {
        let kind = match other.kind {
            OtherKind::Attestation => "attestation",
            OtherKind::Index => "index",
            _ => other.artifact_type.as_deref().unwrap_or("artifact"),
        };
        let about = other.about.as_ref().map(|platform| format!(" of {platform}"));
        let manifest = match (&other.manifest.before, &other.manifest.after) {
            (Some(before), Some(after)) if before != after => format!("{before} -> {after}"),
            (one, two) => two.or(*one).map(|one| one.to_string()).unwrap_or_default(),
        };
        let about = about.unwrap_or_default();
        let mut lines = vec![format!("{kind}{about}: {}, {manifest}", word(other.state))];
        lines.extend(self.settings("annotations in the index", &other.index_annotations, "  "));
        lines.extend(self.settings("fields in the index", &other.index_fields, "  "));
        lines
    }

    fn platform(&self, platform: &PlatformDifference) -> Vec<String> {
        let name = &platform.platform;
        let (before, after) = (platform.size.before, platform.size.after);
        let size = match (before, after) {
            (Some(before), Some(after)) if before != after => grown(before, after),
            (one, other) => bytes_text(other.or(one).unwrap_or_default()),
        };
        let mut lines = vec![format!("{name}: {}, {size}", word(platform.state))];
        if let Some(base) = &platform.base {
            let shown = |base: &Option<String>| base.clone().unwrap_or_else(|| "none".to_owned());
            lines.push(format!(
                "  base: {} -> {}",
                shown(&base.before),
                shown(&base.after)
            ));
        }
        for layer in &platform.layers {
            lines.extend(self.layer(layer));
        }
        for (title, changes) in [
            ("config", &platform.config),
            ("history", &platform.history),
            ("annotations", &platform.annotations),
            ("fields of the manifest", &platform.fields),
            ("annotations in the index", &platform.index_annotations),
            ("fields in the index", &platform.index_fields),
        ] {
            lines.extend(self.settings(title, changes, "  "));
        }
        if platform.rewritten {
            lines.push("  says the same, written in another way".to_owned());
        }
        lines
    }

    fn layer(&self, layer: &LayerDifference) -> Vec<String> {
        let sides = (layer.before.as_ref(), layer.after.as_ref());
        let made_by = |side: &LayerSide| side.created_by.as_deref().map(|by| format!(", {}", self.cut(by)));
        let size = match sides {
            (Some(before), Some(after)) if before.size != after.size => grown(before.size, after.size),
            (one, other) => bytes_text(other.or(one).map_or(0, |side| side.size)),
        };
        let unpacked = match sides {
            (Some(before), Some(after)) => match (before.uncompressed, after.uncompressed) {
                (Some(before), Some(after)) if before != after => {
                    format!(" ({} -> {} unpacked)", bytes_text(before), bytes_text(after))
                }
                (_, after) => {
                    after.map_or_else(String::new, |size| format!(" ({} unpacked)", bytes_text(size)))
                }
            },
            (one, other) => {
                let size = other.or(one).and_then(|side| side.uncompressed);
                size.map_or_else(String::new, |size| format!(" ({} unpacked)", bytes_text(size)))
            }
        };
        let one = layer.after.as_ref().or(layer.before.as_ref());
        let position = one.map_or(0, |side| side.position);
        let by = one.and_then(made_by).unwrap_or_default();
        let mut lines = vec![format!(
            "  layer {position} {}: {size}{unpacked}{by}",
            word(layer.state)
        )];
        lines.extend(layer.reasons.iter().map(|reason| format!("    {reason}")));
        let most = if self.all { usize::MAX } else { FILES };
        lines.extend(layer.files.iter().take(most).map(file));
        let left = layer.files.len().saturating_sub(most);
        if left > 0 {
            lines.push(format!("    … {left} more: -v lists them"));
        }
        lines
    }

    fn settings(&self, title: &str, changes: &[ConfigChange], indent: &str) -> Vec<String> {
        if changes.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![format!("{indent}{title}:")];
        for change in changes {
            let name = &change.name;
            let line = match (&change.before, &change.after) {
                (Some(before), Some(after)) => {
                    format!("~ {name}: {} -> {}", self.cut(before), self.cut(after))
                }
                (None, Some(after)) => format!("+ {name}: {}", self.cut(after)),
                (before, None) => format!("- {name}: {}", self.cut(before.as_deref().unwrap_or_default())),
            };
            lines.push(format!("{indent}  {line}"));
        }
        lines
    }

    /// As much of a text as fits on a line, unless all of it is wanted.
    fn cut(&self, text: &str) -> String {
        // A line break would make lines that are nobody's.
        let text = text.replace('\n', " ");
        if self.all || text.chars().count() <= VALUE {
            return text;
        }
        let cut: String = text.chars().take(VALUE).collect();
        format!("{cut}…")
    }
}

fn file(change: &FileChange) -> String {
    let path = change.path.replace('\n', "\u{fffd}");
    let of = |facts: &Option<FileFacts>| {
        facts
            .as_ref()
            .map_or_else(String::new, |facts| match (&facts.target, facts.kind) {
                (Some(target), _) => format!(" -> {}", target.replace('\n', "\u{fffd}")),
                (None, "file" | "sparse") => format!(" {}", bytes_text(facts.size)),
                (None, kind) => format!(" {kind}"),
            })
    };
    match change.state {
        State::Added => format!("    + {path}{}", of(&change.after)),
        State::Removed => format!("    - {path}{}", of(&change.before)),
        _ => format!("    ~ {path}: {}", details(change).join(", ")),
    }
}

/// What differs in a file, with its values.
fn details(change: &FileChange) -> Vec<String> {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return Vec::new();
    };
    let target = |facts: &FileFacts| facts.target.clone().unwrap_or_else(|| "none".to_owned());
    let detail = |what: &&'static str| match *what {
        "type" => format!("{} -> {}", before.kind, after.kind),
        "size" => grown(before.size, after.size),
        "mode" => format!("mode {:04o} -> {:04o}", before.mode, after.mode),
        "owner" => format!(
            "owner {}:{} -> {}:{}",
            before.uid, before.gid, after.uid, after.gid
        ),
        "target" => format!("target {} -> {}", target(before), target(after)).replace('\n', "\u{fffd}"),
        "content" => format!("content ({})", bytes_text(after.size)),
        "time" => format!("time {} -> {}", before.modified, after.modified),
        other => other.to_owned(),
    };
    // Its new size says that it has another content.
    let content = |what: &&&'static str| **what != "content" || !change.what.contains(&"size");
    change.what.iter().filter(content).map(detail).collect()
}

fn grown(before: u64, after: u64) -> String {
    let by = match after.checked_sub(before) {
        Some(more) => format!("+{}", bytes_text(more)),
        None => format!("-{}", bytes_text(before - after)),
    };
    format!("{} -> {} ({by})", bytes_text(before), bytes_text(after))
}

fn word(state: State) -> &'static str {
    match state {
        State::Same => "same",
        State::Moved => "moved",
        State::Changed => "changed",
        State::Added => "added",
        State::Removed => "removed",
    }
}
