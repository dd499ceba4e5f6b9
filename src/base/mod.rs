//! What an image starts from: [`builtin`], or an image of a registry or layout, through [`Bases`].
//!
//! In: names as the matrix has them, the lock file, the user's cache. Out: [`BaseFacts`] for planning, then a
//! [`BaseImage`] and its [`Tree`]: pinned by digest, verified, the same for everybody who has the same lock file.
//! Layers are read as streams, and stored only where somebody asks for them. It must never take a byte from the
//! machine that it runs on, use one that was not compared with its digest, or move a pin unasked.

pub mod builtin;
mod error;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::BaseError;

use crate::blob::BlobStore;
use crate::environment::Environment;
use crate::registry::{Client, Repository};
use crate::rootfs::Tree;
use crate::spec::{BaseFacts, Descriptor, DiffId, Digest, Platform};

/// What may be asked of the network, and changed in the lock file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// The lock file must say everything already.
    pub locked: bool,
    /// Only what the user's cache holds.
    pub offline: bool,
}

/// The bases of one project.
#[derive(Debug)]
pub struct Bases {
    client: Client,
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
        let _ = (environment, lock, directory, mode);
        Ok(Self { client })
    }

    /// Facts of the base `name` for each of `platforms`, in their order: from the lock file; where it lacks them,
    /// resolved and pinned (in memory: [`Bases::save`]).
    ///
    /// # Errors
    /// When the base cannot be had, or lacks a platform, or the mode forbids to look.
    pub async fn facts(&mut self, name: &str, platforms: &[Platform]) -> Result<Vec<BaseFacts>, BaseError> {
        let _ = (&self.client, name, platforms);
        todo!()
    }

    /// Drops the pins of bases that are not among `used`, and writes the lock file if it differs from what is there.
    /// Says whether it was written.
    ///
    /// # Errors
    /// When it cannot be written, or must not change.
    pub fn save(&mut self, used: &[String]) -> Result<bool, BaseError> {
        let _ = used;
        todo!()
    }

    /// Config and layers of a base.
    ///
    /// # Errors
    /// When they cannot be had, or are not what they should be.
    pub async fn image(&self, facts: &BaseFacts) -> Result<BaseImage, BaseError> {
        let _ = facts;
        todo!()
    }

    /// The merged tree of a base: from the user's cache, else by streaming its layers once.
    ///
    /// # Errors
    /// As [`Bases::image`], and when a layer is damaged.
    pub async fn tree(&self, image: &BaseImage) -> Result<Arc<Tree>, BaseError> {
        let _ = image;
        todo!()
    }

    /// Brings the layers of a base into `store`: hard-linked from the user's cache, where they are kept from now on.
    ///
    /// # Errors
    /// When they cannot be had, are not what they should be, or the disk is full.
    pub async fn fetch(&self, image: &BaseImage, store: &BlobStore) -> Result<(), BaseError> {
        let _ = (image, store);
        todo!()
    }

    /// The file of a layer in the user's cache, if it is there.
    pub fn cached(&self, layer: &Digest) -> Option<PathBuf> {
        let _ = layer;
        todo!()
    }

    /// Every platform of an image of anybody, without looking at the lock file.
    ///
    /// # Errors
    /// As [`Bases::image`].
    pub async fn survey(&self, name: &str) -> Result<Vec<BaseImage>, BaseError> {
        let _ = name;
        todo!()
    }

    /// Moves the pins of these bases to what their names stand for now (in memory: [`Bases::save`]).
    ///
    /// # Errors
    /// As [`Bases::facts`].
    pub async fn update(&mut self, name: &str, platforms: &[Platform]) -> Result<Option<Change>, BaseError> {
        let _ = (name, platforms);
        todo!()
    }

    /// Whether the base's name stands for something else than the lock file says.
    ///
    /// # Errors
    /// As [`Bases::facts`].
    pub async fn outdated(&self, name: &str) -> Result<Option<Change>, BaseError> {
        let _ = name;
        todo!()
    }
}
