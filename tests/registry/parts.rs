//! Blobs in parts, for whoever refuses them whole.

use cargo_gantry::publish::BlobSource;
use cargo_gantry::registry::{self, HostSettings, Pushed, Repository};
use cargo_gantry::spec::Digest;

use crate::shipment::{Fixture, client, client_of, settings, shown};
use crate::support::registry::{Act, Asked, Fault, Habits, Location, Registry, Setup, profile};

const MIB: usize = 1 << 20;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 7) as u8).collect()
}

fn with(habits: Habits) -> Registry {
    Registry::start(Setup {
        habits,
        ..Setup::default()
    })
}

fn narrow() -> Habits {
    Habits {
        largest_put: Some(3 * MIB),
        ..Habits::PLAIN
    }
}

fn parts(registry: &Registry) -> Vec<usize> {
    let taken = |asked: &Asked| asked.method == "PATCH" && asked.status.is_some_and(|status| status < 300);
    registry
        .log()
        .iter()
        .filter(|asked| taken(asked))
        .map(|asked| asked.body)
        .collect()
}

/// Pushes `bytes` from a file to a registry, and asserts that it arrives.
async fn arrives(registry: &Registry, bytes: &[u8]) {
    let (fixture, to) = (Fixture::new(&[]), Repository::new(&registry.host(), "a/b"));
    let blob = fixture.file(bytes);
    let pushed = client().push_blob(&to, &blob).await;
    let pushed = pushed.unwrap_or_else(|error| panic!("{}", shown(&error)));
    assert_eq!(pushed, Pushed::Sent);
    registry.store(|store| assert!(store.of("a/b").blobs[&blob.digest.to_string()] == bytes));
}

#[tokio::test]
async fn what_is_too_large_is_sent_in_parts() {
    let registry = with(narrow());
    let bytes = bytes(9 * MIB + 5);
    arrives(&registry, &bytes).await;
    assert_eq!(parts(&registry), [4 * MIB, 4 * MIB, MIB + 5]);

    // Even where the answer drowns in what is still on its way.
    let registry = with(Habits {
        hangs_up_on_413: true,
        ..narrow()
    });
    arrives(&registry, &bytes).await;

    // The host is known now: no second blob is refused first.
    let registry = with(narrow());
    let (fixture, to, client) = (
        Fixture::new(&[]),
        Repository::new(&registry.host(), "a/b"),
        client(),
    );
    client.push_blob(&to, &fixture.file(&bytes)).await.unwrap();
    registry.clear_log();
    client.push_blob(&to, &fixture.file(&bytes[1..])).await.unwrap();
    client.push_blob(&to, &fixture.file(b"small")).await.unwrap();
    let refused: Vec<_> = registry
        .log()
        .into_iter()
        .filter(|asked| asked.status == Some(413))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(
        registry
            .kinds()
            .iter()
            .filter(|kind| *kind == "PATCH upload")
            .count(),
        3
    );
}

#[tokio::test]
async fn parts_fit_what_the_registry_asks_for() {
    let bytes = bytes(9 * MIB);
    for (habits, expected) in [
        (
            Habits {
                largest_part: Some(MIB),
                ..narrow()
            },
            vec![MIB; 9],
        ),
        (
            Habits {
                smallest_part: Some(5 << 20),
                ..narrow()
            },
            vec![5 * MIB, 4 * MIB],
        ),
        // More than is believed: the blob is smaller than what that is taken for.
        (
            Habits {
                smallest_part: Some(u64::MAX),
                ..narrow()
            },
            vec![9 * MIB],
        ),
        (
            Habits {
                stale_range: true,
                part_status: 201,
                ..narrow()
            },
            vec![4 * MIB, 4 * MIB, MIB],
        ),
        (
            Habits {
                largest_put: Some(3 * MIB),
                ..profile("ecr")
            },
            vec![5 * MIB, 4 * MIB],
        ),
    ] {
        let registry = with(habits);
        registry.hold("a/b", b"");
        arrives(&registry, &bytes).await;
        assert_eq!(parts(&registry), expected);
    }
    for location in [Location::Absolute, Location::Query] {
        let registry = Registry::start(Setup {
            location,
            habits: narrow(),
            ..Setup::default()
        });
        arrives(&registry, &bytes).await;
    }
}

#[tokio::test]
async fn the_user_sets_the_size_of_parts() {
    let registry = Registry::plain();
    let mut host = HostSettings::default();
    host.chunk_size = Some(100_000);
    let mut settings = settings();
    settings.hosts.insert(registry.host(), host);
    let (client, _) = client_of(settings);
    let (fixture, to) = (Fixture::new(&[]), Repository::new(&registry.host(), "a/b"));
    client
        .push_blob(&to, &fixture.file(&bytes(250_000)))
        .await
        .unwrap();
    client
        .push_blob(&to, &fixture.file(&bytes(100_000)))
        .await
        .unwrap();
    assert_eq!(parts(&registry), [100_000, 100_000, 50_000]);
}

