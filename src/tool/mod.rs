//! [`Tools`]: find and run outside programs. The only room that starts processes.
//!
//! In: a [`Call`]. Out: its output, or an error that shows command, status and last lines. No child outlives us:
//! each runs in a process group of its own, which [`Tools::cancel`] ends, and on Unix a shell ends the group of a
//! child whose parent was killed. A child sees the captured [`Environment`] plus what its call says, and
//! nothing is read from our standard input: but for [`Tools::hand_over`], where the child takes our place.

mod child;
mod error;
mod identity;
mod memory;
mod watch;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use child::Ended;
pub use error::ToolError;
pub use memory::Grounds;

use crate::environment::Environment;
use child::Children;
use memory::Memory;

/// Finds and runs outside programs within one captured environment. Clones share their children.
#[derive(Clone, Debug)]
pub struct Tools {
    environment: Arc<Environment>,
    children: Arc<Children>,
    memory: Arc<Memory>,
}

/// One call of a program.
#[derive(Clone, Debug)]
pub struct Call {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: BTreeMap<OsString, Option<OsString>>,
    directory: Option<PathBuf>,
    input: Option<Feed>,
    limit: Option<Duration>,
    keep: usize,
    most: u64,
    bare: bool,
}

/// What writes a program's standard input.
#[derive(Clone)]
struct Feed {
    write: Arc<Feeding>,
    /// What it writes, where that is known before.
    bytes: Option<Arc<[u8]>>,
}

type Feeding = dyn Fn(&mut dyn Write) + Send + Sync;

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed")
    }
}

/// What a program said; by default nothing, and all is well.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Everything it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Everything it wrote to standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub ended: Ended,
}

impl Output {
    /// Standard output as text, without white space at its ends.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }

