//! Tags that move forward only: what tells the version of what they name, and what comes of it.

use std::time::Duration;

use cargo_gantry::pipeline::{Class, Error};
use cargo_gantry::publish::{Moves, Options};
use cargo_gantry::release::Fate;
use serde_json::{Value, json};

use crate::image::{VERSION, asked, held, image, named, publish, put, saying, version, writes};
use crate::shipment::{Fixture, REPOSITORY, client, shown};
use crate::support::registry::{Act, Fault, Registry};

/// What comes of `latest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    Moved,
    Stays(&'static str),
    Refused,
}

use Comes::{Moved, Refused, Stays};

/// A name; annotations and tags of what `latest` names, the version that is published, and what comes of it.
type Row = (
    &'static str,
    Value,
    &'static [&'static str],
    Option<&'static str>,
    Comes,
);

fn table() -> Vec<Row> {
    let ours = Some("1.2.3");
    vec![
        ("lower", saying("1.2.2"), &[], ours, Moved),
        ("higher", saying("1.2.4"), &[], ours, Stays("1.2.4")),
        ("higher by number", saying("1.2.10"), &[], ours, Stays("1.2.10")),
        ("equal", saying("1.2.3"), &[], ours, Moved),
        ("with a v", saying("v1.2.2"), &[], ours, Moved),
        ("higher with a v", saying("v2.0.0"), &[], ours, Stays("v2.0.0")),
        ("a candidate of ours", saying("1.2.3-rc.1"), &[], ours, Moved),
        (
            "a higher candidate",
            saying("1.3.0-rc.1"),
            &[],
            ours,
            Stays("1.3.0-rc.1"),
        ),
        ("another build", saying("1.2.3+2"), &[], ours, Moved),
        (
            "another build of both",
            saying("1.2.3+2"),
            &[],
            Some("1.2.3+1"),
            Moved,
        ),
        ("a higher build", saying("1.2.4+1"), &[], ours, Stays("1.2.4+1")),
        ("annotation over tag", saying("1.2.2"), &["9.0.0"], ours, Moved),
        ("a tag of it", Value::Null, &["1.2.2"], ours, Moved),
        ("a tag with a v", Value::Null, &["v1.2.2"], ours, Moved),
        ("a higher tag", Value::Null, &["1.3.0"], ours, Stays("1.3.0")),
        (
            "the highest tag",
            Value::Null,
            &["1.0.0", "1.10.0", "1.9.0"],
            ours,
            Stays("1.10.0"),
        ),
        ("no version", json!({VERSION: "stable"}), &[], ours, Refused),
        ("half a version", json!({VERSION: "1.2"}), &[], ours, Refused),
        ("an empty version", json!({VERSION: ""}), &[], ours, Refused),
        (
            "a huge version",
            json!({VERSION: "99999999999999999999.0.0"}),
            &[],
            ours,
            Refused,
        ),
        (
            "no version, but a tag",
            json!({VERSION: "stable"}),
            &["1.2.2"],
            ours,
            Moved,
        ),
        ("a number", json!({VERSION: 1.2}), &["1.2.2"], ours, Moved),
        (
            "a list of annotations",
            json!([VERSION, "9.0.0"]),
            &["1.2.2"],
            ours,
            Moved,
        ),
        (
            "other annotations",
            json!({"a": "b"}),
            &["edge", "stable"],
            ours,
            Refused,
        ),
        ("nothing", Value::Null, &[], ours, Refused),
        ("short tags", Value::Null, &["1", "1.2"], ours, Refused),
        ("no version of ours", saying("1.2.2"), &[], None, Refused),
    ]
}

fn forward(ours: Option<&str>) -> Fixture {
    let mut fixture = version("1.2.3", &[("latest", Moves::Forward)]);
    fixture.shipment.version = ours.map(str::to_owned);
    fixture
}

