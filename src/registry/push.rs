//! Uploading blobs: one POST that asks for the blob and opens a session for it, and one PUT with the whole blob; in parts
//! where that is too large.
//!
//! The POST asks to mount the blob: from where it lies in the same registry, else from the repository itself, which a
//! registry that mounts can do only if the blob is there. Whoever answers with a session says that it is not. Only where
//! that may mean that mounts are ignored, and a look costs less than sending in vain, the blob is looked for by HEAD.
//!
//! An upload that broke is not resumed but begun again: the most deployed registry refuses to go on
//! (`docs/decisions/0005-own-registry-client.md`).

use std::fs::File;
use std::path::PathBuf;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, Response};
use url::Url;

use super::feed::Slot;
use super::host::Host;
use super::parts::PART;
use super::retry::{Attempts, Fault, temporary};
use super::send::{Payload, Request, estimate};
use super::session::{Mount, Session, lost_session};
use super::sign_in::Purpose;
use super::token::Access;
use super::upload::Upload;
use super::{Answer, BlobContent, BlobSource, Client, RegistryError, Repository};
use crate::event::{Event, Span, Stage};
use crate::spec::Digest;

/// What became of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was at the registry already: nothing was sent.
    Present,
    /// The registry took it from another of its repositories: nothing was sent.
    Mounted,
    /// It was sent.
    Sent,
}

/// How a blob is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// By a mount.
    Mounting,
    /// By a mount. It is hardly there: the repository has no tag that is known to us.
    Untagged,
    /// By a mount. It is hardly there: what the repository has is known, as far as tags of ours lead to it.
    New,
    /// By looking for it: a registry that says to have mounted it may lack it.
    Looking,
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
            match self.stored_size(&host, purpose, digest).await {
                Ok(stored) => return Ok(stored == Some(size)),
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    /// Makes sure that the repository holds a blob: asks for it, has the registry mount it if it lies in another
    /// of its repositories, and sends it otherwise. At most four (or what the user set) are sent to one host at once,
    /// however many calls wait. A blob that lies at another registry streams from there, checked on the way.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access, the file cannot be read, or the source does not hold
    /// the right content.
    pub async fn push_blob(
        &self,
        repository: &Repository,
        blob: &BlobSource,
    ) -> Result<Pushed, RegistryError> {
        self.bring_blob(repository, blob, Asking::Mounting).await
    }

    /// As [`Client::push_blob`], where it is known how to ask.
    pub(crate) async fn bring_blob(
        &self,
        repository: &Repository,
        blob: &BlobSource,
        asking: Asking,
    ) -> Result<Pushed, RegistryError> {
        let host = self.host(repository);
        let what = format!("uploading blob {} to `{repository}`", blob.digest);
        let mut push = Push {
            client: self,
            host: &host,
            purpose: purpose(repository, Access::Push, &what),
            blob,
            attempts: self.attempts(&host, what.clone()),
            furthest: 0,
            sent: false,
            opening: false,
            broken: 0,
            first: asking != Asking::Looking,
            span: None,
            asking,
        };
        let pushed = loop {
            let fault = match push.attempt().await {
                Ok(pushed) => break pushed,
                Err(fault) => fault,
            };
            if let Err(error) = push.attempts.pause(fault).await {
                return Err(push.explained(error).await);
            }
        };
        self.0.observer.event(&Event::UploadFinished {
            digest: &blob.digest,
            present: pushed != Pushed::Sent,
        });
        Ok(pushed)
    }

    /// Makes sure that the repository holds a blob of a few bytes, and returns its digest.
    ///
    /// # Errors
    /// When the registry cannot be reached or denies access.
    pub async fn push_bytes(&self, repository: &Repository, bytes: &[u8]) -> Result<Digest, RegistryError> {
        let host = self.host(repository);
        let digest = Digest::of(bytes);
        let what = format!("uploading blob {digest} to `{repository}`");
        let purpose = purpose(repository, Access::Push, &what);
        let mut attempts = self.attempts(&host, what.clone());
        loop {
            let attempt = async {
                if self.stored_size(&host, purpose, &digest).await? == Some(bytes.len() as u64) {
                    return Ok(());
                }
                let session = self.open_session(&host, purpose).await?;
                let request = Request::new(Method::PUT, closing(session.url, &digest), purpose)
                    .header(CONTENT_TYPE, "application/octet-stream")
                    .payload(Payload::Bytes(bytes.to_vec()));
                self.expect(&host, &request, &[200, 201, 204]).await.map(drop)
            };
            match attempt.await {
                Ok(()) => return Ok(digest),
                Err(fault) => attempts.pause(fault).await?,
            }
        }
    }

    /// One HEAD: the size of a blob, if it is there. A surprising refusal counts as absent: the POST that follows
    /// brings the message.
    async fn stored_size(
        &self,
        host: &Host,
        purpose: Purpose<'_>,
        digest: &Digest,
    ) -> Result<Option<u64>, Fault> {
        Ok(match self.seen(host, purpose, digest).await? {
            Seen::Size(size) => Some(size),
            Seen::Absent | Seen::Unclear => None,
        })
    }

    async fn seen(&self, host: &Host, purpose: Purpose<'_>, digest: &Digest) -> Result<Seen, Fault> {
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
            200 => Ok(length
                .and_then(|length| length.parse().ok())
                .map_or(Seen::Unclear, Seen::Size)),
            403 if purpose.access == Access::Pull => Err(self.fault_of(host, purpose, response).await),
            404 => Ok(Seen::Absent),
            400..=499 if !temporary(status) => Ok(Seen::Unclear),
            _ => Err(self.fault_of(host, purpose, response).await),
        }
    }
}

