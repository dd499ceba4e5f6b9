//! A prune that ends at any of its requests, and the next one.

use cargo_gantry::release::prune::prune;

use crate::fixture::{ALL_OF_IT, NAME, Release, Shelf, placeholders, selection, with};
use crate::support::registry::{Act, Fault, Habits, Registry, profile};

/// Every tag that was not to go names what it did, and everything that it leads to is there.
fn assert_remains(registry: &Registry, made: &Release, when: &str) {
    registry.store(|store| {
        let repository = store.of(NAME);
        for (tag, digest) in [("v2", &made.v2), ("latest", &made.v2), ("main", &made.pr2)] {
            assert_eq!(repository.tags[tag], digest.digest.to_string(), "{when}");
        }
        for still in [&made.both, &made.new, &made.v2, &made.pr2] {
            assert!(
                repository.manifests.contains_key(&still.digest.to_string()),
                "{when}"
            );
        }
        assert_eq!(repository.problems(), Vec::<String>::new(), "{when}");
    });
}

#[tokio::test]
async fn the_next_run_finishes_what_one_began() {
    let listed = Habits {
        referrers: false,
        ..Habits::PLAIN
    };
    for (name, habits) in [
        ("plain", listed),
        ("distribution-2.8", profile("distribution-2.8")),
    ] {
        let first = with(habits.clone());
        let shelf = Shelf::at(&first.host());
        let made = Release::push(&shelf).await;
        shelf.listed_referrer(&made.v1.digest, "sbom").await;
        let before = first.store(|store| store.of(NAME).clone());
        for act in [Act::Hang, Act::HangAfter] {
            for at in 1.. {
                let registry = with(habits.clone());
                registry.store(|store| {
                    store.repositories.insert(NAME.to_owned(), before.clone());
                });
                let shelf = shelf.moved_to(&registry.host());
                registry.fail([Fault::first(act.clone()).at(at)]);
                let patterns = selection(&["v1", "v1-*", "pr-*"]);
                let ended = tokio::select! {
                    pruned = prune(&shelf.client, &shelf.repository, &patterns, ALL_OF_IT) => {
                        assert!(pruned.unwrap().trouble.is_empty());
                        true
                    }
                    () = registry.hung() => false,
                };
                let when = format!("{name}, {act:?} at request {at}");
                assert_remains(&registry, &made, &when);
                if ended {
                    assert!(at > 30, "{name}: it was ended {at} times");
                    break;
                }
                shelf.pruned(&["v1", "v1-*", "pr-*"], ALL_OF_IT).await;
                assert_remains(&registry, &made, &when);
                assert_eq!(placeholders(&registry), Vec::<String>::new(), "{when}");
                let tags = registry.store(|store| store.of(NAME).tags.clone());
                let tags: Vec<&String> = tags.keys().filter(|tag| !tag.starts_with("sha256-")).collect();
                assert_eq!(tags, ["latest", "main", "v2"], "{when}");
            }
        }
    }
}
