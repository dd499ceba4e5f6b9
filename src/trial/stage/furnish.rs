//! What a runtime puts into a root before it starts a program: mount points, the working directory, and the files of
//! `/etc` that say what the network is.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::super::TrialError;
use super::root::{Missing, Root};

/// Makes the directories that must be there.
pub(super) fn prepare(root: &mut Root, workdir: &str) -> Result<(), TrialError> {
    for folder in ["proc", "dev", "etc", workdir] {
        match root.directory(folder.as_bytes(), Missing::Made) {
            // Not a directory: told when something is started.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            made => drop(made.map_err(|source| TrialError::Folder {
                path: root.path().join(folder.trim_start_matches('/')),
                source,
            })?),
        }
    }
    Ok(())
}

/// What a runtime has against the root as it is now.
pub(super) fn check(root: &Root, workdir: &str) -> Result<(), String> {
    for folder in ["proc", "dev"] {
        // Things are mounted there from outside: a link would lead there, too.
        let there = fs::symlink_metadata(root.path().join(folder));
        if !there.is_ok_and(|there| there.is_dir()) {
            return Err(format!("its `/{folder}` is no directory"));
        }
    }
    if !workdir.starts_with('/') {
        return Err(format!("its working directory `{workdir}` is not absolute"));
    }
    match root.resolve(workdir) {
        Some(place) if place.is_dir() => Ok(()),
        _ => Err(format!("its working directory `{workdir}` is no directory")),
    }
}

/// Puts a text into the root's `/etc`, whatever was there.
pub(super) fn put(root: &Root, name: &str, text: &[u8]) -> Result<(), TrialError> {
    let Some(folder) = root.resolve("/etc").filter(|place| place.is_dir()) else {
        return Ok(());
    };
    match write(&folder.join(name), 0o644, &mut &*text) {
        // An ordinary user may not write everywhere: what the image has must do.
        Err(TrialError::Folder { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        written => written,
    }
}

/// Puts a program of ours at a path of the root, whatever was there.
pub(super) fn put_program(root: &Root, at: &str, program: &Path) -> Result<(), TrialError> {
    let unreadable = |source| TrialError::Folder {
        path: program.to_owned(),
        source,
    };
    let mut file = File::open(program).map_err(unreadable)?;
    let (folder, name) = at.rsplit_once('/').unwrap_or(("", at));
    // The image's own folders for programs may lie in a layer that is not there yet.
    let found = root.made(folder).ok().filter(|place| place.is_dir());
    let Some(folder) = found.filter(|_| !["", ".", ".."].contains(&name)) else {
        let path = root.path().join(at.trim_start_matches('/'));
        let source = io::ErrorKind::NotADirectory.into();
        return Err(TrialError::Folder { path, source });
    };
    write(&folder.join(name), 0o755, &mut file)
}

/// A file of the host that runtimes lay into a root; empty if there is none.
pub(super) fn host_file(path: &str) -> Vec<u8> {
    const MOST: u64 = 1 << 20;
    let mut text = Vec::new();
    // What can be read of it is better than nothing.
    let read = File::open(path).map(|file| file.take(MOST).read_to_end(&mut text));
    drop(read);
    text
}

/// Never through a link: what is there goes, and the file is new.
fn write(place: &Path, mode: u32, from: &mut dyn Read) -> Result<(), TrialError> {
    let mut written = || -> io::Result<()> {
        match fs::remove_file(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(place)?;
        io::copy(from, &mut file)?;
        file.flush()?;
        fs::set_permissions(place, fs::Permissions::from_mode(mode))
    };
    written().map_err(|source| TrialError::Folder {
        path: place.to_owned(),
        source,
    })
}
