//! The whole command under fire: killed at any moment, stopped, in company, on a full disk. The next run works, and
//! nothing half-written is used or published.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they skip"
)]
#![allow(dead_code, unreachable_pub, reason = "shared modules")]

mod outside;
mod support;

#[path = "robustness/company.rs"]
mod company;
#[path = "robustness/disk.rs"]
mod disk;
#[path = "robustness/interrupt.rs"]
mod interrupt;
#[path = "robustness/kill.rs"]
mod kill;
#[path = "robustness/whole.rs"]
mod whole;
