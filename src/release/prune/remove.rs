//! [`Remover`]: one tag after the other goes, in the way that its registry has for that.
//!
//! By the specification where the registry keeps to it; else by the vendor's own API; else the tag is pointed at a
//! placeholder of its own, and that is deleted by digest. Before a tag is touched that way, it was tried whether digests can
//! be deleted at all.

use std::collections::BTreeSet;

use super::placeholder::{self, EMPTY};
use super::{Options, VendorRemoval, VendorTags};
use crate::registry::{Access, Answer, Client, Condition, Deleted, Fetched, RegistryError, Repository};
use crate::release::listing::Node;
use crate::release::{ManifestBytes, ReleaseError};
use crate::spec::{Digest, Reference};

/// What became of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    Deleted,
    Gone,
    Moved,
}

/// What deleting a tag does here.
enum ByTag {
    /// Nobody has tried.
    Unknown,
    /// It deletes the tag.
    TagOnly,
    /// It may delete the manifest, with all of its tags.
    Whole,
    /// Nothing.
    Never(Box<Answer>),
}

pub(super) struct Remover<'a> {
    client: &'a Client,
    repository: &'a Repository,
    vendor: Option<&'a dyn VendorTags>,
    /// All tags that are to go.
    doomed: BTreeSet<String>,
    by_tag: ByTag,
    /// Whether digests can be deleted.
    by_digest: Option<Result<(), Box<Answer>>>,
}

