//! What refers to a manifest: signatures, SBOMs, debug information.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde::Deserialize;
use url::Url;

use super::host::Host;
use super::link::Pages;
use super::manifest::{LIMIT, media_type};
use super::push::purpose;
use super::retry::Fault;
use super::send::{Request, settled};
use super::sign_in::Purpose;
use super::token::Access;
use super::transmit::{protocol, read_bounded};
use super::{Client, RegistryError, Repository};
use crate::spec::{Descriptor, Digest};

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// How many are read.
const MOST: usize = 10_000;

/// An index, as far as it matters here.
#[derive(Deserialize)]
struct List {
    manifests: Option<Vec<Descriptor>>,
}

/// One page, and where the next one is.
struct Page {
    all: Vec<Descriptor>,
    /// The registry has left out what was not asked for.
    filtered: bool,
    next: Option<Url>,
}

impl Client {
    /// The manifests that name `digest` as their subject, with their artifact types and annotations; those of
    /// `artifact_type` only if one is given. Registries without this list are asked for the tag that stands for it.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access, and when its list is wrong or has no end.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        if let Some(listed) = self.listed_referrers(repository, digest, artifact_type).await? {
            return Ok(listed);
        }
        let Some(index) = self.manifest(&repository.tagged(&fallback_tag(digest))).await? else {
            return Ok(Vec::new());
        };
        let found = descriptors(&index.bytes, &about(repository, digest))?;
        let fitting = found.into_iter().filter(|found| fits(found, artifact_type));
        Ok(fitting.take(MOST).collect())
    }

    /// As [`Client::referrers`], from the registry's own list only; none if it keeps none.
    pub(crate) async fn listed_referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let host = self.host(repository);
        let what = about(repository, digest);
        let purpose = purpose(repository, Access::Pull, &what);
        let mut attempts = self.attempts(&host, format!("reading {what}"));
        let mut url = self
            .address(&host, repository, &format!("referrers/{digest}"))
            .await?;
        if let Some(artifact_type) = artifact_type {
            url.query_pairs_mut().append_pair("artifactType", artifact_type);
        }
        let (mut pages, mut all) = (Pages::new(&what), Vec::new());
        loop {
            match self.referrers_page(&host, purpose, &url, &mut pages).await {
                Ok(Some(page)) => {
                    attempts.progressed();
                    let fitting = page
                        .all
                        .into_iter()
                        .filter(|found| page.filtered || fits(found, artifact_type));
                    all.extend(fitting);
                    if all.len() > MOST {
                        return Err(protocol(&what, format!("there are more than {MOST}")));
                    }
                    match page.next {
                        Some(next) => url = next,
                        None => return Ok(Some(all)),
                    }
                }
                Ok(None) => return Ok(None),
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    /// One page; none if the registry knows no such list.
    async fn referrers_page(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        url: &Url,
        pages: &mut Pages<'_>,
    ) -> Result<Option<Page>, Fault> {
        let request = Request::new(Method::GET, url.clone(), purpose).header(ACCEPT, INDEX);
        let response = self.send(host, &request).await?;
        match response.status().as_u16() {
            // Some answer every path with a page for browsers.
            200 if media_type(&response) == INDEX => {}
            200 | 404 | 405 => return Ok(None),
            _ => return Err(self.fault_of(host, purpose, response).await),
        }
        let applied = response.headers().get("oci-filters-applied");
        let applied = applied.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let filtered = applied.split(',').any(|filter| filter.trim() == "artifactType");
        let next = pages.next(&settled(url, self.origin(host).await?), &response)?;
        let body = read_bounded(response, purpose.what, LIMIT, self.0.settings.patience.stall).await?;
        pages.took(&body)?;
        Ok(Some(Page {
            all: descriptors(&body, purpose.what)?,
            filtered,
            next,
        }))
    }
}

fn about(repository: &Repository, digest: &Digest) -> String {
    format!("what refers to {digest} in `{repository}`")
}

fn fits(descriptor: &Descriptor, artifact_type: Option<&str>) -> bool {
    let found = descriptor.artifact_type().as_ref().map(ToString::to_string);
    artifact_type.is_none_or(|wanted| found.as_deref() == Some(wanted))
}

/// The tag under which a list lies where the registry keeps none.
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>
pub(super) fn fallback_tag(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

fn descriptors(bytes: &[u8], what: &str) -> Result<Vec<Descriptor>, RegistryError> {
    let list = serde_json::from_slice::<List>(bytes);
    let list = list.map_err(|_| protocol(what, "this is no list of manifests"))?;
    Ok(list.manifests.unwrap_or_default())
}
