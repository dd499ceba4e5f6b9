//! [`Files`]: the files of a unit, found and checked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::archive::{Format, Found, unpack};
use super::{PrebuiltFile, PrebuiltUnit};
use crate::build::{BuildError, PrebuiltError};
use crate::spec::Digest;

/// What was unpacked and not used for so long is removed.
const UNUSED: Duration = Duration::from_hours(7 * 24);

/// The files of a unit; each is hashed once, if at all.
pub(super) struct Files<'a> {
    unit: &'a PrebuiltUnit,
    temporary: &'a Path,
    /// Those that were hashed, open: what is unpacked is what was hashed, whatever has the name by then.
    open: BTreeMap<PathBuf, (File, Digest)>,
}

impl<'a> Files<'a> {
    pub(super) fn new(unit: &'a PrebuiltUnit, temporary: &'a Path) -> Self {
        Self {
            unit,
            temporary,
            open: BTreeMap::new(),
        }
    }

    /// Where the program lies.
    pub(super) fn take(&mut self, wanted: &PrebuiltFile) -> Result<PathBuf, BuildError> {
        let path = located(&self.unit.directory, wanted)?;
        if let Some(said) = wanted.sha256 {
            let (_, found) = self.opened(&path)?;
            if *found != said {
                return Err(PrebuiltError::Digest {
                    path: wanted.path.clone(),
                    platform: wanted.platform.clone(),
                    said: said.hex(),
                    found: found.hex(),
                }
                .into());
            }
        }
        match &wanted.member {
            Some(member) => self.member(&path, wanted, member),
            None => Ok(path),
        }
    }

    /// Where a member of the archive at `path` lies, unpacked. What was unpacked of the same bytes is still right if it is what
    /// its name says: the digest of the member's name, and that of its content.
    fn member(&mut self, path: &Path, wanted: &PrebuiltFile, member: &str) -> Result<PathBuf, BuildError> {
        let name = Digest::of(member.as_bytes()).hex();
        let into = &self.unit.into;
        let (archive, digest) = self.opened(path)?;
        let (archive, digest) = (archive.try_clone(), *digest);
        let mut archive = archive.map_err(|source| unreadable(&wanted.path, source))?;
        let folder = into.join(digest.hex());
        if let Some(unpacked) = unpacked(&folder, &name[..16]) {
            return Ok(unpacked);
        }
        let damaged = |source| damaged(&wanted.path, into, source);
        let format = Format::of(&mut archive).map_err(damaged)?;
        if let Format::Other(what) = format {
            let path = wanted.path.clone();
            return Err(PrebuiltError::Format { path, what }.into());
        }
        let part = self.temporary.join(&name);
        let failed = |source| BuildError::Folder {
            path: part.clone(),
            source,
        };
        let mut out = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&part)
            .map_err(failed)?;
        let again = archive.try_clone().map_err(damaged)?;
        match unpack(archive, format, member, &mut out).map_err(damaged)? {
            Found::File => {}
            Found::Other(what) => {
                return Err(PrebuiltError::MemberKind {
                    path: wanted.path.clone(),
                    member: member.to_owned(),
                    what,
                }
                .into());
            }
            Found::Nothing(names, more) => {
                return Err(PrebuiltError::NoMember {
                    path: wanted.path.clone(),
                    member: member.to_owned(),
                    binary: wanted.binary.clone(),
                    platform: wanted.platform.clone(),
                    help: holding("it", &quoted(names), more),
                }
                .into());
            }
        }
        // It may have been written to while it was read.
        if hashed(again).map_err(damaged)? != digest {
            return Err(PrebuiltError::Changed {
                path: wanted.path.clone(),
            }
            .into());
        }
        // Programs are started: to be packed, and to be tried.
        executable(&out).map_err(failed)?;
        out.sync_all().map_err(failed)?;
        let content = hashed(out).map_err(failed)?;
        let unpacked = folder.join(named(&name[..16], &content));
        fs::create_dir_all(&folder).map_err(failed)?;
        fs::rename(&part, &unpacked).map_err(failed)?;
        Ok(unpacked)
    }

    /// A file, and the digest of what it holds.
    fn opened(&mut self, path: &Path) -> Result<&(File, Digest), BuildError> {
        if !self.open.contains_key(path) {
            let opened = File::open(path).and_then(|file| Ok((file.try_clone()?, hashed(file)?)));
            let opened = opened.map_err(|source| unreadable(path, source))?;
            self.open.insert(path.to_owned(), opened);
        }
        Ok(&self.open[path])
    }
}

