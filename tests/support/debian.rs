//! Debian packages as trees, without installing them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use cargo_gantry::rootfs::{Kind, Node, Tree};
use cargo_gantry::spec::Platform;

/// The files of one package, and the links that its script makes when it is installed.
pub struct Unpacked {
    files: Tree,
    alternatives: Vec<(String, String)>,
}

/// What the dynamic loader itself says of a program in a real root of these packages: it loads the libraries and ends
/// before the program begins. The error is what it misses.
///
/// # Errors
/// Why the program cannot start.
pub fn really(packages: &[(PathBuf, &Unpacked)], interpreter: &str, program: &str) -> Result<(), String> {
    let root = tempfile::tempdir().expect("a folder");
    for folder in MERGED {
        std::fs::create_dir_all(root.path().join("usr").join(folder)).expect("a folder");
        symlink(&format!("usr/{folder}"), &root.path().join(folder));
    }
    for (file, _) in packages {
        let mut tar = data(file);
        let laid = Command::new("tar")
            .args(["--keep-directory-symlink", "--no-same-owner", "-xf", "-", "-C"])
            .arg(root.path())
            .stdin(tar.stdout.take().expect("a pipe"))
            .status();
        assert!(laid.expect("tar").success() && tar.wait().expect("dpkg-deb").success());
    }
    for (link, file) in packages.iter().flat_map(|(_, package)| &package.alternatives) {
        let link = root.path().join(link.trim_start_matches('/'));
        if link.symlink_metadata().is_err() && link.parent().is_some_and(Path::is_dir) {
            symlink(file, &link);
        }
    }
    let said = Command::new("chroot")
        .arg(root.path())
        .args([interpreter, "--list", program])
        .stdin(Stdio::null())
        .output()
        .expect("chroot");
    if said.status.success() {
        return Ok(());
    }
    let lines = [said.stdout, said.stderr].concat();
    Err(String::from_utf8_lossy(&lines).trim().to_owned())
}

#[cfg(unix)]
fn symlink(target: &str, link: &Path) {
    std::os::unix::fs::symlink(target, link).expect("a link");
}

#[cfg(not(unix))]
fn symlink(_: &str, _: &Path) {}

/// What are links into `/usr` before any package is there.
pub const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

impl Unpacked {
    /// Lays the files over a root, as dpkg does: a directory goes where a link leads.
    pub fn lay(&self, root: &mut Tree) {
        for (path, node) in self.files.iter() {
            let is_directory = |(_, node): (Vec<u8>, &Node)| node.kind == Kind::Directory;
            if node.kind == Kind::Directory && root.resolve(path).is_some_and(is_directory) {
                continue;
            }
            root.insert(path, node.clone());
        }
    }

    /// Makes the alternatives that nobody made before, and says how many.
    pub fn link(&self, root: &mut Tree) -> usize {
        let mut made = 0;
        for (link, file) in &self.alternatives {
            if root.resolve(link.as_bytes()).is_none() && root.resolve(file.as_bytes()).is_some() {
                let kind = Kind::Symlink(file.clone().into_bytes());
                let place = link.trim_start_matches('/').as_bytes();
                root.insert(
                    place,
                    Node {
                        mode: 0o777,
                        uid: 0,
                        gid: 0,
                        kind,
                    },
                );
                made += 1;
            }
        }
        made
    }
}

/// Reads packages, by the names of their files.
pub fn unpack(folder: &Path, files: &BTreeSet<String>) -> BTreeMap<String, Unpacked> {
    let open = Mutex::new(files.iter());
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(file) = open.lock().expect("no thread panicked").next() else {
                        return;
                    };
                    let unpacked = package(&folder.join(file));
                    done.lock()
                        .expect("no thread panicked")
                        .insert(file.clone(), unpacked);
                }
            });
        }
    });
    done.into_inner().expect("no thread panicked")
}

fn package(file: &Path) -> Unpacked {
    let mut child = data(file);
    let mut files = Tree::default();
    let read = files.apply(child.stdout.take().expect("a pipe"));
    assert!(child.wait().expect("dpkg-deb").success(), "{}", file.display());
    read.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
    let script = Command::new("dpkg-deb")
        .arg("--info")
        .arg(file)
        .arg("postinst")
        .output()
        .expect("dpkg-deb");
    Unpacked {
        files,
        alternatives: alternatives(&String::from_utf8_lossy(&script.stdout)),
    }
}

/// dpkg-deb, writing a package's files as a tar.
fn data(package: &Path) -> std::process::Child {
    let child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    child.expect("dpkg-deb")
}

/// What follows each `--install` of update-alternatives, where it is written out.
fn alternatives(script: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = script.split_whitespace().filter(|word| *word != "\\").collect();
    let found = words
        .windows(4)
        .filter(|words| ["--install", "--slave"].contains(&words[0]));
    found
        .map(|words| (words[1].to_owned(), words[3].to_owned()))
        .filter(|(link, file)| link.starts_with('/') && file.starts_with('/'))
        .filter(|(link, file)| !link.contains('$') && !file.contains('$'))
        .collect()
}

/// What the packages of this machine's dpkg are for.
pub fn architecture() -> Platform {
    let said = Command::new("dpkg")
        .arg("--print-architecture")
        .output()
        .expect("dpkg");
    let name = String::from_utf8_lossy(&said.stdout);
    let platform = match name.trim() {
        "armhf" => "linux/arm/v7".to_owned(),
        "armel" => "linux/arm/v5".to_owned(),
        "i386" => "linux/386".to_owned(),
        "ppc64el" => "linux/ppc64le".to_owned(),
        same => format!("linux/{same}"),
    };
    platform.parse().expect("a platform")
}
