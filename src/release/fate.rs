//! [`Judge`]: what becomes of each tag, decided before anything is written.
//!
//! A tag that moves forward is compared with the version of what it names now: that image's annotation, else the highest
//! version among the tags that name the same. Where neither is there, nobody can know, and the tag is left alone until
//! somebody says otherwise.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::answers::all;
use super::{Moves, ReleaseError, Tag};
use crate::registry::{Access, Client, RegistryError, Repository};
use crate::spec::{Digest, annotation, version_of};

/// What becomes of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// There is none of that name.
    New,
    /// It names the right thing already.
    Present,
    /// It names something, and whether that is the right thing is not known yet; it never moves.
    Fixed {
        /// What it names.
        at: Digest,
    },
    /// It comes to name something else.
    Moves {
        /// What it names.
        from: Digest,
        /// The version of that, where it was asked for.
        version: Option<String>,
    },
    /// It stays: what it names is newer.
    Stays {
        /// What it names.
        at: Digest,
        /// The version of that.
        version: String,
    },
    /// It names something else, and never moves.
    Taken {
        /// What it names.
        at: Digest,
    },
    /// It moves forward only, and the version of what it names is not known.
    Unknown {
        /// What it names.
        at: Digest,
    },
    /// It moves forward only, and the version of what it shall name is not known.
    Unversioned {
        /// What it names.
        at: Digest,
    },
}

/// Rules that the user lifts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lifted {
    /// Tags that never move are moved.
    pub never: bool,
    /// Tags that move forward are moved to any version.
    pub forward: bool,
}

impl Lifted {
    /// These rules are lifted.
    pub fn new(never: bool, forward: bool) -> Self {
        Self { never, forward }
    }

    /// What is left of a tag's rule.
    pub(crate) fn rule(self, tag: &Tag) -> Moves {
        match tag.moves() {
            Moves::Never if self.never => Moves::Always,
            Moves::Forward if self.forward => Moves::Always,
            rule => rule,
        }
    }
}

/// What each tag names now, in their order.
///
/// # Errors
/// When the registry cannot be asked.
pub(crate) async fn named(
    client: &Client,
    repository: &Repository,
    tags: &[Tag],
    access: Access,
) -> Result<Vec<Option<Digest>>, RegistryError> {
    let asked = tags.iter().map(|tag| {
        let (client, reference) = (client.clone(), repository.tagged(tag.name()));
        async move { client.find_manifest(&reference, access).await }
    });
    let found = all(asked).await?;
    Ok(found
        .into_iter()
        .map(|found| found.map(|found| found.digest))
        .collect())
}

/// Decides over the tags of one repository.
pub struct Judge<'a> {
    client: &'a Client,
    repository: &'a Repository,
    access: Access,
    version: Option<&'a str>,
    lifted: Lifted,
    /// Versions that were looked up.
    versions: Mutex<BTreeMap<Digest, Option<String>>>,
}

/// How many tags of versions are asked for what they name.
const CANDIDATES: usize = 100;
/// How often a tag is looked at again, because what it named is gone.
const ROUNDS: usize = 3;

impl<'a> Judge<'a> {
    /// Decides for an image of `version`. Nothing is written.
    pub fn new(
        client: &'a Client,
        repository: &'a Repository,
        version: Option<&'a str>,
        lifted: Lifted,
    ) -> Self {
        Self {
            client,
            repository,
            access: Access::Pull,
            version,
            lifted,
            versions: Mutex::default(),
        }
    }

    /// The same with a token that will do for writing, which is going to follow.
    #[must_use]
    pub(crate) fn before_writing(mut self) -> Self {
        self.access = Access::Push;
        self
    }

