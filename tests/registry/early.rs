//! A publish that begins before its image is whole, and what a registry's tags say of what it has.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use cargo_gantry::publish::{
    Kind, Known, ManifestBytes, Moves, Nothing, Options, Publishing, Tag, to_registry,
};
use cargo_gantry::registry::{self, Client, HostSettings, Repository};
use cargo_gantry::spec::Digest;
use tokio::sync::Notify;

use crate::shipment::{Fixture, OCI, REPOSITORY, client, client_of, reference, settings, shown};
use crate::support::registry::{Act, Fault, Habits, Mount, Registry, Setup};

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];
const LATEST: [(&str, Moves); 1] = [("latest", Moves::Always)];
const SHARED: &[u8] = b"a layer that both platforms have";

/// The manifests of these lie here.
pub(crate) fn known(fixtures: &[&Fixture]) -> Arc<dyn Known> {
    let contents = fixtures.iter().map(|fixture| &fixture.shipment.content);
    let all: Vec<_> = contents
        .flat_map(|content| content.manifests.iter().chain([&content.root]).cloned())
        .collect();
    Arc::new(move |digest: &Digest| {
        let found = all.iter().find(|manifest| manifest.digest() == digest);
        found.map(|manifest| manifest.bytes().to_vec())
    })
}

pub(crate) fn begin(client: &Client, registry: &Registry, tags: &[Tag], known: Arc<dyn Known>) -> Publishing {
    let repository = reference(&registry.host(), "ignored");
    Publishing::begin(client, &repository, Options::default(), tags, known)
}

pub(crate) fn count(registry: &Registry, kind: &str) -> usize {
    registry.kinds().iter().filter(|found| *found == kind).count()
}

/// Returns when so many requests of that kind were answered.
async fn answered(registry: &Registry, method: &str, part: &str, times: usize) {
    let there = || {
        let log = registry.log();
        let asked = log
            .iter()
            .filter(|asked| asked.method == method && asked.path.contains(part));
        asked.filter(|asked| asked.status.is_some()).count() >= times
    };
    while !there() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn blobs_go_up_before_the_image_is_whole_and_nothing_else_does() {
    let (registry, fixture, client) = (Registry::plain(), Fixture::new(&TAGS), client());
    let shipment = &fixture.shipment;
    // Which manifest a tag will name is not said yet, and one tag is not known at all.
    let publishing = begin(&client, &registry, &shipment.tags[..1], Arc::new(Nothing));
    for blob in &shipment.content.blobs {
        publishing.send(vec![blob.clone()]);
    }
    answered(&registry, "PUT", "/blobs/uploads/", 5).await;
    assert_eq!(count(&registry, "PUT manifest"), 0);
    assert_eq!(registry.kinds()[0], "HEAD manifest", "the tags come first");
    registry.store(|store| assert!(store.of(REPOSITORY).manifests.is_empty()));
    let published = publishing.complete(shipment).await.unwrap();
    assert_eq!((published.blobs_sent, published.manifests_sent), (5, 4));
    assert_eq!(count(&registry, "PUT upload"), 5, "nothing is sent twice");
    fixture.assert_stored(&registry);
}

#[tokio::test]
async fn an_unchanged_image_sends_nothing_though_blobs_were_handed_over() {
    let (registry, fixture, client) = (Registry::plain(), Fixture::new(&TAGS), client());
    fixture.publish(&client, &registry.host()).await.unwrap();
    registry.clear_log();
    let shipment = &fixture.shipment;
    let publishing = begin(&client, &registry, &shipment.tags, known(&[&fixture]));
    publishing.send(shipment.content.blobs.clone());
    assert!(publishing.refused().await.is_none());
    let published = publishing.complete(shipment).await.unwrap();
    assert!(published.unchanged);
    assert_eq!(registry.kinds(), ["HEAD manifest", "HEAD manifest"]);
}

#[tokio::test]
async fn what_an_early_upload_meets_is_said_once() {
    let fault = Fault::status(403).on("PUT", "upload").times(usize::MAX);
    let (registry, fixture, client) = (Registry::failing([fault]), Fixture::new(&TAGS), client());
    let publishing = begin(&client, &registry, &fixture.shipment.tags, Arc::new(Nothing));
    publishing.send(fixture.shipment.content.blobs.clone());
    answered(&registry, "PUT", "/blobs/uploads/", 1).await;
    let error = publishing.complete(&fixture.shipment).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Denied));
    assert!(
        count(&registry, "PUT upload") <= 4,
        "after it nothing more is begun"
    );
    assert_eq!(count(&registry, "PUT manifest"), 0);
}

