//! Mirrors: other registries that the user wants asked first for bases, and never anything else.
//!
//! In: a repository. Out: the same at each mirror, with a client that gives up quickly there. A mirror is not trusted:
//! what is asked for by digest is checked against it, and one that fails or lies is passed over from then on. It gets
//! only the credentials that are stored for its own host.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use super::retry::shown;
use super::{Client, RegistryError, Repository, Route};
use crate::event::Event;
use crate::spec::Reference;

/// Where a repository may be found as well.
pub(super) struct Elsewhere {
    /// Asks there, and gives up quickly.
    pub(super) client: Client,
    pub(super) repository: Repository,
}

impl Client {
    /// The same client, which looks at the mirrors of a registry first when it reads manifests and blobs: for bases,
    /// which are pinned by digest. What is written, and what is looked up before writing, is never a mirror's.
    pub fn through_mirrors(&self) -> Self {
        Self(self.0.clone(), Route::Mirrors)
    }

    /// The mirrors to ask for `repository`, in order.
    pub(super) fn mirrors(&self, repository: &Repository) -> Vec<Elsewhere> {
        let settings = self.host_settings(repository.registry());
        let Some(settings) = settings.filter(|_| self.1 == Route::Mirrors) else {
            return Vec::new();
        };
        let passed_over = self.passed_over();
        let there = settings
            .mirrors
            .iter()
            .map(|mirror| mirror.repository(repository));
        there
            .filter(|there| {
                !passed_over.contains(there.registry()) && !passed_over.contains(&there.to_string())
            })
            .map(|repository| Elsewhere {
                client: Self(self.0.clone(), Route::Mirror),
                repository,
            })
            .collect()
    }

    /// Goes on without a mirror: without this repository of it where that is hidden from us, else without all of it.
    pub(super) fn pass_over(&self, there: &Elsewhere, error: &RegistryError) {
        let repository = &there.repository;
        let key = match error {
            RegistryError::Missing { .. } => return,
            RegistryError::Unauthorized { .. }
            | RegistryError::Forbidden { .. }
            | RegistryError::MissingRepository { .. } => repository.to_string(),
            _ => repository.registry().to_owned(),
        };
        if !self.passed_over().insert(key) {
            return;
        }
        let text = format!("the mirror `{repository}` is passed over: {}", shown(error));
        self.0.observer.event(&match error {
            RegistryError::Mismatch { .. } => Event::Warning { text: &text },
            _ => Event::Notice { text: &text },
        });
    }

    fn passed_over(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.passed_over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Elsewhere {
    /// What `reference` names, at the mirror.
    pub(super) fn reference(&self, reference: &Reference) -> Reference {
        let (registry, name) = (
            self.repository.registry().to_owned(),
            self.repository.name().to_owned(),
        );
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => Reference::with_digest(registry, name, digest.to_owned()),
            (None, tag) => Reference::with_tag(registry, name, tag.unwrap_or("latest").to_owned()),
        }
    }
}
