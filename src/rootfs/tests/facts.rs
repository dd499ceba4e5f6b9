//! What is known of files.

use crate::rootfs::{FileFacts, Kind, Node, Tree};

/// The facts of a file with this content at this path, in a layer of its own.
fn facts(path: &str, content: &[u8]) -> FileFacts {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, path, content).unwrap();
    // Whatever is looked at, the next entry is found.
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    tar.append_data(&mut header, "after", [].as_slice()).unwrap();
    let mut tree = Tree::default();
    tree.apply(tar.into_inner().unwrap().as_slice()).unwrap();
    assert!(tree.get(b"after").is_some());
    match tree.resolve(path.as_bytes()) {
        Some((
            _,
            Node {
                kind: Kind::File(facts),
                ..
            },
        )) => FileFacts::clone(facts),
        found => panic!("{found:?}"),
    }
}

#[test]
fn scripts_are_known_by_their_first_line() {
    for (content, expected) in [
        ("#!/bin/sh\nexit", Some("/bin/sh")),
        ("#! /usr/bin/env -S a b \n", Some("/usr/bin/env -S a b")),
        ("#!/bin/sh", Some("/bin/sh")),
        ("#!/bin/sh\r\n", Some("/bin/sh\r")),
        ("#!", Some("")),
        (" #!/bin/sh", None),
        ("", None),
    ] {
        assert_eq!(
            facts("usr/bin/x", content.as_bytes()).script.as_deref(),
            expected,
            "{content}"
        );
    }
    let long = [b"#!".as_slice(), &[b'x'; 1 << 20]].concat();
    assert_eq!(facts("x", &long).script.map(|line| line.len()), Some(254));
}

#[test]
fn texts_that_decide_how_programs_run_are_kept() {
    for (path, kept) in [
        ("etc/passwd", true),
        ("etc/group", true),
        ("etc/os-release", true),
        ("usr/lib/os-release", true),
        ("etc/nsswitch.conf", true),
        ("etc/ld.so.conf", true),
        ("etc/ld.so.conf.d/x.conf", true),
        ("etc/ld-musl-x86_64.path", true),
        ("etc/shadow", false),
        ("etc/ld.so.cache", true),
        ("usr/etc/passwd", false),
        ("etc/x/passwd", false),
    ] {
        let text = facts(path, b"\xfftext").text;
        assert_eq!(text, kept.then(|| b"\xfftext".to_vec()), "{path}");
    }
    // Other names of accounts.
    for (content, kept) in [
        ("root:x:0:0:root:/root:/bin/sh\n", true),
        ("root:x:0:\n", true),
        ("root:$6$secret:1:0\n", false),
    ] {
        let text = facts("nix/store/x", content.as_bytes()).text;
        assert_eq!(text, kept.then(|| content.as_bytes().to_vec()), "{content}");
    }
    assert_eq!(facts("etc/passwd", &vec![b'x'; (1 << 20) + 1]).text, None);
    assert_eq!(
        facts("etc/passwd", &vec![b'x'; 1 << 20])
            .text
            .map(|text| text.len()),
        Some(1 << 20)
    );
}

#[test]
fn programs_are_read_in_memory_and_through_a_file() {
    // Its size makes the way: what is appended belongs to no segment.
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let small = std::fs::read("/bin/sh").unwrap_or_else(|_| program.clone());
    let large = [small.as_slice(), &vec![0; 20 << 20]].concat();
    let (small, large) = (facts("a", &small), facts("b", &large));
    assert_eq!(small.elf, large.elf);
    if cfg!(target_os = "linux") {
        assert!(
            small
                .elf
                .is_some_and(|elf| elf.needed.contains(&"libc.so.6".to_owned()) || elf.is_static())
        );
    }
    for broken in [
        b"\x7fELF".as_slice(),
        &[b"\x7fELF".as_slice(), &[2; 5000]].concat(),
    ] {
        let found = facts("c", broken);
        assert!(found.unreadable);
        assert_eq!((found.size, found.elf), (broken.len() as u64, None));
    }
}
