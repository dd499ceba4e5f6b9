//! Reading indexes, manifests and configs of bases: from the user's cache, a registry, or a layout.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::background::Gates;
use super::document::{self, Document, too_large};
use super::name::Name;
use super::{BaseError, BaseImage, Cache, Origin};
use crate::archive::{ArchiveError, Layout};
use crate::blob::MANIFEST_LIMIT;
use crate::event::Stage;
use crate::registry::{Client, Repository};
use crate::spec::{BaseFacts, Descriptor, Digest, Listing, Platform, Reference};

/// The largest config that is read, in bytes: twice what registries take as a manifest.
const CONFIG_LIMIT: u64 = 2 * MANIFEST_LIMIT;

/// What all reading needs. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) client: Client,
    pub(super) cache: Cache,
    /// Registries are not spoken to.
    pub(super) offline: bool,
    /// Layers that are read for the first time are kept in the cache.
    pub(super) keep_layers: bool,
    pub(super) gates: Gates,
    layouts: Arc<Mutex<HashMap<PathBuf, Arc<Layout>>>>,
}

/// One base, and where it lies.
#[derive(Clone, Debug)]
pub(super) struct Source {
    reader: Reader,
    name: String,
    place: Place,
    /// No lock file knows it.
    foreign: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Registry(Reference),
    Layout {
        layout: Arc<Layout>,
        tag: Option<String>,
    },
}

/// An index, or a manifest that stands alone.
#[derive(Debug)]
pub(super) struct Top {
    pub(super) digest: Digest,
    document: Document,
}

impl Reader {
    pub(super) fn new(client: Client, cache: Cache, offline: bool) -> Self {
        Self {
            client,
            cache,
            offline,
            keep_layers: false,
            gates: Gates::default(),
            layouts: Arc::default(),
        }
    }

    /// The base of that name; paths are relative to `directory`.
    pub(super) fn source(&self, name: &str, directory: &Path) -> Result<Source, BaseError> {
        let place = match Name::parse(name, directory)? {
            Name::Registry(reference) => Place::Registry(reference),
            Name::Layout { path, tag } => Place::Layout {
                layout: self.layout(&path)?,
                tag,
            },
        };
        Ok(Source {
            reader: self.clone(),
            name: name.to_owned(),
            place,
            foreign: false,
        })
    }

    /// The layout at `path`. It is opened once: of an archive that is reading all its headers.
    pub(super) fn layout(&self, path: &Path) -> Result<Arc<Layout>, BaseError> {
        let mut layouts = self.layouts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layout) = layouts.get(path) {
            return Ok(layout.clone());
        }
        let layout = Arc::new(Layout::open(path)?);
        layouts.insert(path.to_owned(), layout.clone());
        Ok(layout)
    }
}

impl Source {
    /// The same, as an image of anybody that no lock file knows.
    pub(super) fn foreign(&self) -> Self {
        Self {
            foreign: true,
            ..self.clone()
        }
    }

    /// As the matrix has it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What the name stands for now.
    pub(super) async fn now(&self) -> Result<Top, BaseError> {
        let reference = match &self.place {
            Place::Registry(reference) => reference,
            Place::Layout { .. } => return self.pinned(&self.entry()?).await,
        };
        if let Some(digest) = fixed(reference)? {
            return self.pinned(&digest).await.map_err(|error| match error {
                BaseError::Missing { .. } => self.not_found(),
                other => other,
            });
        }
        self.ask(|| format!("what `{}` stands for", self.name))?;
        let found = self
            .span(&self.name, self.reader.client.manifest(reference))
            .await?;
        let found = found.ok_or_else(|| self.not_found())?;
        self.small_enough("the index", &found.bytes, MANIFEST_LIMIT)?;
        self.reader.cache.blobs().put(&found.bytes)?;
        let said = Some(found.media_type.as_str());
        Ok(Top {
            digest: found.digest,
            document: Document::parse(&self.name, &found.digest, said, &found.bytes)?,
        })
    }

