//! Load, network, and being killed: the same result in the end, or a clear error.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cargo_gantry::environment::Environment;
use cargo_gantry::publish::{Kind, Moves};
use cargo_gantry::registry::{self, Repository};
use cargo_gantry::spec::Digest;

use crate::shipment::{Fixture, REPOSITORY, client, client_of, settings, settings_in, shown};
use crate::support::registry::{Act, Fault, Habits, Mount, Registry, Setup};

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];

#[tokio::test]
async fn what_load_and_network_do_is_tried_again() {
    let acts = || {
        let statuses = [408, 429, 499, 500, 502, 503, 504, 522];
        let statuses = statuses.map(|status| Act::Status(status, Vec::new(), "<html>busy</html>".to_owned()));
        statuses
            .into_iter()
            .chain([Act::DropEarly, Act::Drop, Act::DropAfter])
    };
    // Where nothing can be mounted, blobs are looked for.
    let unmounted = Habits {
        mount: Mount::Status(404),
        ..Habits::PLAIN
    };
    for (method, kind, habits) in [
        ("HEAD", "manifest", Habits::PLAIN),
        ("HEAD", "blob", unmounted),
        ("POST", "upload", Habits::PLAIN),
        ("PUT", "upload", Habits::PLAIN),
        ("PUT", "manifest", Habits::PLAIN),
    ] {
        for act in acts() {
            // None of the five mounts that a registry stumbles over is tried again: the blob is looked for.
            let stumbles = matches!(act, Act::Status(500 | 502 | 504, ..)) && method == "POST";
            let setup = Setup {
                habits: habits.clone(),
                faults: vec![
                    Fault::first(act.clone())
                        .on(method, kind)
                        .times(if stumbles { 6 } else { 2 }),
                ],
                ..Setup::default()
            };
            let (registry, fixture) = (Registry::start(setup), Fixture::new(&TAGS));
            // So that a mount of the layer is tried at all.
            registry.hold(REPOSITORY, b"a layer that both platforms have");
            let (client, told) = client_of(settings());
            let published = fixture.publish(&client, &registry.host()).await;
            published.unwrap_or_else(|error| panic!("{method} {kind} {act:?}: {}", shown(&error)));
            fixture.assert_stored(&registry);
            assert!(!told.of("Retry").is_empty(), "{method} {kind} {act:?}");
        }
    }
}

/// How often each manifest was written.
fn written(registry: &Registry) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for asked in registry.log() {
        if asked.method == "PUT" && asked.path.contains("/manifests/") {
            *times.entry(asked.path).or_default() += 1;
        }
    }
    times
}

#[tokio::test]
async fn a_lost_session_begins_anew() {
    for (status, body) in [
        (404, r#"{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}"#),
        (400, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#),
        (416, ""),
    ] {
        let act = Act::Status(status, Vec::new(), body.to_owned());
        let (registry, fixture) = (
            Registry::failing([Fault::first(act).on("PUT", "upload")]),
            Fixture::new(&TAGS),
        );
        fixture.publish(&client(), &registry.host()).await.unwrap();
        fixture.assert_stored(&registry);
    }
}

#[tokio::test]
async fn a_stalled_connection_is_given_up_and_tried_again() {
    let fault = Fault::first(Act::Hang).on("PUT", "upload");
    let (registry, fixture) = (Registry::failing([fault]), Fixture::new(&TAGS));
    let mut settings = settings();
    settings.patience.stall = Duration::from_millis(200);
    let (client, told) = client_of(settings);
    fixture.publish(&client, &registry.host()).await.unwrap();
    fixture.assert_stored(&registry);
    assert!(
        told.of("Retry")[0].contains("no byte moved"),
        "{:?}",
        told.of("Retry")
    );
}

#[tokio::test]
async fn the_pause_that_is_asked_for_is_kept_by_the_whole_host() {
    let wait = vec![("retry-after", "1".to_owned())];
    let fault = Fault::first(Act::Status(429, wait, String::new())).on("POST", "upload");
    let (registry, fixture) = (Registry::failing([fault]), Fixture::new(&TAGS));
    let (client, told) = client_of(settings());
    let repository = Repository::new(&registry.host(), "a/b");
    let (one, other) = (fixture.file(b"one"), fixture.file(b"other"));
    let first = async { client.push_blob(&repository, &one).await.unwrap() };
    let second = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let begin = Instant::now();
        client.push_blob(&repository, &other).await.unwrap();
        begin.elapsed()
    };
    let begin = Instant::now();
    let (_, waited) = tokio::join!(first, second);
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(
        waited >= Duration::from_millis(500),
        "the second blob did not wait: {waited:?}"
    );
    assert!(
        told.of("Retry")[0].contains("after: 1.0"),
        "{:?}",
        told.of("Retry")
    );

    let hour = vec![("retry-after", "3600".to_owned())];
    let registry = Registry::failing([Fault::first(Act::Status(429, hour, String::new()))]);
    let error = fixture
        .publish(&self::client(), &registry.host())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Unreachable));
    assert!(
        shown(&error).contains("3600 s") && shown(&error).contains("429"),
        "{}",
        shown(&error)
    );
}

