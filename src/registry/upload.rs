//! The body of an upload: a file that streams, with its length known, in constant memory.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::{Body, RequestBuilder, Response};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::ReaderStream;

use super::RegistryError;
use super::retry::Fault;
use super::source::{BlobContent, BlobSource};
use super::transmit::{Stalled, network_fault, protocol};
use crate::event::{Event, Observer};
use crate::spec::Digest;

/// How much is read at a time.
const CHUNK: usize = 64 << 10;
/// How much is sent between two progress events.
const STRIDE: u64 = 1 << 20;
/// How fast, in bytes a second, a registry is expected to take in a blob after its last byte came.
const SETTLING: u64 = 10 << 20;

/// A blob on its way to a registry.
pub(super) struct Upload<'a> {
    pub(super) blob: &'a BlobSource,
    pub(super) observer: &'a Arc<dyn Observer>,
    pub(super) stall: Duration,
}

#[derive(Default)]
struct Progress {
    sent: AtomicU64,
    failed: Mutex<Option<io::Error>>,
}

impl Upload<'_> {
    /// Sends the file with a request and waits for the answer. It fails when nothing moves for too long.
    pub(super) async fn transmit(&self, request: RequestBuilder, what: &str) -> Result<Response, Fault> {
        let BlobContent::File(path) = &self.blob.content else {
            return Err(protocol(what, "a blob of another registry cannot be sent yet").into());
        };
        let file = File::open(path)
            .await
            .map_err(|source| unreadable(path, source))?;
        let progress = Arc::new(Progress::default());
        let body = Reporting {
            file,
            digest: self.blob.digest,
            size: self.blob.size,
            told: 0,
            progress: progress.clone(),
            observer: self.observer.clone(),
        };
        let request = request
            .header("content-length", self.blob.size)
            .header("content-type", "application/octet-stream")
            .body(Body::wrap_stream(ReaderStream::with_capacity(body, CHUNK)));
        let answer = self.watch(&progress, request.send()).await;
        let failed = progress
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match (answer, failed) {
            (_, Some(source)) => Err(unreadable(path, source).into()),
            (Ok(Ok(response)), None) => Ok(response),
            (Ok(Err(error)), None) => Err(network_fault(error, what)),
            (Err(stalled), None) => Err(Fault::again(stalled)),
        }
    }

    async fn watch<T>(&self, progress: &Progress, work: impl Future<Output = T>) -> Result<T, Stalled> {
        let mut work = std::pin::pin!(work);
        let mut before = 0;
        let mut limit = self.stall;
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(limit) => {}
            }
            let sent = progress.sent.load(Ordering::Relaxed);
            if sent == before {
                return Err(Stalled(limit));
            }
            before = sent;
            if sent == self.blob.size {
                // Some registries copy the whole blob once more before they answer.
                limit = self.stall + Duration::from_secs(self.blob.size / SETTLING);
            }
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> RegistryError {
    RegistryError::File {
        path: path.to_owned(),
        source,
    }
}

/// A file that tells how far it was read, and insists on its size.
struct Reporting {
    file: File,
    digest: Digest,
    size: u64,
    told: u64,
    progress: Arc<Progress>,
    observer: Arc<dyn Observer>,
}

impl Reporting {
    fn advance(&mut self, read: u64) -> io::Result<()> {
        let sent = self.progress.sent.fetch_add(read, Ordering::Relaxed) + read;
        if sent > self.size || (read == 0 && sent < self.size) {
            let problem = format!("it does not hold {} bytes any more", self.size);
            return Err(io::Error::new(ErrorKind::UnexpectedEof, problem));
        }
        if sent - self.told >= STRIDE || (sent == self.size && self.told < sent) {
            self.told = sent;
            self.observer.event(&Event::UploadProgress {
                digest: &self.digest,
                sent,
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

impl AsyncRead for Reporting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = std::task::ready!(Pin::new(&mut self.file).poll_read(cx, buf));
        let read = (buf.filled().len() - before) as u64;
        let result = result.and_then(|()| self.advance(read));
        if let Err(error) = &result {
            self.note(error);
        }
        Poll::Ready(result)
    }
}
