//! Laying a layer over a [`Tree`].
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets>, and where it is silent
//! <https://github.com/containerd/containerd/blob/v2.0.0/pkg/archive/tar.go>

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use super::facts;
use super::tree::cost_of_note;
use super::walk::{Last, above, clean, down, split};
use super::{FileFacts, Kind, Node, RootfsError, Tree};
use crate::codec::entries::{Entries, Entry, EntryKind};

type Result<T> = std::result::Result<T, RootfsError>;

/// What one tree may come to: more than any image has.
const MOST: Most = Most {
    nodes: 1_000_000,
    held: 512 << 20,
};

/// As long as a path may be for the kernel.
const PATH: usize = 4096;
/// Folders within each other.
const DEPTH: usize = 512;

const WHITEOUT: &[u8] = b".wh.";
/// What begins so is no name of a file that is taken away, but something of AUFS.
const META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

impl Tree {
    /// Lays a layer over the tree: `tar` is uncompressed, and read to its end. After an error the tree holds a part of
    /// the layer, and is good for nothing.
    ///
    /// # Errors
    /// When the tar is damaged, has too many entries, or puts things where no container runtime would: below a file, at
    /// a path that no tree has, as another name of a file that is not there.
    pub fn apply(&mut self, tar: impl Read) -> Result<()> {
        self.apply_within(tar, &MOST)
    }

    fn apply_within(&mut self, tar: impl Read, most: &Most) -> Result<()> {
        let mut entries = Entries::new(tar);
        let mut layer = Layer {
            tree: self,
            own: BTreeSet::new(),
            hidden: BTreeSet::new(),
            noted: 0,
            room: Vec::new(),
        };
        // A tar of directories that exist would grow nothing, and still keep us busy.
        let mut left = most.nodes;
        while let Some(entry) = entries.next().map_err(RootfsError::Tar)? {
            left = left.checked_sub(1).ok_or(TOO_MANY)?;
            layer.lay(&entry, &mut entries.content())?;
            if layer.tree.nodes.len() > most.nodes {
                return Err(TOO_MANY);
            }
            if layer.tree.held + layer.noted > most.held {
                return Err(RootfsError::TooLarge("512 MiB of names and facts"));
            }
        }
        layer.end();
        Ok(())
    }
}

struct Most {
    /// Things in the tree, and entries of a tar.
    nodes: usize,
    /// Bytes that names and facts take.
    held: u64,
}

const TOO_MANY: RootfsError = RootfsError::TooLarge("a million entries");

/// A layer while it is laid.
struct Layer<'t> {
    tree: &'t mut Tree,
    /// What this layer has put, which its own whiteouts do not hide.
    own: BTreeSet<Vec<u8>>,
    /// What whiteouts have hidden; with a slash at its end, where a folder's content was. Once is enough: whatever is
    /// there afterwards is the layer's own.
    hidden: BTreeSet<Vec<u8>>,
    /// About how many bytes `hidden` takes.
    noted: u64,
    /// Where files are looked at.
    room: Vec<u8>,
}

