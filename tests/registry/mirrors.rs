//! Mirrors: asked first for bases, trusted with nothing.

use cargo_gantry::environment::Environment;
use cargo_gantry::publish::Moves;
use cargo_gantry::registry::{Account, Client, Secret, Settings, user_settings};
use cargo_gantry::spec::Reference;

use crate::shipment::{Fixture, REPOSITORY, client, client_of, reference, settings_in, shown};
use crate::support::registry::{Act, Auth, Fault, Registry, Setup};

const TAGS: [(&str, Moves); 1] = [("v1", Moves::Always)];

fn mirrored(origin: &Registry, mirrors: &[String]) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("gantry")).unwrap();
    let text = format!("[registry.\"{}\"]\nmirrors = {mirrors:?}\n", origin.host());
    std::fs::write(folder.path().join("gantry/config.toml"), text).unwrap();
    let mut settings = settings_in(Environment::empty("/nonexistent"));
    let environment = Environment::empty("/").with("XDG_CONFIG_HOME", folder.path());
    settings.hosts = user_settings(&environment).unwrap();
    settings
}

/// A registry that holds the fixture; with a prefix to its name, as a mirror does.
async fn filled(setup: Setup, prefix: &str, fixture: &Fixture) -> Registry {
    let registry = Registry::start(Setup {
        auth: Auth::None,
        ..setup.clone()
    });
    fixture.publish(&client(), &registry.host()).await.unwrap();
    let held = registry.store(|store| store.repositories.remove(REPOSITORY).unwrap());
    let registry = Registry::start(setup);
    registry.store(|store| store.repositories.insert(format!("{prefix}{REPOSITORY}"), held));
    registry
}

/// Reads the index by tag and digest, and every blob in both ways.
async fn read(client: &Client, origin: &Registry, fixture: &Fixture) {
    let by_tag = reference(&origin.host(), "v1");
    let by_digest = by_tag.clone_with_digest(fixture.digest().to_string());
    for reference in [&by_tag, &by_digest] {
        let index = client.manifest(reference).await.unwrap().unwrap();
        assert_eq!(index.digest, fixture.digest());
        assert_eq!(
            client.manifest_digest(reference).await.unwrap().unwrap().digest,
            fixture.digest()
        );
    }
    let repository = cargo_gantry::registry::Repository::from(&by_tag);
    for blob in &fixture.shipment.content.blobs {
        let bytes = client
            .blob_bytes(&repository, &blob.digest, blob.size)
            .await
            .unwrap();
        let mut streamed = Vec::new();
        client
            .blob_to(&repository, &blob.digest, blob.size, &mut streamed)
            .await
            .unwrap();
        assert_eq!(bytes, streamed);
    }
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_only_for_bases() {
    let fixture = Fixture::new(&TAGS);
    let mirror = filled(Setup::default(), "hub/", &fixture).await;
    let origin = Registry::plain();
    let (client, _) = client_of(mirrored(&origin, &[format!("{}/hub", mirror.host())]));
    read(&client.through_mirrors(), &origin, &fixture).await;
    assert!(origin.whole_log().is_empty());
    assert!(
        mirror
            .log()
            .iter()
            .all(|asked| asked.path.starts_with("/v2/hub/team/app/"))
    );
    // Without being asked for, and for writing, it is not there.
    mirror.clear_log();
    assert_eq!(
        client.manifest(&reference(&origin.host(), "v1")).await.unwrap(),
        None
    );
    fixture
        .publish(&client.through_mirrors(), &origin.host())
        .await
        .unwrap();
    fixture.assert_stored(&origin);
    assert!(mirror.whole_log().is_empty());
}

#[tokio::test]
async fn what_a_mirror_has_not_comes_from_the_next_or_the_registry() {
    let fixture = Fixture::new(&TAGS);
    let origin = filled(Setup::default(), "", &fixture).await;
    let (empty, full) = (Registry::plain(), filled(Setup::default(), "", &fixture).await);
    let gone = Registry::plain().host();
    let denying = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        ..Setup::default()
    });
    let mirrors = [empty.host(), gone.clone(), denying.host()];
    let (client, told) = client_of(mirrored(&origin, &mirrors));
    read(&client.through_mirrors(), &origin, &fixture).await;
    let notices = told.of("Notice");
    let about = |host: &str| notices.iter().filter(|notice| notice.contains(host)).count();
    assert_eq!(
        (about(&gone), about(&denying.host()), notices.len()),
        (1, 1, 2),
        "{notices:?}"
    );
    origin.clear_log();
    let mirrors = [mirrors.as_slice(), &[full.host()]].concat();
    let (client, _) = client_of(mirrored(&origin, &mirrors));
    read(&client.through_mirrors(), &origin, &fixture).await;
    assert!(origin.whole_log().is_empty());
    let missing = Reference::with_tag(origin.host(), "no/such".to_owned(), "v1".to_owned());
    assert_eq!(client.through_mirrors().manifest(&missing).await.unwrap(), None);
}

