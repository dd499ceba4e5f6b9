//! Upload sessions: opening one, or finding that none is needed because the registry has the blob elsewhere.
//!
//! Out: the address where the blob goes next. It may lie at another host, carries a query that only the registry
//! understands, and is never built by us nor followed out of TLS or into this network.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs>

use reqwest::{Method, Response};
use url::Url;

use super::error::Answer;
use super::host::Host;
use super::realm::step_fault;
use super::retry::{Fault, temporary};
use super::send::{Payload, Request, location};
use super::sign_in::Purpose;
use super::transmit::unsafe_step;
use super::{Client, RegistryError, Repository};
use crate::spec::Digest;

/// What a registry may ask for as the smallest part of an upload: asking for more is taken for this.
const LARGEST_MINIMUM: u64 = 1 << 30;

/// A place that waits for a blob.
pub(super) struct Session {
    /// Where the next request goes.
    pub(super) url: Url,
    /// Parts but the last must not be smaller.
    pub(super) smallest_part: u64,
}

/// What came of asking to mount a blob.
pub(super) enum Mount {
    /// It is there now.
    Done,
    /// It was not mounted, but may be sent here.
    Session(Session),
    /// No.
    Refused,
}

impl Client {
    /// Opens an upload session.
    pub(super) async fn open_session(&self, host: &Host, purpose: Purpose<'_>) -> Result<Session, Fault> {
        let start = self.address(host, purpose.repository, "blobs/uploads/").await?;
        let request = Request::new(Method::POST, start, purpose).payload(Payload::Bytes(Vec::new()));
        let response = self.send(host, &request).await?;
        let status = response.status().as_u16();
        let has_location = response.headers().contains_key("location");
        if status == 404 || (status == 202 && !has_location) {
            // Some registries say so only by leaving out the Location.
            let credential = self.credential_used(host, purpose.repository).await;
            return Err(Fault::Final(RegistryError::MissingRepository {
                what: purpose.what.to_owned(),
                repository: purpose.repository.clone(),
                credential,
                source: self.answer(response).await.into(),
            }));
        }
        match status {
            202 => self.session(host, purpose, &response).await,
            405 => Err(Fault::Final(RegistryError::Unsupported {
                what: purpose.what.to_owned(),
                source: self.answer(response).await.into(),
            })),
            _ => Err(self.fault_of(host, purpose, response).await),
        }
    }

    /// Whether the registry knows the repository: one look at its tags.
    pub(super) async fn known(&self, host: &Host, purpose: Purpose<'_>) -> Result<(), Fault> {
        let mut url = self.address(host, purpose.repository, "tags/list").await?;
        url.query_pairs_mut().append_pair("n", "1");
        let request = Request::new(Method::GET, url, purpose);
        self.expect(host, &request, &[200]).await.map(drop)
    }

    /// Asks the registry to take a blob from `source`, another of its repositories. Whatever it answers, the blob
    /// can still be sent: only a wish to be left alone is a fault. Where `source` is the repository itself, this is the
    /// request that opens a session, and load and network are faults as with any other; but some stumble over it.
    pub(super) async fn mount(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        digest: &Digest,
        source: &Repository,
    ) -> Result<Mount, Fault> {
        let mut url = self.address(host, purpose.repository, "blobs/uploads/").await?;
        url.query_pairs_mut()
            .append_pair("mount", &digest.to_string())
            .append_pair("from", source.name());
        let plain = source == purpose.repository;
        let purpose = purpose.mounting(source);
        let request = Request::new(Method::POST, url, purpose).payload(Payload::Bytes(Vec::new()));
        let response = match self.send(host, &request).await {
            Ok(response) => response,
            Err(fault @ Fault::Again { after: Some(_), .. }) => return Err(fault),
            Err(fault @ (Fault::Again { .. } | Fault::Renewed(_))) if plain => return Err(fault),
            Err(_) => return Ok(Mount::Refused),
        };
        let status = response.status().as_u16();
        match status {
            201 => Ok(Mount::Done),
            202 if response.headers().contains_key("location") => {
                self.session(host, purpose, &response).await.map(Mount::Session)
            }
            500 | 502 | 504 => Ok(Mount::Refused),
            _ if plain && temporary(status) => Err(self.fault_of(host, purpose, response).await),
            429 | 503 => match self.fault_of(host, purpose, response).await {
                Fault::Again { after: None, .. } if status == 503 => Ok(Mount::Refused),
                fault => Err(fault),
            },
            _ => Ok(Mount::Refused),
        }
    }

    /// Where `answer` wants the rest of a session to go; to the same place as before if it does not say.
    pub(super) async fn next_place(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        answer: &Response,
    ) -> Result<Option<Url>, Fault> {
        if !answer.headers().contains_key("location") {
            return Ok(None);
        }
        let next = location(answer.url(), answer, purpose.what)?;
        let origin = self.origin(host).await?;
        match step_fault(&next, answer.url(), origin, self.plain()) {
            Some(why) => Err(unsafe_step(purpose.what, &next, why).into()),
            None => Ok(Some(next)),
        }
    }

    async fn session(&self, host: &Host, purpose: Purpose<'_>, answer: &Response) -> Result<Session, Fault> {
        let place = self.next_place(host, purpose, answer).await?;
        Ok(Session {
            url: place.unwrap_or_else(|| answer.url().clone()),
            smallest_part: smallest_part(answer),
        })
    }
}

fn smallest_part(answer: &Response) -> u64 {
    let value = answer.headers().get("oci-chunk-min-length");
    let stated = value.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    stated.unwrap_or(0u64).min(LARGEST_MINIMUM)
}

/// Whether an answer says that a session is over: it was lost, or another upload of the same blob closed it.
pub(super) fn lost_session(answer: &Answer) -> bool {
    let codes = ["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"];
    matches!(answer.status, 202 | 404 | 416) || codes.iter().any(|code| answer.has(code))
}
