//! The same digest for the same commit: whoever builds it, where, when, and whatever else is built beside it. Shown
//! on `examples/workspace`: a build script that generates panicking code, C code with `__FILE__`, features that one
//! image asks for and the other does not, and `files`.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they skip"
)]
#![allow(dead_code, unreachable_pub, reason = "shared modules")]

mod outside;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::workspace::{Ran, Workspace, gantry, settled};

/// Digest by image.
type Digests = BTreeMap<String, String>;

#[test]
fn two_clones_in_two_worlds_and_images_alone() {
    if !outside::installed("git") {
        return;
    }
    let Some(origin) = Workspace::empty("origin") else {
        return;
    };
    fill(&origin);
    let folder = origin.outside();
    let (first, second) = (folder.join("a"), folder.join("a-much-longer-name-with-ümlauts"));
    clone(origin.root(), &first, "022");
    clone(origin.root(), &second, "077");
    let plan = Ran::of(gantry(&first).args(["plan", "--quiet"]));
    if plan.code != Some(0) {
        return outside::missing(&format!(
            "examples/workspace cannot be built here: {}",
            plan.stderr
        ));
    }

    let expected = digests(&mut build(&first));
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["api", "worker"]);

    // Another folder, CARGO_HOME, target directory, umask, locale, time zone, and times of files.
    touch(&second);
    let home = cargo_home(&folder.join("another cargo"), &first.join("Cargo.lock"));
    let mut command = in_umask("077", &second);
    command
        .env("CARGO_HOME", &home)
        .env("CARGO_TARGET_DIR", folder.join("elsewhere"))
        .env("LC_ALL", "C.UTF-8")
        .env("LANG", "tr_TR.UTF-8")
        .env("TZ", "Asia/Kathmandu");
    assert_eq!(digests(&mut command), expected);

    // An image alone, from nothing: what the other one asks for in common packages must still be there.
    for image in ["api", "worker"] {
        let target = folder.join(format!("alone-{image}"));
        let mut command = build(&first);
        command.args(["--image", image]).env("CARGO_TARGET_DIR", target);
        let alone = digests(&mut command);
        assert_eq!(
            alone,
            BTreeMap::from([(image.to_owned(), expected[image].clone())])
        );
    }

    // And once more after `touch`, with what was compiled before.
    touch(&first);
    assert_eq!(digests(&mut build(&first)), expected);
}

/// Blanks in a path cannot be told to C compilers (there is a warning then); to rustc they can.
#[test]
fn a_path_with_blanks_is_not_seen_in_rust_code() {
    let folders = ["x", "two words, ümlauts and 'quotes' = trouble"];
    let digests = folders.map(|folder| {
        let workspace = Workspace::tiny_in(folder)?;
        let main = "fn main() {\n    panic!(\"{}\", file!());\n}\n";
        workspace.write("src/main.rs", main);
        Some(workspace.digest())
    });
    assert_eq!(digests[0], digests[1]);
}

/// The example as a repository of one commit. Files without a `mode` are added: theirs must not be the umask's.
fn fill(origin: &Workspace) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/workspace");
    copy(&example, origin.root());
    let matrix = fs::read_to_string(example.join("gantry.toml")).unwrap();
    let more = "\n[[image.worker.files]]\nfrom = \"extra/\"\nto = \"/extra/\"\n";
    origin.write("gantry.toml", matrix + more);
    origin.write("extra/plain", "plain");
    origin.write("extra/folder/script", "#!/bin/sh\n");
    origin.write(".gitignore", "target/\n");
    let script = "chmod +x extra/folder/script && git init -q . && git add -A && git commit -q -m first";
    let mut command = Command::new("sh");
    settled(&mut command);
    command.args(["-c", script]).current_dir(origin.root());
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "somebody")
            .env(format!("GIT_{role}_EMAIL"), "somebody@example.org")
            .env(format!("GIT_{role}_DATE"), "2026-01-02T03:04:05+00:00");
    }
    Ran::of(&mut command).ok();
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        let to = to.join(&name);
        if path.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).unwrap(), to).unwrap();
        } else if !path.is_dir() {
            fs::copy(&path, to).unwrap();
        } else if name != "target" {
            fs::create_dir(&to).unwrap();
            copy(&path, &to);
        }
    }
}

fn clone(origin: &Path, to: &Path, umask: &str) {
    let mut command = Command::new("sh");
    let script = format!(r#"umask {umask} && git clone -q "$0" "$1""#);
    Ran::of(command.args(["-c", &script]).arg(origin).arg(to)).ok();
}

fn build(folder: &Path) -> Command {
    let mut command = gantry(folder);
    command.args(["build", "--quiet"]);
    command
}

/// The same with a umask of its own.
fn in_umask(umask: &str, folder: &Path) -> Command {
    let plain = build(folder);
    let mut command = Command::new("sh");
    settled(&mut command);
    command
        .args(["-c", &format!(r#"umask {umask} && exec "$0" "$@""#)])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(folder);
    command
}

/// The digest of each image that a build says.
fn digests(command: &mut Command) -> Digests {
    let ran = Ran::of(command).ok();
    let line = |line: &str| {
        let (digest, place) = line.split_once(' ').unwrap();
        let (_, image) = place.rsplit_once(':').unwrap();
        (image.to_owned(), digest.to_owned())
    };
    ran.stdout.lines().map(line).collect()
}

/// Gives every file of a clone, except git's own, the time it is now.
fn touch(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_symlink() || [".git", "target"].iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            touch(&path);
        }
        let now = std::time::SystemTime::now();
        fs::File::open(&path).unwrap().set_modified(now).unwrap();
    }
}

/// Another CARGO_HOME: of the one in use it gets what the packages of that Cargo.lock need, so that nothing need be
/// fetched again.
fn cargo_home(home: &Path, lock: &Path) -> PathBuf {
    let lock: toml::Table = fs::read_to_string(lock).unwrap().parse().unwrap();
    let mut names = BTreeSet::from(["config.json".to_owned()]);
    for package in lock["package"].as_array().unwrap() {
        let [name, version] = ["name", "version"].map(|key| package[key].as_str().unwrap().to_owned());
        names.insert(format!("{name}-{version}.crate"));
        names.insert(name);
    }
    let used = std::env::var_os("CARGO_HOME")
        .map_or_else(|| std::env::home_dir().unwrap().join(".cargo"), PathBuf::from);
    fs::create_dir_all(home).unwrap();
    for file in ["config.toml", "config"] {
        if used.join(file).is_file() {
            fs::copy(used.join(file), home.join(file)).unwrap();
        }
    }
    for part in ["registry/index", "registry/cache"] {
        copy_named(&used.join(part), &home.join(part), &names);
    }
    home.to_owned()
}

fn copy_named(from: &Path, to: &Path, names: &BTreeSet<String>) {
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_named(&path, &to, names);
        } else if names.contains(&*entry.file_name().to_string_lossy()) {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&path, to).unwrap();
        }
    }
}
