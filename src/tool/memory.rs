//! Answers of programs, remembered from run to run: a compiler says the same of itself until it is another one.
//!
//! In: a call, and the files that its answer depends on. Out: the answer, from the program or from memory. An answer is
//! remembered under all that the call says and all variables, in a file of its own in the user's cache, together with
//! the [`Identity`] of each of those files; where one of them is another now, the program is asked again. Nothing is
//! ever remembered of files that changed a moment ago: they may change once more within one tick of the clock.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::identity::Identity;
use super::{Call, Ended, Output, ToolError, Tools};
use crate::environment::Environment;

/// For how many seconds a file must have been as it is.
const SETTLED: i64 = 2;
/// Longer answers are not kept.
const LONGEST: usize = 8 << 20;
/// So many answers are kept; when there are more, the older half goes.
const MOST: usize = 1024;

/// Variables that differ from terminal to terminal and matter to no compiler.
const IRRELEVANT: [&str; 16] = [
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "GPG_TTY",
    "LINES",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "TMUX_PANE",
    "WINDOWID",
    "XDG_SESSION_ID",
    "_",
];

/// Where answers are remembered, and for whom.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// None where the user has no cache folder.
    folder: Option<PathBuf>,
    variables: OnceLock<[u8; 32]>,
}

/// What answers of programs depend on beside their calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounds {
    /// What is known already.
    pub facts: Vec<u8>,
    /// Files and folders, there or not, that would be others if it were another.
    pub files: Vec<PathBuf>,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    grounds: BTreeMap<PathBuf, Option<Identity>>,
    code: i32,
    stdout: String,
    stderr: String,
}

impl Memory {
    pub(super) fn of(environment: &Environment) -> Self {
        let cache = environment.cache_dir();
        let folder = |cache: PathBuf| cache.join("cargo-gantry").join(env!("CARGO_PKG_VERSION"));
        Self {
            folder: cache.map(|cache| folder(cache).join("answers")),
            variables: OnceLock::new(),
        }
    }

    /// The file of an answer to this call; none where it cannot be told from others.
    fn place(&self, tools: &Tools, call: &Call, basis: &[u8]) -> Option<PathBuf> {
        let input = match &call.input {
            Some(feed) => feed.bytes.as_deref()?,
            None => &[],
        };
        let program = tools.find(&call.program)?;
        let environment = tools.environment();
        let variables = || {
            let captured = environment.variables();
            let relevant = captured.filter(|(name, _)| !IRRELEVANT.iter().any(|other| name == other));
            digest(relevant.flat_map(|(name, value)| [bytes(name), bytes(value)]))
        };
        let variables = match call.bare {
            true => &[0; 32],
            false => self.variables.get_or_init(variables),
        };
        let directory = call.directory.as_deref().unwrap_or(environment.directory());
        let own = call.variables.iter().flat_map(|(name, value)| {
            let set = value.as_ref().map_or(b"-".as_slice(), |_| b"=");
            [bytes(name), set, value.as_ref().map_or(&[], |value| bytes(value))]
        });
        let words = call.arguments.iter().map(|word| bytes(word));
        let head = [
            bytes(call.program.as_os_str()),
            bytes(program.as_os_str()),
            bytes(directory.as_os_str()),
            variables,
            input,
            basis,
        ];
        let key = digest(head.into_iter().chain(words).chain([b"\0".as_slice()]).chain(own));
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(self.folder.as_ref()?.join(hex))
    }
}

impl Tools {
    /// As [`Tools::output`], but where the same was asked before, and nothing has changed that the answer depends on,
    /// the program is not run. `basis` are facts that the answer depends on and that are known already; `grounds` names
    /// the files and folders that it depends on beside the program's own file, there or not; or says that it cannot be
    /// known: then the answer is not kept.
    ///
    /// # Errors
    /// As [`Tools::output`].
    pub fn remembered(
        &self,
        call: &Call,
        basis: &[u8],
        grounds: impl FnOnce(&Output) -> Option<Vec<PathBuf>>,
    ) -> Result<Output, ToolError> {
        self.remembered_of(call, basis, grounds, || self.output(call))
    }

