//! Programs that do not come from cargo: built by the real Go, taken from files and archives, made by commands.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub,
    dead_code,
    reason = "a test may fail, and shares what others need"
)]

#[path = "foreign_builds/command.rs"]
mod command;
#[path = "foreign_builds/go.rs"]
mod go;
#[path = "foreign_builds/go_trouble.rs"]
mod go_trouble;
#[path = "foreign_builds/module.rs"]
mod module;
mod outside;
#[path = "foreign_builds/prebuilt.rs"]
mod prebuilt;
