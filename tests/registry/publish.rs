//! What is sent, in which order, and what is not sent again.

use cargo_gantry::publish::{Kind, Moves, Options, to_registry};
use cargo_gantry::registry::{self, BlobContent, BlobSource, Pushed, Repository};
use cargo_gantry::spec::Digest;

use crate::shipment::{Fixture, REPOSITORY, client, client_of, reference, settings, shown};
use crate::support::registry::{Act, Fault, Habits, Location, Registry, Setup};

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];

#[tokio::test]
async fn everything_arrives_in_order_and_nothing_is_sent_twice() {
    let (registry, fixture) = (Registry::plain(), Fixture::new(&TAGS));
    let (client, told) = client_of(settings());
    let first = fixture.publish(&client, &registry.host()).await.unwrap();
    fixture.assert_stored(&registry);
    assert_eq!(
        (first.blobs_sent, first.manifests_sent, first.unchanged),
        (5, 4, false)
    );
    assert_eq!(first.tags, ["1.0.0", "latest"]);
    assert_eq!(
        first.reference.to_string(),
        format!("{}/team/app@{}", registry.host(), fixture.digest())
    );
    let mut unique = fixture.shipment.content.blobs.clone();
    unique.sort_by_key(|blob| blob.digest);
    unique.dedup();
    assert_eq!(first.bytes_sent, unique.iter().map(|blob| blob.size).sum::<u64>());
    let writes: Vec<_> = registry
        .log()
        .into_iter()
        .filter(|asked| asked.method == "PUT")
        .collect();
    let mut manifests: Vec<String> = writes[5..]
        .iter()
        .map(|asked| asked.path.rsplit('/').next().unwrap().to_owned())
        .collect();
    let listed = fixture.shipment.content.manifests.iter();
    let mut expected: Vec<String> = listed.map(|m| m.digest().to_string()).collect();
    // Those of the platforms beside each other; the index by its tags alone, in their order.
    manifests[..2].sort();
    expected.sort();
    expected.extend(["1.0.0".to_owned(), "latest".to_owned()]);
    assert_eq!(manifests, expected);
    assert!(
        writes[..5]
            .iter()
            .all(|asked| asked.path.contains("/blobs/uploads/"))
    );
    assert_eq!(told.of("UploadFinished").len(), 5);
    assert_eq!(told.of("ManifestPushed").len(), 4);
    assert!(!told.of("UploadProgress").is_empty());

    registry.clear_log();
    let second = fixture.publish(&client, &registry.host()).await.unwrap();
    assert_eq!(
        (
            second.blobs_sent,
            second.bytes_sent,
            second.manifests_sent,
            second.unchanged
        ),
        (0, 0, 0, true)
    );
    assert_eq!(registry.kinds(), ["HEAD manifest", "HEAD manifest"]);
    assert_eq!(second.reference, first.reference);
}

#[tokio::test]
async fn without_tags_the_index_itself_is_looked_for() {
    let (registry, fixture, client) = (Registry::plain(), Fixture::new(&[]), client());
    assert!(
        !fixture
            .publish(&client, &registry.host())
            .await
            .unwrap()
            .unchanged
    );
    fixture.assert_stored(&registry);
    registry.clear_log();
    assert!(
        fixture
            .publish(&client, &registry.host())
            .await
            .unwrap()
            .unchanged
    );
    assert_eq!(registry.kinds(), ["HEAD manifest"]);
}

#[tokio::test]
async fn only_missing_tags_are_written() {
    let (registry, client) = (Registry::plain(), client());
    Fixture::new(&[])
        .publish(&client, &registry.host())
        .await
        .unwrap();
    // What lies there is given a name: the index is likely to be there. A tag that never moves is looked at twice.
    let own = Repository::new(&registry.host(), REPOSITORY);
    for (from, manifests, kinds) in [(Some(&own), 2, 6), (None, 4, 12)] {
        registry.clear_log();
        registry.store(|store| store.repositories.get_mut(REPOSITORY).unwrap().tags.clear());
        let mut fixture = Fixture::new(&TAGS);
        for blob in &mut fixture.shipment.content.blobs {
            *blob = match from {
                Some(from) => BlobSource::remote(blob.digest, blob.size, from.clone()),
                None => blob.clone(),
            };
        }
        let published = fixture.publish(&client, &registry.host()).await.unwrap();
        let sent = (
            published.blobs_sent,
            published.manifests_sent,
            published.unchanged,
        );
        assert_eq!(sent, (0, manifests, false));
        assert_eq!(registry.kinds().len(), kinds, "{:?}", registry.kinds());
        assert_eq!(registry.uploaded(), 0);
        assert_eq!(
            registry.kinds()[kinds - 2..],
            ["PUT manifest", "PUT manifest"][..]
        );
        fixture.assert_stored(&registry);
    }
}

