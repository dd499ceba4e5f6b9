//! How much memory the whole command takes: a file that cannot be compressed, packed and pushed to a real registry.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::publish::BlobSource;
use cargo_gantry::registry::{Client, HostSettings, Pushed, Repository, Settings};
use cargo_gantry::spec::Hashing;
use cargo_gantry::tool::Tools;
use support::docker_registry::{DockerRegistry, Guard};
use support::watched::{PROMISED, Watched};

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
        let what = format!("{compression}: {} MiB packed and pushed", mebibytes());
        publish(project.path(), &registry.host(), compression).within(PROMISED, &what);
        let size = largest_blob(&project.path().join("target/gantry/blobs/sha256"));
        assert!(
            size >= mebibytes() << 20,
            "{compression}: only {size} bytes were packed"
        );
        // Nearly all blocks are as before: decoded, compared, taken over.
        let file = File::options()
            .write(true)
            .open(project.path().join("noise"))
            .unwrap();
        let beginning = format!("another beginning, of {compression}");
        file.write_all_at(beginning.as_bytes(), 0).unwrap();
        let what = format!("{compression}: the same with another beginning");
        publish(project.path(), &registry.host(), compression).within(PROMISED, &what);
        // The next one makes its own: room for one at a time is enough.
        std::fs::remove_dir_all(project.path().join("target/gantry")).unwrap();
    }
}

/// Most memory that this process ever had, in kB. No other test of this file works in it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().trim().trim_end_matches("kB").trim();
    number.parse().unwrap()
}

#[tokio::test]
async fn a_blob_of_another_registry_streams_in_constant_memory() {
    const SIZE: u64 = 256 << 20;
    let guard = Guard::default();
    let (Some(source), Some(to)) = (DockerRegistry::start(&guard), DockerRegistry::start(&guard)) else {
        return;
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.as_file_mut().set_len(SIZE).unwrap();
    file.write_all(b"not all of it is zero").unwrap();
    let mut hasher = Hashing::new(std::io::sink());
    std::io::copy(&mut File::open(file.path()).unwrap(), &mut hasher).unwrap();
    let digest = hasher.into_parts().1.digest();

    let mut settings = Settings::new(Tools::new(Environment::empty("/nonexistent")));
    let mut in_parts = HostSettings::default();
    in_parts.chunk_size = Some(8 << 20);
    let whole = Client::new(settings.clone(), Arc::new(Silent)).unwrap();
    settings.hosts.insert(to.host(), in_parts);
    let in_parts = Client::new(settings, Arc::new(Silent)).unwrap();

    let base = Repository::new(&source.host(), "library/base");
    let stored = BlobSource::file(digest, SIZE, file.path());
    assert_eq!(whole.push_blob(&base, &stored).await.unwrap(), Pushed::Sent);
    drop(file);
    let blob = BlobSource::remote(digest, SIZE, base);
    let before = peak();
    for (client, name) in [(whole, "team/whole"), (in_parts, "team/parts")] {
        let repository = Repository::new(&to.host(), name);
        assert_eq!(client.push_blob(&repository, &blob).await.unwrap(), Pushed::Sent);
        assert!(client.blob_present(&repository, &digest, SIZE).await.unwrap());
        let _ = writeln!(
            std::io::stderr(),
            "{name}: {} MiB streamed from registry to registry, {} kB more at most",
            SIZE >> 20,
            peak() - before
        );
    }
    // Held in memory it would be 256 MiB more.
    assert!(
        peak() - before < 24 << 10,
        "{before} kB before, {} kB after",
        peak()
    );
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

/// Publishes; cargo and the compiler are processes of their own.
fn publish(project: &Path, host: &str, compression: &str) -> Watched {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-gantry"));
    command
        .args(["gantry", "publish", "-q", "--tag", "v1", "--repository"])
        .arg(format!("{host}/heavy/{compression}"))
        .current_dir(project)
        .env_remove("CARGO_TARGET_DIR");
    Watched::of(&mut command)
}

fn largest_blob(folder: &Path) -> u64 {
    let blobs = std::fs::read_dir(folder).unwrap();
    blobs
        .map(|blob| blob.unwrap().metadata().unwrap().len())
        .max()
        .unwrap_or(0)
}
