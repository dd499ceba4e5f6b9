//! [`Files`]: the files of a unit, found and checked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::{PrebuiltFile, PrebuiltUnit};
use crate::build::{BuildError, PrebuiltError};
use crate::spec::{Digest, Hasher};

/// The files of a unit; each is hashed once, if at all.
pub(super) struct Files<'a> {
    unit: &'a PrebuiltUnit,
    digests: BTreeMap<PathBuf, Digest>,
}

impl<'a> Files<'a> {
    pub(super) fn new(unit: &'a PrebuiltUnit) -> Self {
        Self {
            unit,
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
        if let Some(member) = &wanted.member {
            return Err(PrebuiltError::NoMember {
                path: wanted.path.clone(),
                member: member.clone(),
                binary: wanted.binary.clone(),
                platform: wanted.platform.clone(),
                help: "archives are not read yet".into(),
            }
            .into());
        }
        Ok(path)
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
            format!(
                "`{}{}`",
                entry.file_name().display(),
                if slash { "/" } else { "" }
            )
        })
        .collect();
    names.sort();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let shown = match folder.as_os_str().is_empty() {
        true => "the matrix's folder".to_owned(),
        false => format!("`{}`", folder.display()),
    };
    let help = match (names.is_empty(), more) {
        (true, _) => format!("{shown} is empty"),
        (false, 0) => format!("{shown} holds {}", names.join(", ")),
        (false, more) => format!("{shown} holds {} and {more} more", names.join(", ")),
    };
    PrebuiltError::Missing {
        binary: wanted.binary.clone(),
        platform: wanted.platform.clone(),
        path: wanted.path.clone(),
        help,
    }
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
