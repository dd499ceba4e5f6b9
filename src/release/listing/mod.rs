//! [`tags`]: what a repository holds under which name, how large and how old.
//!
//! In: a repository. Out: a row for each of its tags. Nothing is written. A digest is read once, however many tags name it.

mod companion;
mod created;
mod graph;
mod node;
mod order;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

pub(in crate::release) use companion::companion;
pub(in crate::release) use created::{believable, created};
pub(in crate::release) use graph::{Fault, Graph};
pub(in crate::release) use node::Node;
pub(in crate::release) use order::{Age, newest_first, version_of};

use super::ReleaseError;
use crate::registry::{Client, Repository};
use crate::spec::Digest;

/// A tag, and what it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub struct TagRow {
    /// The tag.
    pub tag: String,
    /// What it names; none where not even that can be read.
    pub digest: Option<Digest>,
    /// What that is.
    pub kind: TagKind,
    /// What is in it, where it is neither an image nor an index of them: its artifact type.
    pub artifact_type: Option<String>,
    /// The platforms of an index, in its order.
    pub platforms: Vec<String>,
    /// Bytes of everything that it leads to, each blob once, as the manifests state them.
    pub size: Option<u64>,
    /// The version by its annotation.
    pub version: Option<String>,
    /// When it was made: by its annotation, else by the newest config. Builds that are the same every time may say 1970.
    pub created: Option<String>,
    /// The manifest that the tag belongs to: signatures and lists of referrers are named after one.
    pub belongs_to: Option<Digest>,
    /// Why something that it leads to cannot be read.
    pub problem: Option<String>,
}

/// What a tag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "kebab-case")]
pub enum TagKind {
    /// An index of images or of anything else.
    Index,
    /// The manifest of an image.
    Manifest,
    /// A manifest of something else.
    Artifact,
    /// Nothing that can be read.
    Unknown,
}

/// All tags of a repository: the newest first, then those whose date is not known from the highest version down; those
/// that belong to manifests at the end.
///
/// # Errors
/// When the repository does not exist, and when the registry cannot be reached or denies access. What is damaged is no
/// error, but said in its row.
pub async fn tags(client: &Client, repository: &Repository) -> Result<Vec<TagRow>, ReleaseError> {
    let graph = Graph::read(client, repository, false).await?;
    let roots = graph.tags.values().copied().collect();
    let dates = created(client, repository, &graph, &roots).await?;
    Ok(rows(&graph, &dates))
}

/// A row for each tag of `graph`, in order.
pub(in crate::release) fn rows(graph: &Graph, dates: &BTreeMap<Digest, Timestamp>) -> Vec<TagRow> {
    let lost = graph.lost.iter().map(|(tag, fault)| TagRow {
        tag: tag.clone(),
        digest: None,
        kind: TagKind::Unknown,
        artifact_type: None,
        platforms: Vec::new(),
        size: None,
        version: None,
        created: None,
        belongs_to: companion(tag),
        problem: Some(fault.error().to_string()),
    });
    let found = graph
        .tags
        .iter()
        .map(|(tag, digest)| row(graph, tag, digest, dates));
    let mut rows: Vec<TagRow> = found.chain(lost).collect();
    let age = |row: &TagRow| Age {
        date: row.digest.and_then(|digest| dates.get(&digest).copied()),
        version: version_of(&row.tag),
        tag: row.tag.clone(),
    };
    rows.sort_by_cached_key(|row| (row.belongs_to.is_some(), newest_first(age(row))));
    rows
}

fn row(graph: &Graph, tag: &str, digest: &Digest, dates: &BTreeMap<Digest, Timestamp>) -> TagRow {
    let node = graph.nodes.get(digest);
    let (below, fault) = below(graph, digest);
    let of_children = || {
        below
            .iter()
            .find_map(|digest| graph.nodes.get(digest)?.version.clone())
    };
    let mut blobs: BTreeMap<Digest, u64> = BTreeMap::new();
    for (digest, node) in below.iter().filter_map(|d| Some((d, graph.nodes.get(d)?))) {
        blobs.insert(*digest, node.size);
        blobs.extend(node.blobs.iter().copied());
    }
    TagRow {
        tag: tag.to_owned(),
        digest: Some(*digest),
        kind: match node {
            Some(node) if node.index => TagKind::Index,
            Some(node) if node.config.is_some() && node.artifact_type.is_none() => TagKind::Manifest,
            Some(_) => TagKind::Artifact,
            None => TagKind::Unknown,
        },
        artifact_type: node.and_then(|node| node.artifact_type.clone()),
        platforms: node.map(|node| node.platforms.clone()).unwrap_or_default(),
        // Sizes are whatever manifests say.
        size: (fault.is_none()).then(|| blobs.values().fold(0, |sum: u64, size| sum.saturating_add(*size))),
        version: node.and_then(|node| node.version.clone().or_else(of_children)),
        created: dates.get(digest).map(ToString::to_string),
        belongs_to: companion(tag),
        problem: fault.map(|fault| fault.error().to_string()),
    }
}

/// The manifests that `root` leads to down an index, itself first, and the first of them that cannot be read.
fn below<'g>(graph: &'g Graph, root: &Digest) -> (Vec<Digest>, Option<&'g Fault>) {
    let (mut found, mut seen, mut waiting) = (Vec::new(), BTreeSet::new(), vec![*root]);
    let mut fault = None;
    while let Some(digest) = waiting.pop() {
        if !seen.insert(digest) {
            continue;
        }
        found.push(digest);
        match graph.nodes.get(&digest) {
            Some(node) => waiting.extend(node.children.iter().rev()),
            None => fault = fault.or_else(|| graph.faults.get(&digest)),
        }
    }
    (found, fault)
}
