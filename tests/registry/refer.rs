//! Manifests with a subject, and the list that stands in for a registry's own.

use std::collections::BTreeSet;

use cargo_gantry::publish::Moves;
use cargo_gantry::registry::{Client, Kind, Repository};
use cargo_gantry::spec::Digest;
use serde_json::{Value, json};

use crate::shipment::{Fixture, REPOSITORY, client, shown};
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::registry::{Act, Fault, Habits, Registry, Setup};

const TAGS: [(&str, Moves); 1] = [("1.0.0", Moves::Never)];
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry without a list of its own, or with marks, or both.
fn with(referrers: bool, etags: bool) -> Registry {
    Registry::start(Setup {
        habits: Habits {
            referrers,
            etags,
            ..Habits::PLAIN
        },
        ..Setup::default()
    })
}

async fn published(client: &Client, host: &str) -> (Fixture, Repository) {
    let fixture = Fixture::new(&TAGS);
    fixture.publish(client, host).await.unwrap();
    let repository = Repository::new(host, REPOSITORY);
    client.push_blob(&repository, &fixture.file(b"{}")).await.unwrap();
    (fixture, repository)
}

fn manifest(subject: &Digest, artifact_type: Option<&str>, note: &str) -> Vec<u8> {
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
        "digest": Digest::of(b"{}").to_string()});
    let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [empty],
        "annotations": {"note": note},
        "subject": {"mediaType": MANIFEST, "size": 1, "digest": subject.to_string()}});
    if let Some(artifact_type) = artifact_type {
        manifest["artifactType"] = artifact_type.into();
    }
    manifest.to_string().into_bytes()
}

fn listed(registry: &Registry, tag: &str) -> Vec<Value> {
    registry.store(|store| {
        let repository = store.of(REPOSITORY);
        let (media_type, bytes) = &repository.manifests[&repository.tags[tag]];
        assert_eq!(media_type, INDEX);
        let index: Value = serde_json::from_slice(bytes).unwrap();
        index["manifests"].as_array().unwrap().clone()
    })
}

