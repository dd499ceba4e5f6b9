//! Images of versions, and what a registry holds of them.

use std::sync::Arc;

use cargo_gantry::publish::{
    ManifestBytes, Moves, Options, PublishError, Published, Shipment, Tag, rehearse, to_registry,
};
use cargo_gantry::registry::{Client, Settings};
use cargo_gantry::release::Survey;
use serde_json::{Value, json};

use crate::shipment::{self, Fixture, REPOSITORY, Told, reference};
use crate::support::registry::{Challenge, Habits, Registry, Repository};

pub(crate) const VERSION: &str = "org.opencontainers.image.version";

/// What an image's annotations say; `null` where it has none.
pub(crate) fn saying(version: &str) -> Value {
    json!({VERSION: version})
}

/// An image of two platforms whose content depends on `seed`, with these annotations.
pub(crate) fn image(seed: &str, annotations: &Value) -> Fixture {
    let mut fixture = Fixture::of(seed, &[]);
    let root = &fixture.shipment.content.root;
    let mut index: Value = serde_json::from_slice(root.bytes()).unwrap();
    if !annotations.is_null() {
        index["annotations"] = annotations.clone();
    }
    fixture.shipment.content.root = ManifestBytes::new(root.media_type(), index.to_string());
    fixture
}

/// An image of a version, that its annotation tells, with these tags.
pub(crate) fn version(version: &str, tags: &[(&str, Moves)]) -> Fixture {
    let mut fixture = image(version, &saying(version));
    fixture.shipment.version = Some(version.to_owned());
    fixture.shipment.tags = tags
        .iter()
        .map(|(name, moves)| Tag::new(*name, *moves).unwrap())
        .collect();
    fixture
}

/// Puts all of an image into the registry, and has these tags name it.
pub(crate) fn put(registry: &Registry, fixture: &Fixture, tags: &[&str]) {
    let content = &fixture.shipment.content;
    for blob in &content.blobs {
        registry.hold(REPOSITORY, &shipment::bytes(blob));
    }
    registry.store(|store| {
        let repository = store.repositories.get_mut(REPOSITORY).unwrap();
        for manifest in content.manifests.iter().chain([&content.root]) {
            let stored = (manifest.media_type().to_owned(), manifest.bytes().to_vec());
            repository.manifests.insert(manifest.digest().to_string(), stored);
        }
        for tag in tags {
            repository
                .tags
                .insert((*tag).to_owned(), fixture.digest().to_string());
        }
    });
}

/// What the registry holds of the repository: everything that is there is right.
pub(crate) fn held(registry: &Registry) -> Repository {
    let held = registry.store(|store| store.repositories.get(REPOSITORY).cloned());
    let held = held.unwrap_or_default();
    assert_eq!(held.problems(), Vec::<String>::new());
    held
}

/// What a tag names there.
pub(crate) fn named(registry: &Registry, tag: &str) -> Option<String> {
    held(registry).tags.get(tag).cloned()
}

/// The tags that were written, or that somebody tried to write, in their order.
pub(crate) fn written(registry: &Registry) -> Vec<String> {
    let log = registry.log();
    let puts = log.iter().filter(|asked| asked.method == "PUT");
    let names = puts.filter_map(|asked| asked.path.split_once("/manifests/"));
    let tags = names.map(|(_, name)| name.to_owned());
    tags.filter(|name| !name.starts_with("sha256:")).collect()
}

/// The requests that would change something.
pub(crate) fn writes(registry: &Registry) -> Vec<String> {
    let mut kinds = registry.kinds();
    kinds.retain(|kind| !kind.starts_with("HEAD") && !kind.starts_with("GET"));
    kinds
}

pub(crate) async fn publish(
    client: &Client,
    registry: &Registry,
    shipment: &Shipment,
    options: Options,
) -> Result<Published, PublishError> {
    to_registry(client, &reference(&registry.host(), "ignored"), shipment, options).await
}

/// What publishing would do. Nothing is written by asking that.
pub(crate) async fn asked(
    client: &Client,
    registry: &Registry,
    shipment: &Shipment,
    options: Options,
) -> (Survey, Option<PublishError>) {
    let before = held(registry);
    registry.clear_log();
    let to = reference(&registry.host(), "ignored");
    let rehearsed = rehearse(client, &to, shipment, options).await.unwrap();
    assert_eq!(writes(registry), Vec::<String>::new());
    assert_eq!(held(registry), before);
    rehearsed
}

/// A registry of these habits that has the repository, a client that may write there, and what it is told.
pub(crate) fn of_habits(habits: &Habits) -> (Registry, Client, Arc<Told>) {
    let registry = Registry::of_profile(habits);
    registry.store(|store| {
        store
            .repositories
            .entry(REPOSITORY.to_owned())
            .or_default()
            .tags
            .clear()
    });
    let mut settings: Settings = shipment::settings();
    if habits.challenge != Challenge::None {
        settings.account = Some(cargo_gantry::registry::Account {
            registry: registry.host(),
            username: "me".to_owned(),
            password: cargo_gantry::registry::Secret::new("hunter2"),
        });
    }
    let (client, told) = shipment::client_of(settings);
    (registry, client, told)
}
