//! What is laid over a base on one platform, decided entry by entry before anything is packed.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::finish::Ready;
use super::settle::{directory, settle};
use super::stand::Ground;
use super::{Error, convert, owner};
use crate::base::accounts;
use crate::base::builtin::{self, BuiltinFile};
use crate::layer::{self, Collect, Entry, Kind, Source};
use crate::matrix::{Files, Provide};
use crate::plan::{Plan, PlannedPlatform};
use crate::rootfs::{self, Tree};

/// A binary and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub path: PathBuf,
    /// Absolute path in the image.
    pub dest: String,
}

/// The entries of each layer, lowest first: what changes most often lies on top.
pub(super) struct Laid {
    /// What `provide` and `users` add.
    pub base: Vec<Entry>,
    pub files: Vec<Entry>,
    pub programs: Vec<Entry>,
    /// The whole image: the base with all of it over it.
    pub tree: Tree,
}

/// What `files` of a platform name in the project, relative to `directory`.
pub(super) fn collected(platform: &PlannedPlatform, directory: &Path) -> Result<Vec<Entry>, Error> {
    let mut all = Vec::new();
    for files in &platform.files {
        if let Files::Copy {
            from,
            to,
            include,
            exclude,
            mode,
            owner,
        } = files
        {
            let owner = owner.unwrap_or_default();
            all.extend(layer::collect(&Collect {
                root: directory,
                from,
                to,
                include,
                exclude,
                mode: *mode,
                owner: (owner.0.into(), owner.1.into()),
            })?);
        }
    }
    Ok(all)
}

/// What `files` names and is not there: told before compilers run, as one of them may be what makes it.
pub(super) fn absent(plan: &Plan, directory: &Path) -> BTreeSet<String> {
    let mut absent = BTreeSet::new();
    for image in &plan.images {
        for files in image.platforms.iter().flat_map(|platform| &platform.files) {
            if let Files::Copy { from, .. } = files
                && directory.join(from).symlink_metadata().is_err()
            {
                let name = &image.name;
                absent.insert(format!(
                    "image `{name}`: `files` takes `{from}`, which is not there yet"
                ));
            }
        }
    }
    absent
}

/// Lays everything of `platform` over its base: what was [`collected`] for it, its binaries, and what the plan says.
/// `user` is the one that the image runs as.
pub(super) fn lay(
    platform: &PlannedPlatform,
    binaries: &[Placed],
    ground: &Ground,
    collected: Vec<Entry>,
    user: &str,
) -> Result<Laid, Error> {
    let below = ground.tree()?;
    let mut tree = Tree::clone(&below);
    let base = settle(provided(platform, ground, &below)?, &mut tree)?;
    let owner = owner::of(user, text(&tree, b"etc/passwd").unwrap_or_default());
    let files = settle(files(platform, collected, owner, &tree)?, &mut tree)?;
    let programs = binaries
        .iter()
        .map(|placed| Entry::file(relative(&placed.dest), &placed.path, 0o755));
    let programs = settle(programs.collect(), &mut tree)?;
    let brought = |program: &&Entry| files.iter().any(|file| file.path == program.path);
    if let Some(program) = programs.iter().find(brought) {
        return Err(Error::FileAndBinary {
            path: format!("/{}", program.shown()),
        });
    }
    Ok(Laid {
        base,
        files,
        programs,
        tree,
    })
}

impl Laid {
    /// Takes the files that are shipped in place of those that were read.
    pub(super) fn ship(&mut self, ready: &[Ready]) {
        for (program, ready) in self.programs.iter_mut().zip(ready) {
            program.kind = Kind::File(Source::Path(ready.ship.clone()));
        }
    }
}

/// Puts an entry where it goes.
pub(super) fn put(tree: &mut Tree, entry: &Entry) -> Result<(), Error> {
    tree.insert(&entry.path, node(entry)?);
    Ok(())
}

fn provided(platform: &PlannedPlatform, ground: &Ground, below: &Tree) -> Result<Vec<Entry>, Error> {
    let mut provide = platform.provide.clone();
    let mut users = platform.users.clone();
    let mut own = Vec::new();
    if ground.image.is_some() {
        // The base has accounts of its own, or none: they are added to.
        if provide.contains(&Provide::Passwd) {
            provide.retain(|part| *part != Provide::Passwd);
            users.entry("nonroot".to_owned()).or_insert(builtin::NONROOT);
        }
        own = accounts::extended(below, &users)?;
        users.clear();
    }
    let parts: Vec<builtin::Part> = provide.into_iter().map(convert::part).collect();
    let files = own.into_iter().chain(builtin::files(&parts, &users)?);
    Ok(files.map(entry).collect())
}

/// A file of the built-in base as it goes into a layer.
pub(super) fn entry(file: BuiltinFile) -> Entry {
    let entry = match file.content {
        builtin::Content::Directory => Entry::directory(&file.path, file.mode),
        builtin::Content::File(bytes) => Entry::bytes(&file.path, bytes, file.mode),
    };
    entry.owned_by(file.uid, file.gid)
}

