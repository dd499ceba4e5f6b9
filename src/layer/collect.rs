//! [`collect`]: a file or folder of the project becomes entries.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::links::stays_within;
use super::rules::{Ignores, Rules, Verdict, never_meant};
use super::source::special;
use super::{Entry, LayerError};

/// What is to be packed, as `files` of the matrix says it.
#[derive(Clone, Debug)]
pub struct Collect<'a> {
    /// The folder of the matrix: `from` stays below it.
    pub root: &'a Path,
    /// A file or folder. With a slash at its end it means what the folder holds.
    pub from: &'a str,
    /// Where it goes. With a slash at its end it is the folder that `from` goes into, under its own name.
    pub to: &'a str,
    /// Globs relative to `from`; empty means everything.
    pub include: &'a [String],
    /// Globs relative to `from`; they win over `include`.
    pub exclude: &'a [String],
    /// Mode of the files; directories get it with a search bit for each read bit. Otherwise 0755 for
    /// directories and executable files and 0644 for other files.
    pub mode: Option<u32>,
    /// Numeric owner and group of everything.
    pub owner: (u64, u64),
}

/// The entries for what `wanted` names, sorted by path. Symbolic links stay links; hard links are just files.
/// `.git`, `.env`, cargo's target directory, and what a `.gitignore` between `root` and the file names, are
/// skipped unless `include` names them; the first three only by their very name.
///
/// # Errors
/// When `from` or a link leads out, something cannot be read or packed, or nothing is found.
pub fn collect(wanted: &Collect<'_>) -> Result<Vec<Entry>, LayerError> {
    let (root, top) = located(wanted)?;
    let metadata = fs::metadata(&top).map_err(|source| unreadable(&top, source))?;
    // The name that the matrix says, also where it is a link's.
    let name = Path::new(wanted.from).file_name().map(Path::new);
    let into = |name: Option<&Path>| -> Result<Vec<u8>, LayerError> {
        let name = bytes(name.unwrap_or(Path::new("")))?;
        Ok([wanted.to.as_bytes(), b"/", &name].concat())
    };
    let rules = Rules::new(wanted.include, wanted.exclude)?;
    let mut walk = Walk {
        wanted,
        rules,
        top: &top,
        base: Vec::new(),
        entries: Vec::new(),
    };
    if metadata.is_dir() {
        let contents = !wanted.to.ends_with('/') || wanted.from.ends_with('/') || wanted.from == ".";
        walk.base = into(name.filter(|_| !contents))?;
        walk.folder(Path::new(""), Verdict::Taken, Ignores::between(&root, &top)?)?;
    } else {
        walk.base = into(name.filter(|_| wanted.to.ends_with('/')))?;
        // A file that is named is meant.
        let path = name.unwrap_or(Path::new(""));
        let verdict = walk.rules.verdict(path, false, false, Verdict::Taken);
        if walk.rules.packs(path, verdict) {
            walk.file(&top, Path::new(""), &metadata)?;
        }
    }
    let mut entries = walk.entries;
    if entries.is_empty() {
        return Err(LayerError::Nothing {
            from: wanted.from.to_owned(),
        });
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(entries)
}

/// The folder of the matrix and what `from` names in it, both without links.
fn located(wanted: &Collect<'_>) -> Result<(PathBuf, PathBuf), LayerError> {
    let escapes = || LayerError::FromEscapes {
        from: wanted.from.to_owned(),
        root: wanted.root.to_owned(),
    };
    let from = Path::new(wanted.from);
    let inward = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !from.components().all(inward) {
        return Err(escapes());
    }
    let real = |path: &Path| path.canonicalize().map_err(|source| unreadable(path, source));
    let root = real(wanted.root)?;
    let path = root.join(from);
    let top = path.canonicalize().map_err(|source| match source.kind() {
        // A link that leads nowhere is there.
        ErrorKind::NotFound | ErrorKind::NotADirectory if path.symlink_metadata().is_err() => {
            missing(wanted, &root)
        }
        _ => unreadable(&path, source),
    })?;
    if !top.starts_with(&root) {
        return Err(escapes());
    }
    Ok((root, top))
}

/// The error of a `from` that is not there, with what there is.
fn missing(wanted: &Collect<'_>, root: &Path) -> LayerError {
    let path = root.join(wanted.from);
    let help = match wanted.from.contains(['*', '?', '[']) {
        true => "patterns go into `include`; `from` is the folder that they are looked for in".to_owned(),
        false => {
            let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
            let there = folder.map(names).and_then(Result::ok).unwrap_or_default();
            // The first part that is not there.
            let rest = folder.and_then(|folder| path.strip_prefix(folder).ok()?.iter().next());
            let wanted = rest.unwrap_or_default().to_string_lossy();
            let like = |name: &PathBuf| strsim::jaro_winkler(&name.to_string_lossy(), &wanted) > 0.85;
            match there.iter().find(|name| like(name)).zip(folder) {
                Some((name, folder)) => format!("did you mean `{}`?", folder.join(name).display()),
                None => format!(
                    "`from` is a path below `{}`, the folder of the matrix",
                    root.display()
                ),
            }
        }
    };
    LayerError::Missing {
        from: wanted.from.to_owned(),
        path,
        help,
    }
}

struct Walk<'a> {
    wanted: &'a Collect<'a>,
    rules: Rules,
    top: &'a Path,
    /// Where `top` goes.
    base: Vec<u8>,
    entries: Vec<Entry>,
}

