//! Descriptions: sent where they differ, refused with words on what is needed.

use cargo_gantry::hub::{Described, Description, HubError, Kind, Vendor, limits, shortened};
use cargo_gantry::registry;

use crate::support::hub::{Act, Hub, Right};
use crate::way::{EVERYWHERE, Way, shown};

const NAME: &str = "team/app";

fn description(text: &str) -> Description {
    Description {
        text: text.to_owned(),
        summary: Some("an app".to_owned()),
    }
}

fn with_descriptions() -> impl Iterator<Item = (Vendor, &'static str)> {
    EVERYWHERE
        .into_iter()
        .filter(|(vendor, _)| limits(*vendor).is_some())
}

#[tokio::test]
async fn a_text_is_sent_once() {
    for (vendor, registry) in with_descriptions() {
        let hub = Hub::with(NAME, &[]);
        let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
        let text = description("# Größe\n\n\"quoted\" \\ 漢字\n");
        for expected in [Described::Changed, Described::Unchanged] {
            assert_eq!(api.describe(&text).await.unwrap(), expected, "{vendor}");
        }
        let listed = hub.listed(NAME);
        assert_eq!(listed.text, text.text, "{vendor}");
        assert_eq!(listed.summary == "an app", vendor == Vendor::DockerHub);
        let sent = hub
            .asked()
            .iter()
            .filter(|asked| asked.starts_with("P") && !asked.contains("auth"))
            .count();
        assert_eq!(sent, 1, "{vendor}: {:?}", hub.asked());
    }
}

#[tokio::test]
async fn only_what_differs_is_sent() {
    let hub = Hub::with(NAME, &[]);
    hub.state(|state| state.repositories.get_mut(NAME).unwrap().text = "same\n\n".to_owned());
    let api = Way::default()
        .api(&hub, Vendor::DockerHub, "docker.io", NAME)
        .await
        .unwrap();
    api.describe(&description("same\n")).await.unwrap();
    let body = hub.state(|state| state.log.last().unwrap().body.clone());
    assert_eq!(body, serde_json::json!({"description": "an app"}));
    let mut silent = description("other");
    silent.summary = None;
    api.describe(&silent).await.unwrap();
    assert_eq!(hub.listed(NAME).summary, "an app");
}

#[tokio::test]
async fn parts_of_a_name_are_escaped_as_the_vendor_wants() {
    let name = "2024/deep/er/app";
    let hub = Hub::with(name, &[]);
    let api = Way::default()
        .api(&hub, Vendor::Harbor, "harbor.example", name)
        .await
        .unwrap();
    assert_eq!(api.describe(&description("x")).await.unwrap(), Described::Changed);
    assert!(hub.asked()[0].ends_with("/api/v2.0/projects/2024/repositories/deep%252Fer%252Fapp"));
    for (vendor, registry, name) in [
        (Vendor::DockerHub, "docker.io", "a/b/c"),
        (Vendor::DockerHub, "docker.io", "a"),
        (Vendor::Harbor, "harbor.example", "a"),
        (Vendor::Harbor, "harbor.example", "a/../b"),
        (Vendor::Quay, "quay.io", "../../admin"),
    ] {
        let before = hub.asked().len();
        let api = Way::default().api(&hub, vendor, registry, name).await.unwrap();
        let error = api.describe(&description("x")).await.unwrap_err();
        assert!(matches!(error, HubError::Name { .. }), "{name}: {error}");
        assert_eq!(hub.asked().len(), before);
    }
}

#[tokio::test]
async fn missing_rights_say_what_is_needed() {
    for (vendor, registry) in with_descriptions() {
        let needed = match vendor {
            Vendor::DockerHub => "Read, Write, Delete",
            Vendor::Quay => "OAuth access token",
            _ => "robot account",
        };
        for (way, right, name, expected) in [
            (Way::default(), Right::Read, NAME, needed),
            (
                Way {
                    password: Some("wrong-one"),
                    ..Way::default()
                },
                Right::Write,
                NAME,
                needed,
            ),
            (
                Way {
                    password: None,
                    ..Way::default()
                },
                Right::Write,
                NAME,
                "no credentials",
            ),
            (
                Way::default(),
                Right::Write,
                "team/none",
                "team/none` does not exist",
            ),
        ] {
            let hub = Hub::with(NAME, &[]);
            hub.state(|state| state.right = right);
            let api = way.api(&hub, vendor, registry, name).await.unwrap();
            let error = api.describe(&description("x")).await.unwrap_err();
            let text = shown(&error);
            assert_eq!(
                error.kind(),
                Kind::Registry(registry::Kind::Denied),
                "{vendor}: {text}"
            );
            assert!(text.contains(expected), "{vendor}: {text}");
            assert!(!text.contains("hunter2") && !text.contains("wrong-one"), "{text}");
            assert_eq!(hub.listed(NAME).text, "");
            if way.password.is_none() {
                assert!(matches!(error, HubError::NoAccount { .. }), "{text}");
                assert_eq!(hub.asked(), Vec::<String>::new());
            }
        }
    }
}

#[tokio::test]
async fn the_limit_is_the_vendors() {
    let hub = Hub::with(NAME, &[]);
    let api = Way::default()
        .api(&hub, Vendor::DockerHub, "docker.io", NAME)
        .await
        .unwrap();
    let long = "a line of a long text, and a bit more\n".repeat(1000);
    let limit = limits(Vendor::DockerHub).unwrap().text.unwrap();
    let error = api.describe(&description(&long)).await.unwrap_err();
    assert!(matches!(error, HubError::Refused { .. }), "{error}");
    let short = shortened(
        &long,
        limit,
        Some("https://github.com/acme/app/blob/v1/README.md"),
    );
    assert_eq!(
        api.describe(&description(&short)).await.unwrap(),
        Described::Changed
    );
    assert!(hub.listed(NAME).text.len() > limit - 200);
}

#[tokio::test]
async fn some_have_no_place_for_it() {
    for (vendor, registry) in EVERYWHERE
        .into_iter()
        .filter(|(vendor, _)| limits(*vendor).is_none())
    {
        let hub = Hub::with(NAME, &[]);
        let api = Way::default().api(&hub, vendor, registry, NAME).await.unwrap();
        let error = api.describe(&description("x")).await.unwrap_err();
        assert!(shown(&error).contains("org.opencontainers.image.description"));
        assert_eq!((error.kind(), hub.asked()), (Kind::Usage, Vec::new()));
    }
}

#[tokio::test]
async fn a_token_that_ran_out_is_renewed() {
    let hub = Hub::with(NAME, &[]);
    let api = Way::default()
        .api(&hub, Vendor::DockerHub, "docker.io", NAME)
        .await
        .unwrap();
    hub.fail("PATCH", Act::Revoke);
    assert_eq!(api.describe(&description("x")).await.unwrap(), Described::Changed);
    let signed_in = hub
        .asked()
        .iter()
        .filter(|asked| asked.contains("auth/token"))
        .count();
    assert_eq!((signed_in, hub.listed(NAME).text.as_str()), (2, "x"));
}
