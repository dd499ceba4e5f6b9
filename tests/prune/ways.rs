//! How tags go at registries of all kinds, and that nothing else does.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use cargo_gantry::registry;
use cargo_gantry::release::prune::{Options, Outcome, VendorRemoval, VendorTags};
use cargo_gantry::release::{Kind, ReleaseError};
use cargo_gantry::spec::Digest;

use crate::fixture::{
    ALL_OF_IT, NAME, REALLY, Release, Shelf, assert_whole, leftovers_of, placeholders, set, shown, tags_of,
    with, writes,
};
use crate::support::registry::{Act, Challenge, Fault, Habits, Missing, Registry, TagDelete, profile};

/// As the profile, but for everybody: who may what is another matter.
fn open(name: &str) -> Habits {
    Habits {
        challenge: Challenge::None,
        missing_repository: Missing::Made,
        immutable_tags: None,
        ..profile(name)
    }
}

fn all() -> Vec<(&'static str, Habits)> {
    let whole = Habits {
        tag_delete: TagDelete::Manifest,
        ..Habits::PLAIN
    };
    let marked = Habits {
        etags: true,
        ..open("distribution-2.8")
    };
    let names = [
        "hub",
        "gitlab",
        "harbor",
        "acr",
        "nexus",
        "zot",
        "distribution-2.8",
    ];
    let mut all: Vec<(&str, Habits)> = names.iter().map(|name| (*name, open(name))).collect();
    all.extend([
        ("plain", Habits::PLAIN),
        ("whole manifests", whole),
        ("etags", marked),
    ]);
    all
}

