//! Signing in to docker-registry itself in every way that it knows: each time pushed to and pulled from.

use std::path::Path;

use cargo_gantry::environment::Environment;
use cargo_gantry::publish::{BlobSource, Kind, Moves};
use cargo_gantry::registry::{self, Client, Pushed, Repository, Settings, user_settings};
use cargo_gantry::spec::Digest;

use crate::authorization::signed_in;
use crate::real::HTPASSWD;
use crate::shipment::{Fixture, client_of, reference, settings, settings_in, shown};
use crate::support::authority::Authority;
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::token_server::TokenServer;

const TAGS: [(&str, Moves); 1] = [("v1", Moves::Always)];

/// Settings with `text` as the user's gantry/config.toml in `folder`.
pub(crate) fn configured(folder: &Path, text: &str) -> Settings {
    std::fs::create_dir_all(folder.join("gantry")).unwrap();
    std::fs::write(folder.join("gantry/config.toml"), text).unwrap();
    let mut settings = settings_in(Environment::empty(folder).with("XDG_CONFIG_HOME", folder));
    settings.hosts = user_settings(&settings.environment).unwrap();
    settings
}

async fn push_and_pull(client: &Client, host: &str) {
    let fixture = Fixture::new(&TAGS);
    fixture.publish(client, host).await.unwrap();
    let index = client.manifest(&reference(host, "v1")).await.unwrap().unwrap();
    assert_eq!(index.digest, fixture.digest());
    let repository = registry::Repository::from(&reference(host, "v1"));
    for blob in &fixture.shipment.content.blobs {
        let mut bytes = Vec::new();
        client
            .blob_to(&repository, &blob.digest, blob.size, &mut bytes)
            .await
            .unwrap();
        assert_eq!(bytes, crate::shipment::bytes(blob));
    }
}

async fn refused(settings: Settings, host: &str, code: &str) {
    let (client, told) = client_of(settings);
    let error = Fixture::new(&TAGS).publish(&client, host).await.unwrap_err();
    assert!(
        shown(&error).contains(&format!("[gantry::registry::{code}]")),
        "{}",
        shown(&error)
    );
    assert!(told.of("Retry").is_empty(), "{:?}", told.of("Retry"));
}

