//! What can go wrong with an outside program.

use std::time::Duration;

use super::{Call, Ended};

/// How many of a failed program's last lines are shown.
const LAST_LINES: usize = 20;

/// A program could not be run to a good end.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ToolError {
    /// It is not in `PATH`.
    #[error("program `{name}` not found")]
    #[diagnostic(
        code(gantry::tool::not_found),
        help("install it, or put the folder it lies in into PATH")
    )]
    NotFound {
        /// The program's name.
        name: String,
    },
    /// The system would not start it.
    #[error("cannot start `{command}`")]
    #[diagnostic(code(gantry::tool::start))]
    Start {
        /// The call as typed.
        command: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Reading or writing its streams failed.
    #[error("lost the connection to `{command}`")]
    #[diagnostic(code(gantry::tool::pipe))]
    Pipe {
        /// The call as typed.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ended badly.
    #[error("`{command}` ended with {ended}{}", shown(last_lines))]
    #[diagnostic(code(gantry::tool::failed))]
    Failed {
        /// The call as typed.
        command: String,
        /// How it ended.
        ended: Ended,
        /// The last lines of its standard error.
        last_lines: String,
    },
    /// It ran longer than it may.
    #[error("`{command}` did not end within {} seconds", limit.as_secs())]
    #[diagnostic(code(gantry::tool::limit))]
    Limit {
        /// The call as typed.
        command: String,
        /// How long it may run.
        limit: Duration,
    },
    /// It wrote more than it may.
    #[error("`{command}` wrote more than {most} bytes")]
    #[diagnostic(code(gantry::tool::most))]
    Most {
        /// The call as typed.
        command: String,
        /// How many bytes it may write.
        most: u64,
    },
    /// We were told to stop.
    #[error("interrupted while running `{command}`")]
    #[diagnostic(code(gantry::tool::cancelled))]
    Cancelled {
        /// The call as typed.
        command: String,
    },
}

impl ToolError {
    /// The error of a call that ended badly, with the last lines of `stderr`.
    pub fn failed(call: &Call, ended: Ended, stderr: &str) -> Self {
        let lines: Vec<&str> = stderr.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        Self::Failed {
            command: call.shown(),
            ended,
            last_lines: last.join("\n"),
        }
    }
}

fn shown(lines: &str) -> String {
    if lines.is_empty() {
        String::new()
    } else {
        format!(":\n{lines}")
    }
}
