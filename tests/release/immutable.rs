//! Registries whose tags cannot change: a release, the same again, another one under the same version, and one that was
//! broken off.

use cargo_gantry::pipeline::{Class, Error};
use cargo_gantry::publish::{Moves, Options, PublishError};

use crate::image::{held, named, of_habits, publish, version, writes, written};
use crate::shipment::{Fixture, shown};
use crate::support::registry::{Act, Fault, Habits, Mount, PROFILES, Registry};

const TAGS: [(&str, Moves); 3] = [
    ("1.2.3", Moves::Never),
    ("1.2", Moves::Forward),
    ("latest", Moves::Forward),
];

/// Those that are known to have such a rule.
fn profiles() -> impl Iterator<Item = &'static (&'static str, Habits)> {
    let all = PROFILES
        .iter()
        .filter(|(_, habits)| habits.immutable_tags.is_some());
    assert_eq!(all.clone().count(), 4);
    all
}

fn assert_released(registry: &Registry, fixture: &Fixture, name: &str) {
    let held = held(registry);
    for (tag, _) in TAGS {
        assert_eq!(
            held.tags.get(tag),
            Some(&fixture.digest().to_string()),
            "{name}: {tag}"
        );
    }
}

fn refused(published: Result<impl std::fmt::Debug, PublishError>, part: &str, name: &str) {
    let error = published.unwrap_err();
    assert!(shown(&error).contains(part), "{name}: {}", shown(&error));
    assert_eq!(Error::from(error).class(), Class::Refused, "{name}");
}

#[tokio::test]
async fn a_release_is_done_once() {
    for (name, habits) in profiles() {
        let (registry, client, _) = of_habits(habits);
        let (fixture, options) = (version("1.2.3", &TAGS), Options::default());
        let first = publish(&client, &registry, &fixture.shipment, options).await;
        first.unwrap_or_else(|error| panic!("{name}: {}", shown(&error)));
        assert_released(&registry, &fixture, name);

        registry.clear_log();
        let again = publish(&client, &registry, &fixture.shipment, options)
            .await
            .unwrap();
        assert!(again.unchanged, "{name}");
        assert_eq!(writes(&registry), Vec::<String>::new(), "{name}");

        // Something else under the same version: seen before anything is sent.
        let mut changed = version("1.2.3 again", &TAGS);
        changed.shipment.version = Some("1.2.3".to_owned());
        let before = held(&registry);
        let published = publish(&client, &registry, &changed.shipment, options).await;
        refused(published, "tag `1.2.3` of", name);
        assert_eq!(
            (held(&registry), writes(&registry)),
            (before, Vec::new()),
            "{name}"
        );
        // That it may be replaced is for the registry to say.
        let published = publish(&client, &registry, &changed.shipment, options.replacing(true)).await;
        refused(published, "the registry keeps tag `1.2.3`", name);
        assert_released(&registry, &fixture, name);
    }
}

/// A tag that should move cannot: that is said, and what cannot move is as it was.
#[tokio::test]
async fn a_tag_that_should_move_is_refused_by_the_registry() {
    for (name, habits) in profiles() {
        let (registry, client, _) = of_habits(habits);
        let (first, options) = (version("1.2.3", &TAGS), Options::default());
        publish(&client, &registry, &first.shipment, options)
            .await
            .unwrap();
        let next = version(
            "1.2.4",
            &[("1.2.4", Moves::Never), TAGS[1], TAGS[2], ("new", Moves::Always)],
        );
        for _ in 0..2 {
            let published = publish(&client, &registry, &next.shipment, options).await;
            refused(published, "the registry keeps tag `1.2`", name);
            assert_released(&registry, &first, name);
            assert_eq!(
                named(&registry, "1.2.4"),
                Some(next.digest().to_string()),
                "{name}"
            );
        }
    }
}

/// Broken off at each manifest and tag in turn: the next run writes what is missing, and nothing else.
#[tokio::test]
async fn a_release_that_was_broken_off_is_finished() {
    for (name, habits) in profiles() {
        for at in 1.. {
            let (registry, client, told) = of_habits(habits);
            let (fixture, options) = (version("1.2.3", &TAGS), Options::default());
            registry.fail([Fault::status(403).on("PUT", "manifest").at(at)]);
            if publish(&client, &registry, &fixture.shipment, options)
                .await
                .is_ok()
            {
                assert_eq!(at, 6, "two manifests, and the index under three tags");
                break;
            }
            let left = held(&registry);
            registry.clear_log();
            let before = told.of("ManifestPushed").len();
            let finished = publish(&client, &registry, &fixture.shipment, options).await;
            let finished = finished.unwrap_or_else(|error| panic!("{name}, {at}: {}", shown(&error)));
            assert_released(&registry, &fixture, name);
            let set: Vec<&str> = TAGS.iter().map(|(tag, _)| *tag).collect();
            assert_eq!(finished.tags, set, "{name}, {at}");
            let missing: Vec<&str> = set
                .iter()
                .copied()
                .filter(|tag| !left.tags.contains_key(*tag))
                .collect();
            assert_eq!(written(&registry), missing, "{name}, {at}");
            // Who answers every mount with a session does not say what is there; the real one is known by its name.
            if habits.mount != Mount::Session {
                assert_eq!(finished.blobs_sent, 0, "{name}, {at}");
            }
            // What was there is said to be there.
            let events = &told.of("ManifestPushed")[before..];
            for tag in set {
                let said = events.iter().find(|event| event.contains(&format!(":{tag}\"")));
                let present = left.tags.contains_key(tag);
                assert!(
                    said.unwrap().contains(&format!("present: {present}")),
                    "{name}, {at}: {events:?}"
                );
            }
        }
    }
}

/// An answer gets lost, and the second try meets the tag that the first one has set.
#[tokio::test]
async fn an_answer_that_is_lost_is_no_refusal() {
    for (name, habits) in profiles() {
        for at in 1..=5 {
            let (registry, client, _) = of_habits(habits);
            let fixture = version("1.2.3", &TAGS);
            registry.fail([Fault::first(Act::DropAfter).on("PUT", "manifest").at(at)]);
            let published = publish(&client, &registry, &fixture.shipment, Options::default()).await;
            published.unwrap_or_else(|error| panic!("{name}, {at}: {}", shown(&error)));
            assert_released(&registry, &fixture, name);
        }
    }
}
