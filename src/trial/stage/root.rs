//! [`Root`]: the image's root on disk, and paths within it.
//!
//! Links are followed here, part by part, as the kernel would inside the root, and never by the host: what comes out is
//! a path whose parents are directories. That holds as long as nothing runs in there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// As many links as the kernel follows on one path.
const LINKS: usize = 40;
/// As long as a path may be for the kernel.
pub(super) const PATH: usize = 4096;
/// Folders within each other, and parts of one path with those of its links.
const DEPTH: usize = 512;
const PARTS: usize = 4096;

/// The image's root.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    /// Directories whose owner and mode are set when everything is in place: who may not write into one could not put
    /// its content there.
    pub(super) directories: BTreeMap<PathBuf, Owned>,
}

/// Owner and mode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: u32,
}

/// What becomes of parents that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Made,
    Error,
}

impl Root {
    /// The root at `path`, an empty directory.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            directories: BTreeMap::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the directory of this path really is.
    pub(super) fn directory(&mut self, path: &[u8], missing: Missing) -> io::Result<PathBuf> {
        let mut made = Vec::new();
        let found = walk(&self.path, path, &mut |place| {
            if missing == Missing::Error {
                return Err(io::ErrorKind::NotFound.into());
            }
            fs::create_dir(place)?;
            made.push(place.to_owned());
            Ok(())
        })?;
        for place in made {
            self.put_directory(place, PLAIN);
        }
        if fs::symlink_metadata(&found)?.is_dir() {
            return Ok(found);
        }
        Err(io::ErrorKind::NotADirectory.into())
    }

    /// The directory of this path, made where it is missing, with the usual mode.
    pub(super) fn made(&self, path: &str) -> io::Result<PathBuf> {
        walk(&self.path, path.as_bytes(), &mut |place| fs::create_dir(place))
    }

    /// Notes a directory that is there.
    pub(super) fn put_directory(&mut self, place: PathBuf, owned: Owned) {
        self.directories.insert(place, owned);
    }

    /// The file, directory or whatever this path leads to, all links followed; none if that is nothing.
    pub(super) fn resolve(&self, path: &str) -> Option<PathBuf> {
        let nothing = &mut |_: &Path| Err(io::ErrorKind::NotFound.into());
        walk(&self.path, path.as_bytes(), nothing).ok()
    }

    /// The text of a small file; empty if it is not there.
    pub(super) fn text(&self, path: &str) -> Vec<u8> {
        const MOST: u64 = 1 << 20;
        let file = self.resolve(path).filter(|place| is_small(place, MOST));
        file.and_then(|place| fs::read(place).ok()).unwrap_or_default()
    }
}

/// What directories are that no layer describes.
pub(super) const PLAIN: Owned = Owned {
    uid: 0,
    gid: 0,
    mode: 0o755,
};

/// Where a path below `root` leads, all links followed. What is missing is `make`'s affair.
fn walk(root: &Path, path: &[u8], make: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let mut found = root.to_owned();
    let mut ahead: Vec<Vec<u8>> = parts(path);
    let (mut links, mut steps) = (0, 0);
    while let Some(part) = ahead.pop() {
        steps += 1;
        if steps > PARTS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        match part.as_slice() {
            b"" | b"." => continue,
            b".." => {
                if found != root {
                    found.pop();
                }
                continue;
            }
            _ => {}
        }
        let place = found.join(OsStr::from_bytes(&part));
        let kind = match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&place)?;
                fs::symlink_metadata(&place)?
            }
            kind => kind?,
        }
        .file_type();
        if kind.is_symlink() {
            links += 1;
            if links > LINKS {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let target = fs::read_link(&place)?;
            let target = target.as_os_str().as_bytes();
            if target.starts_with(b"/") {
                root.clone_into(&mut found);
            }
            ahead.extend(parts(target));
        } else if kind.is_dir() || ahead.iter().all(|part| part.is_empty() || part == b".") {
            found = place;
        } else {
            return Err(io::ErrorKind::NotADirectory.into());
        }
    }
    Ok(found)
}

/// The parts of a path, the last first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/')
        .rev()
        .map(<[u8]>::to_vec)
        .collect()
}

/// The parts of a path without `.` and `..`, none above the root; none at all if no tree can have it.
pub(super) fn clean(path: &[u8]) -> Option<Vec<&[u8]>> {
    if path.len() > PATH || path.contains(&0) {
        return None;
    }
    let mut found = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(found.pop()),
            name => found.push(name),
        }
    }
    (found.len() <= DEPTH).then_some(found)
}

fn is_small(place: &Path, most: u64) -> bool {
    fs::symlink_metadata(place).is_ok_and(|meta| meta.is_file() && meta.len() <= most)
}
