//! Files that the user names, written whole or not at all.

use std::io::{Error, ErrorKind, Write};
use std::path::Path;

use cargo_gantry::archive::replaced_at;

/// Writes a file, with the folder that it lies in. A pipe, a device and `/dev/stdout` are written to, and never replaced.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let Some(path) = replaced_at(path)? else {
        // What was written there before is not ours to cut off.
        let mut there = std::fs::File::options().append(true).open(path)?;
        return there.write_all(content);
    };
    let mut file = beside(&path)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// Whether [`write`] could do it now, as far as that can be known without writing.
pub(crate) fn writable(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if let Some(path) = replaced_at(path)? {
        beside(&path)?;
    }
    Ok(())
}

/// Removes what an earlier run has written: whoever finds the file shall find what this run made.
pub(crate) fn forget(path: &Path) -> Result<(), Error> {
    match replaced_at(path)? {
        Some(path) if path.exists() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

/// A nameless file that can take the place of the one at `path`.
fn beside(path: &Path) -> Result<tempfile::NamedTempFile, Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: temporary ones are for their owner alone.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
