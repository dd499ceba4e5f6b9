//! Taking symbols and debug information out of a program, and keeping them aside.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::super::sections::{links_to_symbols, section, unloaded};
use super::super::{BinaryError, Elf, Facts};
use super::entries::kept;
use super::objcopy::{Cut, Objcopy};
use super::{Finished, Finishing, READ_BY_OTHERS, StripLevel, Workshop, key, name, set_mode};
use crate::target::Target;
use crate::tool::ToolError;

/// What an entry of a stripped program says.
#[derive(Serialize, Deserialize)]
struct StrippedEntry {
    debug_file: Option<String>,
}

impl Workshop {
    /// Strips what is to be finished.
    pub(super) fn strip(
        &self,
        target: &Target,
        wish: &Finishing,
        finished: &mut Finished,
    ) -> Result<(), BinaryError> {
        let program = finished.path.clone();
        let name = name(&program);
        let Some(elf) = finished.facts.elf() else {
            if wish.strip.is_some() || wish.debuginfo {
                finished
                    .notices
                    .push(format!("`{name}` is no ELF file: it is not stripped"));
            }
            return Ok(());
        };
        let has_symbols = !elf.stripped;
        if wish.debuginfo {
            finished.notices.extend(advice(&name, wish, elf));
        }
        let Some(level) = wish.strip.filter(|level| is_worth(*level, elf, &program)) else {
            return Ok(());
        };
        let debug =
            (wish.debuginfo && (has_symbols || elf.debug_information)).then(|| format!("{name}.debug"));
        let found = self.objcopies.find(&self.tools, target)?;
        let versions: Vec<_> = found.iter().map(|objcopy| &objcopy.version).collect();
        let digest = self.digest(&program)?;
        let key = key(&("stripped", digest, &name, level, &debug, versions));
        let entry = self
            .entries
            .get_or_make(&key, &|| self.tools.cancelled(), |folder| {
                let work = Work {
                    workshop: self,
                    program: &program,
                    elf,
                    level,
                    to: &folder.join(&name),
                    debug: debug.as_ref().map(|debug| folder.join(debug)),
                };
                let made = work.with_any(&found);
                // Before what stands against the result, which may be of two programs.
                if !self.tools.cancelled() {
                    self.unchanged(&program, digest)?;
                }
                made?;
                Ok(StrippedEntry {
                    debug_file: debug.clone(),
                })
            })?;
        finished.path = entry.file(&name);
        finished.facts = Facts::read(&finished.path)?;
        finished.sizes.stripped = Some(finished.facts.size);
        finished.debug_file = entry.said.debug_file.as_ref().map(|debug| entry.file(debug));
        Ok(())
    }
}

/// Why there is less to keep aside than the user may think.
fn advice(name: &str, wish: &Finishing, elf: &Elf) -> Option<String> {
    if wish.strip.is_none() {
        return Some(format!(
            "`{name}` is not stripped: there is nothing to keep aside"
        ));
    }
    if elf.debug_information {
        return None;
    }
    Some(format!(
        "`{name}` was built without debug information: set `debug = \"line-tables-only\"` in its profile to have some kept"
    ))
}

/// Whether there is anything to take out.
fn is_worth(level: StripLevel, elf: &Elf, program: &Path) -> bool {
    let of_debuggers = |name: &Vec<u8>| name.starts_with(b".debug_") || name.starts_with(b".zdebug_");
    (level == StripLevel::Symbols && !elf.stripped) || unloaded(program).iter().any(of_debuggers)
}

/// One program that is being stripped.
struct Work<'a> {
    workshop: &'a Workshop,
    program: &'a Path,
    elf: &'a Elf,
    level: StripLevel,
    to: &'a Path,
    debug: Option<PathBuf>,
}

impl Work<'_> {
    /// The first that can do it does it.
    fn with_any(&self, found: &[Objcopy]) -> Result<(), BinaryError> {
        let mut attempts = Vec::new();
        let copy = without_links(self.program, self.to).map_err(kept(self.to))?;
        for objcopy in found {
            let copy = copy.as_ref().filter(|_| objcopy.is_llvm());
            match self.with(objcopy, copy.map_or(self.program, |copy| copy.path())) {
                Ok(None) => {
                    self.debug.iter().try_for_each(|debug| set_mode(debug, 0o644))?;
                    return set_mode(self.to, 0o755);
                }
                Ok(Some(spoiled)) => attempts.push(format!("`{}` {spoiled}", objcopy.name())),
                Err(error @ ToolError::Cancelled { .. }) => return Err(error.into()),
                Err(error) => attempts.push(error.to_string()),
            }
            // What it left, whole or not, is not what the next one writes.
            for left in std::iter::once(self.to).chain(self.debug.as_deref()) {
                let _ = fs::remove_file(left);
            }
        }
        Err(BinaryError::Strip {
            path: self.program.to_owned(),
            attempts,
        })
    }

    /// What that one spoiled of `from`, which is the program; none if all is well.
    fn with(&self, objcopy: &Objcopy, from: &Path) -> Result<Option<String>, ToolError> {
        let tools = &self.workshop.tools;
        let held: Vec<_> = READ_BY_OTHERS
            .into_iter()
            .filter_map(|name| Some((name, section(self.program, name.as_bytes())?)))
            .collect();
        let cut = Cut {
            level: self.level,
            keep: &held.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            debug: self.debug.as_deref(),
        };
        if let Some(debug) = &self.debug {
            objcopy.split(tools, from, debug)?;
        }
        objcopy.strip(tools, &cut, from, self.to)?;
        for (name, content) in &held {
            if section(self.to, name.as_bytes()).as_ref() != Some(content) {
                return Ok(Some(format!("does not keep the section `{name}`")));
            }
        }
        let same = Facts::read(self.to).is_ok_and(|facts| facts.elf().is_some_and(|elf| self.is_same(elf)));
        Ok((!same).then(|| "changes what the loader reads".to_owned()))
    }

    /// Whether the kernel and the loader see the same program.
    fn is_same(&self, stripped: &Elf) -> bool {
        let expected = Elf {
            stripped: stripped.stripped,
            debug_information: stripped.debug_information,
            ..self.elf.clone()
        };
        *stripped == expected
    }
}

/// A copy of the program beside `to` that LLVM takes, if it does not take the program itself: what GNU ld links
/// statically has relocations that name the table of symbols. Nothing follows that name, and GNU's strip erases it too.
/// <https://github.com/llvm/llvm-project/issues/53948>
fn without_links(program: &Path, to: &Path) -> io::Result<Option<NamedTempFile>> {
    let links = links_to_symbols(program);
    if links.is_empty() {
        return Ok(None);
    }
    let mut copy = NamedTempFile::new_in(to.parent().unwrap_or(to))?;
    io::copy(&mut File::open(program)?, &mut copy)?;
    for link in links {
        copy.seek(SeekFrom::Start(link))?;
        copy.write_all(&[0; 4])?;
    }
    copy.flush()?;
    Ok(Some(copy))
}
