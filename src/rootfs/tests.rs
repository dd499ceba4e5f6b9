//! What layers make of a tree, rule by rule.

mod broken;
mod facts;
mod model;
mod paths;

use super::{Kind, Node, Replaced, RootfsError, Tree};

/// A layer, an entry a line: `a/`, `a = text`, `a -> target`, `a => hard link`, `a !` for a pipe.
fn layer(lines: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for line in lines {
        let mut header = tar::Header::new_gnu();
        let (name, kind, rest) = if let Some((name, target)) = line.split_once(" -> ") {
            (name, tar::EntryType::Symlink, target)
        } else if let Some((name, target)) = line.split_once(" => ") {
            (name, tar::EntryType::Link, target)
        } else if let Some((name, text)) = line.split_once(" = ") {
            (name, tar::EntryType::Regular, text)
        } else if let Some(name) = line.strip_suffix(" !") {
            (name, tar::EntryType::Fifo, "")
        } else if line.ends_with('/') {
            (*line, tar::EntryType::Directory, "")
        } else {
            (*line, tar::EntryType::Regular, "")
        };
        // As it is: names that `Header::set_path` refuses are what we look for.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(if kind.is_dir() { 0o700 } else { 0o644 });
        header.set_uid(1);
        header.set_gid(2);
        header.set_size(0);
        if kind == tar::EntryType::Regular {
            header.set_size(rest.len() as u64);
        } else if !rest.is_empty() {
            header.set_link_name_literal(rest).unwrap();
        }
        header.set_cksum();
        let content = if kind == tar::EntryType::Regular { rest } else { "" };
        tar.append(&header, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

fn laid(layers: &[&[&str]]) -> Result<Tree, RootfsError> {
    let mut tree = Tree::default();
    for lines in layers {
        tree.apply(layer(lines).as_slice())?;
    }
    Ok(tree)
}

/// What lies where, in the words of [`layer`]; files by their size; `a/ made` where no layer said how it should be.
fn told(tree: &Tree) -> Vec<String> {
    let each = tree.iter().map(|(path, node)| {
        let path = String::from_utf8_lossy(path);
        match &node.kind {
            Kind::Directory if node == &Node::directory() => format!("{path}/ made"),
            Kind::Directory => format!("{path}/"),
            Kind::Symlink(target) => format!("{path} -> {}", String::from_utf8_lossy(target)),
            Kind::File(facts) => format!("{path} {}", facts.size),
            Kind::Other => format!("{path} !"),
        }
    });
    each.collect()
}

/// What it says, layers, and the tree.
type Rule<'t> = (&'t str, &'t [&'t [&'t str]], &'t [&'t str]);

#[test]
fn layers_are_laid_as_runtimes_do() {
    let rules: &[Rule<'_>] = &[
        (
            "parents are made",
            &[&["a/b/c = 1"]],
            &["a/ made", "a/b/ made", "a/b/c 1"],
        ),
        (
            "names are cleaned",
            &[&["./a//b/../c = 1", "/d = 1", "../../e = 1", ".."]],
            &["a/ made", "a/c 1", "d 1", "e 1"],
        ),
        ("a file replaces a file", &[&["a = 1"], &["a = 22"]], &["a 2"]),
        (
            "a file replaces a directory and all in it",
            &[&["a/", "a/b/", "a/b/c", "a.b"], &["a = 1"]],
            &["a 1", "a.b 0"],
        ),
        (
            "a link replaces a directory and all in it",
            &[&["a/b"], &["a -> x"]],
            &["a -> x"],
        ),
        (
            "a directory replaces a file",
            &[&["a"], &["a/", "a/b"]],
            &["a/", "a/b 0"],
        ),
        (
            "a directory over a directory keeps what is in it",
            &[&["a/b/c"], &["a/", "a/b/"]],
            &["a/", "a/b/", "a/b/c 0"],
        ),
        (
            "a directory replaces a link",
            &[&["usr/lib/x", "lib -> usr/lib"], &["lib/"]],
            &["lib/", "usr/ made", "usr/lib/ made", "usr/lib/x 0"],
        ),
        (
            "parents that are links are followed",
            &[&["usr/lib/", "lib -> usr/lib"], &["lib/x"]],
            &["lib -> usr/lib", "usr/ made", "usr/lib/", "usr/lib/x 0"],
        ),
        (
            "links never lead out",
            &[&["a/", "a/b -> ../../../c", "d -> /../e"], &["a/b/x", "d/x"]],
            &[
                "a/",
                "a/b -> ../../../c",
                "c/ made",
                "c/x 0",
                "d -> /../e",
                "e/ made",
                "e/x 0",
            ],
        ),
        (
            "links to nothing are made good",
            &[&["a -> b/c"], &["a/x"]],
            &["a -> b/c", "b/ made", "b/c/ made", "b/c/x 0"],
        ),
        (
            "a whiteout takes away a file",
            &[&["a/b", "a/c"], &["a/.wh.b"]],
            &["a/ made", "a/c 0"],
        ),
        (
            "a whiteout takes away a directory",
            &[&["a/b/c", "a/bc"], &["a/.wh.b"]],
            &["a/ made", "a/bc 0"],
        ),
        (
            "a whiteout takes away a link, not what it leads to",
            &[&["a/b", "l -> a"], &[".wh.l"]],
            &["a/ made", "a/b 0"],
        ),
        (
            "a whiteout of nothing does nothing",
            &[&["a"], &[".wh.b", "c/.wh.d"]],
            &["a 0", "c/ made"],
        ),
        (
            "whiteouts go through links",
            &[&["usr/lib/x", "lib -> usr/lib"], &["lib/.wh.x"]],
            &["lib -> usr/lib", "usr/ made", "usr/lib/ made"],
        ),
        (
            "a whiteout before its file",
            &[&["a = 1"], &[".wh.a", "a = 22"]],
            &["a 2"],
        ),
        (
            "a whiteout after its file",
            &[&["a = 1"], &["a = 22", ".wh.a"]],
            &["a 2"],
        ),
        (
            "a whiteout before a directory of the same layer",
            &[&["a/", "a/b"], &[".wh.a", "a/c"]],
            &["a/ made", "a/c 0"],
        ),
        (
            "a whiteout after a directory of the same layer",
            &[&["a/", "a/b"], &["a/c", ".wh.a"]],
            &["a/ made", "a/c 0"],
        ),
        (
            "a whiteout after its directory",
            &[&["a/b/", "a/b/x"], &["a/b/", "a/b/c", "a/.wh.b"]],
            &["a/ made", "a/b/", "a/b/c 0"],
        ),
        (
            "an opaque directory",
            &[&["a/b/c", "a/d", "e"], &["a/", "a/.wh..wh..opq", "a/f"]],
            &["a/", "a/f 0", "e 0"],
        ),
        (
            "an opaque directory, said last",
            &[&["a/b/c", "a/b/d", "e"], &["a/", "a/b/d = 1", "a/.wh..wh..opq"]],
            &["a/", "a/b/ made", "a/b/d 1", "e 0"],
        ),
        (
            "an opaque root",
            &[&["a/b", "c"], &[".wh..wh..opq", "d"]],
            &["d 0"],
        ),
        (
            "AUFS's own files",
            &[&["a"], &[".wh..wh.aufs", ".wh..wh.plnk/", ".wh..wh.orph/"]],
            &["a 0"],
        ),
        (
            "a hard link",
            &[&["a = 123", "b/c => a"]],
            &["a 3", "b/ made", "b/c 3"],
        ),
        (
            "a hard link to a lower layer's file",
            &[&["a = 123"], &["b => /a"]],
            &["a 3", "b 3"],
        ),
        (
            "a hard link stays when its target goes",
            &[&["a = 123", "b => a"], &[".wh.a"]],
            &["b 3"],
        ),
        (
            "a hard link to a link",
            &[&["a -> x", "b => a"]],
            &["a -> x", "b -> x"],
        ),
        (
            "a hard link through a link",
            &[&["usr/lib/x = 1", "lib -> usr/lib", "y => lib/x"]],
            &[
                "lib -> usr/lib",
                "usr/ made",
                "usr/lib/ made",
                "usr/lib/x 1",
                "y 1",
            ],
        ),
        ("a hard link to a pipe", &[&["a !", "b => a"]], &["a !", "b !"]),
    ];
    for (rule, layers, expected) in rules {
        let tree = laid(layers).unwrap_or_else(|error| panic!("{rule}: {error:?}"));
        assert_eq!(told(&tree), *expected, "{rule}");
        let stored = serde_json::to_string(&tree).unwrap();
        assert_eq!(serde_json::from_str::<Tree>(&stored).unwrap(), tree, "{rule}");
    }
}

#[test]
fn what_no_runtime_unpacks_is_an_error() {
    for (wrong, layers) in [
        ("Parent", &[&["a", "a/b"][..]][..]),
        ("Parent", &[&["a"], &["a/b"]]),
        ("Parent", &[&["a", "l -> a"], &["l/b"]]),
        ("Parent", &[&["a -> b", "b -> a"], &["a/x"]]),
        ("HardLink", &[&["a => b"]]),
        ("HardLink", &[&["a/", "b => a"]]),
        ("HardLink", &[&["b => /"]]),
        ("HardLink", &[&["a", "a => a"]]),
        ("HardLink", &[&["a/b", "a => a/b"]]),
        ("HardLink", &[&["a"], &[".wh.a", "b => a"]]),
        ("Path", &[&[".wh."]]),
        ("Path", &[&["a/.wh.."]]),
        ("Path", &[&["a/.wh..."]]),
    ] {
        let error = laid(layers).map(|tree| told(&tree)).unwrap_err();
        assert!(format!("{error:?}").starts_with(wrong), "{layers:?}: {error:?}");
    }
    for wrong in ["n\0", &"l".repeat(5000), &"d/".repeat(600)] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut tree = Tree::default();
        tar.append_pax_extensions([("path", wrong.as_bytes())]).unwrap();
        let tar = [&tar.get_ref()[..], &layer(&["a"])].concat();
        assert!(
            matches!(tree.apply(tar.as_slice()), Err(RootfsError::Path(_))),
            "{wrong}"
        );
    }
}

#[test]
fn a_tar_that_is_cut_is_an_error() {
    let whole = layer(&["a = text", "b/", "c -> d"]);
    for end in 0..whole.len() {
        let laid = Tree::default().apply(&whole[..end]);
        // It may end between two entries, as some write no mark, behind a content, and after the first block of the mark.
        let good = [0, 516, 1024, 1536, 2048].contains(&end) || end >= 2560;
        assert_eq!(laid.is_ok(), good, "{end}: {laid:?}");
    }
}

#[test]
fn links_to_directories_that_are_hidden_are_told() {
    let replaced = |path: &str, link: &str, layer| Replaced {
        path: path.into(),
        link: link.into(),
        layer,
    };
    let base: &[&str] = &[
        "usr/lib/x",
        "lib -> usr/lib",
        "file -> usr/lib/x",
        "none -> nowhere",
    ];
    for (layer, expected) in [
        (&["lib/", "lib/y"][..], vec![replaced("lib", "usr/lib", 1)]),
        (&["lib = file"], vec![replaced("lib", "usr/lib", 1)]),
        (&["lib/y", "usr/lib/", "usr/"], vec![]),
        (&["lib -> elsewhere"], vec![]),
        (&["file/", "none/"], vec![]),
        (&[".wh.lib", "lib/"], vec![]),
        (&["lib/", ".wh.lib"], vec![]),
        (&["lib/", "lib/.wh..wh..opq", "lib/y"], vec![]),
        (
            &["lib/", "lib/z/", "lib/z/.wh..wh..opq"],
            vec![replaced("lib", "usr/lib", 1)],
        ),
        (&["new -> usr", "new/"], vec![]),
    ] {
        assert_eq!(laid(&[base, layer]).unwrap().replaced(), expected, "{layer:?}");
    }
    let mut tree = laid(&[base]).unwrap();
    tree.insert(b"lib/y", Node::directory());
    assert_eq!(tree.replaced(), []);
    tree.insert(b"lib", Node::directory());
    assert_eq!(tree.replaced(), [replaced("lib", "usr/lib", 1)]);
}

#[test]
fn owners_and_modes_are_the_entries() {
    let tree = laid(&[&["a/", "b", "c => b", "d/e"], &["./", "a/x"]]).unwrap();
    let seen = |path: &[u8]| {
        let node = tree.get(path).unwrap();
        (node.mode, node.uid, node.gid)
    };
    for (path, expected) in [
        ("", (0o700, 1, 2)),
        ("a", (0o700, 1, 2)),
        ("b", (0o644, 1, 2)),
        ("c", (0o644, 1, 2)),
        ("d", (0o755, 0, 0)),
    ] {
        assert_eq!(seen(path.as_bytes()), expected, "{path}");
    }
    let Some(Kind::File(file)) = tree.get(b"b").map(|node| &node.kind) else {
        panic!()
    };
    let Some(Kind::File(same)) = tree.get(b"c").map(|node| &node.kind) else {
        panic!()
    };
    assert!(std::sync::Arc::ptr_eq(file, same));
}

#[test]
fn a_tree_that_is_none_is_not_read() {
    let good = serde_json::json!({"layers": 1, "replaced": [], "nodes": [
        ["", 0o755, 0, 0, "directory"], ["%FF%25", 0o755, 0, 0, "directory"], ["%FF%25/é", 0, 0, 0, {"symlink": "%00"}]]});
    let tree: Tree = serde_json::from_value(good.clone()).unwrap();
    assert_eq!(tree.get("\u{e9}".as_bytes()), None);
    assert_eq!(tree.get(b"\xff%/\xc3\xa9").unwrap().kind, Kind::Symlink(vec![0]));
    assert_eq!(serde_json::to_value(&tree).unwrap()["nodes"][1][0], "%FF%25");
    for (row, wrong) in [
        (0, serde_json::json!(["a", 0, 0, 0, "directory"])),
        (0, serde_json::json!(["", 0, 0, 0, "other"])),
        (1, serde_json::json!(["x", 0, 0, 0, "directory"])),
        (1, serde_json::json!(["%FF%25", 0, 0, 0, "other"])),
        (2, serde_json::json!(["", 0, 0, 0, "directory"])),
        (2, serde_json::json!(["/a", 0, 0, 0, "other"])),
        (2, serde_json::json!(["..", 0, 0, 0, "other"])),
        (2, serde_json::json!(["%FF%25/../a", 0, 0, 0, "other"])),
        (2, serde_json::json!(["a%", 0, 0, 0, "other"])),
        (2, serde_json::json!(["a%é", 0, 0, 0, "other"])),
        (2, serde_json::json!(["a%+1", 0, 0, 0, "other"])),
    ] {
        let mut stored = good.clone();
        stored["nodes"][row] = wrong.clone();
        assert!(serde_json::from_value::<Tree>(stored).is_err(), "{wrong}");
    }
}