    /// The digest of what the name stands for now, without reading it where that can be had.
    pub(super) async fn digest_now(&self) -> Result<Digest, BaseError> {
        let reference = match &self.place {
            Place::Registry(reference) => reference,
            Place::Layout { .. } => return self.entry(),
        };
        if let Some(digest) = fixed(reference)? {
            return Ok(digest);
        }
        self.ask(|| format!("what `{}` stands for", self.name))?;
        let found = self.reader.client.manifest_digest(reference).await?;
        Ok(found.ok_or_else(|| self.not_found())?.digest)
    }

    /// What the name stood for when that digest was pinned.
    pub(super) async fn pinned(&self, digest: &Digest) -> Result<Top, BaseError> {
        let bytes = self.manifest(digest).await?;
        Ok(Top {
            digest: *digest,
            document: Document::parse(&self.name, digest, None, &bytes)?,
        })
    }

    /// The platforms of a base with their manifests, in the order of the index; those of an index in it in its place.
    pub(super) async fn platforms(&self, top: &Top) -> Result<Vec<(Platform, Digest)>, BaseError> {
        let children = match &top.document {
            Document::Index(children) => children,
            Document::Manifest(manifest) => {
                let platform = self.platform(&top.digest, &manifest.config).await?;
                return Ok(vec![(platform, top.digest)]);
            }
        };
        let (mut platforms, mut listing) = (Vec::new(), Listing::of(children.clone())?);
        while let Some(entry) = listing.next() {
            let Some(child) = document::child(&entry).transpose()? else {
                continue;
            };
            if child.is_index {
                match self.listed(&child.digest).await {
                    // What a base has can be used although the rest of it is not there; an image that is checked is broken.
                    Err(BaseError::Gone { .. }) if !self.foreign => {}
                    listed => listing.inside(listed?)?,
                }
                continue;
            }
            let platform = match child.platform {
                Some(platform) => platform,
                // Some tools leave it to the config.
                None => match self.pinned(&child.digest).await.map(|top| top.document) {
                    Ok(Document::Manifest(manifest)) => {
                        self.platform(&child.digest, &manifest.config).await?
                    }
                    // An artifact that the index does not tell from an image.
                    Ok(Document::Index(_)) | Err(BaseError::NotAnImage { .. }) => continue,
                    Err(error) => return Err(error),
                },
            };
            platforms.push((platform, child.digest));
        }
        Ok(platforms)
    }

    /// What an index in an index lists.
    async fn listed(&self, digest: &Digest) -> Result<Vec<Descriptor>, BaseError> {
        match self.pinned(digest).await?.document {
            Document::Index(children) => Ok(children),
            Document::Manifest(_) => Err(BaseError::Contradiction {
                name: self.name.clone(),
                digest: *digest,
                why: "it stands where an index should, and is a manifest".to_owned(),
            }),
        }
    }

    /// Config and layers of one platform.
    pub(super) async fn image(&self, facts: &BaseFacts) -> Result<BaseImage, BaseError> {
        let Document::Manifest(manifest) = self.pinned(&facts.manifest).await?.document else {
            return Err(BaseError::Contradiction {
                name: self.name.clone(),
                digest: facts.manifest,
                why: "it stands where a manifest should, and is an index".to_owned(),
            });
        };
        let config = self.config(&manifest.config).await?;
        let layers = manifest.layers(&self.name, &config)?;
        let origin = match &self.place {
            Place::Registry(reference) => Origin::Registry(Repository::from(reference)),
            Place::Layout { layout, .. } => Origin::Layout(layout.path().to_owned()),
        };
        Ok(BaseImage {
            facts: facts.clone(),
            config,
            layers,
            origin,
        })
    }

    async fn platform(&self, manifest: &Digest, config: &Digest) -> Result<Platform, BaseError> {
        let platform = document::platform(&self.config(config).await?);
        platform.ok_or_else(|| BaseError::Contradiction {
            name: self.name.clone(),
            digest: *manifest,
            why: "neither its index nor its config says what it runs on".to_owned(),
        })
    }