#[tokio::test]
async fn a_new_version_sends_only_what_is_new_and_moves_what_may_move() {
    let (registry, client) = (Registry::plain(), client());
    Fixture::of("old", &TAGS)
        .publish(&client, &registry.host())
        .await
        .unwrap();
    let new = Fixture::of("new", &[("1.0.1", Moves::Never), ("latest", Moves::Always)]);
    let published = new.publish(&client, &registry.host()).await.unwrap();
    assert_eq!(published.blobs_sent, 2, "configs and the shared layer are there");
    new.assert_stored(&registry);
    assert_ne!(
        registry.store(|s| s.of("team/app").tags["1.0.0"].clone()),
        new.digest().to_string()
    );
}

#[tokio::test]
async fn a_fixed_tag_is_refused_before_anything_is_sent() {
    let (registry, client) = (Registry::plain(), client());
    Fixture::of("old", &TAGS)
        .publish(&client, &registry.host())
        .await
        .unwrap();
    let new = Fixture::of("new", &TAGS);
    registry.clear_log();
    let error = new.publish(&client, &registry.host()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(
        shown(&error).contains("tag `1.0.0`") && shown(&error).contains("--replace"),
        "{}",
        shown(&error)
    );
    assert_eq!(registry.kinds(), ["HEAD manifest", "HEAD manifest"]);
    let options = Options::default().replacing(true);
    to_registry(&client, &reference(&registry.host(), "x"), &new.shipment, options)
        .await
        .unwrap();
    new.assert_stored(&registry);
}

#[tokio::test]
async fn a_registry_with_fixed_tags_may_refuse_what_is_there() {
    let setup = Setup {
        habits: Habits {
            immutable_tags: Some((400, "TAG_INVALID", "this tag is immutable")),
            ..Habits::PLAIN
        },
        ..Setup::default()
    };
    let (registry, client) = (Registry::start(setup), client());
    let fixture = Fixture::new(&[("1.0.0", Moves::Always)]);
    fixture.publish(&client, &registry.host()).await.unwrap();
    assert!(
        fixture
            .publish(&client, &registry.host())
            .await
            .unwrap()
            .unchanged
    );
    let error = Fixture::of("new", &[("1.0.0", Moves::Always)])
        .publish(&client, &registry.host())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    for part in ["this tag is immutable", "keeps tag `1.0.0`", "tag_immutable"] {
        assert!(shown(&error).contains(part), "{}", shown(&error));
    }
}

#[tokio::test]
async fn upload_locations_are_followed_in_every_form() {
    let plain = Registry::plain();
    for location in [Location::Relative, Location::Absolute, Location::Query] {
        let registry = Registry::start(Setup {
            location,
            ..Setup::default()
        });
        let fixture = Fixture::new(&TAGS);
        fixture.publish(&client(), &registry.host()).await.unwrap();
        fixture.assert_stored(&registry);
    }
    assert!(plain.log().is_empty());
}

#[tokio::test]
async fn a_missing_repository_is_named() {
    let setup = Setup {
        fixed_repositories: true,
        ..Setup::default()
    };
    let (registry, fixture) = (Registry::start(setup), Fixture::new(&TAGS));
    let error = fixture.publish(&client(), &registry.host()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Denied));
    let text = shown(&error);
    let name = format!("repository `{}/team/app` does not exist", registry.host());
    assert!(
        text.contains(&name) && text.contains("create the repository"),
        "{text}"
    );
    assert!(
        registry.log().iter().all(|asked| asked.body == 0),
        "nothing was sent"
    );
}

#[tokio::test]
async fn a_blob_that_is_there_is_not_sent() {
    let (registry, fixture, client) = (Registry::plain(), Fixture::new(&[]), client());
    let repository = Repository::new(&registry.host(), "a/b");
    for bytes in [&b"some bytes"[..], b""] {
        let blob = fixture.file(bytes);
        assert!(
            !client
                .blob_present(&repository, &blob.digest, blob.size)
                .await
                .unwrap()
        );
        assert_eq!(client.push_blob(&repository, &blob).await.unwrap(), Pushed::Sent);
        assert!(
            client
                .blob_present(&repository, &blob.digest, blob.size)
                .await
                .unwrap()
        );
        assert_eq!(
            client.push_blob(&repository, &blob).await.unwrap(),
            Pushed::Present
        );
    }
}

/// `bytes` in the middle of a larger file.
fn stretch(fixture: &Fixture, bytes: &[u8]) -> BlobSource {
    let around = fixture.file(&[b"before".as_slice(), bytes, b"behind"].concat());
    let BlobContent::File(path) = around.content else {
        panic!("{around:?}")
    };
    BlobSource::within(Digest::of(bytes), bytes.len() as u64, path, 6)
}

#[tokio::test]
async fn a_blob_may_be_a_stretch_of_a_file() {
    let whole = (0..9 << 20).map(|n: u32| (n / 7) as u8).collect::<Vec<u8>>();
    let narrow = Habits {
        largest_put: Some(3 << 20),
        ..Habits::PLAIN
    };
    for (name, habits, faults) in [
        ("whole", Habits::PLAIN, Vec::new()),
        (
            "cut",
            Habits::PLAIN,
            vec![Fault::first(Act::CutBody(1 << 20)).on("PUT", "upload")],
        ),
        (
            "in parts",
            narrow,
            vec![Fault::status(500).on("PATCH", "upload").at(2)],
        ),
    ] {
        let setup = Setup {
            habits,
            faults,
            ..Setup::default()
        };
        let (registry, fixture) = (Registry::start(setup), Fixture::new(&TAGS));
        let to = Repository::new(&registry.host(), "a/b");
        let blob = stretch(&fixture, &whole);
        let pushed = client().push_blob(&to, &blob).await;
        assert_eq!(
            pushed.unwrap_or_else(|error| panic!("{name}: {}", shown(&error))),
            Pushed::Sent
        );
        registry.store(|store| {
            let stored = &store.of("a/b").blobs[&blob.digest.to_string()];
            assert!(*stored == whole, "{name}");
        });
    }
}

