//! Every registry that is imitated takes a publish, and a second one writes nothing.

use cargo_gantry::publish::{Kind, Moves, Published};
use cargo_gantry::registry::{self, Client, Repository};

use crate::authorization::{signed_in, stored};
use crate::shipment::{DOCKER, Fixture, client_of, settings, shown};
use crate::support::registry::{Challenge, Habits, Missing, Mount, PROFILES, Registry};

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];
const BASE: &str = "library/base";

/// A client that may push there.
fn client(registry: &Registry, habits: &Habits) -> Client {
    let settings = match habits.challenge {
        Challenge::None => settings(),
        Challenge::Identity => {
            let folder = tempfile::tempdir().unwrap().keep();
            let json = format!(
                r#"{{"auths":{{"{}":{{"identitytoken":"refresh"}}}}}}"#,
                registry.host()
            );
            stored(&folder, &json)
        }
        _ => signed_in(&registry.host()),
    };
    client_of(settings).0
}

/// A registry that has the repository, where it must, and a base.
fn ready(habits: &Habits, base: &[u8]) -> Registry {
    let registry = Registry::of_profile(habits);
    registry.hold(BASE, base);
    if habits.missing_repository != Missing::Made {
        registry.store(|store| {
            store.repositories.entry("team/app".to_owned()).or_default();
        });
    }
    registry
}

async fn publish(fixture: &Fixture, client: &Client, registry: &Registry, name: &str) -> Published {
    let published = fixture.publish(client, &registry.host()).await;
    let published = published.unwrap_or_else(|error| panic!("{name}: {}", shown(&error)));
    fixture.assert_stored(registry);
    published
}

fn writes(registry: &Registry) -> usize {
    let reading = |asked: &&crate::support::registry::Asked| matches!(asked.method.as_str(), "GET" | "HEAD");
    registry.log().iter().filter(|asked| !reading(asked)).count()
}

#[tokio::test]
async fn every_profile_takes_a_publish_once() {
    for (name, habits) in &PROFILES {
        let registry = ready(habits, b"a layer that both platforms have");
        let client = client(&registry, habits);
        let from = Repository::new(&registry.host(), BASE);
        let (fixture, _) = Fixture::new(&TAGS).on_base(&from);
        let first = publish(&fixture, &client, &registry, name).await;
        let mounted = u64::from(habits.mount == Mount::Created);
        assert_eq!(
            (first.blobs_mounted, first.blobs_sent),
            (mounted, 5 - mounted),
            "{name}"
        );
        registry.clear_log();
        let second = publish(&fixture, &client, &registry, name).await;
        assert!(second.unchanged, "{name}");
        assert_eq!((second.manifests_sent, second.blobs_sent), (0, 0), "{name}");
        assert_eq!(writes(&registry), 0, "{name}");
    }
}

#[tokio::test]
async fn every_profile_takes_a_manifest_alone() {
    for (name, habits) in &PROFILES {
        let registry = ready(habits, b"");
        let client = client(&registry, habits);
        let fixture = Fixture::new(&TAGS).alone();
        let first = publish(&fixture, &client, &registry, name).await;
        assert_eq!((first.blobs_sent, first.manifests_sent), (3, 2), "{name}");
        assert!(
            publish(&fixture, &client, &registry, name).await.unchanged,
            "{name}"
        );
    }
}

#[tokio::test]
async fn docker_types_are_taken_or_clearly_refused() {
    for (name, habits) in &PROFILES {
        let registry = ready(habits, b"");
        let client = client(&registry, habits);
        let fixture = Fixture::typed("docker", &TAGS, &DOCKER, 10);
        let published = fixture.publish(&client, &registry.host()).await;
        assert_eq!(published.is_ok(), habits.docker_types, "{name}");
        match published {
            Ok(_) => fixture.assert_stored(&registry),
            Err(error) => assert!(shown(&error).contains("415"), "{}", shown(&error)),
        }
    }
}

#[tokio::test]
async fn tags_that_cannot_change_are_a_clear_error() {
    for (name, habits) in &PROFILES {
        let registry = ready(habits, b"");
        let client = client(&registry, habits);
        publish(&Fixture::new(&TAGS), &client, &registry, name).await;
        let tags = [("1.0.1", Moves::Never), ("latest", Moves::Always)];
        let moved = Fixture::of("new", &tags).publish(&client, &registry.host()).await;
        match (moved, habits.immutable_tags) {
            (Ok(_), None) => {}
            (Err(error), Some(_)) => {
                assert_eq!(error.kind(), Kind::Refused, "{name}: {}", shown(&error));
                assert!(
                    shown(&error).contains("keeps tag `latest`"),
                    "{name}: {}",
                    shown(&error)
                );
            }
            (moved, _) => panic!("{name}: {moved:?}"),
        }
    }
}

#[tokio::test]
async fn a_repository_that_must_be_created_is_named() {
    for missing in [Missing::Unknown, Missing::HangUp, Missing::NoLocation] {
        let habits = Habits {
            missing_repository: missing,
            ..Habits::PLAIN
        };
        let registry = Registry::of_profile(&habits);
        let fixture = Fixture::new(&TAGS);
        let error = fixture
            .publish(&client(&registry, &habits), &registry.host())
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            Kind::Registry(registry::Kind::Denied),
            "{missing:?}: {}",
            shown(&error)
        );
        assert!(
            shown(&error).contains("create the repository"),
            "{}",
            shown(&error)
        );
    }
}

#[tokio::test]
async fn two_publishers_of_the_same_layers_end_right_everywhere() {
    for (name, habits) in &PROFILES {
        let registry = ready(habits, b"");
        let (one, other) = (client(&registry, habits), client(&registry, habits));
        let fixture = Fixture::new(&TAGS);
        let host = registry.host();
        let (a, b) = tokio::join!(fixture.publish(&one, &host), fixture.publish(&other, &host));
        for result in [a, b] {
            result.unwrap_or_else(|error| panic!("{name}: {}", shown(&error)));
        }
        fixture.assert_stored(&registry);
    }
}
