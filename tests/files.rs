//! `files`: what of a folder is packed, and what is refused.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]
#![allow(dead_code, unreachable_pub)]

mod outside;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::layer::{Collect, Entry, Kind, LayerError, Packing, collect, pack};
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
    for (from, part) in [
        ("gone", "the folder of the matrix"),
        ("gone/deep", "the folder of the matrix"),
        ("i n/*", "patterns go into `include`"),
        ("inn/", "did you mean `"),
        ("inn/a", "/in`?"),
    ] {
        let error = collect(&wanted(folder.path(), from, "/x")).unwrap_err();
        assert!(
            matches!(&error, LayerError::Missing { path, .. } if path.ends_with(from)),
            "{error:?}"
        );
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        assert!(help.contains(part), "{from}: {help}");
    }
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
    let store = BlobStore::open(folder.path().join("store")).unwrap();
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
        let store = BlobStore::open(folder.path().join("store")).unwrap();
        let entries = collect(&wanted(folder.path(), "www/", "/srv")).unwrap();
        pack(&store, entries, &Packing::new(Compression::default(), 1)).unwrap()
    };
    let reversed: Vec<&str> = names.iter().rev().copied().collect();
    assert_eq!(digest(&names, false), digest(&reversed, true));
}
