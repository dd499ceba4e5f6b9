//! `files`: what of a folder is packed, what is refused, and that other tools read what we packed.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]
#![allow(dead_code, unreachable_pub)]

mod outside;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_gantry::archive::{Root, write_archive, write_layout};
use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::layer::{Collect, Entry, Kind, LayerError, Packing, collect, pack};
use cargo_gantry::spec::{Descriptor, MediaType, json};
use outside::{child, installed, myself, role};

/// Makes files of these paths, each holding its own path.
fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

fn wanted<'a>(root: &'a Path, from: &'a str, to: &'a str) -> Collect<'a> {
    Collect {
        root,
        from,
        to,
        include: &[],
        exclude: &[],
        mode: None,
        owner: (0, 0),
    }
}

/// The paths of entries that are no directories.
fn paths(entries: &[Entry]) -> Vec<String> {
    let files = entries.iter().filter(|entry| entry.kind != Kind::Directory);
    files.map(Entry::shown).collect()
}

#[test]
fn slashes_say_what_goes_where() {
    let folder = tree(&["assets/a.txt", "assets/sub/b.txt"]);
    for (from, to, expected) in [
        ("assets", "/srv/www", "srv/www/a.txt srv/www/sub/b.txt"),
        ("assets/", "/srv/www", "srv/www/a.txt srv/www/sub/b.txt"),
        ("assets/", "/srv/www/", "srv/www/a.txt srv/www/sub/b.txt"),
        (
            "assets",
            "/srv/www/",
            "srv/www/assets/a.txt srv/www/assets/sub/b.txt",
        ),
        ("assets/", "/", "a.txt sub/b.txt"),
        (".", "/x/", "x/assets/a.txt x/assets/sub/b.txt"),
        ("assets/a.txt", "/etc/", "etc/a.txt"),
        ("assets/a.txt", "/etc/b.conf", "etc/b.conf"),
        ("./assets/a.txt", "/", "a.txt"),
    ] {
        let entries = collect(&wanted(folder.path(), from, to)).unwrap();
        assert_eq!(paths(&entries).join(" "), expected, "{from} -> {to}");
    }
}

#[test]
fn what_nobody_means_is_skipped_unless_named() {
    let folder = tree(&[
        "a.html",
        ".env",
        "sub/.env",
        ".git/config",
        "Cargo.toml",
        "target/debug/x",
        "sub/target/kept",
        "cache/CACHEDIR.TAG",
        "dist/app.js",
        "dist/app.map",
        "notes.log",
        "sub/notes.log",
        "sub/keep.log",
    ]);
    fs::write(folder.path().join(".gitignore"), "*.log\n/dist/\n").unwrap();
    fs::write(folder.path().join("sub/.gitignore"), "!keep.log\n").unwrap();
    let plain = ".gitignore Cargo.toml a.html cache/CACHEDIR.TAG sub/.gitignore sub/keep.log sub/target/kept";
    for (include, exclude, expected) in [
        (&[][..], &[][..], plain),
        (
            &["**"],
            &["*.toml", ".gitignore", "cache/", "/sub"],
            "a.html dist/app.js dist/app.map notes.log",
        ),
        (&["*.html", ".env"], &[], ".env a.html sub/.env"),
        (&["/.env"], &[], ".env"),
        (&["dist/"], &["*.map"], "dist/app.js"),
        (
            &["target/**", ".git/config"],
            &["sub"],
            ".git/config target/debug/x",
        ),
        (&["*.log"], &[], "notes.log sub/keep.log sub/notes.log"),
    ] {
        let texts = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
        let (include, exclude) = (texts(include), texts(exclude));
        let collect_ = Collect {
            include: &include,
            exclude: &exclude,
            ..wanted(folder.path(), ".", "/")
        };
        let entries = collect(&collect_).unwrap();
        assert_eq!(paths(&entries).join(" "), expected, "{include:?} {exclude:?}");
        // No directory on the way to nothing.
        for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory) {
            let inner = [entry.path.as_slice(), b"/"].concat();
            assert!(
                entries.iter().any(|other| other.path.starts_with(&inner)),
                "{}",
                entry.shown()
            );
        }
    }
    // What is named itself is meant, and rules above the matrix are not ours.
    let named = |root: &Path, from: &str| paths(&collect(&wanted(root, from, "/x/")).unwrap()).join(" ");
    assert_eq!(named(folder.path(), ".env"), "x/.env");
    assert_eq!(named(folder.path(), "dist/"), "x/app.js x/app.map");
    assert_eq!(named(folder.path(), "notes.log"), "x/notes.log");
    assert!(named(&folder.path().join("sub"), ".").contains("x/notes.log"));
    let nothing = collect(&Collect {
        exclude: &["*".to_owned()],
        ..wanted(folder.path(), "sub", "/")
    });
    assert!(matches!(nothing, Err(LayerError::Nothing { from }) if from == "sub"));
    let glob = collect(&Collect {
        exclude: &["[".to_owned()],
        ..wanted(folder.path(), "sub", "/")
    });
    assert!(matches!(glob, Err(LayerError::Glob { glob, .. }) if glob == "["));
}

