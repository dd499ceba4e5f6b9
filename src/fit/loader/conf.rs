//! The directories of `/etc/ld.so.conf`, with what it includes.
//!
//! ldconfig(8) reads them, and writes the cache that the loader reads: without `/etc/ld.so.cache` they are not looked at,
//! and what it has not found there is not found.

use std::collections::BTreeSet;

use globset::GlobBuilder;

use super::{MOST_DIRECTORIES, Places, parent};
use crate::rootfs::{Kind, Tree};

/// Deeper than this nobody nests files.
const DEEPEST: usize = 16;
/// More patterns than this are not looked for.
const MOST_PATTERNS: usize = 256;

/// The directories, in order; none if there is no cache. There are more where an included file's text is not known, and
/// beyond what is looked at.
pub(super) fn directories(tree: &Tree) -> Places {
    let mut reading = Reading {
        tree,
        files: BTreeSet::new(),
        patterns: MOST_PATTERNS,
        found: Places::default(),
    };
    if tree.resolve(b"/etc/ld.so.cache").is_some() {
        reading.read(b"/etc/ld.so.conf", DEEPEST);
    }
    reading.found
}

struct Reading<'a> {
    tree: &'a Tree,
    /// Those that were read, without links. What a file says again would be found again: once is enough, and files that
    /// include each other come to an end.
    files: BTreeSet<Vec<u8>>,
    /// So many patterns may still be looked for.
    patterns: usize,
    found: Places,
}

impl Reading<'_> {
    fn read(&mut self, path: &[u8], depth: usize) {
        let Some((real, node)) = self.tree.resolve(path) else {
            return;
        };
        let Kind::File(facts) = &node.kind else {
            return;
        };
        if !self.files.insert(real) {
            return;
        }
        let Some(text) = &facts.text else {
            self.found.more |= facts.size > 0;
            return;
        };
        let text = String::from_utf8_lossy(text);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                None | Some("hwcap") => {}
                Some("include") => words.for_each(|pattern| self.include(path, pattern, depth)),
                Some(_) if self.found.directories.len() >= MOST_DIRECTORIES => self.found.more = true,
                // `=` once told the kind of libraries.
                Some(_) => {
                    let directory = line.split('=').next().unwrap_or_default().trim();
                    self.found.directories.push(directory.as_bytes().to_vec());
                }
            }
        }
    }

    fn include(&mut self, from: &[u8], pattern: &str, depth: usize) {
        let (Some(patterns), Some(depth)) = (self.patterns.checked_sub(1), depth.checked_sub(1)) else {
            self.found.more = true;
            return;
        };
        self.patterns = patterns;
        for file in matching(self.tree, from, pattern) {
            self.read(&file, depth);
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

    #[test]
    fn there_is_an_end_to_includes() {
        let lines = |count: usize| (0..count).map(|number| format!("/opt/{number}\n")).collect();
        // As many as two to the power of their number, if each were read as often as it is included.
        let chain = |number: usize| format!("include {0} {0}\n/opt/{number}\n", number + 1);
        let chained = |count: usize| {
            (0..count)
                .map(|number| (number.to_string(), chain(number)))
                .collect()
        };
        let one = |text: String| vec![("0".to_owned(), text)];
        for (what, files, count, more) in [
            (
                "itself",
                one("include 0 0 0 0 0 0 0 0 0 0\n".repeat(20)),
                0,
                false,
            ),
            ("a chain", chained(15), 15, false),
            ("a long chain", chained(100), 16, true),
            (
                "directories",
                one(lines(MOST_DIRECTORIES)),
                MOST_DIRECTORIES,
                false,
            ),
            ("more directories", one(lines(100_000)), MOST_DIRECTORIES, true),
            ("patterns", one("include *.none\n".repeat(300_000)), 0, true),
        ] {
            let mut example = Example::default();
            example.put("etc/ld.so.cache", file(1));
            example.text("etc/ld.so.conf", "include /conf/0\n");
            for (name, text) in files {
                example.text(&format!("conf/{name}"), &text);
            }
            let places = directories(&example.tree);
            assert_eq!((places.directories.len(), places.more), (count, more), "{what}");
        }
    }
}