#[tokio::test]
async fn a_registry_that_notes_subjects_is_left_alone() {
    let (registry, client) = (with(true, false), client());
    let (fixture, repository) = published(&client, &registry.host()).await;
    let bytes = manifest(&fixture.digest(), Some("example/sbom"), "a");
    registry.clear_log();
    let referred = client.put_referrer(&repository, MANIFEST, &bytes).await.unwrap();
    assert_eq!((referred.digest, referred.tag), (Digest::of(&bytes), None));
    assert_eq!(registry.kinds(), ["PUT manifest"]);
    let found = client
        .referrers(&repository, &fixture.digest(), None)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn else_the_list_under_the_tag_names_it() {
    for etags in [false, true] {
        let (registry, client) = (with(false, etags), client());
        let (fixture, repository) = published(&client, &registry.host()).await;
        let subject = fixture.digest();
        let tag = format!("sha256-{}", subject.hex());
        let first = manifest(&subject, Some("example/sbom"), "a");
        let second = manifest(&subject, None, "b");
        for bytes in [&first, &second, &first] {
            let referred = client.put_referrer(&repository, MANIFEST, bytes).await.unwrap();
            assert_eq!(referred.tag.as_deref(), Some(tag.as_str()));
        }
        let entry = |bytes: &[u8], artifact_type: &str, note: &str| {
            json!({"mediaType": MANIFEST, "digest": Digest::of(bytes).to_string(), "size": bytes.len(),
                "artifactType": artifact_type, "annotations": {"note": note}})
        };
        let expected = [
            entry(&first, "example/sbom", "a"),
            entry(&second, "application/vnd.oci.empty.v1+json", "b"),
        ];
        assert_eq!(listed(&registry, &tag), expected);
        let wanted = Some("example/sbom");
        let found = client.referrers(&repository, &subject, wanted).await.unwrap();
        assert_eq!(found.len(), 1);
        registry.store(|store| assert_eq!(store.of(REPOSITORY).problems(), Vec::<String>::new()));
    }
}

#[tokio::test]
async fn no_entry_is_lost_to_another_writer() {
    // One process: they wait for each other. Two with marks: the registry tells them.
    for (etags, clients) in [(false, 1), (true, 2)] {
        let registry = with(false, etags);
        let clients: Vec<Client> = (0..clients).map(|_| client()).collect();
        let (fixture, repository) = published(&clients[0], &registry.host()).await;
        let subject = fixture.digest();
        let mut writers = tokio::task::JoinSet::new();
        let mut expected = BTreeSet::new();
        for number in 0..5 {
            let client = clients[number % clients.len()].clone();
            let bytes = manifest(&subject, Some("example/sbom"), &number.to_string());
            expected.insert(Digest::of(&bytes).to_string());
            let repository = repository.clone();
            writers.spawn(async move { client.put_referrer(&repository, MANIFEST, &bytes).await });
        }
        while let Some(written) = writers.join_next().await {
            written
                .unwrap()
                .unwrap_or_else(|error| panic!("{}", shown(&error)));
        }
        let listed = listed(&registry, &format!("sha256-{}", subject.hex()));
        let digests: BTreeSet<String> = listed
            .iter()
            .map(|e| e["digest"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!((digests, listed.len()), (expected, 5), "etags: {etags}");
    }
}

#[tokio::test]
async fn what_others_wrote_in_between_is_read_again() {
    let (registry, client) = (with(false, false), client());
    let (fixture, repository) = published(&client, &registry.host()).await;
    let bytes = manifest(&fixture.digest(), Some("example/sbom"), "a");
    // The list is accepted, and something else stored: as if it were overwritten at once.
    registry.fail([Fault::first(Act::Status(201, Vec::new(), String::new()))
        .on("PUT", "manifest")
        .at(2)]);
    client.put_referrer(&repository, MANIFEST, &bytes).await.unwrap();
    let tag = format!("sha256-{}", fixture.digest().hex());
    assert_eq!(listed(&registry, &tag).len(), 1);
    // It is not tried for ever.
    let again = manifest(&fixture.digest(), Some("example/sbom"), "b");
    registry.fail([Fault::first(Act::Status(201, Vec::new(), String::new()))
        .on("PUT", "manifest")
        .at(2)
        .times(1000)]);
    let error = client
        .put_referrer(&repository, MANIFEST, &again)
        .await
        .unwrap_err();
    assert!(shown(&error).contains("does not stay"), "{}", shown(&error));
}

#[tokio::test]
async fn what_is_no_list_is_not_overwritten() {
    let (registry, client) = (with(false, false), client());
    let (fixture, repository) = published(&client, &registry.host()).await;
    let child = &fixture.shipment.content.manifests[0];
    let tag = format!("sha256-{}", fixture.digest().hex());
    let reference = repository.tagged(&tag);
    client
        .put_manifest(&reference, MANIFEST, child.bytes())
        .await
        .unwrap();
    let bytes = manifest(&fixture.digest(), Some("example/sbom"), "a");
    let error = client
        .put_referrer(&repository, MANIFEST, &bytes)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol, "{}", shown(&error));
    let found = client.manifest_digest(&reference).await.unwrap().unwrap();
    assert_eq!(found.digest, *child.digest());
    let error = client
        .put_referrer(&repository, MANIFEST, child.bytes())
        .await
        .unwrap_err();
    assert!(shown(&error).contains("subject"), "{}", shown(&error));
}

#[tokio::test]
async fn the_real_registry_needs_the_tag() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let client = client();
    let (fixture, repository) = published(&client, &registry.host()).await;
    for note in ["a", "b"] {
        let bytes = manifest(&fixture.digest(), Some("example/sbom"), note);
        let referred = client.put_referrer(&repository, MANIFEST, &bytes).await.unwrap();
        assert!(referred.tag.is_some());
    }
    let found = client
        .referrers(&repository, &fixture.digest(), None)
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
}
