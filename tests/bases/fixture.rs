//! Bases to be read, and a project that reads them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cargo_gantry::base::{BaseError, Bases, Mode};
use cargo_gantry::blob::BlobStore;
use cargo_gantry::codec::Compression;
use cargo_gantry::environment::Environment;
use cargo_gantry::event::{Observer, Silent};
use cargo_gantry::registry::{Client, Settings};
use cargo_gantry::spec::{Descriptor, DiffId, Digest, MediaType, Platform};
use cargo_gantry::tool::Tools;
use serde_json::{Value, json};

use crate::support::registry::Registry;

pub(crate) const REPOSITORY: &str = "library/base";

/// The words of OCI or of docker.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    Oci,
    Docker,
}

impl Style {
    fn index(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.index.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.list.v2+json",
        }
    }

    pub(crate) fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

/// One platform of a base, of two layers.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) platform: Platform,
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) manifest: Vec<u8>,
    style: Style,
}

impl Image {
    pub(crate) fn new(platform: &str, style: Style) -> Self {
        Self::seeded(platform, style, "")
    }

    pub(crate) fn seeded(platform: &str, style: Style, seed: &str) -> Self {
        let passwd = format!("root:x:0:0:{platform}{seed}:/root:/bin/sh\n");
        let tars = [
            tar(&[("etc/passwd", passwd.as_bytes()), ("etc/old", b"old")]),
            tar(&[("etc/.wh.old", b""), ("usr/share/large", &vec![b'x'; 200_000])]),
        ];
        Self::of(platform, style, &tars)
    }

    pub(crate) fn of(platform: &str, style: Style, tars: &[Vec<u8>]) -> Self {
        let layers: Vec<Vec<u8>> = tars.iter().map(|tar| gzip(tar)).collect();
        let diff_ids: Vec<DiffId> = tars.iter().map(|tar| DiffId::of(tar)).collect();
        Self::raw(platform, style, layers, &diff_ids, |_| ())
    }

    /// With the manifest as `change` leaves it.
    pub(crate) fn raw(
        platform: &str,
        style: Style,
        layers: Vec<Vec<u8>>,
        diff_ids: &[DiffId],
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let platform: Platform = platform.parse().unwrap();
        let config = json!({
            "os": platform.os(), "architecture": platform.architecture(), "variant": platform.variant(),
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "config": {"Env": ["PATH=/bin"]}, "x-unknown": [1.5],
        });
        let config = config.to_string().into_bytes();
        let listed: Vec<Value> = layers
            .iter()
            .map(|layer| descriptor(style.layer(), layer))
            .collect();
        let mut manifest = json!({"schemaVersion": 2, "mediaType": style.manifest(),
            "config": descriptor(style.config(), &config), "layers": listed});
        change(&mut manifest);
        Self {
            platform,
            config,
            layers,
            manifest: manifest.to_string().into_bytes(),
            style,
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.layers.iter().chain([&self.config])
    }
}

/// An index of images with an attestation, or an image that stands alone.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) images: Vec<Image>,
    pub(crate) top: Vec<u8>,
    media_type: &'static str,
}

impl Base {
    pub(crate) fn index(style: Style, images: Vec<Image>) -> Self {
        let mut entries: Vec<Value> = images
            .iter()
            .map(|image| {
                let mut entry = descriptor(image.style.manifest(), &image.manifest);
                entry["platform"] = json!(image.platform.to_oci());
                entry
            })
            .collect();
        if let (Style::Oci, Some(first)) = (style, entries.first()) {
            let mut attestation = first.clone();
            attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
            attestation["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
            entries.push(attestation);
        }
        let top = json!({"schemaVersion": 2, "mediaType": style.index(), "manifests": entries});
        Self {
            images,
            top: top.to_string().into_bytes(),
            media_type: style.index(),
        }
    }

    /// One image per platform.
    pub(crate) fn platforms(style: Style, platforms: &[&str]) -> Self {
        Self::index(
            style,
            platforms.iter().map(|one| Image::new(one, style)).collect(),
        )
    }

    pub(crate) fn single(image: Image) -> Self {
        Self {
            top: image.manifest.clone(),
            media_type: image.style.manifest(),
            images: vec![image],
        }
    }

    /// The index as `change` leaves it.
    pub(crate) fn change_top(&mut self, change: impl FnOnce(&mut Value)) {
        let mut top = serde_json::from_slice(&self.top).unwrap();
        change(&mut top);
        self.top = top.to_string().into_bytes();
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.top)
    }

