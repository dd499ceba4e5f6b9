//! Packing without anything around it: hash the tar, compress it, hash what came out.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use cargo_gantry::codec::Compression;
use cargo_gantry::spec::Hashing;

use crate::cost::{self, Cost};

/// How much one core takes at once.
const BLOCK: usize = 1 << 20;

/// A layer with one program, in memory.
pub(crate) struct Tar(Vec<u8>);

/// What packing gives.
pub(crate) struct Packed {
    pub(crate) cost: Cost,
    pub(crate) layers: Vec<Vec<u8>>,
}

impl Tar {
    pub(crate) fn of(program: &Path) -> Self {
        let mut bytes = vec![b'h'; 512];
        bytes.extend(fs::read(program).unwrap());
        bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
        Self(bytes)
    }
}

/// Both hashes and the compression, each on all cores; reading the programs is not in it: they are in memory.
pub(crate) fn pack(tars: &[Tar], compression: Compression) -> Packed {
    let raw = cost::of(tars.len(), |at| hash(&tars[at].0));
    let (compressed, layers) = compress(tars, compression);
    let stored = cost::of(layers.len(), |at| hash(&layers[at]));
    Packed {
        cost: raw + compressed + stored,
        layers,
    }
}

/// The encoder as it ships, given the whole of each tar (it may share the work among cores by itself), and given blocks of
/// them that all cores share: the faster one.
fn compress(tars: &[Tar], compression: Compression) -> (Cost, Vec<Vec<u8>>) {
    let whole: Vec<&[u8]> = tars.iter().map(|tar| tar.0.as_slice()).collect();
    let blocks: Vec<&[u8]> = tars.iter().flat_map(|tar| tar.0.chunks(BLOCK)).collect();
    let done: Vec<Mutex<Vec<u8>>> = whole.iter().map(|_| Mutex::default()).collect();
    let by_layer = cost::of(whole.len(), |at| {
        *done[at].lock().unwrap() = encoded(whole[at], compression)
    });
    let by_block = cost::of(blocks.len(), |at| drop(encoded(blocks[at], compression)));
    let layers = done
        .into_iter()
        .map(|layer| layer.into_inner().unwrap())
        .collect();
    let best = if by_block.wall < by_layer.wall {
        by_block
    } else {
        by_layer
    };
    (best, layers)
}

/// A file a layer, in a folder of its own.
pub(crate) fn write(layers: &[Vec<u8>]) -> Cost {
    let folder = tempfile::tempdir().unwrap();
    cost::of(layers.len(), |at| {
        fs::write(folder.path().join(at.to_string()), &layers[at]).unwrap();
    })
}

pub(crate) fn hash(bytes: &[u8]) {
    let mut hashing = Hashing::new(std::io::sink());
    hashing.write_all(bytes).unwrap();
    std::hint::black_box(hashing.into_parts().1.digest());
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut hashing = Hashing::new(std::io::sink());
    hashing.write_all(bytes).unwrap();
    hashing.into_parts().1.digest().to_string()
}

fn encoded(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut encoder = compression.encoder(Vec::with_capacity(bytes.len() / 2)).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