    /// As [`Tools::remembered`], for whoever runs the program himself: `run` gives what is to be remembered of it.
    ///
    /// # Errors
    /// Those of `run`.
    pub fn remembered_of<E>(
        &self,
        call: &Call,
        basis: &[u8],
        grounds: impl FnOnce(&Output) -> Option<Vec<PathBuf>>,
        run: impl FnOnce() -> Result<Output, E>,
    ) -> Result<Output, E> {
        let place = self.memory.place(self, call, basis);
        let Some(place) = place.filter(|_| !self.cancelled()) else {
            return run();
        };
        if let Some(output) = recalled(&place) {
            return Ok(output);
        }
        let begun = SystemTime::now();
        let output = run()?;
        if let Some(mut grounds) = grounds(&output) {
            // Also where its name leads by links.
            grounds.extend(self.find(&call.program));
            if let Some(kept) = Kept::of(&output, grounds, begun) {
                // Whoever cannot remember asks again.
                let _ = kept.write(&place);
            }
        }
        Ok(output)
    }

    /// Whether [`Tools::remembered`] can remember anything here.
    pub fn remembers(&self) -> bool {
        cfg!(unix) && self.memory.folder.is_some()
    }
}

impl Kept {
    fn of(output: &Output, grounds: Vec<PathBuf>, begun: SystemTime) -> Option<Self> {
        // A failure may be one of the moment: no memory, no process, a full disk.
        let Ended::Code(code @ 0) = output.ended else {
            return None;
        };
        let begun = begun.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let settled = i64::try_from(begun).ok()? - SETTLED;
        let identified = |path: PathBuf| {
            let identity = Identity::of(&path).ok()?;
            let old = identity.is_none_or(|identity| identity.changed.0 < settled);
            old.then_some((path, identity))
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        if output.stdout.len() + output.stderr.len() > LONGEST {
            return None;
        }
        Some(Self {
            grounds: grounds.into_iter().map(identified).collect::<Option<_>>()?,
            code,
            stdout: text(&output.stdout)?,
            stderr: text(&output.stderr)?,
        })
    }

    fn holds(&self) -> bool {
        let same = |(path, identity): (&PathBuf, &Option<Identity>)| {
            Identity::of(path).is_ok_and(|now| now == *identity)
        };
        self.grounds.iter().all(same)
    }

    fn write(&self, place: &Path) -> std::io::Result<()> {
        let folder = place.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)?;
        forget(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.into_temp_path().persist(place)?;
        Ok(())
    }
}

fn recalled(place: &Path) -> Option<Output> {
    // A file of another kind, or half of one after a crash of the machine, is none.
    let kept: Kept = serde_json::from_slice(&fs::read(place).ok()?).ok()?;
    kept.holds().then(|| Output {
        stdout: kept.stdout.into_bytes(),
        stderr: kept.stderr.into_bytes(),
        ended: Ended::Code(kept.code),
    })
}

/// Makes room.
fn forget(folder: &Path) -> std::io::Result<()> {
    let all: Vec<_> = fs::read_dir(folder)?.flatten().collect();
    if all.len() < MOST {
        return Ok(());
    }
    let age = |entry: &fs::DirEntry| entry.metadata().and_then(|metadata| metadata.modified()).ok();
    let mut all: Vec<_> = all.into_iter().map(|entry| (age(&entry), entry.path())).collect();
    all.sort();
    for (_, path) in all.iter().take(MOST / 2) {
        // Another run may have been faster.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// A digest from which no part can be moved into the next.
fn digest<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

fn bytes(text: &OsStr) -> &[u8] {
    text.as_encoded_bytes()
}
