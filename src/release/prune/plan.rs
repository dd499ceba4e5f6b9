//! [`Plan`]: what must stay, and what nothing names any more once some tags are gone. Nothing is asked of the registry here.

use std::collections::{BTreeMap, BTreeSet};

use super::unreadable;
use crate::release::ReleaseError;
use crate::release::listing::{Fault, Graph, Node, companion};
use crate::spec::Digest;

/// What becomes of manifests when tags go.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Everything that the remaining tags lead to.
    pub(super) live: BTreeSet<Digest>,
    /// Tags that belong to manifests which go, and go with them.
    pub(super) companions: BTreeMap<String, Digest>,
    /// Manifests that only the tags led to which go; parents before children.
    pub(super) leftovers: Vec<Digest>,
    /// The same, also where they are not to be deleted.
    unnamed: BTreeSet<Digest>,
}

impl Plan {
    /// What remains of `graph` without the tags of `doomed`. Unless manifests without tags are to go too (`untagged`),
    /// tags that belong to manifests stay, and hold what they lead to.
    pub(super) fn new(
        graph: &Graph,
        doomed: &BTreeMap<String, Digest>,
        untagged: bool,
    ) -> Result<Self, ReleaseError> {
        let stays = |tag: &&String| !doomed.contains_key(*tag);
        Self::of(graph, doomed.values(), stays, untagged)
    }

    /// As [`Plan::new`], where the tags that led to `roots` are gone already.
    pub(super) fn after(graph: &Graph, roots: &BTreeMap<String, Digest>) -> Result<Self, ReleaseError> {
        Self::of(graph, roots.values(), |_| true, true)
    }

    fn of<'g>(
        graph: &'g Graph,
        roots: impl Iterator<Item = &'g Digest>,
        stays: impl Fn(&&String) -> bool,
        untagged: bool,
    ) -> Result<Self, ReleaseError> {
        let mut belonging: BTreeMap<Digest, Vec<(&String, Digest)>> = BTreeMap::new();
        for (tag, digest) in graph.tags.iter().filter(|(tag, _)| stays(tag)) {
            if let Some(subject) = companion(tag).filter(|_| untagged) {
                belonging.entry(subject).or_default().push((tag, *digest));
            }
        }
        let led_to = down(graph, roots.copied().collect(), &belonging);
        let within: BTreeSet<Digest> = led_to.iter().copied().collect();
        let depends =
            |tag: &String| untagged && companion(tag).is_some_and(|subject| within.contains(&subject));
        let seeds = graph.tags.iter().filter(|(tag, _)| stays(tag) && !depends(tag));
        let live = live(graph, seeds, &belonging)?;
        let dead = |digest: &Digest| !live.contains(digest);
        let companions = graph.tags.iter().filter(|(tag, _)| {
            let subject = companion(tag).filter(|_| stays(tag) && depends(tag));
            subject.as_ref().is_some_and(dead)
        });
        let companions = companions.map(|(tag, digest)| (tag.clone(), *digest)).collect();
        let there = |digest: &Digest| !matches!(graph.faults.get(digest), Some(Fault::Absent(_)));
        let unnamed: BTreeSet<Digest> = within.iter().filter(|d| dead(d)).copied().collect();
        let leftovers = led_to
            .iter()
            .filter(|digest| untagged && dead(digest) && there(digest));
        Ok(Self {
            companions,
            leftovers: leftovers.copied().collect(),
            unnamed,
            live,
        })
    }

    /// Bytes that only manifests need which nothing names any more.
    pub(super) fn frees(&self, graph: &Graph) -> u64 {
        let all = |digests: &BTreeSet<Digest>| -> BTreeMap<Digest, u64> {
            let nodes = digests
                .iter()
                .filter_map(|digest| Some((*digest, graph.nodes.get(digest)?)));
            let parts = |(digest, node): (Digest, &Node)| {
                let blobs = node.blobs.clone();
                std::iter::once((digest, node.size)).chain(blobs)
            };
            nodes.flat_map(parts).collect()
        };
        let needed = all(&self.live);
        let freed = all(&self.unnamed);
        let freed = freed.iter().filter(|(digest, _)| !needed.contains_key(*digest));
        freed.fold(0, |sum: u64, (_, size)| sum.saturating_add(*size))
    }
}

/// Tags by the manifest that they belong to.
type Belonging<'g> = BTreeMap<Digest, Vec<(&'g String, Digest)>>;

/// Everything below `roots`: children, and what refers to any of it. Parents come before their children.
fn down(graph: &Graph, roots: Vec<Digest>, belonging: &Belonging<'_>) -> Vec<Digest> {
    let below = |digest: &Digest| -> Vec<Digest> {
        let children = graph.nodes.get(digest).map(|node| node.children.as_slice());
        let referrers = graph.referrers.get(digest).map(Vec::as_slice);
        let tagged = belonging.get(digest).into_iter().flatten().map(|(_, root)| *root);
        let own = children
            .unwrap_or_default()
            .iter()
            .chain(referrers.unwrap_or_default());
        own.copied().chain(tagged).collect()
    };
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    // Each digest comes twice: to be opened, and once all below it is done.
    let mut waiting: Vec<(Digest, bool)> = roots.into_iter().map(|root| (root, false)).collect();
    while let Some((digest, done)) = waiting.pop() {
        if done {
            order.push(digest);
        } else if seen.insert(digest) {
            waiting.push((digest, true));
            waiting.extend(below(&digest).into_iter().map(|digest| (digest, false)));
        }
    }
    order.reverse();
    order
}

/// Everything that the tags `seeds` lead to: children, subjects, and what refers to any of it.
fn live<'g>(
    graph: &'g Graph,
    seeds: impl Iterator<Item = (&'g String, &'g Digest)>,
    belonging: &Belonging<'g>,
) -> Result<BTreeSet<Digest>, ReleaseError> {
    let mut live = BTreeSet::new();
    // A subject or a referrer may be missing; what a tag or an index names may not.
    let mut waiting: Vec<(&String, Digest, bool)> = seeds.map(|(tag, digest)| (tag, *digest, true)).collect();
    while let Some((tag, digest, needed)) = waiting.pop() {
        let Some(node) = graph.nodes.get(&digest) else {
            match graph.faults.get(&digest) {
                Some(fault @ Fault::Broken(_)) => return Err(unreadable(tag, &digest.to_string(), fault)),
                Some(fault) if needed => return Err(unreadable(tag, &digest.to_string(), fault)),
                _ => live.insert(digest),
            };
            continue;
        };
        if !live.insert(digest) {
            continue;
        }
        let referrers = graph.referrers.get(&digest).into_iter().flatten();
        waiting.extend(node.children.iter().map(|child| (tag, *child, true)));
        waiting.extend(
            node.subject
                .iter()
                .chain(referrers)
                .map(|other| (tag, *other, false)),
        );
        waiting.extend(
            belonging
                .get(&digest)
                .into_iter()
                .flatten()
                .map(|(tag, root)| (*tag, *root, true)),
        );
    }
    Ok(live)
}
