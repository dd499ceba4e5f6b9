//! Layers, and what they may not do.

use std::fs;
use std::io::Write;
use std::path::Path;

use cargo_gantry::codec::Compression;
use cargo_gantry::trial::{TrialError, Verdict};
use serde_json::json;

use crate::image::{Image, Put, both_ways, tools};

const HERE: &str = "linux/amd64";

#[test]
fn layers_lie_over_each_other() {
    both_ways("layers::layers_lie_over_each_other");
    let Some(mut image) = Image::with_probe(HERE) else {
        return;
    };
    image.layer(&[
        Put::Folder("a", 0o755),
        Put::File("a/gone", 0o644, b"1"),
        Put::File("a/kept", 0o644, b"2"),
        Put::Folder("b", 0o555),
        Put::File("b/below", 0o400, b"3"),
        Put::File("c/old", 0o644, b"4"),
        Put::Folder("real", 0o755),
        Put::Link("linked", "/real"),
        Put::File("target", 0o644, b"5"),
    ]);
    image.layer(&[
        Put::File("a/.wh.gone", 0o644, b""),
        Put::File("c/new", 0o644, b"6"),
        Put::File("c/.wh..wh..opq", 0o644, b""),
        Put::File("linked/through", 0o644, b"7"),
        Put::Same("same", "linked/through"),
        Put::Link("soft", "../../target"),
        Put::Device("disk"),
    ]);
    let names = [
        "/a/gone",
        "/a/kept",
        "/b/below",
        "/c/old",
        "/c/new",
        "/real/through",
        "/same",
        "/soft",
        "/disk",
    ];
    let words: Vec<_> = names.iter().flat_map(|name| ["show", *name]).collect();
    let nothing = "No such file or directory";
    let expected = [nothing, "2", "3", nothing, "6", "7", "7", "5", nothing];
    let lines = names.iter().zip(expected);
    let lines: String = lines.map(|(name, text)| format!("{name}: {text}\n")).collect();
    assert_eq!(image.said(&words), lines);
}

#[test]
fn every_compression_is_read() {
    let Some(probe) = Image::with_probe(HERE) else {
        return;
    };
    let layer = fs::read(probe.folder.path().join("layer0")).unwrap();
    for compression in [
        Compression::gzip(None).unwrap(),
        Compression::zstd(None).unwrap(),
        Compression::None,
    ] {
        let mut encoder = compression.encoder(Vec::new()).unwrap();
        encoder.write_all(&layer).unwrap();
        let mut image = Image::empty(HERE);
        image.config = probe.config.clone();
        image.layer_of(&encoder.finish().unwrap(), compression.media_type());
        assert_eq!(image.smoke(&[]), Verdict::Passed, "{compression}");
    }
}

/// What is outside of the folder stays as it is, whatever links say.
#[test]
fn nothing_is_written_outside() {
    both_ways("layers::nothing_is_written_outside");
    let Some(mut image) = Image::with_probe(HERE) else {
        return;
    };
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "host").unwrap();
    let there = outside.path().to_str().unwrap();
    let file = format!("{there}/file");
    let up = format!("{}{}", "../".repeat(20), &there[1..]);
    image.layer(&[
        Put::Link("absolute", there),
        Put::File("absolute/one", 0o644, b"1"),
        Put::Link("relative", &up),
        Put::File("relative/two", 0o644, b"2"),
        Put::File("../../../three", 0o644, b"3"),
        Put::Link("tofile", &file),
        Put::File("tofile", 0o644, b"4"),
        Put::Link("etc", &up),
        Put::Link("home", there),
        Put::File("home/.wh.file", 0o644, b""),
        Put::File("home/.wh..wh..opq", 0o644, b""),
    ]);
    image.config["config"]["WorkingDir"] = json!("/relative/deep/../work");
    image.config["config"]["User"] = json!("7:8");
    let inside = format!("{there}/hosts");
    let said = image.said(&["who", "show", "/three", "show", "/tofile", "show", &inside]);
    assert!(said.contains(&format!("cwd={there}/work")), "{said}");
    assert!(said.contains("/three: 3\n/tofile: 4\n"), "{said}");
    assert!(said.contains("localhost"), "{said}");
    assert_eq!(listed(outside.path()), ["file"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "host");
}

#[test]
fn links_in_the_place_of_mounts_are_refused() {
    both_ways("layers::links_in_the_place_of_mounts_are_refused");
    for place in ["dev", "proc"] {
        let Some(mut image) = Image::with_probe(HERE) else {
            return;
        };
        let outside = tempfile::tempdir().unwrap();
        image.layer(&[Put::Link(place, outside.path().to_str().unwrap())]);
        match image.smoke(&[]) {
            Verdict::Failed { how, .. } => assert_eq!(how, format!("its `/{place}` is no directory")),
            other => panic!("{other:?}"),
        }
        assert!(listed(outside.path()).is_empty());
    }
}

#[test]
fn broken_layers_are_errors() {
    let long = "d/".repeat(49);
    for (entries, wrong) in [
        (vec![Put::Same("a", "/etc/passwd")], "a hard link"),
        (
            vec![Put::Same("a", "../../../../../../etc/passwd")],
            "a hard link",
        ),
        (
            vec![Put::File("a", 0o644, b""), Put::File("a/b", 0o644, b"")],
            "below what is no",
        ),
        (
            vec![
                Put::Link("a", "b"),
                Put::Link("b", "a"),
                Put::File("a/c", 0o644, b""),
            ],
            "without an end",
        ),
        (vec![Put::File(".wh...", 0o644, b"")], "has no name"),
        (
            vec![Put::Link("a", "a/a"), Put::File("a/x", 0o644, b"")],
            "without an end",
        ),
    ] {
        let mut image = Image::empty(HERE);
        image.layer(&entries);
        let error = image.set_with(&tools()).unwrap_err().to_string();
        assert!(error.contains(wrong), "{error}");
        assert!(listed(&image.stages).is_empty());
    }
    let mut image = Image::empty(HERE);
    image.layer(&[Put::Folder(&long, 0o755)]);
    image.set();
    let mut image = Image::empty(HERE);
    image.layer_of(b"no tar at all", Compression::None.media_type());
    let error = image.set_with(&tools()).unwrap_err();
    assert!(matches!(error, TrialError::Layer { .. }), "{error:?}");
}

fn listed(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