#[tokio::test]
async fn annotation_or_tags_tell_the_version() {
    let client = client();
    for (name, annotations, tags, ours, comes) in table() {
        let registry = Registry::plain();
        let theirs = image("theirs", &annotations);
        put(&registry, &theirs, &[&["latest"], tags].concat());
        // Another image, with a version of its own.
        put(&registry, &image("other", &Value::Null), &["8.0.0"]);
        let fixture = forward(ours);
        let (survey, refused) = asked(&client, &registry, &fixture.shipment, Options::default()).await;
        let fate = &survey.tags[0].fate;
        let published = publish(&client, &registry, &fixture.shipment, Options::default()).await;
        let at = theirs.digest();
        match comes {
            Moved => {
                let published = published.unwrap_or_else(|error| panic!("{name}: {}", shown(&error)));
                assert_eq!(published.tags, ["latest"], "{name}");
                assert!(
                    matches!(fate, Fate::Moves { from, version: Some(_) } if *from == at),
                    "{name}: {fate:?}"
                );
                assert_eq!(
                    named(&registry, "latest"),
                    Some(fixture.digest().to_string()),
                    "{name}"
                );
            }
            Stays(theirs) => {
                let published = published.unwrap_or_else(|error| panic!("{name}: {}", shown(&error)));
                assert_eq!(published.tags, Vec::<String>::new(), "{name}");
                let kept: Vec<_> = published
                    .kept
                    .iter()
                    .map(|kept| (&*kept.name, &*kept.version))
                    .collect();
                assert_eq!(kept, [("latest", theirs)], "{name}");
                let version = theirs.to_owned();
                assert_eq!(*fate, Fate::Stays { at, version }, "{name}");
                assert_eq!(named(&registry, "latest"), Some(at.to_string()), "{name}");
                // It is there nevertheless.
                assert!(
                    held(&registry)
                        .manifests
                        .contains_key(&fixture.digest().to_string()),
                    "{name}"
                );
            }
            Refused => {
                let error = published.unwrap_err();
                let fault = match ours {
                    Some(_) => Fate::Unknown { at },
                    None => Fate::Unversioned { at },
                };
                assert_eq!(*fate, fault, "{name}");
                let (said, rehearsed) = (shown(&error), shown(&refused.unwrap()));
                assert_eq!(said, rehearsed, "{name}");
                assert!(
                    said.contains("--force-tags") && said.contains("tag `latest` of"),
                    "{name}: {said}"
                );
                assert_eq!(Error::from(error).class(), Class::Refused, "{name}");
                assert_eq!(writes(&registry), Vec::<String>::new(), "{name}");
                // Lifted, and known from then on.
                let force = Options::default().forcing(true);
                publish(&client, &registry, &fixture.shipment, force)
                    .await
                    .unwrap();
                assert_eq!(
                    named(&registry, "latest"),
                    Some(fixture.digest().to_string()),
                    "{name}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_stands_alone_tells_its_version_too() {
    let (registry, client) = (Registry::plain(), client());
    let mut alone = Fixture::of("alone", &[]).alone();
    let root = &alone.shipment.content.root;
    let mut manifest: Value = serde_json::from_slice(root.bytes()).unwrap();
    manifest["annotations"] = saying("1.2.2");
    alone.shipment.content.root =
        cargo_gantry::publish::ManifestBytes::new(root.media_type(), manifest.to_string());
    put(&registry, &alone, &["latest"]);
    let fixture = forward(Some("1.2.3"));
    publish(&client, &registry, &fixture.shipment, Options::default())
        .await
        .unwrap();
    assert_eq!(named(&registry, "latest"), Some(fixture.digest().to_string()));
}

#[tokio::test]
async fn one_unknown_tag_holds_up_all() {
    let (registry, client) = (Registry::plain(), client());
    put(&registry, &image("theirs", &Value::Null), &["1"]);
    let tags = [
        ("1.2.3", Moves::Never),
        ("latest", Moves::Forward),
        ("1", Moves::Forward),
        ("edge", Moves::Always),
    ];
    let fixture = version("1.2.3", &tags);
    let error = publish(&client, &registry, &fixture.shipment, Options::default())
        .await
        .unwrap_err();
    assert!(shown(&error).contains("tag `1` of"), "{}", shown(&error));
    assert_eq!(writes(&registry), Vec::<String>::new());
}

/// Forcing lifts the one rule, and replacing the other.
#[tokio::test]
async fn each_word_lifts_its_own_rule() {
    let tags = [("1.2.3", Moves::Never), ("latest", Moves::Forward)];
    for (replace, force, taken) in [
        (false, false, Some("tag `1.2.3` of")),
        (false, true, Some("tag `1.2.3` of")),
        (true, false, None),
        (true, true, None),
    ] {
        let (registry, client) = (Registry::plain(), client());
        let theirs = image("theirs", &saying("2.0.0"));
        put(&registry, &theirs, &["1.2.3", "latest"]);
        let fixture = version("1.2.3", &tags);
        let options = Options::default().replacing(replace).forcing(force);
        let (_, refused) = asked(&client, &registry, &fixture.shipment, options).await;
        let published = publish(&client, &registry, &fixture.shipment, options).await;
        let said = published.as_ref().err().map(|error| shown(error));
        assert_eq!(refused.map(|error| shown(&error)), said);
        assert_eq!(said.is_some(), taken.is_some(), "{replace} {force}: {said:?}");
        assert!(taken.is_none_or(|part| said.unwrap().contains(part)));
        let moved = |tag: &str| named(&registry, tag) == Some(fixture.digest().to_string());
        assert_eq!((moved("1.2.3"), moved("latest")), (replace, replace && force));
    }
}

/// Between the look at the tag and the look at what it names, somebody removes it.
#[tokio::test]
async fn a_tag_that_goes_while_it_is_looked_at_is_new() {
    let (registry, client) = (Registry::plain(), client());
    let theirs = image("theirs", &saying("1.2.2"));
    put(&registry, &theirs, &["latest"]);
    registry.fail([Fault::first(Act::Delay(Duration::from_millis(500))).on("GET", "manifest")]);
    let fixture = forward(Some("1.2.3"));
    let gone = async {
        while registry.log().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        registry.store(|store| {
            let repository = store.repositories.get_mut(REPOSITORY).unwrap();
            repository.tags.clear();
            repository.manifests.remove(&theirs.digest().to_string());
        });
    };
    let publishing = publish(&client, &registry, &fixture.shipment, Options::default());
    let (published, ()) = tokio::join!(publishing, gone);
    assert_eq!(published.unwrap().tags, ["latest"]);
    assert_eq!(named(&registry, "latest"), Some(fixture.digest().to_string()));
}