/// What a look at a blob shows.
pub(super) enum Seen {
    Absent,
    /// It is there, with so many bytes.
    Size(u64),
    /// It is there, or may not be looked at; of a proxy that leaves the length of a HEAD out, say.
    Unclear,
}

/// A blob that is being pushed, through all attempts.
pub(super) struct Push<'a> {
    pub(super) client: &'a Client,
    pub(super) host: &'a Host,
    pub(super) purpose: Purpose<'a>,
    pub(super) blob: &'a BlobSource,
    pub(super) attempts: Attempts<'a>,
    /// How many bytes any attempt brought to the registry, in parts.
    pub(super) furthest: u64,
    /// An attempt has sent all of it, though its answer was lost.
    pub(super) sent: bool,
    /// The last thing tried was to open a session.
    opening: bool,
    /// How often the connection broke while all of it was being sent.
    broken: u32,
    /// From when it was its turn.
    span: Option<Span>,
    /// Nothing was tried yet, and a mount may be.
    first: bool,
    asking: Asking,
}

/// What asking for a blob came to.
enum Asked {
    /// It is there.
    There(Pushed),
    /// It is to be sent: to this session, if one was opened.
    Wanted(Option<Session>),
}

/// Sending so many bytes in vain costs more than one look.
const WORTH_A_LOOK: u64 = 256 << 10;

/// The same where the repository has no tag of ours, but may hold blobs under other ones. Whoever mounts blobs would have
/// said so.
const WORTH_A_LOOK_THOUGH_UNTAGGED: u64 = 4 << 20;

/// So many broken connections may mean a blob that is too large: whatever says 413 and hangs up at once is often
/// not heard.
const BROKEN: u32 = 2;