#[tokio::test]
async fn a_part_that_failed_goes_on_where_the_registry_is() {
    let bytes = bytes(9 * MIB);
    for act in [
        Act::DropEarly,
        Act::Drop,
        Act::DropAfter,
        Act::CutBody(MIB),
        Act::Status(500, Vec::new(), String::new()),
        Act::Status(429, vec![("retry-after", "0".to_owned())], String::new()),
        Act::Status(416, Vec::new(), String::new()),
    ] {
        for cut_ends_session in [false, true] {
            let registry = Registry::start(Setup {
                habits: Habits {
                    cut_ends_session,
                    ..narrow()
                },
                faults: vec![Fault::first(act.clone()).on("PATCH", "upload").at(2)],
                ..Setup::default()
            });
            arrives(&registry, &bytes).await;
            let sessions = registry
                .kinds()
                .iter()
                .filter(|kind| *kind == "POST upload")
                .count();
            let lost = cut_ends_session && matches!(act, Act::CutBody(_));
            // The first was refused whole.
            assert_eq!(sessions, if lost { 3 } else { 2 }, "{act:?} {cut_ends_session}");
        }
    }
}

#[tokio::test]
async fn a_registry_that_never_gets_further_is_given_up() {
    let fault = Fault::status(502).on("PATCH", "upload").at(2).times(usize::MAX);
    let registry = Registry::start(Setup {
        habits: narrow(),
        faults: vec![fault],
        ..Setup::default()
    });
    let (fixture, to) = (Fixture::new(&[]), Repository::new(&registry.host(), "a/b"));
    let error = client()
        .push_blob(&to, &fixture.file(&bytes(9 * MIB)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), registry::Kind::Unreachable, "{}", shown(&error));
    assert!(shown(&error).contains("502"), "{}", shown(&error));
}

#[tokio::test]
async fn parts_that_help_nothing_end_with_what_the_registry_said() {
    for (habits, said) in [
        (
            Habits {
                largest_part: Some(1000),
                ..narrow()
            },
            "413",
        ),
        (
            Habits {
                parts: false,
                ..narrow()
            },
            "parts are not taken here",
        ),
        (
            Habits {
                keeps_last_part: true,
                ..narrow()
            },
            "what the registry stored",
        ),
    ] {
        let registry = with(habits);
        let (fixture, to) = (Fixture::new(&[]), Repository::new(&registry.host(), "a/b"));
        let error = client()
            .push_blob(&to, &fixture.file(&bytes(9 * MIB)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), registry::Kind::Protocol, "{}", shown(&error));
        assert!(shown(&error).contains(said), "{}", shown(&error));
    }
}

#[tokio::test]
async fn a_blob_of_another_registry_goes_in_parts_too() {
    let bytes = bytes(9 * MIB);
    for fault in [None, Some(Fault::first(Act::Drop).on("PATCH", "upload").at(2))] {
        let source = Registry::failing([Fault::first(Act::Truncate(6 * MIB)).on("GET", "blob").at(2)]);
        source.hold("library/base", &bytes);
        let registry = Registry::start(Setup {
            habits: narrow(),
            faults: fault.into_iter().collect(),
            ..Setup::default()
        });
        let from = Repository::new(&source.host(), "library/base");
        let blob = BlobSource::remote(Digest::of(&bytes), bytes.len() as u64, from);
        let to = Repository::new(&registry.host(), "a/b");
        assert_eq!(client().push_blob(&to, &blob).await.unwrap(), Pushed::Sent);
        registry.store(|store| assert!(store.of("a/b").blobs[&blob.digest.to_string()] == bytes));
    }
}

#[tokio::test]
async fn parts_that_are_larger_than_the_blob_are_made_smaller_at_once() {
    let registry = with(Habits {
        largest_part: Some(3 * MIB),
        ..narrow()
    });
    let mut host = HostSettings::default();
    host.chunk_size = Some(u64::MAX);
    let mut settings = settings();
    settings.hosts.insert(registry.host(), host);
    let (client, _) = client_of(settings);
    let (fixture, to) = (Fixture::new(&[]), Repository::new(&registry.host(), "a/b"));
    client
        .push_blob(&to, &fixture.file(&bytes(5 * MIB)))
        .await
        .unwrap();
    assert_eq!(parts(&registry), [5 * MIB / 2, 5 * MIB / 2]);
    let all = registry.log();
    let tried = all.iter().filter(|asked| asked.method == "PATCH").count();
    assert_eq!(tried, 3, "one that was too large, and two that were not");
}

/// What was said to be taken is believed unless a look contradicts it.
#[tokio::test]
async fn a_proxy_that_lets_nobody_look_is_no_reason_to_send_all_again() {
    let registry = with(narrow());
    registry.fail([Fault::status(405).on("HEAD", "blob").times(usize::MAX)]);
    let bytes = bytes(9 * MIB + 5);
    arrives(&registry, &bytes).await;
    assert_eq!(parts(&registry), [4 * MIB, 4 * MIB, MIB + 5]);
}