/// Who compiles for long need not do it in vain; unless it may turn out that nothing has to be written.
#[tokio::test]
async fn a_denied_upload_is_told_before_the_image_is_whole_where_a_tag_is_new() {
    for (tags, told, patience) in [(&TAGS[..], true, 10_000), (&LATEST[..], false, 200)] {
        let (registry, client) = (Registry::plain(), client());
        let before = Fixture::new(&LATEST);
        before.publish(&client, &registry.host()).await.unwrap();
        registry.fail([Fault::status(403).on("POST", "upload").times(usize::MAX)]);
        registry.clear_log();
        let fixture = Fixture::of("new", tags);
        let publishing = begin(&client, &registry, &fixture.shipment.tags, Arc::new(Nothing));
        publishing.send(fixture.shipment.content.blobs.clone());
        answered(&registry, "POST", "/blobs/uploads/", 1).await;
        let found = tokio::time::timeout(Duration::from_millis(patience), async {
            loop {
                match publishing.refused().await {
                    None => tokio::time::sleep(Duration::from_millis(2)).await,
                    Some(error) => return error,
                }
            }
        });
        let kind = found.await.ok().map(|error| error.kind());
        let denied = Kind::Registry(registry::Kind::Denied);
        assert_eq!(kind, told.then_some(denied), "{tags:?}");
    }
}

#[tokio::test]
async fn who_is_not_let_in_hears_it_before_the_image_is_whole() {
    let fault = Fault::status(403).times(usize::MAX);
    let (registry, fixture, client) = (Registry::failing([fault]), Fixture::new(&TAGS), client());
    let publishing = begin(&client, &registry, &fixture.shipment.tags, Arc::new(Nothing));
    publishing.send(fixture.shipment.content.blobs.clone());
    let error = publishing.refused().await.unwrap();
    assert_eq!(
        error.kind(),
        Kind::Registry(registry::Kind::Denied),
        "{}",
        shown(&error)
    );
    assert_eq!(count(&registry, "POST upload"), 0);
}

#[tokio::test]
async fn what_is_dropped_sends_nothing_more() {
    let hang = Fault::first(Act::Hang).on("PUT", "upload").times(usize::MAX);
    let (registry, fixture) = (Registry::failing([hang]), Fixture::new(&TAGS));
    let mut settings = settings();
    settings.patience.stall = Duration::from_millis(100);
    let mut host = HostSettings::default();
    host.concurrency = NonZeroUsize::new(1);
    settings.hosts.insert(registry.host(), host);
    let client = client_of(settings).0;
    let publishing = begin(&client, &registry, &fixture.shipment.tags, Arc::new(Nothing));
    publishing.send(fixture.shipment.content.blobs.clone());
    registry.hung().await;
    drop(publishing);
    let before = registry.log().len();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(registry.log().len(), before, "{:?}", registry.kinds());
    // And nothing of it stands in the way of the next.
    let whole = Registry::plain();
    fixture.publish(&client, &whole.host()).await.unwrap();
}

