//! Looking at a registry without reading or writing anything: whether it answers, and who we would be there.

use super::retry::Fault;
use super::{Client, RegistryError, Repository};

impl Client {
    /// Whether the registry of a repository asks for credentials at the root of its API. A repository may want some
    /// all the same.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#determining-support>
    ///
    /// # Errors
    /// When it does not answer, or not as a registry.
    pub async fn reach(&self, repository: &Repository) -> Result<bool, RegistryError> {
        let host = self.host(repository);
        let what = format!("reaching `{}`", repository.registry());
        let mut attempts = self.attempts(&host, what.clone());
        loop {
            match self.answers(&host, &what).await {
                Ok(true) => return Ok(host.challenge().is_some()),
                Ok(false) => {
                    let problem = "what answers there is no registry".to_owned();
                    return Err(RegistryError::Protocol { what, problem });
                }
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    /// Whether there are credentials for a repository, and which, or where none were found: in words for people.
    ///
    /// # Errors
    /// When there are some that cannot be used.
    pub async fn credential_source(&self, repository: &Repository) -> Result<(bool, String), RegistryError> {
        let login = self.login(repository).await?;
        Ok((login.credential.is_some(), login.origin.clone()))
    }

    async fn answers(&self, host: &super::host::Host, what: &str) -> Result<bool, Fault> {
        let origin = self.origin(host).await?;
        self.ping(host, origin, what).await
    }
}
