//! Packing a layer: tar, both digests, compression and the store. `cargo bench --bench pack`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a program for people, whose failure is a panic"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::layer::{Collect, Entry, Packing, collect, pack};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// In MiB.
const SIZES: [usize; 3] = [1, 16, 64];
const FILES: [usize; 3] = [100, 1_000, 10_000];

fn one_file(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    for (name, compression) in [
        ("none", Compression::None),
        ("gzip-1", Compression::gzip(Some(1)).unwrap()),
        ("gzip", Compression::default()),
        ("zstd", Compression::zstd(None).unwrap()),
    ] {
        let mut group = criterion.benchmark_group(format!("pack one file, {name}"));
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        for size in SIZES {
            let program = folder.path().join(size.to_string());
            if !program.exists() {
                fs::write(&program, program_like(size << 20)).unwrap();
            }
            group.throughput(Throughput::Bytes((size << 20) as u64));
            group.bench_function(BenchmarkId::from_parameter(size << 20), |bencher| {
                // A store of its own: a blob that is there already is not written again.
                bencher.iter_batched_ref(
                    || store(folder.path()),
                    |(_, store)| {
                        let entries = vec![Entry::file("usr/local/bin/program", &program, 0o755)];
                        pack(store, entries, &Packing::new(compression, 0)).unwrap()
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

/// Where the files are more than their bytes: finding, ordering, opening.
fn many_files(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("collect and pack small files");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for count in FILES {
        let root = folder.path().join(format!("of-{count}"));
        for number in 0..count {
            let inner = root.join(format!("many/{:03}", number / 100));
            if number % 100 == 0 {
                fs::create_dir_all(&inner).unwrap();
            }
            fs::write(
                inner.join(format!("{number}.txt")),
                format!("the file {number}\n"),
            )
            .unwrap();
        }
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_batched_ref(
                || store(folder.path()),
                |(_, store)| {
                    let entries = collect(&Collect {
                        root: &root,
                        from: "many/",
                        to: "/srv/",
                        include: &[],
                        exclude: &[],
                        mode: None,
                        owner: (0, 0),
                    });
                    pack(store, entries.unwrap(), &Packing::new(Compression::default(), 0)).unwrap()
                },
                BatchSize::PerIteration,
            );
        });
    }
}

/// An empty store, removed with the value.
fn store(below: &Path) -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir_in(below).unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    (folder, store)
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

criterion_group!(benches, one_file, many_files);
criterion_main!(benches);
