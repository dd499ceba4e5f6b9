//! A model of a tree that is made of folders within folders, and knows nothing of paths: [`Tree`] must agree with it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{layer, told};
use crate::rootfs::Tree;

/// A folder and what is in it.
#[derive(Default)]
struct Folder {
    inside: BTreeMap<String, Thing>,
    /// Which layer put it there.
    layer: usize,
    /// A layer said how it should be.
    described: bool,
}

enum Thing {
    Folder(Folder),
    /// In the words of [`told`], after the path; and the layer.
    Leaf(String, usize),
}

/// What no runtime unpacks.
struct Refused;

type Names = Vec<String>;

fn names(path: &str) -> Names {
    path.split('/')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Folder {
    fn at(&mut self, names: &[String]) -> Option<&mut Folder> {
        names
            .iter()
            .try_fold(self, |folder, name| match folder.inside.get_mut(name) {
                Some(Thing::Folder(inner)) => Some(inner),
                _ => None,
            })
    }

    /// Where a folder's path leads; what is missing counts as a folder.
    fn follow(&mut self, path: &str) -> Result<Names, Refused> {
        let (mut found, mut ahead, mut links) = (Names::new(), names(path), 0);
        while !ahead.is_empty() {
            let name = ahead.remove(0);
            if name == ".." {
                found.pop();
                continue;
            }
            let folder = self.at(&found);
            match folder.and_then(|folder| folder.inside.get(&name)) {
                Some(Thing::Leaf(leaf, _)) if leaf.starts_with(" -> ") => {
                    let target = &leaf[4..];
                    if target.starts_with('/') {
                        found.clear();
                    }
                    ahead.splice(..0, names(target));
                    links += 1;
                    if links > 40 {
                        return Err(Refused);
                    }
                }
                _ => found.push(name),
            }
        }
        Ok(found)
    }

    /// The folder at a path without links, made if it is missing.
    fn make(&mut self, path: &[String], layer: usize) -> Result<&mut Folder, Refused> {
        path.iter().try_fold(self, |folder, name| {
            let thing = folder.inside.entry(name.clone()).or_insert_with(|| {
                Thing::Folder(Folder {
                    layer,
                    ..Folder::default()
                })
            });
            match thing {
                Thing::Folder(inner) => Ok(inner),
                Thing::Leaf(..) => Err(Refused),
            }
        })
    }

    /// Takes away what lower layers have put inside; says whether anything is left.
    fn hide(&mut self, layer: usize) -> bool {
        self.inside.retain(|_, thing| match thing {
            Thing::Leaf(_, own) => *own == layer,
            Thing::Folder(folder) => {
                let stays = folder.hide(layer);
                if folder.layer != layer {
                    folder.described = false;
                    folder.layer = layer;
                    return stays;
                }
                true
            }
        });
        !self.inside.is_empty()
    }

    fn lay(&mut self, line: &str, layer: usize) -> Result<(), Refused> {
        let path = line.split(' ').next().unwrap();
        let (parent, name) = path
            .trim_end_matches('/')
            .rsplit_once('/')
            .unwrap_or(("", path.trim_end_matches('/')));
        let place = self.follow(parent)?;
        let folder = self.make(&place, layer)?;
        if name == ".wh..wh..opq" {
            folder.hide(layer);
            return Ok(());
        }
        if let Some(name) = name.strip_prefix(".wh.") {
            // The one thing, as if it lay alone in a folder.
            let mut alone = Folder::default();
            alone.inside.extend(folder.inside.remove_entry(name));
            alone.hide(layer);
            folder.inside.extend(alone.inside);
            return Ok(());
        }
        if path.ends_with('/') {
            let inside = match folder.inside.remove(name) {
                Some(Thing::Folder(old)) => old.inside,
                _ => BTreeMap::new(),
            };
            let new = Folder {
                inside,
                layer,
                described: true,
            };
            folder.inside.insert(name.to_owned(), Thing::Folder(new));
            return Ok(());
        }
        folder.inside.remove(name);
        let rest = &line[path.len()..];
        let leaf = match rest.strip_prefix(" => ") {
            Some(target) => self.leaf(target)?,
            None if rest.starts_with(" = ") => format!(" {}", rest.len() - 3),
            None => rest.to_owned(),
        };
        self.make(&place, layer)?
            .inside
            .insert(name.to_owned(), Thing::Leaf(leaf, layer));
        Ok(())
    }

    /// What a hard link shares.
    fn leaf(&mut self, target: &str) -> Result<String, Refused> {
        let (parent, name) = target.rsplit_once('/').unwrap_or(("", target));
        let place = self.follow(parent)?;
        match self.at(&place).and_then(|folder| folder.inside.get(name)) {
            Some(Thing::Leaf(leaf, _)) => Ok(leaf.clone()),
            _ => Err(Refused),
        }
    }

    fn told(&self, above: &str, into: &mut Vec<(String, String)>) {
        for (name, thing) in &self.inside {
            let path = format!("{above}{name}");
            match thing {
                Thing::Leaf(leaf, _) => into.push((path.clone(), format!("{path}{leaf}"))),
                Thing::Folder(folder) => {
                    let made = if folder.described { "" } else { " made" };
                    into.push((path.clone(), format!("{path}/{made}")));
                    folder.told(&format!("{path}/"), into);
                }
            }
        }
    }
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4).prop_map(|names| names.join("/"))
}

