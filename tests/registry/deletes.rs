//! Deleting by tag and by digest, and what registries answer to that.

use cargo_gantry::publish::Moves;
use cargo_gantry::registry::{self, Client, Deleted, Repository};
use cargo_gantry::spec::Reference;

use crate::authorization::signed_in;
use crate::shipment::{Fixture, REPOSITORY, client, client_of, shown};
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::registry::{Act, Auth, Bearer, Fault, Habits, Registry, Setup, TagDelete};

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];

fn with(habits: Habits) -> Registry {
    Registry::start(Setup {
        habits,
        ..Setup::default()
    })
}

async fn published(client: &Client, host: &str) -> (Fixture, Repository) {
    let fixture = Fixture::new(&TAGS);
    fixture.publish(client, host).await.unwrap();
    (fixture, Repository::new(host, REPOSITORY))
}

async fn digest_of(client: &Client, reference: &Reference) -> bool {
    client.manifest_digest(reference).await.unwrap().is_some()
}

/// Which of both tags and their manifest are there.
async fn there(client: &Client, fixture: &Fixture, repository: &Repository) -> [bool; 3] {
    [
        digest_of(client, &repository.tagged("1.0.0")).await,
        digest_of(client, &repository.tagged("latest")).await,
        digest_of(client, &repository.at(&fixture.digest())).await,
    ]
}

#[tokio::test]
async fn outcomes_are_told_apart() {
    let refused = |status, code| Habits {
        tag_delete: TagDelete::Refused(status, code),
        digest_delete: false,
        ..Habits::PLAIN
    };
    let all = [true; 3];
    for (name, habits, tag, digest, after) in [
        ("plain", Habits::PLAIN, "gone", "gone", [false, true, true]),
        (
            "whole manifests",
            Habits {
                tag_delete: TagDelete::Manifest,
                ..Habits::PLAIN
            },
            "gone",
            "absent",
            [false, false, false],
        ),
        (
            "distribution",
            Habits {
                digest_delete: true,
                ..refused(400, "DIGEST_INVALID")
            },
            "unsupported 400",
            "gone",
            all,
        ),
        (
            "405",
            refused(405, "UNSUPPORTED"),
            "unsupported 405",
            "unsupported 405",
            all,
        ),
        (
            "400",
            refused(400, "UNSUPPORTED"),
            "unsupported 400",
            "unsupported 405",
            all,
        ),
        ("denied", refused(403, "DENIED"), "Denied", "unsupported 405", all),
        (
            "kept",
            refused(412, "PRECONDITION"),
            "Protocol",
            "unsupported 405",
            all,
        ),
    ] {
        let (registry, client) = (with(habits), client());
        let (fixture, repository) = published(&client, &registry.host()).await;
        let outcome = |deleted: Result<Deleted, registry::RegistryError>| match deleted {
            Ok(Deleted::Gone) => "gone".to_owned(),
            Ok(Deleted::Absent) => "absent".to_owned(),
            Ok(Deleted::Unsupported(answer)) => format!("unsupported {}", answer.status),
            Err(error) => format!("{:?}", error.kind()),
        };
        let got = outcome(client.delete_manifest(&repository.tagged("1.0.0")).await);
        assert_eq!(got, tag, "{name}");
        assert_eq!(there(&client, &fixture, &repository).await, after, "{name}");
        let got = outcome(client.delete_manifest(&repository.at(&fixture.digest())).await);
        assert_eq!(got, digest, "{name}");
        let gone = [false; 3];
        let left = if digest == "gone" { gone } else { after };
        assert_eq!(there(&client, &fixture, &repository).await, left, "{name}");
        let nowhere = Repository::new(&registry.host(), "no/such").at(&fixture.digest());
        let got = outcome(client.delete_manifest(&nowhere).await);
        let expected = if digest == "gone" { "absent" } else { digest };
        assert_eq!(got, expected, "{name}");
    }
}

#[tokio::test]
async fn only_deleting_asks_for_that_right_and_an_answer_may_be_lost() {
    let bearer = Bearer {
        account: Some(("me", "hunter2")),
        ..Bearer::default()
    };
    let registry = Registry::start(Setup {
        auth: Auth::Bearer(bearer),
        ..Setup::default()
    });
    let (client, _) = client_of(signed_in(&registry.host()));
    let (fixture, repository) = published(&client, &registry.host()).await;
    let asked = |wanted: &str| {
        let log = registry.whole_log();
        log.iter().filter(|asked| asked.path.contains(wanted)).count()
    };
    assert_eq!(asked("delete"), 0);
    registry.fail([
        Fault::status(503).on("DELETE", "manifest"),
        Fault::first(Act::DropAfter).on("DELETE", "manifest").at(2),
    ]);
    // The third attempt finds what the second has done.
    let deleted = client.delete_manifest(&repository.tagged("1.0.0")).await;
    assert_eq!(
        deleted.unwrap_or_else(|error| panic!("{}", shown(&error))),
        Deleted::Absent
    );
    assert_eq!(asked("delete%2Cpull%2Cpush"), 1);
    assert_eq!(there(&client, &fixture, &repository).await, [false, true, true]);
}

#[tokio::test]
async fn the_real_registry_deletes_digests_where_it_may() {
    for deletes in [true, false] {
        let guard = Guard {
            deletes,
            ..Guard::default()
        };
        let Some(registry) = DockerRegistry::start(&guard) else {
            return;
        };
        let client = client();
        let (fixture, repository) = published(&client, &registry.host()).await;
        let by_tag = client.delete_manifest(&repository.tagged("1.0.0")).await.unwrap();
        assert!(matches!(by_tag, Deleted::Unsupported(_)), "{by_tag:?}");
        assert_eq!(there(&client, &fixture, &repository).await, [true; 3]);
        let by_digest = client
            .delete_manifest(&repository.at(&fixture.digest()))
            .await
            .unwrap();
        assert_eq!(by_digest == Deleted::Gone, deletes, "{by_digest:?}");
        assert_eq!(there(&client, &fixture, &repository).await, [!deletes; 3]);
        if deletes {
            let again = client
                .delete_manifest(&repository.at(&fixture.digest()))
                .await
                .unwrap();
            assert_eq!(again, Deleted::Absent);
        }
    }
}
