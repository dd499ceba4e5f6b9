//! Running children: each in its own process group, all of them ended by one call.

use std::collections::HashSet;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use super::watch::Watch;
use super::{Call, Stream, ToolError, Tools};

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Default for Ended {
    fn default() -> Self {
        Self::Code(0)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Whom to end, so that nothing of a child is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Family {
    /// The child of this number leads a process group of its own.
    Group(u32),
    /// It is in our group: it alone is ended, and must see to what it started.
    Alone(u32),
}

/// The children that run now.
#[derive(Debug, Default)]
pub(super) struct Children {
    running: Mutex<HashSet<Family>>,
    cancelled: AtomicBool,
    watch: Watch,
    /// Those that these belong to as well.
    whole: Option<Arc<Children>>,
}

type Chunk = (Stream, Vec<u8>);

impl Children {
    /// None yet, which are then of the `whole` as well.
    pub(super) fn part_of(whole: &Arc<Self>) -> Self {
        Self {
            whole: Some(Arc::clone(whole)),
            ..Self::default()
        }
    }

    pub(super) fn cancelled(&self) -> bool {
        let whole = self.whole.as_ref();
        self.cancelled.load(Ordering::SeqCst) || whole.is_some_and(|whole| whole.cancelled())
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        for &family in self.running().iter() {
            end(family);
        }
    }

    pub(super) fn run(
        &self,
        tools: &Tools,
        call: &Call,
        each: &mut dyn FnMut(Stream, &[u8]),
    ) -> Result<Ended, ToolError> {
        let mut command = command(tools, call)?;
        command.stdin(if call.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        isolate(&mut command);
        let mut child = self.start(&mut command, call, Family::Group)?;
        let family = Family::Group(child.id());
        self.watch().over(family);
        let result = drive(self, &mut child, call, each);
        if result.is_err() {
            end(family);
            // It may have left its group, and would be waited for.
            let _ = child.kill();
        }
        // Before the number of the group is free for others.
        self.watch().leave(family);
        self.finish(child, family, call, result)
    }

    pub(super) fn hand_over(&self, tools: &Tools, call: &Call) -> Result<Ended, ToolError> {
        let mut command = command(tools, call)?;
        let child = self.start(&mut command, call, Family::Alone)?;
        let family = Family::Alone(child.id());
        // It is ended with us as long as it runs: nobody knows its end before it is over, and its number free.
        self.watch().over(family);
        let ended = self.finish(child, family, call, Ok(()));
        self.watch().leave(family);
        ended
    }

    fn finish(
        &self,
        mut child: Child,
        family: Family,
        call: &Call,
        result: Result<(), ToolError>,
    ) -> Result<Ended, ToolError> {
        let status = child.wait();
        self.forget(family);
        if self.cancelled() {
            return Err(ToolError::Cancelled {
                command: call.shown(),
            });
        }
        result?;
        let status = status.map_err(|source| ToolError::Pipe {
            command: call.shown(),
            source,
        })?;
        Ok(ended(status))
    }

    fn start(
        &self,
        command: &mut Command,
        call: &Call,
        family: fn(u32) -> Family,
    ) -> Result<Child, ToolError> {
        // Holding the locks while starting: a cancel either sees the child or prevents it.
        let mut running = self.running();
        let mut of_whole = self.whole.as_ref().map(|whole| whole.running());
        if self.cancelled() {
            return Err(ToolError::Cancelled {
                command: call.shown(),
            });
        }
        let child = command.spawn().map_err(|source| ToolError::Start {
            command: call.shown(),
            source,
        })?;
        let family = family(child.id());
        running.insert(family);
        if let Some(of_whole) = &mut of_whole {
            of_whole.insert(family);
        }
        Ok(child)
    }

    fn forget(&self, family: Family) {
        self.running().remove(&family);
        if let Some(whole) = &self.whole {
            whole.forget(family);
        }
    }

    /// One for all.
    fn watch(&self) -> &Watch {
        self.whole.as_ref().map_or(&self.watch, |whole| whole.watch())
    }

    #[cfg(test)]
    pub(super) fn running_now(&self) -> usize {
        self.running().len()
    }

    fn running(&self) -> MutexGuard<'_, HashSet<Family>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The program of a call, with its arguments, variables and directory.
fn command(tools: &Tools, call: &Call) -> Result<Command, ToolError> {
    let program = tools.find(&call.program).ok_or_else(|| ToolError::NotFound {
        name: call.program.display().to_string(),
    })?;
    let mut command = Command::new(program);
    command.args(&call.arguments).env_clear();
    if !call.bare {
        command.envs(tools.environment().variables());
    }
    for (name, value) in &call.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let directory = call.directory.as_deref();
    command.current_dir(directory.unwrap_or(tools.environment().directory()));
    Ok(command)
}

fn drive(
    children: &Children,
    child: &mut Child,
    call: &Call,
    each: &mut dyn FnMut(Stream, &[u8]),
) -> Result<(), ToolError> {
    let (sender, chunks) = mpsc::sync_channel::<Chunk>(64);
    if let Some(stdout) = child.stdout.take() {
        pump(Stream::Stdout, stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        pump(Stream::Stderr, stderr, sender.clone());
    }
    drop(sender);
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), call.input.clone()) {
        thread::spawn(move || (input.write)(&mut stdin));
    }
    let deadline = call.limit.map(|limit| Instant::now() + limit);
    let mut left = call.most;
    loop {
        let wait = deadline.map_or(POLL, |at| at.saturating_duration_since(Instant::now()).min(POLL));
        match chunks.recv_timeout(wait) {
            Ok((stream, bytes)) => {
                let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                    return Err(ToolError::Most {
                        command: call.shown(),
                        most: call.most,
                    });
                };
                left = rest;
                each(stream, &bytes);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) if deadline.is_none() => return Ok(()),
            // It has closed its streams, and may run on.
            Err(mpsc::RecvTimeoutError::Disconnected) => thread::sleep(wait.min(CLOSED)),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if children.cancelled() {
            return Err(ToolError::Cancelled {
                command: call.shown(),
            });
        }
        if let (Some(at), Some(limit)) = (deadline, call.limit)
            && Instant::now() >= at
        {
            return Err(ToolError::Limit {
                command: call.shown(),
                limit,
            });
        }
        if let Ok(Some(_)) = child.try_wait() {
            drain(&chunks, each);
            return Ok(());
        }
    }
}

/// Takes what an ended program has left in its pipes. A grandchild may hold them open, and write on: it is not waited
/// for.
fn drain(chunks: &mpsc::Receiver<Chunk>, each: &mut dyn FnMut(Stream, &[u8])) {
    let (mut left, mut patience) = (LEFT, DRAIN);
    while left > 0 {
        let waiting = Instant::now();
        let Ok((stream, bytes)) = chunks.recv_timeout(patience) else {
            return;
        };
        patience = patience.saturating_sub(waiting.elapsed());
        left = left.saturating_sub(bytes.len());
        each(stream, &bytes);
    }
}

/// How often a silent child is looked at.
const POLL: Duration = Duration::from_millis(200);
/// How often a child is looked at whose streams are closed: most end right then.
const CLOSED: Duration = Duration::from_millis(5);
/// How long the pipes of an ended program may stay silent, all in all, before they are given up.
const DRAIN: Duration = Duration::from_secs(2);
/// More than this cannot be left of an ended program: full pipes, and what was read of them.
const LEFT: usize = 16 << 20;

fn pump(stream: Stream, mut from: impl Read + Send + 'static, to: mpsc::SyncSender<Chunk>) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.send((stream, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
}

#[cfg(unix)]
fn isolate(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn isolate(_: &mut Command) {}

#[cfg(unix)]
fn end(family: Family) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    let (Family::Group(id) | Family::Alone(id)) = family;
    let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) else {
        return;
    };
    // It may be gone already; that is what was wanted.
    let _ = match family {
        Family::Group(_) => kill_process_group(id, Signal::KILL),
        Family::Alone(_) => kill_process(id, Signal::KILL),
    };
}

#[cfg(windows)]
fn end(family: Family) {
    let (Family::Group(id) | Family::Alone(id)) = family;
    // `taskkill /t` ends the tree; a job object would need unsafe code of our own.
    let _ = Command::new("taskkill")
        .args(["/f", "/t", "/pid", &id.to_string()])
        .output();
}

#[cfg(unix)]
fn ended(status: std::process::ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    }
}

#[cfg(not(unix))]
fn ended(status: std::process::ExitStatus) -> Ended {
    Ended::Code(status.code().unwrap_or(-1))
}

/// Longer lines are handed over in pieces.
const LINE: usize = 16 << 20;

/// Cuts chunks into lines, per stream.
pub(super) struct Lines<'a> {
    each: &'a mut dyn FnMut(Stream, &[u8]),
    pending: [Vec<u8>; 2],
}

impl<'a> Lines<'a> {
    pub(super) fn new(each: &'a mut dyn FnMut(Stream, &[u8])) -> Self {
        Self {
            each,
            pending: [Vec::new(), Vec::new()],
        }
    }

    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let pending = &mut self.pending[usize::from(stream == Stream::Stderr)];
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            pending.extend_from_slice(line);
            if line.ends_with(b"\n") || pending.len() >= LINE {
                (self.each)(stream, pending);
                pending.clear();
            }
        }
    }

    pub(super) fn finish(&mut self) {
        for (stream, pending) in [Stream::Stdout, Stream::Stderr]
            .into_iter()
            .zip(&mut self.pending)
        {
            if !pending.is_empty() {
                (self.each)(stream, &std::mem::take(pending));
            }
        }
    }
}