impl Layer<'_> {
    fn lay(&mut self, entry: &Entry, content: &mut impl Read) -> Result<()> {
        let path = checked(&entry.path)?;
        let Some((folder, name)) = split(&path) else {
            if entry.kind == EntryKind::Directory {
                self.tree.put(b"", node(entry, Kind::Directory));
            }
            return Ok(());
        };
        let folder = self.folder(folder, entry)?;
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            return self.white_out(&folder, name, hidden, entry);
        }
        let mut path = folder;
        down(&mut path, name);
        // It may lie elsewhere now.
        let path = checked(&path)?;
        if entry.kind != EntryKind::Directory || self.kind(&path) != Some(&Kind::Directory) {
            self.clear(&path, entry);
        }
        let node = match entry.kind {
            EntryKind::Directory => node(entry, Kind::Directory),
            EntryKind::Symlink if entry.target.len() > PATH => {
                return Err(RootfsError::Path(shown(&entry.target)));
            }
            EntryKind::Symlink => node(entry, Kind::Symlink(entry.target.clone())),
            EntryKind::HardLink => self.same_as(entry)?,
            EntryKind::File => {
                let facts = facts::read(&path, entry.size, content, &mut self.room)?;
                node(entry, Kind::File(Arc::new(facts)))
            }
            EntryKind::Sparse => {
                let facts = FileFacts {
                    size: entry.size,
                    unreadable: true,
                    ..FileFacts::default()
                };
                node(entry, Kind::File(Arc::new(facts)))
            }
            EntryKind::Other => node(entry, Kind::Other),
        };
        self.tree.put(&path, node);
        self.own.insert(path);
        Ok(())
    }

    /// Where the folder of an entry really is. What is missing of it is made.
    fn folder(&mut self, folder: &[u8], entry: &Entry) -> Result<Vec<u8>> {
        let no_directory = |parent: &[u8]| RootfsError::Parent {
            path: shown(&entry.path),
            parent: shown(parent),
        };
        let found = self.tree.walk(folder, Last::Followed, false);
        let found = checked(&found.ok_or_else(|| no_directory(folder))?)?;
        for parent in above(&found).chain((!found.is_empty()).then_some(found.as_slice())) {
            match self.kind(parent) {
                Some(Kind::Directory) => {}
                Some(_) => return Err(no_directory(parent)),
                None => {
                    self.tree.put(parent, Node::directory());
                    self.own.insert(parent.to_vec());
                }
            }
        }
        Ok(found)
    }

    fn white_out(&mut self, folder: &[u8], name: &[u8], hidden: &[u8], entry: &Entry) -> Result<()> {
        if name == OPAQUE {
            if self.note_hidden([folder, b"/"].concat()) {
                self.hide_below(folder);
            }
            return Ok(());
        }
        if name.starts_with(META) {
            return Ok(());
        }
        if [b"".as_slice(), b".", b".."].contains(&hidden) {
            return Err(RootfsError::Path(shown(&entry.path)));
        }
        let mut path = folder.to_vec();
        down(&mut path, hidden);
        if self.note_hidden(path.clone()) {
            self.hide_below(&path);
            self.hide(&path);
        }
        Ok(())
    }

    /// Whether nothing has hidden it before. What was not there takes its bytes, too.
    fn note_hidden(&mut self, path: Vec<u8>) -> bool {
        let cost = cost_of_note(&path);
        let new = self.hidden.insert(path);
        self.noted += if new { cost } else { 0 };
        new
    }

    /// After the last entry.
    fn end(self) {
        let (tree, hidden) = (self.tree, self.hidden);
        // What was taken away on purpose is not told, wherever in the layer its whiteout stood.
        let layer = tree.layers;
        let meant =
            |path: &Vec<u8>| hidden.contains(path) || hidden.contains(&[path, b"/".as_slice()].concat());
        tree.replaced
            .retain(|replaced| replaced.layer != layer || !meant(&replaced.path));
        tree.count();
        tree.layers += 1;
    }

    fn hide_below(&mut self, folder: &[u8]) {
        for path in self.tree.below(folder) {
            self.hide(&path);
        }
    }

    /// Takes away what lower layers put at a path. If this layer has put something below, it stays a folder, as if
    /// none had been there before.
    fn hide(&mut self, path: &[u8]) {
        if self.own.contains(path) {
            return;
        }
        let start = [path, b"/"].concat();
        let next = self.own.range(start.clone()..).next();
        if next.is_some_and(|own| own.starts_with(&start)) {
            self.tree.put(path, Node::directory());
            self.own.insert(path.to_vec());
        } else {
            self.tree.take(path);
        }
    }

    /// Makes room at a path, as runtimes do for everything but a directory over a directory.
    fn clear(&mut self, path: &[u8], entry: &Entry) {
        if !self.own.contains(path) && entry.kind != EntryKind::Symlink {
            self.tree.note_replaced(path);
        }
        for inner in self.tree.below(path) {
            self.tree.take(&inner);
            self.own.remove(&inner);
        }
        self.tree.take(path);
        self.own.remove(path);
    }

    /// What another name of a file is: the same, with its owner and mode. Links are not followed at the end.
    fn same_as(&self, entry: &Entry) -> Result<Node> {
        let target = self.tree.walk(&checked(&entry.target)?, Last::Kept, true);
        let found = target.as_deref().filter(|target| !target.is_empty());
        let found = found.and_then(|target| self.tree.get(target));
        found
            .filter(|node| node.kind != Kind::Directory)
            .cloned()
            .ok_or_else(|| RootfsError::HardLink {
                path: shown(&entry.path),
                target: shown(&entry.target),
            })
    }

    fn kind(&self, path: &[u8]) -> Option<&Kind> {
        self.tree.get(path).map(|node| &node.kind)
    }
}

