//! Debian packages as trees, without installing them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use cargo_gantry::rootfs::{Kind, Node, Tree};
use cargo_gantry::spec::Platform;

/// The files of one package, and the links that its script makes when it is installed.
pub struct Unpacked {
    files: Tree,
    alternatives: Vec<(String, String)>,
}

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
    let mut child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("dpkg-deb");
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
