//! That it scales: many files, a large file, many platforms, many images. The results are looked at with other people's
//! tools, memory stays within its limit, and growth is shown by counts, never by time.
//!
//! The programs are there already (no compiler runs): what is measured is ours alone.

#![cfg(target_os = "linux")]
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test binary of its own, whose tests fail by panicking"
)]

mod support;

#[path = "scale/files.rs"]
mod files;
#[path = "scale/growth.rs"]
mod growth;
#[path = "scale/images.rs"]
mod images;
#[path = "scale/large.rs"]
mod large;
#[path = "scale/layers.rs"]
mod layers;
#[path = "scale/platforms.rs"]
mod platforms;
#[path = "scale/program.rs"]
mod program;
