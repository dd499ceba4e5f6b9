//! Any bytes as an oci-archive: an index or an error, never a panic.
#![no_main]

use std::io::Write;

use cargo_gantry::archive::Layout;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).is_ok()
        && let Ok(layout) = Layout::open(file.path())
    {
        for entry in layout.entries() {
            let _ = layout.reach(&entry.descriptor);
        }
    }
});
