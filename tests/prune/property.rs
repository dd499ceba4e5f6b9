//! Whatever hangs together how, and whatever is pruned: all that the remaining tags lead to is there afterwards, and with
//! `untagged` nothing else of what the others led to.
//!
//! What must stay is worked out here a second time, as simply as can be, from what the registry stores.

use std::collections::{BTreeMap, BTreeSet};

use cargo_gantry::release::prune::Options;
use cargo_gantry::spec::Digest;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::fixture::{INDEX, MANIFEST, NAME, REALLY, Shelf, with};
use crate::support::registry::{Habits, Registry, TagDelete};

const CASES: u32 = 150;

/// A manifest of the repository: which earlier ones it lists, and which it refers to.
#[derive(Clone, Debug)]
struct Item {
    children: Vec<usize>,
    subject: Option<usize>,
}

#[derive(Clone, Debug)]
struct World {
    items: Vec<Item>,
    /// Tags that go (`x...`) and that stay (`k...`), each for an item.
    going: Vec<usize>,
    staying: Vec<usize>,
    /// Items whose referrers have a list under a tag, or that have a signature.
    listed: Vec<usize>,
    signed: Vec<(usize, usize)>,
    untagged: bool,
    registry: usize,
}

fn world() -> impl Strategy<Value = World> {
    let item = (
        prop::collection::vec(0..100usize, 0..4),
        prop::option::weighted(0.3, 0..100usize),
    );
    let some = |most| prop::collection::vec(0..100usize, 0..most);
    let signed = prop::collection::vec((0..100usize, 0..100usize), 0..3);
    let parts = (
        prop::collection::vec(item, 1..14),
        some(6),
        some(5),
        some(3),
        signed,
        any::<bool>(),
        0..5usize,
    );
    parts.prop_map(|(items, going, staying, listed, signed, untagged, registry)| {
        let earlier = |at: usize, picked: usize| (at > 0).then(|| picked % at);
        let items: Vec<Item> = items
            .into_iter()
            .enumerate()
            .map(|(at, (children, subject))| Item {
                children: children
                    .into_iter()
                    .filter_map(|picked| earlier(at, picked))
                    .collect(),
                subject: subject.and_then(|picked| earlier(at, picked)),
            })
            .collect();
        let count = items.len();
        let within = |picked: Vec<usize>| picked.into_iter().map(|picked| picked % count).collect();
        World {
            going: within(going),
            staying: within(staying),
            listed: within(listed),
            signed: signed.into_iter().map(|(a, b)| (a % count, b % count)).collect(),
            items,
            untagged,
            registry,
        }
    })
}

fn habits(number: usize) -> Habits {
    let plain = Habits::PLAIN;
    let refused = TagDelete::Refused(400, "DIGEST_INVALID");
    match number {
        0 => plain,
        1 => Habits {
            referrers: false,
            ..plain
        },
        2 => Habits {
            tag_delete: refused,
            referrers: false,
            ..plain
        },
        3 => Habits {
            tag_delete: refused,
            etags: true,
            ..plain
        },
        _ => Habits {
            tag_delete: TagDelete::Manifest,
            ..plain
        },
    }
}

/// What is stored: all manifests, and the tags.
type Stored = (BTreeMap<String, Value>, BTreeMap<String, String>);

fn stored(registry: &Registry) -> Stored {
    registry.store(|store| {
        let repository = store.of(NAME);
        let manifests = repository.manifests.iter();
        let manifests =
            manifests.map(|(digest, (_, bytes))| (digest.clone(), serde_json::from_slice(bytes).unwrap()));
        (manifests.collect(), repository.tags.clone())
    })
}

/// Puts the world into a registry's store.
fn build(world: &World, registry: &Registry) {
    registry.store(|store| {
        let repository = store.repositories.entry(NAME.to_owned()).or_default();
        let empty = Digest::of(b"{}").to_string();
        repository.blobs.insert(empty.clone(), b"{}".to_vec());
        let descriptor =
            |made: &(String, &str, usize)| json!({"mediaType": made.1, "digest": made.0, "size": made.2});
        let mut made: Vec<(String, &str, usize)> = Vec::new();
        let mut put = |media_type: &'static str, value: Value| {
            let bytes = value.to_string().into_bytes();
            let (digest, size) = (Digest::of(&bytes).to_string(), bytes.len());
            repository
                .manifests
                .insert(digest.clone(), (media_type.to_owned(), bytes));
            (digest, media_type, size)
        };
        for (at, item) in world.items.iter().enumerate() {
            let media_type = if item.children.is_empty() { MANIFEST } else { INDEX };
            let mut value =
                json!({"schemaVersion": 2, "mediaType": media_type, "annotations": {"n": at.to_string()}});
            if item.children.is_empty() {
                let config =
                    json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2});
                value["config"] = config.clone();
                value["layers"] = json!([config]);
            } else {
                let children = item.children.iter().map(|child| descriptor(&made[*child]));
                value["manifests"] = children.collect();
            }
            if let Some(subject) = item.subject {
                value["subject"] = descriptor(&made[subject]);
            }
            made.push(put(media_type, value));
        }
        let mut lists = Vec::new();
        for subject in &world.listed {
            let referring = world
                .items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.subject == Some(*subject));
            let entries: Vec<Value> = referring.map(|(at, _)| descriptor(&made[at])).collect();
            let hex = made[*subject].0.replace("sha256:", "sha256-");
            lists.push((
                hex,
                put(
                    INDEX,
                    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
                )
                .0,
            ));
        }
        repository.tags.extend(lists);
        for (subject, signature) in &world.signed {
            let tag = format!("{}.sig", made[*subject].0.replace("sha256:", "sha256-"));
            repository.tags.insert(tag, made[*signature].0.clone());
        }
        for (prefix, items) in [("x", &world.going), ("k", &world.staying)] {
            let tags = items.iter().enumerate();
            repository
                .tags
                .extend(tags.map(|(at, item)| (format!("{prefix}{at}"), made[*item].0.clone())));
        }
    });
}