fn entry() -> impl Strategy<Value = String> {
    let target = prop::sample::select(vec![
        "a",
        "b",
        "/c",
        "../a",
        "b/c",
        "/a/b",
        "../../b/a",
        "c/../c",
        "/",
    ]);
    prop_oneof![
        3 => path().prop_map(|path| format!("{path}/")),
        3 => (path(), "x{0,9}").prop_map(|(path, text)| format!("{path} = {text}")),
        3 => (path(), target).prop_map(|(path, target)| format!("{path} -> {target}")),
        1 => (path(), path()).prop_map(|(path, target)| format!("{path} => {target}")),
        1 => path().prop_map(|path| format!("{path} !")),
        2 => path().prop_map(|path| match path.rsplit_once('/') {
            Some((parent, name)) => format!("{parent}/.wh.{name} = "),
            None => format!(".wh.{path} = "),
        }),
        1 => path().prop_map(|path| format!("{path}/.wh..wh..opq = ")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn a_tree_is_what_folders_within_folders_would_be(
        layers in prop::collection::vec(prop::collection::vec(entry(), 0..8), 1..5),
    ) {
        let (mut tree, mut model) = (Tree::default(), Folder::default());
        for (number, lines) in layers.iter().enumerate() {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let laid = tree.apply(layer(&lines).as_slice());
            let expected = lines.iter().try_for_each(|line| model.lay(line, number + 1));
            prop_assert_eq!(laid.is_ok(), expected.is_ok(), "{:?}", laid);
            if laid.is_err() {
                break;
            }
            let mut all = Vec::new();
            model.told("", &mut all);
            all.sort();
            let all: Vec<String> = all.into_iter().map(|(_, shown)| shown).collect();
            prop_assert_eq!(told(&tree), all);
        }
        // Half a layer, too: all is below the root, in folders, and what leads somewhere leads there without links.
        for (path, _) in tree.iter() {
            prop_assert_eq!(&super::super::walk::clean(path), path);
            if let Some((found, node)) = tree.resolve(path) {
                prop_assert_eq!(tree.get(&found), Some(node));
                prop_assert_eq!(&tree.real(&found), &found);
            }
        }
        let stored = serde_json::to_string(&tree).unwrap();
        prop_assert_eq!(serde_json::from_str::<Tree>(&stored).unwrap(), tree);
    }
}
