//! What the work of a publish costs at best on this machine: every part of it alone, on all cores, and put together.
//!
//! `cargo bench --bench limits -- INPUTS OUT [SIZES [PLATFORMS]]`, which `cargo xtask bench` calls. INPUTS is what
//! `xtask/bench/inputs` made. A row of OUT is one op of one setting: seconds, processor seconds, and what they are made of.
//! Nothing overlaps in these sums but what is equal and runs on all cores at once.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people, whose failure is a panic"
)]

mod cost;
mod registry;
mod work;

use std::fs;
use std::io::Write;
use std::path::Path;

use cargo_gantry::codec::Compression;
use serde_json::{Value, json};

use cost::Cost;
use registry::Registry;
use work::Tar;

const PLATFORMS: [&str; 6] = [
    "linux-amd64",
    "linux-arm64",
    "linux-arm-v7",
    "linux-386",
    "linux-ppc64le",
    "linux-s390x",
];
/// The one program that op C changes.
const CHANGED: &str = "linux-arm64";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let [inputs, out, rest @ ..] = arguments.as_slice() else {
        println!("which inputs, and where to? see the head of benches/limits/main.rs");
        return;
    };
    let list = |at: usize, default: &str| -> Vec<usize> {
        let text = rest.get(at).map_or(default, |text| text);
        text.split(',').map(|number| number.parse().unwrap()).collect()
    };
    // Row by row: who ends it early keeps what was measured.
    let mut out = fs::File::create(out).unwrap();
    for size in list(0, "5,20,80") {
        for platforms in list(1, "2,6") {
            for (name, compression) in [
                ("default", Compression::default()),
                ("gzip-1", Compression::gzip(Some(1)).unwrap()),
                ("zstd", Compression::zstd(None).unwrap()),
            ] {
                let folder = Path::new(inputs);
                let setting = json!({ "size": size, "platforms": platforms, "encoder": name });
                for row in measured(folder, size, platforms, compression) {
                    writeln!(out, "{}", merged(setting.clone(), row)).unwrap();
                }
                println!("limits of {size} MB x{platforms} {name}");
            }
        }
    }
}

/// A row an op.
fn measured(inputs: &Path, size: usize, platforms: usize, compression: Compression) -> Vec<Value> {
    let tars: Vec<Tar> = PLATFORMS[..platforms]
        .iter()
        .map(|name| Tar::of(&inputs.join(format!("bin/{size}/{name}/app"))))
        .collect();
    let changed = PLATFORMS.iter().position(|name| *name == CHANGED).unwrap();
    let registry = Registry::start();
    let pull = registry.pull(&inputs.join("base-slim"), platforms);
    let all = work::pack(&tars, compression);
    let one = work::pack(&tars[changed..=changed], compression);
    let request = registry.request();
    let n = platforms as f64;
    // Requests that the uploads have not made: of a publish into an empty repository 8n + 3, of them POST and PUT of a
    // layer a platform; the config's are as small as any other.
    let rest = 8.0 * n + 3.0 - 2.0 * n;
    let pushed = Registry::push(&all.layers);
    let pushed_one = Registry::push(&one.layers);
    let ops = [
        (
            "A",
            vec![
                ("pull", pull),
                ("pack", all.cost),
                ("push", pushed),
                ("requests", request * rest),
            ],
        ),
        (
            "P",
            vec![
                ("pack", all.cost),
                ("push", pushed),
                ("requests", request * (rest - 2.0 * n)),
            ],
        ),
        ("B", vec![("requests", request)]),
        (
            "C",
            vec![
                ("pack", one.cost),
                ("push", pushed_one),
                ("requests", request * 6.0),
            ],
        ),
        ("D", vec![("pack", all.cost), ("write", work::write(&all.layers))]),
        ("E", vec![("requests", request * (4.0 * n + 2.0))]),
    ];
    let bytes: usize = all.layers.iter().map(Vec::len).sum();
    let row = |(op, parts): (&str, Vec<(&str, Cost)>)| {
        let whole: Cost = parts.iter().map(|(_, cost)| *cost).sum();
        let parts: Value = parts
            .iter()
            .map(|(name, cost)| ((*name).to_owned(), json!(cost.wall)))
            .collect();
        json!({ "op": op, "wall": whole.wall, "cpu": whole.cpu, "parts": parts, "bytes": bytes })
    };
    ops.into_iter().map(row).collect()
}

fn merged(mut one: Value, other: Value) -> Value {
    let (Some(into), Value::Object(other)) = (one.as_object_mut(), other) else {
        return one;
    };
    into.extend(other);
    one
}
