//! What an image starts from: [`builtin`], or an image of a registry or layout, through [`Bases`].
//!
//! In: names as the matrix has them, the lock file, the user's cache. Out: [`BaseFacts`] for planning, then a
//! [`BaseImage`] and its [`Tree`]: pinned by digest, verified, the same for everybody who has the same lock file.
//! Layers are read as streams, and stored only where somebody asks for them. It must never take a byte from the
//! machine that it runs on, use one that was not compared with its digest, or move a pin unasked.

pub mod accounts;
mod background;
pub mod builtin;
mod cache;
mod compilers;
mod document;
mod error;
mod layers;
mod lock;
mod name;
mod pins;
mod reader;
mod trees;
mod variant;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

pub use cache::{Cache, Cached, CachedKind};
pub use compilers::{CompilerChange, CompilerPart, CompilerVersions};
pub use error::BaseError;

use crate::blob::{Blob, BlobStore};
use crate::environment::Environment;
use crate::event::Event;
use crate::registry::{Client, Repository};
use crate::rootfs::Tree;
use crate::spec::{BaseFacts, Descriptor, DiffId, Digest, Platform};
use lock::{Lock, Pin};
use name::Name;
use reader::{Reader, Source};

/// How a matrix names the built-in base. It is pinned like the others.
pub const BUILTIN: &str = "static";

/// What may be asked of the network, and changed in the lock file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// The lock file must say everything already.
    pub locked: bool,
    /// Only what the user's cache holds.
    pub offline: bool,
}

/// The bases of one project, and what else its lock file pins.
#[derive(Debug)]
pub struct Bases {
    client: Client,
    environment: Environment,
    directory: PathBuf,
    mode: Mode,
    path: PathBuf,
    /// What the file says; none if there is none.
    saved: Option<Lock>,
    lock: Lock,
    keep_layers: bool,
    /// Opened when a base that is an image is first asked for.
    reader: OnceLock<Reader>,
}

/// A base for one platform, as far as no layer is needed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BaseImage {
    /// What was resolved.
    pub facts: BaseFacts,
    /// The config as it is: fields that nobody here knows are kept.
    pub config: serde_json::Value,
    /// The layers, lowest first, with the media types of OCI.
    pub layers: Vec<BaseLayer>,
    /// Where the layers lie.
    pub origin: Origin,
}

/// A layer of a base.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BaseLayer {
    /// Media type (of OCI), digest, size.
    pub descriptor: Descriptor,
    /// Digest of its tar.
    pub diff_id: DiffId,
}

/// Where a base lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// In a registry.
    Registry(Repository),
    /// In a layout, or an archive of one.
    Layout(PathBuf),
}

/// A pin that moved, or would.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The base.
    pub name: String,
    /// What the lock file says; none if it does not have it.
    pub old: Option<Digest>,
    /// What the name stands for now; none if nothing uses it any more.
    pub new: Option<Digest>,
}

impl Bases {
    /// The bases that the lock file at `lock` pins. `directory` is what `oci:` paths are relative to; the user's
    /// cache is found through `environment`.
    ///
    /// # Errors
    /// When the lock file cannot be read or understood.
    pub fn open(
        client: Client,
        environment: &Environment,
        lock: PathBuf,
        directory: PathBuf,
        mode: Mode,
    ) -> Result<Self, BaseError> {
        let saved = Lock::read(&lock)?;
        Ok(Self {
            client,
            environment: environment.clone(),
            directory,
            mode,
            path: lock,
            lock: saved.clone().unwrap_or_default(),
            saved,
            keep_layers: false,
            reader: OnceLock::new(),
        })
    }

    /// Says that [`Bases::fetch`] will follow: layers that are read for the first time are kept, and so not read
    /// twice.
    pub fn keep_layers(&mut self, keep: bool) {
        self.keep_layers = keep;
    }

