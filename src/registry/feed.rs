//! [`Feed`]: a blob read from another repository while it is sent on, without a copy of it in between.
//!
//! In: the answer to a GET. Out: its bytes in parts of any length, in order. It must never hand out the last byte
//! before the digest of all of them was checked: the upload that it feeds then ends short of its length, and no
//! registry can take wrong content for whole.

use std::pin::Pin;

use reqwest::{Method, Response};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::Mutex;

use super::push::purpose;
use super::retry::Fault;
use super::send::{Request, estimate};
use super::sign_in::Purpose;
use super::token::Access;
use super::transmit::Pace;
use super::{BlobSource, Client, RegistryError, Repository};
use crate::spec::{Digest, Hasher};

/// Where an upload in parts keeps its feed between them.
pub(super) type Slot = Mutex<Option<Feed>>;

/// A blob on its way from its registry.
pub(super) struct Feed {
    response: Response,
    digest: Digest,
    size: u64,
    what: String,
    pace: Pace,
    hasher: Hasher,
    /// Read but not yet handed out.
    held: Vec<u8>,
    handed: u64,
}

/// What [`Client::open_feed`] gives: a future with a name, because sending a request may open a feed, and opening
/// a feed sends a request.
pub(super) type Opening<'a> = Pin<Box<dyn Future<Output = Result<Feed, RegistryError>> + Send + 'a>>;

impl Client {
    /// Asks `source` for a blob, as often as its registry's mood needs.
    pub(super) fn open_feed<'a>(&'a self, blob: &'a BlobSource, source: &'a Repository) -> Opening<'a> {
        Box::pin(async move {
            let host = self.host(source);
            let what = format!("blob {} of `{source}`", blob.digest);
            let mut attempts = self.attempts(&host, format!("reading {what}"));
            let purpose = Purpose {
                needed: estimate(blob.size),
                ..purpose(source, Access::Pull, &what)
            };
            loop {
                let url = self
                    .address(&host, source, &format!("blobs/{}", blob.digest))
                    .await?;
                let fault = match self.send(&host, &Request::new(Method::GET, url, purpose)).await {
                    Ok(response) if response.status().as_u16() == 200 => {
                        return Ok(Feed {
                            response,
                            digest: blob.digest,
                            size: blob.size,
                            pace: Pace::new(self.0.settings.patience.stall),
                            hasher: Hasher::default(),
                            held: Vec::new(),
                            handed: 0,
                            what,
                        });
                    }
                    Ok(response) if response.status().as_u16() == 404 => {
                        return Err(RegistryError::Missing {
                            what,
                            digest: blob.digest,
                        });
                    }
                    Ok(response) => self.fault_of(&host, purpose, response).await,
                    Err(fault) => fault,
                };
                attempts.pause(fault).await?;
            }
        })
    }
}

impl Feed {
    /// How many bytes were handed out.
    pub(super) fn handed(&self) -> u64 {
        self.handed
    }

    /// Writes the next `length` bytes to `out`, which may close when it has lost interest.
    pub(super) async fn pour(&mut self, mut length: u64, out: &mut DuplexStream) -> Result<(), Fault> {
        while length > 0 {
            if self.held.is_empty() {
                self.read().await?;
            }
            let part = (self.held.len() as u64).min(length) as usize;
            if self.handed + part as u64 == self.size {
                self.check()?;
            }
            if out.write_all(&self.held[..part]).await.is_err() {
                return Err(Fault::again("the upload ended before its blob"));
            }
            self.held.drain(..part);
            self.handed += part as u64;
            length -= part as u64;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let Some(chunk) = self.pace.next_chunk(&mut self.response, &self.what).await? else {
            let found = format!("{} bytes", self.hasher.count());
            return Err(self.mismatch(format!("{} bytes", self.size), found).into());
        };
        if self.hasher.count() + chunk.len() as u64 > self.size {
            let found = "more".to_owned();
            return Err(self.mismatch(format!("{} bytes", self.size), found).into());
        }
        self.hasher.update(&chunk);
        self.held.extend_from_slice(&chunk);
        Ok(())
    }

    /// All of it was read, and only its last bytes are still here.
    fn check(&mut self) -> Result<(), Fault> {
        let found = std::mem::take(&mut self.hasher).digest();
        if found == self.digest {
            return Ok(());
        }
        Err(self.mismatch(self.digest.to_string(), found.to_string()).into())
    }

    fn mismatch(&self, expected: String, found: String) -> RegistryError {
        RegistryError::Mismatch {
            what: self.what.clone(),
            expected,
            found,
        }
    }
}
