//! How much memory an upload takes.

use std::io::{Read, Seek, SeekFrom, Write};

use cargo_gantry::publish::BlobSource;
use cargo_gantry::registry::{Pushed, Repository};
use cargo_gantry::spec::Hasher;

use crate::shipment::client;
use crate::support::docker_registry::{DockerRegistry, Guard};

/// Most memory that the process ever had, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

#[tokio::test]
async fn a_large_blob_is_not_held_in_memory() {
    const SIZE: u64 = 300 << 20;
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.as_file_mut().set_len(SIZE).unwrap();
    file.seek(SeekFrom::Start(SIZE / 2)).unwrap();
    file.write_all(b"not all of it is zero").unwrap();
    let mut hasher = Hasher::default();
    let mut bytes = vec![0; 1 << 20];
    let mut reader = std::fs::File::open(file.path()).unwrap();
    loop {
        match reader.read(&mut bytes).unwrap() {
            0 => break,
            read => hasher.update(&bytes[..read]),
        }
    }
    let blob = BlobSource::file(hasher.digest(), SIZE, file.path());
    let repository = Repository::new(&registry.host(), "large/blob");
    let client = client();
    let before = peak();
    assert_eq!(client.push_blob(&repository, &blob).await.unwrap(), Pushed::Sent);
    let pushed = peak();
    client
        .blob_to(&repository, &blob.digest, SIZE, &mut std::io::sink())
        .await
        .unwrap();
    eprintln!(
        "peak memory in kB: before {before}, after push {pushed}, after pull {}",
        peak()
    );
    // Other tests run in the same process; a blob held in memory would add 300 MiB.
    assert!(
        peak() - before < 64 << 10,
        "{before} kB before, {} kB after",
        peak()
    );
}
