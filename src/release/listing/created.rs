//! When an image was made: its annotation, else what the configs of its platforms say.
//!
//! Builds that are the same every time often carry the beginning of time, or of zip files. Such a date says nothing:
//! nothing of that age can be in a registry.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;

use super::graph::Graph;
use crate::registry::{Client, Kind, Repository};
use crate::release::{ReleaseError, next};
use crate::spec::Digest;

/// Configs that are read at once.
const IN_FLIGHT: usize = 8;
/// The largest config that is read.
const LIMIT: u64 = 4 << 20;
/// 2013: before, there were no images.
const FIRST: i64 = 1_356_998_400;

/// What configs say, by their digests.
type Said = BTreeMap<Digest, Timestamp>;

/// The date of each of `roots`, where one can be told.
pub(in crate::release) async fn created(
    client: &Client,
    repository: &Repository,
    graph: &Graph,
    roots: &BTreeSet<Digest>,
) -> Result<BTreeMap<Digest, Timestamp>, ReleaseError> {
    let mut wanted: BTreeSet<Digest> = BTreeSet::new();
    for root in roots {
        if annotated(graph, root).is_none() {
            let images = images(graph, root).into_iter();
            wanted.extend(
                images
                    .filter(|image| annotated(graph, image).is_none())
                    .filter_map(|image| graph.nodes.get(&image)?.config),
            );
        }
    }
    let said = configs(client, repository, wanted).await?;
    let of_image = |image: &Digest| {
        let config = || graph.nodes.get(image)?.config;
        annotated(graph, image).or_else(|| said.get(&config()?).copied())
    };
    let of_root = |root: &Digest| {
        let newest = || images(graph, root).iter().filter_map(of_image).max();
        Some((*root, annotated(graph, root).or_else(newest)?))
    };
    Ok(roots.iter().filter_map(of_root).collect())
}

/// Whether a date can be that of a build.
pub(in crate::release) fn believable(date: &Timestamp) -> bool {
    date.as_second() >= FIRST
}

fn annotated(graph: &Graph, digest: &Digest) -> Option<Timestamp> {
    graph.nodes.get(digest)?.created.as_ref()?.parse().ok()
}

/// The images of an index and the indexes in it, or the manifest itself.
fn images(graph: &Graph, root: &Digest) -> BTreeSet<Digest> {
    let (mut found, mut seen, mut waiting) = (BTreeSet::new(), BTreeSet::new(), vec![*root]);
    while let Some(digest) = waiting.pop() {
        let Some(node) = graph.nodes.get(&digest).filter(|_| seen.insert(digest)) else {
            continue;
        };
        waiting.extend(&node.children);
        if node.config.is_some() {
            found.insert(digest);
        }
    }
    found
}

async fn configs(
    client: &Client,
    repository: &Repository,
    wanted: BTreeSet<Digest>,
) -> Result<Said, ReleaseError> {
    let (mut wanted, mut reading, mut said) = (wanted.into_iter(), JoinSet::new(), Said::new());
    loop {
        while let Some(digest) = (reading.len() < IN_FLIGHT).then(|| wanted.next()).flatten() {
            let (client, repository) = (client.clone(), repository.clone());
            reading.spawn(async move { (digest, client.blob_bytes(&repository, &digest, LIMIT).await) });
        }
        let Some((digest, bytes)) = next(&mut reading).await else {
            return Ok(said);
        };
        match bytes {
            Ok(bytes) => {
                let config: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let date = config["created"].as_str().and_then(|text| text.parse().ok());
                said.extend(date.map(|date| (digest, date)));
            }
            // Without a date, then.
            Err(error) if error.kind() == Kind::Protocol => {}
            Err(error) => return Err(error.into()),
        }
    }
}
