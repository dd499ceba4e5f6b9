//! How fast a layer is packed: tar, both digests, compression and the store, on all processors. `cargo bench --bench pack`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people, whose failure is a panic"
)]

use std::time::{Duration, Instant};

use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::layer::{Entry, Packing, pack};

/// Bytes of input; half of them can be compressed, as in a program.
const SIZE: usize = 16 << 20;
const RUNS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, program_like(SIZE)).unwrap();
    let all = [
        Compression::None,
        Compression::gzip(Some(1)).unwrap(),
        Compression::gzip(None).unwrap(),
        Compression::zstd(None).unwrap(),
    ];
    for compression in all {
        let mut times: Vec<Duration> = Vec::new();
        let mut size = 0;
        for run in 0..RUNS {
            // A store of its own: a blob that is there already is not written again.
            let store = BlobStore::open(folder.path().join(format!("{compression}-{run}"))).unwrap();
            let entries = vec![Entry::file("usr/local/bin/program", &program, 0o755)];
            let begun = Instant::now();
            size = pack(&store, entries, &Packing::new(compression, 0)).unwrap().size;
            times.push(begun.elapsed());
        }
        times.sort();
        let median = times[RUNS / 2].as_secs_f64();
        let speed = SIZE as f64 / 1e6 / median;
        println!(
            "{:8} {speed:6.0} MB/s, {size} of {SIZE} bytes left",
            compression.to_string()
        );
    }
}

/// Stretches of few letters and of noise, always the same.
fn program_like(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let byte = |position: usize| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = (state >> 56) as u8;
        if (position / 4096).is_multiple_of(2) {
            noise % 8
        } else {
            noise
        }
    };
    (0..size).map(byte).collect()
}
