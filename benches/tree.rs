//! The tree of a base: out of its layers, and as the cache keeps it; and a program held against it.
//! `cargo bench --bench tree`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a program for people, whose failure is a panic"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cargo_gantry::codec::tar::{Attributes, TarWriter};
use cargo_gantry::codec::{Compression, decoder};
use cargo_gantry::fit::{self, Question};
use cargo_gantry::rootfs::Tree;
use cargo_gantry::spec::{MediaType, Platform};
use cargo_gantry::target::Catalog;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Entries of a base: distroless has some 700, Debian slim some 7,000.
const ENTRIES: [usize; 3] = [700, 7_000, 28_000];

/// A program with libraries, on every machine with glibc.
const PROGRAM: &str = "/bin/ls";

const PLAIN: Attributes = root(0o644);
const OPEN: Attributes = root(0o755);

const fn root(mode: u32) -> Attributes {
    Attributes { mode, uid: 0, gid: 0 }
}

fn from_layers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree out of a layer, gzip");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for entries in ENTRIES {
        let layer = compressed(&base(entries), Compression::default());
        group.throughput(Throughput::Elements(entries as u64));
        group.bench_function(BenchmarkId::from_parameter(entries), |bencher| {
            bencher.iter(|| {
                let mut tree = Tree::default();
                let reader = decoder(&MediaType::ImageLayerGzip, layer.as_slice(), u64::MAX).unwrap();
                tree.apply(reader).unwrap();
                tree
            });
        });
    }
}

fn from_cache(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree out of the cache");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    for entries in ENTRIES {
        let kept = compressed(
            &serde_json::to_vec(&tree(entries)).unwrap(),
            Compression::gzip(Some(1)).unwrap(),
        );
        group.throughput(Throughput::Elements(entries as u64));
        group.bench_function(BenchmarkId::from_parameter(entries), |bencher| {
            bencher.iter(|| {
                let mut bytes = Vec::new();
                let mut reader = decoder(&MediaType::ImageLayerGzip, kept.as_slice(), u64::MAX).unwrap();
                reader.read_to_end(&mut bytes).unwrap();
                serde_json::from_slice::<Tree>(&bytes).unwrap()
            });
        });
    }
}

fn fit_of_a_program(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fit of one program");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    let platform: Platform = format!("linux/{}", machine()).parse().unwrap();
    let catalog = Catalog::builtin();
    let config = serde_json::json!({ "config": { "Entrypoint": [PROGRAM], "User": "65532:65532" } });
    for entries in ENTRIES {
        let tree = tree(entries);
        let question = Question {
            platform: &platform,
            base: "debian",
            catalog: &catalog,
            tree: &tree,
            base_layers: None,
            config: &config,
            programs: &[],
            crates: &BTreeMap::new(),
            static_glibc: &BTreeSet::new(),
            levels: &BTreeMap::new(),
        };
        group.throughput(Throughput::Elements(entries as u64));
        group.bench_function(BenchmarkId::from_parameter(entries), |bencher| {
            bencher.iter(|| fit::check(&question));
        });
    }
}

fn tree(entries: usize) -> Tree {
    let mut tree = Tree::default();
    tree.apply(base(entries).as_slice()).unwrap();
    tree
}

/// A tar with the program, what the loader would map for it, and as many other files as make up the number.
fn base(entries: usize) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new(), 0);
    let mut folders = BTreeSet::new();
    let mut written = 0;
    let mut add = |tar: &mut TarWriter<Vec<u8>>, path: &Path, bytes: &[u8], attributes| {
        let relative = path.strip_prefix("/").unwrap_or(path);
        let above: Vec<&Path> = relative.ancestors().skip(1).collect();
        for folder in above.into_iter().rev().filter(|folder| *folder != Path::new("")) {
            if folders.insert(folder.to_owned()) {
                tar.directory(folder.as_os_str().as_encoded_bytes(), OPEN)
                    .unwrap();
                written += 1;
            }
        }
        let name = relative.as_os_str().as_encoded_bytes();
        tar.file(name, attributes, bytes.len() as u64, &mut &*bytes, &|_| ())
            .unwrap();
        written += 1;
        written
    };
    let mut count = 0;
    for path in mapped() {
        count = add(&mut tar, &path, &fs::read(&path).unwrap(), OPEN);
    }
    let mut number = 0;
    while count < entries {
        let path = format!("usr/share/package-{:03}/documents/file-{number}", number / 20);
        let text = format!("What the file {number} of this package says.\n").repeat(20 + number % 200);
        count = add(&mut tar, Path::new(&path), text.as_bytes(), PLAIN);
        number += 1;
    }
    tar.finish().unwrap()
}

/// The program, its loader and its libraries on this machine, by what it maps when it is asked for its libraries.
fn mapped() -> Vec<PathBuf> {
    let told = std::process::Command::new("ldd").arg(PROGRAM).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let libraries = told.split_whitespace().filter(|word| word.starts_with('/'));
    libraries.chain([PROGRAM]).map(PathBuf::from).collect()
}

fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn compressed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    let mut encoder = compression.encoder(Vec::new()).unwrap();
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

criterion_group!(benches, from_layers, from_cache, fit_of_a_program);
criterion_main!(benches);
