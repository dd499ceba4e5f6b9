use super::*;

fn header(kind: EntryType, name: &str, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_mode(0o644);
    header.set_uid(1);
    header.set_gid(2);
    header.set_size(size);
    header.set_cksum();
    header
}

fn block(kind: EntryType, name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(kind, name, content.len() as u64).as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn all(tar: &[&[u8]]) -> io::Result<Vec<(Entry, Vec<u8>)>> {
    let tar = tar.concat();
    let mut entries = Entries::new(tar.as_slice());
    let mut found = Vec::new();
    while let Some(entry) = entries.next()? {
        let mut content = Vec::new();
        entries.content().read_to_end(&mut content)?;
        found.push((entry, content));
    }
    Ok(found)
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length);
    [length.unwrap().to_string().as_bytes(), &rest].concat()
}

#[test]
fn extended_headers_are_about_the_next_entry() {
    let capability = [1, 0, 0, 2, b'\n', 0, b'9', b' ', b'\n', 0xff];
    let pax = [
        record("path", "\u{e9}".as_bytes()),
        record("SCHILY.xattr.security.capability", &capability),
        record("linkpath", b"far"),
        record("uid", b"3000000"),
        record("gid", b"9"),
        record("gid", b""),
        record("size", b"3"),
        record("mtime", b"12.75"),
    ];
    let large = header(EntryType::Regular, "short", 0);
    let found = all(&[
        &block(EntryType::XGlobalHeader, "g", &record("path", b"nobody")),
        &block(EntryType::XHeader, "x", &pax.concat()),
        large.as_bytes(),
        &[b'c'; 512],
        &block(EntryType::Regular, "plain", b"p"),
        &block(EntryType::GNULongName, "././@LongLink", b"long\0rest"),
        &block(EntryType::GNULongLink, "././@LongLink", b"target\0"),
        &block(EntryType::XHeader, "x", &record("path", b"not this")),
        &block(EntryType::Symlink, "name", b""),
    ]);
    let plain = Entry {
        path: b"plain".to_vec(),
        mode: 0o644,
        uid: 1,
        gid: 2,
        size: 1,
        ..Entry::default()
    };
    let first = Entry {
        path: "\u{e9}".into(),
        target: b"far".to_vec(),
        uid: 3_000_000,
        size: 3,
        modified: 12,
        attributes: [(b"security.capability".to_vec(), capability.to_vec())].into(),
        ..plain
    };
    let plain = Entry {
        path: b"plain".to_vec(),
        ..plain
    };
    let link = Entry {
        path: b"long".to_vec(),
        target: b"target".to_vec(),
        kind: EntryKind::Symlink,
        size: 0,
        attributes: BTreeMap::new(),
        ..plain
    };
    let plain = Entry {
        path: b"plain".to_vec(),
        target: Vec::new(),
        ..plain
    };
    let expected = [
        (first, b"ccc".to_vec()),
        (plain, b"p".to_vec()),
        (link, Vec::new()),
    ];
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn kinds_are_those_of_go() {
    let mut old = Header::new_old();
    old.as_old_mut().name[..4].copy_from_slice(b"old/");
    old.as_old_mut().linkflag = [0];
    old.set_cksum();
    // Whatever their headers say: links, directories and devices have no content.
    let found = all(&[
        old.as_bytes(),
        header(EntryType::Directory, "dir", 700).as_bytes(),
        header(EntryType::Link, "link", 700).as_bytes(),
        header(EntryType::Char, "char", 700).as_bytes(),
        &block(EntryType::Continuous, "file/", b"text"),
        &block(EntryType::new(b'V'), "volume", b"text"),
    ]);
    let kinds: Vec<_> = found.unwrap().iter().map(|(entry, _)| entry.kind).collect();
    let (directory, other) = (EntryKind::Directory, EntryKind::Other);
    assert_eq!(
        kinds,
        [
            directory,
            directory,
            EntryKind::HardLink,
            other,
            EntryKind::File,
            other
        ]
    );
}

#[test]
fn sparse_files_have_their_real_size() {
    let mut old = header(EntryType::GNUSparse, "old", 512);
    let gnu = old.as_gnu_mut().unwrap();
    gnu.set_real_size(1 << 40);
    gnu.set_is_extended(true);
    old.set_cksum();
    let (mut more, last) = (GnuExtSparseHeader::new(), GnuExtSparseHeader::new());
    more.as_mut_bytes()[504] = 1;
    let pax = [
        record("GNU.sparse.name", b"new"),
        record("GNU.sparse.realsize", b"9999"),
    ];
    let found = all(&[
        old.as_bytes(),
        more.as_bytes(),
        last.as_bytes(),
        &[b'o'; 512],
        &block(EntryType::XHeader, "x", &pax.concat()),
        &block(EntryType::Regular, "GNUSparseFile.0/new", b"map"),
    ]);
    let found = found.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|(entry, _)| (entry.path.as_slice(), entry.size))
        .collect();
    assert_eq!(seen, [(&b"old"[..], 1 << 40), (b"new", 9999)]);
    assert!(found.iter().all(|(entry, _)| entry.kind == EntryKind::Sparse));
}

#[test]
fn a_tar_may_end_behind_its_last_content() {
    let tar = block(EntryType::Regular, "a", b"text");
    for (length, good) in [
        (512 + 4, true),
        (512 + 3, false),
        (512 + 5, false),
        (1023, false),
        (1024, true),
    ] {
        let found = all(&[&tar[..length]]);
        assert_eq!(found.is_ok_and(|all| all.len() == 1), good, "{length}");
    }
}

#[test]
fn the_stream_is_read_to_its_end() {
    let tar = [
        block(EntryType::Regular, "a", b"text"),
        vec![0; 1024],
        vec![7; 100_000],
    ]
    .concat();
    let mut stream = tar.as_slice();
    let mut entries = Entries::new(&mut stream);
    assert!(entries.next().unwrap().is_some());
    assert!(entries.next().unwrap().is_none());
    assert!(stream.is_empty());
    assert_eq!(all(&[]).unwrap(), []);
}

#[test]
fn what_is_no_tar_is_an_error() {
    let mut huge = header(EntryType::XHeader, "x", EXTENDED + 1).as_bytes().to_vec();
    huge.resize(3 << 20, 0);
    for wrong in [
        vec![b'x'; 512],
        huge,
        header(EntryType::Regular, "a", u64::MAX).as_bytes().to_vec(),
        header(EntryType::Regular, "a", u64::MAX - 511)
            .as_bytes()
            .to_vec(),
        block(EntryType::XHeader, "x", b"9 path=a"),
        block(EntryType::XHeader, "x", b"0 path=a\n"),
        block(EntryType::XHeader, "x", b"99 path=a\n"),
        block(EntryType::XHeader, "x", b"10 path\n\n"),
        block(EntryType::XHeader, "x", b"18446744073709551615 path=a\n"),
        block(EntryType::XHeader, "x", &record("size", b"-1")),
    ] {
        assert!(all(&[&wrong, header(EntryType::Regular, "b", 0).as_bytes()]).is_err());
    }
}
