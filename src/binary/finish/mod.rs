//! [`Workshop`]: programs made smaller, after their compiler.
//!
//! In: a program as it was compiled, and a [`Finishing`]. Out: a [`Finished`] program, and what it weighed at each step.
//! The program itself is never changed; what is made of it lies in the workshop's folder under a digest of the program,
//! the settings and the versions of the tools, so that it is made once.

mod entries;
mod objcopy;
mod strip;
mod upx;

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sections::section;
use super::{BinaryError, Facts};
use crate::blob::{FileIdentity, Records, Sighting};
use crate::spec::{Digest, json};
use crate::target::Target;
use crate::tool::Tools;
use entries::{Entries, kept};
use objcopy::Objcopies;
use upx::Upx;

/// What is done to a program after its compiler, in this order: debug information kept aside, stripped, packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finishing {
    /// What is taken out; nothing if none.
    pub strip: Option<StripLevel>,
    /// Whether that is kept in a file of its own.
    pub debuginfo: bool,
    /// Whether and how it is packed.
    pub upx: Option<UpxLevel>,
}

/// What is taken out of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StripLevel {
    /// What a debugger needs.
    Debuginfo,
    /// The names of functions as well.
    Symbols,
}

/// How UPX packs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UpxLevel {
    /// 1 to 9; UPX's own default if none.
    pub level: Option<u8>,
    /// LZMA instead of UPX's own method: smaller, slower to start.
    pub lzma: bool,
}

/// A program that is ready to go into an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished {
    /// The file that goes into the image: the program itself where nothing was to be done.
    pub path: PathBuf,
    /// What is known of it. Read before packing: a packed file tells nothing of libraries and interpreter, and yet
    /// needs them. The path herein is the unpacked file's.
    pub facts: Facts,
    /// What was stripped, for debuggers; the program names it in `.gnu_debuglink`.
    pub debug_file: Option<PathBuf>,
    /// What it weighed.
    pub sizes: Sizes,
    /// What became of the wish to pack it; none if there was no such wish.
    pub upx: Option<Packing>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sizes {
    /// As the compiler made it.
    pub made: u64,
    /// Stripped; none if there was nothing to strip.
    pub stripped: Option<u64>,
    /// Packed; none if it is not.
    pub packed: Option<u64>,
}

/// What became of the wish to pack a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packing {
    /// It is packed.
    Packed,
    /// It is not, for this reason.
    Refused(String),
}

/// A program packed in another way, to compare.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Alternative {
    /// How it is packed.
    pub upx: UpxLevel,
    /// The packed file, or why there is none.
    pub file: Result<PathBuf, String>,
}

/// Starts a packed program, with a large environment, where it will run; or says why it is not to be shipped.
pub type Accept<'a> = &'a dyn Fn(&Path) -> Result<(), String>;

/// Where programs are finished.
#[derive(Debug)]
pub struct Workshop {
    tools: Tools,
    entries: Entries,
    objcopies: Objcopies,
    /// Digests of programs, by their paths.
    known: Records,
}

/// Sections that others read out of a shipped program: cargo-auditable's list of crates, Go's build information.
const READ_BY_OTHERS: [&str; 2] = [".dep-v0", ".go.buildinfo"];

impl Workshop {
    /// A workshop that keeps its results in `folder`, which nothing else uses; it is made when it is needed. Results
    /// that were not used for a week are removed.
    pub fn new(tools: &Tools, folder: impl Into<PathBuf>) -> Self {
        let entries = Entries::new(folder.into());
        Self {
            tools: tools.clone(),
            known: entries.records(),
            entries,
            objcopies: Objcopies::default(),
        }
    }

    /// The same, with the tools of a Rust toolchain (`rustc --print sysroot`) before those in `PATH`.
    #[must_use]
    pub fn with_sysroot(mut self, sysroot: impl Into<PathBuf>) -> Self {
        self.objcopies.set_sysroot(sysroot.into());
        self
    }

    /// Finishes a program that was made for `target`. `accept` is called once for each packed file that it did not yet
    /// accept; what it refuses is not shipped, and the program goes unpacked.
    ///
    /// # Errors
    /// When the program cannot be read, a tool that is needed is missing or fails, or the folder cannot be written.
    pub fn finish(
        &self,
        program: &Path,
        target: &Target,
        wish: &Finishing,
        accept: Accept<'_>,
    ) -> Result<Finished, BinaryError> {
        let facts = Facts::read(program)?;
        let mut finished = Finished {
            path: program.to_owned(),
            debug_file: None,
            sizes: Sizes {
                made: facts.size,
                stripped: None,
                packed: None,
            },
            upx: None,
            notices: Vec::new(),
            facts,
        };
        self.strip(target, wish, &mut finished)?;
        if let Some(upx) = wish.upx {
            self.pack_accepted(target, upx, accept, &mut finished)?;
        }
        Ok(finished)
    }

