//! Signing in, and where passwords must never go.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cargo_gantry::environment::Environment;
use cargo_gantry::publish::{Kind, Moves, PublishError, Published};
use cargo_gantry::registry::{self, Account, Secret, Settings};

#[cfg(unix)]
use crate::credentials::program_of;
use crate::shipment::{Fixture, client_of, reference, settings, settings_in, shown};
use crate::support::registry::{Act, Auth, Bearer, Fault, Location, Registry, Setup};

const TAGS: [(&str, Moves); 1] = [("v1", Moves::Always)];

/// Settings with the password of `host`.
pub(crate) fn signed_in(host: &str) -> Settings {
    let mut settings = settings();
    settings.account = Some(Account {
        registry: host.to_owned(),
        username: "me".to_owned(),
        password: Secret::new("hunter2"),
    });
    settings
}

fn guarded(auth: Auth) -> Registry {
    Registry::start(Setup {
        auth,
        ..Setup::default()
    })
}

fn bearer() -> Bearer {
    Bearer {
        account: Some(("me", "hunter2")),
        identity: Some("refresh"),
        ..Bearer::default()
    }
}

/// Settings with `json` as docker's credential file.
pub(crate) fn stored(folder: &Path, json: &str) -> Settings {
    std::fs::write(folder.join("config.json"), json).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    settings_in(
        Environment::empty(folder)
            .with("DOCKER_CONFIG", folder)
            .with("PATH", path),
    )
}

async fn publish(registry: &Registry, settings: Settings) -> Result<Published, PublishError> {
    let (client, told) = client_of(settings);
    let fixture = Fixture::new(&TAGS);
    let result = fixture.publish(&client, &registry.host()).await;
    if result.is_ok() {
        fixture.assert_stored(registry);
    }
    assert!(!format!("{client:?} {:?}", told.of("")).contains("hunter2"));
    result
}

