//! Reading: nothing counts that was not checked.

use cargo_gantry::registry::{Kind, Patience, Repository};
use cargo_gantry::spec::{Digest, Reference};

use crate::authorization::signed_in;
use crate::shipment::{Fixture, REPOSITORY, client, client_of, reference, shown};
use crate::support::registry::{Act, Auth, Fault, Habits, Registry, Setup};

/// A registry that holds the fixture under `v1`.
async fn filled(setup: Setup) -> (Registry, Fixture) {
    let fixture = Fixture::new(&[("v1", cargo_gantry::publish::Moves::Always)]);
    let registry = Registry::start(setup);
    fixture.publish(&client(), &registry.host()).await.unwrap();
    registry.clear_log();
    (registry, fixture)
}

#[tokio::test]
async fn manifests_are_read_by_tag_and_digest() {
    for digest_header in [true, false] {
        let setup = Setup {
            habits: Habits {
                digest_header,
                ..Habits::PLAIN
            },
            ..Setup::default()
        };
        let (registry, fixture) = filled(setup).await;
        let (client, index) = (client(), &fixture.shipment.content.root);
        let by_digest = reference(&registry.host(), "v1").clone_with_digest(fixture.digest().to_string());
        for reference in [reference(&registry.host(), "v1"), by_digest] {
            let fetched = client.manifest(&reference).await.unwrap().unwrap();
            assert_eq!(
                (fetched.digest, fetched.media_type.as_str()),
                (fixture.digest(), index.media_type())
            );
            assert_eq!(fetched.bytes, index.bytes());
            let found = client.manifest_digest(&reference).await.unwrap().unwrap();
            assert_eq!((found.digest, found.size), (fixture.digest(), index.size()));
        }
        assert_eq!(
            client.manifest(&reference(&registry.host(), "v2")).await.unwrap(),
            None
        );
        assert_eq!(
            client
                .manifest_digest(&reference(&registry.host(), "v2"))
                .await
                .unwrap(),
            None
        );
        let elsewhere = Reference::with_tag(registry.host(), "no/such".into(), "v1".into());
        assert_eq!(client.manifest(&elsewhere).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_manifest_with_another_digest_is_refused() {
    let (registry, fixture) = filled(Setup::default()).await;
    registry.fail([Fault::first(Act::Flip).on("GET", "manifest").times(usize::MAX)]);
    for reference in [
        reference(&registry.host(), "v1"),
        reference(&registry.host(), "v1").clone_with_digest(fixture.digest().to_string()),
    ] {
        let error = client().manifest(&reference).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        assert!(
            shown(&error).contains("gantry::registry::mismatch"),
            "{}",
            shown(&error)
        );
    }
}

#[tokio::test]
async fn blobs_are_checked_and_taken_up_where_they_broke() {
    let (registry, fixture) = filled(Setup::default()).await;
    let blob = &fixture.shipment.content.blobs[1];
    let bytes = crate::shipment::bytes(blob);
    let repository = Repository::new(&registry.host(), REPOSITORY);
    let client = client();
    assert_eq!(
        client
            .blob_bytes(&repository, &blob.digest, blob.size)
            .await
            .unwrap(),
        bytes
    );
    registry.fail([
        Fault::first(Act::Truncate(100_000)).on("GET", "blob"),
        Fault::first(Act::Drop).on("GET", "blob").at(2),
        Fault::status(502).on("GET", "blob").at(3),
    ]);
    registry.clear_log();
    let mut read = Vec::new();
    client
        .blob_to(&repository, &blob.digest, blob.size, &mut read)
        .await
        .unwrap();
    assert!(read == bytes);
    assert_eq!(registry.log().len(), 4);
    // Always cut at the same place by a server that knows no ranges would never end: patience does.
    registry.fail([Fault::first(Act::Truncate(0)).on("GET", "blob").times(usize::MAX)]);
    let error = client
        .blob_bytes(&repository, &blob.digest, blob.size)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{}", shown(&error));
}

#[tokio::test]
async fn wrong_blobs_are_refused() {
    let (registry, fixture) = filled(Setup::default()).await;
    let (client, blob) = (client(), &fixture.shipment.content.blobs[1]);
    let repository = Repository::new(&registry.host(), REPOSITORY);
    let missing = client
        .blob_bytes(&repository, &Digest::of(b"missing"), 10)
        .await
        .unwrap_err();
    assert!(shown(&missing).contains("is not there"), "{}", shown(&missing));
    let large = client
        .blob_bytes(&repository, &blob.digest, blob.size - 1)
        .await
        .unwrap_err();
    assert!(
        shown(&large).contains("gantry::registry::too_large"),
        "{}",
        shown(&large)
    );
    let short = client
        .blob_to(&repository, &blob.digest, blob.size + 1, &mut Vec::new())
        .await
        .unwrap_err();
    assert!(
        shown(&short).contains("gantry::registry::mismatch"),
        "{}",
        shown(&short)
    );
    registry.fail([Fault::first(Act::Flip).on("GET", "blob").times(usize::MAX)]);
    let flipped = client
        .blob_to(&repository, &blob.digest, blob.size, &mut Vec::new())
        .await
        .unwrap_err();
    assert!(
        shown(&flipped).contains("gantry::registry::mismatch"),
        "{}",
        shown(&flipped)
    );
    let disk = client
        .blob_to(&repository, &blob.digest, blob.size, &mut &mut [0u8; 10][..])
        .await
        .unwrap_err();
    assert_eq!(disk.kind(), Kind::Local, "{}", shown(&disk));
}

#[tokio::test]
async fn another_host_gets_the_request_but_no_credentials() {
    let cdn = Registry::plain();
    let fixture = Fixture::new(&[]);
    fixture.publish(&client(), &cdn.host()).await.unwrap();
    cdn.clear_log();
    // The test's hosts share an address and differ in their port: another origin all the same.
    let registry = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        redirect_blobs: Some(format!("http://{}", cdn.host())),
        ..Setup::default()
    });
    registry.store(|store| {
        store.repositories.entry(REPOSITORY.to_owned()).or_default();
    });
    let (client, _) = client_of(signed_in(&registry.host()));
    let blob = &fixture.shipment.content.blobs[1];
    let repository = Repository::new(&registry.host(), REPOSITORY);
    let bytes = client
        .blob_bytes(&repository, &blob.digest, blob.size)
        .await
        .unwrap();
    assert_eq!(bytes.len() as u64, blob.size);
    let log = registry.log();
    let signed: Vec<bool> = log.iter().map(|asked| asked.authorization.is_some()).collect();
    assert_eq!(signed, [false, true], "nothing is shown before it is asked for");
    assert_eq!(cdn.log().len(), 1);
    assert!(cdn.log()[0].authorization.is_none() && cdn.log()[0].path.ends_with("?signature=s"));
}

#[tokio::test]
async fn redirects_end() {
    let registry = Registry::plain();
    let around = vec![("location", "/v2/team/app/manifests/v1".to_owned())];
    registry.fail([Fault::first(Act::Status(302, around, String::new())).times(usize::MAX)]);
    let error = client()
        .manifest(&reference(&registry.host(), "v1"))
        .await
        .unwrap_err();
    assert!(shown(&error).contains("too many redirects"), "{}", shown(&error));
    let away = vec![("location", "http://cdn.example/x".to_owned())];
    let registry = Registry::failing([Fault::first(Act::Status(302, away, String::new()))]);
    let error = client()
        .manifest(&reference(&registry.host(), "v1"))
        .await
        .unwrap_err();
    assert!(
        shown(&error).contains("plain http at another host"),
        "{}",
        shown(&error)
    );
    assert_eq!(Patience::default().tries, 6);
}
