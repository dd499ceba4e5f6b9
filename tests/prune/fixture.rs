//! Images of a few bytes in a registry, and what there is of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Event, Observer};
use cargo_gantry::registry::{Client, Repository, Settings};
use cargo_gantry::release::ReleaseError;
use cargo_gantry::release::prune::{Options, Outcome, Pruned, Selection, prune};
use cargo_gantry::spec::Digest;
use cargo_gantry::tool::Tools;
use serde_json::{Value, json};

use crate::support::registry::{Habits, Registry, Setup};

pub(crate) const NAME: &str = "team/app";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) const REALLY: Options<'static> = Options {
    delete: true,
    untagged: false,
    vendor: None,
};
pub(crate) const ALL_OF_IT: Options<'static> = Options {
    untagged: true,
    ..REALLY
};

/// A manifest that is pushed.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) digest: Digest,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// A repository that is written to.
pub(crate) struct Shelf {
    pub(crate) client: Client,
    pub(crate) repository: Repository,
}

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: &Event<'_>) {}
}

impl Shelf {
    pub(crate) fn at(host: &str) -> Self {
        Self::told(host, Arc::new(Nobody))
    }

    /// Whose client tells `observer`.
    pub(crate) fn told(host: &str, observer: Arc<dyn Observer>) -> Self {
        Self::with(host, observer, Environment::empty("/nonexistent"))
    }

    pub(crate) fn with(host: &str, observer: Arc<dyn Observer>, environment: Environment) -> Self {
        let mut settings = Settings::new(Tools::new(environment));
        settings.patience.first_pause = Duration::from_millis(2);
        Self {
            client: Client::new(settings, observer).unwrap(),
            repository: Repository::new(host, NAME),
        }
    }

    /// The same client at another registry.
    pub(crate) fn moved_to(&self, host: &str) -> Self {
        Self {
            client: self.client.clone(),
            repository: Repository::new(host, NAME),
        }
    }

    async fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = self.client.push_bytes(&self.repository, bytes).await.unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    }

    async fn manifest(&self, media_type: &'static str, value: &Value) -> Made {
        let bytes = value.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        let reference = self.repository.at(&digest);
        self.client
            .put_manifest(&reference, media_type, &bytes)
            .await
            .unwrap();
        Made {
            digest,
            media_type,
            bytes,
        }
    }

    /// An image of one platform that says when it was made in its config.
    pub(crate) async fn image(&self, seed: &str, created: &str) -> Made {
        let config = json!({"os": "linux", "architecture": "amd64", "created": created, "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(seed.as_bytes()).to_string()]}});
        let config = config.to_string().into_bytes();
        let config = self
            .blob("application/vnd.oci.image.config.v1+json", &config)
            .await;
        let mut layer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        layer.write_all(seed.as_bytes()).unwrap();
        let layer = layer.finish().unwrap();
        let layer = self
            .blob("application/vnd.oci.image.layer.v1.tar+gzip", &layer)
            .await;
        let value = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        self.manifest(MANIFEST, &value).await
    }

    /// An index of manifests, with these annotations.
    pub(crate) async fn index(&self, children: &[&Made], annotations: Value) -> Made {
        let architectures = ["amd64", "arm64", "s390x", "ppc64le"];
        let entry = |(at, child): (usize, &&Made)| {
            json!({"mediaType": child.media_type, "digest": child.digest.to_string(), "size": child.bytes.len(),
                "platform": {"os": "linux", "architecture": architectures[at % architectures.len()]}})
        };
        let entries: Vec<Value> = children.iter().enumerate().map(entry).collect();
        let value =
            json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations});
        self.manifest(INDEX, &value).await
    }

    /// Something that refers to `subject`. It is listed by the registry only.
    pub(crate) async fn referrer(&self, subject: &Digest, seed: &str) -> Made {
        let value = self.referrer_of(subject, seed).await;
        self.manifest(MANIFEST, &value).await
    }

    /// The same, also listed under the tag where the registry lists nothing.
    pub(crate) async fn listed_referrer(&self, subject: &Digest, seed: &str) -> Digest {
        let bytes = self.referrer_of(subject, seed).await.to_string().into_bytes();
        let referred = self.client.put_referrer(&self.repository, MANIFEST, &bytes).await;
        referred.unwrap().digest
    }

    async fn referrer_of(&self, subject: &Digest, seed: &str) -> Value {
        let empty = self.blob("application/vnd.oci.empty.v1+json", b"{}").await;
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "example/sbom", "config": empty,
            "layers": [empty], "annotations": {"seed": seed},
            "subject": {"mediaType": MANIFEST, "digest": subject.to_string(), "size": 1}})
    }

    pub(crate) async fn tag(&self, made: &Made, tags: &[&str]) {
        for tag in tags {
            let reference = self.repository.tagged(tag);
            self.client
                .put_manifest(&reference, made.media_type, &made.bytes)
                .await
                .unwrap();
        }
    }

    pub(crate) async fn prune(
        &self,
        patterns: &[&str],
        options: Options<'_>,
    ) -> Result<Pruned, ReleaseError> {
        prune(&self.client, &self.repository, &selection(patterns), options).await
    }

    /// Prunes well.
    pub(crate) async fn pruned(&self, patterns: &[&str], options: Options<'_>) -> Pruned {
        let pruned = self.prune(patterns, options).await;
        let pruned = pruned.unwrap_or_else(|error| panic!("{}", shown(&error)));
        let trouble: Vec<String> = pruned.trouble.iter().map(|error| shown(error)).collect();
        assert_eq!(trouble, Vec::<String>::new());
        pruned
    }

    pub(crate) async fn has(&self, digest: &Digest) -> bool {
        let reference = self.repository.at(digest);
        self.client.manifest_digest(&reference).await.unwrap().is_some()
    }

    /// Every tag with its digest.
    pub(crate) async fn tags(&self) -> BTreeMap<String, Digest> {
        let mut tags = BTreeMap::new();
        for tag in self
            .client
            .tags(&self.repository)
            .await
            .unwrap()
            .unwrap_or_default()
        {
            let found = self.client.manifest_digest(&self.repository.tagged(&tag)).await;
            if let Some(found) = found.unwrap() {
                tags.insert(tag, found.digest);
            }
        }
        tags
    }

    pub(crate) async fn tag_names(&self) -> Vec<String> {
        self.tags().await.into_keys().collect()
    }
}

