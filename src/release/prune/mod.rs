//! [`prune`]: tags that are too many go, and nothing that anything else still needs.
//!
//! In: a repository, and which tags are to go. Out: what was deleted, or would be. Before anything is, all tags that stay
//! are followed to everything that they lead to. It must never delete a digest that a remaining tag leads to, as a child
//! or a subject, nor with `untagged` what refers to that; never a tag that names something else by now; and never leave a
//! tag that names a placeholder, or something incomplete.

mod leftovers;
mod placeholder;
mod plan;
mod remove;
mod select;
mod vendor;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

pub use select::Selection;
pub use vendor::{VendorRemoval, VendorTags};

use super::listing::{Age, Fault, Graph, TagRow, created, rows, version_of};
use super::{Kind, ReleaseError};
use crate::event::Event;
use crate::registry::{self, Client, RegistryError, Repository};
use crate::spec::Digest;
use plan::Plan;
use remove::{Removed, Remover};
use select::Choice;

/// How far to go.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Really delete; otherwise it is only said what would be.
    pub delete: bool,
    /// Also delete the manifests that nothing names any more afterwards: those that the tags led to, and what referred to
    /// them. Whoever names such a manifest by its digest from elsewhere loses it.
    pub untagged: bool,
    /// The vendor's own way to delete a tag, where the registry has none.
    pub vendor: Option<&'a dyn VendorTags>,
}

/// What was deleted, or would be.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// The tags that the selection matched, and those that belong to manifests which go; the newest first.
    pub tags: Vec<PrunedTag>,
    /// Manifests that nothing names any more.
    pub leftovers: Vec<Leftover>,
    /// Tags that were not matched.
    pub others: usize,
    /// Bytes that no tag leads to any more, or would not; the registry may free them.
    pub frees: u64,
    /// What went wrong after the first deletion. What was deleted before is said in the other fields.
    pub trouble: Vec<ReleaseError>,
}

/// A tag, and what became of it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct PrunedTag {
    /// What it named.
    #[serde(flatten)]
    pub row: TagRow,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it stays, if it does.
    pub why: Option<Reason>,
}

/// A manifest without a name.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct Leftover {
    /// Its digest.
    pub digest: Digest,
    /// Its media type, where it could be read.
    pub media_type: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It would be deleted.
    Planned,
    /// It is deleted.
    Deleted,
    /// It was not there any more.
    Gone,
    /// It names something else by now, and stays; or something else needs it by now.
    Moved,
    /// It stays, as it should.
    Kept,
    /// It stays although it should go: the trouble says why.
    Failed,
}

/// Why a tag that was matched stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is not old enough.
    Young,
    /// It is one of the newest.
    Last,
    /// Its age is not known.
    NoDate,
    /// It belongs to a manifest that loses its tags, and goes with that only if manifests without tags go.
    Belongs,
}

/// Deletes the tags of `selection`, or says what would be deleted. Only what fails before anything was deleted is an
/// error; after that it is the `trouble` of the result.
///
/// # Errors
/// When the repository does not exist, something that a remaining tag leads to cannot be read, or the registry cannot be
/// reached or denies access.
pub async fn prune(
    client: &Client,
    repository: &Repository,
    selection: &Selection,
    options: Options<'_>,
) -> Result<Pruned, ReleaseError> {
    let mut graph = Graph::read(client, repository, options.untagged).await?;
    let doomed = choose(client, repository, &graph, selection).await?;
    let plan = Plan::new(&graph, &doomed.tags, options.untagged)?;
    let mut pruned = doomed.shown(&graph, &plan);
    pruned.leftovers = plan
        .leftovers
        .iter()
        .map(|digest| planned(&graph, digest))
        .collect();
    if !options.delete {
        return Ok(pruned);
    }
    let mut remover = Remover::new(client, repository, &options, doomed.tags.keys());
    // Those whose digest nothing else needs teach us how this registry deletes.
    let (shared, own): (Vec<_>, Vec<_>) = doomed
        .tags
        .iter()
        .partition(|(_, digest)| plan.live.contains(*digest));
    let mut deleted = BTreeMap::new();
    for (tag, digest) in own.into_iter().chain(shared) {
        let outcome = remove(&mut remover, tag, digest, &plan, &mut pruned).await;
        if matches!(outcome, Outcome::Deleted | Outcome::Gone) {
            deleted.insert(tag.clone(), *digest);
        }
        if pruned.trouble.last().is_some_and(ends) {
            break;
        }
    }
    // What could not be deleted frees nothing.
    pruned.frees = Plan::new(&graph, &deleted, options.untagged).map_or(0, |plan| plan.frees(&graph));
    if options.untagged && !pruned.trouble.last().is_some_and(ends) {
        let rest = leftovers::delete(&mut remover, &mut graph, &deleted, &mut pruned).await;
        pruned.trouble.extend(rest.err());
    }
    pruned.give_up();
    Ok(pruned)
}

/// Deletes one tag, and notes what became of it.
async fn remove(
    remover: &mut Remover<'_>,
    tag: &str,
    digest: &Digest,
    plan: &Plan,
    pruned: &mut Pruned,
) -> Outcome {
    let outcome = match remover.remove(tag, digest, plan.live.contains(digest)).await {
        Ok(Removed::Deleted) => {
            let reference = remover.repository().tagged(tag).to_string();
            let event = Event::TagDeleted {
                reference: &reference,
            };
            remover.client().observer().event(&event);
            Outcome::Deleted
        }
        Ok(Removed::Gone) => Outcome::Gone,
        Ok(Removed::Moved) => Outcome::Moved,
        Err(error) => {
            pruned.trouble.push(error);
            Outcome::Failed
        }
    };
    pruned.set(tag, outcome);
    outcome
}

