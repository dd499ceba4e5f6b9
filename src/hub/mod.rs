//! [`Api`]: what vendors of registries offer beside the standard: texts that describe a repository, and removing one tag.
//!
//! In: a repository, the registry client with its credentials, and texts. Out: a repository that is described so, or
//! without the tag. It must never send credentials anywhere but to the origins that `registry` allows for the vendor, and
//! never remove more than it was asked to.
//!
//! Tried only against a local server that plays these APIs as their vendors publish them.

mod docker_hub;
mod error;
mod ghcr;
mod gitlab;
mod harbor;
mod pages;
mod path;
mod quay;
mod text;

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

pub use crate::registry::Vendor;
pub use error::{HubError, Kind};
pub use text::{Forge, Linked, Place, Revision, linked, shortened, summary};

use crate::registry::{Answer, Call, Client, Proof, Reply, Repository, Secret, Site};
use crate::spec::{Digest, is_tag};

/// A vendor's API for one repository.
pub struct Api {
    site: Site,
    vendor: Vendor,
    repository: Repository,
    /// Docker Hub's token.
    session: Mutex<Option<Secret>>,
    /// GitLab's path of the repository.
    place: OnceCell<String>,
}

/// What a repository is to say of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Markdown.
    pub text: String,
    /// One line, where the vendor has a place for it; without it, what is there stays.
    pub summary: Option<String>,
}

/// The most that a vendor takes, in bytes; none where no limit is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Of the text.
    pub text: Option<usize>,
    /// Of the summary; none where there is no place for one.
    pub summary: Option<usize>,
}

/// What came of describing a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    /// It says so now.
    Changed,
    /// It said so before; nothing was sent.
    Unchanged,
}

/// What came of removing a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// These tags are gone. More than one only where the vendor removes a manifest with all its tags.
    Gone(BTreeSet<String>),
    /// There is no such tag. Some vendors say so, too, where rights are missing: see [`Api::hidden`].
    NotThere,
}

/// Which limits `vendor` sets to descriptions; none where images have no description of their own.
pub fn limits(vendor: Vendor) -> Option<Limits> {
    match vendor {
        Vendor::DockerHub => Some(docker_hub::LIMITS),
        Vendor::Harbor | Vendor::Quay => Some(Limits {
            text: None,
            summary: None,
        }),
        _ => None,
    }
}

/// The vendor of a repository's registry: `named` by the user, else by the user's settings, else the one that everybody
/// knows; none if it is nobody's.
pub fn vendor(client: &Client, repository: &Repository, named: Option<Vendor>) -> Option<Vendor> {
    named.or_else(|| client.vendor(repository))
}

impl Api {
    /// The API for `repository`, by its [`vendor`]; none where there is none. No request is made, except that a registry
    /// on this machine is asked whether it speaks TLS.
    ///
    /// # Errors
    /// When credentials are there and cannot be read.
    pub async fn of(
        client: &Client,
        repository: &Repository,
        named: Option<Vendor>,
    ) -> Result<Option<Self>, HubError> {
        let Some(vendor) = vendor(client, repository, named) else {
            return Ok(None);
        };
        Ok(Some(Self {
            site: client.site(repository, vendor).await?,
            vendor,
            repository: repository.clone(),
            session: Mutex::default(),
            place: OnceCell::new(),
        }))
    }

    /// Whose API it is.
    pub fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// Whether removing a tag removes its manifest, with all tags that it has. The caller must know that nothing else
    /// needs the manifest.
    pub fn removes_manifests(&self) -> bool {
        self.vendor == Vendor::Ghcr
    }

    /// Describes the repository, unless it is described so already.
    ///
    /// # Errors
    /// [`HubError::NoDescriptions`] where images have none; else when the vendor refuses or cannot be reached.
    pub async fn describe(&self, description: &Description) -> Result<Described, HubError> {
        match self.vendor {
            Vendor::DockerHub => self.describe_at_docker_hub(description).await,
            Vendor::Harbor => self.describe_at_harbor(description).await,
            Vendor::Quay => self.describe_at_quay(description).await,
            vendor => Err(HubError::NoDescriptions {
                vendor,
                repository: self.repository.clone(),
            }),
        }
    }

    /// Removes `tag`, which stood at `digest` when it was looked at. `pruned` are all tags of the repository that are to
    /// go: where the vendor removes a manifest with its tags, it is only done if every tag of it is among them.
    ///
    /// GitHub and Harbor remove nothing if the tag stands elsewhere by now; the others look at the tag's name only.
    ///
    /// # Errors
    /// [`HubError::Shared`] and [`HubError::Moved`], with nothing removed; else when the vendor refuses or cannot be
    /// reached.
    pub async fn delete_tag(
        &self,
        tag: &str,
        digest: &Digest,
        pruned: &BTreeSet<String>,
    ) -> Result<Removal, HubError> {
        if !is_tag(tag) {
            return Err(self.wrong_name(&format!("`{tag}` is no tag")));
        }
        match self.vendor {
            Vendor::DockerHub => self.delete_at_docker_hub(tag).await,
            Vendor::Ghcr => self.delete_at_ghcr(tag, digest, pruned).await,
            Vendor::Gitlab => self.delete_at_gitlab(tag).await,
            Vendor::Harbor => self.delete_at_harbor(tag, digest).await,
            Vendor::Quay => self.delete_at_quay(tag).await,
        }
    }

    /// The error for a tag that the vendor says is [not there](Removal::NotThere), and that the registry still has.
    pub fn hidden(&self, tag: &str) -> HubError {
        HubError::Hidden {
            tag: tag.to_owned(),
            vendor: self.vendor,
            credential: self.site.credential().to_owned(),
            needed: needed(self.vendor, Purpose::Remove),
        }
    }

