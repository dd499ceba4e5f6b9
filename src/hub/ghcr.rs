//! GitHub: a version of a package is a manifest, and goes with all its tags.
//! <https://docs.github.com/rest/packages/packages>

use std::collections::BTreeSet;

use serde::Deserialize;

use super::pages::Looked;
use super::path::{escape, parts};
use super::{Api, HubError, Purpose, Removal};
use crate::registry::Answer;
use crate::spec::Digest;

pub(super) const HEADERS: &[(&str, &str)] = &[("x-github-api-version", "2022-11-28")];

#[derive(Deserialize)]
struct Version {
    id: u64,
    /// The manifest's digest.
    name: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    container: Container,
}

#[derive(Default, Deserialize)]
struct Container {
    #[serde(default)]
    tags: BTreeSet<String>,
}

impl Api {
    pub(super) async fn delete_at_ghcr(
        &self,
        tag: &str,
        digest: &Digest,
        pruned: &BTreeSet<String>,
    ) -> Result<Removal, HubError> {
        let Some((list, version)) = self.find_at_ghcr(tag).await? else {
            return Ok(Removal::NotThere);
        };
        if version.name != digest.to_string() {
            return Err(HubError::Moved {
                tag: tag.to_owned(),
                digest: *digest,
                found: version.name,
            });
        }
        let tags = version.metadata.container.tags;
        let others: BTreeSet<String> = tags.iter().filter(|other| *other != tag).cloned().collect();
        let others: BTreeSet<String> = others.difference(pruned).cloned().collect();
        if !others.is_empty() {
            return Err(HubError::Shared {
                tag: tag.to_owned(),
                others,
            });
        }
        let url = self.site.url(&format!("{list}/{}", version.id))?;
        Ok(match self.remove(tag, url).await? {
            Removal::Gone(_) => Removal::Gone(tags),
            Removal::NotThere => Removal::NotThere,
        })
    }

    /// The version that has the tag, and the list that it is of: that of an organization, or of a user.
    async fn find_at_ghcr(&self, tag: &str) -> Result<Option<(String, Version)>, HubError> {
        let parts = parts(self.repository.name()).filter(|parts| parts.len() > 1);
        let parts = parts.ok_or_else(|| self.wrong_name("write `owner/name`"))?;
        let (owner, package) = (parts[0], escape(&parts[1..].join("/")));
        let what = format!("looking for the tag `{tag}` of `{}`", self.repository);
        let mut missing: Option<Box<Answer>> = None;
        for kind in ["orgs", "users"] {
            let list = format!("{kind}/{owner}/packages/container/{package}/versions");
            let has = |version: &Version| version.metadata.container.tags.contains(tag);
            match self.look_through(&list, (&what, "versions"), has).await? {
                Looked::Found(found) => return Ok(Some((list, found))),
                Looked::NotListed => return Ok(None),
                Looked::NoList(answer) => missing = Some(answer),
            }
        }
        Err(self.refused(&what, Purpose::Remove, missing.unwrap_or_default()))
    }
}
