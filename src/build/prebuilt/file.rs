//! [`Files`]: the files of a unit, found and checked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::archive::{Format, Found, unpack};
use super::{PrebuiltFile, PrebuiltUnit};
use crate::build::{BuildError, PrebuiltError};
use crate::spec::{Digest, Hasher};

/// The files of a unit; each is hashed once, if at all.
pub(super) struct Files<'a> {
    unit: &'a PrebuiltUnit,
    temporary: &'a Path,
    digests: BTreeMap<PathBuf, Digest>,
}

impl<'a> Files<'a> {
    pub(super) fn new(unit: &'a PrebuiltUnit, temporary: &'a Path) -> Self {
        Self {
            unit,
            temporary,
            digests: BTreeMap::new(),
        }
    }

    /// Where the program lies.
    pub(super) fn take(&mut self, wanted: &PrebuiltFile) -> Result<PathBuf, BuildError> {
        let path = located(&self.unit.directory, wanted)?;
        if let Some(said) = wanted.sha256 {
            let found = self.digest(&path)?;
            if found != said {
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

    /// Where a member of the archive at `path` lies, unpacked. What was unpacked of the same bytes is still right.
    fn member(&mut self, path: &Path, wanted: &PrebuiltFile, member: &str) -> Result<PathBuf, BuildError> {
        let name = Digest::of(member.as_bytes()).hex();
        let unpacked = self.unit.into.join(self.digest(path)?.hex()).join(&name[..16]);
        if unpacked.is_file() {
            return Ok(unpacked);
        }
        let damaged = |source| damaged(&wanted.path, &self.unit.into, source);
        let mut archive = File::open(path).map_err(|source| unreadable(&wanted.path, source))?;
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
        let mut out = File::create(&part).map_err(failed)?;
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
        // Programs are started: to be packed, and to be tried.
        executable(&out).map_err(failed)?;
        out.sync_all().map_err(failed)?;
        if let Some(folder) = unpacked.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::rename(&part, &unpacked).map_err(failed)?;
        Ok(unpacked)
    }

    fn digest(&mut self, path: &Path) -> Result<Digest, BuildError> {
        if let Some(known) = self.digests.get(path) {
            return Ok(*known);
        }
        let digest = hashed(path).map_err(|source| unreadable(path, source))?;
        self.digests.insert(path.to_owned(), digest);
        Ok(digest)
    }
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

fn hashed(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.digest()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> BuildError {
    PrebuiltError::Unreadable {
        path: path.to_owned(),
        source,
    }
    .into()
}
