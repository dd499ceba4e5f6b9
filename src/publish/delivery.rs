//! [`Delivery`]: the end of a publish. What is missing is sent, manifests are written, then the tags.
//!
//! The index is written by its first tag: what it lists is there by then, and nobody sees it before. Only where it gets no
//! tag, or where a tag is refused, is it written by digest, so that what was said to be there is.

use std::sync::Arc;

use super::courier::Courier;
use super::known::There;
use super::publishing::Looked;
use super::tagging::{IMAGE, NOTHING, allowed, immutable, kept, look_again, named_by, set_tag, told};
use super::{Known, ManifestBytes, Moves, Options, PublishError, Published, Shipment, Tag};
use crate::registry::{Access, Asking, BlobSource, Client, RegistryError, Repository};
use crate::release::{self, Fate, Judge};
use crate::spec::Digest;

/// An image that is to be brought to a repository.
pub(super) struct Delivery<'a> {
    pub(super) client: &'a Client,
    pub(super) repository: &'a Repository,
    pub(super) shipment: &'a Shipment,
    pub(super) options: Options,
    pub(super) known: Arc<dyn Known>,
    /// What the tags name.
    pub(super) looked: Looked,
}

impl Delivery<'_> {
    /// All of it; `courier` may have brought some of the blobs already.
    pub(super) async fn complete(self, courier: Courier) -> Result<Published, PublishError> {
        let (client, repository, shipment) = (self.client, self.repository, self.shipment);
        let root = &shipment.content.root;
        let lifted = self.options.lifted;
        let judge = Judge::new(client, repository, shipment.version.as_deref(), lifted).before_writing();
        let named = self.looked.of(&shipment.tags);
        let fates = judge
            .of_named(&shipment.tags, Some(root.digest()), &named)
            .await?;
        let mut published = Published::of(repository, root.digest());
        let (mut set, mut unset) = (Vec::new(), Vec::new());
        for (tag, fate) in shipment.tags.iter().zip(fates) {
            allowed(repository, shipment, tag, &fate, NOTHING)?;
            match fate {
                Fate::Present => set.push(tag),
                Fate::Stays { version, .. } => published.kept.push(kept(client, shipment, tag, version)),
                _ => unset.push(tag),
            }
        }
        // The index was written after everything that it lists: where it is, all is, if nobody tidied up since.
        let mut complete = set.iter().any(|tag| tag.names().is_none()) || self.index_present().await?;
        if complete && client.may_lose_children(repository) {
            complete = self.children_present(|_| true).await?;
        }
        for tag in &set {
            told(
                client,
                &repository.tagged(tag.name()),
                named_by(shipment, tag)?,
                true,
            );
        }
        let mut writing = Writing {
            delivery: &self,
            courier,
            there: There::default(),
            asking: Asking::Mounting,
            healed: complete,
            root_written: complete,
            published,
        };
        if !complete {
            let content = &shipment.content;
            let ours = content.manifests.iter().chain([root]).cloned().collect();
            writing.there = self.looked.there(&self.known, ours).await;
            let taken = |digest: &Digest| writing.there.manifests.contains(digest);
            if client.may_lose_children(repository) && !self.children_present(taken).await? {
                writing.there = There::default();
            }
            writing.asking = self.looked.asking(&writing.there);
            writing.there.lie_in(repository, &content.blobs);
            writing.contents().await?;
            if !unset.iter().any(|tag| tag.names().is_none()) {
                writing.root().await?;
            }
        }
        writing.tags(&judge, &unset).await?;
        let mut published = writing.published;
        let stay = |tag: &&Tag| !published.kept.iter().any(|kept| kept.name == tag.name());
        published.tags = shipment
            .tags
            .iter()
            .filter(stay)
            .map(|tag| tag.name().to_owned())
            .collect();
        published.unchanged = complete && published.manifests_sent == 0;
        Ok(published)
    }

    /// Whether those of our manifests that are `taken` to be there are.
    async fn children_present(&self, taken: impl Fn(&Digest) -> bool) -> Result<bool, RegistryError> {
        let ours = self.shipment.content.manifests.iter();
        let taken = ours.filter(|manifest| taken(manifest.digest()));
        let asked = taken.map(|manifest| {
            let (client, reference) = (self.client.clone(), self.repository.at(manifest.digest()));
            async move { client.find_manifest(&reference, Access::Push).await }
        });
        Ok(release::all(asked).await?.iter().all(Option::is_some))
    }

    /// Whether the index is there though no tag of ours names it; asked only where that is likely, or where there is no
    /// tag that could tell.
    async fn index_present(&self) -> Result<bool, RegistryError> {
        let Shipment { content, tags, .. } = self.shipment;
        let here = |blob: &BlobSource| blob.mount.as_ref() == Some(self.repository);
        let likely = content.blobs.iter().any(here) || tags.iter().all(|tag| tag.names().is_some());
        if !likely {
            return Ok(false);
        }
        let reference = self.repository.at(content.root.digest());
        let found = self.client.find_manifest(&reference, Access::Push).await?;
        if found.is_some() {
            told(self.client, &reference, &content.root, true);
        }
        Ok(found.is_some())
    }
}

struct Writing<'a> {
    delivery: &'a Delivery<'a>,
    courier: Courier,
    /// What the registry has and is neither asked for nor sent.
    there: There,
    /// How to ask for the rest.
    asking: Asking,
    /// Everything was asked for, or nothing will be.
    healed: bool,
    root_written: bool,
    published: Published,
}

