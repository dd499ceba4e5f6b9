//! Signatures, SBOMs and whatever else refers to a manifest.

use std::collections::BTreeSet;

use cargo_gantry::release::prune::{Outcome, Reason};

use crate::fixture::{ALL_OF_IT, REALLY, Release, Shelf, assert_whole, leftovers_of, set, tags_of, with};
use crate::support::registry::{Habits, TagDelete};

fn habits(referrers: bool) -> Vec<Habits> {
    let refused = TagDelete::Refused(400, "DIGEST_INVALID");
    [TagDelete::Tag, refused]
        .map(|tag_delete| Habits {
            referrers,
            tag_delete,
            ..Habits::PLAIN
        })
        .to_vec()
}

#[tokio::test]
async fn tags_that_belong_to_a_manifest_go_only_with_it() {
    for habits in habits(false) {
        let registry = with(habits);
        let shelf = Shelf::at(&registry.host());
        let made = Release::push(&shelf).await;
        // A list and a signature of what goes, one of its child that stays, one of what stays.
        let sbom = shelf.listed_referrer(&made.v1.digest, "sbom").await;
        let list = format!("sha256-{}", made.v1.digest.hex());
        let signature = shelf.image("signature", "2026-01-01T00:00:00Z").await;
        let signed = format!("{list}.sig");
        let child = format!("sha256-{}.sig", made.both.digest.hex());
        let other = format!("sha256-{}.att", made.v2.digest.hex());
        shelf.tag(&signature, &[&signed, &child, &other]).await;
        let before = shelf.tags().await;

        let pruned = shelf.pruned(&["sha256-*", "v1*"], REALLY).await;
        assert_eq!(
            tags_of(&pruned, Outcome::Deleted),
            BTreeSet::from(["v1", "v1-amd64"])
        );
        let kept = tags_of(&pruned, Outcome::Kept);
        assert_eq!(kept, BTreeSet::from([list.as_str(), &signed, &child]));
        let belongs = pruned.tags.iter().filter(|tag| tag.why == Some(Reason::Belongs));
        assert_eq!(belongs.count(), 3);
        assert_eq!(pruned.leftovers.len(), 0);
        assert!(shelf.has(&sbom).await);

        shelf.tag(&made.v1, &["v1"]).await;
        shelf.tag(&made.both, &["v1-amd64"]).await;
        assert_eq!(shelf.tags().await, before);
        let pruned = shelf.pruned(&["v1*"], ALL_OF_IT).await;
        let expected = BTreeSet::from([list.as_str(), &signed, "v1", "v1-amd64"]);
        assert_eq!(tags_of(&pruned, Outcome::Deleted), expected);
        let after: Vec<String> = shelf.tag_names().await;
        let mut expected = vec!["latest", "main", "pr-1", "pr-2", &child, &other, "v2"];
        expected.sort_unstable();
        assert_eq!(after, expected);
        for (digest, stays) in [
            (made.v1.digest, false),
            (made.old.digest, false),
            (sbom, false),
            (before[&list], false),
            (made.both.digest, true),
            (signature.digest, true),
        ] {
            assert_eq!(shelf.has(&digest).await, stays, "{digest}");
        }
        assert_whole(&registry);
    }
}

#[tokio::test]
async fn what_the_registry_lists_goes_with_its_subject() {
    for habits in habits(true) {
        let registry = with(habits);
        let shelf = Shelf::at(&registry.host());
        let made = Release::push(&shelf).await;
        let of_old = shelf.referrer(&made.old.digest, "old").await;
        let of_that = shelf.referrer(&of_old.digest, "of a referrer").await;
        let of_both = shelf.referrer(&made.both.digest, "both").await;
        let named = shelf.referrer(&made.pr1.digest, "named").await;
        shelf.tag(&named, &["report"]).await;
        let pruned = shelf.pruned(&["v1", "pr-1"], ALL_OF_IT).await;
        let gone = [&made.v1.digest, &made.old.digest, &of_old.digest, &of_that.digest];
        assert_eq!(leftovers_of(&pruned, Outcome::Deleted), set(&gone));
        // `report` leads to pr-1 as its subject.
        for stays in [
            &of_both.digest,
            &named.digest,
            &made.pr1.digest,
            &made.both.digest,
        ] {
            assert!(shelf.has(stays).await, "{stays}");
        }
        assert!(!shelf.tag_names().await.contains(&"pr-1".to_owned()));
        assert_whole(&registry);
    }
}
