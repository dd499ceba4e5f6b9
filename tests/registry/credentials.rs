//! Where credentials come from: files, helpers that are real programs, and the variables of CI jobs.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cargo_gantry::environment::Environment;
use cargo_gantry::registry::{Client, Fetched, RegistryError, Settings};

use crate::shipment::{Fixture, REPOSITORY, client_of, reference, settings_in, shown};
use crate::support::registry::{Auth, Bearer, Registry, Setup};

/// A registry that lets in `me` with `hunter2` or the refresh token `refresh`, with a repository that is `public`
/// or not.
async fn registry(public: bool) -> Registry {
    let registry = Registry::start(Setup {
        auth: Auth::Bearer(Bearer {
            account: Some(("me", "hunter2")),
            identity: Some("refresh"),
            anonymous: if public { &["pull"] } else { &[] },
            ..Bearer::default()
        }),
        ..Setup::default()
    });
    let (client, _) = client_of(crate::authorization::signed_in(&registry.host()));
    let fixture = Fixture::new(&[("v1", cargo_gantry::publish::Moves::Always)]);
    fixture.publish(&client, &registry.host()).await.unwrap();
    registry.clear_log();
    registry
}

fn patient(environment: Environment) -> Settings {
    let mut settings = settings_in(environment);
    settings.patience.helper = Duration::from_secs(60);
    settings
}

async fn read(client: &Client, registry: &Registry) -> Result<Option<Fetched>, RegistryError> {
    client.manifest(&reference(&registry.host(), "v1")).await
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Makes a program of a script. Another process writes it: a file that is open for writing anywhere, as in a child that
/// another test is just starting, cannot be run.
#[cfg(unix)]
pub(crate) fn program_of(path: &Path, script: &str) {
    use cargo_gantry::tool::{Call, Tools};
    let tools = Tools::new(Environment::capture().unwrap());
    let write = Call::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path);
    tools.run(&write.input(format!("#!/bin/sh\n{script}\n"))).unwrap();
}

fn auths(key: &str, password: &str) -> String {
    let auth = STANDARD.encode(format!("me:{password}"));
    format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}"#)
}

