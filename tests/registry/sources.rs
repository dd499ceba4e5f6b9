//! Blobs that lie in another repository: mounted, or streamed from there.

use std::time::Duration;

use cargo_gantry::publish::{BlobSource, Kind, Moves};
use cargo_gantry::registry::{self, Pushed, Repository};
use cargo_gantry::spec::Digest;

use crate::authorization::signed_in;
use crate::shipment::{Fixture, client, client_of, settings, shown};
use crate::support::registry::{Act, Auth, Bearer, Fault, Habits, Mount, Registry, Setup, kind};

const TAGS: [(&str, Moves); 1] = [("v1", Moves::Always)];
const BASE: &str = "library/base";

fn with(habits: Habits) -> Registry {
    Registry::start(Setup {
        habits,
        ..Setup::default()
    })
}

/// More than what sockets and pipes hold.
fn large() -> Vec<u8> {
    (0..1_500_000u32).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test]
async fn a_blob_of_the_same_registry_is_mounted() {
    let registry = Registry::plain();
    let (fixture, base) = Fixture::new(&TAGS).on_base(&Repository::new(&registry.host(), BASE));
    registry.hold(BASE, &base);
    let published = fixture.publish(&client(), &registry.host()).await.unwrap();
    fixture.assert_stored(&registry);
    assert_eq!((published.blobs_mounted, published.blobs_sent), (1, 4));
    assert_eq!(registry.uploaded() as u64, published.bytes_sent);
    let whole = Fixture::new(&TAGS)
        .publish(&client(), &Registry::plain().host())
        .await
        .unwrap();
    assert_eq!(whole.bytes_sent - published.bytes_sent, base.len() as u64);
    let again = fixture.publish(&client(), &registry.host()).await.unwrap();
    assert!(again.unchanged && again.blobs_mounted == 0);
}

#[tokio::test]
async fn the_session_of_a_mount_that_did_not_happen_is_used() {
    let registry = with(Habits {
        mount: Mount::Session,
        ..Habits::PLAIN
    });
    registry.hold(BASE, b"base");
    let blob = BlobSource::remote(Digest::of(b"base"), 4, Repository::new(&registry.host(), BASE));
    let to = Repository::new(&registry.host(), "a/b");
    assert_eq!(client().push_blob(&to, &blob).await.unwrap(), Pushed::Sent);
    assert_eq!(registry.kinds(), ["POST upload", "GET blob", "PUT upload"]);
}

#[tokio::test]
async fn a_mount_that_is_refused_is_no_obstacle() {
    let statuses = [400, 401, 403, 404, 405, 413, 500, 502, 503].map(Mount::Status);
    for mount in statuses.into_iter().chain([Mount::HangUp]) {
        let registry = with(Habits {
            mount,
            ..Habits::PLAIN
        });
        let (fixture, base) = Fixture::new(&TAGS).on_base(&Repository::new(&registry.host(), BASE));
        registry.hold(BASE, &base);
        let published = fixture.publish(&client(), &registry.host()).await;
        let published = published.unwrap_or_else(|error| panic!("{mount:?}: {}", shown(&error)));
        fixture.assert_stored(&registry);
        assert_eq!(
            (published.blobs_mounted, published.blobs_sent),
            (0, 5),
            "{mount:?}"
        );
    }
    // Whoever asks for peace gets it, and then mounts.
    let wait = vec![("retry-after", "0".to_owned())];
    let busy = Fault::first(Act::Status(429, wait, String::new())).on("POST", "upload");
    let registry = Registry::failing([busy]);
    registry.hold(BASE, b"base");
    let blob = BlobSource::remote(Digest::of(b"base"), 4, Repository::new(&registry.host(), BASE));
    let to = Repository::new(&registry.host(), "a/b");
    assert_eq!(client().push_blob(&to, &blob).await.unwrap(), Pushed::Mounted);
}

#[tokio::test]
async fn a_mount_asks_for_both_scopes_and_does_without_the_second() {
    for (strict, known) in [(false, true), (true, true), (true, false)] {
        let auth = Auth::Bearer(Bearer {
            account: Some(("me", "hunter2")),
            strict,
            ..Bearer::default()
        });
        let registry = Registry::start(Setup {
            auth,
            ..Setup::default()
        });
        if known {
            registry.hold(BASE, b"base");
        }
        registry.hold("a/b", b"something else");
        let from = Repository::new(&registry.host(), BASE);
        let to = Repository::new(&registry.host(), "a/b");
        let (client, _) = client_of(signed_in(&registry.host()));
        let pushed = client
            .push_blob(&to, &BlobSource::remote(Digest::of(b"base"), 4, from))
            .await;
        assert_eq!(
            pushed.is_ok_and(|pushed| pushed == Pushed::Mounted),
            known,
            "{strict}"
        );
        let asked: Vec<String> = registry.whole_log().into_iter().map(|asked| asked.path).collect();
        let mount = asked
            .iter()
            .find(|path| path.starts_with("/token") && path.contains("base"))
            .unwrap();
        let order = |part: &str| mount.find(part).unwrap_or_else(|| panic!("{mount}"));
        assert!(
            order("a%2Fb%3Apull%2Cpush") < order("library%2Fbase%3Apull"),
            "{mount}"
        );
    }
}