#[tokio::test]
async fn a_tag_that_somebody_moves_meanwhile_keeps_its_rule() {
    let (registry, client) = (Registry::plain(), client());
    let (theirs, ours) = (Fixture::of("theirs", &TAGS), Fixture::of("ours", &TAGS));
    let publishing = begin(&client, &registry, &ours.shipment.tags, known(&[&theirs, &ours]));
    publishing.send(ours.shipment.content.blobs.clone());
    assert!(publishing.refused().await.is_none());
    theirs.publish(&client, &registry.host()).await.unwrap();
    let error = publishing.complete(&ours.shipment).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{}", shown(&error));
    registry.store(|store| {
        let repository = store.of(REPOSITORY);
        assert_eq!(repository.tags["1.0.0"], theirs.digest().to_string());
        // The advice says so.
        assert!(repository.manifests.contains_key(&ours.digest().to_string()));
        assert_eq!(repository.problems(), Vec::<String>::new());
    });
}

#[tokio::test]
async fn what_a_tag_leads_to_is_neither_asked_for_nor_sent() {
    for (what, here, kinds, sent) in [
        // The layers of the platforms are other ones.
        ("manifests that lie here", true, 1 + 2 + 2 + 2 + 1, 2),
        // Five blobs are asked for, and the large ones are looked for.
        ("nothing", false, 1 + 5 + 2 + 2 + 1, 2),
    ] {
        let (registry, client) = (Registry::plain(), client());
        let (old, new) = (Fixture::of("old", &LATEST), Fixture::of("new", &LATEST));
        old.publish(&client, &registry.host()).await.unwrap();
        registry.clear_log();
        let known = if here { known(&[&old]) } else { Arc::new(Nothing) };
        let publishing = begin(&client, &registry, &new.shipment.tags, known);
        let published = publishing.complete(&new.shipment).await.unwrap();
        assert_eq!(
            (published.blobs_sent, published.manifests_sent),
            (sent, 3),
            "{what}"
        );
        let mut asked = registry.kinds();
        if !here {
            // Unless the registry has said before what a session means.
            asked.retain(|kind| kind != "HEAD blob");
        }
        assert_eq!(asked.len(), kinds, "{what}: {asked:?}");
        new.assert_stored(&registry);
    }
}

#[tokio::test]
async fn a_registry_that_has_lost_something_heals() {
    let (old, new) = (Fixture::of("old", &LATEST), Fixture::of("new", &LATEST));
    let lost = Digest::of(SHARED).to_string();
    for (what, digest) in [
        ("a layer", lost.clone()),
        (
            "a config",
            Digest::of(b"{\"architecture\":\"amd64\",\"os\":\"linux\"}").to_string(),
        ),
    ] {
        let (registry, client) = (Registry::plain(), client());
        old.publish(&client, &registry.host()).await.unwrap();
        registry.store(|store| {
            let repository = store.repositories.get_mut(REPOSITORY).unwrap();
            assert!(repository.blobs.remove(&digest).is_some());
        });
        let publishing = begin(&client, &registry, &new.shipment.tags, known(&[&old]));
        publishing.send(new.shipment.content.blobs.clone());
        let published = publishing.complete(&new.shipment).await.unwrap();
        assert_eq!(published.blobs_sent, 3, "{what}");
        new.assert_stored(&registry);
    }
}

#[tokio::test]
async fn a_publish_asks_as_little_as_its_rules_allow() {
    // Platforms: 2. Blobs: 5. A tag is looked at, and again before it is written where its rule wants that.
    let forward = [("1", Moves::Forward), ("latest", Moves::Forward)];
    for (tags, looks, writes) in [
        (&LATEST[..], 1, 1),
        (&TAGS[..1], 2, 1),
        (&TAGS[..], 3, 2),
        // Who may have been set back is looked for afterwards.
        (&forward[..], 6, 2),
    ] {
        let (registry, client, fixture) = (Registry::plain(), client(), Fixture::new(tags));
        fixture.publish(&client, &registry.host()).await.unwrap();
        let kinds = registry.kinds();
        assert_eq!(count(&registry, "HEAD manifest"), looks, "{tags:?}: {kinds:?}");
        assert_eq!(
            count(&registry, "PUT manifest"),
            2 + writes,
            "{tags:?}: {kinds:?}"
        );
        assert_eq!(
            (count(&registry, "POST upload"), count(&registry, "PUT upload")),
            (5, 5)
        );
        assert_eq!(kinds.len(), looks + 10 + 2 + writes, "{kinds:?}");
        assert_eq!(registry.whole_log().len(), kinds.len(), "no ping");
        // Again, one look a tag.
        registry.clear_log();
        assert!(
            fixture
                .publish(&client, &registry.host())
                .await
                .unwrap()
                .unchanged
        );
        assert_eq!(registry.kinds().len(), tags.len());
    }
}

