//! `max-size` and `max-growth`: what the layers of a platform may hold.
//!
//! The first is judged as soon as an image is assembled, with no network; the second before something is sent, against what
//! the image's first repository has.

use std::collections::BTreeMap;
use std::fmt::Write;

use semver::Version;

use super::publish::client;
use super::remote::repositories;
use super::{Access, Built, BuiltImage, Error, Gantry};
use crate::blob::BlobStore;
use crate::image::Image;
use crate::inspect::budget::{self, Over};
use crate::inspect::{self, InspectError, Place};
use crate::plan::Plan;
use crate::registry::{self, Access as Right, Client, Repository};
use crate::release::version_of;
use crate::spec::{Descriptor, Digest, Platform};

/// Layers that are named of one that is too large, and files of each.
const NAMED: usize = 3;

/// Holds images against `max-size`, and says which ones `max-growth` is for.
pub(super) fn sizes(
    gantry: &Gantry,
    plan: &Plan,
    store: &BlobStore,
    images: &[BuiltImage],
    to_publish: bool,
) -> Result<(), Error> {
    let mut faults = Faults::default();
    for (planned, image) in plan.images.iter().zip(images) {
        if let Some(limit) = planned.checks.max_size {
            let over = budget::size(&weights(image), limit);
            faults.add(image, store, &over, "max-size");
        }
        if planned.checks.max_growth.is_some() && !to_publish {
            gantry.notice(&format!(
                "{}: `max-growth` is for `publish`, which asks the repository what is there",
                planned.name
            ));
        }
    }
    faults.end()
}

/// Holds images against `max-growth`.
pub(super) async fn growth(gantry: &Gantry, built: &Built, access: &Access) -> Result<(), Error> {
    let mut faults = Faults::default();
    for (planned, image) in built.prepared.plan.images.iter().zip(&built.images) {
        let Some(growth) = planned.checks.max_growth else {
            continue;
        };
        let all = repositories(&image.name, &image.repositories)?;
        let Some(reference) = all.first() else {
            continue;
        };
        let client = client(gantry, access, Some(reference))?;
        let repository = Repository::from(reference);
        let Some((tag, digest)) = published(&client, &repository, image.version.as_deref()).await? else {
            gantry.notice(&format!(
                "{}: nothing is published at {repository} yet, so that `max-growth` compares with nothing",
                image.name
            ));
            continue;
        };
        let place = Place::registry(client, repository.at(&digest));
        let before = inspect::weigh(&place).await?;
        let weights = weights(image);
        for (platform, _) in &weights {
            if !before.iter().any(|(known, _)| known == platform) {
                gantry.notice(&format!(
                    "{}: `{repository}:{tag}` has no {platform}, so that `max-growth` compares with nothing",
                    image.name
                ));
            }
        }
        let over = budget::growth(&weights, &before, |before| growth.most(before));
        faults.add(image, &built.store, &over, &format!("max-growth` since `{tag}"));
    }
    faults.end()
}

/// What a repository has under `latest`, else under the highest version below `version`, with that tag.
async fn published(
    client: &Client,
    repository: &Repository,
    version: Option<&str>,
) -> Result<Option<(String, Digest)>, Error> {
    // As for publishing: some registries deny a right to read alone where there is nothing yet.
    let find = async |tag: &str| client.find_manifest(&repository.tagged(tag), Right::Push).await;
    if let Some(found) = find("latest").await? {
        return Ok(Some(("latest".to_owned(), found.digest)));
    }
    let tags = match client.tags(repository).await {
        Ok(tags) => tags.unwrap_or_default(),
        Err(error) if error.kind() == registry::Kind::Denied => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let Some(tag) = highest(&tags, version) else {
        return Ok(None);
    };
    Ok(find(tag).await?.map(|found| (tag.to_owned(), found.digest)))
}

/// The highest version among tags, below `version` where that is one. Pre-releases count where it is one itself.
fn highest<'t>(tags: &'t [String], version: Option<&str>) -> Option<&'t str> {
    let ours = version.and_then(version_of);
    let early = ours.as_ref().is_some_and(|ours| !ours.pre.is_empty());
    let fits = |version: &Version| {
        let below = ours.as_ref().is_none_or(|ours| version < ours);
        below && (early || version.pre.is_empty())
    };
    let versions = tags
        .iter()
        .filter_map(|tag| Some((version_of(tag)?, tag.as_str())));
    let versions = versions.filter(|(version, _)| fits(version));
    versions.max().map(|(_, tag)| tag)
}