    /// Sends a request as this vendor's users sign theirs.
    async fn ask(&self, ask: Ask<'_>) -> Result<Reply, HubError> {
        let proof = match self.vendor {
            Vendor::Harbor => Proof::Basic,
            Vendor::Gitlab => gitlab::proof(self.site.username()),
            Vendor::DockerHub => return self.ask_docker_hub(ask).await,
            _ => Proof::Bearer,
        };
        self.send(&ask, &proof).await
    }

    async fn send(&self, ask: &Ask<'_>, proof: &Proof) -> Result<Reply, HubError> {
        if !self.site.signs(proof) {
            return Err(self.no_account(ask.what, ask.purpose));
        }
        let headers: &[_] = match self.vendor {
            Vendor::Ghcr => ghcr::HEADERS,
            Vendor::Harbor => harbor::HEADERS,
            _ => &[],
        };
        let settled = match self.vendor {
            Vendor::DockerHub => docker_hub::denied,
            _ => |_: &Answer| false,
        };
        let call = Call {
            method: ask.method,
            url: ask.url.clone(),
            proof,
            headers,
            body: ask.body.clone(),
            what: ask.what,
            settled,
        };
        Ok(self.site.send(&call).await?)
    }

    /// The JSON of a successful answer.
    async fn read(&self, ask: Ask<'_>) -> Result<Value, HubError> {
        let (what, purpose) = (ask.what, ask.purpose);
        match self.ask(ask).await? {
            Reply::Done { body, .. } => json(&body, what),
            Reply::Refused(answer) => Err(self.refused(what, purpose, answer)),
        }
    }

    /// Success, whatever it says.
    async fn change(&self, ask: Ask<'_>) -> Result<(), HubError> {
        let (what, purpose) = (ask.what, ask.purpose);
        match self.ask(ask).await? {
            Reply::Done { .. } => Ok(()),
            Reply::Refused(answer) => Err(self.refused(what, purpose, answer)),
        }
    }

    /// Success, or that there is nothing to remove.
    async fn remove(&self, tag: &str, url: Url) -> Result<Removal, HubError> {
        let what = format!("removing the tag `{tag}` of `{}`", self.repository);
        let ask = Ask {
            method: "DELETE",
            url,
            body: None,
            what: &what,
            purpose: Purpose::Remove,
        };
        match self.ask(ask).await? {
            Reply::Done { .. } => Ok(Removal::Gone(BTreeSet::from([tag.to_owned()]))),
            Reply::Refused(answer) if answer.status == 404 => Ok(Removal::NotThere),
            Reply::Refused(answer) => Err(self.refused(&what, Purpose::Remove, answer)),
        }
    }

    /// What a bad answer means.
    fn refused(&self, what: &str, purpose: Purpose, source: Box<Answer>) -> HubError {
        let what = what.to_owned();
        let credential = self.site.credential().to_owned();
        match source.status {
            404 => HubError::Missing {
                what,
                repository: self.repository.clone(),
                credential,
                source,
            },
            401 | 403 | 500 => HubError::Denied {
                what,
                credential,
                needed: needed(self.vendor, purpose),
                source,
            },
            _ => HubError::Refused { what, source },
        }
    }

    fn no_account(&self, what: &str, purpose: Purpose) -> HubError {
        HubError::NoAccount {
            what: what.to_owned(),
            credential: self.site.credential().to_owned(),
            needed: needed(self.vendor, purpose),
        }
    }

    fn wrong_name(&self, why: &str) -> HubError {
        HubError::Name {
            repository: self.repository.clone(),
            vendor: self.vendor,
            why: why.to_owned(),
        }
    }
}

/// A request, before it is signed.
struct Ask<'a> {
    method: &'static str,
    url: Url,
    body: Option<Value>,
    what: &'a str,
    purpose: Purpose,
}

/// What a request is for: the rights differ.
#[derive(Clone, Copy)]
enum Purpose {
    Describe,
    Remove,
}

/// The credentials that a vendor's API wants.
fn needed(vendor: Vendor, purpose: Purpose) -> &'static str {
    match (vendor, purpose) {
        (Vendor::DockerHub, _) => {
            "Docker Hub's API takes a personal access token with the scope Read, Write, Delete (or the password of an \
             account without two-factor authentication) of somebody who may administer the repository"
        }
        (Vendor::Quay, _) => {
            "Quay's API takes no password of `docker login`, but an OAuth access token of an application of the \
             organization, with the right to write to repositories: give it with --username '$oauthtoken' \
             --password-stdin, or store it so"
        }
        (Vendor::Harbor, Purpose::Describe) => {
            "Harbor's API takes a user who may maintain the project, or a robot account with the permission to update \
             repositories"
        }
        (Vendor::Harbor, Purpose::Remove) => {
            "Harbor's API takes a user who may maintain the project, or a robot account with the permission to delete \
             tags"
        }
        (Vendor::Gitlab, _) => {
            "GitLab's API takes an access token with the scope `api` of somebody who is at least Developer of the \
             project, or within its own pipelines the job's token"
        }
        _ => {
            "GitHub's API takes a personal access token (classic) with the scopes read:packages and delete:packages, or \
             the GITHUB_TOKEN of a repository that has the role Admin for the package"
        }
    }
}

fn json(body: &[u8], what: &str) -> Result<Value, HubError> {
    serde_json::from_slice(body).map_err(|_| HubError::Protocol {
        what: what.to_owned(),
        problem: "the answer is no JSON".to_owned(),
    })
}

/// Whether a text says already what is to be said: vendors differ in what they keep at its end.
fn same(found: &Value, wanted: &str) -> bool {
    found.as_str().unwrap_or_default().trim_end() == wanted.trim_end()
}