#[test]
fn modes_and_owners_do_not_depend_on_the_machine() {
    let folder = tree(&["x/run", "x/read", "x/secret/key"]);
    for (file, mode) in [
        ("x/run", 0o711),
        ("x/read", 0o664),
        ("x/secret/key", 0o600),
        ("x/secret", 0o700),
    ] {
        fs::set_permissions(folder.path().join(file), fs::Permissions::from_mode(mode)).unwrap();
    }
    let modes = |mode: Option<u32>| -> Vec<(String, u32)> {
        let wanted = Collect {
            mode,
            owner: (7, 8),
            ..wanted(folder.path(), "x", "/x")
        };
        let entries = collect(&wanted).unwrap();
        assert!(entries.iter().all(|entry| (entry.uid, entry.gid) == (7, 8)));
        entries.iter().map(|entry| (entry.shown(), entry.mode)).collect()
    };
    let expected = |modes: [u32; 5]| -> Vec<(String, u32)> {
        let paths = ["x", "x/read", "x/run", "x/secret", "x/secret/key"];
        paths.into_iter().map(str::to_owned).zip(modes).collect()
    };
    assert_eq!(modes(None), expected([0o755, 0o644, 0o755, 0o755, 0o644]));
    assert_eq!(modes(Some(0o640)), expected([0o750, 0o640, 0o640, 0o750, 0o640]));
}

#[test]
fn nothing_leads_out_of_the_tree() {
    let folder = tree(&["in/a", "in/sub/b", "outside"]);
    symlink("sub/b", folder.path().join("in/good")).unwrap();
    symlink("../a", folder.path().join("in/sub/up")).unwrap();
    symlink("gone", folder.path().join("in/dangling")).unwrap();
    symlink("loop", folder.path().join("in/loop")).unwrap();
    let entries = collect(&wanted(folder.path(), "in/", "/x")).unwrap();
    let links = entries
        .iter()
        .filter(|entry| matches!(entry.kind, Kind::Symlink(_)))
        .count();
    assert_eq!((links, entries.len()), (4, 8));
    for (name, target) in [
        ("absolute", "/etc/passwd"),
        ("up", "../outside"),
        ("sub/far", "../../outside"),
        // Through another link: as text it stays, on disk it does not.
        ("sub/through", "back/../outside"),
    ] {
        if name == "sub/through" {
            symlink("..", folder.path().join("in/sub/back")).unwrap();
        }
        let link = folder.path().join("in").join(name);
        symlink(target, &link).unwrap();
        let error = collect(&wanted(folder.path(), "in", "/x")).unwrap_err();
        let LayerError::LinkEscapes {
            link: found,
            target: shown,
        } = &error
        else {
            panic!("{name}: {error:?}");
        };
        assert!(found.ends_with(name) && shown == target, "{error}");
        let excluded = [format!("/{name}")];
        collect(&Collect {
            exclude: &excluded,
            ..wanted(folder.path(), "in", "/x")
        })
        .unwrap();
        fs::remove_file(link).unwrap();
    }
    symlink("/etc", folder.path().join("in/etc")).unwrap();
    for from in ["..", "in/../..", "/etc", "in/etc", "in/etc/passwd"] {
        let error = collect(&wanted(folder.path(), from, "/x")).unwrap_err();
        assert!(
            matches!(error, LayerError::FromEscapes { .. }),
            "{from}: {error:?}"
        );
    }
    let error = collect(&wanted(folder.path(), "gone", "/x")).unwrap_err();
    assert!(matches!(&error, LayerError::Unreadable { path, .. } if path.ends_with("gone")));
}

