//! Whether a symbolic link stays within a folder.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

/// As many links as Linux follows.
const HOPS: usize = 40;

/// Whether following `target` from the link at `link` (relative to `top`) never leaves `top`, whatever other links
/// it passes through on its way. Where nothing lies yet, the path is taken as it is written; links in a circle stay.
pub(super) fn stays_within(top: &Path, link: &Path, target: &Path) -> io::Result<bool> {
    let mut here: PathBuf = link.parent().unwrap_or(Path::new("")).to_owned();
    let mut steps = VecDeque::new();
    let mut hops = 0;
    if !prepend(target, &mut steps) {
        return Ok(false);
    }
    while let Some(step) = steps.pop_front() {
        if step == ".." {
            if !here.pop() {
                return Ok(false);
            }
            continue;
        }
        here.push(step);
        match fs::symlink_metadata(top.join(&here)) {
            Ok(metadata) if metadata.is_symlink() && hops < HOPS => {
                hops += 1;
                let next = fs::read_link(top.join(&here))?;
                here.pop();
                if !prepend(&next, &mut steps) {
                    return Ok(false);
                }
            }
            // Where nothing lies, nothing leads away.
            _ => {}
        }
    }
    Ok(true)
}

/// Puts the steps of `target` before the others; `false` if it is absolute.
fn prepend(target: &Path, steps: &mut VecDeque<OsString>) -> bool {
    for component in target.components().rev() {
        match component {
            Component::Normal(name) => steps.push_front(name.to_owned()),
            Component::ParentDir => steps.push_front("..".into()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}