#[tokio::test]
async fn a_blob_of_another_registry_streams_from_there() {
    let (source, registry) = (
        Registry::start(Setup {
            auth: Auth::Basic("me", "hunter2"),
            ..Setup::default()
        }),
        Registry::plain(),
    );
    let (bytes, to) = (large(), Repository::new(&registry.host(), "a/b"));
    source.hold(BASE, &bytes);
    let from = Repository::new(&source.host(), BASE);
    let blob = BlobSource::remote(Digest::of(&bytes), bytes.len() as u64, from);
    let (client, told) = client_of(signed_in(&source.host()));
    assert_eq!(client.push_blob(&to, &blob).await.unwrap(), Pushed::Sent);
    registry.store(|store| assert!(store.of("a/b").blobs[&blob.digest.to_string()] == bytes));
    // It is worth a look whether the session means that it is not there.
    assert_eq!(registry.kinds(), ["POST upload", "HEAD blob", "PUT upload"]);
    let reads: Vec<_> = source
        .log()
        .into_iter()
        .filter(|asked| asked.status == Some(200))
        .collect();
    assert_eq!(reads.len(), 1);
    assert!(
        registry
            .whole_log()
            .iter()
            .all(|asked| asked.authorization.is_none())
    );
    assert!(!told.of("UploadProgress").is_empty());
}

#[tokio::test]
async fn a_stream_that_breaks_begins_anew() {
    let of_source = [
        Fault::first(Act::Truncate(700_000)).on("GET", "blob").times(2),
        Fault::first(Act::Drop).on("GET", "blob"),
        Fault::first(Act::Hang).on("GET", "blob"),
        Fault::first(Act::Stall(900_000)).on("GET", "blob"),
        Fault::status(503).on("GET", "blob").times(3),
    ];
    let of_destination = [Act::CutBody(600_000), Act::DropEarly, Act::DropAfter, Act::Hang]
        .map(|act| Fault::first(act).on("PUT", "upload"));
    let source_breaks = of_source.map(|fault| (Registry::failing([fault.clone()]), Registry::plain(), fault));
    let other_end =
        of_destination.map(|fault| (Registry::plain(), Registry::failing([fault.clone()]), fault));
    for (source, registry, fault) in source_breaks.into_iter().chain(other_end) {
        let bytes = large();
        source.hold(BASE, &bytes);
        let from = Repository::new(&source.host(), BASE);
        let blob = BlobSource::remote(Digest::of(&bytes), bytes.len() as u64, from);
        let to = Repository::new(&registry.host(), "a/b");
        let mut settings = settings();
        settings.patience.stall = Duration::from_millis(300);
        let pushed = client_of(settings).0.push_blob(&to, &blob).await;
        assert!(pushed.is_ok_and(|p| p == Pushed::Sent), "{fault:?}");
        registry.store(|store| assert!(store.of("a/b").blobs[&blob.digest.to_string()] == bytes));
    }
}

#[tokio::test]
async fn wrong_content_is_never_whole_at_the_destination() {
    let bytes = large();
    let digest = Digest::of(&bytes);
    let mut flipped = bytes.clone();
    flipped[0] ^= 1;
    let shorter = bytes[..bytes.len() - 1].to_vec();
    let longer = [&bytes[..], b"x"].concat();
    for wrong in [flipped, shorter, longer, Vec::new()] {
        let (source, registry) = (Registry::plain(), Registry::plain());
        source.hold(BASE, b"");
        source.store(|store| {
            let base = store.repositories.get_mut(BASE).unwrap();
            base.blobs.insert(digest.to_string(), wrong.clone());
        });
        let from = Repository::new(&source.host(), BASE);
        let blob = BlobSource::remote(digest, bytes.len() as u64, from);
        let to = Repository::new(&registry.host(), "a/b");
        let error = client().push_blob(&to, &blob).await.unwrap_err();
        assert_eq!(error.kind(), registry::Kind::Protocol);
        let text = shown(&error);
        assert!(
            text.contains("gantry::registry::mismatch") && text.contains(BASE),
            "{text}"
        );
        // The request broke off, and was not sent again.
        let puts: Vec<_> = registry
            .log()
            .into_iter()
            .filter(|asked| asked.method == "PUT")
            .collect();
        assert!(puts.iter().all(|put| put.status.is_none()), "{puts:?}");
        assert!(puts.iter().all(|put| put.body < bytes.len()), "{puts:?}");
        registry.store(|store| assert!(store.repositories.values().all(|r| r.blobs.is_empty())));
    }
}

#[tokio::test]
async fn a_blob_that_is_nowhere_is_named() {
    let (source, registry) = (Registry::plain(), Registry::plain());
    source.hold(BASE, b"");
    for host in [source.host(), registry.host()] {
        let (fixture, _) = Fixture::new(&TAGS).on_base(&Repository::new(&host, BASE));
        let error = fixture.publish(&client(), &registry.host()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Registry(registry::Kind::Protocol));
        assert!(shown(&error).contains("is not there"), "{}", shown(&error));
        let manifests = registry
            .log()
            .into_iter()
            .filter(|asked| kind(&asked.path) == "manifest");
        assert!(manifests.into_iter().all(|asked| asked.method == "HEAD"));
    }
}