#[tokio::test]
async fn patience_ends() {
    let fault = Fault::status(503).on("PUT", "manifest").times(usize::MAX);
    let (registry, fixture) = (Registry::failing([fault]), Fixture::new(&TAGS));
    let error = fixture.publish(&client(), &registry.host()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Unreachable));
    assert!(
        shown(&error).contains("tried 6 times") && shown(&error).contains("503"),
        "{}",
        shown(&error)
    );
    let asked = written(&registry);
    assert_eq!(asked.values().max(), Some(&6), "{asked:?}");
    // Nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = fixture.publish(&client(), &free.to_string()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Unreachable));
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again() {
    for status in [400, 403, 405, 409, 413, 422] {
        let body = r#"{"errors":[{"code":"DENIED","message":"because"}]}"#.to_owned();
        let act = Act::Status(status, Vec::new(), body);
        let fault = Fault::first(act).on("PUT", "manifest").times(usize::MAX);
        let (registry, fixture) = (Registry::failing([fault]), Fixture::new(&TAGS));
        let error = fixture.publish(&client(), &registry.host()).await.unwrap_err();
        assert!(shown(&error).contains("DENIED (because)"), "{}", shown(&error));
        assert_eq!(error.kind(), Kind::Registry(registry::Kind::Denied));
        let asked = written(&registry);
        assert!(asked.values().all(|times| *times == 1), "{asked:?}");
    }
}

#[tokio::test]
async fn killed_at_any_request_the_next_run_completes() {
    let requests = {
        let (registry, fixture) = (Registry::plain(), Fixture::new(&TAGS));
        fixture.publish(&client(), &registry.host()).await.unwrap();
        registry.log().len()
    };
    assert!(requests > 15, "{requests}");
    for act in [Act::Hang, Act::HangAfter] {
        for n in 1..=requests {
            let (registry, fixture) = (
                Registry::failing([Fault::first(act.clone()).at(n)]),
                Fixture::new(&TAGS),
            );
            let (client, host) = (client(), registry.host());
            tokio::select! {
                biased;
                () = registry.hung() => {}
                published = fixture.publish(&client, &host) => {
                    panic!("request {n} was not reached: {published:?}");
                }
            }
            drop(client);
            // A tag never names what is not whole.
            registry.store(|store| {
                let repository = store.repositories.get("team/app");
                assert_eq!(
                    repository.map(|r| r.problems()).unwrap_or_default(),
                    Vec::<String>::new()
                );
            });
            let published = fixture.publish(&self::client(), &registry.host()).await;
            published.unwrap_or_else(|error| panic!("after {act:?} at {n}: {}", shown(&error)));
            fixture.assert_stored(&registry);
        }
    }
}

#[tokio::test]
async fn two_publishers_at_once_end_right() {
    let (registry, fixture) = (Registry::plain(), Fixture::new(&TAGS));
    let (one, other) = (client(), client());
    let host = registry.host();
    let (a, b) = tokio::join!(fixture.publish(&one, &host), fixture.publish(&other, &host));
    assert_eq!(a.unwrap().digest, b.unwrap().digest);
    fixture.assert_stored(&registry);
}