#[tokio::test]
async fn every_kind_of_credential_opens_its_registry() {
    let auth = STANDARD.encode("me:hunter2");
    for (entry, auths) in [
        (
            format!(r#""auth":"{auth}""#),
            vec![Auth::Basic("me", "hunter2"), Auth::Bearer(bearer())],
        ),
        (
            r#""identitytoken":"refresh""#.to_owned(),
            vec![Auth::Bearer(bearer())],
        ),
    ] {
        for auth in auths {
            let (registry, folder) = (guarded(auth), tempfile::tempdir().unwrap());
            let json = format!(r#"{{"auths":{{"{}":{{{entry}}}}}}}"#, registry.host());
            publish(&registry, stored(folder.path(), &json)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_token_does_for_one_publish() {
    let registry = guarded(Auth::Bearer(bearer()));
    let settings = signed_in(&registry.host());
    publish(&registry, settings).await.unwrap();
    let tokens: Vec<_> = registry
        .whole_log()
        .into_iter()
        .filter(|asked| asked.path.starts_with("/token"))
        .collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert!(
        tokens[0]
            .path
            .contains("scope=repository%3Ateam%2Fapp%3Apull%2Cpush"),
        "{}",
        tokens[0].path
    );
    let password = format!("Basic {}", STANDARD.encode("me:hunter2"));
    assert_eq!(tokens[0].authorization.as_deref(), Some(password.as_str()));
    assert!(
        registry
            .log()
            .iter()
            .all(|asked| asked.authorization.as_deref() != Some(password.as_str()))
    );
    let refused = registry
        .log()
        .iter()
        .filter(|asked| asked.status == Some(401))
        .count();
    assert_eq!(refused, 1, "the first request learns the challenge for all");
    assert!(registry.log()[0].authorization.is_none() && registry.log()[0].method == "HEAD");
}

#[cfg(unix)]
#[tokio::test]
async fn helpers_are_asked_once() {
    for (answer, auth) in [
        (
            r#"{"Username":"me","Secret":"hunter2"}"#,
            Auth::Basic("me", "hunter2"),
        ),
        (
            r#"{"Username":"<token>","Secret":"refresh"}"#,
            Auth::Bearer(bearer()),
        ),
    ] {
        let (registry, folder) = (guarded(auth), tempfile::tempdir().unwrap());
        let helper = folder.path().join("docker-credential-test");
        let calls = folder.path().join("calls");
        let script = format!(
            "cat >> {0}; echo \" $1\" >> {0}\necho '{answer}'",
            calls.display()
        );
        program_of(&helper, &script);
        let host = registry.host();
        for json in [
            r#"{"credsStore":"test"}"#.to_owned(),
            format!(
                r#"{{"auths":{{"{host}":{{}}}},"credHelpers":{{"{host}":"test"}},"credsStore":"missing"}}"#
            ),
        ] {
            publish(&registry, stored(folder.path(), &json)).await.unwrap();
            assert_eq!(std::fs::read_to_string(&calls).unwrap(), format!("{host} get\n"));
            std::fs::remove_file(&calls).unwrap();
        }
    }
}

#[tokio::test]
async fn a_wrong_password_names_where_it_came_from() {
    for auth in [Auth::Basic("me", "other"), Auth::Bearer(Bearer::default())] {
        let (registry, folder) = (guarded(auth.clone()), tempfile::tempdir().unwrap());
        let json = format!(
            r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#,
            registry.host(),
            STANDARD.encode("me:hunter2")
        );
        let error = publish(&registry, stored(folder.path(), &json))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Registry(registry::Kind::Denied));
        let text = shown(&error);
        assert!(
            text.contains("config.json") && text.contains("docker login"),
            "{text}"
        );
        assert!(
            !text.contains("hunter2") && !format!("{error:?}").contains("hunter2"),
            "{text}"
        );
        if matches!(auth, Auth::Bearer(_)) {
            assert!(text.contains("repository:team/app:pull,push"), "{text}");
        }
        assert!(
            registry.whole_log().len() <= 5,
            "not tried again: {:?}",
            registry.whole_log()
        );
    }
}

#[tokio::test]
async fn without_credentials_the_error_says_where_they_were_looked_for() {
    let (registry, folder) = (
        guarded(Auth::Basic("me", "hunter2")),
        tempfile::tempdir().unwrap(),
    );
    let error = publish(&registry, stored(folder.path(), "{}")).await.unwrap_err();
    assert!(
        shown(&error).contains("none found in") && shown(&error).contains("config.json"),
        "{}",
        shown(&error)
    );
    let error = publish(&registry, settings()).await.unwrap_err();
    assert!(
        shown(&error).contains("there is no credential file"),
        "{}",
        shown(&error)
    );
}

#[tokio::test]
async fn anybody_may_read_what_is_public_but_not_write() {
    let public = Bearer {
        anonymous: &["pull"],
        ..bearer()
    };
    let registry = guarded(Auth::Bearer(public));
    publish(&registry, signed_in(&registry.host())).await.unwrap();
    let (client, _) = client_of(settings());
    assert!(
        client
            .manifest(&reference(&registry.host(), "v1"))
            .await
            .unwrap()
            .is_some()
    );
    let error = Fixture::of("new", &TAGS)
        .publish(&client, &registry.host())
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Registry(registry::Kind::Denied),
        "{}",
        shown(&error)
    );
}

#[tokio::test]
async fn a_token_that_ends_on_the_way_is_renewed() {
    // Refused before the upload's body, after it, and at a manifest.
    for (method, kind) in [("POST", "upload"), ("PUT", "upload"), ("PUT", "manifest")] {
        let registry = guarded(Auth::Bearer(bearer()));
        let challenge = format!(
            "Bearer realm=\"http://{}/token\",service=\"test, service\"",
            registry.host()
        );
        let headers = vec![("www-authenticate", challenge)];
        registry.fail([Fault::first(Act::Status(401, headers, String::new())).on(method, kind)]);
        let settings = signed_in(&registry.host());
        publish(&registry, settings).await.unwrap();
    }
}

#[tokio::test]
async fn tokens_taken_back_between_two_publishes_are_renewed() {
    let registry = guarded(Auth::Bearer(bearer()));
    let settings = signed_in(&registry.host());
    let (client, _) = client_of(settings);
    Fixture::new(&TAGS)
        .publish(&client, &registry.host())
        .await
        .unwrap();
    registry.revoke_tokens();
    let new = Fixture::of("new", &TAGS);
    new.publish(&client, &registry.host()).await.unwrap();
    new.assert_stored(&registry);
}

#[tokio::test]
async fn a_registry_that_hides_its_challenge_is_asked_at_its_root() {
    let silent = Bearer {
        silent: true,
        ..bearer()
    };
    let registry = guarded(Auth::Bearer(silent));
    let settings = signed_in(&registry.host());
    publish(&registry, settings).await.unwrap();
}

#[tokio::test]
async fn a_hostile_realm_gets_nothing() {
    let trap = Registry::plain();
    let other = |host: String| host.replace("127.0.0.1", "127.0.0.2");
    for realm in [
        "http://evil.example/token".to_owned(),
        "https://10.0.0.1/token".to_owned(),
        "https://169.254.169.254/latest".to_owned(),
        format!("http://me:x@{}/token", trap.host()),
        format!("http://{}/token", other(trap.host())),
        "file:///etc/passwd".to_owned(),
        "nonsense:".to_owned(),
    ] {
        let registry = guarded(Auth::Realm(realm.clone()));
        let settings = signed_in(&registry.host());
        let error = publish(&registry, settings).await.unwrap_err();
        assert!(
            shown(&error).contains("gantry::registry::realm"),
            "{realm}: {}",
            shown(&error)
        );
        assert!(
            registry
                .whole_log()
                .iter()
                .all(|asked| asked.authorization.is_none()),
            "{realm}"
        );
    }
    assert!(trap.whole_log().is_empty());
}

#[tokio::test]
async fn an_upload_elsewhere_gets_no_credentials() {
    let elsewhere = Registry::plain();
    let registry = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        location: Location::Elsewhere(format!("http://{}", elsewhere.host())),
        ..Setup::default()
    });
    let settings = signed_in(&registry.host());
    // The other place knows nothing of the session: the publish fails, and that is enough here.
    publish(&registry, settings).await.unwrap_err();
    assert!(!elsewhere.log().is_empty());
    assert!(
        elsewhere
            .whole_log()
            .iter()
            .all(|asked| asked.authorization.is_none())
    );
}

#[tokio::test]
async fn credentials_of_one_registry_are_not_for_another() {
    let (mine, other) = (
        guarded(Auth::Basic("me", "hunter2")),
        guarded(Auth::Basic("me", "hunter2")),
    );
    let settings = signed_in(&mine.host());
    publish(&mine, settings.clone()).await.unwrap();
    publish(&other, settings).await.unwrap_err();
    assert!(
        other
            .whole_log()
            .iter()
            .all(|asked| asked.authorization.is_none())
    );
}

#[tokio::test]
async fn an_identity_token_is_a_password_where_exchanges_are_unknown() {
    let old = Bearer {
        account: Some(("<token>", "refresh")),
        ..Bearer::default()
    };
    let (registry, folder) = (guarded(Auth::Bearer(old)), tempfile::tempdir().unwrap());
    registry.fail([Fault::status(404).on("POST", "token")]);
    let json = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"refresh"}}}}}}"#,
        registry.host()
    );
    publish(&registry, stored(folder.path(), &json)).await.unwrap();
}