#[tokio::test]
async fn whoever_ignores_mounts_is_not_sent_again_what_is_there() {
    for mount in [
        Mount::Session,
        Mount::Status(405),
        Mount::Status(401),
        Mount::Status(502),
        Mount::HangUp,
    ] {
        let setup = Setup {
            habits: Habits {
                mount,
                ..Habits::PLAIN
            },
            ..Setup::default()
        };
        let (registry, (client, told)) = (Registry::start(setup), client_of(settings()));
        let (old, mut new) = (Fixture::of("old", &LATEST), Fixture::of("old", &LATEST));
        old.publish(&client, &registry.host()).await.unwrap();
        // The same blobs under another root.
        new.shipment.content.root = old.shipment.content.manifests[0].clone();
        let uploaded = registry.uploaded();
        let to = reference(&registry.host(), "x");
        let published = to_registry(&client, &to, &new.shipment, Options::default()).await;
        let large = published.unwrap().bytes_sent >= 40_000;
        assert!(!large && registry.uploaded() - uploaded < 40_000, "{mount:?}");
        assert_eq!(told.of("Retry").is_empty(), mount != Mount::HangUp, "{mount:?}");
    }
}

#[tokio::test]
async fn a_tag_that_never_moves_is_looked_at_right_before_it_is_written() {
    // The index is there under another tag: nothing but tags is written.
    let (registry, client) = (Registry::plain(), client());
    let (theirs, ours) = (Fixture::of("theirs", &TAGS[..1]), Fixture::of("ours", &TAGS));
    let mut before = Fixture::of("ours", &LATEST);
    before.publish(&client, &registry.host()).await.unwrap();
    let publishing = begin(&client, &registry, &ours.shipment.tags, Arc::new(Nothing));
    assert!(publishing.refused().await.is_none());
    theirs.publish(&client, &registry.host()).await.unwrap();
    let error = publishing.complete(&ours.shipment).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{}", shown(&error));
    let named = |registry: &Registry| registry.store(|store| store.of(REPOSITORY).tags["1.0.0"].clone());
    assert_eq!(named(&registry), theirs.digest().to_string());

    // Something that was taken to be there has to be sent first, which takes its time.
    let registry = Registry::plain();
    before.publish(&client, &registry.host()).await.unwrap();
    let root = &before.shipment.content.root;
    let spaced = [root.bytes(), b"\n"].concat();
    let spaced = ManifestBytes::new(root.media_type(), String::from_utf8(spaced).unwrap());
    let there = (root.digest().to_string(), known(&[&before]));
    before.shipment.content.root = spaced;
    before.shipment.tags = ours.shipment.tags.clone();
    let lost = before.shipment.content.manifests[0].digest().to_string();
    registry.store(|store| {
        let repository = store.repositories.get_mut(REPOSITORY).unwrap();
        assert!(repository.manifests.remove(&lost).is_some());
    });
    let go = Arc::new(Notify::new());
    registry.fail([Fault::first(Act::Wait(Arc::clone(&go)))
        .on("PUT", "manifest")
        .at(2)]);
    let publishing = begin(&client, &registry, &before.shipment.tags, there.1);
    let meanwhile = async {
        registry.hung().await;
        registry.store(|store| {
            let repository = store.repositories.get_mut(REPOSITORY).unwrap();
            repository.tags.insert("1.0.0".to_owned(), there.0.clone());
        });
        go.notify_one();
    };
    let (done, ()) = tokio::join!(publishing.complete(&before.shipment), meanwhile);
    assert_eq!(done.unwrap_err().kind(), Kind::Refused);
    assert_eq!(named(&registry), there.0);
}

