//! [`Graph`]: every tag of a repository with everything that it leads to, read with few requests at once.
//!
//! In: a repository. Out: its tags, and each manifest that they lead to, once. What cannot be read is remembered where it
//! was looked for: whether that matters is for whoever looks. A registry that cannot be reached, or denies access, ends it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Node;
use crate::registry::{Access, Client, Kind, RegistryError, Repository};
use crate::release::{ReleaseError, next};
use crate::spec::Digest;

/// Requests that are under way at once.
const IN_FLIGHT: usize = 8;
/// Manifests that are read at most.
const MOST: usize = 500_000;

/// Why something could not be read.
#[derive(Clone, Debug)]
pub(in crate::release) enum Fault {
    /// It is not there.
    Absent(Arc<RegistryError>),
    /// It is not what it should be.
    Broken(Arc<RegistryError>),
}

impl Fault {
    pub(in crate::release) fn error(&self) -> &Arc<RegistryError> {
        let (Self::Absent(error) | Self::Broken(error)) = self;
        error
    }
}

/// What a repository holds, as far as its tags lead to it.
#[derive(Debug, Default)]
pub(in crate::release) struct Graph {
    pub(in crate::release) tags: BTreeMap<String, Digest>,
    /// Tags of which not even the digest could be had.
    pub(in crate::release) lost: BTreeMap<String, Fault>,
    pub(in crate::release) nodes: BTreeMap<Digest, Node>,
    pub(in crate::release) faults: BTreeMap<Digest, Fault>,
    /// What refers to a manifest by the registry's own list.
    pub(in crate::release) referrers: BTreeMap<Digest, Vec<Digest>>,
}

impl Graph {
    /// Reads all tags and what they lead to; what refers to any of it too, if the registry keeps a list of that and
    /// `referrers` are wanted.
    pub(in crate::release) async fn read(
        client: &Client,
        repository: &Repository,
        referrers: bool,
    ) -> Result<Self, ReleaseError> {
        let mut graph = Self::default();
        graph.refresh(client, repository, referrers).await?;
        Ok(graph)
    }

    /// Looks at all tags anew, and reads what is not known yet.
    pub(in crate::release) async fn refresh(
        &mut self,
        client: &Client,
        repository: &Repository,
        referrers: bool,
    ) -> Result<(), ReleaseError> {
        let tags = client.tags(repository).await?;
        let tags = tags.ok_or_else(|| ReleaseError::NoRepository {
            repository: repository.to_string(),
        })?;
        (self.tags, self.lost) = Default::default();
        let look = |tag: String| {
            let (client, reference) = (client.clone(), repository.tagged(&tag));
            async move { (tag, client.find_manifest(&reference, Access::Pull).await) }
        };
        let mut tags = tags.into_iter();
        let mut looking = JoinSet::new();
        loop {
            while let Some(tag) = (looking.len() < IN_FLIGHT).then(|| tags.next()).flatten() {
                looking.spawn(look(tag));
            }
            let Some((tag, found)) = next(&mut looking).await else {
                break;
            };
            match found {
                Ok(Some(found)) => {
                    self.tags.insert(tag, found.digest);
                }
                Ok(None) => {
                    let what = repository.tagged(&tag).to_string();
                    self.lost.insert(tag, Fault::Absent(absent(what)));
                }
                Err(error) if error.kind() == Kind::Protocol => {
                    self.lost.insert(tag, Fault::Broken(error.into()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let roots = self.tags.values().copied().collect::<BTreeSet<_>>();
        self.follow(client, repository, roots, referrers).await
    }

    /// Reads manifests, and what they lead to.
    async fn follow(
        &mut self,
        client: &Client,
        repository: &Repository,
        roots: BTreeSet<Digest>,
        mut referrers: bool,
    ) -> Result<(), ReleaseError> {
        let known = |graph: &Self, digest: &Digest| {
            graph.nodes.contains_key(digest) || matches!(graph.faults.get(digest), Some(Fault::Broken(_)))
        };
        let mut seen: BTreeSet<Digest> = roots.iter().copied().collect();
        let mut waiting: VecDeque<Digest> = roots.into_iter().collect();
        let mut reading = JoinSet::new();
        loop {
            while reading.len() < IN_FLIGHT
                && let Some(digest) = waiting.pop_front()
            {
                let node = self.nodes.get(&digest).cloned();
                if node.is_none() && known(self, &digest) {
                    continue;
                }
                let asks = referrers && !self.referrers.contains_key(&digest);
                let (client, repository) = (client.clone(), repository.clone());
                reading.spawn(async move {
                    let (node, mut listed) = match node {
                        Some(node) => (Ok(node), None),
                        None => (fetch(&client, &repository, &digest).await, None),
                    };
                    if asks && node.is_ok() {
                        listed = Some(client.listed_referrers(&repository, &digest, None).await);
                    }
                    (digest, node, listed)
                });
            }
            let Some((digest, node, listed)) = next(&mut reading).await else {
                return Ok(());
            };
            let mut leads_to = Vec::new();
            match node {
                Ok(node) => {
                    leads_to.extend(node.children.iter().chain(&node.subject).copied());
                    self.faults.remove(&digest);
                    self.nodes.insert(digest, node);
                }
                Err(Failure::Fault(fault)) => {
                    self.faults.insert(digest, fault);
                }
                Err(Failure::End(error)) => return Err(error.into()),
            }
            match listed {
                Some(Ok(Some(list))) => {
                    let list = list
                        .iter()
                        .filter_map(|entry| Digest::try_from(entry.digest()).ok());
                    let list: Vec<Digest> = list.collect();
                    leads_to.extend(&list);
                    self.referrers.insert(digest, list);
                }
                // One that keeps no list for one keeps none at all.
                Some(Ok(None)) => referrers = false,
                Some(Err(error)) => return Err(error.into()),
                None => leads_to.extend(self.referrers.get(&digest).into_iter().flatten()),
            }
            waiting.extend(leads_to.into_iter().filter(|digest| seen.insert(*digest)));
            if seen.len() > MOST {
                return Err(ReleaseError::TooMany {
                    repository: repository.to_string(),
                    limit: MOST,
                });
            }
        }
    }
}

enum Failure {
    Fault(Fault),
    End(RegistryError),
}

async fn fetch(client: &Client, repository: &Repository, digest: &Digest) -> Result<Node, Failure> {
    let reference = repository.at(digest);
    let broken = |error: RegistryError| match error.kind() {
        Kind::Protocol => Failure::Fault(Fault::Broken(error.into())),
        _ => Failure::End(error),
    };
    match client.marked_manifest(&reference).await {
        Ok(Some((fetched, _))) => Node::read(&fetched, &reference.to_string()).map_err(broken),
        Ok(None) => Err(Failure::Fault(Fault::Absent(absent(reference.to_string())))),
        Err(error) => Err(broken(error)),
    }
}

fn absent(what: String) -> Arc<RegistryError> {
    Arc::new(RegistryError::Protocol {
        what,
        problem: "the registry names it, but does not have it".to_owned(),
    })
}
