//! Wrapper scripts: a stable text at a stable path, since cargo rebuilds everything when a linker's path changes.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Attempt;
use super::error::Unwritable;

impl Attempt<'_> {
    /// Writes scripts (name, text) into the folder `way` of this target in the user's cache.
    pub(super) fn scripts(&self, way: &str, scripts: &[(&str, String)]) -> Result<PathBuf, String> {
        if cfg!(not(unix)) {
            return Err("its wrapper scripts need a Unix shell".to_owned());
        }
        let folder = self.folder(way)?;
        for (name, text) in scripts {
            write(&folder, name, text).map_err(|error| error.to_string())?;
        }
        Ok(folder)
    }

    /// The folder `name` of this target in the user's cache, which may not be there yet.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let cache = self.toolchain.tools().environment().cache_dir();
        let cache = cache.ok_or("there is no cache folder for its wrapper scripts: set HOME")?;
        let folder = cache.join("cargo-gantry").join(env!("CARGO_PKG_VERSION"));
        Ok(folder.join(&self.target.triple).join(name))
    }
}

/// A script that runs one command with the arguments it is given.
pub(super) fn calling(command: &[String]) -> String {
    let words: Vec<_> = command.iter().map(|word| quoted(word)).collect();
    format!(
        "#!/bin/sh\n# Written by cargo-gantry: changes are lost.\nexec {} \"$@\"\n",
        words.join(" ")
    )
}

/// A word as the shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Unwritable> {
    let path = folder.join(name);
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let written = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        make_executable(file.path())?;
        // Closed before it gets its name: a file open for writing cannot be run.
        file.into_temp_path().persist(&path)?;
        Ok(())
    };
    written().map_err(|source| Unwritable {
        path: path.clone(),
        source,
    })
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
