//! Bases: resolved, pinned, read and kept, out of registries and layouts, right ones and wrong ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "tests fail by panicking, and say what they skip"
)]

mod outside;
mod support;

#[path = "bases/compilers.rs"]
mod compilers;
#[path = "bases/fixture.rs"]
mod fixture;
#[path = "bases/layouts.rs"]
mod layouts;
#[path = "bases/outputs.rs"]
mod outputs;
#[path = "bases/pins.rs"]
mod pins;
#[path = "bases/real.rs"]
mod real;
#[path = "bases/sharing.rs"]
mod sharing;
#[path = "bases/trees.rs"]
mod trees;
