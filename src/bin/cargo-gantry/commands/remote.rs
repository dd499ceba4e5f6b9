//! What a registry has already, as `publish --dry-run` and `plan --remote` show it.

use cargo_gantry::pipeline::{Error, Outlook, Rehearsed};
use cargo_gantry::release::{BlobState, Fate, ManifestState, TagState, Way};
use serde_json::{Value, json};

use crate::reporter::{Reporter, bytes_text};
use crate::table::table;

/// Shows what a publish would do, and ends as it would.
pub(super) fn rehearsed(rehearsed: Vec<Rehearsed>, reporter: &Reporter) -> Result<(), Error> {
    let (mut refused, mut held_back) = (None, Vec::new());
    for one in rehearsed {
        let survey = &one.survey;
        let reference = survey.reference.to_string();
        let manifests: Vec<Vec<String>> = survey
            .manifests
            .iter()
            .map(|manifest| {
                vec![
                    manifest_state(manifest).replace('-', " "),
                    bytes_text(manifest.size),
                    manifest.digest.to_string(),
                    manifest.media_type.clone(),
                ]
            })
            .collect();
        let parts = [
            reference.clone(),
            blobs_table(&survey.blobs),
            table(&["MANIFEST", "SIZE", "DIGEST", "MEDIA TYPE"], &manifests),
            tags_table(&survey.tags),
        ];
        let manifests: Vec<Value> = survey
            .manifests
            .iter()
            .map(|manifest| {
                json!({"digest": manifest.digest, "size": manifest.size, "media-type": manifest.media_type,
                       "state": manifest_state(manifest)})
            })
            .collect();
        let value = json!({
            "image": one.image,
            "reference": reference,
            "blobs": blobs_json(&survey.blobs),
            "manifests": manifests,
            "tags": tags_json(&survey.tags),
            "tags-held-back": one.held_back,
        });
        reporter.result("rehearsed", &parts.join("\n\n"), value);
        refused = refused.or(one.refused);
        if one.held_back {
            held_back.push(one.image);
        }
    }
    match refused {
        Some(refused) => Err(refused.into()),
        None if held_back.is_empty() => Ok(()),
        None => Err(Error::Partial {
            images: held_back,
            published: Vec::new(),
        }),
    }
}

/// Shows what is known of the registries before anything is built.
pub(super) fn outlooks(outlooks: &[Outlook], reporter: &Reporter) {
    for outlook in outlooks {
        let mut parts = vec![format!("{} at {}", outlook.image, outlook.repository)];
        if !outlook.base_layers.is_empty() {
            parts.push(blobs_table(&outlook.base_layers));
        }
        parts.push(tags_table(&outlook.tags));
        let value = json!({
            "image": outlook.image,
            "repository": outlook.repository,
            "base-layers": blobs_json(&outlook.base_layers),
            "tags": tags_json(&outlook.tags),
        });
        reporter.result("outlook", &parts.join("\n\n"), value);
    }
}

fn blobs_table(blobs: &[BlobState]) -> String {
    let rows: Vec<Vec<String>> = blobs
        .iter()
        .map(|blob| {
            let (state, from) = way(&blob.way);
            let state = match from {
                Some(from) => format!("{} from {from}", state.replace('-', " ")),
                None => state.replace('-', " "),
            };
            vec![state, bytes_text(blob.size), blob.digest.to_string()]
        })
        .collect();
    table(&["BLOB", "SIZE", "DIGEST"], &rows)
}

fn blobs_json(blobs: &[BlobState]) -> Vec<Value> {
    let one = |blob: &BlobState| {
        let (state, from) = way(&blob.way);
        json!({"digest": blob.digest, "size": blob.size, "state": state, "from": from})
    };
    blobs.iter().map(one).collect()
}

fn manifest_state(manifest: &ManifestState) -> &'static str {
    match manifest.present {
        true => "present",
        false => "to-upload",
    }
}

fn way(way: &Way) -> (&'static str, Option<String>) {
    match way {
        Way::Present => ("present", None),
        Way::Mount(from) => ("to-mount", Some(from.to_string())),
        Way::Stream(from) => ("to-stream", Some(from.to_string())),
        _ => ("to-upload", None),
    }
}

fn tags_table(tags: &[TagState]) -> String {
    let rows: Vec<Vec<String>> = tags
        .iter()
        .map(|state| {
            let fate = match &state.fate {
                Fate::New => "new".to_owned(),
                Fate::Present => "present".to_owned(),
                Fate::Moves { from, version: None } => format!("moves from {from}"),
                Fate::Moves {
                    from,
                    version: Some(version),
                } => format!("moves from {version}, {from}"),
                Fate::Stays { at, version } => format!("stays at {version}, {at}"),
                Fate::Fixed { at } => format!("never moves, names {at}"),
                Fate::Taken { at } => format!("taken by {at}, refused"),
                Fate::Unknown { at } => format!("names {at}, of no known version, refused"),
                Fate::Unversioned { at } => format!("names {at}, and ours has no version, refused"),
                _ => String::new(),
            };
            vec![state.tag.name().to_owned(), fate]
        })
        .collect();
    table(&["TAG", "STATE"], &rows)
}

fn tags_json(tags: &[TagState]) -> Vec<Value> {
    let one = |state: &TagState| {
        let (word, at, version) = match &state.fate {
            Fate::New => ("new", None, None),
            Fate::Present => ("present", None, None),
            Fate::Moves { from, version } => ("moves", Some(from), version.as_ref()),
            Fate::Stays { at, version } => ("stays", Some(at), Some(version)),
            Fate::Fixed { at } => ("fixed", Some(at), None),
            Fate::Taken { at } => ("taken", Some(at), None),
            Fate::Unknown { at } => ("unknown", Some(at), None),
            Fate::Unversioned { at } => ("unversioned", Some(at), None),
            _ => ("other", None, None),
        };
        json!({"tag": state.tag.name(), "state": word, "names": at, "version": version})
    };
    tags.iter().map(one).collect()
}
