//! Something to publish, and a client that is quick to give up.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer};
use cargo_gantry::publish::{
    BlobContent, BlobSource, Content, ManifestBytes, Moves, Options, PublishError, Published, Shipment, Tag,
    to_registry,
};
use cargo_gantry::registry::{Client, Repository, Settings};
use cargo_gantry::spec::{Digest, Reference};
use cargo_gantry::tool::Tools;
use serde_json::{Value, json};

use crate::support::registry::{Registry, Store};

pub(crate) const REPOSITORY: &str = "team/app";

/// The media types of one family.
pub(crate) struct Types {
    index: &'static str,
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
}

pub(crate) const OCI: Types = Types {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar",
};

pub(crate) const DOCKER: Types = Types {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/// An index of two platforms that share a layer: five blobs, two manifests.
pub(crate) struct Fixture {
    folder: tempfile::TempDir,
    pub(crate) shipment: Shipment,
}

impl Fixture {
    pub(crate) fn new(tags: &[(&str, Moves)]) -> Self {
        Self::of("first", tags)
    }

    /// As [`Fixture::new`], with content that depends on `seed`.
    pub(crate) fn of(seed: &str, tags: &[(&str, Moves)]) -> Self {
        Self::typed(seed, tags, &OCI, 40_000)
    }

    /// As [`Fixture::of`], with these media types, and own layers of `repeated` times the seed's length.
    pub(crate) fn typed(seed: &str, tags: &[(&str, Moves)], types: &Types, repeated: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shared = blob(&folder, b"a layer that both platforms have".to_vec());
        let (mut blobs, mut manifests, mut listed) = (vec![shared.clone()], Vec::new(), Vec::new());
        for architecture in ["amd64", "arm64"] {
            // More than a chunk and a socket's buffer, so that uploads can break in the middle.
            let layer = blob(
                &folder,
                format!("{seed} {architecture}").repeat(repeated).into_bytes(),
            );
            let config = blob(
                &folder,
                format!("{{\"architecture\":\"{architecture}\",\"os\":\"linux\"}}").into_bytes(),
            );
            let layers = [&shared, &layer].map(|l| descriptor(types.layer, l));
            let manifest = json!({"schemaVersion": 2, "mediaType": types.manifest,
                "config": descriptor(types.config, &config), "layers": layers});
            let manifest = ManifestBytes::new(types.manifest, manifest.to_string());
            listed.push(
                json!({"mediaType": types.manifest, "digest": manifest.digest().to_string(),
                "size": manifest.size(), "platform": {"os": "linux", "architecture": architecture}}),
            );
            manifests.push(manifest);
            // The shared layer is named twice on purpose.
            blobs.extend([layer, config, shared.clone()]);
        }
        let index = json!({"schemaVersion": 2, "mediaType": types.index, "manifests": listed});
        let tags = tags
            .iter()
            .map(|(name, moves)| Tag::new(*name, *moves).unwrap())
            .collect();
        let root = ManifestBytes::new(types.index, index.to_string());
        let shipment = Shipment {
            content: Content {
                root,
                manifests,
                blobs,
            },
            version: None,
            tags,
        };
        Self { folder, shipment }
    }

    /// Only the first platform's manifest, without an index.
    pub(crate) fn alone(mut self) -> Self {
        self.shipment.content.root = self.shipment.content.manifests.swap_remove(0);
        self.shipment.content.manifests.clear();
        self.shipment.content.blobs.truncate(3);
        self
    }

    /// The layer that both platforms have lies at `repository`; returns its bytes too.
    pub(crate) fn on_base(mut self, repository: &Repository) -> (Self, Vec<u8>) {
        let base = self.shipment.content.blobs[0].clone();
        let bytes = bytes(&base);
        for blob in &mut self.shipment.content.blobs {
            if blob.digest == base.digest {
                *blob = BlobSource::remote(base.digest, base.size, repository.clone());
            }
        }
        (self, bytes)
    }

    /// One more blob to bring along, which lies at `repository`.
    pub(crate) fn add_layer(&mut self, blob: &BlobSource, repository: &Repository) {
        let blob = BlobSource::remote(blob.digest, blob.size, repository.clone());
        self.shipment.content.blobs.push(blob);
    }

    pub(crate) fn digest(&self) -> Digest {
        *self.shipment.content.root.digest()
    }

    /// One more file that can be pushed.
    pub(crate) fn file(&self, bytes: &[u8]) -> BlobSource {
        blob(&self.folder, bytes.to_vec())
    }

    pub(crate) async fn publish(&self, client: &Client, host: &str) -> Result<Published, PublishError> {
        to_registry(
            client,
            &reference(host, "ignored"),
            &self.shipment,
            Options::default(),
        )
        .await
    }

    /// Asserts that the repository holds all of this, and nothing wrong.
    pub(crate) fn assert_stored(&self, registry: &Registry) {
        registry.store(|store: &mut Store| {
            let repository = store.of(REPOSITORY);
            assert_eq!(repository.problems(), Vec::<String>::new());
            for blob in &self.shipment.content.blobs {
                let stored = repository
                    .blobs
                    .get(&blob.digest.to_string())
                    .expect("every blob is there");
                assert_eq!(stored.len() as u64, blob.size);
            }
            for manifest in self
                .shipment
                .content
                .manifests
                .iter()
                .chain([&self.shipment.content.root])
            {
                assert!(repository.manifests.contains_key(&manifest.digest().to_string()));
            }
            for tag in &self.shipment.tags {
                assert_eq!(repository.tags.get(tag.name()), Some(&self.digest().to_string()));
            }
        });
    }
}

fn blob(folder: &tempfile::TempDir, bytes: Vec<u8>) -> BlobSource {
    let digest = Digest::of(&bytes);
    let path: PathBuf = folder.path().join(digest.hex());
    let size = bytes.len() as u64;
    std::fs::write(&path, bytes).unwrap();
    BlobSource::file(digest, size, path)
}

/// The bytes of a blob that lies in a file, or in a stretch of one.
pub(crate) fn bytes(blob: &BlobSource) -> Vec<u8> {
    match &blob.content {
        BlobContent::File(path) => std::fs::read(path).unwrap(),
        BlobContent::Within { path, offset } => {
            let file = std::fs::read(path).unwrap();
            file[*offset as usize..][..blob.size as usize].to_vec()
        }
        BlobContent::Remote(_) => panic!("{blob:?}"),
    }
}

fn descriptor(media_type: &str, blob: &BlobSource) -> Value {
    json!({"mediaType": media_type, "digest": blob.digest.to_string(), "size": blob.size})
}

pub(crate) fn reference(host: &str, tag: &str) -> Reference {
    Reference::with_tag(host.to_owned(), REPOSITORY.to_owned(), tag.to_owned())
}

/// Remembers what it is told.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<String>>);

impl Told {
    pub(crate) fn of(&self, kind: &str) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|event| event.starts_with(kind))
            .cloned()
            .collect()
    }
}

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}

/// Settings without credentials, that lose patience quickly.
pub(crate) fn settings() -> Settings {
    settings_in(Environment::empty("/nonexistent"))
}

pub(crate) fn settings_in(environment: Environment) -> Settings {
    let mut settings = Settings::new(Tools::new(environment));
    settings.patience.first_pause = Duration::from_millis(4);
    settings.patience.stall = Duration::from_millis(1500);
    settings
}

pub(crate) fn client() -> Client {
    client_of(settings()).0
}

pub(crate) fn client_of(settings: Settings) -> (Client, Arc<Told>) {
    let told = Arc::new(Told::default());
    (Client::new(settings, told.clone()).unwrap(), told)
}

/// An error with all its causes and advice, as a user would see it.
pub(crate) fn shown(error: &dyn miette::Diagnostic) -> String {
    let mut text = format!("{error}");
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    let code = error.code().map(|code| code.to_string()).unwrap_or_default();
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    format!("{text} [{code}] {help}")
}
