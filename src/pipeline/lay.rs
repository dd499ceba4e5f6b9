//! What is laid over a base on one platform, decided entry by entry before anything is packed.

use std::path::{Path, PathBuf};

use super::ground::Ground;
use super::{Error, convert, owner};
use crate::base::accounts;
use crate::base::builtin::{self, BuiltinFile};
use crate::layer::{self, Collect, Entry, Kind, Source};
use crate::matrix::{Files, Provide};
use crate::plan::PlannedPlatform;
use crate::rootfs::{self, Tree};

/// A binary and where it goes.
#[derive(Clone)]
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
}

/// Lays everything of `platform` over its base. `directory` is what `files` are relative to, `user` the one that the
/// image runs as.
pub(super) fn lay(
    platform: &PlannedPlatform,
    binaries: &[Placed],
    ground: &Ground,
    directory: &Path,
    user: &str,
) -> Result<Laid, Error> {
    let mut base = provided(platform, ground)?;
    let mut programs: Vec<Entry> = binaries
        .iter()
        .map(|placed| Entry::file(relative(&placed.dest), &placed.path, 0o755))
        .collect();
    let owner = owner::of(user, &accounts_of(&base, &ground.tree));
    let mut files = files(platform, directory, owner)?;
    for entries in [&mut base, &mut files, &mut programs] {
        entries
            .iter_mut()
            .for_each(|entry| through_links(entry, &ground.tree));
    }
    Ok(Laid {
        base,
        files,
        programs,
    })
}

impl Laid {
    /// Everything, lowest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.base.iter().chain(&self.files).chain(&self.programs)
    }

    /// The whole image: the base with this over it.
    pub(super) fn over(&self, tree: &Tree) -> Result<Tree, Error> {
        let mut tree = tree.clone();
        for entry in self.entries() {
            put(&mut tree, entry)?;
        }
        Ok(tree)
    }
}

/// Puts an entry where it goes.
pub(super) fn put(tree: &mut Tree, entry: &Entry) -> Result<(), Error> {
    tree.insert(&entry.path, node(entry)?);
    Ok(())
}

/// What a runtime that extracts a layer alone would put over a link of the base goes to where the link leads.
fn through_links(entry: &mut Entry, tree: &Tree) {
    entry.path = tree.real(&entry.path);
    if entry.kind != Kind::Directory {
        return;
    }
    if let Some((path, node)) = tree.resolve(&entry.path)
        && node.kind == rootfs::Kind::Directory
        && path != entry.path
    {
        // The directory is there: it keeps what it is.
        (entry.mode, entry.uid, entry.gid) = (node.mode, node.uid, node.gid);
        entry.path = path;
    }
}

fn provided(platform: &PlannedPlatform, ground: &Ground) -> Result<Vec<Entry>, Error> {
    let mut provide = platform.provide.clone();
    let mut users = platform.users.clone();
    let mut own = Vec::new();
    if ground.image.is_some() {
        // The base has accounts of its own, or none: they are added to.
        if provide.contains(&Provide::Passwd) {
            provide.retain(|part| *part != Provide::Passwd);
            users.entry("nonroot".to_owned()).or_insert(builtin::NONROOT);
        }
        let text = |path: &[u8]| match &ground.tree.resolve(path)?.1.kind {
            rootfs::Kind::File(facts) => facts.text.as_deref(),
            _ => None,
        };
        own = accounts::extended(text(b"etc/passwd"), text(b"etc/group"), &users)?;
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

fn files(platform: &PlannedPlatform, root: &Path, user: (u32, u32)) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for volume in &platform.volumes {
        let (uid, gid) = volume.owner.unwrap_or(user);
        let directory = Entry::directory(relative(&volume.path), volume.mode.unwrap_or(0o755));
        entries.push(directory.owned_by(uid.into(), gid.into()));
    }
    for files in &platform.files {
        match files {
            Files::Copy {
                from,
                to,
                include,
                exclude,
                mode,
                owner,
            } => {
                entries.extend(layer::collect(&Collect {
                    root,
                    from,
                    to,
                    include,
                    exclude,
                    mode: *mode,
                    owner: (owner.0.into(), owner.1.into()),
                })?);
            }
            Files::Directory { path, mode, owner } => {
                let directory = Entry::directory(relative(path), mode.unwrap_or(0o755));
                entries.push(directory.owned_by(owner.0.into(), owner.1.into()));
            }
            Files::Link { path, target } => {
                entries.push(Entry::symlink(relative(path), target.as_bytes()));
            }
        }
    }
    Ok(entries)
}

/// The text of the `passwd` that the image will have.
fn accounts_of(base: &[Entry], tree: &Tree) -> Vec<u8> {
    let ours = base.iter().find(|entry| entry.path == b"etc/passwd");
    if let Some(Kind::File(Source::Bytes(bytes))) = ours.map(|entry| &entry.kind) {
        return bytes.to_vec();
    }
    match tree.resolve(b"etc/passwd").map(|(_, node)| &node.kind) {
        Some(rootfs::Kind::File(facts)) => facts.text.clone().unwrap_or_default(),
        _ => Vec::new(),
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
            rootfs::Kind::file(&entry.path, size, &mut bytes.as_ref())?
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
