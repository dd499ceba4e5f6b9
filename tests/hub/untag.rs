//! Removing one tag: that one, and no other.

use std::collections::BTreeSet;

use cargo_gantry::hub::{HubError, Kind, Removal, Vendor};
use cargo_gantry::registry;
use cargo_gantry::spec::Digest;

use crate::support::hub::{Act, Hub, Right};
use crate::way::{EVERYWHERE, Way, shown};

const NAME: &str = "team/app";
const ONE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const THREE: &str = "sha256:3333333333333333333333333333333333333333333333333333333333333333";

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn tags(tags: &[&str]) -> BTreeSet<String> {
    tags.iter().map(|&tag| tag.to_owned()).collect()
}

fn left(hub: &Hub) -> BTreeSet<String> {
    hub.listed(NAME).tags.into_keys().collect()
}

#[tokio::test]
async fn one_tag_goes_and_the_others_stay() {
    for (vendor, registry) in EVERYWHERE {
        let hub = Hub::with(NAME, &[("v1", ONE), ("v2", TWO), ("latest", TWO)]);
        let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
        let gone = api.delete_tag("v1", &digest(ONE), &tags(&["v1"])).await.unwrap();
        assert_eq!(gone, Removal::Gone(tags(&["v1"])), "{vendor}");
        assert_eq!(left(&hub), tags(&["latest", "v2"]), "{vendor}");
        // Again: there is nothing left to do.
        let again = api.delete_tag("v1", &digest(ONE), &tags(&["v1"])).await.unwrap();
        assert_eq!(again, Removal::NotThere, "{vendor}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_does_not_matter() {
    for (vendor, registry) in EVERYWHERE {
        let hub = Hub::with(NAME, &[("v1", ONE), ("v2", TWO)]);
        let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
        hub.fail("DELETE", Act::DropAfter);
        let gone = api.delete_tag("v1", &digest(ONE), &tags(&["v1"])).await;
        assert_eq!(gone.unwrap(), Removal::NotThere, "{vendor}");
        assert_eq!(left(&hub), tags(&["v2"]), "{vendor}");
    }
}

#[tokio::test]
async fn rights_are_asked_for_by_name() {
    for (vendor, registry) in EVERYWHERE {
        let hub = Hub::with(NAME, &[("v1", ONE), ("v2", TWO)]);
        hub.state(|state| state.right = Right::Read);
        let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
        let error = api
            .delete_tag("v1", &digest(ONE), &tags(&["v1"]))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Registry(registry::Kind::Denied), "{vendor}");
        let needed = match vendor {
            Vendor::DockerHub => "Read, Write, Delete",
            Vendor::Ghcr => "delete:packages",
            Vendor::Gitlab => "scope `api`",
            Vendor::Harbor => "delete tags",
            _ => "OAuth access token",
        };
        let text = shown(&error);
        assert!(text.contains(needed), "{vendor}: {text}");
        assert_eq!(left(&hub).len(), 2);
    }
}

#[tokio::test]
async fn github_removes_a_manifest_only_with_all_its_tags() {
    let hub = Hub::with(NAME, &[("a", ONE), ("b", TWO), ("c", THREE), ("d", THREE)]);
    let api = Way::default()
        .api(&hub, Vendor::Ghcr, "ghcr.io", NAME)
        .await
        .unwrap();
    assert!(api.removes_manifests());
    let error = api
        .delete_tag("c", &digest(THREE), &tags(&["c", "b"]))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, HubError::Shared { others, .. } if *others == tags(&["d"])),
        "{error}"
    );
    assert_eq!(error.kind(), Kind::Refused);
    let error = api
        .delete_tag("b", &digest(ONE), &tags(&["b"]))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, HubError::Moved { found, .. } if found == TWO),
        "{error}"
    );
    assert_eq!(left(&hub).len(), 4);
    let gone = api
        .delete_tag("c", &digest(THREE), &tags(&["c", "d"]))
        .await
        .unwrap();
    assert_eq!(gone, Removal::Gone(tags(&["c", "d"])));
    assert_eq!(left(&hub), tags(&["a", "b"]));
}