    /// How the registry is asked.
    pub(crate) fn client(&self) -> &'a Client {
        self.client
    }

    /// Whose tags these are.
    pub(crate) fn repository(&self) -> &'a Repository {
        self.repository
    }

    /// What becomes of each tag, in their order; `root` is what tags name that name no platform's manifest, if that is known.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn all(&self, tags: &[Tag], root: Option<&Digest>) -> Result<Vec<Fate>, ReleaseError> {
        let found = named(self.client, self.repository, tags, self.access).await?;
        self.of_named(tags, root, &found).await
    }

    /// As [`Judge::all`], where what each tag names was `found` already.
    pub(crate) async fn of_named(
        &self,
        tags: &[Tag],
        root: Option<&Digest>,
        found: &[Option<Digest>],
    ) -> Result<Vec<Fate>, ReleaseError> {
        let mut fates = Vec::new();
        for (tag, at) in tags.iter().zip(found) {
            fates.push(self.judged(tag, root, *at).await?);
        }
        Ok(fates)
    }

    /// What becomes of one tag now.
    ///
    /// # Errors
    /// When the registry cannot be asked.
    pub async fn one(&self, tag: &Tag, root: Option<&Digest>) -> Result<Fate, ReleaseError> {
        let reference = self.repository.tagged(tag.name());
        let found = self.client.find_manifest(&reference, self.access).await?;
        self.judged(tag, root, found.map(|found| found.digest)).await
    }

    async fn judged(
        &self,
        tag: &Tag,
        root: Option<&Digest>,
        at: Option<Digest>,
    ) -> Result<Fate, ReleaseError> {
        let Some(mut at) = at else {
            return Ok(Fate::New);
        };
        for _ in 0..ROUNDS {
            if let Some(fate) = self.without_version(tag, root, at) {
                return Ok(fate);
            }
            if let Some(theirs) = self.version_at(&at).await? {
                return Ok(self.compared(at, theirs));
            }
            // What it named is gone: the tag went with it, or names something else.
            let reference = self.repository.tagged(tag.name());
            let now = self.client.find_manifest(&reference, self.access).await?;
            match now.map(|now| now.digest) {
                None => return Ok(Fate::New),
                Some(now) if now == at => break,
                Some(now) => at = now,
            }
        }
        Ok(Fate::Unknown { at })
    }

    /// What becomes of a tag, where the version of what it names does not matter.
    fn without_version(&self, tag: &Tag, root: Option<&Digest>, at: Digest) -> Option<Fate> {
        let ours = tag.names().or(root);
        if ours == Some(&at) {
            return Some(Fate::Present);
        }
        let moves = Fate::Moves {
            from: at,
            version: None,
        };
        match self.lifted.rule(tag) {
            Moves::Always => Some(moves),
            Moves::Never if ours.is_none() => Some(Fate::Fixed { at }),
            Moves::Never => Some(Fate::Taken { at }),
            Moves::Forward => match self.ours() {
                Some(_) => None,
                None => Some(Fate::Unversioned { at }),
            },
        }
    }

    fn ours(&self) -> Option<Version> {
        self.version.and_then(version_of)
    }

    /// What becomes of a tag that moves forward only.
    fn compared(&self, at: Digest, theirs: Option<String>) -> Fate {
        let Some(ours) = self.ours() else {
            return Fate::Unversioned { at };
        };
        match theirs.and_then(|theirs| Some((version_of(&theirs)?, theirs))) {
            // Builds of one version are neither before nor after each other.
            // <https://semver.org/spec/v2.0.0.html#spec-item-10>
            Some((parsed, version)) if ours.cmp_precedence(&parsed).is_lt() => Fate::Stays { at, version },
            Some((_, version)) => Fate::Moves {
                from: at,
                version: Some(version),
            },
            None => Fate::Unknown { at },
        }
    }

    /// The version of the image `at`, if anything tells it; the outer none where that image is gone.
    async fn version_at(&self, at: &Digest) -> Result<Option<Option<String>>, RegistryError> {
        let mut versions = self.versions.lock().await;
        if let Some(known) = versions.get(at) {
            return Ok(Some(known.clone()));
        }
        let Some(annotated) = self.annotated(at).await? else {
            return Ok(None);
        };
        let version = match annotated {
            Some(version) => Some(version),
            None => highest_version(self.client, self.repository, at, self.access).await?,
        };
        versions.insert(*at, version.clone());
        Ok(Some(version))
    }

    /// What the image's annotation says; the outer none where that image is gone.
    async fn annotated(&self, at: &Digest) -> Result<Option<Option<String>>, RegistryError> {
        #[derive(Deserialize)]
        struct Annotated {
            #[serde(default)]
            annotations: Option<BTreeMap<String, String>>,
        }
        let Some(fetched) = self.client.manifest(&self.repository.at(at)).await? else {
            return Ok(None);
        };
        let read = serde_json::from_slice::<Annotated>(&fetched.bytes).ok();
        let said = read.and_then(|read| read.annotations?.remove(annotation::VERSION));
        Ok(Some(said.filter(|said| version_of(said).is_some())))
    }
}

/// The highest version among the tags of a repository that name `at`.
pub(crate) async fn highest_version(
    client: &Client,
    repository: &Repository,
    at: &Digest,
    access: Access,
) -> Result<Option<String>, RegistryError> {
    let tags = client.tags(repository).await?.unwrap_or_default();
    let mut versions: Vec<(Version, String)> = tags
        .into_iter()
        .filter_map(|tag| Some((version_of(&tag)?, tag)))
        .collect();
    versions.sort();
    for (version, tag) in versions.into_iter().rev().take(CANDIDATES) {
        let found = client.find_manifest(&repository.tagged(&tag), access).await?;
        if found.is_some_and(|found| found.digest == *at) {
            return Ok(Some(version.to_string()));
        }
    }
    Ok(None)
}
