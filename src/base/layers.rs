//! Layers of a base: streamed into a tree, or brought into a store.

use std::io::{self, BufReader, Read};

use super::background::{blocking, in_order};
use super::reader::Reader;
use super::{BaseError, BaseImage, BaseLayer, Origin};
use crate::archive::Layout;
use crate::blob::{Blob, BlobError, BlobStore};
use crate::codec;
use crate::registry::{RegistryError, Repository, Told};
use crate::rootfs::Tree;
use crate::spec::{Digest, Hashing};

/// Bytes of all layers of an image at most, uncompressed: what ends a bomb, however many layers it is made of.
const UNPACKED: u64 = 64 << 30;
/// How often a layer is brought back that others cleaned away.
const ATTEMPTS: u32 = 3;
/// Layers that are downloaded at once.
const DOWNLOADS: usize = 3;

/// Bytes that are decompressed and hashed at once.
const PIECE: usize = 256 << 10;

/// The layers so far.
struct Laid {
    tree: Tree,
    /// How many bytes those above may unpack to.
    left: u64,
}

impl Reader {
    /// The layers of an image laid over each other. Nothing counts before all of it was compared with its digests.
    pub(super) async fn merged(&self, image: &BaseImage) -> Result<Tree, BaseError> {
        let mut laid = Laid {
            tree: Tree::default(),
            left: UNPACKED,
        };
        for layer in &image.layers {
            laid = match &image.origin {
                Origin::Layout(path) => {
                    let (layout, layer) = (self.layout(path)?, layer.clone());
                    blocking(move || lay_of_layout(laid, &layer, &layout)).await?
                }
                Origin::Registry(repository) => self.lay(laid, layer, repository).await?,
            };
        }
        Ok(laid.tree)
    }

    /// Brings all layers into `store`.
    pub(super) async fn fetch(&self, image: &BaseImage, store: &BlobStore) -> Result<(), BaseError> {
        let mut work = Vec::new();
        for layer in image.layers.clone() {
            let (reader, store, origin) = (self.clone(), store.clone(), image.origin.clone());
            work.push(async move {
                match origin {
                    Origin::Layout(path) => {
                        let layout = reader.layout(&path)?;
                        blocking(move || copy(&layout, &layer, &store)).await
                    }
                    Origin::Registry(repository) => reader.bring(&layer, &repository, &store).await,
                }
            });
        }
        in_order(DOWNLOADS, work).await.map(drop)
    }

    async fn lay(&self, below: Laid, layer: &BaseLayer, repository: &Repository) -> Result<Laid, BaseError> {
        if self.keep_layers {
            self.keep(layer, repository).await?;
        }
        let blob = Blob::described(&layer.descriptor)?;
        let (blobs, wanted) = (self.cache.blobs().clone(), layer.clone());
        // Before the tree is touched: a damaged file must not cost the layers below.
        let whole = move || {
            let there = blobs.contains(&blob) && verified(&blobs, &blob);
            blobs.file(&blob.digest).ok().filter(|_| there)
        };
        if let Some(file) = blocking(whole).await {
            return blocking(move || lay(below, &wanted, file)).await;
        }
        self.may_download(layer)?;
        self.stream(below, layer, blob, repository).await
    }

    /// Lays a layer while it is downloaded; not a byte of it is stored.
    async fn stream(
        &self,
        below: Laid,
        layer: &BaseLayer,
        blob: Blob,
        repository: &Repository,
    ) -> Result<Laid, BaseError> {
        let wanted = layer.clone();
        let laying = move |pieces| lay(below, &wanted, pieces);
        self.client.blob_through(repository, blob, laying).await?
    }

    async fn bring(
        &self,
        layer: &BaseLayer,
        repository: &Repository,
        store: &BlobStore,
    ) -> Result<(), BaseError> {
        let blob = Blob::described(&layer.descriptor)?;
        let to = store.clone();
        if blocking(move || to.contains(&blob) && verified(&to, &blob)).await {
            return Ok(());
        }
        let mut attempts = 0;
        loop {
            self.keep(layer, repository).await?;
            let (cache, to) = (self.cache.blobs().clone(), store.clone());
            let adopted = blocking(move || {
                // Removes it where it is damaged.
                verified(&cache, &blob);
                to.adopt(&cache, &blob)
            });
            match adopted.await {
                // Damaged, or cleaned away by another process meanwhile.
                Err(BlobError::Altered { .. } | BlobError::Missing { .. }) if attempts < ATTEMPTS => {
                    attempts += 1;
                }
                adopted => return Ok(adopted?),
            }
        }
    }

