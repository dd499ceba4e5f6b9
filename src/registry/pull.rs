//! Reading blobs: every byte is checked against digest and size before it counts.

use std::io::Write;

use reqwest::header::RANGE;
use reqwest::{Method, Response};

use super::download::Room;
use super::host::Host;
use super::mirror::Elsewhere;
use super::push::purpose;
use super::retry::Fault;
use super::send::Request;
use super::sign_in::Purpose;
use super::token::Access;
use super::transmit::Pace;
use super::{Client, Kind, RegistryError, Repository};
use crate::spec::{Digest, Hasher};

/// Progress that makes earlier failures forgotten.
const PROGRESS: u64 = 1 << 20;

/// A blob on its way to a writer.
pub(super) struct Download<'w, W> {
    writer: &'w mut W,
    /// What the writer has room for, where it can be too slow.
    room: Option<Room>,
    hasher: Hasher,
    limit: u64,
}

impl Client {
    /// A whole blob of at most `limit` bytes, checked.
    ///
    /// # Errors
    /// When the registry cannot be reached, denies access or does not have it, and when the content is wrong or
    /// larger.
    pub async fn blob_bytes(
        &self,
        repository: &Repository,
        digest: &Digest,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        for there in self.mirrors(repository) {
            let mut bytes = Vec::new();
            let mut download = Download::new(&mut bytes, limit);
            let got = there
                .client
                .download(&there.repository, digest, &mut download)
                .await;
            match got.and_then(|what| download.finish(what, digest, None)) {
                Ok(()) => return Ok(bytes),
                Err(error) => self.pass_over(&there, &error),
            }
        }
        let mut bytes = Vec::new();
        let mut download = Download::new(&mut bytes, limit);
        let what = self.download(repository, digest, &mut download).await?;
        download.finish(what, digest, None)?;
        Ok(bytes)
    }

    /// Streams a blob of `size` bytes into `writer`. Only when this returns well were the bytes checked: whoever
    /// gives the writer must not show them under a final name before. A connection that breaks is taken up where it
    /// broke, at the registry if it was that of a mirror. The writer is called from async code: it should be as quick as a
    /// file.
    ///
    /// # Errors
    /// As [`Client::blob_bytes`], and when `writer` fails.
    pub async fn blob_to<W: Write + Send>(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        writer: &mut W,
    ) -> Result<(), RegistryError> {
        self.fill(repository, digest, size, Download::new(writer, size))
            .await
    }

    /// What [`Client::blob_to`] says, of a download that was not begun.
    pub(super) async fn fill<W: Write + Send>(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        mut download: Download<'_, W>,
    ) -> Result<(), RegistryError> {
        let mut begun_at = None;
        for there in self.mirrors(repository) {
            let before = download.hasher.count();
            let got = there
                .client
                .download(&there.repository, digest, &mut download)
                .await;
            let got = match got {
                Ok(what) => return self.checked(&there, download.finish(what, digest, Some(size))),
                Err(error) => error,
            };
            self.pass_over(&there, &got);
            if download.hasher.count() == before {
                continue;
            }
            // What has come is at the writer. Only a connection that broke says nothing against it.
            if got.kind() != Kind::Unreachable {
                return Err(got);
            }
            begun_at = Some(there.repository.to_string());
        }
        let mut what = self.download(repository, digest, &mut download).await?;
        if let Some(mirror) = begun_at {
            what = format!("{what} (begun at the mirror `{mirror}`)");
        }
        download.finish(what, digest, Some(size))
    }

    /// A mirror that gave other bytes than it should is not asked again.
    fn checked(&self, there: &Elsewhere, result: Result<(), RegistryError>) -> Result<(), RegistryError> {
        result.inspect_err(|error| self.pass_over(there, error))
    }

    /// Gets all of a blob that `download` has not yet, and says what it is for messages. Nothing is checked yet.
    async fn download<W: Write + Send>(
        &self,
        repository: &Repository,
        digest: &Digest,
        download: &mut Download<'_, W>,
    ) -> Result<String, RegistryError> {
        let host = self.host(repository);
        let what = format!("blob {digest} of `{repository}`");
        let mut attempts = self.attempts(&host, format!("reading {what}"));
        let purpose = purpose(repository, Access::Pull, &what);
        loop {
            let before = download.hasher.count();
            let Err(fault) = self.read_on(&host, purpose, digest, download).await else {
                return Ok(what);
            };
            if download.hasher.count() - before >= PROGRESS {
                attempts.progressed();
            }
            attempts.pause(fault).await?;
        }
    }

    /// Gets what is still missing.
    async fn read_on<W: Write + Send>(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        digest: &Digest,
        download: &mut Download<'_, W>,
    ) -> Result<(), Fault> {
        let url = self
            .address(host, purpose.repository, &format!("blobs/{digest}"))
            .await?;
        let have = download.hasher.count();
        let mut request = Request::new(Method::GET, url, purpose);
        if have > 0 {
            request = request.header(RANGE, &format!("bytes={have}-"));
        }
        let response = self.send(host, &request).await?;
        match response.status().as_u16() {
            200 => {
                download
                    .take(response, have, purpose.what, self.0.settings.patience.stall)
                    .await
            }
            206 if have > 0 => {
                download
                    .take(response, 0, purpose.what, self.0.settings.patience.stall)
                    .await
            }
            404 => Err(Fault::Final(RegistryError::Missing {
                what: purpose.what.to_owned(),
                digest: *digest,
            })),
            // All of it was there when the connection broke.
            416 if have > 0 => Ok(()),
            _ => Err(self.fault_of(host, purpose, response).await),
        }
    }
}

impl<'w, W: Write> Download<'w, W> {
    pub(super) fn new(writer: &'w mut W, limit: u64) -> Self {
        Self {
            writer,
            room: None,
            hasher: Hasher::default(),
            limit,
        }
    }

    /// The same where the writer takes no more than there is room for.
    pub(super) fn within(self, room: Room) -> Self {
        Self {
            room: Some(room),
            ..self
        }
    }

    /// Checks what has come.
    fn finish(self, what: String, digest: &Digest, size: Option<u64>) -> Result<(), RegistryError> {
        let mismatch = |expected: String, found: String| RegistryError::Mismatch {
            what: what.clone(),
            expected,
            found,
        };
        let read = self.hasher.count();
        if let Some(size) = size.filter(|size| *size != read) {
            return Err(mismatch(format!("{size} bytes"), format!("{read} bytes")));
        }
        let found = self.hasher.digest();
        if found != *digest {
            return Err(mismatch(digest.to_string(), found.to_string()));
        }
        self.writer
            .flush()
            .map_err(|source| RegistryError::Write { what, source })
    }

    /// Takes in a body, without its first `skip` bytes.
    async fn take(
        &mut self,
        mut response: Response,
        mut skip: u64,
        what: &str,
        stall: std::time::Duration,
    ) -> Result<(), Fault> {
        let mut pace = Pace::new(stall);
        while let Some(chunk) = pace.next_chunk(&mut response, what).await? {
            let skipped = skip.min(chunk.len() as u64);
            skip -= skipped;
            let fresh = &chunk[skipped as usize..];
            if self.hasher.count() + fresh.len() as u64 > self.limit {
                return Err(Fault::Final(RegistryError::TooLarge {
                    what: what.to_owned(),
                    limit: self.limit,
                }));
            }
            if let Some(room) = &self.room {
                room.take(fresh.len()).await;
            }
            self.writer
                .write_all(fresh)
                .map_err(|source| RegistryError::Write {
                    what: what.to_owned(),
                    source,
                })?;
            self.hasher.update(fresh);
        }
        Ok(())
    }
}