#[tokio::test]
async fn at_most_four_blobs_travel_at_once() {
    let registry = Registry::failing([Fault::first(Act::Hang).on("PUT", "upload").times(usize::MAX)]);
    let fixture = Fixture::new(&[]);
    let (client, told) = client_of(settings());
    let repository = Repository::new(&registry.host(), "a/b");
    let mut uploads = tokio::task::JoinSet::new();
    for n in 0..9u8 {
        let (client, repository, blob) = (client.clone(), repository.clone(), fixture.file(&[n]));
        uploads.spawn(async move { client.push_blob(&repository, &blob).await });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(told.of("UploadStarted").len(), 4);
}

#[tokio::test]
async fn proxies_of_the_environment_are_used_but_not_for_this_machine() {
    let (proxy, direct, fixture) = (Registry::plain(), Registry::plain(), Fixture::new(&TAGS));
    let address = format!("http://{}", proxy.host());
    let environment = Environment::empty("/nonexistent")
        .with("http_proxy", &address)
        .with("NO_PROXY", "x.test");
    let mut settings = settings_in(environment);
    settings.plain_http = vec!["registry.test".to_owned()];
    let (client, _) = client_of(settings);
    fixture.publish(&client, "registry.test").await.unwrap();
    fixture.assert_stored(&proxy);
    assert!(
        proxy
            .log()
            .iter()
            .all(|asked| asked.path.starts_with("http://registry.test/v2/"))
    );
    proxy.clear_log();
    fixture.publish(&client, &direct.host()).await.unwrap();
    assert!(proxy.whole_log().is_empty());
}

#[tokio::test]
async fn any_short_series_of_faults_ends_right() {
    // A fixed seed and a plain generator: the same schedules in every run.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for _ in 0..40 {
        let faults: Vec<Fault> = (0..1 + draw(5))
            .map(|_| {
                let act = match draw(6) {
                    0 => Act::DropEarly,
                    1 => Act::Drop,
                    2 => Act::DropAfter,
                    3 => Act::Status(429, vec![("retry-after", "0".to_owned())], String::new()),
                    _ => Act::Status(500 + draw(5) as u16 / 2 * 2, Vec::new(), "busy".to_owned()),
                };
                Fault::first(act).at(1 + draw(30) as usize)
            })
            .collect();
        let (registry, fixture) = (Registry::failing(faults.clone()), Fixture::new(&TAGS));
        let published = fixture.publish(&client(), &registry.host()).await;
        published.unwrap_or_else(|error| panic!("{faults:?}: {}", shown(&error)));
        fixture.assert_stored(&registry);
    }
}

#[tokio::test]
async fn warnings_are_told_once() {
    let warning = || vec![("warning", "299 - \"this registry closes\"".to_owned())];
    let fault = Fault::first(Act::Status(404, warning(), String::new()))
        .on("HEAD", "manifest")
        .times(usize::MAX);
    let (registry, fixture) = (Registry::failing([fault]), Fixture::new(&TAGS));
    let (client, told) = client_of(settings());
    fixture.publish(&client, &registry.host()).await.unwrap();
    let warnings = told.of("Warning");
    assert!(
        warnings.len() == 1 && warnings[0].contains("this registry closes"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn nobody_waits_for_another_to_hear_from_a_silent_host() {
    let hang = Fault::first(Act::Hang).at(2).times(usize::MAX);
    let registry = Registry::failing([Fault::first(Act::Drop), hang]);
    let mut settings = settings();
    settings.plain_http = vec![registry.host()];
    settings.patience.stall = Duration::from_secs(60);
    let client = client_of(settings).0;
    let repository = Repository::new(&registry.host(), "a/b");
    let ask = |name: &str| {
        let (client, digest) = (client.clone(), Digest::of(name.as_bytes()));
        let repository = repository.clone();
        tokio::spawn(async move { client.blob_present(&repository, &digest, 1).await })
    };
    let asking = ["one", "two", "three"].map(ask);
    // The first to fail, and then all of them beside each other.
    let beside = async {
        while registry.log().len() < 4 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), beside)
        .await
        .unwrap();
    for asked in asking {
        asked.abort();
    }
}
