//! Releases against a registry that misbehaves on request: which tags move, in which order, what is said before, and what
//! is left where one is broken off.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say how often they killed"
)]
#![allow(dead_code, unreachable_pub, reason = "shared modules")]

mod support;

#[path = "release/company.rs"]
mod company;
#[path = "release/forward.rs"]
mod forward;
#[path = "release/image.rs"]
mod image;
#[path = "release/immutable.rs"]
mod immutable;
#[path = "release/kill.rs"]
mod kill;
#[path = "release/kill_verbs.rs"]
mod kill_verbs;
#[path = "release/order.rs"]
mod order;
#[path = "release/rehearsal.rs"]
mod rehearsal;
#[path = "registry/shipment.rs"]
mod shipment;
