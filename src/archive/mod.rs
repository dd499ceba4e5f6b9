//! Images as files: OCI layouts in a directory, `oci-archive` tars of the same content, and the tars of `docker save`.
//!
//! In: what a [`BlobStore`](crate::blob::BlobStore) holds, or a path that others wrote. Out: exactly the blobs that the named images
//! need, complete before anything points to them; or the checked bytes of somebody's layout. It must never
//! follow a name out of the layout, nor believe bytes that do not match their digest.

mod destination;
mod docker;
mod error;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use destination::replaced_at;
pub use docker::{
    DockerArchive, DockerEntry, DockerImage, SavedImage, import_docker, stream_docker, write_docker,
};
pub use error::ArchiveError;
pub use read::{Layout, LayoutBlob};
pub use write::{stream_archive, write_archive, write_layout};

use crate::spec::Descriptor;

/// An image or index to be written, and the name it gets in `index.json`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Root {
    /// What is written, with everything it leads to.
    pub descriptor: Descriptor,
    /// Its `org.opencontainers.image.ref.name`.
    pub name: Option<String>,
}

impl Root {
    /// That descriptor under that name.
    pub fn new(descriptor: Descriptor, name: Option<&str>) -> Self {
        Self {
            descriptor,
            name: name.map(str::to_owned),
        }
    }
}
