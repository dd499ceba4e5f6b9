//! [`Tree`] itself: what lies where, and how one thing takes the place of another.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::facts;
use super::stored;
use super::walk::{above, clean};
use crate::binary::Elf;

/// What lies where.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub(super) root: Node,
    /// Everything but the root. What has a node has nodes of directories above it.
    pub(super) nodes: BTreeMap<Vec<u8>, Node>,
    pub(super) replaced: Vec<Replaced>,
    /// How many layers have been laid.
    pub(super) layers: usize,
    /// About how many bytes the nodes take.
    pub(super) held: u64,
}

/// One thing in the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// What it is.
    pub kind: Kind,
}

/// Kinds of things.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link, with its target as it is written.
    #[serde(with = "stored::bytes")]
    Symlink(Vec<u8>),
    /// A regular file; further names of it share the facts.
    #[serde(with = "stored::shared")]
    File(Arc<FileFacts>),
    /// A device, a pipe, a socket.
    Other,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct FileFacts {
    /// Its size in bytes.
    pub size: u64,
    /// What it says, if it is an ELF file that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf: Option<Box<Elf>>,
    /// Whether it begins as an ELF file and cannot be read as one, or is stored with holes: what it is, is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreadable: bool,
    /// The first line of a script, after `#!`, as much as the kernel looks at, without blanks around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// All of it, for the small files that decide how programs run: `/etc/passwd` and `/etc/group` (and
    /// what begins as they do, wherever it is: they may be links), `/etc/os-release`, `/usr/lib/os-release`, `/etc/ld.so.cache`,
    /// `/etc/ld.so.conf` and what lies in `/etc/ld.so.conf.d`, `/etc/ld-musl-*.path`, `/etc/nsswitch.conf`. None above
    /// a mebibyte.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "stored::optional_bytes"
    )]
    pub text: Option<Vec<u8>>,
}

/// A link to a directory that a layer put something other than a link over, which hides what the link led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Replaced {
    /// Where.
    #[serde(with = "stored::bytes")]
    pub path: Vec<u8>,
    /// The target of the link that was there.
    #[serde(with = "stored::bytes")]
    pub link: Vec<u8>,
    /// Which layer did it, counted from 0; for [`Tree::insert`] as if it were one more layer.
    pub layer: usize,
}

impl Default for Tree {
    /// An empty root directory.
    fn default() -> Self {
        Self {
            root: Node::directory(),
            nodes: BTreeMap::new(),
            replaced: Vec::new(),
            layers: 0,
            held: 0,
        }
    }
}

impl Node {
    /// What directories are that no layer describes.
    pub(super) fn directory() -> Self {
        Self {
            mode: 0o755,
            uid: 0,
            gid: 0,
            kind: Kind::Directory,
        }
    }
}

impl Tree {
    /// Puts one thing at `path` (relative to the root, without `.` and `..`) as a layer's entry would, and says
    /// through [`Tree::replaced`] if that hides a link to a directory. Links in its parents are followed; parents that
    /// are missing, or are no directories, are made.
    pub fn insert(&mut self, path: &[u8], node: Node) {
        let path = self.real(&clean(path));
        for parent in above(&path) {
            if self
                .nodes
                .get(parent)
                .is_none_or(|node| node.kind != Kind::Directory)
            {
                self.put(parent, Node::directory());
            }
        }
        if !matches!(node.kind, Kind::Symlink(_)) {
            self.note_replaced(&path);
        }
        self.put(&path, node);
    }

    /// What lies at exactly this path; no link is followed. The root is the empty path.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        if path.is_empty() {
            return Some(&self.root);
        }
        self.nodes.get(path)
    }

    /// Everything but the root, by path (relative to the root), in the order of its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_slice(), node))
    }

    /// Everything below a directory, by path (relative to the root), in the order of its bytes. No link is followed.
    pub fn inside(&self, directory: &[u8]) -> impl Iterator<Item = (&[u8], &Node)> {
        let start = if directory.is_empty() {
            Vec::new()
        } else {
            [directory, b"/"].concat()
        };
        let from = self.nodes.range(start.clone()..);
        let inside = from.take_while(move |(path, _)| path.starts_with(&start));
        inside.map(|(path, node)| (path.as_slice(), node))
    }

    /// How many layers have been laid.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// Links to directories that a later layer (or [`Tree::insert`]) hid.
    pub fn replaced(&self) -> &[Replaced] {
        &self.replaced
    }

    /// Puts a node at a clean path whose parents are there. A directory takes over what is in the one that it
    /// replaces. The root stays a directory.
    pub(super) fn put(&mut self, path: &[u8], node: Node) {
        if path.is_empty() {
            if node.kind == Kind::Directory {
                self.root = node;
            }
            return;
        }
        if node.kind != Kind::Directory {
            for inner in self.below(path) {
                self.take(&inner);
            }
        }
        self.take(path);
        self.held += cost(path, &node);
        self.nodes.insert(path.to_vec(), node);
    }

    /// Takes one node away; not what is below it.
    pub(super) fn take(&mut self, path: &[u8]) {
        if let Some(node) = self.nodes.remove(path) {
            self.held -= cost(path, &node);
        }
    }

    /// The paths below a clean path, in order.
    pub(super) fn below(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let mut start = path.to_vec();
        if !path.is_empty() {
            start.push(b'/');
        }
        let inside = self.nodes.range(start.clone()..).map(|(path, _)| path);
        inside
            .take_while(|path| path.starts_with(&start))
            .cloned()
            .collect()
    }

    /// Remembers a link to a directory that lies at a clean path, before something else is put there.
    pub(super) fn note_replaced(&mut self, path: &[u8]) {
        let Some(Kind::Symlink(link)) = self.nodes.get(path).map(|node| &node.kind) else {
            return;
        };
        if self
            .resolve(path)
            .is_some_and(|(_, led)| led.kind == Kind::Directory)
        {
            let replaced = Replaced {
                path: path.to_vec(),
                link: link.clone(),
                layer: self.layers,
            };
            self.held += cost_of_replaced(&replaced);
            self.replaced.push(replaced);
        }
    }

    /// Counts anew how many bytes everything takes.
    pub(super) fn count(&mut self) {
        let nodes: u64 = self.nodes.iter().map(|(path, node)| cost(path, node)).sum();
        self.held = nodes + self.replaced.iter().map(cost_of_replaced).sum::<u64>();
    }
}

fn cost_of_replaced(replaced: &Replaced) -> u64 {
    cost_of_note(&replaced.path) + replaced.link.len() as u64
}

/// About how many bytes a path takes that is remembered beside the nodes.
pub(super) fn cost_of_note(path: &[u8]) -> u64 {
    (64 + path.len()) as u64
}

/// About how many bytes a node takes.
pub(super) fn cost(path: &[u8], node: &Node) -> u64 {
    const NODE: usize = 128;
    let held = match &node.kind {
        Kind::Directory | Kind::Other => 0,
        Kind::Symlink(target) => target.len(),
        Kind::File(file) => facts::cost(file),
    };
    (NODE + path.len() + held) as u64
}
