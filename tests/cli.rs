//! The command as its users meet it: what it says where, and how it ends. Standard output carries data and nothing
//! else.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they skip"
)]
#![allow(dead_code, unreachable_pub, unused_imports, reason = "shared modules")]

mod outside;
mod support;

#[path = "cli/check.rs"]
mod check;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/errors.rs"]
mod errors;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/publish.rs"]
mod publish;
#[path = "cli/remote.rs"]
mod remote;
#[path = "cli/snapshot.rs"]
mod snapshot;
