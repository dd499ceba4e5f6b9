//! Any bytes as two layers: a tree or an error, never a panic, and nothing above the root.
#![no_main]

use cargo_gantry::rootfs::{Tree, libc};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut tree = Tree::default();
    let _ = tree.apply(bytes);
    let _ = tree.apply(&bytes[bytes.len() / 1024 * 512..]);
    let _ = libc(&tree);
    for (path, _) in tree.iter() {
        let mut parts = path.split(|byte| *byte == b'/');
        assert!(parts.all(|part| ![b"".as_slice(), b".", b".."].contains(&part)));
        if let Some((found, node)) = tree.resolve(path) {
            assert_eq!(tree.get(&found), Some(node));
        }
    }
});
