//! [`libc()`]: which C library programs find in a tree.

use super::{Kind, Node, Tree};
use crate::binary::{Elf, Glibc};
use crate::spec::BaseLibc;

/// The C library that programs find in a tree: glibc where its `libc.so.6` defines the symbol versions of a release,
/// musl where its loader is in `/lib`. Where there are both, one whose loader is there too counts more, then glibc.
/// The version is that of the newest symbols; of musl it stands in no header, and is not told.
///
/// Nothing here depends on a processor: files are known by name, glibc's loader by what its library asks for.
pub fn libc(tree: &Tree) -> BaseLibc {
    let mut glibcs: Vec<(bool, Glibc)> = tree.iter().filter_map(|(path, _)| glibc(tree, path)).collect();
    // What runs comes first. Of several, the oldest: what is built for it runs with all.
    glibcs.sort_by_key(|(runs, version)| (!runs, *version));
    match glibcs.first() {
        Some((true, version)) => BaseLibc::Glibc(version.to_string()),
        _ if has_musl(tree) => BaseLibc::Musl(None),
        Some((false, version)) => BaseLibc::Glibc(version.to_string()),
        None => BaseLibc::None,
    }
}

/// The version of a glibc at this path, and whether its loader is there.
fn glibc(tree: &Tree, path: &[u8]) -> Option<(bool, Glibc)> {
    let folder = path.strip_suffix(b"/libc.so.6")?;
    if !is_searched(folder) {
        return None;
    }
    let elf = elf(tree, path)?;
    let definitions = elf.version_definitions.iter();
    let version = definitions
        .filter_map(|name| Glibc::of_symbol_version(name))
        .max()?;
    let is_there = |path: &[u8]| self::elf(tree, path).is_some();
    let interpreter = elf.interpreter.as_ref();
    let runs = interpreter.is_some_and(|path| is_there(path.as_bytes()))
        || elf
            .needed
            .iter()
            .any(|name| is_there(&[folder, b"/", name.as_bytes()].concat()));
    Some((runs, version))
}

/// Whether a loader looks into a folder unasked: `/lib`, `/usr/lib64`, `/usr/lib/x86_64-linux-gnu`.
fn is_searched(folder: &[u8]) -> bool {
    let folder = folder.strip_prefix(b"usr/").unwrap_or(folder);
    folder.starts_with(b"lib") && folder.iter().filter(|byte| **byte == b'/').count() <= 1
}

fn has_musl(tree: &Tree) -> bool {
    let Some((folder, _)) = tree.resolve(b"lib") else {
        return false;
    };
    let loaders = tree.iter().filter(|(path, _)| {
        let name = path.strip_prefix(folder.as_slice()).unwrap_or_default();
        name.starts_with(b"/ld-musl-") && name.ends_with(b".so.1")
    });
    loaders.into_iter().any(|(path, _)| elf(tree, path).is_some())
}

fn elf<'t>(tree: &'t Tree, path: &[u8]) -> Option<&'t Elf> {
    match tree.resolve(path) {
        Some((
            _,
            Node {
                kind: Kind::File(facts),
                ..
            },
        )) => facts.elf.as_deref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rootfs::FileFacts;

    fn put(tree: &mut Tree, path: &str, elf: serde_json::Value) {
        let facts =
            serde_json::json!({"class": 64, "endian": "little", "machine": 62, "flags": 0, "kind": "dyn"});
        let serde_json::Value::Object(mut facts) = facts else {
            unreachable!()
        };
        facts.extend(elf.as_object().unwrap().clone());
        let file = FileFacts {
            elf: Some(serde_json::from_value(facts.into()).unwrap()),
            ..FileFacts::default()
        };
        let kind = Kind::File(Arc::new(file));
        let node = Node {
            mode: 0o755,
            uid: 0,
            gid: 0,
            kind,
        };
        tree.insert(path.as_bytes(), node);
    }

    fn link(tree: &mut Tree, path: &str, target: &str) {
        let kind = Kind::Symlink(target.into());
        let node = Node {
            mode: 0o777,
            uid: 0,
            gid: 0,
            kind,
        };
        tree.insert(path.as_bytes(), node);
    }

    #[test]
    fn libraries_are_known_by_their_files() {
        let glibc = |newest: &str| {
            serde_json::json!({"version-definitions": ["GLIBC_2.2.5", newest, "GLIBC_2.4", "GLIBC_PRIVATE"],
                "interpreter": "/lib64/ld-linux-x86-64.so.2", "needed": ["ld-linux-x86-64.so.2"]})
        };
        let plain = serde_json::json!({});
        let musl = "lib/ld-musl-x86_64.so.1";
        let multiarch = "usr/lib/x86_64-linux-gnu/libc.so.6";
        let loader = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
        let of = |files: &[(&str, &serde_json::Value)]| {
            let mut tree = Tree::default();
            link(&mut tree, "lib", "usr/lib");
            link(&mut tree, "lib64", "usr/lib64");
            for (path, elf) in files {
                put(&mut tree, path, (*elf).clone());
            }
            libc(&tree).to_string()
        };
        assert_eq!(of(&[]), "none");
        assert_eq!(of(&[(musl, &plain)]), "musl");
        assert_eq!(of(&[("usr/lib/libc.so.6", &plain)]), "none");
        assert_eq!(of(&[("opt/lib/libc.so.6", &glibc("GLIBC_2.36"))]), "none");
        assert_eq!(of(&[(multiarch, &glibc("GLIBC_2.36"))]), "glibc 2.36");
        assert_eq!(of(&[(multiarch, &glibc("GLIBC_2.36")), (musl, &plain)]), "musl");
        assert_eq!(
            of(&[
                (multiarch, &glibc("GLIBC_2.36")),
                (loader, &plain),
                (musl, &plain)
            ]),
            "glibc 2.36"
        );
        assert_eq!(
            of(&[
                ("lib64/libc.so.6", &glibc("GLIBC_2.39")),
                ("lib64/ld-linux-x86-64.so.2", &plain),
                ("usr/lib/libc.so.6", &glibc("GLIBC_2.38")),
                ("usr/lib/private/deep/libc.so.6", &glibc("GLIBC_2.1")),
            ]),
            "glibc 2.38"
        );
    }

    #[test]
    fn links_to_the_library_are_followed() {
        let mut tree = Tree::default();
        let definitions = serde_json::json!({"version-definitions": ["GLIBC_2.31"]});
        put(&mut tree, "lib/libc-2.31.so", definitions);
        link(&mut tree, "lib/libc.so.6", "libc-2.31.so");
        assert_eq!(libc(&tree).to_string(), "glibc 2.31");
        // As compatibility packages for musl do.
        link(&mut tree, "lib/libc.so.6", "libc.musl-x86_64.so.1");
        link(&mut tree, "lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1");
        put(&mut tree, "lib/ld-musl-x86_64.so.1", serde_json::json!({}));
        assert_eq!(libc(&tree).to_string(), "musl");
    }
}
