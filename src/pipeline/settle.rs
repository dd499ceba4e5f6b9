//! Where an entry really goes over what lies below it, and what it may not take the place of.
//!
//! In: the entries of one layer and the tree that it is laid over. Out: the same entries, moved to where links of the tree
//! lead, and the tree with them. What a runtime that extracts a layer alone would put over a link must not stay there, and
//! nothing may silently take away what is below.

use super::{Error, lay};
use crate::layer::{Entry, Kind};
use crate::rootfs::{self, Node, Tree};

/// Settles the entries of one layer over `tree`, and puts them there.
pub(super) fn settle(mut entries: Vec<Entry>, tree: &mut Tree) -> Result<Vec<Entry>, Error> {
    for entry in &mut entries {
        place(entry, tree)?;
    }
    for entry in &entries {
        lay::put(tree, entry)?;
    }
    Ok(entries)
}

/// The directory that is at `path`, whatever links lead there.
pub(super) fn directory<'t>(tree: &'t Tree, path: &[u8]) -> Option<&'t Node> {
    let (_, node) = tree.resolve(path)?;
    (node.kind == rootfs::Kind::Directory).then_some(node)
}

fn place(entry: &mut Entry, tree: &Tree) -> Result<(), Error> {
    let asked = shown(&entry.path);
    entry.path = match entry.kind {
        // A link that ends the path leads on, even to where nothing is yet.
        Kind::Directory => tree.real(&[entry.path.as_slice(), b"/."].concat()),
        _ => tree.real(&entry.path),
    };
    let parents = entry.path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let mut above = parents.map(|(end, _)| &entry.path[..end]);
    if let Some(file) = above.find(|path| is_file(tree, path)) {
        let file = shown(file);
        return Err(Error::BelowFile { path: asked, file });
    }
    if entry.kind == Kind::Directory {
        if is_file(tree, &entry.path) {
            return Err(Error::BelowFile {
                file: shown(&entry.path),
                path: asked,
            });
        }
    } else if let Some(inner) = tree.inside(&entry.path).next() {
        return Err(Error::OverDirectory {
            path: asked,
            inner: shown(inner.0),
        });
    }
    Ok(())
}

fn is_file(tree: &Tree, path: &[u8]) -> bool {
    let kind = tree.get(path).map(|node| &node.kind);
    matches!(kind, Some(rootfs::Kind::File(_) | rootfs::Kind::Other))
}

fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian has it, as far as it matters.
    fn tree() -> Tree {
        let mut tree = Tree::default();
        let entries = [
            Entry::directory("usr/bin", 0o755),
            Entry::directory("usr/local/bin", 0o755),
            Entry::directory("usr/share", 0o755),
            Entry::directory("run", 0o755),
            Entry::symlink("bin", "usr/bin"),
            Entry::symlink("var/run", "/run"),
            Entry::symlink("var/lock", "/run/lock"),
            Entry::bytes("etc/passwd", *b"root:x:0:0::/:\n", 0o644),
            Entry::bytes("usr/share/doc", *b"x", 0o644),
        ];
        settle(entries.into(), &mut tree).unwrap();
        tree
    }

    fn one(entry: Entry) -> Result<String, String> {
        let settled = settle(vec![entry], &mut tree());
        settled
            .map(|entries| entries[0].shown())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn everything_goes_to_where_links_lead() {
        for (entry, expected) in [
            (Entry::bytes("bin/hello", *b"x", 0o755), "usr/bin/hello"),
            (Entry::bytes("var/run/a", *b"x", 0o644), "run/a"),
            (Entry::directory("bin", 0o755), "usr/bin"),
            (Entry::directory("var/run/a", 0o755), "run/a"),
            // Where a link leads nothing may be yet.
            (Entry::directory("var/lock", 0o755), "run/lock"),
            (Entry::bytes("var/lock/a", *b"x", 0o644), "run/lock/a"),
            // What is put at a link itself takes its place.
            (Entry::symlink("bin", "usr/local/bin"), "bin"),
            (Entry::symlink("usr/local/bin", "/opt"), "usr/local/bin"),
            (Entry::bytes("etc/passwd", *b"x", 0o644), "etc/passwd"),
        ] {
            assert_eq!(one(entry.clone()), Ok(expected.to_owned()), "{entry:?}");
        }
    }

    #[test]
    fn links_of_the_layers_below_lead_on_as_well() {
        let mut tree = tree();
        settle(vec![Entry::symlink("app", "/usr/local/bin")], &mut tree).unwrap();
        let program = vec![Entry::bytes("app/hello", *b"x", 0o755)];
        let settled = settle(program, &mut tree).unwrap();
        assert_eq!(settled[0].shown(), "usr/local/bin/hello");
        assert!(matches!(tree.get(b"app").unwrap().kind, rootfs::Kind::Symlink(_)));
    }

    #[test]
    fn nothing_takes_away_what_is_below() {
        let file = |path: &str| Entry::bytes(path, *b"x", 0o644);
        for (entry, expected) in [
            (
                file("usr/share"),
                "`/usr/share` would take the place of a directory",
            ),
            (
                Entry::symlink("usr/share", "/data"),
                "`/usr/share` would take the place of a directory",
            ),
            (
                file("etc/passwd/a"),
                "`/etc/passwd/a` would take the place of the file `/etc/passwd`",
            ),
            (
                Entry::directory("etc/passwd", 0o755),
                "`/etc/passwd` would take the place of the file `/etc/passwd`",
            ),
        ] {
            let error = one(entry.clone()).unwrap_err();
            assert!(error.contains(expected), "{entry:?}: {error}");
        }
    }
}
