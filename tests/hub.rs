//! The vendors' own APIs, against a local server that plays them as they are published.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests fail by panicking, and say what they skip"
)]
#![allow(dead_code, unreachable_pub, unused_imports, reason = "shared modules")]

mod support;

#[cfg(unix)]
#[path = "hub/command.rs"]
mod command;
#[path = "hub/describe.rs"]
mod describe;
#[cfg(unix)]
#[path = "hub/prune.rs"]
mod prune;
#[path = "hub/trouble.rs"]
mod trouble;
#[path = "hub/untag.rs"]
mod untag;
#[path = "hub/way.rs"]
mod way;
