//! `tags`, as the library gives them.

use cargo_gantry::registry;
use cargo_gantry::release::Kind;
use cargo_gantry::release::listing::{TagKind, TagRow, tags};
use cargo_gantry::spec::Digest;
use serde_json::json;

use crate::fixture::{NAME, Release, Shelf, shown, with};
use crate::support::registry::{Habits, Registry, profile};

async fn rows(shelf: &Shelf) -> Vec<TagRow> {
    let rows = tags(&shelf.client, &shelf.repository).await;
    rows.unwrap_or_else(|error| panic!("{}", shown(&error)))
}

fn row<'r>(rows: &'r [TagRow], tag: &str) -> &'r TagRow {
    rows.iter().find(|row| row.tag == tag).unwrap()
}

#[tokio::test]
async fn each_tag_is_told_what_it_names() {
    let registry = with(profile("distribution-2.8"));
    let shelf = Shelf::at(&registry.host());
    let made = Release::push(&shelf).await;
    let annotations = json!({"org.opencontainers.image.version": "3.0.0-rc.1",
        "org.opencontainers.image.created": "2026-05-01T12:00:00+02:00"});
    let annotated = shelf
        .index(&[&made.both, &made.both, &made.new], annotations)
        .await;
    shelf.tag(&annotated, &["3.0.0-rc.1"]).await;
    let reproducible = shelf.image("reproducible", "1970-01-01T00:00:00Z").await;
    shelf.tag(&reproducible, &["z", "1.9.0", "1.10.0"]).await;
    let sbom = shelf.listed_referrer(&made.v2.digest, "sbom").await;
    let artifact = shelf
        .client
        .manifest(&shelf.repository.at(&sbom))
        .await
        .unwrap()
        .unwrap();
    let reference = shelf.repository.tagged("sbom");
    shelf
        .client
        .put_manifest(&reference, &artifact.media_type, &artifact.bytes)
        .await
        .unwrap();

    registry.clear_log();
    let rows = rows(&shelf).await;
    let order: Vec<&str> = rows.iter().map(|row| row.tag.as_str()).collect();
    let list = format!("sha256-{}", made.v2.digest.hex());
    let expected = [
        "3.0.0-rc.1",
        "main",
        "pr-2",
        "pr-1",
        "v2",
        "latest",
        "v1",
        "v1-amd64",
        "1.10.0",
        "1.9.0",
        "sbom",
        "z",
        &list,
    ];
    assert_eq!(order, expected);
    let first = row(&rows, "3.0.0-rc.1");
    assert_eq!(first.kind, TagKind::Index);
    assert_eq!(first.platforms, ["linux/amd64", "linux/arm64", "linux/s390x"]);
    assert_eq!(first.version.as_deref(), Some("3.0.0-rc.1"));
    assert_eq!(first.created.as_deref(), Some("2026-05-01T10:00:00Z"));
    // The newest of its platforms.
    assert_eq!(
        row(&rows, "latest").created.as_deref(),
        Some("2026-02-01T00:00:00Z")
    );
    assert_eq!(row(&rows, "z").created.as_deref(), Some("1970-01-01T00:00:00Z"));
    assert_eq!(row(&rows, "main").kind, TagKind::Manifest);
    let artifact = row(&rows, "sbom");
    assert_eq!(
        (artifact.kind, artifact.artifact_type.as_deref()),
        (TagKind::Artifact, Some("example/sbom"))
    );
    assert_eq!(row(&rows, &list).belongs_to, Some(made.v2.digest));
    assert!(rows.iter().all(|row| row.problem.is_none()));

    // What each leads to, every blob once.
    registry.store(|store| {
        let repository = store.of(NAME);
        let size = |made: &[&Digest]| -> u64 {
            let mut parts = std::collections::BTreeMap::new();
            for digest in made {
                let bytes = &repository.manifests[&digest.to_string()].1;
                parts.insert(digest.to_string(), bytes.len() as u64);
                let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                let layers = value["layers"].as_array().cloned().unwrap_or_default();
                for part in layers
                    .iter()
                    .chain([&value["config"]])
                    .filter(|part| !part.is_null())
                {
                    parts.insert(part["digest"].to_string(), part["size"].as_u64().unwrap());
                }
            }
            parts.values().sum()
        };
        for (tag, digests) in [
            (
                "latest",
                vec![&made.v2.digest, &made.both.digest, &made.new.digest],
            ),
            (
                "3.0.0-rc.1",
                vec![&annotated.digest, &made.both.digest, &made.new.digest],
            ),
            ("pr-1", vec![&made.pr1.digest]),
        ] {
            assert_eq!(row(&rows, tag).size, Some(size(&digests)), "{tag}");
        }
    });
    // A digest is read once.
    let log = registry.log();
    let mut read: Vec<&str> = log
        .iter()
        .filter(|asked| asked.method == "GET")
        .map(|asked| asked.path.as_str())
        .collect();
    let all = read.len();
    read.sort_unstable();
    read.dedup();
    assert_eq!(read.len(), all);
}

#[tokio::test]
async fn damage_is_shown_in_its_row() {
    let registry = Registry::plain();
    let shelf = Shelf::at(&registry.host());
    let made = Release::push(&shelf).await;
    registry.store(|store| {
        let repository = store.repositories.get_mut(NAME).unwrap();
        repository.manifests.remove(&made.new.digest.to_string());
        repository
            .manifests
            .insert(made.pr1.digest.to_string(), ("x/y".to_owned(), b"{".to_vec()));
        repository
            .tags
            .insert("nothing".to_owned(), Digest::of(b"nothing").to_string());
    });
    let rows = rows(&shelf).await;
    assert_eq!(rows.len(), 8);
    for row in rows {
        let damaged = ["v2", "latest", "pr-1", "nothing"].contains(&row.tag.as_str());
        assert_eq!(row.problem.is_some(), damaged, "{row:?}");
        assert_eq!(row.size.is_none(), damaged, "{row:?}");
        assert_eq!(row.digest.is_none(), row.tag == "nothing", "{row:?}");
    }
}

#[tokio::test]
async fn many_tags_come_in_pages_and_few_requests() {
    let registry = with(Habits::PLAIN);
    let shelf = Shelf::at(&registry.host());
    let made = Release::push(&shelf).await;
    registry.store(|store| {
        let repository = store.repositories.get_mut(NAME).unwrap();
        for number in 0..2300 {
            let digest = [&made.v1, &made.pr1][number % 2].digest.to_string();
            repository.tags.insert(format!("build-{number:04}"), digest);
        }
    });
    registry.clear_log();
    assert_eq!(rows(&shelf).await.len(), 2307);
    let kinds = registry.kinds();
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    assert_eq!((count("GET tags"), count("HEAD manifest")), (3, 2307));
    assert_eq!((count("GET manifest"), count("GET blob")), (7, 5));
    let pruned = shelf.pruned(&["build-1*"], crate::fixture::REALLY).await;
    assert_eq!((pruned.tags.len(), pruned.others), (1000, 1307));
    assert_eq!(rows(&shelf).await.len(), 1307);
}

#[tokio::test]
async fn a_missing_repository_is_an_error_and_an_empty_one_is_not() {
    let registry = Registry::plain();
    let shelf = Shelf::at(&registry.host());
    let error = tags(&shelf.client, &shelf.repository).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Denied));
    registry.hold(NAME, b"a blob");
    assert_eq!(rows(&shelf).await, []);
}