#[tokio::test]
async fn a_realm_may_redirect_but_passwords_stay_with_it() {
    let trap = Registry::plain();
    let registry = guarded(Auth::Bearer(bearer()));
    let at_home =
        "/token?again&service=test%2C+service&scope=repository%3Ateam%2Fapp%3Apull%2Cpush".to_owned();
    for (to, end) in [
        (at_home, None),
        (format!("http://{}/token", trap.host()), Some("refused")),
        ("http://evil.example/token".to_owned(), Some("realm")),
        ("https://169.254.169.254/token".to_owned(), Some("realm")),
        (format!("http://you@{}/token", trap.host()), Some("realm")),
    ] {
        registry.fail([
            Fault::first(Act::Status(307, vec![("location", to.clone())], String::new())).on("GET", "token"),
        ]);
        let result = publish(&registry, signed_in(&registry.host())).await;
        match (result, end) {
            (Ok(_), None) => {}
            (Err(error), Some(code)) => {
                let code = format!("[gantry::registry::{code}]");
                assert!(shown(&error).contains(&code), "{to}: {}", shown(&error));
            }
            (result, _) => panic!("{to}: {result:?}"),
        }
    }
    assert_eq!(trap.whole_log().len(), 1);
    assert!(trap.whole_log()[0].authorization.is_none());
}

#[tokio::test]
async fn a_refresh_token_that_was_replaced_is_not_used_again() {
    let rotating = Bearer {
        identity: Some("second"),
        ..bearer()
    };
    let (registry, folder) = (guarded(Auth::Bearer(rotating)), tempfile::tempdir().unwrap());
    // The first answer replaces the token that is stored; what it opens is worth nothing.
    let answer = r#"{"access_token":"stale","expires_in":300,"refresh_token":"second"}"#;
    registry.fail([Fault::first(Act::Status(200, Vec::new(), answer.to_owned())).on("POST", "token")]);
    let json = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"first"}}}}}}"#,
        registry.host()
    );
    publish(&registry, stored(folder.path(), &json)).await.unwrap();
}

#[tokio::test]
async fn an_answer_of_a_realm_without_end_is_not_kept() {
    let registry = guarded(Auth::Bearer(bearer()));
    let endless = format!(r#"{{"token":"{}"}}"#, "x".repeat(200_000));
    registry.fail([Fault::first(Act::Status(200, Vec::new(), endless)).on("GET", "token")]);
    let error = publish(&registry, signed_in(&registry.host())).await.unwrap_err();
    assert!(
        shown(&error).contains("[gantry::registry::too_large]"),
        "{}",
        shown(&error)
    );
}