/// The tags that are to go, and those that were looked at.
struct Doomed {
    tags: BTreeMap<String, Digest>,
    /// Matched, but to be kept; or not there.
    others: BTreeMap<String, (Outcome, Option<Reason>)>,
    rows: Vec<TagRow>,
}

async fn choose(
    client: &Client,
    repository: &Repository,
    graph: &Graph,
    selection: &Selection,
) -> Result<Doomed, ReleaseError> {
    let matched = graph.tags.iter().filter(|(tag, _)| selection.matches(tag));
    let roots: BTreeSet<Digest> = matched.map(|(_, digest)| *digest).collect();
    let dates = match selection.needs_dates() {
        true => created(client, repository, graph, &roots).await?,
        false => BTreeMap::new(),
    };
    let named = graph.tags.iter().map(|(tag, digest)| (tag, Some(digest)));
    let tags: Vec<(&String, Option<&Digest>)> =
        named.chain(graph.lost.keys().map(|tag| (tag, None))).collect();
    let ages: Vec<Age> = tags
        .iter()
        .map(|(tag, digest)| Age {
            date: digest.and_then(|digest| dates.get(digest).copied()),
            version: version_of(tag),
            tag: (*tag).clone(),
        })
        .collect();
    let mut doomed = Doomed {
        tags: BTreeMap::new(),
        others: BTreeMap::new(),
        rows: rows(graph, &dates),
    };
    for ((tag, digest), choice) in tags.into_iter().zip(selection.choose(&ages)) {
        let node = digest.and_then(|digest| graph.nodes.get(digest));
        // What an earlier run has begun.
        let begun = node.is_some_and(placeholder::is_placeholder);
        match (choice, digest) {
            (_, Some(digest)) if begun || choice == Choice::Prune => {
                doomed.tags.insert(tag.clone(), *digest);
            }
            (Choice::Prune, _) => match &graph.lost[tag] {
                Fault::Absent(_) => {
                    doomed.others.insert(tag.clone(), (Outcome::Gone, None));
                }
                fault @ Fault::Broken(_) => return Err(unreadable(tag, "", fault)),
            },
            (Choice::Keep(reason), _) => {
                doomed.others.insert(tag.clone(), (Outcome::Kept, Some(reason)));
            }
            (Choice::Other, _) => {}
        }
    }
    // A tag that stays, and cannot be read.
    match graph
        .lost
        .iter()
        .find(|(tag, _)| doomed.others.get(*tag).is_none_or(|(o, _)| *o != Outcome::Gone))
    {
        Some((tag, fault)) => Err(unreadable(tag, "", fault)),
        None => Ok(doomed),
    }
}

impl Doomed {
    /// The rows of everything that was matched, and of what goes with it.
    fn shown(&self, graph: &Graph, plan: &Plan) -> Pruned {
        let mut pruned = Pruned {
            frees: plan.frees(graph),
            ..Pruned::default()
        };
        let loses: BTreeSet<&Digest> = self.tags.values().collect();
        for row in &self.rows {
            let belongs = row.belongs_to.is_some_and(|subject| loses.contains(&subject));
            let (outcome, reason) =
                if self.tags.contains_key(&row.tag) || plan.companions.contains_key(&row.tag) {
                    (Outcome::Planned, None)
                } else if let Some(other) = self.others.get(&row.tag) {
                    *other
                } else if belongs {
                    (Outcome::Kept, Some(Reason::Belongs))
                } else {
                    pruned.others += 1;
                    continue;
                };
            pruned.tags.push(PrunedTag {
                row: row.clone(),
                outcome,
                why: reason,
            });
        }
        pruned
    }
}

impl Pruned {
    /// What nobody got to stays.
    fn give_up(&mut self) {
        let tags = self.tags.iter_mut().map(|tag| &mut tag.outcome);
        let all = tags.chain(self.leftovers.iter_mut().map(|leftover| &mut leftover.outcome));
        all.filter(|outcome| **outcome == Outcome::Planned)
            .for_each(|outcome| *outcome = Outcome::Kept);
    }

    fn set(&mut self, tag: &str, outcome: Outcome) {
        let found = self.tags.iter_mut().find(|pruned| pruned.row.tag == tag);
        if let Some(found) = found {
            found.outcome = outcome;
        }
    }
}

fn planned(graph: &Graph, digest: &Digest) -> Leftover {
    Leftover {
        digest: *digest,
        media_type: graph.nodes.get(digest).map(|node| node.media_type.clone()),
        outcome: Outcome::Planned,
    }
}

/// Whether the next tag would meet the same.
fn ends(error: &ReleaseError) -> bool {
    match error {
        ReleaseError::TagKept { .. } | ReleaseError::ManifestKept { .. } => false,
        ReleaseError::Vendor { kind, .. } if *kind == Kind::Refused => false,
        error => !matches!(error.kind(), Kind::Registry(registry::Kind::Protocol)),
    }
}

fn unreadable(tag: &str, digest: &str, fault: &Fault) -> ReleaseError {
    let source: Arc<RegistryError> = fault.error().clone();
    ReleaseError::Unreadable {
        tag: tag.to_owned(),
        through: digest.to_owned(),
        source,
    }
}
