//! Manifests and indexes: looking, reading, writing. They are small and kept whole.

use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use reqwest::{Method, Response};

use super::host::Host;
use super::push::purpose;
use super::retry::{Fault, temporary};
use super::send::{Payload, Request};
use super::sign_in::Purpose;
use super::token::Access;
use super::transmit::read_bounded;
use super::{Client, RegistryError, Repository};
use crate::event::Stage;
use crate::spec::{Digest, Reference};

/// Bound on a manifest's size in bytes. Registries take 4 MiB; some that are stored are larger.
pub(super) const LIMIT: u64 = 16 << 20;

/// What we can read. Some registries hide what is not asked for.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, */*;q=0.1";

const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A manifest or index as the registry holds it, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its media type, as the registry says.
    pub media_type: String,
    /// The digest of `bytes`.
    pub digest: Digest,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

/// What a registry says of a manifest without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
}

impl Client {
    /// Reads what `reference` names (its digest, else its tag); none if there is no such manifest or repository.
    /// The bytes are checked against the digest of the reference and that of the registry's answer.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access, and when the content is wrong.
    pub async fn manifest(&self, reference: &Reference) -> Result<Option<Fetched>, RegistryError> {
        for there in self.mirrors(&Repository::from(reference)) {
            match there.client.read_manifest(&there.reference(reference)).await {
                Ok(Some(fetched)) => return Ok(Some(fetched)),
                Ok(None) => {}
                Err(error) => self.pass_over(&there, &error),
            }
        }
        self.read_manifest(reference).await
    }

    async fn read_manifest(&self, reference: &Reference) -> Result<Option<Fetched>, RegistryError> {
        let read = self.marked_manifest(reference).await?;
        Ok(read.map(|(fetched, _)| fetched))
    }