fn belongs_to(tag: &str) -> Option<String> {
    let hex = tag.strip_prefix("sha256-")?;
    Some(format!("sha256:{}", &hex[..64]))
}

/// Everything that `roots` lead to, over and over until nothing is new.
fn closure(
    stored: &Stored,
    roots: BTreeSet<String>,
    subjects: bool,
    companions: bool,
    referrers: bool,
) -> BTreeSet<String> {
    let mut all = roots;
    loop {
        let before = all.len();
        for (digest, value) in &stored.0 {
            let subject = value["subject"]["digest"].as_str().map(str::to_owned);
            if all.contains(digest) {
                let children = value["manifests"].as_array().cloned().unwrap_or_default();
                all.extend(
                    children
                        .iter()
                        .map(|child| child["digest"].as_str().unwrap().to_owned()),
                );
                all.extend(subject.clone().filter(|_| subjects));
            }
            if referrers && subject.is_some_and(|subject| all.contains(&subject)) {
                all.insert(digest.clone());
            }
        }
        for (tag, digest) in &stored.1 {
            if companions && belongs_to(tag).is_some_and(|subject| all.contains(&subject)) {
                all.insert(digest.clone());
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

async fn holds(shelf: &Shelf, world: World) -> Result<(), TestCaseError> {
    let habits = habits(world.registry);
    let registry = with(habits.clone());
    build(&world, &registry);
    let before = stored(&registry);
    let shelf = shelf.moved_to(&registry.host());
    let options = Options {
        untagged: world.untagged,
        ..REALLY
    };
    let pruned = shelf.pruned(&["x*"], options).await;
    let after = stored(&registry);

    let api = habits.referrers && world.untagged;
    let going = before.1.iter().filter(|(tag, _)| tag.starts_with('x'));
    let led_to = closure(
        &before,
        going.map(|(_, digest)| digest.clone()).collect(),
        false,
        world.untagged,
        api,
    );
    let depends =
        |tag: &str| world.untagged && belongs_to(tag).is_some_and(|subject| led_to.contains(&subject));
    let roots = before
        .1
        .iter()
        .filter(|(tag, _)| !tag.starts_with('x') && !depends(tag));
    let live = closure(
        &before,
        roots.map(|(_, digest)| digest.clone()).collect(),
        true,
        world.untagged,
        api,
    );

    for digest in &live {
        prop_assert!(after.0.contains_key(digest), "{digest} is gone: {pruned:?}");
    }
    let stays = |tag: &str| {
        !tag.starts_with('x') && (!depends(tag) || live.contains(&belongs_to(tag).unwrap_or_default()))
    };
    let expected: BTreeMap<String, String> = before
        .1
        .iter()
        .filter(|(tag, _)| stays(tag))
        .map(|(t, d)| (t.clone(), d.clone()))
        .collect();
    prop_assert_eq!(&after.1, &expected);
    if world.untagged {
        for digest in led_to.difference(&live) {
            prop_assert!(
                !after.0.contains_key(digest),
                "{digest} is still there: {pruned:?}"
            );
        }
    }
    if habits.tag_delete != TagDelete::Manifest {
        for digest in before
            .0
            .keys()
            .filter(|digest| !(world.untagged && led_to.contains(*digest)))
        {
            prop_assert!(after.0.contains_key(digest), "{digest} is gone: {pruned:?}");
        }
    }
    // Nor is there anything new, but for what was tried.
    for (digest, value) in after
        .0
        .iter()
        .filter(|(digest, _)| !before.0.contains_key(*digest))
    {
        prop_assert!(false, "{digest} was left behind: {value}");
    }
    Ok(())
}

#[test]
fn all_that_remaining_tags_lead_to_remains() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let shelf = runtime.block_on(async { Shelf::at("127.0.0.1:1") });
    let mut runner = TestRunner::new_with_rng(config, random);
    let outcome = runner.run(&world(), |world| runtime.block_on(holds(&shelf, world)));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
