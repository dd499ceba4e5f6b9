//! [`End`]: how a program that was watched ended.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::super::{Limits, TrialError};
use crate::tool::{Call, Ended, ToolError, Tools};

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
    /// It ran longer than this.
    Time(Duration),
    /// It wrote too much.
    Most,
}

/// Signals of programs that die, as all machines of Linux that we run on number them.
const SIGNALS: [(i32, &str); 8] = [
    (4, "SIGILL, an instruction that this machine does not have"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (11, "SIGSEGV"),
    (31, "SIGSYS"),
];

/// Runs a call that enters a root, and keeps the first bytes that the program writes.
pub(super) fn watch(
    tools: &Tools,
    call: &Call,
    kept: usize,
    entered: &Path,
) -> Result<(End, String), TrialError> {
    forget(entered);
    let mut output = Vec::new();
    let ended = tools.stream(call, &mut |_, bytes| {
        let room = kept - output.len();
        output.extend_from_slice(&bytes[..bytes.len().min(room)]);
    });
    let output = String::from_utf8_lossy(&output).into_owned();
    let end = match ended {
        Ok(Ended::Code(code @ 129..=192)) => End::Signal(code - 128),
        Ok(Ended::Code(code)) => End::Code(code),
        Ok(Ended::Signal(signal)) => End::Signal(signal),
        Err(ToolError::Limit { limit, .. }) => End::Time(limit),
        Err(ToolError::Most { .. }) => End::Most,
        Err(error) => return Err(error.into()),
    };
    if entered.exists() {
        return Ok((end, output));
    }
    let said = output.trim().to_owned();
    Err(TrialError::Enter { said })
}

/// Forgets that the root was entered.
pub(super) fn forget(entered: &Path) {
    // Mostly it is not there.
    drop(fs::remove_file(entered));
}

impl End {
    /// In words. What it wrote tells whether it may have wanted more memory.
    pub(super) fn told(self, limits: &Limits, output: &str) -> String {
        let told = match self {
            Self::Code(code) => format!("exit code {code}"),
            Self::Signal(signal) => match SIGNALS.iter().find(|(number, _)| *number == signal) {
                Some((_, name)) => format!("signal {signal} ({name})"),
                None => format!("signal {signal}"),
            },
            Self::Time(limit) => {
                let plural = if limit == Duration::from_secs(1) { "" } else { "s" };
                format!("it did not end within {} second{plural}", limit.as_secs_f32())
            }
            Self::Most => return format!("it wrote more than {}", size(limits.output)),
        };
        // A qemu without memory may go round in circles.
        let output = output.to_ascii_lowercase();
        if ["memory", "alloc"].iter().any(|word| output.contains(word)) {
            return format!(
                "{told}; each of its processes may have {} of memory",
                size(limits.memory)
            );
        }
        told
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        whole if whole >= 1 << 30 && whole.trailing_zeros() >= 30 => format!("{} GiB", whole >> 30),
        whole if whole >= 1 << 20 && whole.trailing_zeros() >= 20 => format!("{} MiB", whole >> 20),
        whole if whole >= 1 << 10 && whole.trailing_zeros() >= 10 => format!("{} KiB", whole >> 10),
        bytes => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named() {
        let limits = Limits {
            output: 5,
            memory: 3 << 20,
            ..Limits::default()
        };
        for (end, output, told) in [
            (End::Code(3), "", "exit code 3"),
            (End::Signal(11), "", "signal 11 (SIGSEGV)"),
            (End::Signal(40), "", "signal 40"),
            (
                End::Signal(6),
                "Allocation failed",
                "signal 6 (SIGABRT); each of its processes may have 3 MiB of memory",
            ),
            (End::Most, "memory", "it wrote more than 5 bytes"),
            (
                End::Time(Duration::from_millis(1500)),
                "",
                "it did not end within 1.5 seconds",
            ),
        ] {
            assert_eq!(end.told(&limits, output), told);
        }
    }
}
