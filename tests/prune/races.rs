//! What others do meanwhile, and what is damaged.

use std::sync::{Arc, Mutex};

use cargo_gantry::event::{Event, Observer};
use cargo_gantry::registry;
use cargo_gantry::release::prune::Outcome;
use cargo_gantry::release::{Kind, ReleaseError};
use serde_json::json;

use crate::fixture::{
    ALL_OF_IT, INDEX, NAME, REALLY, Release, Shelf, assert_whole, leftovers_of, set, shown, tags_of, with,
    writes,
};
use crate::support::registry::{Act, Fault, Habits, Registry, profile};

type Work = Box<dyn FnOnce() + Send>;

/// Does something as soon as a tag is deleted.
#[derive(Default)]
struct Meanwhile(Mutex<Option<Work>>);

impl Observer for Meanwhile {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::TagDeleted { .. }) {
            let work = self.0.lock().unwrap().take();
            work.into_iter().for_each(|work| work());
        }
    }
}

fn habits() -> [Habits; 2] {
    [Habits::PLAIN, profile("distribution-2.8")]
}

fn shelf(registry: &Arc<Registry>) -> (Shelf, Arc<Meanwhile>) {
    let meanwhile = Arc::new(Meanwhile::default());
    (Shelf::told(&registry.host(), meanwhile.clone()), meanwhile)
}

fn set_tag(registry: &Arc<Registry>, tag: &'static str, digest: String) -> Work {
    let registry = registry.clone();
    Box::new(move || {
        registry.store(|store| {
            let repository = store.repositories.get_mut(NAME).unwrap();
            repository.tags.insert(tag.to_owned(), digest);
        });
    })
}

/// The tag names our placeholder, and the second try is told that it has changed.
#[tokio::test]
async fn a_placeholder_whose_answer_was_lost_does_not_stay() {
    let registry = with(Habits {
        etags: true,
        ..profile("distribution-2.8")
    });
    let shelf = Shelf::at(&registry.host());
    let made = Release::push(&shelf).await;
    // The first one tries whether digests can be deleted.
    registry.fail([Fault::first(Act::DropAfter).on("PUT", "manifest").at(2)]);
    let pruned = shelf.pruned(&["pr-1"], ALL_OF_IT).await;
    assert_eq!(tags_of(&pruned, Outcome::Deleted).len(), 1, "{pruned:?}");
    let tags = shelf.tags().await;
    assert!(!tags.contains_key("pr-1"), "{tags:?}");
    assert_eq!(tags["v1"], made.v1.digest);
}

#[tokio::test]
async fn a_tag_that_moved_stays() {
    for habits in habits() {
        let registry = Arc::new(with(habits));
        let (shelf, meanwhile) = shelf(&registry);
        let made = Release::push(&shelf).await;
        *meanwhile.0.lock().unwrap() = Some(set_tag(&registry, "v1", made.v2.digest.to_string()));
        let pruned = shelf.pruned(&["pr-1", "v1"], ALL_OF_IT).await;
        assert_eq!(tags_of(&pruned, Outcome::Moved).len(), 1);
        assert_eq!(shelf.tags().await["v1"], made.v2.digest);
        // What it named loses its last tag by that, but not by us.
        assert_eq!(leftovers_of(&pruned, Outcome::Deleted), set(&[&made.pr1.digest]));
        assert!(shelf.has(&made.old.digest).await);
    }
}

#[tokio::test]
async fn what_was_named_anew_is_no_leftover() {
    for habits in habits() {
        let registry = Arc::new(with(habits));
        let (shelf, meanwhile) = shelf(&registry);
        let made = Release::push(&shelf).await;
        // Somebody publishes a new index of an old manifest.
        let entry = json!({"mediaType": made.old.media_type, "digest": made.old.digest.to_string(), "size": made.old.bytes.len()});
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
        let digest = cargo_gantry::spec::Digest::of(index.as_bytes()).to_string();
        let other = registry.clone();
        *meanwhile.0.lock().unwrap() = Some(Box::new(move || {
            other.store(|store| {
                let repository = store.repositories.get_mut(NAME).unwrap();
                repository
                    .manifests
                    .insert(digest.clone(), (INDEX.to_owned(), index.into_bytes()));
                repository.tags.insert("hotfix".to_owned(), digest);
            });
        }));
        let pruned = shelf.pruned(&["v1"], ALL_OF_IT).await;
        assert_eq!(leftovers_of(&pruned, Outcome::Moved), set(&[&made.old.digest]));
        assert_eq!(leftovers_of(&pruned, Outcome::Deleted), set(&[&made.v1.digest]));
        assert_whole(&registry);
        assert!(shelf.tag_names().await.contains(&"hotfix".to_owned()));
    }
}

#[tokio::test]
async fn a_remaining_tag_that_cannot_be_read_ends_it() {
    let registry = Registry::plain();
    let shelf = Shelf::at(&registry.host());
    let made = Release::push(&shelf).await;
    let with_damage = |damage: &dyn Fn(&mut crate::support::registry::Store)| {
        registry.store(|store| {
            let before = store.of(NAME).manifests.clone();
            damage(store);
            before
        })
    };
    let missing = |store: &mut crate::support::registry::Store| {
        let repository = store.repositories.get_mut(NAME).unwrap();
        repository.manifests.remove(&made.new.digest.to_string());
    };
    let broken = |store: &mut crate::support::registry::Store| {
        let repository = store.repositories.get_mut(NAME).unwrap();
        repository
            .manifests
            .get_mut(&made.new.digest.to_string())
            .unwrap()
            .1 = b"other".to_vec();
    };
    let loose = |store: &mut crate::support::registry::Store| {
        let repository = store.repositories.get_mut(NAME).unwrap();
        repository.manifests.remove(&made.v2.digest.to_string());
    };
    type Change<'a> = &'a dyn Fn(&mut crate::support::registry::Store);
    let cases: [(&str, Change<'_>, &[&str]); 3] = [
        ("a child is missing", &missing, &["latest", "v2"]),
        ("a child is damaged", &broken, &["latest", "v2"]),
        ("the tag names nothing", &loose, &[]),
    ];
    for (name, damage, also) in cases {
        let before = with_damage(damage);
        registry.clear_log();
        for options in [REALLY, ALL_OF_IT] {
            let error = shelf.prune(&["pr-1", "v1"], options).await.unwrap_err();
            assert!(
                matches!(error, ReleaseError::Unreadable { .. }),
                "{name}: {}",
                shown(&error)
            );
            assert_eq!(error.kind(), Kind::Registry(registry::Kind::Protocol), "{name}");
        }
        assert_eq!(writes(&registry), Vec::<String>::new(), "{name}");
        // Pruning what is damaged works.
        if !also.is_empty() {
            let pruned = shelf.pruned(also, REALLY).await;
            assert_eq!(tags_of(&pruned, Outcome::Deleted).len(), 2, "{name}");
            shelf.tag_names().await;
        }
        registry.store(|store| {
            let repository = store.repositories.get_mut(NAME).unwrap();
            repository.manifests = before;
            for tag in ["latest", "v2"] {
                repository.tags.insert(tag.to_owned(), made.v2.digest.to_string());
            }
        });
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_an_error() {
    let registry = Registry::plain();
    let shelf = Shelf::at(&registry.host());
    let error = shelf.prune(&["*"], REALLY).await.unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Registry(registry::Kind::Denied),
        "{}",
        shown(&error)
    );
    assert_eq!(writes(&registry), Vec::<String>::new());
}