    async fn manifest(&self, digest: &Digest) -> Result<Vec<u8>, BaseError> {
        let gone = || {
            let (name, digest) = (self.name.clone(), *digest);
            match self.foreign {
                true => BaseError::Missing { name, digest },
                false => BaseError::Gone { name, digest },
            }
        };
        let repository = match &self.place {
            Place::Registry(reference) => Repository::from(reference),
            Place::Layout { layout, .. } => {
                return layout.read(digest, MANIFEST_LIMIT).map_err(|error| match error {
                    ArchiveError::Missing { .. } if !self.foreign => gone(),
                    other => other.into(),
                });
            }
        };
        if let Some(bytes) = self.reader.cache.small(digest, MANIFEST_LIMIT) {
            return Ok(bytes);
        }
        self.ask(|| format!("manifest `{digest}` of the base `{}`", self.name))?;
        let wanted = repository.at(digest);
        let found = self
            .span(&wanted.to_string(), self.reader.client.manifest(&wanted))
            .await?;
        let bytes = found.ok_or_else(gone)?.bytes;
        self.small_enough("a manifest", &bytes, MANIFEST_LIMIT)?;
        self.reader.cache.blobs().put(&bytes)?;
        Ok(bytes)
    }

    async fn config(&self, digest: &Digest) -> Result<serde_json::Value, BaseError> {
        let bytes = match &self.place {
            Place::Layout { layout, .. } => layout.read(digest, CONFIG_LIMIT)?,
            Place::Registry(reference) => match self.reader.cache.small(digest, CONFIG_LIMIT) {
                Some(bytes) => bytes,
                None => {
                    self.ask(|| format!("config `{digest}` of the base `{}`", self.name))?;
                    let repository = Repository::from(reference);
                    let client = &self.reader.client;
                    let read = client.blob_bytes(&repository, digest, CONFIG_LIMIT);
                    let bytes = self.span(&format!("config {digest}"), read).await?;
                    self.reader.cache.blobs().put(&bytes)?;
                    bytes
                }
            },
        };
        document::config(&self.name, digest, &bytes)
    }

    /// What a layout's `index.json` has under the tag, or alone.
    fn entry(&self) -> Result<Digest, BaseError> {
        let Place::Layout { layout, tag } = &self.place else {
            return Err(self.not_found());
        };
        let entries = layout.entries();
        let found: Vec<&Descriptor> = entries
            .iter()
            .filter(|entry| tag.is_none() || entry.name == *tag)
            .map(|entry| &entry.descriptor)
            .collect();
        if let [one] = found.as_slice() {
            return Ok(one.digest().try_into()?);
        }
        let names: Vec<&str> = entries.iter().filter_map(|entry| entry.name.as_deref()).collect();
        let help = match names.as_slice() {
            [] => format!("it holds {} images without a name", entries.len()),
            names => format!("it holds {}", names.join(", ")),
        };
        Err(BaseError::Entry {
            name: self.name.clone(),
            help,
        })
    }

    /// Tells when reading `what` begins and ends.
    async fn span<T>(&self, what: &str, reading: impl Future<Output = T>) -> T {
        let _span = self.reader.client.span(Stage::Base, what);
        reading.await
    }

    /// Whether the network may be asked for `what`.
    fn ask(&self, what: impl FnOnce() -> String) -> Result<(), BaseError> {
        if self.reader.offline {
            return Err(BaseError::Offline { what: what() });
        }
        Ok(())
    }

    fn small_enough(&self, what: &str, bytes: &[u8], limit: u64) -> Result<(), BaseError> {
        if bytes.len() as u64 > limit {
            return Err(too_large(&self.name, what, format!("{limit} bytes")));
        }
        Ok(())
    }

    fn not_found(&self) -> BaseError {
        BaseError::NotFound {
            name: self.name.clone(),
        }
    }
}

/// The digest that the reference itself holds.
fn fixed(reference: &Reference) -> Result<Option<Digest>, BaseError> {
    Ok(reference.digest().map(str::parse).transpose()?)
}