#[tokio::test]
async fn a_stretch_that_is_not_what_it_should_be_is_not_published() {
    let (fixture, client) = (Fixture::new(&TAGS), client());
    let good = stretch(&fixture, b"a blob of nineteen.");
    let moved = |by: u64| {
        let BlobContent::Within { path, offset } = good.content.clone() else {
            panic!("{good:?}")
        };
        BlobSource::within(good.digest, good.size, path, offset + by)
    };
    for (blob, part) in [
        (moved(1), "DIGEST_INVALID"),
        (moved(10), "does not hold"),
        (moved(u64::MAX - 6), "cannot read"),
    ] {
        let registry = Registry::plain();
        let to = Repository::new(&registry.host(), "a/b");
        let error = client.push_blob(&to, &blob).await.unwrap_err();
        assert!(shown(&error).contains(part), "{part}: {}", shown(&error));
        registry.store(|store| assert!(store.repositories.values().all(|r| r.blobs.is_empty())));
        // Before anything is sent, the lengths are looked at.
        let mut shipped = Fixture::new(&TAGS);
        shipped.shipment.content.blobs.push(blob);
        let published = shipped.publish(&client, &registry.host()).await;
        assert!(published.is_err(), "{part}");
    }
    let mut shipped = Fixture::new(&TAGS);
    shipped.shipment.content.blobs.push(good);
    let registry = Registry::plain();
    let published = shipped.publish(&client, &registry.host()).await.unwrap();
    assert_eq!(published.blobs_sent, 6);
}

#[tokio::test]
async fn a_file_that_changed_is_not_published() {
    let (registry, fixture, client) = (Registry::plain(), Fixture::new(&TAGS), client());
    let blob = &fixture.shipment.content.blobs[1];
    let BlobContent::File(path) = &blob.content else {
        panic!("{blob:?}")
    };
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(blob.size - 1).unwrap();
    let error = fixture.publish(&client, &registry.host()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Local));
    assert!(
        shown(&error).contains(&path.display().to_string()),
        "{}",
        shown(&error)
    );
    // Past the check of sizes, the upload itself notices.
    let repository = Repository::new(&registry.host(), "a/b");
    let error = client.push_blob(&repository, blob).await.unwrap_err();
    assert_eq!(error.kind(), registry::Kind::Local, "{}", shown(&error));
    // The same size with other bytes is refused by the registry, and not tried again.
    std::fs::write(path, vec![b'x'; blob.size as usize]).unwrap();
    let registry = Registry::plain();
    let repository = Repository::new(&registry.host(), "a/b");
    let error = client.push_blob(&repository, blob).await.unwrap_err();
    assert!(shown(&error).contains("DIGEST_INVALID"), "{}", shown(&error));
    // Which file that is, and what to do, is said.
    assert!(
        shown(&error).contains("[gantry::registry::altered]")
            && shown(&error).contains(&path.display().to_string()),
        "{}",
        shown(&error)
    );
    assert_eq!(error.kind(), registry::Kind::Local);
    // It is worth a look whether the session means that it is not there.
    assert_eq!(registry.kinds(), ["POST upload", "HEAD blob", "PUT upload"]);
    registry.store(|store| assert!(store.repositories.values().all(|r| r.blobs.is_empty())));
}

#[tokio::test]
async fn a_fixed_tag_that_somebody_sets_meanwhile_stays() {
    let (registry, client) = (Registry::plain(), client());
    let other = Fixture::of("other", &[("other", Moves::Always)]);
    other.publish(&client, &registry.host()).await.unwrap();
    registry.clear_log();
    let wait = Act::Delay(std::time::Duration::from_millis(1000));
    registry.fail([Fault::first(wait).on("PUT", "manifest")]);
    let (late, host) = (Fixture::of("late", &TAGS), registry.host());
    let meanwhile = async {
        let sent = |kinds: Vec<String>| kinds.iter().filter(|kind| *kind == "PUT upload").count();
        // The two layers that are not there yet.
        while sent(registry.kinds()) < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        registry.store(|store| {
            let repository = store.repositories.get_mut(REPOSITORY).unwrap();
            let theirs = other.digest().to_string();
            repository.tags.insert("1.0.0".to_owned(), theirs);
        });
    };
    let (published, ()) = tokio::join!(late.publish(&client, &host), meanwhile);
    let error = published.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error:?}");
    let tag = registry.store(|store| store.of(REPOSITORY).tags["1.0.0"].clone());
    assert_eq!(tag, other.digest().to_string());
}