#[cfg(unix)]
#[tokio::test]
async fn helpers_of_every_kind_are_dealt_with_in_time() {
    enum End {
        In,
        Anonymous,
        Error(&'static str),
    }
    let (public, private) = (registry(true).await, registry(false).await);
    for (name, script, end) in [
        ("good", r#"echo '{"Username":"me","Secret":"hunter2"}'"#, End::In),
        (
            "identity",
            r#"echo '{"Username":"<token>","Secret":"refresh"}'"#,
            End::In,
        ),
        (
            "none",
            "echo credentials not found in native keychain; exit 1",
            End::Anonymous,
        ),
        ("empty", r#"echo '{"Username":"","Secret":""}'"#, End::Anonymous),
        (
            "hangs",
            "sleep 1000 & sleep 1000",
            End::Error("no answer within 0.2 seconds"),
        ),
        ("crashes", "kill -SEGV $$", End::Error("signal 11")),
        (
            "locked",
            "echo the keychain is locked; exit 1",
            End::Error("exit code 1: the keychain is locked"),
        ),
        (
            "garbage",
            r"head -c 5000 /dev/urandom",
            End::Error("not the JSON of a credential"),
        ),
        (
            "endless",
            "while :; do echo '{'; done",
            End::Error("no answer within 0.2 seconds"),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(format!("docker-credential-{name}"));
        program_of(&program, script);
        write(
            &folder.path().join("config.json"),
            &format!(r#"{{"credsStore":"{name}"}}"#),
        );
        let environment = Environment::empty(folder.path())
            .with("DOCKER_CONFIG", folder.path())
            .with("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
        let mut settings = patient(environment);
        if ["hangs", "endless"].contains(&name) {
            settings.patience.helper = Duration::from_millis(200);
        }
        let (client, told) = client_of(settings);
        let (from_public, from_private) = (read(&client, &public).await, read(&client, &private).await);
        match end {
            End::In => assert!(
                from_public.unwrap().is_some() && from_private.unwrap().is_some(),
                "{name}"
            ),
            End::Anonymous => {
                assert!(from_public.unwrap().is_some(), "{name}");
                let text = shown(&from_private.unwrap_err());
                assert!(text.contains("no credentials (none found in"), "{name}: {text}");
            }
            End::Error(part) => {
                for error in [from_public.unwrap_err(), from_private.unwrap_err()] {
                    let text = shown(&error);
                    let program = format!("docker-credential-{name}");
                    assert!(text.contains(part) && text.contains(&program), "{name}: {text}");
                    assert_eq!(error.kind(), cargo_gantry::registry::Kind::Denied);
                }
            }
        }
        assert!(told.of("Retry").is_empty(), "{name}");
    }
}

#[tokio::test]
async fn the_first_file_with_something_counts() {
    let registry = registry(false).await;
    let host = registry.host();
    let places = [
        "docker/config.json",
        "run/containers/auth.json",
        "config/containers/auth.json",
        "home/.dockercfg",
    ];
    for (position, place) in places.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let environment = Environment::empty(folder.path())
            .with_home(at("home"))
            .with("DOCKER_CONFIG", "docker")
            .with("XDG_RUNTIME_DIR", at("run"))
            .with("XDG_CONFIG_HOME", at("config"));
        let content = |password: &str| {
            let text = auths(&host, password);
            match place.ends_with("dockercfg") {
                true => text.replacen(r#"{"auths":"#, "", 1).replacen("}}}", "}}", 1),
                false => text,
            }
        };
        // Files before have nothing for this registry; those behind have a wrong password.
        for before in &places[..position] {
            write(
                &at(before),
                if before.ends_with("cfg") {
                    "{}"
                } else {
                    r#"{"auths":{"a.io":{}}}"#
                },
            );
        }
        for behind in &places[position + 1..] {
            let text = if behind.ends_with("cfg") {
                "{}".to_owned()
            } else {
                auths(&host, "wrong")
            };
            write(&at(behind), &text);
        }
        write(&at(place), &content("hunter2"));
        let (client, _) = client_of(patient(environment.clone()));
        assert!(read(&client, &registry).await.unwrap().is_some(), "{place}");
        write(&at(place), &content("wrong"));
        let (client, _) = client_of(patient(environment.clone()));
        let text = shown(&read(&client, &registry).await.unwrap_err());
        assert!(text.contains(&at(place).display().to_string()), "{place}: {text}");
        // Where REGISTRY_AUTH_FILE is set, it stands alone.
        let environment = environment.with("REGISTRY_AUTH_FILE", "other.json");
        let (client, _) = client_of(patient(environment.clone()));
        let text = shown(&read(&client, &registry).await.unwrap_err());
        assert!(text.contains("there is no credential file"), "{place}: {text}");
        write(&at("other.json"), &auths(&host, "hunter2"));
        let (client, _) = client_of(patient(environment));
        assert!(read(&client, &registry).await.unwrap().is_some(), "{place}");
    }
}

#[tokio::test]
async fn the_key_with_the_longest_path_counts() {
    let registry = registry(false).await;
    let (host, folder) = (registry.host(), tempfile::tempdir().unwrap());
    let entry = |key: &str, password: &str| {
        let auth = STANDARD.encode(format!("me:{password}"));
        format!(r#""{host}{key}":{{"auth":"{auth}"}}"#)
    };
    let whole = format!("/{REPOSITORY}");
    for (path, good) in [
        (whole.as_str(), true),
        ("/team", true),
        ("/team/ap", false),
        ("/app", false),
    ] {
        let right = entry(path, "hunter2");
        let json = format!(r#"{{"auths":{{{},{right}}}}}"#, entry("", "wrong"));
        write(&folder.path().join("auth.json"), &json);
        let environment = Environment::empty(folder.path()).with("REGISTRY_AUTH_FILE", "auth.json");
        let (client, _) = client_of(patient(environment));
        assert_eq!(read(&client, &registry).await.is_ok(), good, "{path}");
    }
}

#[tokio::test]
async fn variables_of_a_ci_job_are_for_its_registry_unless_turned_off() {
    let (own, other) = (registry(false).await, registry(false).await);
    let job = Environment::empty("/nonexistent")
        .with("CI_REGISTRY", own.host())
        .with("CI_REGISTRY_USER", "me")
        .with("CI_REGISTRY_PASSWORD", "hunter2");
    let (client, told) = client_of(patient(job.clone()));
    assert!(read(&client, &own).await.unwrap().is_some());
    let notices = told.of("Notice");
    assert!(
        notices.len() == 1 && notices[0].contains("CI_REGISTRY_USER"),
        "{notices:?}"
    );
    read(&client, &other).await.unwrap_err();
    assert!(
        other
            .whole_log()
            .iter()
            .all(|asked| !asked.authorization.as_deref().is_some_and(basic))
    );
    let (client, _) = client_of(patient(job.clone().with("GANTRY_NO_CI_CREDENTIALS", "1")));
    read(&client, &own).await.unwrap_err();
    let (client, _) = client_of(patient(job.with("CI_REGISTRY_PASSWORD", "swordfish")));
    let text = shown(&read(&client, &own).await.unwrap_err());
    assert!(
        text.contains("CI_REGISTRY_USER") && !text.contains("swordfish"),
        "{text}"
    );
}

fn basic(header: &str) -> bool {
    header.starts_with("Basic ")
}
