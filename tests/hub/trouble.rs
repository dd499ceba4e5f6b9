//! APIs that are busy, broken or hostile.

use std::collections::BTreeSet;
use std::time::Duration;

use cargo_gantry::hub::{Described, Description, HubError, Kind, Vendor, limits};
use cargo_gantry::registry::{self, RegistryError};

use crate::support::hub::{Act, Hub};
use crate::way::{EVERYWHERE, Way, shown};

const NAME: &str = "team/app";

fn description() -> Description {
    Description {
        text: "a text".to_owned(),
        summary: None,
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Act {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Act::Answer(status, headers.collect(), body.to_owned())
}

/// The vendors that take descriptions, and the method that changes them.
fn vendors() -> impl Iterator<Item = (Vendor, &'static str, &'static str)> {
    let all = EVERYWHERE
        .into_iter()
        .filter(|(vendor, _)| limits(*vendor).is_some());
    all.map(|(vendor, registry)| {
        let method = if vendor == Vendor::DockerHub {
            "PATCH"
        } else {
            "PUT"
        };
        (vendor, registry, method)
    })
}

#[tokio::test]
async fn load_and_network_are_waited_for() {
    for (vendor, registry, method) in vendors() {
        for act in [
            answer(500, &[], "oops"),
            answer(503, &[("retry-after", "0")], ""),
            answer(429, &[("x-retry-after", "1000")], "slow down"),
            answer(
                403,
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000")],
                "slow down",
            ),
            Act::Drop,
            Act::DropAfter,
        ] {
            let hub = Hub::with(NAME, &[]);
            for method in ["GET", method] {
                hub.fail(method, act.clone());
            }
            let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
            let done = api.describe(&description()).await.unwrap();
            assert_eq!(done, Described::Changed, "{vendor} {act:?}");
            assert_eq!(hub.listed(NAME).text, "a text");
        }
    }
}

#[tokio::test]
async fn patience_ends() {
    for (vendor, registry, method) in vendors() {
        for (act, times, calls) in [
            (answer(500, &[], "oops"), 9, 3),
            (Act::Hang, 9, 3),
            // Longer than anybody waits: said at once.
            (answer(429, &[("retry-after", "100000")], ""), 1, 1),
            (answer(429, &[("x-retry-after", "99999999999")], ""), 1, 1),
        ] {
            let hub = Hub::with(NAME, &[]);
            (0..times).for_each(|_| hub.fail(method, act.clone()));
            let way = Way {
                stall: Duration::from_millis(200),
                ..Way::default()
            };
            let api = way.api(&hub, vendor, registry, NAME).await.unwrap();
            let error = api.describe(&description()).await.unwrap_err();
            assert_eq!(
                error.kind(),
                Kind::Registry(registry::Kind::Unreachable),
                "{vendor} {error}"
            );
            let asked = hub
                .asked()
                .iter()
                .filter(|asked| asked.starts_with(method))
                .count();
            assert_eq!(asked, calls, "{vendor} {act:?}");
        }
    }
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_host() {
    for (vendor, registry, method) in vendors() {
        for (method, status) in [
            ("GET", 301),
            ("GET", 302),
            ("GET", 307),
            (method, 307),
            (method, 308),
            ("POST", 307),
        ] {
            if method == "POST" && vendor != Vendor::DockerHub {
                continue;
            }
            let (hub, other) = (Hub::with(NAME, &[]), Hub::with(NAME, &[]));
            let location = format!("{}/api/v1/repository/team/app", other.origin());
            hub.fail(method, answer(status, &[("location", &location)], ""));
            let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
            let error = api.describe(&description()).await.unwrap_err();
            let text = shown(&error);
            assert!(
                matches!(error, HubError::Registry(RegistryError::Protocol { .. })),
                "{text}"
            );
            assert!(text.contains(&other.host()), "{text}");
            assert_eq!(other.asked(), Vec::<String>::new(), "{vendor} {method} {status}");
        }
    }
}

#[tokio::test]
async fn a_list_does_not_go_on_at_another_host() {
    let one: cargo_gantry::spec::Digest = format!("sha256:{}", "1".repeat(64)).parse().unwrap();
    for (vendor, registry) in [(Vendor::Ghcr, "ghcr.io"), (Vendor::Gitlab, "registry.gitlab.com")] {
        let (hub, other) = (Hub::with(NAME, &[]), Hub::with(NAME, &[]));
        let link = format!("<{}/next>; rel=\"next\"", other.origin());
        hub.fail("GET", answer(200, &[("link", &link)], "[]"));
        let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
        let error = api.delete_tag("v1", &one, &BTreeSet::new()).await.unwrap_err();
        assert!(shown(&error).contains("elsewhere"), "{}", shown(&error));
        assert_eq!(other.asked(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn redirects_within_the_api_are_followed_but_not_for_ever() {
    let hub = Hub::with(NAME, &[]);
    let path = "/api/v1/repository/team/app";
    hub.fail("GET", answer(301, &[("location", path)], ""));
    let api = Way::default()
        .api(&hub, Vendor::Quay, "quay.io", NAME)
        .await
        .unwrap();
    assert_eq!(api.describe(&description()).await.unwrap(), Described::Changed);
    (0..9).for_each(|_| hub.fail("GET", answer(301, &[("location", path)], "")));
    let error = api.describe(&description()).await.unwrap_err();
    assert!(shown(&error).contains("too many redirects"), "{}", shown(&error));
    // A change that would become a GET is none.
    let hub = Hub::with(NAME, &[]);
    hub.fail("PUT", answer(302, &[("location", path)], ""));
    let api = Way::default()
        .api(&hub, Vendor::Quay, "quay.io", NAME)
        .await
        .unwrap();
    assert!(api.describe(&description()).await.is_err());
    assert_eq!(hub.asked().len(), 2);
}

#[tokio::test]
async fn answers_are_bounded_and_must_make_sense() {
    for (vendor, registry, _) in vendors() {
        for (act, part) in [
            (Act::Huge(9 << 20), "larger than"),
            (answer(200, &[], "<html>"), "no JSON"),
            (answer(400, &[], &"no ".repeat(1 << 20)), "was refused"),
        ] {
            let hub = Hub::with(NAME, &[]);
            hub.fail("GET", act);
            let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
            let text = shown(&api.describe(&description()).await.unwrap_err());
            assert!(text.contains(part) && text.len() < 5000, "{vendor}: {text}");
        }
    }
    for body in [
        "{}",
        r#"{"access_token":7}"#,
        r#"{"access_token":"a\nb"}"#,
        r#"{"access_token":""}"#,
    ] {
        let hub = Hub::with(NAME, &[]);
        hub.fail("POST", answer(200, &[], body));
        let api = Way::default()
            .api(&hub, Vendor::DockerHub, "docker.io", NAME)
            .await
            .unwrap();
        let text = shown(&api.describe(&description()).await.unwrap_err());
        assert!(text.contains("no token"), "{text}");
    }
}

#[tokio::test]
async fn what_was_shown_is_not_repeated() {
    for (vendor, registry, method) in vendors() {
        for status in [400, 401, 403, 404, 500] {
            let hub = Hub::with(NAME, &[]);
            let said = "you sent bWU6aHVudGVyMg== hunter2 session-1";
            for method in ["GET", method] {
                (0..3).for_each(|_| hub.fail(method, answer(status, &[], said)));
            }
            let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
            let error = api.describe(&description()).await.unwrap_err();
            let text = format!("{} {error:?}", shown(&error));
            // Its own secret, in the form in which this vendor was shown it.
            let secrets: &[&str] = match vendor {
                Vendor::DockerHub => &["hunter2", "session-1"],
                Vendor::Harbor => &["hunter2", "bWU6aHVudGVyMg=="],
                _ => &["hunter2"],
            };
            for secret in secrets {
                assert!(
                    text.contains("you sent") && !text.contains(secret),
                    "{vendor} {status}: {text}"
                );
            }
        }
    }
}