    /// Asks for the digest, size and media type of what `reference` names; none if there is no such manifest.
    ///
    /// # Errors
    /// As [`Client::manifest`].
    pub async fn manifest_digest(&self, reference: &Reference) -> Result<Option<Found>, RegistryError> {
        for there in self.mirrors(&Repository::from(reference)) {
            let reference = there.reference(reference);
            match there.client.find_manifest(&reference, Access::Pull).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => self.pass_over(&there, &error),
            }
        }
        self.find_manifest(reference, Access::Pull).await
    }

    /// As [`Client::manifest_digest`], with a token that will do for what follows.
    pub(crate) async fn find_manifest(
        &self,
        reference: &Reference,
        access: Access,
    ) -> Result<Option<Found>, RegistryError> {
        let (repository, target) = (Repository::from(reference), Target::of(reference)?);
        let host = self.host(&repository);
        let what = format!("manifest `{reference}`");
        let purpose = purpose(&repository, access, &what);
        let mut attempts = self.attempts(&host, format!("looking for {what}"));
        let _span = self.span(Stage::Look, &what);
        loop {
            match self.head_manifest(&host, purpose, &target).await {
                Ok(found) => return Ok(found),
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    /// Writes a manifest or index under the digest of `reference`, else its tag, and returns its digest.
    ///
    /// # Errors
    /// When the registry cannot be reached, denies access or refuses the content, and when the digest of
    /// `reference` is not that of `bytes`.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Digest, RegistryError> {
        self.write_manifest(reference, media_type, bytes, None)
            .await
            .map(|_| Digest::of(bytes))
    }

    /// As [`Client::put_manifest`], under a condition if there is one; the registry's answer.
    pub(crate) async fn write_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
        condition: Option<Condition<'_>>,
    ) -> Result<Response, RegistryError> {
        let (repository, target) = (Repository::from(reference), Target::of(reference)?);
        let host = self.host(&repository);
        let what = format!("manifest `{reference}`");
        let digest = Digest::of(bytes);
        target.check(&digest, &what)?;
        let purpose = purpose(&repository, Access::Push, &what);
        let mut attempts = self.attempts(&host, format!("writing {what}"));
        let _span = self.span(Stage::Manifest, &what);
        loop {
            let url = self.address(&host, &repository, &target.path()).await?;
            let mut request = Request::new(Method::PUT, url, purpose)
                .header(CONTENT_TYPE, media_type)
                .payload(Payload::Bytes(bytes.to_vec()));
            if let Some(condition) = condition {
                request = condition.on(request);
            }
            match self.expect(&host, &request, &[200, 201, 202, 204]).await {
                Ok(response) => {
                    let stored = stated_digest(&response).unwrap_or(digest);
                    return mismatch(&what, digest, stored).map(|()| response);
                }
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    /// What a tag names at the registry itself, and the mark by which a change of it can be told.
    pub(crate) async fn marked_manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<(Fetched, Option<String>)>, RegistryError> {
        let (repository, target) = (Repository::from(reference), Target::of(reference)?);
        let host = self.host(&repository);
        let what = format!("manifest `{reference}`");
        let purpose = purpose(&repository, Access::Pull, &what);
        let mut attempts = self.attempts(&host, format!("reading {what}"));
        loop {
            match self.get_marked(&host, purpose, &target).await {
                Ok(fetched) => return Ok(fetched),
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    async fn get_manifest(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        target: &Target,
    ) -> Result<Option<Fetched>, Fault> {
        let fetched = self.get_marked(host, purpose, target).await?;
        Ok(fetched.map(|(fetched, _)| fetched))
    }

    async fn get_marked(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        target: &Target,
    ) -> Result<Option<(Fetched, Option<String>)>, Fault> {
        let url = self.address(host, purpose.repository, &target.path()).await?;
        let request = Request::new(Method::GET, url, purpose).header(ACCEPT, ACCEPTED);
        let response = self.send(host, &request).await?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.fault_of(host, purpose, response).await),
        }
        let stated = stated_digest(&response);
        let media_type = media_type(&response);
        let mark = response.headers().get(ETAG);
        let mark = mark.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = read_bounded(response, purpose.what, LIMIT, self.0.settings.patience.stall).await?;
        let digest = Digest::of(&bytes);
        target.check(&digest, purpose.what)?;
        mismatch(purpose.what, stated.unwrap_or(digest), digest)?;
        let fetched = Fetched {
            media_type,
            digest,
            bytes,
        };
        Ok(Some((fetched, mark)))
    }

    async fn head_manifest(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        target: &Target,
    ) -> Result<Option<Found>, Fault> {
        let url = self.address(host, purpose.repository, &target.path()).await?;
        let request = Request::new(Method::HEAD, url, purpose).header(ACCEPT, ACCEPTED);
        let response = self.send(host, &request).await?;
        let status = response.status().as_u16();
        let length = response
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        let size = length.and_then(|length| length.parse().ok());
        match (status, stated_digest(&response), size) {
            (404, ..) => Ok(None),
            (200, Some(digest), Some(size)) => {
                target.check(&digest, purpose.what)?;
                let media_type = media_type(&response);
                Ok(Some(Found {
                    digest,
                    size,
                    media_type,
                }))
            }
            // Old registries leave the digest out; and an answer to HEAD cannot say what is wrong.
            (200 | 400..=499, ..) if !temporary(status) => {
                let fetched = self.get_manifest(host, purpose, target).await?;
                Ok(fetched.map(|fetched| Found {
                    digest: fetched.digest,
                    size: fetched.bytes.len() as u64,
                    media_type: fetched.media_type,
                }))
            }
            _ => Err(self.fault_of(host, purpose, response).await),
        }
    }
}

/// What must hold for a manifest to be written, as far as the registry looks at that.
#[derive(Clone, Copy)]
pub(crate) enum Condition<'a> {
    /// The tag is still at what had this mark.
    Unchanged(&'a str),
    /// There is no such tag.
    New,
}

impl Condition<'_> {
    fn on(self, request: Request<'_>) -> Request<'_> {
        match self {
            Self::Unchanged(mark) => request.header(IF_MATCH, mark),
            Self::New => request.header(IF_NONE_MATCH, "*"),
        }
    }
}

/// What a request names: the digest if the reference has one, else the tag.
pub(super) enum Target {
    Tag(String),
    Digest(Digest),
}

impl Target {
    pub(super) fn of(reference: &Reference) -> Result<Self, RegistryError> {
        let Some(digest) = reference.digest() else {
            return Ok(Self::Tag(reference.tag().unwrap_or("latest").to_owned()));
        };
        digest
            .parse()
            .map(Self::Digest)
            .map_err(|source| RegistryError::Digest {
                reference: reference.to_string(),
                source,
            })
    }

    pub(super) fn path(&self) -> String {
        match self {
            Self::Tag(tag) => format!("manifests/{tag}"),
            Self::Digest(digest) => format!("manifests/{digest}"),
        }
    }

    fn check(&self, found: &Digest, what: &str) -> Result<(), RegistryError> {
        match self {
            Self::Digest(digest) => mismatch(what, *digest, *found),
            Self::Tag(_) => Ok(()),
        }
    }
}

fn mismatch(what: &str, expected: Digest, found: Digest) -> Result<(), RegistryError> {
    if expected == found {
        return Ok(());
    }
    Err(RegistryError::Mismatch {
        what: what.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

/// The digest that an answer states, if it is one that we can check.
fn stated_digest(response: &Response) -> Option<Digest> {
    response
        .headers()
        .get(DOCKER_CONTENT_DIGEST)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

pub(super) fn media_type(response: &Response) -> String {
    let value = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
        .to_owned()
}
