//! Two who publish at once: tags that move forward end at the higher version, or one of the two says that they may not.

use std::sync::Arc;

use cargo_gantry::publish::{Kind, Moves, Options};
use tokio::sync::Notify;

use crate::image::{held, image, named, publish, put, saying, version};
use crate::shipment::{client_of, settings, shown};
use crate::support::registry::{Act, Fault, Registry};

/// Tags of a version: the exact one first or last, then those that move forward.
fn tags(exact: &'static str, first: bool) -> Vec<(&'static str, Moves)> {
    let forward = ["1.2", "1", "latest"].map(|tag| (tag, Moves::Forward));
    let exact = [(exact, Moves::Never)];
    match first {
        true => [&exact[..], &forward].concat(),
        false => [&forward[..], &exact].concat(),
    }
}

/// A registry where 1.2.2 was released, and in which the `at`-th manifest or tag that is written waits.
fn waiting(at: usize) -> (Registry, Arc<Notify>) {
    let (registry, go) = (Registry::plain(), Arc::new(Notify::new()));
    put(
        &registry,
        &image("1.2.2", &saying("1.2.2")),
        &["1.2.2", "1.2", "1", "latest"],
    );
    registry.fail([Fault::first(Act::Wait(go.clone())).on("PUT", "manifest").at(at)]);
    (registry, go)
}

/// One waits before each of its writes in turn until the other is done.
#[tokio::test]
async fn whoever_is_late_the_higher_version_wins_or_it_is_said() {
    for (early, late) in [("1.2.3", "1.2.4"), ("1.2.4", "1.2.3")] {
        for first in [true, false] {
            // Two manifests, and the index under four tags.
            for at in 1..=6 {
                let at_that = format!("{late} waits at {at}, exact tag first: {first}");
                let (registry, go) = waiting(at);
                let ((slow, told), (quick, _)) = (client_of(settings()), client_of(settings()));
                let (ours, theirs) = (
                    version(late, &tags(late, first)),
                    version(early, &tags(early, first)),
                );
                let company = async {
                    registry.hung().await;
                    publish(&quick, &registry, &theirs.shipment, Options::default())
                        .await
                        .unwrap();
                    go.notify_one();
                };
                let publishing = publish(&slow, &registry, &ours.shipment, Options::default());
                let (published, ()) = tokio::join!(publishing, company);
                let published = published.unwrap_or_else(|error| panic!("{at_that}: {}", shown(&error)));
                let tags = held(&registry).tags;
                let higher = &tags["1.2.4"];
                let behind: Vec<&str> = ["1.2", "1", "latest"]
                    .into_iter()
                    .filter(|tag| tags[*tag] != *higher)
                    .collect();
                let said = told.of("Notice").concat();
                let heard = said.contains("1.2.4 was published to");
                assert_eq!(heard, !behind.is_empty(), "{at_that}: {behind:?}, {said}");
                assert!(
                    behind.iter().all(|tag| said.contains(&format!("`{tag}`"))),
                    "{at_that}: {said}"
                );
                // What it says to have set, it has.
                for tag in &published.tags {
                    assert_eq!(tags[tag], ours.digest().to_string(), "{at_that}: {tag}");
                }
            }
        }
    }
}

/// Two of the same version with other content: one has it, and the other says what was sent.
#[tokio::test]
async fn a_version_is_published_once() {
    let (registry, go) = waiting(1);
    let ((slow, _), (quick, _)) = (client_of(settings()), client_of(settings()));
    let ours = version("1.2.3", &tags("1.2.3", true));
    let mut theirs = version("1.2.3 of others", &tags("1.2.3", true));
    theirs.shipment.version = Some("1.2.3".to_owned());
    let company = async {
        registry.hung().await;
        publish(&quick, &registry, &theirs.shipment, Options::default())
            .await
            .unwrap();
        go.notify_one();
    };
    let (published, ()) = tokio::join!(
        publish(&slow, &registry, &ours.shipment, Options::default()),
        company
    );
    let error = published.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    let said = shown(&error);
    assert!(
        said.contains("tag `1.2.3` of") && said.contains("somebody has set it meanwhile"),
        "{said}"
    );
    assert!(!said.contains("nothing was sent"), "{said}");
    for tag in ["1.2.3", "1.2", "1", "latest"] {
        assert_eq!(named(&registry, tag), Some(theirs.digest().to_string()), "{tag}");
    }
}
