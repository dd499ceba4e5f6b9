//! The directories of `/etc/ld.so.conf`, with what it includes.
//!
//! ldconfig(8) reads them, and writes the cache that the loader reads: without `/etc/ld.so.cache` they are not looked at,
//! and what it has not found there is not found.

use globset::GlobBuilder;

use super::{Places, parent};
use crate::rootfs::{Kind, Tree};

/// Deeper than this, files include each other in a circle.
const DEEPEST: usize = 16;

/// The directories, in order; none if there is no cache. There are more where an included file's text is not known.
pub(super) fn directories(tree: &Tree) -> Places {
    let mut found = Places::default();
    if tree.resolve(b"/etc/ld.so.cache").is_some() {
        read(tree, b"/etc/ld.so.conf", DEEPEST, &mut found);
    }
    found
}

fn read(tree: &Tree, path: &[u8], depth: usize, found: &mut Places) {
    let Some((_, node)) = tree.resolve(path) else {
        return;
    };
    let Kind::File(facts) = &node.kind else {
        return;
    };
    let Some(text) = &facts.text else {
        found.more |= facts.size > 0;
        return;
    };
    let text = String::from_utf8_lossy(text);
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            None | Some("hwcap") => {}
            Some("include") if depth > 0 => {
                for pattern in words {
                    for file in matching(tree, path, pattern) {
                        read(tree, &file, depth - 1, found);
                    }
                }
            }
            Some("include") => {}
            // `=` once told the kind of libraries.
            Some(_) => found.directories.push(
                line.split('=')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .as_bytes()
                    .to_vec(),
            ),
        }
    }
}

/// The files of a pattern, relative to the file that includes them, by name.
fn matching(tree: &Tree, from: &[u8], pattern: &str) -> Vec<Vec<u8>> {
    let pattern = if pattern.starts_with('/') {
        pattern.to_owned()
    } else {
        format!("{}/{pattern}", String::from_utf8_lossy(&parent(from)))
    };
    let Some((folder, name)) = pattern.rsplit_once('/') else {
        return Vec::new();
    };
    let Some((folder, _)) = tree.resolve(folder.as_bytes()) else {
        return Vec::new();
    };
    let Ok(glob) = GlobBuilder::new(name).literal_separator(true).build() else {
        return Vec::new();
    };
    let glob = glob.compile_matcher();
    let inside = tree.inside(&folder).filter_map(|(path, _)| {
        let name = path.strip_prefix(folder.as_slice())?.strip_prefix(b"/")?;
        let name = std::str::from_utf8(name).ok()?;
        (!name.contains('/') && !name.starts_with('.') && glob.is_match(name)).then(|| path.to_vec())
    });
    inside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::example::{Example, file};

    #[test]
    fn files_are_included_as_ldconfig_does() {
        let mut example = Example::default();
        example.text(
            "etc/ld.so.conf",
            "include ld.so.conf.d/*.conf\n/opt/lib # old\nhwcap 1 x\n/a=libc6\n",
        );
        example.text("etc/ld.so.conf.d/b.conf", "/usr/b\n\n# c\n");
        example.text(
            "etc/ld.so.conf.d/a.conf",
            "/usr/a\ninclude /etc/ld.so.conf.d/a.conf\n",
        );
        example.text("etc/ld.so.conf.d/notes.txt", "/usr/no\n");
        assert!(directories(&example.tree).directories.is_empty());
        example.put("etc/ld.so.cache", file(1));
        let places = directories(&example.tree);
        let mut found = places.directories;
        found.dedup();
        let expected: Vec<&[u8]> = vec![b"/usr/a", b"/usr/b", b"/opt/lib", b"/a"];
        assert_eq!(found, expected);
        assert!(!places.more);
        example.link("etc/ld.so.conf.d/c.conf", "../alternatives/c");
        assert!(!directories(&example.tree).more, "it leads nowhere");
        example.put("etc/alternatives/c", file(9));
        assert!(directories(&example.tree).more);
    }
}