/// Removes what was unpacked of archives that nobody used for long. Nobody waits for it: what cannot be removed stays.
pub(super) fn sweep(into: &Path) {
    for found in fs::read_dir(into).into_iter().flatten().flatten() {
        let modified = found.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|time| SystemTime::now().duration_since(time));
        let is_old = age.is_ok_and(|age| age.is_ok_and(|age| age > UNUSED));
        if is_old && found.file_name().len() == 64 {
            let _ = fs::remove_dir_all(found.path());
        }
    }
}

/// The file that a member of that name was unpacked to, if it is whole; from now on its folder counts as used.
fn unpacked(folder: &Path, name: &str) -> Option<PathBuf> {
    let found = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut found = found.filter(|path| {
        let is = |path: &Path| Some(path.file_name()?.to_str()?.starts_with(name));
        is(path) == Some(true)
    });
    let whole = found.find(|path| {
        let content = File::open(path).and_then(hashed);
        content.is_ok_and(|content| path.ends_with(named(name, &content)))
    })?;
    let _ = File::open(folder).and_then(|folder| folder.set_modified(SystemTime::now()));
    Some(whole)
}

/// The name of an unpacked member.
fn named(name: &str, content: &Digest) -> String {
    format!("{name}-{}", content.hex())
}

/// The file itself, after all links.
fn located(directory: &Path, wanted: &PrebuiltFile) -> Result<PathBuf, BuildError> {
    let escapes = || PrebuiltError::Escapes {
        path: wanted.path.clone(),
        root: directory.to_owned(),
    };
    let inward = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !wanted.path.components().all(inward) {
        return Err(escapes().into());
    }
    let root = directory
        .canonicalize()
        .map_err(|source| unreadable(directory, source))?;
    let path = match root.join(&wanted.path).canonicalize() {
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Err(missing(&root, wanted).into());
        }
        other => other.map_err(|source| unreadable(&wanted.path, source))?,
    };
    if !path.starts_with(&root) {
        return Err(escapes().into());
    }
    let metadata = fs::metadata(&path).map_err(|source| unreadable(&wanted.path, source))?;
    if !metadata.is_file() {
        return Err(PrebuiltError::NoFile {
            path: wanted.path.clone(),
            what: if metadata.is_dir() {
                "a folder"
            } else {
                "a device or pipe"
            },
        }
        .into());
    }
    Ok(path)
}

/// How many names of a folder are shown.
const SHOWN: usize = 12;

fn missing(root: &Path, wanted: &PrebuiltFile) -> PrebuiltError {
    let existing = wanted
        .path
        .ancestors()
        .skip(1)
        .find(|folder| root.join(folder).is_dir());
    let folder = existing.unwrap_or(Path::new(""));
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| {
            let slash = entry.file_type().is_ok_and(|kind| kind.is_dir());
            format!("{}{}", entry.file_name().display(), if slash { "/" } else { "" })
        })
        // Of our own and of version control.
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let shown = match folder.as_os_str().is_empty() {
        true => "the matrix's folder".to_owned(),
        false => format!("`{}`", folder.display()),
    };
    let help = holding(&shown, &quoted(names), more);
    PrebuiltError::Missing {
        binary: wanted.binary.clone(),
        platform: wanted.platform.clone(),
        path: wanted.path.clone(),
        help,
    }
}

/// The error of reading an archive and writing a member of it.
fn damaged(archive: &Path, into: &Path, source: io::Error) -> BuildError {
    let full = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::ReadOnlyFilesystem,
    ];
    match full.contains(&source.kind()) {
        true => BuildError::Folder {
            path: into.to_owned(),
            source,
        },
        false => PrebuiltError::Archive {
            path: archive.to_owned(),
            source,
        }
        .into(),
    }
}

fn quoted(names: Vec<String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn holding(what: &str, names: &str, more: usize) -> String {
    match (names, more) {
        ("", _) => format!("{what} holds no file"),
        (names, 0) => format!("{what} holds {names}"),
        (names, more) => format!("{what} holds {names} and {more} more"),
    }
}

#[cfg(unix)]
fn executable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The digest of all that the file holds.
fn hashed(mut file: File) -> io::Result<Digest> {
    file.rewind()?;
    Digest::of_all(file)
}

fn unreadable(path: &Path, source: io::Error) -> BuildError {
    PrebuiltError::Unreadable {
        path: path.to_owned(),
        source,
    }
    .into()
}
