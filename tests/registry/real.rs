//! Against docker-registry itself.

use std::io::{Seek, Write};

use cargo_gantry::publish::{BlobFile, Kind, Moves};
use cargo_gantry::registry::{self, Pushed, Repository};
use cargo_gantry::spec::{Hasher, Reference};

use crate::shipment::{Fixture, REPOSITORY, client, client_of, reference, settings, shown};
use crate::support::docker_registry::DockerRegistry;

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];
/// The user `me` with the password `hunter2`.
const HTPASSWD: &str = "me:$2y$04$bboJ4lig69kPIzpF4OkzjeoFls0Ojf4eFunR0j79pNj/R8onAnAF.\n";

#[tokio::test]
async fn a_real_registry_takes_and_gives_back_everything() {
    let Some(registry) = DockerRegistry::start(None) else {
        return;
    };
    let (client, fixture) = (client(), Fixture::new(&TAGS));
    let published = fixture.publish(&client, &registry.host()).await.unwrap();
    assert_eq!((published.blobs_sent, published.manifests_sent), (5, 5));
    let again = fixture.publish(&client, &registry.host()).await.unwrap();
    assert!(again.unchanged && again.blobs_sent == 0 && again.manifests_sent == 0);
    for reference in [reference(&registry.host(), "latest"), published.reference.clone()] {
        let index = client.manifest(&reference).await.unwrap().unwrap();
        assert_eq!(index.bytes, fixture.shipment.index.bytes());
    }
    let repository = Repository::new(&registry.host(), REPOSITORY);
    for blob in &fixture.shipment.blobs {
        let bytes = client
            .blob_bytes(&repository, &blob.digest, blob.size)
            .await
            .unwrap();
        assert_eq!(bytes, std::fs::read(&blob.path).unwrap());
    }
    let refused = Fixture::of("new", &TAGS)
        .publish(&client, &registry.host())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused);
    let missing = Reference::with_tag(registry.host(), "no/such".to_owned(), "v1".to_owned());
    assert_eq!(client.manifest(&missing).await.unwrap(), None);
}

#[tokio::test]
async fn a_real_registry_asks_for_the_password() {
    let Some(registry) = DockerRegistry::start(Some(HTPASSWD)) else {
        return;
    };
    let fixture = Fixture::new(&TAGS);
    let mut settings = settings();
    settings.account = Some(crate::authorization::account(&registry.host()));
    let (client, _) = client_of(settings);
    fixture.publish(&client, &registry.host()).await.unwrap();
    assert!(
        fixture
            .publish(&client, &registry.host())
            .await
            .unwrap()
            .unchanged
    );
    let error = fixture
        .publish(&crate::shipment::client(), &registry.host())
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Registry(registry::Kind::Denied),
        "{}",
        shown(&error)
    );
}

/// Most memory that the process ever had, in kB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_large_blob_is_not_held_in_memory() {
    const SIZE: u64 = 300 << 20;
    let Some(registry) = DockerRegistry::start(None) else {
        return;
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.as_file_mut().set_len(SIZE).unwrap();
    file.seek(std::io::SeekFrom::Start(SIZE / 2)).unwrap();
    file.write_all(b"not all of it is zero").unwrap();
    let mut hasher = Hasher::default();
    let mut bytes = vec![0; 1 << 20];
    let mut reader = std::fs::File::open(file.path()).unwrap();
    loop {
        match std::io::Read::read(&mut reader, &mut bytes).unwrap() {
            0 => break,
            read => hasher.update(&bytes[..read]),
        }
    }
    let blob = BlobFile {
        digest: hasher.digest(),
        size: SIZE,
        path: file.path().to_owned(),
    };
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
