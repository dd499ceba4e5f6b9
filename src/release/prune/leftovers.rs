//! Deleting manifests that no tag leads to any more, and before them the tags that belong to them. All tags are looked at
//! once more: whoever published meanwhile may have named what was to go.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Plan;
use super::remove::Remover;
use super::{Outcome, Pruned, ends, remove, unreadable};
use crate::registry::{Deleted, RegistryError};
use crate::release::ReleaseError;
use crate::release::listing::Graph;
use crate::spec::Digest;

/// Deletes those leftovers of `pruned` that still are, now that the tags of `deleted` are gone. The error is what ended it.
pub(super) async fn delete(
    remover: &mut Remover<'_>,
    graph: &mut Graph,
    deleted: &BTreeMap<String, Digest>,
    pruned: &mut Pruned,
) -> Result<(), ReleaseError> {
    if deleted.is_empty() {
        return Ok(());
    }
    graph
        .refresh(remover.client(), remover.repository(), true)
        .await?;
    if let Some((tag, fault)) = graph.lost.iter().next() {
        return Err(unreadable(tag, "", fault));
    }
    let plan = Plan::after(graph, deleted)?;
    for (tag, digest) in &plan.companions {
        let outcome = remove(remover, tag, digest, &plan, pruned).await;
        if !matches!(outcome, Outcome::Deleted | Outcome::Gone) {
            // What it leads to is needed then, and that is not what was planned.
            return Ok(());
        }
    }
    let still: BTreeSet<&Digest> = plan.leftovers.iter().collect();
    for position in 0..pruned.leftovers.len() {
        let digest = pruned.leftovers[position].digest;
        let outcome = if !still.contains(&digest) {
            Outcome::Moved
        } else {
            match delete_one(remover, &digest).await {
                Ok(outcome) => outcome,
                Err(error) if ends(&error) => return Err(error),
                Err(error) => {
                    pruned.trouble.push(error);
                    Outcome::Failed
                }
            }
        };
        pruned.leftovers[position].outcome = outcome;
    }
    Ok(())
}

async fn delete_one(remover: &Remover<'_>, digest: &Digest) -> Result<Outcome, ReleaseError> {
    let repository = remover.repository();
    match remover.client().delete_manifest(&repository.at(digest)).await {
        Ok(Deleted::Gone) => Ok(Outcome::Deleted),
        Ok(Deleted::Absent) => Ok(Outcome::Gone),
        Ok(Deleted::Unsupported(source)) => Err(ReleaseError::CannotDelete {
            repository: repository.to_string(),
            what: "manifests",
            source,
        }),
        Err(error @ RegistryError::Refused { .. }) => Err(ReleaseError::ManifestKept {
            digest: *digest,
            source: error.into(),
        }),
        Err(error) => Err(error.into()),
    }
}