#[tokio::test]
async fn tags_go_and_what_others_need_stays() {
    for (name, habits) in all() {
        let registry = with(habits);
        let shelf = Shelf::at(&registry.host());
        let made = Release::push(&shelf).await;
        let pruned = shelf.pruned(&["pr-*", "v1", "v1-*"], REALLY).await;
        assert_eq!(
            tags_of(&pruned, Outcome::Deleted),
            BTreeSet::from(["pr-1", "pr-2", "v1", "v1-amd64"]),
            "{name}"
        );
        assert_eq!(pruned.others, 3, "{name}");
        let tags = shelf.tags().await;
        let expected = [
            ("latest", made.v2.digest),
            ("main", made.pr2.digest),
            ("v2", made.v2.digest),
        ];
        assert_eq!(
            tags,
            expected.map(|(tag, digest)| (tag.to_owned(), digest)).into(),
            "{name}"
        );
        assert_whole(&registry);
        for still in [&made.both, &made.new, &made.old] {
            assert!(shelf.has(&still.digest).await, "{name}");
        }
        // Again, there is nothing to do.
        registry.clear_log();
        let again = shelf.pruned(&["pr-*", "v1", "v1-*"], REALLY).await;
        assert!(again.tags.is_empty() && writes(&registry).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn manifests_without_a_tag_go_if_wanted() {
    for (name, habits) in all() {
        let registry = with(habits);
        let shelf = Shelf::at(&registry.host());
        let made = Release::push(&shelf).await;
        let options = Options {
            delete: false,
            ..ALL_OF_IT
        };
        registry.clear_log();
        let planned = shelf.pruned(&["pr-*", "v1"], options).await;
        assert_eq!(writes(&registry), Vec::<String>::new(), "{name}");
        let going = set(&[&made.v1.digest, &made.old.digest, &made.pr1.digest]);
        assert_eq!(leftovers_of(&planned, Outcome::Planned), going, "{name}");
        assert!(planned.frees > 0, "{name}");
        let pruned = shelf.pruned(&["pr-*", "v1"], ALL_OF_IT).await;
        let mut gone = leftovers_of(&pruned, Outcome::Deleted);
        gone.extend(leftovers_of(&pruned, Outcome::Gone));
        assert_eq!(gone, going, "{name}");
        for digest in &going {
            assert!(!shelf.has(digest).await, "{name}");
        }
        assert_eq!(
            shelf.tag_names().await,
            ["latest", "main", "v1-amd64", "v2"],
            "{name}"
        );
        assert_whole(&registry);
    }
}

#[tokio::test]
async fn a_registry_that_deletes_nothing_is_left_as_it_is() {
    let rigid = Habits {
        digest_delete: false,
        ..open("distribution-2.8")
    };
    for (name, habits) in [("ghcr", open("ghcr")), ("ecr", open("ecr")), ("rigid", rigid)] {
        let registry = with(habits);
        let shelf = Shelf::at(&registry.host());
        Release::push(&shelf).await;
        let before = shelf.tags().await;
        for patterns in [["pr-1", "v1"], ["pr-2", "main"], ["v1-amd64", "none"]] {
            let pruned = shelf.prune(&patterns, ALL_OF_IT).await.unwrap();
            let error = pruned.trouble.first().unwrap();
            assert!(
                matches!(error, ReleaseError::CannotDelete { .. }),
                "{name}: {}",
                shown(error)
            );
            assert_eq!((pruned.trouble.len(), error.kind()), (1, Kind::Refused), "{name}");
            assert_eq!(tags_of(&pruned, Outcome::Deleted).len(), 0, "{name}");
            assert_eq!(
                tags_of(&pruned, Outcome::Failed).len(),
                1,
                "{name}: it is not tried again"
            );
            assert_eq!(shelf.tags().await, before, "{name}");
        }
        assert_whole(&registry);
    }
}

#[tokio::test]
async fn where_only_tags_can_be_deleted_manifests_stay_and_that_is_said() {
    let registry = with(Habits {
        digest_delete: false,
        ..Habits::PLAIN
    });
    let shelf = Shelf::at(&registry.host());
    let made = Release::push(&shelf).await;
    // What others need as well comes first here, and nothing teaches us.
    let shared = shelf.pruned(&["pr-2"], REALLY).await;
    assert_eq!(tags_of(&shared, Outcome::Deleted), BTreeSet::from(["pr-2"]));
    let pruned = shelf.prune(&["v1"], ALL_OF_IT).await.unwrap();
    assert_eq!(tags_of(&pruned, Outcome::Deleted), BTreeSet::from(["v1"]));
    assert!(matches!(
        pruned.trouble[..],
        [ReleaseError::CannotDelete {
            what: "manifests",
            ..
        }]
    ));
    assert!(shelf.has(&made.v1.digest).await);
}

#[tokio::test]
async fn one_tag_that_is_kept_does_not_keep_the_others() {
    let registry = Registry::failing([Fault::status(412).on("DELETE", "manifest")]);
    let shelf = Shelf::at(&registry.host());
    Release::push(&shelf).await;
    let pruned = shelf.prune(&["pr-1", "v1"], REALLY).await.unwrap();
    assert_eq!(tags_of(&pruned, Outcome::Failed), BTreeSet::from(["pr-1"]));
    assert_eq!(tags_of(&pruned, Outcome::Deleted), BTreeSet::from(["v1"]));
    let [error] = &pruned.trouble[..] else {
        panic!("{pruned:?}")
    };
    assert!(
        matches!(error, ReleaseError::TagKept { .. }) && error.kind() == Kind::Refused,
        "{}",
        shown(error)
    );
}

#[tokio::test]
async fn who_may_not_delete_is_told_so() {
    let denied = Act::Status(403, Vec::new(), r#"{"errors":[{"code":"DENIED"}]}"#.to_owned());
    let registry = Registry::failing([Fault::first(denied).on("DELETE", "manifest").times(100)]);
    let shelf = Shelf::at(&registry.host());
    Release::push(&shelf).await;
    let pruned = shelf.prune(&["pr-1", "v1"], REALLY).await.unwrap();
    let [error] = &pruned.trouble[..] else {
        panic!("{pruned:?}")
    };
    assert_eq!(
        error.kind(),
        Kind::Registry(registry::Kind::Denied),
        "{}",
        shown(error)
    );
    assert_eq!(tags_of(&pruned, Outcome::Kept), BTreeSet::from(["v1"]));
}

#[tokio::test]
async fn a_tag_is_put_back_when_its_placeholder_stays() {
    // DELETE of the tag, of the trial, of the placeholder.
    let stays = |act| Fault::first(act).on("DELETE", "manifest").at(3);
    for (name, act) in [
        ("refused", Act::Status(405, Vec::new(), String::new())),
        ("denied", Act::Status(403, Vec::new(), String::new())),
        ("ignored", Act::Status(202, Vec::new(), String::new())),
    ] {
        let registry = with(open("distribution-2.8"));
        let shelf = Shelf::at(&registry.host());
        Release::push(&shelf).await;
        let before = shelf.tags().await;
        registry.fail([stays(act)]);
        let pruned = shelf.prune(&["pr-1"], REALLY).await.unwrap();
        assert_eq!(pruned.trouble.len(), 1, "{name}: {pruned:?}");
        assert_eq!(
            tags_of(&pruned, Outcome::Failed),
            BTreeSet::from(["pr-1"]),
            "{name}"
        );
        assert_eq!(shelf.tags().await, before, "{name}");
        assert_whole(&registry);
    }
}

#[tokio::test]
async fn what_an_earlier_run_began_is_finished() {
    let registry = with(open("distribution-2.8"));
    let shelf = Shelf::at(&registry.host());
    Release::push(&shelf).await;
    registry.fail([Fault::first(Act::Status(403, Vec::new(), String::new()))
        .on("DELETE", "manifest")
        .at(3)
        .times(1)]);
    // Nor can it be put back.
    registry.fail([Fault::first(Act::Status(403, Vec::new(), String::new()))
        .on("PUT", "manifest")
        .at(3)]);
    let pruned = shelf.prune(&["pr-1"], REALLY).await.unwrap();
    let [error] = &pruned.trouble[..] else {
        panic!("{pruned:?}")
    };
    assert!(matches!(error, ReleaseError::Stranded { .. }), "{}", shown(error));
    assert_eq!(placeholders(&registry), ["pr-1"]);
    // Whatever is pruned next.
    let pruned = shelf.pruned(&["none"], REALLY).await;
    assert_eq!(tags_of(&pruned, Outcome::Deleted), BTreeSet::from(["pr-1"]));
    assert_eq!(placeholders(&registry), Vec::<String>::new());
    assert!(!shelf.tag_names().await.contains(&"pr-1".to_owned()));
}

/// A vendor that deletes whole manifests, or tags only.
struct Vendor {
    registry: Arc<Registry>,
    whole: bool,
    asked: Mutex<Vec<String>>,
}

impl VendorTags for Vendor {
    fn removes_manifests(&self) -> bool {
        self.whole
    }

    fn delete_tag<'a>(
        &'a self,
        tag: &'a str,
        digest: &'a Digest,
        pruned: &'a BTreeSet<String>,
    ) -> Pin<Box<dyn Future<Output = Result<VendorRemoval, ReleaseError>> + Send + 'a>> {
        assert!(pruned.contains(tag));
        self.asked.lock().unwrap().push(tag.to_owned());
        self.registry.store(|store| {
            let repository = store.repositories.get_mut(NAME).unwrap();
            assert_eq!(repository.tags.remove(tag), Some(digest.to_string()));
            if self.whole {
                repository.manifests.remove(&digest.to_string());
                repository.tags.retain(|_, named| *named != digest.to_string());
            }
        });
        Box::pin(async { Ok(VendorRemoval::Deleted) })
    }
}

#[tokio::test]
async fn a_vendors_own_api_stands_in() {
    for whole in [true, false] {
        let registry = Arc::new(with(open("ghcr")));
        let shelf = Shelf::at(&registry.host());
        let made = Release::push(&shelf).await;
        let vendor = Vendor {
            registry: registry.clone(),
            whole,
            asked: Mutex::default(),
        };
        let options = Options {
            vendor: Some(&vendor),
            ..REALLY
        };
        let pruned = shelf.pruned(&["pr-*", "v1", "v1-*"], options).await;
        assert_eq!(tags_of(&pruned, Outcome::Deleted).len(), 4, "{pruned:?}");
        assert_eq!(*vendor.asked.lock().unwrap(), ["pr-1", "v1", "pr-2", "v1-amd64"]);
        assert_eq!(shelf.tag_names().await, ["latest", "main", "v2"]);
        assert!(shelf.has(&made.pr2.digest).await && shelf.has(&made.both.digest).await);
        assert_whole(&registry);
    }
}
