//! [`Place`]: an image's manifests, configs and layers, wherever they lie.
//!
//! In: a layout or archive, or a registry. Out: bytes that were compared with digest and size. Layers are streams: it must
//! never hold one, nor let what was read of one count before its end was compared.

use std::io::{self, Read};
use std::sync::Arc;

use super::InspectError;
use crate::archive::Layout;
use crate::blob::Blob;
use crate::registry::{Client, Repository};
use crate::spec::{Descriptor, Digest, Reference};

/// The largest manifest or config that is read: registries take no more than 4 MiB of a manifest.
const LIMIT: u64 = 4 << 20;

/// An image, wherever it lies. Clones share it.
#[derive(Clone, Debug)]
pub struct Place {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Layout(Arc<Layout>, Option<String>),
    Registry(Client, Reference),
}

/// A manifest, index or config, verified.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

impl Place {
    /// An image in a layout or an oci-archive, which was asked for as `name`. `tag` is the entry's name; it may be left
    /// out where there is one entry.
    pub fn layout(layout: Layout, name: &str, tag: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Layout(Arc::new(layout), tag.map(str::to_owned)),
        }
    }

    /// An image in a registry.
    pub fn registry(client: Client, reference: Reference) -> Self {
        Self {
            name: reference.to_string(),
            kind: Kind::Registry(client, reference),
        }
    }

    /// As it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The index, or the manifest that stands alone.
    pub(super) async fn root(&self) -> Result<Object, InspectError> {
        match &self.kind {
            Kind::Layout(layout, tag) => {
                let entry = self.entry(layout, tag.as_deref())?;
                self.manifest(&entry).await
            }
            Kind::Registry(client, reference) => at(client, reference).await,
        }
    }

    /// A manifest that an index lists.
    pub(super) async fn manifest(&self, descriptor: &Descriptor) -> Result<Object, InspectError> {
        let object = match &self.kind {
            Kind::Layout(layout, _) => {
                let digest = Digest::try_from(descriptor.digest())?;
                Object {
                    digest,
                    media_type: descriptor.media_type().to_string(),
                    bytes: layout.read(&digest, LIMIT)?,
                }
            }
            Kind::Registry(client, reference) => {
                let digest = descriptor.digest().to_string();
                at(client, &reference.clone_with_digest(digest)).await?
            }
        };
        of_size(descriptor, object.bytes.len() as u64)?;
        Ok(object)
    }

    /// A config.
    pub(super) async fn config(&self, descriptor: &Descriptor) -> Result<Vec<u8>, InspectError> {
        let digest = Digest::try_from(descriptor.digest())?;
        let bytes = match &self.kind {
            Kind::Layout(layout, _) => layout.read(&digest, LIMIT)?,
            Kind::Registry(client, reference) => {
                let repository = Repository::from(reference);
                client.blob_bytes(&repository, &digest, LIMIT).await?
            }
        };
        of_size(descriptor, bytes.len() as u64)?;
        Ok(bytes)
    }

    /// Gives the stored bytes of a layer to `take`, on a thread that may block. All of them are compared with digest and
    /// size, whatever `take` leaves; only then its result is given on.
    pub(super) async fn layer<T: Send + 'static>(
        &self,
        descriptor: &Descriptor,
        take: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
    ) -> Result<T, InspectError> {
        let digest = Digest::try_from(descriptor.digest())?;
        match &self.kind {
            Kind::Layout(layout, _) => {
                let mut bytes = layout.blob(&digest)?;
                of_size(descriptor, bytes.size())?;
                let taking = tokio::task::spawn_blocking(move || {
                    let taken = take(&mut bytes);
                    io::copy(&mut bytes, &mut io::sink()).map(|_| taken)
                });
                match taking.await {
                    Ok(taken) => taken.map_err(|source| InspectError::Layer { digest, source }),
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }
            Kind::Registry(client, reference) => {
                let blob = Blob::new(digest, descriptor.size());
                let take = move |mut pieces| take(&mut pieces);
                let repository = Repository::from(reference);
                Ok(client.blob_through(&repository, blob, take).await?)
            }
        }
    }

    fn entry(&self, layout: &Layout, tag: Option<&str>) -> Result<Descriptor, InspectError> {
        let entries = layout.entries();
        let names: Vec<&str> = entries.iter().filter_map(|entry| entry.name.as_deref()).collect();
        let help = match names.is_empty() {
            true => "none of its entries has a name".to_owned(),
            false => format!("it holds: {}", names.join(", ")),
        };
        let name = self.name.clone();
        match (tag, entries.as_slice()) {
            (None, [only]) => Ok(only.descriptor.clone()),
            (None, entries) => Err(InspectError::WhichEntry {
                name,
                count: entries.len(),
                help,
            }),
            (Some(tag), entries) => {
                let found = entries.iter().find(|entry| entry.name.as_deref() == Some(tag));
                let wanted = tag.to_owned();
                found
                    .map(|entry| entry.descriptor.clone())
                    .ok_or(InspectError::NoEntry { name, wanted, help })
            }
        }
    }
}

async fn at(client: &Client, reference: &Reference) -> Result<Object, InspectError> {
    let found = client.manifest(reference).await?;
    let found = found.ok_or_else(|| InspectError::NotFound {
        reference: reference.to_string(),
    })?;
    Ok(Object {
        digest: found.digest,
        media_type: found.media_type,
        bytes: found.bytes,
    })
}

fn of_size(descriptor: &Descriptor, found: u64) -> Result<(), InspectError> {
    if descriptor.size() == found {
        return Ok(());
    }
    Err(InspectError::Size {
        digest: descriptor.digest().to_string(),
        expected: descriptor.size(),
        found,
    })
}