/// What the layers of each platform hold, each layer once.
fn weights(image: &BuiltImage) -> Vec<(Platform, u64)> {
    let weight = |image: &Image| {
        let layers: BTreeMap<String, u64> = image
            .layers()
            .iter()
            .map(|layer| (layer.digest().to_string(), layer.size()))
            .collect();
        (image.platform().clone(), layers.into_values().sum())
    };
    image.images.iter().map(weight).collect()
}

/// What is too large, in the words of the error.
#[derive(Default)]
struct Faults {
    count: usize,
    text: String,
}

impl Faults {
    fn add(&mut self, image: &BuiltImage, store: &BlobStore, over: &[Over], rule: &str) {
        for over in over {
            self.count += 1;
            let more = over.size - over.limit;
            let _ = write!(
                self.text,
                "{} on {}: {} bytes, {more} more than the {} of `{rule}`",
                image.name, over.platform, over.size, over.limit
            );
            if let Some(published) = over.published {
                let _ = write!(self.text, " ({published} bytes)");
            }
            self.text.push('\n');
            let built = image.images.iter().find(|one| *one.platform() == over.platform);
            let layers = built.map(|built| layers(built, store)).unwrap_or_default();
            for layer in layers {
                let _ = writeln!(self.text, "  {layer}");
            }
        }
    }

    fn end(mut self) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        self.text.push_str(
            "`strip`, `compression` or `upx` make it smaller, `build --explain-size` shows by how much; `checks` of \
             gantry.toml has the limit",
        );
        let count = self.count;
        Err(InspectError::OverBudget {
            count,
            help: self.text,
        }
        .into())
    }
}

/// The largest layers, and of those that are here the largest files.
fn layers(image: &Image, store: &BlobStore) -> Vec<String> {
    let mut layers: Vec<(usize, &Descriptor)> = image.layers().iter().enumerate().collect();
    layers.sort_by_key(|(position, layer)| (std::cmp::Reverse(layer.size()), *position));
    let line = |(position, layer): (usize, &Descriptor)| {
        let files = Digest::try_from(layer.digest()).ok().and_then(|digest| {
            let file = store.file(&digest).ok()?;
            inspect::largest_files(file, layer, NAMED).ok()
        });
        let files = files.unwrap_or_default().into_iter();
        let files: Vec<String> = files.map(|(path, size)| format!("{path} ({size})")).collect();
        let files = match files.as_slice() {
            [] => String::new(),
            files => format!(", unpacked: {}", files.join(", ")),
        };
        format!("layer {position}: {} bytes{files}", layer.size())
    };
    layers.into_iter().take(NAMED).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_before_ours_is_compared_with() {
        let tags = ["1.2.3", "v1.10.0", "1.9.0", "2.0.0-rc.1", "2.0.0", "edge", "1"].map(str::to_owned);
        for (version, want) in [
            (Some("1.10.1"), Some("v1.10.0")),
            (Some("1.10.0"), Some("1.9.0")),
            (Some("2.0.0"), Some("v1.10.0")),
            (Some("2.0.0-rc.2"), Some("2.0.0-rc.1")),
            (Some("0.1.0"), None),
            (Some("nightly"), Some("2.0.0")),
            (None, Some("2.0.0")),
        ] {
            assert_eq!(highest(&tags, version), want, "{version:?}");
        }
    }
}