#[tokio::test]
async fn a_registry_that_claims_to_have_what_it_lacks_gets_it() {
    let setup = Setup {
        habits: Habits {
            mount: Mount::Claimed,
            ..Habits::PLAIN
        },
        ..Setup::default()
    };
    let (registry, fixture) = (Registry::start(setup), Fixture::new(&TAGS));
    let published = fixture.publish(&client(), &registry.host()).await.unwrap();
    assert_eq!(published.blobs_sent, 5);
    assert_eq!(count(&registry, "HEAD blob"), 5, "they are looked for then");
    fixture.assert_stored(&registry);
}

#[tokio::test]
async fn a_large_blob_is_looked_for_where_nothing_was_ever_mounted() {
    // Two layers of more than 4 MiB. No tag of ours exists.
    let large = |seed: &str| Fixture::typed(seed, &LATEST, &OCI, 400_000);
    let base = |registry: &Registry| Repository::new(&registry.host(), "library/base");
    for (mount, based, looks) in [
        (Mount::Created, false, 2),
        (Mount::Created, true, 0),
        (Mount::Session, true, 2),
    ] {
        let habits = Habits {
            mount,
            ..Habits::PLAIN
        };
        let registry = Registry::start(Setup {
            habits,
            ..Setup::default()
        });
        let mut fixture = large("new name");
        if based {
            registry.hold("library/base", SHARED);
            for blob in &mut fixture.shipment.content.blobs {
                if blob.digest == Digest::of(SHARED) {
                    *blob = blob.clone().also_in(base(&registry));
                }
            }
        }
        fixture.publish(&client(), &registry.host()).await.unwrap();
        let kinds = registry.kinds();
        assert_eq!(
            count(&registry, "HEAD blob"),
            looks,
            "{mount:?} {based}: {kinds:?}"
        );
        let mounted = usize::from(based && mount == Mount::Created);
        assert_eq!(kinds.len(), 14 + looks - mounted, "{kinds:?}");
        fixture.assert_stored(&registry);

        // All of it is there under no tag: what is large is not sent again.
        registry.store(|store| store.repositories.get_mut(REPOSITORY).unwrap().tags.clear());
        let sent = registry.uploaded();
        fixture.publish(&client(), &registry.host()).await.unwrap();
        assert!(registry.uploaded() - sent < 4 << 20, "{mount:?} {based}");

        // Where it is known what a tag leads to, the rest is sent at once.
        let other = large("old name");
        registry.clear_log();
        let publishing = begin(&client(), &registry, &other.shipment.tags, known(&[&fixture]));
        publishing.complete(&other.shipment).await.unwrap();
        assert_eq!(
            registry.kinds().len(),
            1 + 2 + 2 + 2 + 1,
            "{:?}",
            registry.kinds()
        );
    }
}

#[tokio::test]
async fn what_is_to_be_read_from_the_repository_itself_is_there() {
    let registry = Registry::plain();
    let own = Repository::new(&registry.host(), REPOSITORY);
    let (fixture, base) = Fixture::new(&LATEST).on_base(&own);
    registry.hold(REPOSITORY, &base);
    let client = client();
    let publishing = begin(&client, &registry, &fixture.shipment.tags, Arc::new(Nothing));
    publishing.send(fixture.shipment.content.blobs.clone());
    answered(&registry, "PUT", "/blobs/uploads/", 4).await;
    publishing.complete(&fixture.shipment).await.unwrap();
    assert_eq!(count(&registry, "POST upload"), 4);
    fixture.assert_stored(&registry);
}