#[tokio::test]
async fn github_has_users_and_organizations_and_keeps_the_last_version() {
    let name = "somebody/tools/app";
    let hub = Hub::with(name, &[("v1", ONE), ("v2", TWO)]);
    hub.state(|state| state.users.insert("somebody".to_owned()));
    let api = Way::default()
        .api(&hub, Vendor::Ghcr, "ghcr.io", name)
        .await
        .unwrap();
    let gone = api.delete_tag("v1", &digest(ONE), &tags(&["v1"])).await.unwrap();
    assert_eq!(gone, Removal::Gone(tags(&["v1"])));
    let last = hub.asked().pop().unwrap();
    assert!(
        last.starts_with("DELETE /users/somebody/packages/container/tools%2Fapp/versions/"),
        "{last}"
    );
    let error = api
        .delete_tag("v2", &digest(TWO), &tags(&["v2"]))
        .await
        .unwrap_err();
    assert!(
        shown(&error).contains("delete the last tagged version"),
        "{}",
        shown(&error)
    );
}

#[tokio::test]
async fn harbor_looks_at_the_digest() {
    let hub = Hub::with(NAME, &[("v1", TWO)]);
    let api = Way::default()
        .api(&hub, Vendor::Harbor, "harbor.example", NAME)
        .await
        .unwrap();
    let moved = api.delete_tag("v1", &digest(ONE), &tags(&["v1"])).await.unwrap();
    assert_eq!((moved, left(&hub)), (Removal::NotThere, tags(&["v1"])));
}

#[tokio::test]
async fn gitlab_finds_the_project() {
    // Of three repositories in one project, on two pages.
    for name in ["team/app", "team/app/deep/er", "team/app/worker"] {
        let hub = Hub::start();
        for known in ["team/app", "team/app/deep/er", "team/app/worker", "team/apple"] {
            let listed = hub.state(|state| state.repositories.entry(known.to_owned()).or_default().clone());
            let tags = [
                ("v1".to_owned(), ONE.to_owned()),
                ("v2".to_owned(), ONE.to_owned()),
            ]
            .into();
            let listed = crate::support::hub::Listed { tags, ..listed };
            hub.state(|state| state.repositories.insert(known.to_owned(), listed));
        }
        for (username, header) in [("me", "private"), ("gitlab-ci-token", "job")] {
            let way = Way {
                username,
                ..Way::default()
            };
            let tag = if header == "job" { "v1" } else { "v2" };
            let api = way
                .api(&hub, Vendor::Gitlab, "registry.gitlab.com", name)
                .await
                .unwrap();
            let gone = api.delete_tag(tag, &digest(ONE), &tags(&[])).await.unwrap();
            assert_eq!(gone, Removal::Gone(tags(&[tag])), "{name}");
        }
        assert!(hub.listed(name).tags.is_empty(), "{name}");
        let all: usize = hub.state(|state| state.repositories.values().map(|listed| listed.tags.len()).sum());
        assert_eq!(all, 6, "{name}");
    }
    let hub = Hub::with("team/app/other", &[("v1", ONE)]);
    let api = Way::default()
        .api(&hub, Vendor::Gitlab, "registry.gitlab.com", "team/app/x")
        .await
        .unwrap();
    let error = api.delete_tag("v1", &digest(ONE), &tags(&[])).await.unwrap_err();
    assert!(matches!(error, HubError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_tag_is_not_asked_for() {
    let hub = Hub::with(NAME, &[("v1", ONE)]);
    for (vendor, registry) in EVERYWHERE {
        let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
        for tag in ["", "..", "a/b", "v1/../../x", "v1?x", "-v"] {
            let error = api.delete_tag(tag, &digest(ONE), &tags(&[])).await.unwrap_err();
            assert!(matches!(error, HubError::Name { .. }), "{vendor} {tag}");
        }
    }
    assert_eq!(hub.asked(), Vec::<String>::new());
}
