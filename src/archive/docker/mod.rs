//! [`DockerArchive`]: images as `docker save` and `podman save` write them, and as both load them.
//!
//! In: images of one platform in a [`BlobStore`](crate::blob::BlobStore), or a tar that others wrote. Out: a tar whose
//! bytes depend on nothing but the images and their names; or images in a store, with configs byte for byte and layers
//! compressed our way, so that the same archive always gives the same digests. It must never take a layer for another
//! than the config says, follow a name out of the tar, or hold a layer in memory.
//!
//! <https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md#combined-image-json--filesystem-changeset-format>

mod import;
mod members;
mod read;
mod write;

pub use import::{DockerImage, import_docker};
pub use read::{DockerArchive, DockerEntry};
pub use write::{SavedImage, stream_docker, write_docker};

use crate::spec::DiffId;

/// What an image's platform and layers are, as its config says.
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties>
#[derive(serde::Deserialize)]
struct Facts {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    rootfs: Rootfs,
}

#[derive(serde::Deserialize)]
struct Rootfs {
    #[serde(default)]
    diff_ids: Vec<DiffId>,
}

/// The most bytes that one layer unpacks to.
const UNPACKED: u64 = 64 << 30;

#[cfg(test)]
mod tests;