/// `v1` and `v2` share `both`, which has the tag `v1-amd64`; `latest` is `v2`; `pr-1` and `pr-2` are images alone, and
/// `pr-2` is what `main` names, too.
pub(crate) struct Release {
    pub(crate) both: Made,
    pub(crate) old: Made,
    pub(crate) new: Made,
    pub(crate) v1: Made,
    pub(crate) v2: Made,
    pub(crate) pr1: Made,
    pub(crate) pr2: Made,
}

impl Release {
    pub(crate) async fn push(shelf: &Shelf) -> Self {
        let both = shelf.image("both", "2026-01-01T00:00:00Z").await;
        let old = shelf.image("old", "2026-01-01T00:00:00Z").await;
        let new = shelf.image("new", "2026-02-01T00:00:00Z").await;
        let v1 = shelf.index(&[&both, &old], json!({"n": "1"})).await;
        let v2 = shelf.index(&[&both, &new], json!({"n": "2"})).await;
        let pr1 = shelf.image("pr1", "2026-03-01T00:00:00Z").await;
        let pr2 = shelf.image("pr2", "2026-03-02T00:00:00Z").await;
        shelf.tag(&v1, &["v1"]).await;
        shelf.tag(&v2, &["v2", "latest"]).await;
        shelf.tag(&both, &["v1-amd64"]).await;
        shelf.tag(&pr1, &["pr-1"]).await;
        shelf.tag(&pr2, &["pr-2", "main"]).await;
        Self {
            both,
            old,
            new,
            v1,
            v2,
            pr1,
            pr2,
        }
    }
}

pub(crate) fn selection(patterns: &[&str]) -> Selection {
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    Selection::new(&patterns).unwrap()
}

pub(crate) fn with(habits: Habits) -> Registry {
    Registry::start(Setup {
        habits,
        ..Setup::default()
    })
}

/// The tags with this outcome.
pub(crate) fn tags_of(pruned: &Pruned, outcome: Outcome) -> BTreeSet<&str> {
    let tags = pruned.tags.iter().filter(|tag| tag.outcome == outcome);
    tags.map(|tag| tag.row.tag.as_str()).collect()
}

/// The manifests with this outcome.
pub(crate) fn leftovers_of(pruned: &Pruned, outcome: Outcome) -> BTreeSet<Digest> {
    let leftovers = pruned
        .leftovers
        .iter()
        .filter(|leftover| leftover.outcome == outcome);
    leftovers.map(|leftover| leftover.digest).collect()
}

pub(crate) fn set(digests: &[&Digest]) -> BTreeSet<Digest> {
    digests.iter().map(|digest| **digest).collect()
}

/// Every request that would change something.
pub(crate) fn writes(registry: &Registry) -> Vec<String> {
    let mut kinds = registry.kinds();
    kinds.retain(|kind| !kind.starts_with("HEAD") && !kind.starts_with("GET"));
    kinds
}

/// Nothing in the store is incomplete, and no tag names a placeholder.
pub(crate) fn assert_whole(registry: &Registry) {
    registry.store(|store| {
        let repository = store.of(NAME);
        assert_eq!(repository.problems(), Vec::<String>::new());
    });
}

/// Tags that name a placeholder.
pub(crate) fn placeholders(registry: &Registry) -> Vec<String> {
    registry.store(|store| {
        let repository = store.of(NAME);
        let placeholder = |digest: &String| {
            let value: Value = serde_json::from_slice(&repository.manifests[digest].1).unwrap();
            value["artifactType"] == "application/vnd.cargo-gantry.pruned.v1+json"
        };
        let tags = repository.tags.iter().filter(|(_, digest)| placeholder(digest));
        tags.map(|(tag, _)| tag.clone()).collect()
    })
}

/// An error with all its causes, its code and its advice.
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