    /// Itself, if the program that was called so ended well.
    ///
    /// # Errors
    /// When it did not exit with 0.
    pub fn succeeded(self, call: &Call) -> Result<Self, ToolError> {
        match self.ended {
            Ended::Code(0) => Ok(self),
            ended => Err(ToolError::failed(
                call,
                ended,
                &String::from_utf8_lossy(&self.stderr),
            )),
        }
    }
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Call {
    /// A call of `program` (a path, or a name to be looked up in `PATH`).
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: BTreeMap::new(),
            directory: None,
            input: None,
            limit: None,
            keep: usize::MAX,
            most: u64::MAX,
            bare: false,
        }
    }

    /// One argument more.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Several arguments more.
    #[must_use]
    pub fn args<I: IntoIterator<Item = A>, A: Into<OsString>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable for this call.
    #[must_use]
    pub fn var(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), Some(value.into()));
        self
    }

    /// Removes a variable for this call.
    #[must_use]
    pub fn without(mut self, name: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), None);
        self
    }

    /// Runs in `directory` instead of ours.
    #[must_use]
    pub fn dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Gives the program bytes on its standard input.
    #[must_use]
    pub fn input(self, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into().into();
        let written = Arc::clone(&bytes);
        // A program may end without reading its input: that is its own affair.
        let mut call = self.feed(move |input| drop(input.write_all(&written)));
        if let Some(feed) = &mut call.input {
            feed.bytes = Some(bytes);
        }
        call
    }

    /// Gives the program on its standard input what `feed` writes, for input too large to hold. It runs on a thread of
    /// its own; the input ends when it returns. Whoever needs to know how that went must tell himself: writing fails
    /// when the program does not read on, and the program may have ended before.
    #[must_use]
    pub fn feed(mut self, feed: impl Fn(&mut dyn Write) + Send + Sync + 'static) -> Self {
        self.input = Some(Feed {
            write: Arc::new(feed),
            bytes: None,
        });
        self
    }

    /// Ends the program, and fails, when it runs longer than this.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Keeps only the first `bytes` of each stream for [`Tools::output`]: for programs that nobody vouches for.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// Ends the program, and fails, when it writes more than so many bytes, both streams together.
    #[must_use]
    pub fn most(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// The program sees only the variables of this call, and none of the captured environment.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// The program as it is called.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments so far.
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// The variables that this call sets or (`None`) removes.
    pub fn variables(&self) -> &BTreeMap<OsString, Option<OsString>> {
        &self.variables
    }

    /// The call as one would type it, for messages. Variables are left out: they may be secret.
    pub fn shown(&self) -> String {
        let words =
            std::iter::once(self.program.as_os_str()).chain(self.arguments.iter().map(OsString::as_os_str));
        words
            .map(|word| quoted(&word.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The program's name, without folders.
    pub fn name(&self) -> String {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str());
        name.to_string_lossy().into_owned()
    }
}

impl Tools {
    /// Programs found in, and run with, this environment.
    pub fn new(environment: Environment) -> Self {
        Self {
            memory: Arc::new(Memory::of(&environment)),
            environment: Arc::new(environment),
            children: Arc::default(),
        }
    }

    /// The environment that programs are run with.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The file that `name` would run: looked up in `PATH`, or the path itself if it names a folder.
    pub fn find(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        let name = Path::new(name.as_ref());
        if name.components().count() > 1 {
            let path = self.environment.directory().join(name);
            return executable(&path).then_some(path);
        }
        let suffixed = |folder: PathBuf| folder.join(name).with_added_extension(EXE_EXTENSION);
        let folders = self.environment.path();
        folders
            .into_iter()
            .filter(|folder| !folder.as_os_str().is_empty())
            .find_map(|folder| {
                let folder = self.environment.directory().join(folder);
                let exact = folder.join(name);
                if executable(&exact) {
                    return Some(exact);
                }
                Some(suffixed(folder)).filter(|path| !EXE_EXTENSION.is_empty() && executable(path))
            })
    }

    /// Runs a program to its end and keeps what it said, however it ended.
    ///
    /// # Errors
    /// When it cannot be started, runs over its limit, or we were cancelled.
    pub fn output(&self, call: &Call) -> Result<Output, ToolError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let ended = self.children.run(self, call, &mut |stream, bytes| {
            let kept = match stream {
                Stream::Stdout => &mut stdout,
                Stream::Stderr => &mut stderr,
            };
            let room = call.keep - kept.len();
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        })?;
        Ok(Output {
            stdout,
            stderr,
            ended,
        })
    }

    /// Runs a program to its end; anything but success is an error.
    ///
    /// # Errors
    /// As [`Tools::output`], and when the program does not exit with 0.
    pub fn run(&self, call: &Call) -> Result<Output, ToolError> {
        self.output(call)?.succeeded(call)
    }

    /// Runs a program and hands over each chunk it writes as it comes; for output too large or too slow to keep.
    /// Chunks are whole lines, including the end of line, except for the last of a stream.
    ///
    /// # Errors
    /// As [`Tools::output`].
    pub fn stream(&self, call: &Call, each: &mut dyn FnMut(Stream, &[u8])) -> Result<Ended, ToolError> {
        let mut lines = child::Lines::new(each);
        let ended = self
            .children
            .run(self, call, &mut |stream, bytes| lines.push(stream, bytes));
        // What it said before it was ended tells why.
        lines.finish();
        ended
    }

    /// Runs a program to its end with our own standard streams, in our own process group: it may be interactive, and
    /// what a terminal sends to us reaches it as well. Input and limits of the call do not count.
    ///
    /// # Errors
    /// When it cannot be started, or we were cancelled.
    pub fn hand_over(&self, call: &Call) -> Result<Ended, ToolError> {
        self.children.hand_over(self, call)
    }

    /// The same tools, but cancelling them ends only what was started with them. Cancelling these here ends all.
    #[must_use]
    pub fn part(&self) -> Self {
        Self {
            children: Arc::new(Children::part_of(&self.children)),
            ..self.clone()
        }
    }

    /// Ends every running child with everything it started, and refuses to start more.
    pub fn cancel(&self) {
        self.children.cancel();
    }

    /// Whether [`Tools::cancel`] was called.
    pub fn cancelled(&self) -> bool {
        self.children.cancelled()
    }
}

const EXE_EXTENSION: &str = if cfg!(windows) { "exe" } else { "" };

#[cfg(unix)]
fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn executable(path: &Path) -> bool {
    path.is_file()
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(all(test, unix))]
mod tests;
