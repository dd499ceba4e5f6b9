//! Where a file goes that is to replace what is there, at once when it is whole.

use std::io;
use std::path::{Path, PathBuf};

/// As many links as Linux follows in one path.
/// <https://man7.org/linux/man-pages/man7/path_resolution.7.html>
const LINKS: usize = 40;

/// What has to be replaced so that a new file is found at `path`: that, or what its links lead to, since a link is there to
/// stay. None where no file may take the place: at a folder, a pipe or a device, and at what stands for an open file of a
/// process, whatever that is. `/dev/stdout` is a link to such a place, for everybody.
///
/// # Errors
/// When that cannot be told, as where links lead to each other.
pub fn replaced_at(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        let found = match at.symlink_metadata() {
            Ok(found) => found,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => return Ok(Some(at)),
            Err(error) => return Err(error),
        };
        if !found.is_symlink() {
            return Ok(found.is_file().then_some(at));
        }
        let folder = match at.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Not a name that leads elsewhere, but the kernel's own.
        // <https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html>
        if folder.canonicalize()?.starts_with("/proc") {
            return Ok(None);
        }
        at = folder.join(at.read_link()?);
    }
    Err(io::Error::other("too many links"))
}