impl<'a> Remover<'a> {
    pub(super) fn new<'t>(
        client: &'a Client,
        repository: &'a Repository,
        options: &Options<'a>,
        doomed: impl Iterator<Item = &'t String>,
    ) -> Self {
        Self {
            client,
            repository,
            vendor: options.vendor,
            doomed: doomed.cloned().collect(),
            by_tag: ByTag::Unknown,
            by_digest: None,
        }
    }

    pub(super) fn client(&self) -> &'a Client {
        self.client
    }

    pub(super) fn repository(&self) -> &'a Repository {
        self.repository
    }

    /// Deletes `tag` if it still names `at`. Where that is `shared`, something that stays needs it.
    pub(super) async fn remove(
        &mut self,
        tag: &str,
        at: &Digest,
        shared: bool,
    ) -> Result<Removed, ReleaseError> {
        let reference = self.repository.tagged(tag);
        match self.names(&reference).await? {
            None => return Ok(Removed::Gone),
            Some(now) if now != *at => return Ok(Removed::Moved),
            Some(_) => {}
        }
        if self.directly(shared).await? {
            match self
                .client
                .delete_manifest(&reference)
                .await
                .map_err(|e| kept(tag, e))?
            {
                Deleted::Gone => {
                    self.learn(at).await?;
                    return Ok(Removed::Deleted);
                }
                // Whoever does not know the request may say that there is nothing, too.
                Deleted::Absent if self.names(&reference).await? != Some(*at) => return Ok(Removed::Gone),
                Deleted::Absent => self.by_tag = ByTag::Never(Box::default()),
                Deleted::Unsupported(answer) => self.by_tag = ByTag::Never(answer),
            }
        }
        let mut refused = None;
        if let Some(vendor) = self
            .vendor
            .filter(|vendor| !(shared && vendor.removes_manifests()))
        {
            match vendor.delete_tag(tag, at, &self.doomed).await {
                Ok(removal) => return Ok(removal.into()),
                Err(error) => refused = Some(error),
            }
        }
        match (self.deletes_digests().await?, self.vendor, refused) {
            (Ok(()), ..) => self.displace(tag, at, None).await,
            (Err(_), _, Some(error)) => Err(error),
            (Err(_), Some(vendor), None) => self.displace(tag, at, Some(vendor)).await,
            (Err(answer), None, None) => Err(ReleaseError::CannotDelete {
                repository: self.repository.to_string(),
                what: "tags",
                source: match &self.by_tag {
                    ByTag::Never(answer) => answer.clone(),
                    _ => answer,
                },
            }),
        }
    }

    /// Whether the tag may be deleted as the specification has it. One that deletes digests might delete the whole
    /// manifest instead.
    async fn directly(&mut self, shared: bool) -> Result<bool, ReleaseError> {
        Ok(match self.by_tag {
            ByTag::TagOnly => true,
            ByTag::Never(_) => false,
            ByTag::Unknown if shared => self.deletes_digests().await?.is_err(),
            ByTag::Unknown => true,
            ByTag::Whole => !shared,
        })
    }

    /// Looks what became of the manifest of the first tag that was deleted.
    async fn learn(&mut self, digest: &Digest) -> Result<(), ReleaseError> {
        if matches!(self.by_tag, ByTag::Unknown) {
            let there = self.names(&self.repository.at(digest)).await?.is_some();
            self.by_tag = if there { ByTag::TagOnly } else { ByTag::Whole };
        }
        Ok(())
    }

    /// Whether the registry deletes by digest: tried once, on something that nobody needs.
    async fn deletes_digests(&mut self) -> Result<Result<(), Box<Answer>>, ReleaseError> {
        if let Some(known) = &self.by_digest {
            return Ok(known.clone());
        }
        let trial = placeholder::trial();
        let reference = self.repository.at(trial.digest());
        // One that says no to what is not even there is not written to at all.
        if let Deleted::Unsupported(answer) = self.client.delete_manifest(&reference).await? {
            return Ok(self.by_digest.insert(Err(answer)).clone());
        }
        self.client.push_bytes(self.repository, EMPTY).await?;
        let written = self
            .client
            .put_manifest(&reference, trial.media_type(), trial.bytes());
        match written.await {
            Ok(_) => {}
            // One that takes no placeholders cannot be helped by them.
            Err(RegistryError::Refused { source, .. }) => {
                return Ok(self.by_digest.insert(Err(source)).clone());
            }
            Err(error) => return Err(error.into()),
        }
        let deletes = match self.client.delete_manifest(&reference).await? {
            Deleted::Gone => Ok(()),
            Deleted::Absent if self.names(&reference).await?.is_none() => Ok(()),
            Deleted::Absent => Err(Box::default()),
            Deleted::Unsupported(answer) => Err(answer),
        };
        Ok(self.by_digest.insert(deletes).clone())
    }

    /// Points the tag at a placeholder and has that deleted, by digest or by the vendor. If it cannot be, the tag is put
    /// back.
    async fn displace(
        &self,
        tag: &str,
        at: &Digest,
        vendor: Option<&dyn VendorTags>,
    ) -> Result<Removed, ReleaseError> {
        let reference = self.repository.tagged(tag);
        let Some((before, mark)) = self.client.marked_manifest(&reference).await? else {
            return Ok(Removed::Gone);
        };
        if before.digest != *at {
            return Ok(Removed::Moved);
        }
        let begun = Node::read(&before, tag).is_ok_and(|node| placeholder::is_placeholder(&node));
        if begun && vendor.is_none() {
            let deleted = self.client.delete_manifest(&self.repository.at(at)).await;
            deleted.map_err(|error| kept(tag, error))?;
            return Ok(Removed::Deleted);
        }
        let placeholder = placeholder::unique(tag);
        self.client.push_bytes(self.repository, EMPTY).await?;
        let condition = mark.as_deref().map(Condition::Unchanged);
        let (media_type, bytes) = (placeholder.media_type(), placeholder.bytes());
        let written = self
            .client
            .write_manifest(&reference, media_type, bytes, condition);
        if let Err(error) = written.await {
            let changed = matches!(&error, RegistryError::Refused { source, .. } if source.status == 412);
            let names = match changed {
                true => self.names(&reference).await?,
                false => Some(*at),
            };
            // An answer may have been lost: then it was we who changed it.
            if names.as_ref() != Some(placeholder.digest()) {
                if names != Some(*at) {
                    return Ok(Removed::Moved);
                }
                return Err(self
                    .restored(&reference, &before, &placeholder, kept(tag, error))
                    .await);
            }
        }
        let failure = match self.delete_placeholder(tag, &placeholder, vendor).await {
            Ok(()) => match self.names(&reference).await {
                Ok(Some(digest)) if digest == *placeholder.digest() => ReleaseError::CannotDelete {
                    repository: self.repository.to_string(),
                    what: "tags",
                    source: Box::default(),
                },
                _ => return Ok(Removed::Deleted),
            },
            Err(error) => error,
        };
        Err(self.restored(&reference, &before, &placeholder, failure).await)
    }

    async fn delete_placeholder(
        &self,
        tag: &str,
        placeholder: &ManifestBytes,
        vendor: Option<&dyn VendorTags>,
    ) -> Result<(), ReleaseError> {
        if let Some(vendor) = vendor {
            return vendor
                .delete_tag(tag, placeholder.digest(), &self.doomed)
                .await
                .map(drop);
        }
        match self
            .client
            .delete_manifest(&self.repository.at(placeholder.digest()))
            .await?
        {
            Deleted::Gone | Deleted::Absent => Ok(()),
            Deleted::Unsupported(source) => Err(ReleaseError::CannotDelete {
                repository: self.repository.to_string(),
                what: "manifests",
                source,
            }),
        }
    }

    /// Puts a tag back to what it named, if it names the placeholder; the error to go on with.
    async fn restored(
        &self,
        reference: &Reference,
        before: &Fetched,
        placeholder: &ManifestBytes,
        error: ReleaseError,
    ) -> ReleaseError {
        let back = async {
            if self.names(reference).await? == Some(*placeholder.digest()) {
                self.client
                    .put_manifest(reference, &before.media_type, &before.bytes)
                    .await?;
            }
            Ok::<(), RegistryError>(())
        };
        match back.await {
            Ok(()) => error,
            Err(source) => ReleaseError::Stranded {
                reference: reference.to_string(),
                before: before.digest,
                source,
            },
        }
    }

    async fn names(&self, reference: &Reference) -> Result<Option<Digest>, RegistryError> {
        let found = self.client.find_manifest(reference, Access::Pull).await?;
        Ok(found.map(|found| found.digest))
    }
}

/// A registry's no to one tag, which says nothing about others.
fn kept(tag: &str, error: RegistryError) -> ReleaseError {
    match error {
        RegistryError::Refused { .. } => ReleaseError::TagKept {
            tag: tag.to_owned(),
            source: error,
        },
        error => error.into(),
    }
}

impl From<VendorRemoval> for Removed {
    fn from(removal: VendorRemoval) -> Self {
        match removal {
            VendorRemoval::Deleted => Self::Deleted,
            VendorRemoval::NotThere => Self::Gone,
            VendorRemoval::Moved => Self::Moved,
        }
    }
}
