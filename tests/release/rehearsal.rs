//! What is said before anything is sent, is what happens then.
//!
//! The seed is fixed: every run meets the same repositories.

use std::cell::Cell;
use std::collections::BTreeSet;

use cargo_gantry::publish::{Moves, Options, Tag};
use cargo_gantry::registry::Repository;
use cargo_gantry::release::{Fate, Way};
use cargo_gantry::spec::Digest;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::image::{asked, held, image, publish, put, saying};
use crate::shipment::{self, Fixture, REPOSITORY, client, shown};
use crate::support::registry::Registry;

const CASES: u32 = 192;
const NAMES: [&str; 6] = ["1.2.3", "v1.2.2", "1.2", "latest", "1.2.3-linux-amd64", "edge"];
const BASE: &str = "library/base";

/// An image that is there: its version's annotation, and the tags that name it.
#[derive(Clone, Debug)]
struct Before {
    version: Option<&'static str>,
    tags: Vec<&'static str>,
}

/// A repository, and what is published to it.
#[derive(Clone, Debug)]
struct Case {
    before: Vec<Before>,
    /// How much of what is published is there: nothing, some blobs, all blobs, also the first manifest, all.
    there: usize,
    /// Tags of ours that are there.
    tagged: Vec<&'static str>,
    version: Option<&'static str>,
    /// Tags, their rules, and whether they name the first platform only.
    tags: Vec<(&'static str, Moves, bool)>,
    replace: bool,
    force: bool,
    on_base: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let version = || {
        prop::sample::select(vec![
            None,
            Some("1.2.2"),
            Some("1.2.3"),
            Some("2.0.0-rc.1"),
            Some("new"),
        ])
    };
    let tags = || prop::sample::subsequence(NAMES.to_vec(), 0..=3);
    let before = (version(), tags()).prop_map(|(version, tags)| Before { version, tags });
    let moves = prop::sample::select(vec![Moves::Never, Moves::Forward, Moves::Forward, Moves::Always]);
    let rules = prop::collection::vec((moves, any::<bool>()), NAMES.len());
    let set = (
        prop::sample::subsequence(NAMES.to_vec(), 0..=5).prop_shuffle(),
        rules,
    );
    let set = set.prop_map(|(names, rules)| {
        let set = names.into_iter().zip(rules);
        set.map(|(name, (moves, platform))| (name, moves, platform))
            .collect()
    });
    let ours = (
        0..5usize,
        tags(),
        prop::sample::select(vec![None, Some("1.2.2"), Some("1.2.3"), Some("1.2.3")]),
    );
    let words = (
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        any::<bool>(),
    );
    (prop::collection::vec(before, 0..3), ours, set, words).prop_map(
        |(before, (there, tagged, version), tags, (replace, force, on_base))| Case {
            before,
            there,
            tagged,
            version,
            tags,
            replace,
            force,
            on_base,
        },
    )
}

/// The registry as the case has it, and what is to be published.
fn prepared(case: &Case) -> (Registry, Fixture) {
    let registry = Registry::plain();
    for (n, before) in case.before.iter().enumerate() {
        let annotations = before.version.map_or(Value::Null, saying);
        put(
            &registry,
            &image(&format!("before {n}"), &annotations),
            &before.tags,
        );
    }
    let mut fixture = image("ours", &case.version.map_or(Value::Null, saying));
    fixture.shipment.version = case.version.map(str::to_owned);
    let content = &fixture.shipment.content;
    let blobs = match case.there {
        0 => 0,
        1 => 2,
        _ => content.blobs.len(),
    };
    for blob in &content.blobs[..blobs] {
        registry.hold(REPOSITORY, &shipment::bytes(blob));
    }
    if case.there >= 3 {
        registry.store(|store| {
            let first = &content.manifests[0];
            let stored = (first.media_type().to_owned(), first.bytes().to_vec());
            let repository = store.repositories.get_mut(REPOSITORY).unwrap();
            repository.manifests.insert(first.digest().to_string(), stored);
        });
    }
    if case.there >= 4 {
        put(&registry, &fixture, &case.tagged);
    }
    let first = *content.manifests[0].digest();
    fixture.shipment.tags = case
        .tags
        .iter()
        .map(|(name, moves, platform)| {
            let tag = Tag::new(*name, *moves).unwrap();
            if *platform { tag.of_manifest(first) } else { tag }
        })
        .collect();
    if case.on_base {
        let (based, bytes) = fixture.on_base(&Repository::new(&registry.host(), BASE));
        registry.hold(BASE, &bytes);
        fixture = based;
    }
    (registry, fixture)
}

/// Whether it was published.
async fn check(case: &Case) -> bool {
    let client = client();
    let (registry, fixture) = prepared(case);
    let options = Options::default().replacing(case.replace).forcing(case.force);
    let (survey, refused) = asked(&client, &registry, &fixture.shipment, options).await;
    let before = held(&registry);
    registry.clear_log();
    let published = publish(&client, &registry, &fixture.shipment, options).await;
    let after = held(&registry);
    let published = match (published, refused) {
        (Ok(published), None) => published,
        (Err(error), Some(refused)) => {
            assert_eq!(shown(&error), shown(&refused));
            assert_eq!(after, before);
            return false;
        }
        (published, refused) => panic!("{published:?}, but {refused:?}"),
    };
    // Tags.
    let names: Vec<&str> = survey.tags.iter().map(|state| state.tag.name()).collect();
    assert_eq!(
        names,
        case.tags.iter().map(|(name, ..)| *name).collect::<Vec<_>>()
    );
    let mut expected = before.tags.clone();
    let mut kept = BTreeSet::new();
    for state in &survey.tags {
        let name = state.tag.name().to_owned();
        let ours = state.tag.names().copied().unwrap_or_else(|| fixture.digest());
        let at = before.tags.get(&name).map(|at| at.parse::<Digest>().unwrap());
        match &state.fate {
            Fate::New => assert_eq!(at, None),
            Fate::Present => assert_eq!(at, Some(ours)),
            Fate::Moves { from, .. } => assert!(at == Some(*from) && *from != ours),
            Fate::Stays { at: named, .. } => {
                assert_eq!(at, Some(*named));
                kept.insert(name);
                continue;
            }
            fate => panic!("{fate:?} was published"),
        }
        expected.insert(name, ours.to_string());
    }
    assert_eq!(after.tags, expected);
    assert_eq!(
        published
            .kept
            .iter()
            .map(|kept| kept.name.clone())
            .collect::<BTreeSet<_>>(),
        kept
    );
    let set: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !kept.contains(*name))
        .collect();
    assert_eq!(published.tags, set);
    // Manifests and blobs.
    let came = |now: Vec<&String>, old: Vec<&String>| -> BTreeSet<String> {
        now.into_iter()
            .filter(|digest| !old.contains(digest))
            .cloned()
            .collect()
    };
    let manifests = survey.manifests.iter().filter(|manifest| !manifest.present);
    assert_eq!(
        came(
            after.manifests.keys().collect(),
            before.manifests.keys().collect()
        ),
        manifests.map(|manifest| manifest.digest.to_string()).collect()
    );
    let blobs = survey.blobs.iter().filter(|blob| blob.way != Way::Present);
    assert_eq!(
        came(after.blobs.keys().collect(), before.blobs.keys().collect()),
        blobs.map(|blob| blob.digest.to_string()).collect()
    );
    let count = |way: fn(&Way) -> bool| survey.blobs.iter().filter(|blob| way(&blob.way)).count() as u64;
    // What lies elsewhere in the registry is mounted without a look whether it is here as well.
    let mounted = count(|way| matches!(way, Way::Mount(_)));
    let elsewhere = |digest: &Digest| {
        let blobs = &fixture.shipment.content.blobs;
        blobs
            .iter()
            .any(|blob| blob.digest == *digest && blob.mount.is_some())
    };
    let again = survey
        .blobs
        .iter()
        .filter(|blob| blob.way == Way::Present && elsewhere(&blob.digest));
    let range = mounted..=mounted + again.count() as u64;
    assert!(
        range.contains(&published.blobs_mounted),
        "{range:?} {published:?}"
    );
    assert_eq!(published.blobs_sent, count(|way| matches!(way, Way::Upload)));
    assert_eq!(published.unchanged, before == after, "{published:?}");
    true
}

#[test]
fn a_rehearsal_is_right_about_everything() {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, b"what is said before is what happ");
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let refused = Cell::new(0);
    TestRunner::new_with_rng(config, random)
        .run(&case(), |case| {
            refused.set(refused.get() + u32::from(!runtime.block_on(check(&case))));
            Ok(())
        })
        .unwrap();
    // Both ends were seen, and often.
    assert!(
        (CASES / 8..CASES / 2).contains(&refused.get()),
        "{refused:?} of {CASES}"
    );
}
