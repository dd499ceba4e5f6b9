//! Any bytes as a program: facts or an error, never a panic.
#![no_main]

use std::io::Write;

use cargo_gantry::binary::Facts;
use cargo_gantry::target::Catalog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).is_ok()
        && let Ok(facts) = Facts::read(file.path())
    {
        for target in Catalog::builtin().iter() {
            let _ = facts.keeps(target);
        }
    }
});
