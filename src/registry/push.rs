//! Uploading blobs: POST, then one PUT with the whole blob from a file that can be opened again.
//!
//! An upload that broke is not resumed but begun again: the most deployed registry refuses to go on
//! (`docs/decisions/0005-own-registry-client.md`).

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;
use url::Url;

use super::host::Host;
use super::realm::step_fault;
use super::retry::{Fault, temporary};
use super::send::{Payload, Request, estimate, location};
use super::sign_in::Purpose;
use super::token::Access;
use super::transmit::unsafe_step;
use super::upload::Upload;
use super::{Answer, Client, RegistryError, Repository};
use crate::event::Event;
use crate::spec::Digest;

/// A blob in a file that stays as it is until the upload is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobFile {
    /// The digest of the file's bytes.
    pub digest: Digest,
    /// The file's size in bytes.
    pub size: u64,
    /// The file.
    pub path: PathBuf,
}

/// What became of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was at the registry already: nothing was sent.
    Present,
    /// It was sent.
    Sent,
}

impl Client {
    /// Whether the repository holds a blob of this digest and size.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access.
    pub async fn blob_present(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
    ) -> Result<bool, RegistryError> {
        let host = self.host(repository);
        let what = format!("looking for blob {digest} in `{repository}`");
        let purpose = purpose(repository, Access::Pull, &what);
        let mut attempts = self.attempts(&host, what.clone());
        loop {
            match self.look(&host, purpose, digest, size).await {
                Ok(present) => return Ok(present),
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    /// Makes sure that the repository holds a blob; sends it if it does not. At most four (or what the user
    /// set) are sent to one host at once, however many calls wait.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access, or the file cannot be read.
    pub async fn push_blob(&self, repository: &Repository, blob: &BlobFile) -> Result<Pushed, RegistryError> {
        let host = self.host(repository);
        let what = format!("uploading blob {} to `{repository}`", blob.digest);
        let _turn = host
            .uploads
            .acquire()
            .await
            .expect("this semaphore is never closed");
        let mut attempts = self.attempts(&host, what.clone());
        let pushed = loop {
            match self
                .try_push(&host, purpose(repository, Access::Push, &what), blob)
                .await
            {
                Ok(pushed) => break pushed,
                Err(fault) => attempts.pause(fault).await?,
            }
        };
        self.0.observer.event(&Event::UploadFinished {
            digest: &blob.digest,
            present: pushed == Pushed::Present,
        });
        Ok(pushed)
    }

    async fn try_push(&self, host: &Host, purpose: Purpose<'_>, blob: &BlobFile) -> Result<Pushed, Fault> {
        if self.look(host, purpose, &blob.digest, blob.size).await? {
            return Ok(Pushed::Present);
        }
        self.0.observer.event(&Event::UploadStarted {
            digest: &blob.digest,
            size: blob.size,
        });
        let mut url = self.open_session(host, purpose).await?;
        url.query_pairs_mut()
            .append_pair("digest", &blob.digest.to_string());
        let upload = Upload {
            blob,
            observer: &self.0.observer,
            stall: self.0.settings.patience.stall,
        };
        let purpose = Purpose {
            needed: estimate(blob.size),
            ..purpose
        };
        let request = Request::new(Method::PUT, url, purpose).payload(Payload::Upload(&upload));
        let response = self.send(host, &request).await?;
        if matches!(response.status().as_u16(), 200 | 201 | 204) {
            return Ok(Pushed::Sent);
        }
        let fault = self.fault_of(host, purpose, response).await;
        match fault {
            // A session that was lost, or that another upload of the same blob closed: look, and begin again.
            Fault::Final(RegistryError::Refused { source, .. }) if lost_session(&source) => {
                Err(Fault::again(source))
            }
            fault => Err(fault),
        }
    }

    /// Opens an upload session and returns where its blob goes.
    async fn open_session(&self, host: &Host, purpose: Purpose<'_>) -> Result<Url, Fault> {
        let start = self.address(host, purpose.repository, "blobs/uploads/").await?;
        let request = Request::new(Method::POST, start.clone(), purpose).payload(Payload::Bytes(Vec::new()));
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
                source: Answer::new(
                    status,
                    &super::transmit::body_start(response, Duration::from_secs(10)).await,
                )
                .into(),
            }));
        }
        if status != 202 {
            return Err(self.fault_of(host, purpose, response).await);
        }
        let next = location(&start, &response, purpose.what)?;
        let origin = self.origin(host).await?;
        match step_fault(&next, &start, origin, self.plain()) {
            Some(why) => Err(unsafe_step(purpose.what, &next, why).into()),
            None => Ok(next),
        }
    }

    /// One HEAD. A surprising refusal counts as absent: the POST that follows brings the message.
    async fn look(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        digest: &Digest,
        size: u64,
    ) -> Result<bool, Fault> {
        let url = self
            .address(host, purpose.repository, &format!("blobs/{digest}"))
            .await?;
        let response = self.send(host, &Request::new(Method::HEAD, url, purpose)).await?;
        let status = response.status().as_u16();
        let length = response
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        match status {
            200 => Ok(length.and_then(|length| length.parse().ok()) == Some(size)),
            403 if purpose.access == Access::Pull => Err(self.fault_of(host, purpose, response).await),
            400..=499 if !temporary(status) => Ok(false),
            _ => Err(self.fault_of(host, purpose, response).await),
        }
    }
}

fn lost_session(answer: &Answer) -> bool {
    let codes = ["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"];
    matches!(answer.status, 202 | 404 | 416) || codes.iter().any(|code| answer.has(code))
}

pub(super) fn purpose<'a>(repository: &'a Repository, access: Access, what: &'a str) -> Purpose<'a> {
    Purpose::new(repository, access, what)
}