#[test]
fn special_files_are_errors_unless_excluded() {
    let folder = tree(&["in/a"]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("in/socket")).unwrap();
    let error = collect(&wanted(folder.path(), "in", "/x")).unwrap_err();
    assert!(matches!(&error, LayerError::Special { path, what: "a socket" } if path.ends_with("socket")));
    collect(&Collect {
        exclude: &["socket".to_owned()],
        ..wanted(folder.path(), "in", "/x")
    })
    .unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(folder.path().join("in/pipe"))
            .status()
            .unwrap()
            .success()
    );
    let (_, store) = store(&folder);
    // Also when it takes a file's place after it was collected: and without waiting for a writer.
    let entries = vec![Entry::file("x", folder.path().join("in/pipe"), 0o644)];
    let error = pack(&store, entries, &Packing::new(Compression::None, 0)).unwrap_err();
    assert!(matches!(
        error,
        LayerError::Special {
            what: "a named pipe",
            ..
        }
    ));
}

#[test]
fn an_unreadable_file_is_named() {
    if let Some(folder) = role() {
        let root = PathBuf::from(folder);
        let entries = collect(&wanted(&root, "in", "/x")).unwrap();
        let store = BlobStore::open(root.join("store")).unwrap();
        let error = pack(&store, entries, &Packing::new(Compression::None, 0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot read `{}`", root.join("in/secret").display())
        );
        let error = collect(&wanted(&root, "locked", "/x")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot read `{}`", root.join("locked").display())
        );
        return println!("DONE");
    }
    let name = "an_unreadable_file_is_named";
    let folder = tree(&["in/secret", "locked/x"]);
    let mode = |path: &str, mode| {
        fs::set_permissions(folder.path().join(path), fs::Permissions::from_mode(mode)).unwrap()
    };
    mode("in/secret", 0o000);
    mode("locked", 0o000);
    mode(".", 0o777);
    let role = folder.path().to_str().unwrap();
    let mut command = if rustix::process::geteuid().is_root() {
        // Root reads everything: somebody else is needed, who must be able to start this program.
        if !installed("setpriv") {
            return;
        }
        let program = folder.path().join("program");
        fs::copy(myself(), &program).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(program);
        command
            .args(outside::arguments(name))
            .env(outside::ROLE, role)
            .current_dir("/");
        command
    } else {
        child(name, role)
    };
    let output = command.output().unwrap();
    mode("locked", 0o755);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("DONE"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn store(folder: &tempfile::TempDir) -> (PathBuf, BlobStore) {
    let path = folder.path().join("store");
    let store = BlobStore::open(&path).unwrap();
    (path, store)
}

/// Names of 300 bytes, names that are no text, links, modes, owners.
fn difficult() -> Vec<Entry> {
    let long = ["d".repeat(150), "e".repeat(140), "f".repeat(20)].join("/");
    let hundred = format!("{}/{}", "h".repeat(49), "i".repeat(50));
    vec![
        Entry::bytes(&long, *b"long", 0o644),
        Entry::bytes(&hundred, *b"hundred", 0o600),
        Entry::bytes(b"\xff\xfe/caf\xe9", *b"latin", 0o755).owned_by(65532, 65532),
        Entry::bytes([&b"n"[..], &[0xe9; 200]].concat(), *b"long latin", 0o644),
        Entry::bytes("caf\u{e9}/\u{1f980}", *b"text", 0o644),
        Entry::bytes("empty", *b"", 0o644),
        Entry::symlink("to-long", long.clone()),
        Entry::symlink("short", "empty"),
        Entry::hardlink("again", &long, 0o644),
        Entry::directory("tmp", 0o1777),
        Entry::directory("home/x", 0o700).owned_by(3_000_000, 3_000_000),
        Entry::bytes("bin/setuid", *b"s", 0o4755),
    ]
}

/// What a tree on disk holds: kind and content, mode, owner, by path.
fn found(root: &Path, below: &Path, into: &mut BTreeMap<Vec<u8>, String>) {
    for file in fs::read_dir(root.join(below)).unwrap() {
        let inner = below.join(file.unwrap().file_name());
        let path = root.join(&inner);
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_dir() {
            found(root, &inner, into);
            "directory".to_owned()
        } else if metadata.is_symlink() {
            format!("-> {}", fs::read_link(&path).unwrap().display())
        } else {
            String::from_utf8(fs::read(&path).unwrap()).unwrap()
        };
        let mode = if metadata.is_symlink() {
            0o777
        } else {
            metadata.mode() & 0o7777
        };
        let shown = format!(
            "{content} {mode:o} {}:{} {}",
            metadata.uid(),
            metadata.gid(),
            metadata.mtime()
        );
        into.insert(inner.as_os_str().as_bytes().to_vec(), shown);
    }
}

fn image(store: &BlobStore, compression: Compression) -> Descriptor {
    let layer = pack(store, difficult(), &Packing::new(compression, 1_700_000_000)).unwrap();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created_by": "test"}],
    });
    let config = store.put(&json::to_vec(&config)).unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::ImageManifest.as_ref(),
        "config": config.descriptor(MediaType::ImageConfig),
        "layers": [layer.descriptor()],
    });
    store
        .put(&json::to_vec(&manifest))
        .unwrap()
        .descriptor(MediaType::ImageManifest)
}