#[tokio::test]
async fn wrong_bytes_of_a_mirror_are_never_used() {
    let fixture = Fixture::new(&TAGS);
    let origin = filled(Setup::default(), "", &fixture).await;
    let hostile = filled(Setup::default(), "", &fixture).await;
    hostile.fail([Fault::first(Act::Flip).on("GET", "manifest").times(usize::MAX)]);
    hostile.fail([Fault::first(Act::Flip).on("GET", "blob").times(usize::MAX)]);
    let by_digest = reference(&origin.host(), "v1").clone_with_digest(fixture.digest().to_string());
    let repository = cargo_gantry::registry::Repository::from(&by_digest);
    let blob = &fixture.shipment.content.blobs[1];
    let fresh = || client_of(mirrored(&origin, &[hostile.host()]));
    let (client, told) = fresh();
    let index = client
        .through_mirrors()
        .manifest(&by_digest)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(index.bytes, fixture.shipment.content.root.bytes());
    assert_eq!(told.of("Warning").len(), 1, "{:?}", told.of("Warning"));
    let (client, told) = fresh();
    let bytes = client
        .through_mirrors()
        .blob_bytes(&repository, &blob.digest, blob.size)
        .await
        .unwrap();
    assert_eq!(bytes, crate::shipment::bytes(blob));
    assert_eq!(told.of("Warning").len(), 1);
    // What was streamed cannot be taken back: an error names the mirror, and the next try does without it.
    let (client, _) = fresh();
    let client = client.through_mirrors();
    let mut streamed = Vec::new();
    let error = client
        .blob_to(&repository, &blob.digest, blob.size, &mut streamed)
        .await
        .unwrap_err();
    let text = shown(&error);
    assert!(
        text.contains("[gantry::registry::mismatch]") && text.contains(&hostile.host()),
        "{text}"
    );
    streamed.clear();
    client
        .blob_to(&repository, &blob.digest, blob.size, &mut streamed)
        .await
        .unwrap();
    assert_eq!(streamed, crate::shipment::bytes(blob));
}

#[tokio::test]
async fn a_blob_that_a_mirror_breaks_off_is_finished_at_the_registry() {
    let fixture = Fixture::new(&TAGS);
    let origin = filled(Setup::default(), "", &fixture).await;
    let mirror = filled(Setup::default(), "", &fixture).await;
    mirror.fail([Fault::first(Act::Truncate(100_000)).on("GET", "blob")]);
    mirror.fail([Fault::status(503).on("GET", "blob").at(2).times(usize::MAX)]);
    let (client, _) = client_of(mirrored(&origin, &[mirror.host()]));
    let (blob, repository) = (
        &fixture.shipment.content.blobs[1],
        reference(&origin.host(), "v1"),
    );
    let mut streamed = Vec::new();
    let reading = client.through_mirrors();
    reading
        .blob_to(&(&repository).into(), &blob.digest, blob.size, &mut streamed)
        .await
        .unwrap();
    assert_eq!(streamed, crate::shipment::bytes(blob));
    assert!(mirror.log().len() > 1 && origin.log().len() == 1);
}

#[tokio::test]
async fn a_mirror_gets_its_own_credentials_only() {
    let fixture = Fixture::new(&TAGS);
    let origin = filled(
        Setup {
            auth: Auth::Basic("me", "hunter2"),
            ..Setup::default()
        },
        "",
        &fixture,
    );
    let greedy = Registry::start(Setup {
        auth: Auth::Basic("nobody", "nothing"),
        ..Setup::default()
    });
    let origin = origin.await;
    let mut settings = mirrored(&origin, &[greedy.host()]);
    settings.account = Some(Account {
        registry: origin.host(),
        username: "me".to_owned(),
        password: Secret::new("hunter2"),
    });
    let (client, _) = client_of(settings);
    read(&client.through_mirrors(), &origin, &fixture).await;
    assert!(!greedy.whole_log().is_empty());
    assert!(
        greedy
            .whole_log()
            .iter()
            .all(|asked| asked.authorization.is_none())
    );
    // And the registry gets none of the mirror's.
    let guarded = Setup {
        auth: Auth::Basic("me", "hunter2"),
        ..Setup::default()
    };
    let mirror = filled(guarded, "", &fixture).await;
    let empty = Registry::plain();
    let mut settings = mirrored(&empty, &[mirror.host()]);
    settings.account = Some(Account {
        registry: mirror.host(),
        username: "me".to_owned(),
        password: Secret::new("hunter2"),
    });
    let (client, _) = client_of(settings);
    read(&client.through_mirrors(), &empty, &fixture).await;
    client
        .through_mirrors()
        .manifest(&reference(&empty.host(), "v2"))
        .await
        .unwrap();
    assert!(
        empty
            .whole_log()
            .iter()
            .all(|asked| asked.authorization.is_none())
    );
}