    /// The program packed in the ways that one may choose from; none where UPX is not installed. They are not tried.
    ///
    /// # Errors
    /// As [`Workshop::finish`].
    pub fn alternatives(&self, program: &Path, target: &Target) -> Result<Vec<Alternative>, BinaryError> {
        let facts = Facts::read(program)?;
        let ways = [false, true].map(|lzma| UpxLevel { level: None, lzma });
        let mut found = Vec::new();
        for upx in ways {
            let file = match self.packed(&facts, target, upx, None) {
                Ok(Ok(file)) => Ok(file),
                Ok(Err(refused)) => Err(refused),
                Err(BinaryError::NoUpx) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            found.push(Alternative { upx, file });
        }
        Ok(found)
    }

    /// The digest of a program, which is read only if it changed since it was read last.
    fn digest(&self, path: &Path) -> Result<Digest, BinaryError> {
        let unread = |source| BinaryError::Read {
            path: path.to_owned(),
            source,
        };
        let seen = Sighting::of(path).map_err(unread)?;
        let key = Digest::of(path.as_os_str().as_encoded_bytes());
        if let Some((known, digest)) = self.known.read::<(FileIdentity, Digest)>(&key)
            && seen.is(Some(&known))
        {
            return Ok(digest);
        }
        let digest = File::open(path).and_then(Digest::of_all).map_err(unread)?;
        if let Some(identity) = seen.lasting(path) {
            // What is not written down is read again, which is all.
            let _ = self.known.write(&key, &(identity, digest));
        }
        Ok(digest)
    }

    /// Makes sure that a tool, which was given the path, read what has this digest. What it made of anything else would be
    /// found under it from then on.
    fn unchanged(&self, path: &Path, digest: Digest) -> Result<(), BinaryError> {
        match self.digest(path)? == digest {
            true => Ok(()),
            false => Err(BinaryError::Changed {
                path: path.to_owned(),
            }),
        }
    }

    fn pack_accepted(
        &self,
        target: &Target,
        upx: UpxLevel,
        accept: Accept<'_>,
        finished: &mut Finished,
    ) -> Result<(), BinaryError> {
        let name = name(&finished.path);
        match self.packed(&finished.facts, target, upx, Some(accept))? {
            Ok(path) => {
                finished.sizes.packed = Some(path.metadata().map_err(kept(&path))?.len());
                for hidden in READ_BY_OTHERS
                    .iter()
                    .filter(|hidden| section(&finished.path, hidden.as_bytes()).is_some())
                {
                    finished.notices.push(format!(
                        "`{name}` is packed with UPX: what reads its `{hidden}` finds nothing there"
                    ));
                }
                if let Some(debug) = &finished.debug_file {
                    finished.notices.push(format!(
                        "`{name}` is packed with UPX: `{}` serves debuggers only with the unpacked program",
                        debug.display()
                    ));
                }
                finished.path = path;
                finished.upx = Some(Packing::Packed);
            }
            Err(refused) => {
                finished
                    .notices
                    .push(format!("`{name}` is not packed with UPX: {refused}"));
                finished.upx = Some(Packing::Refused(refused));
            }
        }
        Ok(())
    }

    /// The packed file, or why there is none.
    fn packed(
        &self,
        facts: &Facts,
        target: &Target,
        wish: UpxLevel,
        accept: Option<Accept<'_>>,
    ) -> Result<Result<PathBuf, String>, BinaryError> {
        if let Some(obstacle) = upx::obstacle(facts, target) {
            return Ok(Err(obstacle));
        }
        let upx = Upx::find(&self.tools)?;
        let name = name(&facts.path);
        let program = self.digest(&facts.path)?;
        let key = key(&("packed", &program, &name, wish, &upx.version));
        let entry = self
            .entries
            .get_or_make(&key, &|| self.tools.cancelled(), |folder| {
                let to = folder.join(&name);
                let refused = upx.pack(&self.tools, wish, &facts.path, &to)?;
                self.unchanged(&facts.path, program)?;
                Ok(PackedEntry { refused })
            })?;
        if let Some(refused) = &entry.said.refused {
            return Ok(Err(refused.clone()));
        }
        let file = entry.file(&name);
        // Never the name of the program itself.
        let accepted = entry.file(format!("{name}.accepted"));
        if let Some(accept) = accept.filter(|_| !accepted.exists()) {
            // A refusal is not remembered: it may be the fault of this machine.
            if let Err(refused) = accept(&file) {
                return Ok(Err(refused));
            }
            File::create(&accepted).map_err(kept(&accepted))?;
        }
        Ok(Ok(file))
    }
}

#[derive(Serialize, Deserialize)]
struct PackedEntry {
    refused: Option<String>,
}

/// The name that results of this program get: its own.
fn name(program: &Path) -> String {
    let name = program.file_name().unwrap_or(program.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Changes whenever the same wishes give something else.
const FORMAT: u32 = 1;

/// The digest of all that a result depends on, this release among it.
fn key(parts: &impl Serialize) -> Digest {
    let all = (FORMAT, env!("CARGO_PKG_VERSION"), parts);
    Digest::of(&json::to_vec(&all))
}

/// Sets the rights of a file, which a tool may have taken over from another.
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<(), BinaryError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(kept(path))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<(), BinaryError> {
    Ok(())
}