fn run(program: &str, arguments: &[&dyn AsRef<OsStr>]) {
    let mut command = Command::new(program);
    command.args(arguments.iter().map(|argument| argument.as_ref()));
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn umoci_unpacks_what_was_packed() {
    if !installed("umoci") {
        return;
    }
    let root = rustix::process::geteuid().is_root();
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = store(&folder);
    store
        .add_entry("x", &image(&store, Compression::default()))
        .unwrap();
    let bundle = folder.path().join("bundle");
    let name = format!("{}:x", path.display());
    if root {
        run("umoci", &[&"unpack", &"--image", &name, &bundle]);
    } else {
        run("umoci", &[&"unpack", &"--rootless", &"--image", &name, &bundle]);
    }
    let mut files = BTreeMap::new();
    found(&bundle.join("rootfs"), Path::new(""), &mut files);
    for entry in difficult() {
        let content = match &entry.kind {
            Kind::Directory => "directory".to_owned(),
            Kind::Symlink(target) => format!("-> {}", String::from_utf8_lossy(target)),
            Kind::Hardlink(_) => "long".to_owned(),
            Kind::File(cargo_gantry::layer::Source::Bytes(bytes)) => {
                String::from_utf8_lossy(bytes).into_owned()
            }
            other => panic!("{other:?}"),
        };
        let shown = &files[&entry.path];
        let expected = format!(
            "{content} {:o} {}:{} 1700000000",
            entry.mode, entry.uid, entry.gid
        );
        // Only root gives files away.
        let same = if root {
            *shown == expected
        } else {
            shown.starts_with(&content)
        };
        assert!(same, "{}: {shown} instead of {expected}", entry.shown());
    }
    // And what was added: the parents.
    assert_eq!(files.len(), difficult().len() + 7);
}

#[test]
fn skopeo_copies_layouts_and_archives_bit_by_bit() {
    if !installed("skopeo") {
        return;
    }
    for compression in [Compression::Gzip(6), Compression::Zstd(3), Compression::None] {
        let folder = tempfile::tempdir().unwrap();
        let (_, store) = store(&folder);
        let manifest = image(&store, compression);
        let roots = [Root::new(manifest.clone(), Some("x"))];
        let (layout, archive) = (folder.path().join("layout"), folder.path().join("archive.tar"));
        write_layout(&store, &roots, &layout).unwrap();
        write_archive(&store, &roots, &archive).unwrap();
        for (number, from) in [("oci", &layout), ("oci-archive", &archive)]
            .into_iter()
            .enumerate()
        {
            let from = format!("{}:{}:x", from.0, from.1.display());
            let copy = folder.path().join(format!("copy-{number}"));
            let to = format!("oci:{}:y", copy.display());
            run(
                "skopeo",
                &[&"--insecure-policy", &"copy", &"--preserve-digests", &from, &to],
            );
            for blob in store.reach(&manifest).unwrap() {
                let name = blob.digest().to_string().replace("sha256:", "blobs/sha256/");
                let read = |root: &Path| fs::read(root.join(&name)).unwrap();
                assert!(read(&copy) == read(store.root()), "{from}: {name}");
            }
        }
    }
}

/// The whole way of `files`, twice: other folder, other times, other order of making.
#[test]
fn the_same_files_give_the_same_layer() {
    let names = ["www/index.html", "www/b/c", "www/a"];
    let digest = |order: &[&str], wait: bool| {
        let folder = tree(order);
        if wait {
            let file = fs::File::open(folder.path().join("www/a")).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            fs::set_permissions(folder.path().join("www/a"), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let (_, store) = store(&folder);
        let entries = collect(&wanted(folder.path(), "www/", "/srv")).unwrap();
        pack(&store, entries, &Packing::new(Compression::default(), 1)).unwrap()
    };
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    assert_eq!(digest(&names, false), digest(&reversed, true));
}
