//! How much memory the whole command takes: a file that cannot be compressed, packed and pushed to a real registry.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::docker_registry::{DockerRegistry, Guard};

/// What is promised, in kB: 64 MB.
const LIMIT: u64 = 64_000_000 / 1024;

/// What the file holds in MiB. Twice the limit is enough to see it held; the promise is about a gibibyte.
fn mebibytes() -> u64 {
    let all = std::env::var("GANTRY_TEST_REQUIRE").is_ok_and(|value| value == "all");
    if all { 1024 } else { 128 }
}

#[test]
fn a_large_file_is_published_in_constant_memory() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let project = tempfile::tempdir().unwrap();
    write_project(project.path());
    noise(&project.path().join("noise"), mebibytes());
    for compression in ["gzip", "zstd"] {
        write_matrix(project.path(), compression);
        let peak = publish(project.path(), &registry.host(), compression);
        let size = largest_blob(&project.path().join("target/gantry/blobs/sha256"));
        assert!(
            size >= mebibytes() << 20,
            "{compression}: only {size} bytes were packed"
        );
        let _ = writeln!(
            std::io::stderr(),
            "{compression}: {} MiB packed and pushed with {peak} kB at most",
            mebibytes()
        );
        assert!(peak > 1000, "{compression}: {peak} kB are no process's peak");
        assert!(peak < LIMIT, "{compression}: {peak} kB, more than {LIMIT}");
        // The next one makes its own: room for one at a time is enough.
        std::fs::remove_dir_all(project.path().join("target/gantry")).unwrap();
    }
}

fn write_project(folder: &Path) {
    std::fs::create_dir(folder.join("src")).unwrap();
    std::fs::write(folder.join("src/main.rs"), "fn main() {}\n").unwrap();
    let manifest = "[package]\nname = \"heavy\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
}

/// No level: the default one is what is promised.
fn write_matrix(folder: &Path, compression: &str) {
    let matrix = format!(
        "schema = 1\n[image.heavy]\nplatforms = [\"linux/amd64\"]\nbase = \"static\"\ncompression = \
         \"{compression}\"\nbinaries = [\"heavy\"]\n[[image.heavy.files]]\nfrom = \"noise\"\nto = \"/noise\"\n"
    );
    std::fs::write(folder.join("gantry.toml"), matrix).unwrap();
}

/// Bytes that no encoder makes smaller.
fn noise(path: &Path, mebibytes: u64) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..(mebibytes << 20) / 8 {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
}

/// Publishes, and gives the command's own peak in kB; cargo and the compiler are processes of their own.
fn publish(project: &Path, host: &str, compression: &str) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gantry"));
    command
        .args(["gantry", "publish", "-q", "--tag", "v1", "--repository"])
        .arg(format!("{host}/heavy/{compression}"))
        .current_dir(project)
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let (success, peak) = watched(command.spawn().unwrap());
    assert!(success, "{compression}: publish failed");
    peak
}

/// The system's mark of the most memory that a process had, read until the process is gone.
fn watched(mut child: Child) -> (bool, u64) {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let mark = mark.and_then(|mark| mark.trim().trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(mark.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.success(), peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn largest_blob(folder: &Path) -> u64 {
    let blobs = std::fs::read_dir(folder).unwrap();
    blobs
        .map(|blob| blob.unwrap().metadata().unwrap().len())
        .max()
        .unwrap_or(0)
}