#[tokio::test]
async fn passwords_of_an_htpasswd_file() {
    let guard = Guard {
        htpasswd: Some(HTPASSWD),
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    push_and_pull(&client_of(signed_in(&registry.host())).0, &registry.host()).await;
    refused(settings(), &registry.host(), "unauthorized").await;
}

#[tokio::test]
async fn an_authority_of_its_own_in_the_users_settings() {
    let Some(authority) = Authority::new() else { return };
    let guard = Guard {
        tls: Some(authority.folder()),
        htpasswd: Some(HTPASSWD),
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    let (host, folder) = (registry.host(), tempfile::tempdir().unwrap());
    let text = format!("[registry.\"{host}\"]\nca = {:?}\n", authority.certificate());
    let mut settings = configured(folder.path(), &text);
    settings.account = signed_in(&host).account;
    push_and_pull(&client_of(settings).0, &host).await;
    // Offered, and so used: all requests share one connection.
    let log = registry.log();
    assert!(log.contains("HTTP/2.0\"") && !log.contains("HTTP/1.1\""), "{log}");
    // Trusted for that registry alone.
    let text = format!(
        "[registry.\"other.example\"]\nca = {:?}\n",
        authority.certificate()
    );
    refused(configured(folder.path(), &text), &host, "certificate").await;
    // As docker and podman have it.
    let certificates = folder.path().join("containers/certs.d").join(&host);
    std::fs::create_dir_all(&certificates).unwrap();
    std::fs::copy(authority.certificate(), certificates.join("ca.crt")).unwrap();
    let mut settings = configured(folder.path(), "");
    settings.account = signed_in(&host).account;
    push_and_pull(&client_of(settings).0, &host).await;
}

/// A body has no length in HTTP/2: it must end.
#[tokio::test]
async fn a_blob_of_another_registry_ends_in_http_2_as_well() {
    let Some(authority) = Authority::new() else { return };
    let guard = Guard {
        tls: Some(authority.folder()),
        ..Guard::default()
    };
    let (Some(source), Some(to)) = (
        DockerRegistry::start(&Guard::default()),
        DockerRegistry::start(&guard),
    ) else {
        return;
    };
    let (host, folder) = (to.host(), tempfile::tempdir().unwrap());
    let base = Repository::new(&source.host(), "library/base");
    for (number, chunks) in ["", "chunk-size = \"100KB\"\n"].into_iter().enumerate() {
        let text = format!(
            "[registry.\"{host}\"]\nca = {:?}\n{chunks}",
            authority.certificate()
        );
        let client = client_of(configured(folder.path(), &text)).0;
        let bytes = format!("blob {number} of a base").repeat(20_000).into_bytes();
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        let path = folder.path().join("blob");
        std::fs::write(&path, &bytes).unwrap();
        client
            .push_blob(&base, &BlobSource::file(digest, size, &path))
            .await
            .unwrap();
        let repository = Repository::new(&host, "team/app");
        let blob = BlobSource::remote(digest, size, base.clone());
        let pushed = client.push_blob(&repository, &blob).await.unwrap();
        assert_eq!(pushed, Pushed::Sent, "{chunks}");
        let mut found = Vec::new();
        client
            .blob_to(&repository, &digest, size, &mut found)
            .await
            .unwrap();
        assert!(found == bytes, "{chunks}");
    }
    let log = to.log();
    let sent = |line: &&str| line.contains("\"PUT") || line.contains("\"PATCH");
    let uploads: Vec<&str> = log.lines().filter(sent).collect();
    assert!(uploads.iter().all(|line| line.contains("HTTP/2.0\"")), "{log}");
    // One whole, the other in five parts and a request that closes it: nothing was tried again.
    assert_eq!(uploads.len(), 1 + 5, "{log}");
}

#[tokio::test]
async fn a_certificate_that_the_registry_asks_for() {
    let Some(authority) = Authority::new() else { return };
    let (Some((certificate, key)), Some(other)) = (authority.client(), Authority::new()) else {
        return;
    };
    let ca = authority.certificate();
    let guard = Guard {
        tls: Some(authority.folder()),
        client_authority: Some(&ca),
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    let (host, folder) = (registry.host(), tempfile::tempdir().unwrap());
    let text = |keys: &str| format!("[registry.\"{host}\"]\nca = {ca:?}\n{keys}");
    let ours = text(&format!(
        "client-certificate = {certificate:?}\nclient-key = {key:?}\n"
    ));
    push_and_pull(&client_of(configured(folder.path(), &ours)).0, &host).await;
    refused(configured(folder.path(), &text("")), &host, "client_certificate").await;
    let (certificate, key) = other.client().unwrap();
    let wrong = text(&format!(
        "client-certificate = {certificate:?}\nclient-key = {key:?}\n"
    ));
    refused(configured(folder.path(), &wrong), &host, "client_certificate").await;
}

#[tokio::test]
async fn tokens_of_a_server_of_their_own() {
    let Some(authority) = Authority::new() else { return };
    let Some(()) = authority.token_signer() else {
        return;
    };
    let tokens = TokenServer::start(authority.folder(), "me", "hunter2");
    let (realm, certificate) = (tokens.realm(), authority.folder().join("token.pem"));
    let guard = Guard {
        tokens: Some((&realm, &certificate)),
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    let host = registry.host();
    push_and_pull(&client_of(signed_in(&host)).0, &host).await;
    assert_eq!(
        tokens.asked().len(),
        1,
        "one token does for all of it: {:?}",
        tokens.asked()
    );
    assert!(tokens.asked()[0].contains("scope=repository%3Ateam%2Fapp%3Apull%2Cpush"));
    // Who is not known may read, and not write.
    let (anybody, _) = client_of(settings());
    assert!(anybody.manifest(&reference(&host, "v1")).await.unwrap().is_some());
    let error = Fixture::of("new", &TAGS)
        .publish(&anybody, &host)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Registry(registry::Kind::Denied),
        "{}",
        shown(&error)
    );
    let mut wrong = signed_in(&host);
    if let Some(account) = &mut wrong.account {
        account.username = "you".to_owned();
    }
    refused(wrong, &host, "unauthorized").await;
}