fn node(entry: &Entry, kind: Kind) -> Node {
    Node {
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        kind,
    }
}

/// The path, clean, if a tree can have it.
fn checked(path: &[u8]) -> Result<Vec<u8>> {
    if path.len() > PATH || path.contains(&0) {
        return Err(RootfsError::Path(shown(path)));
    }
    let path = clean(path);
    if above(&path).count() < DEPTH {
        return Ok(path);
    }
    Err(RootfsError::Path(shown(&path)))
}

/// As much of a path as tells which it is.
fn shown(path: &[u8]) -> String {
    let part = &path[..path.len().min(200)];
    String::from_utf8_lossy(part).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tar of empty things.
    fn tar(entries: &[(String, tar::EntryType)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_entry_type(*kind);
            if *kind == tar::EntryType::Symlink {
                header.set_link_name("there").unwrap();
            }
            tar.append_data(&mut header, path, [].as_slice()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn what_is_only_noted_counts_too() {
        use tar::EntryType::{Directory, Regular, Symlink};
        let most = Most {
            nodes: 1000,
            held: 100_000,
        };
        // Whiteouts of what is not there.
        let whiteouts: Vec<_> = (0..900).map(|n| (format!(".wh.{n:0200}"), Regular)).collect();
        let laid = Tree::default().apply_within(tar(&whiteouts).as_slice(), &most);
        assert!(matches!(laid, Err(RootfsError::TooLarge(_))), "{laid:?}");
        // Links to a folder that are replaced and come back, layer after layer.
        let links = |kind| (0..20).map(move |n| (format!("{n:0200}"), kind));
        let there = std::iter::once(("there".to_owned(), Directory));
        let first: Vec<_> = there.chain(links(Symlink)).collect();
        let (links, files): (Vec<_>, Vec<_>) = (links(Symlink).collect(), links(Regular).collect());
        let mut tree = Tree::default();
        tree.apply_within(tar(&first).as_slice(), &most).unwrap();
        let end = (0..100).find(|_| {
            let laid = [&files, &links].map(|layer| tree.apply_within(tar(layer).as_slice(), &most));
            laid.iter().any(Result::is_err)
        });
        assert!(end.is_some());
    }

    #[test]
    fn there_is_an_end_to_it() {
        let mut tar = tar::Builder::new(Vec::new());
        for path in ["a/b/c", "a/b/c", "d"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            tar.append_data(&mut header, path, [].as_slice()).unwrap();
        }
        let tar = tar.into_inner().unwrap();
        for (nodes, held, good) in [(4, 2000, true), (3, 2000, false), (4, 300, false)] {
            let laid = Tree::default().apply_within(tar.as_slice(), &Most { nodes, held });
            assert_eq!(laid.is_ok(), good, "{nodes} {held}: {laid:?}");
        }
        let mut tree = Tree::default();
        let most = Most { nodes: 4, held: 2000 };
        tree.apply_within(tar.as_slice(), &most).unwrap();
        // What takes the place of the same counts once.
        tree.apply_within(tar.as_slice(), &most).unwrap();
        assert_eq!((tree.layers, tree.nodes.len()), (2, 4));
    }
}
