//! Any text as `gantry.toml`: a matrix or an error, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = cargo_gantry::matrix::parse("gantry.toml", text);
});