    /// Facts of the base `name` for each of `platforms`, in their order: from the lock file; where it lacks them,
    /// resolved and pinned (in memory: [`Bases::save`]). A platform that is new to a pinned base is looked for in the
    /// index that is pinned.
    ///
    /// # Errors
    /// When the base cannot be had, or lacks a platform, or the mode forbids to look.
    pub async fn facts(&mut self, name: &str, platforms: &[Platform]) -> Result<Vec<BaseFacts>, BaseError> {
        let known = self.known(name)?.cloned();
        let has = |platform: &&Platform| {
            known
                .as_ref()
                .is_some_and(|pin| pin.platforms.contains_key(platform))
        };
        let missing: Vec<Platform> = platforms
            .iter()
            .filter(|platform| !has(platform))
            .cloned()
            .collect();
        let mut pin = known.clone();
        if let Some(first) = missing.first() {
            self.may_change(|| format!("it pins no `{name}` for {first}"))?;
            let source = self.source(name)?;
            let top = match &known {
                Some(pin) => source.pinned(&pin.index).await?,
                None => source.now().await?,
            };
            let mut new = source.pin(&top, &missing, known.as_ref()).await?;
            new.platforms
                .extend(known.into_iter().flat_map(|pin| pin.platforms));
            self.lock.bases.insert(name.to_owned(), new.clone());
            pin = Some(new);
        }
        let facts = |platform: &Platform| {
            let pin = pin.as_ref()?;
            let of = pin.platforms.get(platform)?;
            Some(BaseFacts::new(
                name,
                pin.index,
                of.manifest,
                platform.clone(),
                of.libc.clone(),
            ))
        };
        Ok(platforms.iter().filter_map(facts).collect())
    }

    /// Says that the built-in base is used. A release carries one: where the lock file pins another, that is an error
    /// in locked mode, and otherwise a notice; the pin stays until [`Bases::update`] of [`BUILTIN`].
    ///
    /// # Errors
    /// When the lock file pins another one and must not change.
    pub fn builtin(&self) -> Result<(), BaseError> {
        let carried = builtin::digest();
        let Some(pinned) = self.lock.builtin.filter(|pinned| *pinned != carried) else {
            return Ok(());
        };
        if self.mode.locked {
            return Err(BaseError::Builtin { pinned, carried });
        }
        self.client.observer().event(&Event::Notice {
            text: &format!(
                "gantry.lock pins the built-in base `{pinned}`, which this release does not carry any more: images are \
                 built on `{carried}`; `cargo gantry update` pins it"
            ),
        });
        Ok(())
    }

    /// Drops the pins of bases that are not among `used` ([`BUILTIN`] may be), and writes the lock file if it then
    /// says something else than it did. Compilers stay as they were said to be. Says whether it was
    /// written. The built-in base alone needs no lock file.
    ///
    /// # Errors
    /// When it cannot be written, or must not change.
    pub fn save(&mut self, used: &[String]) -> Result<bool, BaseError> {
        self.lock.bases.retain(|name, _| used.contains(name));
        let lock = &self.lock;
        let needed = self.saved.is_some() || !lock.bases.is_empty() || !lock.compilers.is_empty();
        self.lock.builtin = match self.lock.builtin {
            _ if !used.iter().any(|name| name == BUILTIN) => None,
            None if needed => Some(builtin::digest()),
            pinned => pinned,
        };
        if self.lock == self.saved.clone().unwrap_or_default() {
            return Ok(false);
        }
        self.may_change(|| self.difference())?;
        self.lock.write(&self.path, self.reader()?.cache.blobs())?;
        self.saved = Some(self.lock.clone());
        Ok(true)
    }

    /// Config and layers of a base.
    ///
    /// # Errors
    /// When they cannot be had, or are not what they should be.
    pub async fn image(&self, facts: &BaseFacts) -> Result<BaseImage, BaseError> {
        self.source(&facts.name)?.image(facts).await
    }

    /// The merged tree of a base: from the user's cache, else by streaming its layers once.
    ///
    /// # Errors
    /// As [`Bases::image`], and when a layer is damaged.
    pub async fn tree(&self, image: &BaseImage) -> Result<Arc<Tree>, BaseError> {
        self.reader()?.tree(image).await
    }

    /// Whether the merged tree of a base is in the user's cache.
    ///
    /// # Errors
    /// When there is no cache.
    pub fn has_tree(&self, image: &BaseImage) -> Result<bool, BaseError> {
        Ok(self.reader()?.has_tree(image))
    }

    /// Brings the layers of a base into `store`: hard-linked from the user's cache, where they are kept from now on.
    /// Those of a layout are copied from there.
    ///
    /// # Errors
    /// When they cannot be had, are not what they should be, or the disk is full.
    pub async fn fetch(&self, image: &BaseImage, store: &BlobStore) -> Result<(), BaseError> {
        self.reader()?.fetch(image, store).await
    }

    /// The file of a layer in the user's cache, if it is there and still what it should be. Its content is not looked at.
    pub fn cached(&self, layer: &Blob) -> Option<PathBuf> {
        let reader = self.reader().ok()?;
        let blobs = reader.cache.blobs();
        let good = blobs.contains(layer) && blobs.verify(layer).is_ok();
        good.then(|| blobs.path(&layer.digest))
    }