/// What `volumes` and `files` bring. A directory that lies in `tree` already is the base's: it keeps what nobody asks
/// to be different.
fn files(
    platform: &PlannedPlatform,
    collected: Vec<Entry>,
    user: (u32, u32),
    tree: &Tree,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for volume in &platform.volumes {
        // Where everybody may write, the user may.
        let open = directory(tree, volume.path.as_bytes()).filter(|node| node.mode & 0o002 != 0);
        let owner = volume.owner.or(if open.is_some() { None } else { Some(user) });
        entries.push(asked(tree, &volume.path, volume.mode, owner));
    }
    for files in &platform.files {
        match files {
            Files::Copy { .. } => {}
            Files::Directory { path, mode, owner } => entries.push(asked(tree, path, *mode, *owner)),
            Files::Link { path, target } => {
                entries.push(Entry::symlink(relative(path), target.as_bytes()));
            }
        }
    }
    entries.extend(yielding(collected, &entries, tree));
    Ok(entries)
}

/// What was collected from folders of the project, which say nothing of the directories that they go into: one that was
/// asked for by its name is left to that, and one that lies in `tree` stays as it is, as `/tmp` with its mode 1777.
fn yielding(collected: Vec<Entry>, asked: &[Entry], tree: &Tree) -> Vec<Entry> {
    let real = |entry: &Entry| tree.real(&[entry.path.as_slice(), b"/."].concat());
    let asked: Vec<Vec<u8>> = asked.iter().map(real).collect();
    let mut kept = Vec::new();
    for mut entry in collected {
        if entry.kind == Kind::Directory {
            if asked.contains(&real(&entry)) {
                continue;
            }
            if let Some(node) = directory(tree, &entry.path) {
                (entry.mode, entry.uid, entry.gid) = (node.mode, node.uid, node.gid);
            }
        }
        kept.push(entry);
    }
    kept
}

/// A directory that was asked for; what was not said is as it is in `tree`, or 0755 of root.
fn asked(tree: &Tree, path: &str, mode: Option<u32>, owner: Option<(u32, u32)>) -> Entry {
    let there = directory(tree, path.as_bytes());
    let kept = there.map_or((0o755, 0, 0), |node| (node.mode, node.uid, node.gid));
    let (uid, gid) = owner.map_or((kept.1, kept.2), |(uid, gid)| (uid.into(), gid.into()));
    Entry::directory(relative(path), mode.unwrap_or(kept.0)).owned_by(uid, gid)
}

/// The text of one of the small files that the tree has the text of.
fn text<'t>(tree: &'t Tree, path: &[u8]) -> Option<&'t [u8]> {
    match &tree.resolve(path)?.1.kind {
        rootfs::Kind::File(facts) => facts.text.as_deref(),
        _ => None,
    }
}

/// An entry as it will lie in the tree.
fn node(entry: &Entry) -> Result<rootfs::Node, Error> {
    let kind = match &entry.kind {
        Kind::Directory => rootfs::Kind::Directory,
        Kind::Symlink(target) => rootfs::Kind::Symlink(target.clone()),
        // No entry of ours is one, and a second name says nothing new.
        Kind::Hardlink(_) => rootfs::Kind::Other,
        Kind::File(Source::Bytes(bytes)) => {
            let size = bytes.len() as u64;
            rootfs::Kind::file(&entry.path, size, &mut Cursor::new(bytes.as_ref()))?
        }
        Kind::File(Source::Path(path)) => {
            let unread = |source| Error::Read {
                path: path.clone(),
                source,
            };
            let mut file = std::fs::File::open(path).map_err(unread)?;
            let size = file.metadata().map_err(unread)?.len();
            rootfs::Kind::file(&entry.path, size, &mut file)?
        }
    };
    Ok(rootfs::Node {
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        kind,
    })
}

/// Layers name paths from the root without saying so.
fn relative(path: &str) -> &str {
    path.trim_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        let entries = [
            Entry::directory("tmp", 0o1777),
            Entry::directory("root", 0o700),
            Entry::directory("run/lock", 0o1777),
            Entry::directory("var/cache/api", 0o750).owned_by(33, 33),
            Entry::symlink("var/lock", "/run/lock"),
        ];
        settle(entries.into(), &mut tree).unwrap();
        tree
    }

    #[test]
    fn a_directory_of_the_base_keeps_what_nobody_asks_to_be_different() {
        for (path, mode, owner, expected) in [
            ("/tmp", None, None, (0o1777, 0)),
            ("/tmp/", Some(0o700), None, (0o700, 0)),
            ("/var/cache/api", None, None, (0o750, 33)),
            ("/var/cache/api", None, Some((5, 5)), (0o750, 5)),
            ("/var/lock", None, None, (0o1777, 0)),
            ("/srv", None, None, (0o755, 0)),
            ("/srv", Some(0o2775), Some((5, 5)), (0o2775, 5)),
        ] {
            let entry = asked(&tree(), path, mode, owner);
            assert_eq!((entry.mode, entry.uid), expected, "{path} {mode:?} {owner:?}");
        }
    }

    #[test]
    fn folders_of_the_project_say_nothing_of_directories_they_go_into() {
        let collected = ["root", "srv", "tmp", "var/lock"].map(|path| Entry::directory(path, 0o755));
        let mut collected = Vec::from(collected);
        collected.push(Entry::bytes("data/seed", *b"x", 0o644));
        collected.push(Entry::directory("data", 0o755));
        let volume = [Entry::directory("data", 0o700).owned_by(5, 5)];
        let kept = yielding(collected, &volume, &tree());
        let kept: Vec<(String, u32)> = kept.iter().map(|entry| (entry.shown(), entry.mode)).collect();
        let expected = [
            ("root", 0o700),
            ("srv", 0o755),
            ("tmp", 0o1777),
            ("var/lock", 0o1777),
            ("data/seed", 0o644),
        ];
        assert_eq!(kept, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }
}
