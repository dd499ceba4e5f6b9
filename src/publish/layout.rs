//! Publishing to a layout: everything of an image, wherever it lies, comes into a [`BlobStore`].
//!
//! Blobs of a registry stream into the store and are verified on the way, those of files are copied and verified. What is
//! there already and right is not fetched again. The entry comes last, so that whoever reads meanwhile sees the image whole
//! or not at all.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use tokio::task::JoinSet;

use super::{BlobContent, BlobSource, Content, ManifestBytes, PublishError};
use crate::archive::ArchiveError;
use crate::blob::{Blob, BlobError, BlobStore, Entry};
use crate::registry::{Client, Repository};
use crate::spec::{Descriptor, Digest, MediaType};

/// How many blobs are fetched at once.
const AT_ONCE: usize = 4;

/// What bringing an image into a store took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// How many blobs were written.
    pub blobs: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// The entry named the same image before.
    pub unchanged: bool,
}

/// Brings `content` into the layout of `store`, under the entry `name`. Must be called within a tokio runtime.
///
/// # Errors
/// When a blob cannot be read or is not what it should be, or the store cannot be written. No entry is changed then.
pub async fn to_layout(
    client: &Client,
    content: &Content,
    store: &BlobStore,
    name: Option<&str>,
) -> Result<Stored, PublishError> {
    let mut stored = into_store(client, content, store).await?;
    let (store, root) = (store.clone(), content.root.clone());
    let name = name.map(str::to_owned);
    stored.unchanged = blocking(move || {
        let entry = Entry::new(name.as_deref(), descriptor(&root));
        let digest = entry.descriptor.digest().to_string();
        let same = |known: &Entry| known.name == name && known.descriptor.digest().to_string() == digest;
        let before = store.entries()?.iter().any(same);
        store.add_entries(&[entry])?;
        Ok(before)
    })
    .await?;
    Ok(stored)
}

/// Brings `content` into `store` without an entry of its own: for whoever writes an archive of it.
///
/// # Errors
/// As [`to_layout`].
pub async fn into_store(
    client: &Client,
    content: &Content,
    store: &BlobStore,
) -> Result<Stored, PublishError> {
    let mut stored = Stored::default();
    let mut waiting = content.blobs.iter();
    let mut fetching = JoinSet::new();
    loop {
        while fetching.len() < AT_ONCE
            && let Some(blob) = waiting.next()
        {
            let (client, store, blob) = (client.clone(), store.clone(), blob.clone());
            fetching.spawn(async move { fetch(&client, &store, &blob).await });
        }
        let Some(fetched) = crate::release::next(&mut fetching).await else {
            break;
        };
        if let Some(size) = fetched? {
            stored.blobs += 1;
            stored.bytes += size;
        }
    }
    let manifests: Vec<ManifestBytes> = content.manifests.iter().chain([&content.root]).cloned().collect();
    let store = store.clone();
    blocking(move || {
        for manifest in &manifests {
            store.put(manifest.bytes())?;
        }
        Ok(())
    })
    .await?;
    Ok(stored)
}

/// A manifest as an entry points to it.
pub fn descriptor(manifest: &ManifestBytes) -> Descriptor {
    Descriptor::new(
        MediaType::from(manifest.media_type()),
        manifest.size(),
        *manifest.digest(),
    )
}

/// Brings one blob here, and gives its size unless it was here.
async fn fetch(client: &Client, store: &BlobStore, source: &BlobSource) -> Result<Option<u64>, PublishError> {
    let wanted = Blob::new(source.digest, source.size);
    let here = {
        let store = store.clone();
        blocking(move || Ok(store.contains(&wanted) && store.verify(&wanted).is_ok())).await?
    };
    if here {
        return Ok(None);
    }
    match &source.content {
        BlobContent::Remote(repository) => from_registry(client, store, repository, &wanted).await?,
        BlobContent::File(path) => from_file(store, path, 0, wanted).await?,
        BlobContent::Within { path, offset } => from_file(store, path, *offset, wanted).await?,
    }
    Ok(Some(source.size))
}

async fn from_registry(
    client: &Client,
    store: &BlobStore,
    repository: &Repository,
    wanted: &Blob,
) -> Result<(), PublishError> {
    let mut writer = store.writer()?;
    // It is checked against digest and size there.
    client
        .blob_to(repository, &wanted.digest, wanted.size, &mut writer)
        .await?;
    blocking(move || Ok(writer.finish().map(drop)?)).await
}

async fn from_file(store: &BlobStore, path: &Path, offset: u64, wanted: Blob) -> Result<(), PublishError> {
    let (store, path) = (store.clone(), path.to_owned());
    blocking(move || {
        let unreadable = |source| ArchiveError::Read {
            path: path.clone(),
            source,
        };
        let mut file = File::open(&path).map_err(unreadable)?;
        file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        let mut writer = store.writer()?;
        let copied = io::copy(&mut file.take(wanted.size), &mut writer);
        copied.map_err(|error| BlobError::from_io(error, &path))?;
        match writer.finish()? {
            found if found == wanted => Ok(()),
            _ => Err(altered(&wanted.digest, &path)),
        }
    })
    .await
}

fn altered(digest: &Digest, path: &Path) -> PublishError {
    PublishError::Archive(ArchiveError::Altered {
        digest: *digest,
        path: path.to_owned(),
    })
}

/// Work on files, away from the threads that serve the network.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PublishError> + Send + 'static,
) -> Result<T, PublishError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // Nobody cancels it: it panicked, and so do we.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
