//! Bytes that others made up.

use proptest::prelude::*;

use super::layer;
use crate::rootfs::{Tree, libc};

/// With a few bytes changed, and sums that are right nevertheless.
fn changed(mut tar: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
    for (place, value) in changes {
        let place = place % tar.len();
        tar[place] = *value;
    }
    for block in tar.chunks_exact_mut(512).filter(|block| block[0] != 0) {
        let mut header = tar::Header::from_byte_slice(block).clone();
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
    }
    tar
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn broken_tars_do_not_panic(
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..20),
        kinds in prop::collection::vec((0..8usize, prop::sample::select(b"\0 01234567xgLKSVX9".to_vec())), 0..4),
        numbers in prop::collection::vec((0..8usize, 100..148usize, any::<u8>()), 0..4),
    ) {
        let good = ["a/b = 31 path=/../../etc/passwd\n", "l -> /a", "l/.wh.b = ", "l/c => a/b", "a/ ", "p !"];
        let fields = kinds.into_iter().map(|(block, kind)| (block * 512 + 156, kind));
        let numbers = numbers.into_iter().map(|(block, place, value)| (block * 512 + place, value));
        let changes: Vec<_> = changes.into_iter().chain(fields).chain(numbers).collect();
        let tar = changed(layer(&good), &changes);
        let mut tree = Tree::default();
        let _ = tree.apply(layer(&["a/b/c", "l/d"]).as_slice());
        let _ = tree.apply(tar.as_slice());
        libc(&tree);
        for (path, _) in tree.iter() {
            prop_assert_eq!(&super::super::walk::clean(path), path);
            let above = path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |slash| &path[..slash]);
            prop_assert_eq!(&tree.get(above).unwrap().kind, &crate::rootfs::Kind::Directory);
        }
    }

    #[test]
    fn any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Tree::default().apply(bytes.as_slice());
    }
}
