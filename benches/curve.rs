//! What each algorithm and level makes of given files: size, and speed both ways. `cargo bench --bench curve -- TAR...`
//!
//! Prints a Markdown table. Sizes are relative to what `gzip -6` makes of the same. Speeds are megabytes of input: by
//! CPU second, which is what one core does, and by second with all of them. Decompressing is one core's work.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people, whose failure is a panic"
)]

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cargo_gantry::codec::{Compression, decoder};

/// Shorter ones are done again until they took as long.
const LEAST: Duration = Duration::from_millis(300);

fn main() {
    println!("| input | how | to `gzip -6` | MB/s a core | MB/s all | MB/s back | MB/s `-d` |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    // Cargo itself hands `--bench` over.
    for path in std::env::args().skip(1).filter(|argument| argument != "--bench") {
        let input = std::fs::read(&path).unwrap();
        let name = path.rsplit('/').next().unwrap();
        let measure = written(Command::new("gzip").args(["-6nc", &path])) as f64;
        let gzip = [1, 4, 6, 7, 9].map(|level| Compression::gzip(Some(level)).unwrap());
        let zstd = [1, 3, 6, 9, 12, 19].map(|level| Compression::zstd(Some(level)).unwrap());
        for compression in gzip.into_iter().chain(zstd).chain([Compression::None]) {
            let compressed = compressed(compression, &input);
            let (cpu, wall) = measured(|| drop(black_box(self::compressed(compression, &input))));
            let (back, _) = measured(|| {
                let media_type = compression.media_type();
                let mut decoder = decoder(&media_type, compressed.as_slice(), u64::MAX).unwrap();
                io::copy(&mut decoder, &mut io::sink()).unwrap();
            });
            let program = match compression {
                Compression::Gzip(_) => Some("gzip"),
                Compression::Zstd(_) => Some("zstd"),
                Compression::None => None,
            };
            let speed = |time: Duration| input.len() as f64 / 1e6 / time.as_secs_f64();
            let theirs = program.map(|program| format!("{:.0}", speed(outside(program, &compressed))));
            println!(
                "| {name} | {compression} | {:.3} | {:.0} | {:.0} | {:.0} | {} |",
                compressed.len() as f64 / measure,
                speed(cpu),
                speed(wall),
                speed(back),
                theirs.as_deref().unwrap_or("-"),
            );
        }
    }
}

fn compressed(compression: Compression, input: &[u8]) -> Vec<u8> {
    let mut encoder = compression.encoder(Vec::new()).unwrap();
    encoder.write_all(input).unwrap();
    encoder.finish().unwrap()
}

/// How many bytes a command writes.
fn written(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let count = io::copy(&mut child.stdout.take().unwrap(), &mut io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
    count
}

/// CPU time, of all threads, and wall time of one call.
fn measured(mut work: impl FnMut()) -> (Duration, Duration) {
    let (begun, cpu_begun, mut runs) = (Instant::now(), cpu(), 0);
    while begun.elapsed() < LEAST {
        work();
        runs += 1;
    }
    ((cpu() - cpu_begun) / runs, begun.elapsed() / runs)
}

/// How long a program takes to decompress.
fn outside(program: &str, compressed: &[u8]) -> Duration {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(compressed).unwrap();
    let (_, wall) = measured(|| {
        let input = File::open(file.path()).unwrap();
        let mut command = Command::new(program);
        let status = command.args(["-qdc"]).stdin(input).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
    });
    wall
}

#[cfg(unix)]
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// No such clock: both columns show the same.
#[cfg(not(unix))]
fn cpu() -> Duration {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGUN.elapsed()
}