    /// Every platform of an image of anybody, without looking at the lock file. No layer is read for it, so the facts
    /// do not say the C library ([`crate::spec::BaseLibc::None`]): [`crate::rootfs::libc`] of the tree does.
    ///
    /// # Errors
    /// As [`Bases::image`].
    pub async fn survey(&self, name: &str) -> Result<Vec<BaseImage>, BaseError> {
        // It is an image of somebody, and no base.
        self.reader()?.source(name, &self.directory)?.survey().await
    }

    /// Moves the pins of the base to what its name stands for now, for these platforms and no others (in memory:
    /// [`Bases::save`]). None if it stands for what it did.
    ///
    /// # Errors
    /// As [`Bases::facts`].
    pub async fn update(&mut self, name: &str, platforms: &[Platform]) -> Result<Option<Change>, BaseError> {
        let moves = || format!("its pins of `{name}` would be others");
        if name == BUILTIN {
            let change = self.changed(name, self.lock.builtin, builtin::digest());
            if change.is_some() {
                self.may_change(moves)?;
            }
            self.lock.builtin = self.lock.builtin.map(|_| builtin::digest());
            return Ok(change);
        }
        let source = self.source(name)?;
        let top = source.now().await?;
        let known = self.lock.bases.get(name).cloned();
        let pin = source.pin(&top, platforms, known.as_ref()).await?;
        if known.as_ref() != Some(&pin) {
            self.may_change(moves)?;
        }
        self.lock.bases.insert(name.to_owned(), pin);
        Ok(self.changed(name, known.map(|pin| pin.index), top.digest))
    }

    /// Whether the base's name stands for something else than the lock file says. Of an image in a registry no more
    /// than the digest is asked for; a name with a digest in it never is outdated.
    ///
    /// # Errors
    /// As [`Bases::facts`].
    pub async fn outdated(&self, name: &str) -> Result<Option<Change>, BaseError> {
        if name == BUILTIN {
            return Ok(self.changed(name, self.lock.builtin, builtin::digest()));
        }
        let now = self.source(name)?.digest_now().await?;
        Ok(self.changed(name, self.lock.bases.get(name).map(|pin| pin.index), now))
    }

    /// What the lock file has of a base, unless it contradicts the digest in the base's own name.
    fn known(&self, name: &str) -> Result<Option<&Pin>, BaseError> {
        let fixed = Name::parse(name, &self.directory)?.digest();
        let pin = self.lock.bases.get(name);
        Ok(pin.filter(|pin| fixed.is_none_or(|fixed| fixed == pin.index)))
    }

    fn changed(&self, name: &str, old: Option<Digest>, new: Digest) -> Option<Change> {
        // The built-in base is pinned only where there is a lock file.
        if old == Some(new) || (name == BUILTIN && old.is_none()) {
            return None;
        }
        Some(Change {
            name: name.to_owned(),
            old,
            new: Some(new),
        })
    }

    fn may_change(&self, what: impl FnOnce() -> String) -> Result<(), BaseError> {
        if self.mode.locked {
            return Err(BaseError::Locked { what: what() });
        }
        Ok(())
    }

    /// The first thing that saving would change.
    fn difference(&self) -> String {
        let saved = self.saved.clone().unwrap_or_default();
        let unused = saved
            .bases
            .keys()
            .find(|name| !self.lock.bases.contains_key(*name));
        let other = self
            .lock
            .bases
            .iter()
            .find(|(name, pin)| saved.bases.get(*name) != Some(*pin));
        match (unused, other) {
            (Some(name), _) => format!("nothing uses `{name}`, which it pins"),
            (None, Some((name, _))) => format!("its pins of `{name}` are others"),
            (None, None) if self.lock.compilers != saved.compilers => "its compilers are others".to_owned(),
            (None, None) => "its pin of the built-in base".to_owned(),
        }
    }

    fn source(&self, name: &str) -> Result<Source, BaseError> {
        let source = self.reader()?.source(name, &self.directory);
        source.map_err(|error| match error {
            BaseError::Archive(source) if !source.is_disk() => BaseError::Unopened {
                base: name.to_owned(),
                source,
            },
            other => other,
        })
    }

    fn reader(&self) -> Result<Reader, BaseError> {
        let reader = match self.reader.get() {
            Some(reader) => reader,
            None => {
                let cache = Cache::open(&self.environment)?;
                let reader = Reader::new(self.client.clone(), cache, self.mode.offline);
                self.reader.get_or_init(|| reader)
            }
        };
        let mut reader = reader.clone();
        reader.keep_layers = self.keep_layers;
        Ok(reader)
    }
}