impl Writing<'_> {
    /// Blobs, and manifests but the root.
    async fn contents(&mut self) -> Result<(), PublishError> {
        loop {
            let content = &self.delivery.shipment.content;
            self.courier.take(&content.blobs, &self.there, self.asking);
            self.courier.finish(&mut self.published).await?;
            match self.manifests().await {
                Err(error) if self.heals(&error) => {}
                done => return Ok(done?),
            }
        }
    }

    /// Manifests beside each other, then what may list or name them, in its order.
    async fn manifests(&mut self) -> Result<(), RegistryError> {
        let Delivery {
            client,
            repository,
            shipment,
            ..
        } = self.delivery;
        let missing = shipment.content.manifests.iter();
        let missing = missing.filter(|manifest| !self.there.manifests.contains(manifest.digest()));
        let (alone, after): (Vec<_>, Vec<_>) = missing.partition(|manifest| stands_alone(manifest));
        let written = alone.iter().map(|manifest| {
            let (client, reference) = ((*client).clone(), repository.at(manifest.digest()));
            let manifest = ManifestBytes::clone(manifest);
            async move {
                let written = client.put_manifest(&reference, manifest.media_type(), manifest.bytes());
                written.await.map(drop)
            }
        });
        release::all(written).await?;
        for manifest in &alone {
            told(client, &repository.at(manifest.digest()), manifest, false);
        }
        self.published.manifests_sent += alone.len() as u64;
        for manifest in after {
            self.manifest(manifest).await?;
        }
        Ok(())
    }

    async fn manifest(&mut self, manifest: &ManifestBytes) -> Result<(), RegistryError> {
        let Delivery {
            client, repository, ..
        } = self.delivery;
        let reference = repository.at(manifest.digest());
        client
            .put_manifest(&reference, manifest.media_type(), manifest.bytes())
            .await?;
        self.published.manifests_sent += 1;
        told(client, &reference, manifest, false);
        Ok(())
    }

    /// The root by its digest, unless a tag has brought it.
    async fn root(&mut self) -> Result<(), PublishError> {
        while !self.root_written {
            match self.manifest(&self.delivery.shipment.content.root).await {
                Err(error) if self.heals(&error) => self.contents().await?,
                done => {
                    done?;
                    self.root_written = true;
                }
            }
        }
        Ok(())
    }

    /// Writes tags.
    async fn tags(&mut self, judge: &Judge<'_>, unset: &[&Tag]) -> Result<(), PublishError> {
        let Delivery {
            client,
            shipment,
            options,
            ..
        } = self.delivery;
        let (mut moved, mut higher) = (Vec::new(), None);
        for tag in unset {
            if let Some(version) = self.tag(judge, tag).await? {
                higher = Some(version.clone());
                self.published.kept.push(kept(client, shipment, tag, version));
            } else if options.lifted.rule(tag) == Moves::Forward {
                moved.push(*tag);
            }
        }
        self.root().await?;
        look_again(judge, shipment, &moved, higher, &mut self.published).await
    }

    /// Writes a tag, after a last look where its rule asks for one: somebody else may have published since the first. The
    /// version that is there, if the tag stays at that.
    async fn tag(&mut self, judge: &Judge<'_>, tag: &Tag) -> Result<Option<String>, PublishError> {
        let Delivery {
            client,
            repository,
            shipment,
            options,
            ..
        } = self.delivery;
        let names = named_by(shipment, tag)?;
        loop {
            if options.lifted.rule(tag) != Moves::Always {
                let fate = judge.one(tag, Some(shipment.content.digest())).await?;
                if let Err(refusal) = allowed(repository, shipment, tag, &fate, IMAGE) {
                    self.root().await?;
                    return Err(refusal);
                }
                if let Fate::Stays { version, .. } = fate {
                    return Ok(Some(version));
                }
            }
            match set_tag(client, repository, tag, names).await {
                // That takes its time: the tag is looked at again.
                Err(PublishError::Registry(error)) if self.heals(&error) => self.contents().await?,
                Err(refusal @ PublishError::TagImmutable { .. }) => {
                    self.root().await?;
                    return Err(refusal);
                }
                done => {
                    done?;
                    self.published.manifests_sent += 1;
                    self.root_written |= tag.names().is_none();
                    return Ok(None);
                }
            }
        }
    }

    /// Whether an error may come of something that was taken to be there and is not: a registry may have lost it. Once,
    /// everything is asked for and written then.
    fn heals(&mut self, error: &RegistryError) -> bool {
        let RegistryError::Refused { source, .. } = error else {
            return false;
        };
        let unknown = ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"];
        let trusted = self.there != There::default() && matches!(source.status, 400 | 404 | 422);
        let lacks = trusted || unknown.iter().any(|code| source.has(code));
        if self.healed || !lacks || immutable(error) {
            return false;
        }
        self.healed = true;
        self.there = There::default();
        self.courier.forget();
        true
    }
}

/// Whether nothing that is written with it can lead to it: neither an index nor what refers to another manifest.
fn stands_alone(manifest: &ManifestBytes) -> bool {
    #[derive(serde::Deserialize)]
    struct Leads {
        manifests: Option<serde::de::IgnoredAny>,
        subject: Option<serde::de::IgnoredAny>,
    }
    let leads = serde_json::from_slice::<Leads>(manifest.bytes());
    leads.is_ok_and(|leads| leads.manifests.is_none() && leads.subject.is_none())
}