impl Push<'_> {
    async fn attempt(&mut self) -> Result<Pushed, Fault> {
        self.opening = false;
        let (client, host, purpose) = (self.client, self.host, self.purpose);
        let open = "this semaphore is never closed";
        // Kept until the blob's turn to be sent comes, so that few sessions wait.
        let asking = host.asks.acquire().await.expect(open);
        self.span
            .get_or_insert_with(|| client.span(Stage::Upload, purpose.what));
        let asked = match std::mem::take(&mut self.first) {
            true => self.ask().await?,
            false => self.look().await?,
        };
        let session = match asked {
            Asked::There(pushed) => return Ok(pushed),
            Asked::Wanted(session) => session,
        };
        let session = match session {
            Some(session) => session,
            None => {
                self.opening = true;
                client.open_session(host, purpose).await?
            }
        };
        self.opening = false;
        let _turn = host.uploads.acquire().await.expect(open);
        drop(asking);
        client.0.observer.event(&Event::UploadStarted {
            digest: &self.blob.digest,
            size: self.blob.size,
        });
        if host.part_size().is_some_and(|part| self.blob.size > part) {
            return self.in_parts(session).await;
        }
        if self.broken == BROKEN && self.blob.size > PART {
            self.broken += 1;
            return match self.in_parts(session).await {
                // It takes no parts: then it was the network after all.
                Err(Fault::Final(RegistryError::Refused { source, .. })) => Err(Fault::again(source)),
                pushed => pushed.inspect(|_| host.learn_part_size()),
            };
        }
        let response = self.whole(session).await?;
        if response.status().as_u16() != 413 {
            return self.closed(response).await;
        }
        // What refused it may stand before the registry and know nothing of sessions: a new one.
        host.learn_part_size();
        let session = client.open_session(host, purpose).await?;
        self.in_parts(session).await
    }

    /// The first question: a mount, and with it a session if there is nothing to mount.
    async fn ask(&mut self) -> Result<Asked, Fault> {
        let (client, host, purpose) = (self.client, self.host, self.purpose);
        let own = purpose.repository;
        let near = self
            .blob
            .mount
            .as_ref()
            .filter(|source| source.registry() == own.registry());
        let elsewhere = near.filter(|source| *source != own);
        if elsewhere.is_none() && host.ignores_mounts() {
            return self.look().await;
        }
        let source = elsewhere.unwrap_or(own);
        let mounting = match elsewhere {
            Some(_) => Some(host.mounting.read().await),
            None => None,
        };
        let asked = client.mount(host, purpose, &self.blob.digest, source).await;
        if matches!(asked, Ok(Mount::Done)) {
            host.learn_honouring();
        }
        drop(mounting);
        if elsewhere.is_none() && matches!(asked, Ok(Mount::Refused)) {
            host.learn_ignoring();
        }
        let session = match asked? {
            Mount::Done if elsewhere.is_some() => return Ok(Asked::There(Pushed::Mounted)),
            Mount::Done => {
                host.learn_answering();
                return Ok(Asked::There(Pushed::Present));
            }
            Mount::Session(session) => session,
            Mount::Refused => return self.look_here().await,
        };
        if self.worth_a_look(elsewhere.is_none()).await && self.stored().await? == Some(self.blob.size) {
            if elsewhere.is_none() {
                host.learn_ignoring();
            }
            return Ok(Asked::There(Pushed::Present));
        }
        Ok(Asked::Wanted(Some(session)))
    }

    /// Whether the blob may be there though a session was opened for it, and is large enough that this matters. The
    /// repository that it was to be mounted from, if that was not its `own`, may lack what this one has.
    async fn worth_a_look(&self, own: bool) -> bool {
        let told = own && self.host.answers_mounts();
        match self.asking {
            _ if told => false,
            Asking::New => false,
            Asking::Untagged => {
                self.blob.size >= WORTH_A_LOOK_THOUGH_UNTAGGED && !self.host.honours_mounts().await
            }
            Asking::Mounting | Asking::Looking => self.blob.size >= WORTH_A_LOOK,
        }
    }

    /// The plain way: looks for the blob, and has it mounted if it lies in another repository of the registry.
    async fn look(&mut self) -> Result<Asked, Fault> {
        if let Asked::There(pushed) = self.look_here().await? {
            return Ok(Asked::There(pushed));
        }
        let (client, host, purpose) = (self.client, self.host, self.purpose);
        if let Some(source) = &self.blob.mount
            && source.registry() == purpose.repository.registry()
            && source != purpose.repository
        {
            match client.mount(host, purpose, &self.blob.digest, source).await? {
                Mount::Done => return Ok(Asked::There(Pushed::Mounted)),
                Mount::Session(opened) => return Ok(Asked::Wanted(Some(opened))),
                Mount::Refused => {}
            }
        }
        Ok(Asked::Wanted(None))
    }

    async fn look_here(&self) -> Result<Asked, Fault> {
        if self.stored().await? == Some(self.blob.size) {
            let sent = [Pushed::Present, Pushed::Sent];
            return Ok(Asked::There(sent[usize::from(self.sent)]));
        }
        Ok(Asked::Wanted(None))
    }

    /// Sends all of it with the request that closes the session.
    async fn whole(&mut self, session: Session) -> Result<Response, Fault> {
        let slot = Slot::default();
        let upload = Upload::new(self.client, self.blob, 0, self.blob.size, &slot);
        let purpose = Purpose {
            needed: estimate(self.blob.size),
            ..self.purpose
        };
        let url = closing(session.url, &self.blob.digest);
        let request = Request::new(Method::PUT, url, purpose).payload(Payload::Upload(&upload));
        let response = self.client.send(self.host, &request).await;
        self.sent |= upload.all_sent();
        let broken = matches!(&response, Err(Fault::Again { cause, .. }) if cause.is::<reqwest::Error>());
        self.broken += u32::from(broken && !upload.all_sent());
        response
    }

    /// What the answer to a closing PUT means.
    pub(super) async fn closed(&self, response: Response) -> Result<Pushed, Fault> {
        if matches!(response.status().as_u16(), 200 | 201 | 204) {
            return Ok(Pushed::Sent);
        }
        match self.client.fault_of(self.host, self.purpose, response).await {
            // A session that was lost, or that another upload of the same blob closed: look, and begin again.
            Fault::Final(RegistryError::Refused { source, .. }) if lost_session(&source) => {
                Err(Fault::again(source))
            }
            Fault::Final(RegistryError::Refused { what, source }) if source.has("DIGEST_INVALID") => {
                Err(Fault::Final(match self.altered().await {
                    Some(path) => RegistryError::Altered { what, path, source },
                    None => RegistryError::Refused { what, source },
                }))
            }
            fault => Err(fault),
        }
    }

    /// The blob's file, if it is not what it should be. Asked where a registry found that out: reading each once more before
    /// it is sent would cost what packing it did.
    async fn altered(&self) -> Option<PathBuf> {
        let BlobContent::File(path) = self.blob.content.clone() else {
            return None;
        };
        let wanted = self.blob.digest;
        let read = move || {
            let found = Digest::of_all(File::open(&path).ok()?).ok()?;
            (found != wanted).then_some(path)
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// The error that ends the attempts. Some registries hang up on whoever wants to push to a repository that
    /// does not exist, but say so when its tags are asked for.
    async fn explained(&self, error: RegistryError) -> RegistryError {
        let RegistryError::Unreachable { source, what, .. } = &error else {
            return error;
        };
        if !self.opening || source.is::<Answer>() {
            return error;
        }
        match self.client.known(self.host, self.purpose).await {
            Err(Fault::Final(RegistryError::MissingRepository {
                repository,
                credential,
                source,
                ..
            })) => RegistryError::MissingRepository {
                what: what.clone(),
                repository,
                credential,
                source,
            },
            _ => error,
        }
    }

    /// The size of the blob at the registry, if it is there.
    async fn stored(&self) -> Result<Option<u64>, Fault> {
        self.client
            .stored_size(self.host, self.purpose, &self.blob.digest)
            .await
    }

    /// What a look at the blob shows.
    pub(super) async fn seen(&self) -> Result<Seen, Fault> {
        self.client.seen(self.host, self.purpose, &self.blob.digest).await
    }
}

/// The address that closes a session whose place is `url`: its query is kept as it is.
pub(super) fn closing(mut url: Url, digest: &Digest) -> Url {
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    url
}

pub(super) fn purpose<'a>(repository: &'a Repository, access: Access, what: &'a str) -> Purpose<'a> {
    Purpose::new(repository, access, what)
}