    /// Downloads a layer into the cache, unless it is there.
    async fn keep(&self, layer: &BaseLayer, repository: &Repository) -> Result<(), BaseError> {
        let blob = Blob::described(&layer.descriptor)?;
        let _gate = self.gates.enter(&blob.digest).await;
        let blobs = self.cache.blobs();
        if blobs.contains(&blob) {
            return Ok(());
        }
        self.may_download(layer)?;
        let mut told = Told::new(self.client.observer(), blob, blobs.writer()?);
        let downloaded = self
            .client
            .blob_to(repository, &blob.digest, blob.size, &mut told)
            .await;
        downloaded.map_err(|error| match error {
            RegistryError::Write { source, .. } => BlobError::from_io(source, told.inner().path()).into(),
            other => BaseError::from(other),
        })?;
        let writer = told.finish();
        blocking(move || writer.finish()).await?;
        Ok(())
    }

    fn may_download(&self, layer: &BaseLayer) -> Result<(), BaseError> {
        if self.offline {
            let what = format!("layer `{}`", layer.descriptor.digest());
            return Err(BaseError::Offline { what });
        }
        Ok(())
    }
}

/// Whether a blob's file is what it should be; if it is not, it is removed.
fn verified(blobs: &BlobStore, blob: &Blob) -> bool {
    let verified = blobs.verify(blob);
    if matches!(verified, Err(BlobError::Altered { .. })) {
        let _ = std::fs::remove_file(blobs.path(&blob.digest));
    }
    verified.is_ok()
}

fn copy(layout: &Layout, layer: &BaseLayer, store: &BlobStore) -> Result<(), BaseError> {
    let blob = Blob::described(&layer.descriptor)?;
    if store.contains(&blob) && store.verify(&blob).is_ok() {
        return Ok(());
    }
    let mut from = sized(layout, layer, &blob)?;
    let mut writer = store.writer()?;
    io::copy(&mut from, &mut writer).map_err(|error| match error.downcast::<BlobError>() {
        Ok(ours) => ours.into(),
        Err(source) => BaseError::LayerRead {
            digest: blob.digest,
            source,
        },
    })?;
    writer.finish()?;
    Ok(())
}

fn lay_of_layout(below: Laid, layer: &BaseLayer, layout: &Layout) -> Result<Laid, BaseError> {
    let blob = Blob::described(&layer.descriptor)?;
    lay(below, layer, sized(layout, layer, &blob)?)
}

/// A layer's bytes in a layout; reading its end fails if they are not what the digest promises.
fn sized(layout: &Layout, layer: &BaseLayer, blob: &Blob) -> Result<impl Read + use<>, BaseError> {
    let opened = layout.blob(&blob.digest)?;
    if opened.size() != layer.descriptor.size() {
        return Err(BaseError::LayerSize {
            digest: blob.digest,
            expected: layer.descriptor.size(),
            found: opened.size(),
        });
    }
    Ok(opened)
}

/// Lays a layer over the tree. Reads `bytes` to their very end, so that whoever checks them there does.
fn lay(below: Laid, layer: &BaseLayer, mut bytes: impl Read) -> Result<Laid, BaseError> {
    let Laid { mut tree, left } = below;
    let digest = Digest::try_from(layer.descriptor.digest())?;
    let failed = |source| BaseError::LayerRead { digest, source };
    let decoder = codec::decoder(layer.descriptor.media_type(), &mut bytes, left)?;
    // In large pieces: a decoder goes back over its window after each.
    let mut tar = BufReader::with_capacity(PIECE, Hashing::new(decoder));
    tree.apply(&mut tar)
        .map_err(|source| BaseError::Layer { digest, source })?;
    // A tar ends before its file does: with padding, at least.
    io::copy(&mut tar, &mut io::sink()).map_err(failed)?;
    let tar = tar.into_inner();
    let left = left.saturating_sub(tar.count());
    let found = tar.into_parts().1.diff_id();
    io::copy(&mut bytes, &mut io::sink()).map_err(failed)?;
    if found != layer.diff_id {
        return Err(BaseError::DiffId {
            digest,
            expected: layer.diff_id,
            found,
        });
    }
    Ok(Laid { tree, left })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Descriptor, Hasher, MediaType};

    #[test]
    fn all_layers_share_one_bound() {
        // A tar that is nothing but its end.
        let bytes = [0; 1024];
        let mut hasher = Hasher::default();
        hasher.update(&bytes);
        let layer = BaseLayer {
            descriptor: Descriptor::new(MediaType::ImageLayer, 1024, Digest::of(&bytes)),
            diff_id: hasher.diff_id(),
        };
        let start = Laid {
            tree: Tree::default(),
            left: 2000,
        };
        let one = lay(start, &layer, bytes.as_slice()).unwrap();
        assert_eq!(one.left, 976);
        assert!(lay(one, &layer, bytes.as_slice()).is_err());
    }
}
