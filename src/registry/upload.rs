//! The body of an upload: a blob, or a part of it, that streams with its length known and in constant memory.

use std::io::{self, ErrorKind, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use reqwest::{Body, RequestBuilder, Response};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, ReadBuf};
use tokio_util::io::ReaderStream;

use super::feed::Slot;
use super::retry::Fault;
use super::transmit::{Stalled, network_fault};
use super::{BlobContent, BlobSource, Client, RegistryError, Repository};
use crate::event::{Event, Observer};
use crate::spec::Digest;

/// How much is read at a time.
const CHUNK: usize = 64 << 10;
/// How much of another registry's blob waits for being sent.
const WAITING: usize = 4 * CHUNK;
/// How much is sent between two progress events.
const STRIDE: u64 = 1 << 20;

/// The part of a blob that one request carries.
pub(super) struct Upload<'a> {
    client: &'a Client,
    blob: &'a BlobSource,
    start: u64,
    length: u64,
    feed: &'a Slot,
    all_sent: AtomicBool,
}

#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    failed: Mutex<Option<io::Error>>,
}

impl<'a> Upload<'a> {
    /// The `length` bytes of `blob` from `start` on. `feed` is where that of a blob that lies elsewhere waits
    /// between the parts.
    pub(super) fn new(
        client: &'a Client,
        blob: &'a BlobSource,
        start: u64,
        length: u64,
        feed: &'a Slot,
    ) -> Self {
        Self {
            client,
            blob,
            start,
            length,
            feed,
            all_sent: AtomicBool::new(false),
        }
    }

    /// Whether some request has sent all of it.
    pub(super) fn all_sent(&self) -> bool {
        self.all_sent.load(Ordering::Relaxed)
    }

    /// Sends the bytes with a request and waits for the answer. It fails when nothing moves for too long.
    pub(super) async fn transmit(&self, request: RequestBuilder, what: &str) -> Result<Response, Fault> {
        match &self.blob.content {
            BlobContent::File(path) => self.send_file(path, 0, request, what).await,
            BlobContent::Within { path, offset } => self.send_file(path, *offset, request, what).await,
            BlobContent::Remote(repository) => self.send_on(repository, request, what).await,
        }
    }

    /// `offset` is where in the file the blob begins.
    async fn send_file(
        &self,
        path: &Path,
        offset: u64,
        request: RequestBuilder,
        what: &str,
    ) -> Result<Response, Fault> {
        let unreadable = |source| RegistryError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).await.map_err(unreadable)?;
        let begin = offset.saturating_add(self.start);
        if begin > 0 {
            file.seek(SeekFrom::Start(begin)).await.map_err(unreadable)?;
        }
        // In a file of its own, whatever comes after the last part is an error, so it must be seen.
        let alone = matches!(self.blob.content, BlobContent::File(_));
        let last = self.start + self.length == self.blob.size;
        let file = file.take(if last && alone { u64::MAX } else { self.length });
        let (request, progress) = self.with_body(request, file);
        let answer = self.watch(&progress, request.send(), what).await;
        self.note_sent(&progress);
        let failed = progress
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match failed {
            Some(source) => Err(unreadable(source).into()),
            None => answer,
        }
    }

    async fn send_on(
        &self,
        source: &Repository,
        request: RequestBuilder,
        what: &str,
    ) -> Result<Response, Fault> {
        let mut slot = self.feed.lock().await;
        let mut feed = match slot.take() {
            Some(feed) if feed.handed() == self.start => feed,
            _ if self.start == 0 => self.client.open_feed(self.blob, source).await?,
            _ => return Err(Fault::again("the blob that is sent on must be read anew")),
        };
        let (mut pipe, reader) = tokio::io::duplex(WAITING);
        // HTTP/2 has no end of a body but that of the stream, and the pipe is still open then.
        let (request, progress) = self.with_body(request, reader.take(self.length));
        let answer = {
            let mut sending = std::pin::pin!(self.watch(&progress, request.send(), what));
            tokio::select! {
                answer = &mut sending => answer,
                // Leaving with an error drops the request before its last byte.
                poured = feed.pour(self.length, &mut pipe) => {
                    poured?;
                    sending.await
                }
            }
        };
        self.note_sent(&progress);
        *slot = Some(feed);
        answer
    }

    fn note_sent(&self, progress: &Progress) {
        let all = progress.sent.load(Ordering::Relaxed) == self.length;
        self.all_sent.fetch_or(all, Ordering::Relaxed);
    }

    fn with_body(
        &self,
        request: RequestBuilder,
        reader: impl AsyncRead + Send + Unpin + 'static,
    ) -> (RequestBuilder, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let body = Reporting {
            reader,
            digest: self.blob.digest,
            start: self.start,
            length: self.length,
            told: 0,
            progress: progress.clone(),
            observer: self.client.0.observer.clone(),
        };
        let request = request
            .header("content-length", self.length)
            .header("content-type", "application/octet-stream")
            .body(Body::wrap_stream(ReaderStream::with_capacity(body, CHUNK)));
        (request, progress)
    }

    async fn watch(
        &self,
        progress: &Progress,
        work: impl Future<Output = reqwest::Result<Response>>,
        what: &str,
    ) -> Result<Response, Fault> {
        let mut work = std::pin::pin!(work);
        let mut before = 0;
        let mut limit = self.client.0.settings.patience.stall;
        loop {
            tokio::select! {
                done = &mut work => return done.map_err(|error| network_fault(error, what)),
                () = tokio::time::sleep(limit) => {}
            }
            let sent = progress.sent.load(Ordering::Relaxed);
            if sent == before {
                return Err(Fault::again(Stalled(limit)));
            }
            before = sent;
            if sent == self.length {
                limit = self.client.settling(self.length);
            }
        }
    }
}

/// Bytes that tell how far they were read, and insist on their number.
struct Reporting<R> {
    reader: R,
    digest: Digest,
    start: u64,
    length: u64,
    told: u64,
    progress: Arc<Progress>,
    observer: Arc<dyn Observer>,
}

impl<R> Reporting<R> {
    fn advance(&mut self, read: u64) -> io::Result<()> {
        let sent = self.progress.sent.fetch_add(read, Ordering::Relaxed) + read;
        if sent > self.length || (read == 0 && sent < self.length) {
            let problem = format!("it does not hold {} bytes any more", self.start + self.length);
            return Err(io::Error::new(ErrorKind::UnexpectedEof, problem));
        }
        if sent - self.told >= STRIDE || (sent == self.length && self.told < sent) {
            self.told = sent;
            self.observer.event(&Event::UploadProgress {
                digest: &self.digest,
                sent: self.start + sent,
            });
        }
        Ok(())
    }

    fn note(&self, error: &io::Error) {
        let noted = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        *self
            .progress
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(noted);
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Reporting<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = std::task::ready!(Pin::new(&mut self.reader).poll_read(cx, buf));
        let read = (buf.filled().len() - before) as u64;
        let result = result.and_then(|()| self.advance(read));
        if let Err(error) = &result {
            self.note(error);
        }
        Poll::Ready(result)
    }
}
