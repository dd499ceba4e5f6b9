//! Deleting tags and manifests, and telling apart why nothing was deleted.
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#content-management>
//!
//! In: a tag or a digest. Out: what became of it. Whoever asks must know what still needs a digest: a registry deletes
//! all of its tags with it.

use reqwest::Method;

use super::manifest::Target;
use super::push::purpose;
use super::send::Request;
use super::token::Access;
use super::{Answer, Client, RegistryError, Repository};
use crate::spec::Reference;

/// What became of something that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Gone,
    /// It was not there, or an earlier attempt whose answer was lost has deleted it.
    Absent,
    /// The registry does not delete such things; its answer.
    Unsupported(Box<Answer>),
}

impl Client {
    /// Deletes the digest of `reference`, and with it all of its tags; else its tag, and as the specification has it no
    /// more than that.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access, and when it refuses this one.
    pub async fn delete_manifest(&self, reference: &Reference) -> Result<Deleted, RegistryError> {
        let (repository, target) = (Repository::from(reference), Target::of(reference)?);
        let host = self.host(&repository);
        let what = format!("manifest `{reference}`");
        let purpose = purpose(&repository, Access::Delete, &what);
        let mut attempts = self.attempts(&host, format!("deleting {what}"));
        loop {
            let url = self.address(&host, &repository, &target.path()).await?;
            let sent = self
                .send(&host, &Request::new(Method::DELETE, url, purpose))
                .await;
            let fault = match sent {
                Ok(response) => match response.status().as_u16() {
                    200 | 202 | 204 => return Ok(Deleted::Gone),
                    404 => return Ok(Deleted::Absent),
                    405 | 501 => return Ok(Deleted::Unsupported(self.answer(response).await.into())),
                    400 => {
                        let answer = self.answer(response).await;
                        if unsupported(&answer, &target) {
                            return Ok(Deleted::Unsupported(answer.into()));
                        }
                        RegistryError::Refused {
                            what: purpose.what.to_owned(),
                            source: answer.into(),
                        }
                        .into()
                    }
                    _ => self.fault_of(&host, purpose, response).await,
                },
                Err(fault) => fault,
            };
            attempts.pause(fault).await?;
        }
    }
}

/// Whether a 400 says that the registry never does this. One that knows digests only takes a tag for a bad digest.
fn unsupported(answer: &Answer, target: &Target) -> bool {
    let tag = matches!(target, Target::Tag(_));
    let bare = answer.errors.is_empty();
    answer.has("UNSUPPORTED") || tag && (bare || answer.has("DIGEST_INVALID") || answer.has("TAG_INVALID"))
}
