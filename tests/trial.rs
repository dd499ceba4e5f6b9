//! Programs, really started in roots of their own: as root and as an ordinary user, native and emulated.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside of any test function"
)]

#[path = "trial/foreign.rs"]
mod foreign;
#[path = "trial/image.rs"]
mod image;
#[path = "trial/layers.rs"]
mod layers;
#[path = "trial/limits.rs"]
mod limits;
#[path = "trial/native.rs"]
mod native;
#[path = "trial/run.rs"]
mod run;
#[path = "trial/started.rs"]
mod started;
mod support;
