//! Against docker-registry itself.

use cargo_gantry::environment::Environment;
use cargo_gantry::publish::{Kind, Moves};
use cargo_gantry::registry::{self, Repository};
use cargo_gantry::spec::Reference;

use crate::authorization::signed_in;
use crate::shipment::{Fixture, REPOSITORY, client, client_of, reference, settings, settings_in, shown};
use crate::support::authority::Authority;
use crate::support::docker_registry::{DockerRegistry, Guard};

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];
/// The user `me` with the password `hunter2`.
pub(crate) const HTPASSWD: &str = "me:$2y$04$bboJ4lig69kPIzpF4OkzjeoFls0Ojf4eFunR0j79pNj/R8onAnAF.\n";

#[tokio::test]
async fn a_real_registry_takes_and_gives_back_everything() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let (client, fixture) = (client(), Fixture::new(&TAGS));
    let published = fixture.publish(&client, &registry.host()).await.unwrap();
    assert_eq!((published.blobs_sent, published.manifests_sent), (5, 4));
    let again = fixture.publish(&client, &registry.host()).await.unwrap();
    assert!(again.unchanged && again.blobs_sent == 0 && again.manifests_sent == 0);
    for reference in [reference(&registry.host(), "latest"), published.reference.clone()] {
        let index = client.manifest(&reference).await.unwrap().unwrap();
        assert_eq!(index.bytes, fixture.shipment.content.root.bytes());
    }
    let repository = Repository::new(&registry.host(), REPOSITORY);
    for blob in &fixture.shipment.content.blobs {
        let bytes = client
            .blob_bytes(&repository, &blob.digest, blob.size)
            .await
            .unwrap();
        assert_eq!(bytes, crate::shipment::bytes(blob));
    }
    let refused = Fixture::of("new", &TAGS)
        .publish(&client, &registry.host())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused);
    let missing = Reference::with_tag(registry.host(), "no/such".to_owned(), "v1".to_owned());
    assert_eq!(client.manifest(&missing).await.unwrap(), None);
}

#[tokio::test]
async fn a_real_registry_asks_for_the_password() {
    let guard = Guard {
        htpasswd: Some(HTPASSWD),
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    let fixture = Fixture::new(&TAGS);
    let (client, _) = client_of(signed_in(&registry.host()));
    fixture.publish(&client, &registry.host()).await.unwrap();
    assert!(
        fixture
            .publish(&client, &registry.host())
            .await
            .unwrap()
            .unchanged
    );
    let error = fixture
        .publish(&crate::shipment::client(), &registry.host())
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
async fn a_real_registry_that_takes_nothing_says_so() {
    let guard = Guard {
        read_only: true,
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    let error = Fixture::new(&TAGS)
        .publish(&client(), &registry.host())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Registry(registry::Kind::Denied));
    let shown = shown(&error);
    assert!(
        shown.contains("the registry takes no uploads here") && shown.contains("405"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_real_registry_is_reached_by_tls_with_its_authority_only() {
    let Some(authority) = Authority::new() else { return };
    let guard = Guard {
        tls: Some(authority.folder()),
        ..Guard::default()
    };
    let Some(registry) = DockerRegistry::start(&guard) else {
        return;
    };
    let fixture = Fixture::new(&TAGS);
    let environment = Environment::empty(authority.folder()).with("SSL_CERT_FILE", authority.certificate());
    let (trusting, _) = client_of(settings_in(environment));
    fixture.publish(&trusting, &registry.host()).await.unwrap();
    assert!(
        fixture
            .publish(&trusting, &registry.host())
            .await
            .unwrap()
            .unchanged
    );
    let blob = &fixture.shipment.content.blobs[1];
    let repository = Repository::new(&registry.host(), REPOSITORY);
    let bytes = trusting
        .blob_bytes(&repository, &blob.digest, blob.size)
        .await
        .unwrap();
    assert_eq!(bytes.len() as u64, blob.size);
    let (stranger, told) = client_of(settings());
    let error = fixture.publish(&stranger, &registry.host()).await.unwrap_err();
    assert!(
        shown(&error).contains("gantry::registry::certificate"),
        "{}",
        shown(&error)
    );
    assert!(told.of("Retry").is_empty());
}