impl Walk<'_> {
    /// Packs the folder at `relative` with what it holds.
    fn folder(&mut self, relative: &Path, verdict: Verdict, ignores: Ignores) -> Result<(), LayerError> {
        // Joining nothing would add a slash to the name.
        let top = relative.as_os_str().is_empty();
        let folder = if top {
            self.top.to_owned()
        } else {
            self.top.join(relative)
        };
        let before = self.entries.len();
        for name in names(&folder)? {
            let inner = relative.join(&name);
            let path = folder.join(&name);
            let metadata = fs::symlink_metadata(&path).map_err(|source| unreadable(&path, source))?;
            let is_folder = metadata.is_dir();
            let never = never_meant(&path, is_folder);
            let verdict = self
                .rules
                .verdict(&inner, never, ignores.ignore(&path, is_folder), verdict);
            if verdict == Verdict::Skipped {
                continue;
            }
            if is_folder {
                self.folder(&inner, verdict, ignores.clone().and(&path)?)?;
            } else if self.rules.packs(&inner, verdict) {
                self.file(&path, &inner, &metadata)?;
            }
        }
        // A folder on the way to nothing that was asked for is not made.
        let holds = self.entries.len() > before;
        let entry = Entry::directory(self.destination(relative)?, self.directory_mode());
        if !entry.path.is_empty() && (holds || (!top && self.rules.packs(relative, verdict))) {
            self.add(entry);
        }
        Ok(())
    }

    /// Packs the file or link at `path`, which is `relative` within the folder.
    fn file(&mut self, path: &Path, relative: &Path, metadata: &Metadata) -> Result<(), LayerError> {
        let destination = self.destination(relative)?;
        if let Some(what) = special(metadata) {
            return Err(LayerError::Special {
                path: path.to_owned(),
                what,
            });
        }
        if metadata.is_symlink() {
            let target = fs::read_link(path).map_err(|source| unreadable(path, source))?;
            if !stays_within(self.top, relative, &target).map_err(|source| unreadable(path, source))? {
                return Err(LayerError::LinkEscapes {
                    link: path.to_owned(),
                    target: target.display().to_string(),
                });
            }
            self.add(Entry::symlink(destination, bytes(&target)?));
        } else {
            let mode = self
                .wanted
                .mode
                .unwrap_or(if executable(metadata) { 0o755 } else { 0o644 });
            self.add(Entry::file(destination, path, mode));
        }
        Ok(())
    }

    fn add(&mut self, entry: Entry) {
        let (uid, gid) = self.wanted.owner;
        self.entries.push(entry.owned_by(uid, gid));
    }

    fn destination(&self, relative: &Path) -> Result<Vec<u8>, LayerError> {
        Ok([self.base.as_slice(), b"/", &bytes(relative)?].concat())
    }

    fn directory_mode(&self) -> u32 {
        match self.wanted.mode {
            Some(mode) => (mode & 0o777) | ((mode & 0o444) >> 2),
            None => 0o755,
        }
    }
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<PathBuf>, LayerError> {
    let failed = |source| unreadable(folder, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.push(PathBuf::from(entry.map_err(failed)?.file_name()));
    }
    names.sort();
    Ok(names)
}

fn unreadable(path: &Path, source: std::io::Error) -> LayerError {
    LayerError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

/// The path as a tar has it.
#[cfg(unix)]
fn bytes(path: &Path) -> Result<Vec<u8>, LayerError> {
    use std::os::unix::ffi::OsStrExt;
    Ok(path.as_os_str().as_bytes().to_vec())
}

#[cfg(not(unix))]
fn bytes(path: &Path) -> Result<Vec<u8>, LayerError> {
    let text = path.to_str().ok_or_else(|| LayerError::Name {
        path: path.to_owned(),
    })?;
    Ok(text.replace('\\', "/").into_bytes())
}

#[cfg(unix)]
fn executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o100 != 0
}

/// Where files have no such bit, a program that is packed needs `mode`.
#[cfg(not(unix))]
fn executable(_: &Metadata) -> bool {
    false
}
