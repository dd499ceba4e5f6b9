//! Following a path through the tree, as the kernel does inside a root of its own.
//!
//! In: any path. Out: a path without links, never above the root. It must not loop, whatever the links say.

use super::{Kind, Node, Tree};

/// As many links as the kernel follows on one path.
/// <https://man7.org/linux/man-pages/man7/path_resolution.7.html>
const LINKS: usize = 40;

/// Parts of one path at most, those of its links included: some times more than the deepest folder needs. Forty links
/// of four kilobytes each would keep us busy at every entry of a tar.
const PARTS: usize = 4096;

/// Whether a link that the path ends with is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Followed,
    Kept,
}

impl Tree {
    /// What an absolute or relative path leads to from the root, all links followed inside the tree, and the path
    /// without links. None if there is nothing, or the links go in a circle.
    pub fn resolve(&self, path: &[u8]) -> Option<(Vec<u8>, &Node)> {
        let found = self.walk(path, Last::Followed, true)?;
        let node = self.get(&found)?;
        Some((found, node))
    }

    /// Where a new thing at `path` really goes: links in its parents are followed, as far as they exist. If they go
    /// in a circle, none is.
    pub fn real(&self, path: &[u8]) -> Vec<u8> {
        let found = self.walk(path, Last::Kept, false);
        found.unwrap_or_else(|| clean(path))
    }

    /// The path without links; none if they go in a circle, or, where everything must `exist`, it leads nowhere.
    pub(super) fn walk(&self, path: &[u8], last: Last, exist: bool) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        let mut ahead: Vec<&[u8]> = path.split(|byte| *byte == b'/').rev().collect();
        let (mut links, mut parts, mut directory) = (0, 0, true);
        while let Some(part) = ahead.pop() {
            parts += 1;
            if parts > PARTS || (exist && !directory) {
                return None;
            }
            match part {
                b"" | b"." => continue,
                b".." => {
                    up(&mut found);
                    continue;
                }
                name => down(&mut found, name),
            }
            match self.get(&found).map(|node| &node.kind) {
                Some(Kind::Symlink(target)) if last == Last::Followed || !ahead.is_empty() => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        found.clear();
                    } else {
                        up(&mut found);
                    }
                    ahead.extend(target.split(|byte| *byte == b'/').rev());
                }
                Some(kind) => directory = *kind == Kind::Directory,
                None if exist => return None,
                None => {}
            }
        }
        Some(found)
    }
}

/// A path as entries of layers have it, made relative to the root: without empty parts, `.` and `..`, links unseen.
/// What would go above the root begins at the root.
pub(super) fn clean(path: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => up(&mut found),
            name => down(&mut found, name),
        }
    }
    found
}

/// The folder that a clean path lies in, and its name there; none for the root.
pub(super) fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return None;
    }
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => Some((&path[..slash], &path[slash + 1..])),
        None => Some((b"", path)),
    }
}

/// The clean paths above a clean path, from the root's child downwards.
pub(super) fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(slash, _)| &path[..slash])
}

pub(super) fn down(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend(name);
}

fn up(path: &mut Vec<u8>) {
    let end = split(path).map_or(0, |(folder, _)| folder.len());
    path.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ways_have_an_end() {
        let mut tree = Tree::default();
        let node = |kind| Node {
            kind,
            ..Node::directory()
        };
        tree.insert(b"x", node(Kind::Directory));
        tree.insert(b"l", node(Kind::Symlink(b"x/../".repeat(1000))));
        assert!(tree.resolve(b"l/x").is_some());
        assert!(tree.resolve(b"l/l/l/l/x").is_none());
    }
}
