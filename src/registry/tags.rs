//! The list of a repository's tags.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags>

use std::collections::BTreeSet;

use reqwest::Method;
use serde::Deserialize;

use super::link::Pages;
use super::manifest::LIMIT;
use super::push::purpose;
use super::send::{Request, settled};
use super::token::Access;
use super::transmit::{protocol, read_bounded};
use super::{Client, RegistryError, Repository};
use crate::spec::is_tag;

/// How many tags are asked for at once; some registries refuse more.
const PAGE: usize = 1000;
/// How many tags are read.
const MOST: usize = 200_000;

#[derive(Deserialize)]
struct List {
    tags: Option<Vec<String>>,
}

impl Client {
    /// All tags of a repository, each once, in the registry's order; none if there is no such repository.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access, and when its list has no end.
    pub async fn tags(&self, repository: &Repository) -> Result<Option<Vec<String>>, RegistryError> {
        let host = self.host(repository);
        let what = format!("the tags of `{repository}`");
        let purpose = purpose(repository, Access::Pull, &what);
        let mut attempts = self.attempts(&host, format!("reading {what}"));
        let first = self.address(&host, repository, "tags/list").await?;
        let mut url = first.clone();
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        let (mut pages, mut tags, mut known) = (Pages::new(&what), Vec::new(), BTreeSet::new());
        // Whether it was the registry that said that there is this page.
        let mut promised = false;
        loop {
            let page = async {
                let response = self
                    .send(&host, &Request::new(Method::GET, url.clone(), purpose))
                    .await?;
                match response.status().as_u16() {
                    200 => {}
                    404 if !promised => return Ok(None),
                    _ => return Err(self.fault_of(&host, purpose, response).await),
                }
                let next = pages.next(&settled(&url, self.origin(&host).await?), &response)?;
                let body = read_bounded(response, &what, LIMIT, self.0.settings.patience.stall).await?;
                pages.took(&body)?;
                let list = serde_json::from_slice::<List>(&body);
                let list = list.map_err(|_| protocol(&what, "this is no list of tags"))?;
                Ok(Some((list.tags.unwrap_or_default(), next)))
            };
            let (page, next) = match page.await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok((!tags.is_empty()).then_some(tags)),
                Err(fault) => {
                    attempts.pause(fault).await?;
                    continue;
                }
            };
            attempts.progressed();
            let (full, last) = (page.len() >= PAGE, page.last().cloned());
            let before = tags.len();
            // What is no tag cannot be asked for, nor shown without care.
            tags.extend(
                page.into_iter()
                    .filter(|tag| is_tag(tag) && known.insert(tag.clone())),
            );
            if tags.len() > MOST {
                return Err(protocol(&what, format!("there are more than {MOST}")));
            }
            promised = next.is_some();
            url = match (next, last) {
                // Also behind a page of which nothing may be seen. What is missing in a list would count as unused.
                (Some(next), _) => next,
                // Some registries leave the Link out; others know no pages, and answer the same again.
                (None, Some(last)) if full && tags.len() > before => {
                    let mut url = first.clone();
                    url.query_pairs_mut()
                        .append_pair("n", &PAGE.to_string())
                        .append_pair("last", &last);
                    url
                }
                (None, _) => return Ok(Some(tags)),
            };
        }
    }
}