    pub(crate) fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// Media type and bytes of every manifest, the top one last.
    pub(crate) fn manifests(&self) -> Vec<(&'static str, &[u8])> {
        let images = self.images.iter();
        let images = images.map(|image| (image.style.manifest(), image.manifest.as_slice()));
        images.chain([(self.media_type, self.top.as_slice())]).collect()
    }

    /// Puts it where the registry keeps things; right or wrong.
    pub(crate) fn put(&self, registry: &Registry, tag: &str) {
        registry.store(|store| {
            let repository = store.repositories.entry(REPOSITORY.to_owned()).or_default();
            for blob in self.images.iter().flat_map(Image::blobs) {
                repository
                    .blobs
                    .insert(Digest::of(blob).to_string(), blob.clone());
            }
            for (media_type, bytes) in self.manifests() {
                let content = (media_type.to_owned(), bytes.to_vec());
                repository
                    .manifests
                    .insert(Digest::of(bytes).to_string(), content);
            }
            repository.tags.insert(tag.to_owned(), self.digest().to_string());
        });
    }

    /// Stores it in a layout, under that name.
    pub(crate) fn lay_out(&self, path: &Path, name: &str) -> (BlobStore, Descriptor) {
        let store = BlobStore::open(path).unwrap();
        for blob in self.images.iter().flat_map(Image::blobs) {
            store.put(blob).unwrap();
        }
        for (_, bytes) in self.manifests() {
            store.put(bytes).unwrap();
        }
        let size = self.top.len() as u64;
        let top = Descriptor::new(MediaType::from(self.media_type), size, self.digest());
        store.add_entry(name, &top).unwrap();
        (store, top)
    }
}

/// A registry that holds `base` under `v1`.
pub(crate) fn holding(base: &Base) -> Registry {
    let registry = Registry::plain();
    base.put(&registry, "v1");
    registry
}

pub(crate) fn named(registry: &Registry, tag: &str) -> String {
    format!("{}/{REPOSITORY}:{tag}", registry.host())
}

/// A project's folder, and a user's cache.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn lock(&self) -> String {
        std::fs::read_to_string(self.path("gantry.lock")).unwrap()
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.path("cache/cargo-gantry")
    }

    pub(crate) fn bases(&self) -> Bases {
        self.in_mode(Mode::default()).unwrap()
    }

    pub(crate) fn locked(&self) -> Bases {
        let (locked, offline) = (true, true);
        self.in_mode(Mode { locked, offline }).unwrap()
    }

    pub(crate) fn in_mode(&self, mode: Mode) -> Result<Bases, BaseError> {
        open(self.folder.path(), mode)
    }
}

/// The bases of the project in `folder`, with a cache beside them and a client that is quick to give up.
pub(crate) fn open(folder: &Path, mode: Mode) -> Result<Bases, BaseError> {
    watched(folder, mode, Arc::new(Silent))
}

/// The same, with somebody who listens.
pub(crate) fn watched(folder: &Path, mode: Mode, observer: Arc<dyn Observer>) -> Result<Bases, BaseError> {
    let environment = Environment::empty(folder).with("XDG_CACHE_HOME", folder.join("cache"));
    let mut settings = Settings::new(Tools::new(environment.clone()));
    settings.patience.first_pause = Duration::from_millis(4);
    settings.patience.stall = Duration::from_millis(1500);
    let client = Client::new(settings, observer).unwrap();
    Bases::open(
        client,
        &environment,
        folder.join("gantry.lock"),
        folder.to_owned(),
        mode,
    )
}

pub(crate) fn platforms(names: &[&str]) -> Vec<Platform> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// The code of an error, and what a user reads.
pub(crate) fn code(error: &dyn miette::Diagnostic) -> String {
    error.code().map(|code| code.to_string()).unwrap_or_default()
}

pub(crate) fn help(error: &dyn miette::Diagnostic) -> String {
    error.help().map(|help| help.to_string()).unwrap_or_default()
}

/// A tar of files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = Compression::default().encoder(Vec::new()).unwrap();
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}
