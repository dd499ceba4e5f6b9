//! Against docker-registry itself, and looked at by skopeo.

use std::collections::BTreeSet;
use std::process::Command;

use cargo_gantry::release::ReleaseError;
use cargo_gantry::release::prune::Outcome;

use crate::fixture::{ALL_OF_IT, NAME, REALLY, Release, Shelf, tags_of};
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::outside;

fn start(deletes: bool) -> Option<DockerRegistry> {
    DockerRegistry::start(&Guard {
        deletes,
        ..Guard::default()
    })
}

/// Copies every tag with all of its platforms; none where skopeo is missing.
async fn all_can_be_copied(registry: &DockerRegistry, shelf: &Shelf) -> Option<usize> {
    let tags = shelf.tag_names().await;
    for tag in &tags {
        let folder = tempfile::tempdir().unwrap();
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["copy", "--all", "--src-tls-verify=false", "--insecure-policy"]);
        skopeo.arg(format!("docker://{}/{NAME}:{tag}", registry.host()));
        skopeo.arg(format!("oci:{}:{tag}", folder.path().display()));
        let done = outside(skopeo.output(), "skopeo", "skopeo")?;
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{tag}: {said}");
    }
    Some(tags.len())
}

#[tokio::test]
async fn after_each_prune_every_remaining_tag_can_be_copied() {
    let Some(registry) = start(true) else { return };
    let shelf = Shelf::at(&registry.host());
    let made = Release::push(&shelf).await;
    let sbom = shelf.listed_referrer(&made.v1.digest, "sbom").await;
    let list = format!("sha256-{}", made.v1.digest.hex());
    // Its list of referrers is no image for skopeo.
    shelf.listed_referrer(&made.v2.digest, "sbom").await;
    let hidden = format!("sha256-{}", made.v2.digest.hex());
    let steps: [(&[&str], _, &[&str]); 4] = [
        (
            &["pr-2"],
            REALLY,
            &["latest", "main", "pr-1", "v1", "v1-amd64", "v2"],
        ),
        (&["v?-*", "pr-*"], ALL_OF_IT, &["latest", "main", "v1", "v2"]),
        (&["v1"], ALL_OF_IT, &["latest", "main", "v2"]),
        (&["v2", "main"], ALL_OF_IT, &["latest"]),
    ];
    for (patterns, options, expected) in steps {
        shelf.pruned(patterns, options).await;
        let mut tags = shelf.tag_names().await;
        tags.retain(|tag| *tag != list && *tag != hidden);
        assert_eq!(tags, expected);
        if all_can_be_copied(&registry, &shelf).await.is_none() {
            return;
        }
    }
    for (digest, stays) in [
        (made.both.digest, true),
        (made.new.digest, true),
        (made.v2.digest, true),
        (made.v1.digest, false),
        (made.old.digest, false),
        (made.pr1.digest, false),
        (made.pr2.digest, false),
        (sbom, false),
    ] {
        assert_eq!(shelf.has(&digest).await, stays, "{digest}");
    }
    assert_eq!(
        shelf.tag_names().await,
        BTreeSet::from(["latest".to_owned(), hidden])
            .into_iter()
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn where_nothing_can_be_deleted_nothing_changes() {
    let Some(registry) = start(false) else { return };
    let shelf = Shelf::at(&registry.host());
    Release::push(&shelf).await;
    let before = shelf.tags().await;
    let pruned = shelf.prune(&["pr-*", "v1"], ALL_OF_IT).await.unwrap();
    assert!(
        matches!(
            pruned.trouble[..],
            [ReleaseError::CannotDelete { what: "tags", .. }]
        ),
        "{pruned:?}"
    );
    assert_eq!(tags_of(&pruned, Outcome::Deleted).len(), 0);
    assert_eq!(shelf.tags().await, before);
    all_can_be_copied(&registry, &shelf).await;
}
