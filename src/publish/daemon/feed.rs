//! An archive on its way into a program.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Cargo, DaemonError};
use crate::archive::{self, ArchiveError, Root, SavedImage};
use crate::blob::{Blob, BlobStore};
use crate::tool::{Call, Output, Tools};

/// The name that containerd and everything above it give an image that is imported.
/// <https://github.com/containerd/containerd/blob/v1.7.0/images/annotations.go>
const IMAGE_NAME: &str = "io.containerd.image.name";

/// Writes an image in some form.
pub(super) type Pour = dyn Fn(&mut dyn Write) -> Result<(), ArchiveError> + Send + Sync;

/// As `docker save` writes it: for docker and podman, whose own names and ids come of it.
pub(super) fn docker_archive(store: BlobStore, cargo: &Cargo) -> Result<Box<Pour>, DaemonError> {
    let manifest = Blob::described(&cargo.manifest)
        .map_err(ArchiveError::from)?
        .digest;
    let names = cargo.names.clone();
    let images = [SavedImage { manifest, names }];
    Ok(Box::new(move |writer: &mut dyn Write| {
        archive::stream_docker(&store, &images, writer)
    }))
}

/// As a tar of an OCI layout, whose entries have names as containerd writes them, with registry and tag: the image has
/// the digest there that its index in a registry lists.
pub(super) fn oci_archive(store: BlobStore, cargo: &Cargo) -> Box<Pour> {
    let roots: Vec<Root> = cargo
        .names
        .iter()
        .map(|name| {
            let mut descriptor = cargo.manifest.clone();
            descriptor.set_platform(Some(cargo.platform.to_oci()));
            let mut annotations = descriptor.annotations().clone().unwrap_or_default();
            annotations.insert(IMAGE_NAME.to_owned(), whole(name));
            descriptor.set_annotations(Some(annotations));
            let tag = name.rsplit(':').next();
            Root::new(descriptor, tag)
        })
        .collect();
    Box::new(move |writer: &mut dyn Write| archive::stream_archive(&store, &roots, writer))
}

/// A name with the registry that it stands for: `docker.io/library/app:1.2` for `app:1.2`.
pub(super) fn whole(name: &str) -> String {
    let reference = crate::spec::reference(name);
    reference.map_or_else(|_| name.to_owned(), |reference| reference.whole())
}

/// Runs a program that reads the archive. What is wrong with the archive itself comes before what the program says of it.
pub(super) fn run(tools: &Tools, call: Call, pour: Box<Pour>) -> Result<Output, DaemonError> {
    let failed: Arc<Mutex<Option<ArchiveError>>> = Arc::default();
    let told = Arc::clone(&failed);
    let call = call.feed(move |input| {
        // It may end without reading everything; then it says why.
        match pour(input) {
            Ok(()) | Err(ArchiveError::Stream(_)) => {}
            Err(error) => *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
        }
    });
    let ran = tools.run(&call);
    match failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => Err(error.into()),
        None => Ok(ran?),
    }
}
