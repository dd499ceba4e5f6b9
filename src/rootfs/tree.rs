//! [`Tree`] itself.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use super::RootfsError;
use crate::binary::Elf;

/// What lies where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    nodes: BTreeMap<Vec<u8>, Node>,
    replaced: Vec<Replaced>,
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
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link, with its target as it is written.
    Symlink(Vec<u8>),
    /// A regular file; further names of it share the facts.
    File(Arc<FileFacts>),
    /// A device, a pipe, a socket.
    Other,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FileFacts {
    /// Its size in bytes.
    pub size: u64,
    /// What it says, if it is an ELF file that can be read.
    pub elf: Option<Elf>,
    /// The first line of a script, after `#!`.
    pub script: Option<String>,
    /// All of it, for the small files that decide how programs run: `/etc/passwd`, `/etc/group`, `/etc/os-release`,
    /// `/usr/lib/os-release`, `/etc/ld.so.conf` and what it includes, `/etc/ld-musl-*.path`, `/etc/nsswitch.conf`.
    pub text: Option<Vec<u8>>,
}

/// A directory of a lower layer, or a link to one, that a higher layer put something else over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replaced {
    /// Where.
    pub path: Vec<u8>,
    /// The target of the link that was there.
    pub link: Vec<u8>,
    /// Which layer did it, counted from 0.
    pub layer: usize,
}

impl Tree {
    /// Lays a layer over the tree: `tar` is uncompressed.
    ///
    /// # Errors
    /// When the tar is damaged, has too many entries, or names a path that no tree has.
    pub fn apply(&mut self, tar: impl Read) -> Result<(), RootfsError> {
        let _ = tar;
        todo!()
    }

    /// Puts one thing at `path` (relative to the root, without `.` and `..`) as a layer's entry would, and says
    /// through [`Tree::replaced`] if that hides a link to a directory. Parents that are missing are made.
    pub fn insert(&mut self, path: &[u8], node: Node) {
        let _ = (path, node);
        todo!()
    }

    /// What lies at exactly this path; no link is followed.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// What an absolute or relative path leads to from the root, all links followed inside the tree, and the path
    /// without links. None if there is nothing, or the links go in a circle.
    pub fn resolve(&self, path: &[u8]) -> Option<(Vec<u8>, &Node)> {
        let _ = path;
        todo!()
    }

    /// Where a new thing at `path` really goes: links in its parents are followed, as far as they exist.
    pub fn real(&self, path: &[u8]) -> Vec<u8> {
        let _ = path;
        todo!()
    }

    /// Everything, by path (relative to the root).
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_slice(), node))
    }

    /// Links to directories that a later layer (or [`Tree::insert`]) hid.
    pub fn replaced(&self) -> &[Replaced] {
        &self.replaced
    }
}
